//! How pixels become input, and whether the network does that once more by itself.
//!
//! A network that was exported with its preprocessing takes pixels from 0 to 255. The importer sees ordinary arithmetic there, so
//! what is looked for is arithmetic that makes no sense of values from 0 to 1: a division by 16 or more, a mean of more than 1 that
//! is subtracted, a batch norm that has recorded one. All of these are meant in units of the input, whatever was computed before.

use crate::{
    error::{Error, Result},
    import::{Imported, Integers},
    options::{Pixels, Preprocess},
};
use snnc_ir::{
    Diagnostic, Graph, Node, NodeId, Operator, Phase, Tensor,
    eval::{self, Mode},
};
use std::collections::BTreeMap;

/// Nobody divides values from 0 to 1 by as much as this.
const LEAST_DIVISOR: f32 = 16.0;

/// Means of values from 0 to 1 are not above this.
const GREATEST_MEAN: f32 = 1.0;

/// The preprocessing that a model gets, as asked by options that begin with `prefix`.
///
/// # Errors
/// [`Error::Usage`] if the model takes integers and was asked to be given something that these are not.
pub fn preprocessing(imported: &Imported, pixels: &Pixels, prefix: &str) -> Result<Preprocess> {
    let Some(integers) = imported.input_integers else { return Ok(pixels.to_floats()) };
    to_integers(pixels, integers).map_err(|option| {
        let name = imported.graph.input().map(|input| imported.graph[input].origin.to_string()).unwrap_or_default();
        let rule = match integers.mean() {
            0.0 => "so it gets pixels as they are".to_owned(),
            mean => format!("from {} to {}, so it gets pixels less {mean}", integers.low, integers.high),
        };
        Error::Usage(format!("{prefix}{option}: the model's input `{name}` takes integers, {rule}; leave the option out"))
    })
}

/// For a model that takes integers: pixels go in as they are, or less what makes them fit. Another mean may be asked for, a whole number
/// with which they fit too; another scale only where pixels do not fit as they are.
///
/// # Errors
/// The option by which something else was asked.
fn to_integers(pixels: &Pixels, integers: Integers) -> std::result::Result<Preprocess, &'static str> {
    let Pixels { scale, mean, std } = pixels;
    if *pixels == Pixels::default() {
        return Ok(Preprocess { mean: vec![integers.mean()], ..Preprocess::scale(1.0) });
    }
    let asked = Preprocess { scale: scale.unwrap_or(1.0), mean: mean.clone(), std: std.clone() };
    let is_other = |values: &[f32], neutral: f32| values.iter().any(|&v| v != neutral);
    let is_scaled = asked.scale != 1.0 || is_other(std, 1.0);
    if is_scaled && integers.mean() == 0.0 {
        return Err(if asked.scale == 1.0 { "std" } else { "scale" });
    }
    let fits = (0..mean.len().max(std.len())).all(|channel| {
        let (low, high) = asked.range(channel);
        integers.holds(low) && integers.holds(high)
    });
    if fits && (is_scaled || mean.iter().all(|mean| mean.fract() == 0.0)) {
        return Ok(asked);
    }
    Err(if is_other(mean, 0.0) || scale.is_none() { "mean" } else { "scale" })
}

/// A warning, if the network seems to take pixels from 0 to 255 and `preprocess`, which nobody asked for, makes something else of them.
pub fn scaled_inside(imported: &Graph, preprocess: &Preprocess) -> Option<Diagnostic> {
    let channels = preprocess.mean.len().max(preprocess.std.len());
    let has_each = |values: &[f32]| values.len() == 1 || values.len() == channels;
    let is_small = |channel| {
        let (low, high) = preprocess.range(channel);
        low.abs().max(high.abs()) < LEAST_DIVISOR
    };
    // Small deviations can undo the scale.
    if !(has_each(&preprocess.mean) && has_each(&preprocess.std) && (0..channels).all(is_small)) {
        return None;
    }
    let (node, what) = Start::of(imported)?.preprocessing()?;
    let scale = preprocess.scale;
    Some(
        Diagnostic::warning("W0206", format!("the network seems to take pixels from 0 to 255, and they are divided by {scale} before it"))
            .at(imported[node].origin.to_string())
            .note(what)
            .help(format!("say `--scale 1` if it does; `--scale {scale}` says that it does not, and silences this")),
    )
}

