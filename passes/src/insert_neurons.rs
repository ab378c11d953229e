//! `insert-neurons`: integrate-and-fire neurons take the place of rectifiers.
//!
//! They reset as the settings say: softly, or softly with corrections (`signed`), which need hardware that carries a sign.
//!
//! Requires: a graph in phase `Canonical`, in which every `clip` is from 0.
//! Leaves: no rectifier. Each is a `neuron` with threshold θ (1, or the clip's bound, until `set-thresholds`) and, behind it, a `scale`
//! by θ that turns the firing rate into the activation that it stands for. A `clip_floor_shift` is a neuron already: θ is its largest
//! value and the start potential half of that, whatever the settings say.
//! Keeps: the rate twin (`neuron → relu(x)/θ`) computes what the float network did; node ids of rectifiers pass to their
//! neurons, by which calibration finds the float activations.

use crate::{About, Changed, Pass, PassCx, PassError};
use snnc_ir::{Graph, Operator, Origin, Phase, Provenance, Tensor};

pub struct InsertNeurons;

impl Pass for InsertNeurons {
    fn about(&self) -> About {
        About { name: "insert-neurons", accepts: Phase::Canonical..=Phase::Canonical, is_required: true }
    }

    fn run(&self, graph: &mut Graph, cx: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        for node in graph.topological() {
            let (cap, levels, theta) = match graph[node].op {
                Operator::Relu => (None, None, 1.0),
                Operator::Clip { min: 0.0, max } => (Some(max), None, max),
                Operator::ClipFloorShift { max, levels } => (Some(max), Some(levels), max),
                Operator::Clip { .. } => return Err(PassError::Bug("clips that are no rectifiers are lowered before".into())),
                _ => continue,
            };
            let start = if levels.is_some() { 0.5 } else { cx.settings.initial };
            let shape = graph[node].ty.per_channel();
            let name = graph[node].origin.0.first().cloned().unwrap_or_else(|| format!("neuron{}", node.number()));
            let threshold = graph.add_param(format!("{name}.threshold"), Tensor::splat(shape.clone(), theta), Provenance::Fixed);
            let leak =
                cx.settings.leak.map(|leak| graph.add_param(format!("{name}.leak"), Tensor::splat(shape.clone(), leak), Provenance::Fixed));
            let initial = Tensor::splat(shape, theta * start);
            let initial = graph.add_param(format!("{name}.initial"), initial, Provenance::Fixed);
            graph.set_op(node, Operator::Neuron { threshold, initial, leak, reset: cx.settings.reset, cap, levels })?;
            graph.insert_after(node, Operator::Scale { factor: threshold }, Origin::default())?;
            changed = true;
        }
        graph.refresh_types()?;
        Ok(changed.into())
    }
}
