//! The means of channels, made up for.

use super::round::Rounding;
use crate::{PassCx, PassError, rewrite::affine::per_channel, threshold};
use snnc_ir::{Graph, NodeId, Operator, Origin, Provenance, Tensor};

/// Gives a layer of neurons, or the output, a constant current that makes up for what rounding has shifted of the mean of its channels.
///
/// Returns the shift that it is, if there is one.
pub(super) fn correct(graph: &mut Graph, node: NodeId, rounding: &Rounding<'_>, cx: &mut PassCx<'_>) -> Result<Option<NodeId>, PassError> {
    let fixed = matches!(cx.settings.threshold, threshold::Rule::Fixed(_));
    let (Some(calibration), Some(worth)) = (cx.calibration.as_deref_mut().filter(|_| !fixed), cx.worth) else { return Ok(None) };
    // What was trained with its steps is exact.
    let is_corrected = |id: &NodeId| match graph[*id].op {
        Operator::RadixNeuron { is_given, .. } => !is_given,
        _ => graph[*id].op.is_neuron(),
    };
    let neurons: Vec<NodeId> = graph.node_ids().into_iter().filter(|id| graph[*id].op.is_neuron()).collect();
    let is_output = graph.output().is_some_and(|o| o.node == node) && (neurons.is_empty() || neurons.iter().any(is_corrected));
    // In whole numbers of the current before: what a count of 1 takes of it, and what it stands for.
    let (takes, stands) = match &graph[node].op {
        Operator::Neuron { threshold, .. } | Operator::RadixNeuron { threshold, is_given: false, .. } => {
            let Some(worth) = worth.get(&node) else { return Ok(None) };
            let stands: Vec<f32> = worth.iter().zip(rounding.worth(graph, node)).map(|(w, now)| w * now).collect();
            (graph.param(*threshold).tensor.clone(), stands)
        }
        _ if is_output => {
            (Tensor::splat(vec![1; graph[node].ty.dims.len()], 1.0), vec![rounding.unit(node, 0) as f32; graph[node].ty.channels()])
        }
        _ => return Ok(None),
    };
    let target = if is_output { calibration.answers() } else { calibration.target(node) }.map_err(PassError::Bug)?;
    let mean = calibration.mean(graph, node).map_err(PassError::Bug)?;
    let missing = target.channel_means().into_iter().zip(mean.channel_means()).zip(&stands);
    let missing: Vec<f64> = missing.map(|((target, mean), &stands)| target / f64::from(stands) - mean).collect();
    let Some(takes) = per_channel(&takes, &graph[node].ty.dims) else { return Ok(None) };
    // Nothing is 0, not -0.
    let offset = missing.iter().zip(takes).map(|(missing, takes)| (missing * f64::from(takes)).round() as f32 + 0.0).collect();
    let offset = graph.add_param("correction", Tensor::new(graph[node].ty.per_channel(), offset), Provenance::Derived);
    let shift = if is_output {
        graph.insert_after(node, Operator::Shift { offset }, Origin::default())?
    } else {
        let shift = graph.insert_before(node, 0, Operator::Shift { offset }, Origin::default())?;
        calibration.changed(graph, node);
        shift
    };
    Ok(Some(shift))
}
