//! `set-thresholds`: every neuron gets its threshold and start potential.
//!
//! Front to back, each layer on what the spiking layers before it really deliver.
//!
//! Requires: neurons, each followed by the `scale` that shares its threshold parameter; a calibration unless the rule is
//! `fixed`.
//! Leaves: positive thresholds per channel, at most the neuron's cap; start potentials at the chosen fraction of them.
//! Keeps: the rate twin exactly, since the scale behind a neuron moves with its threshold.

use crate::{Calibration, Changed, Pass, PassCx, PassError, threshold};
use snnc_ir::{Graph, NodeId, Operator, Phase, Provenance, Tensor};
use std::ops::RangeInclusive;

pub struct SetThresholds;

impl Pass for SetThresholds {
    fn name(&self) -> &'static str {
        "set-thresholds"
    }

    fn accepts(&self) -> RangeInclusive<Phase> {
        Phase::Spiking..=Phase::Spiking
    }

    fn is_required(&self) -> bool {
        true
    }

    fn run(&self, graph: &mut Graph, cx: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        for neuron in graph.topological() {
            let Operator::Neuron { threshold, initial, cap, .. } = graph[neuron].op else { continue };
            let theta = match (cx.settings.threshold, cx.calibration.as_deref_mut()) {
                (threshold::Rule::Fixed(value), _) => vec![value; graph[neuron].ty.channels()],
                (_, None) => return Err(PassError::Bug("thresholds are calibrated on a running network, and there is none".into())),
                (rule, Some(calibration)) => calibrated(rule, graph, neuron, cap, calibration, cx.settings)?,
            };
            let provenance =
                if matches!(cx.settings.threshold, threshold::Rule::Fixed(_)) { Provenance::Fixed } else { Provenance::Derived };
            let shape = graph[neuron].ty.per_channel();
            let start = theta.iter().map(|t| t * cx.settings.initial).collect();
            graph.set_param(threshold, Tensor::new(shape.clone(), theta), provenance);
            graph.set_param(initial, Tensor::new(shape, start), provenance);
            if let Some(calibration) = cx.calibration.as_deref_mut() {
                calibration.changed(graph, neuron);
            }
            changed = true;
        }
        Ok(changed.into())
    }
}

fn calibrated(
    rule: threshold::Rule,
    graph: &Graph,
    neuron: NodeId,
    cap: Option<f32>,
    calibration: &mut dyn Calibration,
    settings: &crate::Settings,
) -> Result<Vec<f32>, PassError> {
    let operand = graph.operand(neuron).expect("a neuron has one operand");
    let target = calibration.target(neuron).map_err(PassError::Bug)?;
    let current = calibration.mean(graph, operand).map_err(PassError::Bug)?;
    Ok(threshold::choose(rule, &target, &current, settings.timesteps, settings.initial, cap))
}