/// What is computed between the input and the first layer, as what a node makes of images of one value: `gain · value + bias`.
struct Start<'g> {
    graph: &'g Graph,
    /// In topological order.
    nodes: Vec<NodeId>,
    /// By node: gain and bias of every entry.
    affine: BTreeMap<NodeId, Vec<(f32, f32)>>,
}

impl<'g> Start<'g> {
    /// `None` for a graph without input.
    fn of(graph: &'g Graph) -> Option<Self> {
        let input = graph.input()?;
        let mut start = Graph::new(graph.name.clone(), Phase::Imported);
        let mut copies = BTreeMap::from([(input, start.add_input(graph[input].ty.clone(), graph[input].origin.clone()))]);
        let mut nodes = Vec::new();
        for id in graph.topological() {
            let Node { op, origin, .. } = &graph[id];
            let operands: Option<Vec<NodeId>> = graph.operands(id).iter().map(|o| copies.get(o).copied()).collect();
            let Some(operands) = operands.filter(|operands| !operands.is_empty()) else { continue };
            nodes.push(id);
            if !(op.is_movement() || keeps_units(op) || matches!(op, Operator::Scale { .. } | Operator::Shift { .. })) {
                continue;
            }
            let mut op = op.clone();
            for (_, param) in op.params_mut() {
                let source = graph.param(*param);
                *param = start.add_param(source.name.clone(), source.tensor.clone(), source.provenance);
            }
            copies.insert(id, start.add_node(op, &operands, origin.clone()).ok()?);
        }
        let dims = &graph[input].ty.dims;
        let len = graph[input].ty.len();
        let images = Tensor::new([&[2], &dims[1..]].concat(), std::iter::repeat_n(0.0, len).chain(std::iter::repeat_n(1.0, len)).collect());
        let made = eval::run_all(&start, &images, Mode::Float).ok()?;
        let affine = copies.into_iter().map(|(id, copy)| {
            let (black, white) = made[&copy].data.split_at(made[&copy].data.len() / 2);
            (id, black.iter().zip(white).map(|(&black, &white)| (white - black, black)).collect())
        });
        Some(Self { graph, nodes, affine: affine.collect() })
    }

    /// The first node that treats its operand as pixels from 0 to 255, and what it does.
    fn preprocessing(&self) -> Option<(NodeId, String)> {
        self.nodes.iter().find_map(|&id| {
            let what = match &self.graph[id].op {
                Operator::Scale { .. } => self.divisor(id).map(|by| format!("here the image has been divided by {by}")),
                Operator::Shift { .. } => {
                    self.subtracted(id).map(|mean| format!("here means of up to {mean} are subtracted from the image"))
                }
                Operator::BatchNorm { mean, .. } => {
                    let mean = self.recorded(id, &self.graph.param(*mean).tensor.data);
                    mean.map(|mean| format!("this batch norm has seen means of up to {mean} in training"))
                }
                _ => None,
            };
            Some((id, what?))
        })
    }

    /// What pixels are divided by up to this node, if that is much for all of them.
    fn divisor(&self, id: NodeId) -> Option<String> {
        let divisors = self.affine[&id].iter().map(|(gain, _)| gain.abs()).filter(|&gain| gain > 0.0).map(|gain| 1.0 / gain);
        let least = divisors.clone().reduce(f32::min)?;
        let greatest = divisors.fold(least, f32::max);
        let text = if number(least) == number(greatest) { number(least) } else { format!("{} to {}", number(least), number(greatest)) };
        // 1/16 in the file may be a little more or less than that.
        (least > LEAST_DIVISOR * (1.0 - 1e-5)).then_some(text)
    }

    /// The greatest mean that is subtracted up to this node, in units of the input, if it is large.
    fn subtracted(&self, id: NodeId) -> Option<String> {
        let means = self.affine[&id].iter().filter(|(gain, _)| *gain != 0.0).map(|(gain, bias)| -bias / gain);
        large(means)
    }

