//! `insert-neurons`: spiking neurons take the place of rectifiers.
//!
//! In the rate code they integrate and fire, and reset as the settings say: softly, or softly with corrections (`signed`), which need hardware
//! that carries a sign. In the radix code they say the digits of their activation.
//!
//! Requires: a graph in phase `Canonical`, in which every `clip` is from 0.
//! Leaves: no rectifier. Each is a neuron and, behind it, a `scale` by θ that turns its rate, or its count, into the activation that it
//! stands for. Until `set-thresholds`, θ is that of a largest activation of 1, or of the clip's bound. A `clip_floor_shift` is a neuron
//! already, whatever the settings say: of the rate code with θ its largest value and the start potential half of that; of the radix code
//! with θ its step and just as many levels as it has, in as many digits as they take.
//! Keeps: the twin (`neuron → relu(x)/θ`) computes what the float network did; node ids of rectifiers pass to their
//! neurons, by which calibration finds the float activations.

use crate::{About, Changed, Pass, PassCx, PassError, Settings};
use snnc_ir::{Code, Graph, MAX_DIGITS, NodeId, Operator, Origin, ParamId, Phase, Provenance, Tensor};

pub struct InsertNeurons;

impl Pass for InsertNeurons {
    fn about(&self) -> About {
        About { name: "insert-neurons", accepts: Phase::Canonical..=Phase::Canonical, is_required: true }
    }

    fn run(&self, graph: &mut Graph, cx: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        for node in graph.topological() {
            let rectifier = match graph[node].op {
                Operator::Relu => Rectifier { cap: None, levels: None },
                Operator::Clip { min: 0.0, max } => Rectifier { cap: Some(max), levels: None },
                Operator::ClipFloorShift { max, levels } => Rectifier { cap: Some(max), levels: Some(levels) },
                Operator::Clip { .. } => return Err(PassError::Bug("clips that are no rectifiers are lowered before".into())),
                _ => continue,
            };
            let threshold = match cx.settings.code {
                Code::Rate => rate(graph, node, rectifier, cx.settings)?,
                Code::Radix => radix(graph, node, rectifier, cx.settings)?,
            };
            graph.insert_after(node, Operator::Scale { factor: threshold }, Origin::default())?;
            changed = true;
        }
        graph.refresh_types()?;
        Ok(changed.into())
    }
}

/// A rectifier, from 0 to `cap`, in so many steps.
#[derive(Clone, Copy)]
struct Rectifier {
    cap: Option<f32>,
    levels: Option<u32>,
}

/// A parameter of a neuron, with one value a channel.
fn parameter(graph: &mut Graph, node: NodeId, role: &str, value: f32) -> ParamId {
    let name = graph[node].origin.0.first().cloned().unwrap_or_else(|| format!("neuron{}", node.number()));
    graph.add_param(format!("{name}.{role}"), Tensor::splat(graph[node].ty.per_channel(), value), Provenance::Fixed)
}

/// Puts a neuron of the rate code there and returns its threshold.
fn rate(graph: &mut Graph, node: NodeId, Rectifier { cap, levels }: Rectifier, settings: &Settings) -> Result<ParamId, PassError> {
    let theta = cap.unwrap_or(1.0);
    let start = if levels.is_some() { 0.5 } else { settings.initial };
    let threshold = parameter(graph, node, "threshold", theta);
    let leak = settings.leak.map(|leak| parameter(graph, node, "leak", leak));
    let initial = parameter(graph, node, "initial", theta * start);
    graph.set_op(node, Operator::Neuron { threshold, initial, leak, reset: settings.reset, cap, levels })?;
    Ok(threshold)
}

/// Puts a neuron of the radix code there and returns its threshold.
fn radix(graph: &mut Graph, node: NodeId, Rectifier { cap, levels }: Rectifier, settings: &Settings) -> Result<ParamId, PassError> {
    // Levels that no digits can say are but a rectifier.
    let given = levels.filter(|&levels| levels < 1 << MAX_DIGITS);
    let digits = given.map_or_else(|| settings.digits(node), |levels| u32::BITS - levels.leading_zeros());
    let levels = given.unwrap_or((1 << digits) - 1);
    let theta = cap.unwrap_or(1.0) / levels as f32;
    let start = if given.is_some() { 0.5 } else { settings.initial };
    let (threshold, initial) = (parameter(graph, node, "threshold", theta), parameter(graph, node, "initial", theta * start));
    graph.set_op(node, Operator::RadixNeuron { threshold, initial, digits, levels, cap, is_given: given.is_some() })?;
    Ok(threshold)
}
