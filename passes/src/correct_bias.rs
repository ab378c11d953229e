//! `correct-bias`: the mean of every channel becomes what it was in the float network.
//!
//! Quantisation, clipping at the threshold and uneven arrival shift the mean activation of a channel, and the shift adds up
//! from layer to layer. Front to back, every neuron gets a constant current that makes up for it, measured on what the
//! corrected layers before it deliver; at the end the output does (bias correction, Li et al., ICML 2021).
//!
//! Requires: thresholds are set; a calibration. Does nothing where thresholds are `fixed`: those are taken as they are.
//! Leaves: a `shift` before each neuron and behind the output, which `fold-affine` moves into biases.
//! Keeps: nothing exactly; this is the one pass that changes what the rate twin computes, on purpose.

use crate::{About, Activations, Changed, Pass, PassCx, PassError, thetas::by_channel, threshold};
use snnc_ir::{Code, Graph, Operator, Origin, Phase, Provenance, Tensor};

pub struct CorrectBias;

impl Pass for CorrectBias {
    fn about(&self) -> About {
        About { name: "correct-bias", accepts: Phase::Spiking..=Phase::Spiking, is_required: false }
    }

    fn run(&self, graph: &mut Graph, cx: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let fixed = matches!(cx.settings.threshold, threshold::Rule::Fixed(_));
        let Some(calibration) = cx.calibration.as_deref_mut().filter(|_| !fixed) else { return Ok(Changed::No) };
        // What was trained with its steps is exact in the radix code: there is nothing to correct.
        let mut is_exact = cx.settings.code == Code::Radix && has_neurons(graph);
        for neuron in graph.topological() {
            let (Operator::Neuron { threshold, .. } | Operator::RadixNeuron { threshold, is_given: false, .. }) = graph[neuron].op else {
                continue;
            };
            is_exact = false;
            let target = calibration.target(neuron).map_err(PassError::Bug)?;
            let rates = calibration.mean(graph, neuron).map_err(PassError::Bug)?;
            let theta = by_channel(&graph.param(threshold).tensor, &graph[neuron].ty);
            let offset = difference(&target, &rates, &theta);
            let shape = graph[neuron].ty.per_channel();
            let offset = graph.add_param("correction", Tensor::new(shape, offset), Provenance::Derived);
            graph.insert_before(neuron, 0, Operator::Shift { offset }, Origin::default())?;
            calibration.changed(graph, neuron);
        }
        if is_exact {
            return Ok(Changed::No);
        }
        let output = graph.output().expect("a verified graph has an output").node;
        let target = calibration.answers().map_err(PassError::Bug)?;
        let mean = calibration.mean(graph, output).map_err(PassError::Bug)?;
        let offset = difference(&target, &mean, &vec![1.0; target.channels]);
        let shape = graph[output].ty.per_channel();
        let offset = graph.add_param("correction", Tensor::new(shape, offset), Provenance::Derived);
        graph.insert_after(output, Operator::Shift { offset }, Origin::default())?;
        Ok(Changed::Yes)
    }
}

fn has_neurons(graph: &Graph) -> bool {
    graph.node_ids().into_iter().any(|id| graph[id].op.is_neuron())
}

/// The mean of the target less the mean of what the spikes stand for, per channel: in both codes θ times what they say.
fn difference(target: &Activations, mean: &Activations, theta: &[f32]) -> Vec<f32> {
    target.channel_means().into_iter().zip(mean.channel_means()).zip(theta).map(|((a, r), &t)| (a - r * f64::from(t)) as f32).collect()
}
