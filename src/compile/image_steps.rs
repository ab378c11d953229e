//! Rounding of the image that its pixels make superfluous.
//!
//! A quantised network rounds what it is given to steps of its own before anything else. Where pixels lie on these steps already, as those of 8 bits do
//! on the 255 steps from black to white, that does nothing, and neurons that did it would cost a window of time and their spikes. Whether it does
//! nothing is seen, not reasoned: every pixel goes through.

use crate::{
    error::{Error, Result},
    synthesize::Canvas,
};
use snnc_ir::{
    Graph, Head, NodeId, Operator, Tensor,
    eval::{self, Mode},
};

/// Values that a pixel of 8 bits has.
const PIXELS: usize = 256;

/// How near a pixel lies to a step, in steps.
const NEAR: f32 = 1e-3;

/// Takes the steps out to which the network rounds images, if pixels of 8 bits stay what they are.
///
/// # Errors
/// Only on a bug.
pub fn drop_image_steps(graph: &mut Graph, canvas: &Canvas) -> Result<()> {
    let Some((steps, size)) = first_steps(graph) else { return Ok(()) };
    let operand = graph.operand(steps).ok_or_else(|| Error::Internal("steps have an operand".into()))?;
    let mut part = graph.clone();
    part.set_output(steps, "", Head::None);
    part.prune();
    let values = eval::run_all(&part, &all_pixels(graph, canvas)?, Mode::Float).map_err(|error| Error::Internal(error.to_string()))?;
    if values[&operand].data.iter().zip(&values[&steps].data).all(|(x, y)| (x - y).abs() <= NEAR * size) {
        graph.bypass(steps);
        graph.prune();
    }
    Ok(())
}

/// The steps that the image goes through before any weights, and their size.
fn first_steps(graph: &Graph) -> Option<(NodeId, f32)> {
    let mut node = graph.input()?;
    loop {
        let users = graph.uses(node);
        let [(user, _)] = users[..] else { return None };
        match &graph[user].op {
            Operator::ClipFloorShift { max, levels } => return Some((user, max / *levels as f32)),
            Operator::Shift { .. } | Operator::Scale { .. } | Operator::Reshape { .. } | Operator::Transpose { .. } => node = user,
            _ => return None,
        }
    }
}

/// Images in which every channel has every pixel.
fn all_pixels(graph: &Graph, canvas: &Canvas) -> Result<Tensor> {
    let input = graph.input().ok_or_else(|| Error::Internal("a verified graph has an input".into()))?;
    let plane = canvas.height * canvas.width;
    let count = PIXELS.div_ceil(plane);
    let pixel = |image: usize, place: usize| ((image * plane + place) % PIXELS) as f32 / (PIXELS - 1) as f32;
    let images = (0..count).flat_map(|image| (0..canvas.channels).flat_map(move |_| (0..plane).map(move |place| pixel(image, place))));
    let mut dims = graph[input].ty.dims.clone();
    dims[0] = count;
    Ok(Tensor::new(dims, canvas.to_model(&images.collect::<Vec<_>>())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Layout, Preprocess};

    /// Whether steps are left of a network that rounds images of 8 by 8 pixels after a shift, and whose pixels go in so.
    fn rounds(levels: u32, max: f32, shift: f32, preprocess: &Preprocess) -> bool {
        let text = format!(
            "graph @g canonical {{\n  %0 = input : f32[1x1x8x8] \"x\"\n  %1 = shift %0, @a : f32[1x1x8x8] \"before\"\n  \
             %2 = clip_floor_shift %1 {{levels={levels}, max={max}}} : f32[1x1x8x8] \"steps\"\n  %3 = reshape %2 : f32[1x64] \"flat\"\n  output %3 \"y\"\n  \
             @a : f32[1x1x1x1] = [{shift}] source\n}}\n"
        );
        let mut graph = snnc_ir::text::parse(&text).expect("it is a graph");
        let input = graph.input().expect("it has one");
        let canvas = Canvas::new(&graph[input].ty, Layout::Nchw, preprocess);
        drop_image_steps(&mut graph, &canvas).expect("it can be evaluated");
        graph.node_ids().into_iter().any(|node| matches!(graph[node].op, Operator::ClipFloorShift { .. }))
    }

    #[test]
    fn steps_go_where_every_pixel_lies_on_one() {
        let plain = Preprocess::default();
        assert!(!rounds(255, 1.0, 0.0, &plain));
        assert!(!rounds(510, 1.0, 0.0, &plain), "every second step");
        assert!(!rounds(255, 255.0, 128.0, &Preprocess { mean: vec![128.0], ..Preprocess::scale(1.0) }), "whole numbers with a sign");
        assert!(!rounds(510, 2.0, 1.0, &Preprocess { mean: vec![0.5], std: vec![0.5], ..plain.clone() }));
    }

    #[test]
    fn steps_stay_where_they_round_or_cut_off() {
        let plain = Preprocess::default();
        assert!(rounds(127, 1.0, 0.0, &plain), "pixels between steps");
        assert!(rounds(255, 0.998, 0.0, &plain), "the brightest pixels are above");
        assert!(rounds(255, 1.0, -0.1, &plain), "the darkest are below");
        assert!(rounds(255, 1.0, 0.0, &Preprocess::scale(1.0)), "pixels from 0 to 255");
    }
}
