//! `lower-means`: means become sums, and their shares a scale behind them.
//!
//! A sum of whole numbers is one; a mean is not. The scale goes the way of all scales: into the weights that read it, or into θ.
//!
//! Requires: neurons in the place of rectifiers.
//! Leaves: no `average_pool2d` and no `mean`; in their place `sum_pool2d` or `sum`, and a `scale` that is one number, or, where windows at the
//! border hold fewer entries, one a place.
//! Keeps: the function, up to rounding.

use crate::{About, Changed, Pass, PassCx, PassError};
use snnc_ir::{Graph, Operator, Origin, Phase, Provenance, Tensor, Window};

pub struct LowerMeans;

impl Pass for LowerMeans {
    fn about(&self) -> About {
        About { name: "lower-means", accepts: Phase::Spiking..=Phase::Trained, is_required: true }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        for node in graph.topological() {
            let Some(operand) = graph.operand(node) else { continue };
            let dims = &graph[operand].ty.dims;
            let (op, share) = match &graph[node].op {
                Operator::AveragePool2d { window, count_include_pad } => {
                    let share = shares(window, *count_include_pad, [dims[2], dims[3]], &graph[node].ty.dims);
                    (Operator::SumPool2d { window: window.clone() }, share)
                }
                Operator::Mean { axes } => {
                    let count: usize = axes.iter().map(|&axis| dims[axis]).product();
                    (Operator::Sum { axes: axes.clone() }, Tensor::splat(vec![1; dims.len()], 1.0 / count as f32))
                }
                _ => continue,
            };
            graph.set_op(node, op)?;
            let factor = graph.add_param("share", share, Provenance::Fixed);
            graph.insert_after(node, Operator::Scale { factor }, Origin::default())?;
            changed = true;
        }
        Ok(changed.into())
    }
}

/// One over the number of entries of each window; one number where all have as many.
fn shares(window: &Window, count_include_pad: bool, size: [usize; 2], result: &[usize]) -> Tensor {
    // Entries of the operand, or of it and its padding, along one axis.
    let extent = |axis: usize, at: usize| {
        let (before, after) = (window.pads[axis], window.pads[axis + 2]);
        let start = at * window.stride[axis];
        let (low, high) = if count_include_pad { (0, before + size[axis] + after) } else { (before, before + size[axis]) };
        (start + window.kernel[axis]).min(high).saturating_sub(start.max(low))
    };
    let rows = (0..result[2]).map(|row| extent(0, row));
    let counts: Vec<usize> = rows.flat_map(|rows| (0..result[3]).map(move |column| rows * extent(1, column))).collect();
    let share = |count: usize| 1.0 / count.max(1) as f32;
    if counts.iter().all(|&count| count == counts[0]) {
        Tensor::splat([1; 4], share(counts[0]))
    } else {
        Tensor::new([1, 1, result[2], result[3]], counts.into_iter().map(share).collect())
    }
}