    /// The greatest mean of a batch norm in units of the input, if it is large.
    fn recorded(&self, id: NodeId, means: &[f32]) -> Option<String> {
        let operand = self.graph.operand(id)?;
        let plane = self.graph[operand].ty.plane();
        let entries = self.affine[&operand].iter().enumerate().filter(|(_, (gain, _))| *gain != 0.0);
        large(entries.map(|(entry, (gain, bias))| ((means[entry / plane] - bias) / gain).abs()))
    }
}

/// Whether an operator gives of an image of one value the same image, smaller perhaps or cut to a range.
fn keeps_units(op: &Operator) -> bool {
    matches!(op, Operator::Clip { .. } | Operator::AveragePool2d { .. } | Operator::MaxPool2d { .. })
}

fn large(means: impl Iterator<Item = f32>) -> Option<String> {
    means.filter(|&mean| mean > GREATEST_MEAN * (1.0 + 1e-5)).reduce(f32::max).map(number)
}

/// Four digits at most behind the point, and no more than tell something.
fn number(value: f32) -> String {
    let rounded = (f64::from(value) * 1e4).round() / 1e4;
    let rounded = if rounded.abs() >= 10.0 { (rounded * 1e2).round() / 1e2 } else { rounded };
    rounded.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use snnc_ir::text::parse;

    /// What is said of a network that begins with these operators, one after the other, over an image `f32[1x2x3x3]`.
    fn said_of(operators: &[&str], preprocess: &Preprocess) -> Option<String> {
        let params = "  @gamma : f32[2] = splat(1) source\n  @beta : f32[2] = splat(0) source\n  @var : f32[2] = splat(1) source\n";
        let mut text = "graph @n imported {\n  %0 = input : f32[1x2x3x3] \"x\"\n".to_owned();
        let mut tensors = String::new();
        for (at, operator) in operators.iter().enumerate() {
            let (op, values) = operator.split_once(' ').unwrap_or((operator, ""));
            let new = at + 1;
            let (arguments, shape) = match op {
                "scale" | "shift" => (format!(", @p{new}"), "f32[1x2x1x1]"),
                "batch_norm" => (format!(", @gamma, @beta, @p{new}, @var"), "f32[2]"),
                "clip" => (" {min=0, max=255}".to_owned(), ""),
                "transpose" => (" {permutation=[0, 1, 3, 2]}".to_owned(), ""),
                _ => (String::new(), ""),
            };
            text += &format!("  %{new} = {op} %{at}{arguments} : f32[1x2x3x3] \"/{op}{new}\"\n");
            if !values.is_empty() {
                tensors += &format!("  @p{new} : {shape} = [{values}] source\n");
            }
        }
        let last = operators.len();
        text += &format!("  %{} = reshape %{last} : f32[1x18] \"/flatten\"\n  output %{} \"y\"\n", last + 1, last + 1);
        let needs = operators.iter().any(|o| o.starts_with("batch_norm"));
        text += &format!("{}{tensors}}}\n", if needs { params } else { "" });
        let graph = parse(&text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        scaled_inside(&graph, preprocess).map(|d| format!("{}: {}", d.place.node.unwrap(), d.notes[0]))
    }

    fn said(operators: &[&str]) -> Option<String> {
        said_of(operators, &Preprocess::default())
    }

    #[test]
    fn pixels_become_integers_that_the_model_can_take() {
        let asked = |scale: Option<f32>, mean: &[f32], std: f32| Pixels { scale, mean: mean.to_vec(), std: vec![std] };
        let rule = |scale: f32, mean: f32| Ok(Preprocess { mean: vec![mean], ..Preprocess::scale(scale) });
        let unsigned = Integers { low: 0.0, high: 255.0 };
        assert_eq!(to_integers(&Pixels::default(), unsigned), rule(1.0, 0.0));
        assert_eq!(to_integers(&asked(Some(1.0), &[0.0], 1.0), unsigned), rule(1.0, 0.0));
        assert_eq!(to_integers(&asked(Some(255.0), &[0.0], 1.0), unsigned), Err("scale"));
        assert_eq!(to_integers(&asked(None, &[0.0, 0.5, 0.0], 1.0), unsigned), Err("mean"));
        assert_eq!(to_integers(&asked(None, &[128.0], 1.0), unsigned), Err("mean"));
        assert_eq!(to_integers(&asked(None, &[0.0], 0.5), unsigned), Err("std"));
        let signed = Integers { low: -128.0, high: 127.0 };
        assert_eq!(to_integers(&Pixels::default(), signed), rule(1.0, 128.0));
        assert_eq!(to_integers(&asked(Some(1.0), &[128.0], 1.0), signed), rule(1.0, 128.0));
        assert_eq!(to_integers(&asked(Some(2.0), &[0.0], 1.0), signed), Err("scale"), "pixel 255 would be 127.5");
        assert_eq!(to_integers(&asked(Some(2.0), &[1.0], 1.0), signed), rule(2.0, 1.0));
        assert_eq!(to_integers(&asked(Some(1.0), &[0.0], 1.0), signed), Err("scale"), "pixel 128 does not fit");
        assert_eq!(to_integers(&asked(None, &[127.5], 1.0), signed), Err("mean"));
        let wide = Integers { low: -32_768.0, high: 32_767.0 };
        assert_eq!(to_integers(&asked(None, &[100.0], 1.0), wide), rule(1.0, 100.0));
    }

    #[test]
    fn preprocessing_of_pixels_is_seen() {
        for (operators, expected) in [
            (&["scale 0.003921569, 0.003921569"][..], "/scale1: here the image has been divided by 255"),
            (&["scale 0.0625, 0.05"], "/scale1: here the image has been divided by 16 to 20"),
            (&["transpose", "shift -0.5, -0.5", "scale 0.01, 0.01"], "/scale3: here the image has been divided by 100"),
            (&["scale 0.25, 0.25", "scale 0.02, 0.02"], "/scale2: here the image has been divided by 200"),
            (&["shift -123.68, -0.5"], "/shift1: here means of up to 123.68 are subtracted from the image"),
            (&["scale -1, -1", "shift 255, 255"], "/shift2: here means of up to 255 are subtracted from the image"),
            (&["clip", "scale 0.01, 0.01"], "/scale2: here the image has been divided by 100"),
            (&["batch_norm 0.5, -33.3"], "/batch_norm1: this batch norm has seen means of up to 33.3 in training"),
            (&["transpose", "scale 2, 2", "batch_norm 0.5, 80"], "/batch_norm3: this batch norm has seen means of up to 40 in training"),
        ] {
            assert_eq!(said(operators).as_deref(), Some(expected), "{operators:?}");
        }
    }

    #[test]
    fn arithmetic_on_values_from_0_to_1_is_not() {
        for operators in [
            &["relu"][..],
            &["shift -0.485, -0.456", "scale 4.37, 4.46"],
            &["scale 0.07, 0.0625"],
            &["scale 2, 2", "shift -1, -1"],
            // Back to pixels first.
            &["scale 255, 255", "shift -123.68, -103.9", "scale 0.017, 0.017"],
            &["scale 255, 255", "scale 0.003921569, 0.003921569"],
            &["scale -1, -1", "shift 1, 1"],
            &["batch_norm 0.9, -0.7"],
            &["clip", "scale 2, 2"],
            // Behind a layer or a rectifier the units are the network's own.
            &["relu", "scale 0.003921569, 0.003921569"],
            &["relu", "batch_norm 7, 8"],
        ] {
            assert_eq!(said(operators), None, "{operators:?}");
        }
    }

    #[test]
    fn deviations_that_undo_the_scale_are_no_mistake() {
        let division = ["scale 0.003921569, 0.003921569"];
        let mean = Preprocess { mean: vec![0.5, 0.4], ..Preprocess::default() };
        assert!(said_of(&division, &mean).is_some());
        let undone = Preprocess { std: vec![1.0 / 255.0], ..Preprocess::default() };
        assert_eq!(said_of(&division, &undone), None);
    }
}
