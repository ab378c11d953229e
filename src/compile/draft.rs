//! One spiking graph: by one threshold rule, for one number of time steps.

use super::{bits, digits, sampled::Sampled};
use crate::{
    calibrate::{Laboratory, recorded},
    coding::Encoder,
    error::{Error, Result},
    float::passes::{PassRecord, Stage},
    observer::Observer,
    options::{Bits, InitialPotential, Options, Rule, Spikes, Weights},
    report::layer::{Layer, relative_error},
};
use snnc_ir::{Graph, NodeId, Operator, Phase, Reset};
use snnc_passes::{Calibration, PassCx, Settings, thresholds_by_channel};
use std::collections::BTreeMap;

const SPIKE: Stage = Stage { name: "spike", passes: snnc_passes::SPIKE, phase: Phase::Spiking };
const CALIBRATE: Stage = Stage { name: "calibrate", passes: snnc_passes::CALIBRATE, phase: Phase::Spiking };
const DEPLOY: Stage = Stage { name: "deploy", passes: snnc_passes::DEPLOY, phase: Phase::Calibrated };

/// A calibrated graph, and what was done to get there.
pub struct Draft {
    /// Its rule and its number of time steps among them.
    pub settings: Settings,
    /// The graph, in real numbers.
    pub graph: Graph,
    /// The same in whole numbers.
    pub whole: Graph,
    /// The passes that ran on it.
    pub passes: Vec<PassRecord>,
    /// Its layers of neurons, front to back, without firing rates.
    pub layers: Vec<Layer>,
    /// Number of samples that it was calibrated on.
    pub samples: usize,
}

/// Puts neurons in the place of the rectifiers and calibrates them, then rounds.
///
/// # Errors
/// If a pass refuses the network.
pub fn draft(sampled: &Sampled<'_>, rule: Rule, timesteps: usize, observer: &mut dyn Observer) -> Result<Draft> {
    let (model, options) = (sampled.canonical.model, sampled.canonical.options);
    let encoder = sampled.encoder();
    let more_digits = digits::more(&sampled.rectified, options, timesteps);
    let settings = Settings { more_digits, ..settings(options, rule, timesteps, &encoder) };
    let mut graph = sampled.rectified.clone();
    encoder.decode(&mut graph)?;
    let mut passes = SPIKE.run(&mut graph, &mut PassCx::new(&settings), model, observer)?;

    let available = &sampled.material.calibration.samples;
    let steps = if settings.code == snnc_ir::Code::Rate { timesteps } else { 1 };
    let samples = Laboratory::affordable(&graph, steps, available.count);
    let mut laboratory = if samples == 0 {
        None
    } else {
        let recorded = recorded::before_rectifiers(&sampled.canonical.imported.graph);
        let samples = available.take(samples);
        let input = encoder.input(&samples.data, timesteps, options.seed);
        Some(Laboratory::new(&sampled.rectified, &samples, steps, recorded, (input, encoder.varies()))?)
    };
    let mut cx = PassCx { calibration: laboratory.as_mut().map(|l| l as &mut dyn Calibration), ..PassCx::new(&settings) };
    passes.extend(CALIBRATE.run(&mut graph, &mut cx, model, observer)?);
    let layers = layers(&graph, laboratory.as_mut())?;
    let worth = worth(&graph);
    passes.extend(DEPLOY.run(&mut graph, &mut PassCx::new(&settings), model, observer)?);
    let rounded = bits::choose(&graph, settings, options, laboratory.as_mut().map(|l| (l, &worth)), model, observer)?;
    passes.extend(rounded.passes);
    Ok(Draft { settings: rounded.settings, graph, whole: rounded.graph, passes, layers, samples })
}

fn settings(options: &Options, rule: Rule, timesteps: usize, encoder: &Encoder<'_>) -> Settings {
    Settings {
        code: options.code.in_ir(),
        timesteps,
        more_digits: BTreeMap::new(),
        input_levels: encoder.levels(),
        bits: match options.weights {
            Weights::Auto => Bits::Eight,
            Weights::Bits(bits) => bits,
        },
        bits_of: BTreeMap::new(),
        bias_bits: options.bias_bits,
        threshold_bits: options.threshold_bits,
        reset: match options.spikes {
            Spikes::Signed => Reset::Signed,
            Spikes::Binary if options.hard_reset => Reset::Hard,
            Spikes::Binary => Reset::Soft,
        },
        threshold: rule,
        scope: options.threshold_scope,
        initial: match options.initial {
            InitialPotential::Half => 0.5,
            InitialPotential::Zero => 0.0,
        },
        leak: options.leak,
    }
}

/// What a spike, or a count of 1, of every layer of neurons stands for, by channel.
fn worth(graph: &Graph) -> BTreeMap<NodeId, Vec<f32>> {
    let of = |node: NodeId| match graph[node].op {
        Operator::Neuron { threshold, .. } | Operator::RadixNeuron { threshold, .. } => {
            Some((node, thresholds_by_channel(&graph.param(threshold).tensor, &graph[node].ty)))
        }
        _ => None,
    };
    graph.node_ids().into_iter().filter_map(of).collect()
}

/// Errors of every layer while the scales behind the neurons still say what a spike stands for.
fn layers(graph: &Graph, mut laboratory: Option<&mut Laboratory>) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    for node in graph.topological() {
        let (Operator::Neuron { threshold, .. } | Operator::RadixNeuron { threshold, .. }) = graph[node].op else { continue };
        let theta = thresholds_by_channel(&graph.param(threshold).tensor, &graph[node].ty);
        let error = match laboratory.as_deref_mut() {
            None => None,
            Some(laboratory) => {
                let target = laboratory.target(node).map_err(Error::Internal)?;
                let rates = laboratory.mean(graph, node).map_err(Error::Internal)?;
                Some(relative_error(&target, &rates, &theta))
            }
        };
        layers.push(Layer::new(graph[node].origin.to_string(), graph[node].ty.len(), &theta, error));
    }
    Ok(layers)
}
