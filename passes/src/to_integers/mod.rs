//! `to-integers`: every parameter becomes a whole number.
//!
//! What 1 in a current stands for is free, channel by channel, since θ has the same unit: the *unit* of a channel is chosen so that its weights
//! fill their bits, and all that meets in one current (sums, joins) has one unit. Then weights, biases, thresholds and start potentials
//! are rounded to multiples of it. What rounding θ changes of a stream's worth goes into the weights that read the stream. What is
//! left of it, a shift of a channel's mean, is made up for front to back, on what the whole-number layers before deliver (bias
//! correction, Li et al., ICML 2021), where there is a calibration.
//!
//! Weights that already are whole numbers times something (the network was quantised) stay exactly that, if their bits suffice; and neurons
//! that were trained with their steps get a scale before them that makes θ as fine as 32 bits allow.
//!
//! Requires: weights in spike units, no means, no shifts before layers.
//! Leaves: whole numbers that fit their types ([`Phase::Whole`]), every current and potential below 2^31, a scale at the output.
//! Keeps: every count, up to the rounding of weights.
//!
//! | file | content |
//! |---|---|
//! | [`units`] | which channels have one unit |
//! | [`demands`] | what the operators ask of a unit |
//! | [`grid`] | the largest unit of which numbers are multiples |
//! | [`round`] | the parameters of one node, rounded |
//! | [`correction`] | shifted means |

mod correction;
mod demands;
mod grid;
mod round;
mod units;

use crate::{About, Changed, Pass, PassCx, PassError, fold_affine::shift_into_layer_before};
use round::Rounding;
use snnc_ir::{Element, Graph, NodeId, Operator, Origin, Phase, Provenance, Tensor};
use units::Units;

pub struct ToIntegers;

impl Pass for ToIntegers {
    fn about(&self) -> About {
        About { name: "to-integers", accepts: Phase::Calibrated..=Phase::Sealed, is_required: true }
    }

    fn run(&self, graph: &mut Graph, cx: &mut PassCx<'_>) -> Result<Changed, PassError> {
        separate_streams(graph)?;
        let units = Units::find(graph);
        let sizes = demands::sizes(graph, &units, cx.settings)?;
        let mut rounding = Rounding::new(&units, &sizes);
        let output = graph.output().expect("a verified graph has an output").node;
        let mut corrections = Vec::new();
        for node in graph.topological() {
            rounding.node(graph, node, cx.settings)?;
            corrections.extend(correction::correct(graph, node, &rounding, cx)?);
        }
        let scale = rounding.unit(output, 0) as f32;
        // Only now: who is corrected is measured on what came before.
        for shift in corrections {
            shift_into_layer_before(graph, shift)?;
        }
        graph.set_output_scale(scale);
        graph.refresh_types()?;
        Ok(Changed::Yes)
    }
}

/// Whether a node's result is a stream of spikes, or the sum of some of one stream: whole numbers already, whose size nobody chooses.
fn is_stream(graph: &Graph, node: NodeId) -> bool {
    let (op, ty) = (&graph[node].op, &graph[node].ty);
    match op {
        Operator::Input => true,
        Operator::SumPool2d { .. } | Operator::Sum { .. } => graph.operand(node).is_some_and(|operand| is_stream(graph, operand)),
        op if op.is_movement() => graph.operands(node).iter().all(|&operand| is_stream(graph, operand)),
        _ => ty.element == Element::Spike,
    }
}

/// Puts a scale behind streams that meet currents, or a constant, or are the output: a synapse that gives them the size of those.
fn separate_streams(graph: &mut Graph) -> Result<(), PassError> {
    let one = |graph: &mut Graph, node: NodeId| {
        let shape = vec![1; graph[node].ty.dims.len()];
        graph.add_param("one", Tensor::splat(shape, 1.0), Provenance::Fixed)
    };
    for node in graph.topological() {
        let op = &graph[node].op;
        let meets = matches!(op, Operator::Add | Operator::Shift { .. })
            || matches!(op, Operator::Concat { .. } | Operator::Sum { .. }) && !is_stream(graph, node)
            || matches!(op, Operator::Sum { axes } if axes.contains(&1));
        if meets {
            for (slot, operand) in graph.operands(node).into_iter().enumerate() {
                if is_stream(graph, operand) {
                    let factor = one(graph, operand);
                    graph.insert_before(node, slot, Operator::Scale { factor }, Origin::default())?;
                }
            }
        }
    }
    let output = graph.output().expect("a verified graph has an output").clone();
    if is_stream(graph, output.node) {
        let factor = one(graph, output.node);
        let scaled = graph.add_node(Operator::Scale { factor }, &[output.node], Origin::default())?;
        graph.set_output(scaled, output.name, output.head);
    }
    Ok(())
}
