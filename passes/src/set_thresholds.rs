//! `set-thresholds`: every neuron gets its threshold and start potential.
//!
//! Front to back, each layer on what the spiking layers before it really deliver.
//!
//! Requires: neurons, each followed by the `scale` that shares its threshold parameter; a calibration unless the rule is
//! `fixed`.
//! Leaves: positive thresholds per channel, whose largest count stands for at most the neuron's cap; start potentials at the chosen fraction
//! of them. Neurons that were trained with theirs keep them.
//! Keeps: the rate twin exactly, since the scale behind a neuron moves with its threshold.

use crate::{
    About, Calibration, Changed, Pass, PassCx, PassError,
    threshold::{self, Counting},
};
use snnc_ir::{Graph, NodeId, Operator, Phase, Provenance, Tensor};

pub struct SetThresholds;

impl Pass for SetThresholds {
    fn about(&self) -> About {
        About { name: "set-thresholds", accepts: Phase::Spiking..=Phase::Spiking, is_required: true }
    }

    fn run(&self, graph: &mut Graph, cx: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        let method = cx.settings.threshold.method();
        for neuron in graph.topological() {
            let (threshold, initial, cap, counting) = match graph[neuron].op {
                Operator::Neuron { threshold, initial, reset, cap, levels: None, .. } => {
                    (threshold, initial, cap, Counting::Rate { timesteps: cx.settings.timesteps, reset })
                }
                Operator::RadixNeuron { threshold, initial, levels, cap, is_given: false, .. } => {
                    (threshold, initial, cap, Counting::Radix { levels })
                }
                // Of the others, threshold and start potential are part of what the network was trained to compute.
                _ => continue,
            };
            let kind = threshold::Neuron { counting, initial: cx.settings.initial };
            let (theta, provenance) = match (cx.settings.threshold, &method, cx.calibration.as_deref_mut()) {
                (threshold::Rule::Fixed(value), ..) => (vec![kind.threshold(value); graph[neuron].ty.channels()], Provenance::Fixed),
                (_, Some(method), Some(calibration)) => {
                    let bound = cap.unwrap_or(f32::INFINITY);
                    (calibrated(&**method, graph, neuron, kind, bound, calibration, cx.settings.scope)?, Provenance::Derived)
                }
                _ => return Err(PassError::Bug("thresholds are calibrated on a running network, and there is none".into())),
            };
            let shape = graph[neuron].ty.per_channel();
            let start = Tensor::new(shape.clone(), theta.iter().map(|t| t * cx.settings.initial).collect());
            // One parameter where there is to be one threshold: a training moves it as one.
            let theta = match cx.settings.scope {
                Some(threshold::Scope::Layer) => Tensor::splat(vec![1; shape.len()], theta[0]),
                _ => Tensor::new(shape, theta),
            };
            graph.set_param(threshold, theta, provenance);
            graph.set_param(initial, start, provenance);
            if let Some(calibration) = cx.calibration.as_deref_mut() {
                calibration.changed(graph, neuron);
            }
            changed = true;
        }
        Ok(changed.into())
    }
}

/// Places of a channel whose currents are followed over time.
const PLACES: usize = 1024;

fn calibrated(
    method: &dyn threshold::Method,
    graph: &Graph,
    neuron: NodeId,
    kind: threshold::Neuron,
    bound: f32,
    calibration: &mut dyn Calibration,
    scope: Option<threshold::Scope>,
) -> Result<Vec<f32>, PassError> {
    let operand = graph.operand(neuron).expect("a neuron has one operand");
    let target = calibration.target(neuron).map_err(PassError::Bug)?;
    let traces = calibration.traces(graph, operand, PLACES).map_err(PassError::Bug)?;
    let layer = threshold::Layer {
        target: &target,
        traces: &traces,
        recorded: calibration.recorded(neuron),
        neuron: kind,
        firing: calibration,
        bound,
    };
    Ok(threshold::choose(method, &layer, scope))
}
