//! One spiking graph: by one threshold rule, for one number of time steps.

use super::sampled::Sampled;
use crate::{
    calibrate::{Laboratory, recorded},
    coding::Encoder,
    error::{Error, Result},
    float::passes::{PassRecord, Stage},
    observer::Observer,
    options::{InitialPotential, Options, Rule, Spikes},
    report::layer::{Layer, relative_error},
};
use snnc_ir::{Graph, Operator, Phase, Reset};
use snnc_passes::{Calibration, PassCx, Settings};

const SPIKE: Stage = Stage { name: "spike", passes: snnc_passes::SPIKE, phase: Phase::Spiking };
const CALIBRATE: Stage = Stage { name: "calibrate", passes: snnc_passes::CALIBRATE, phase: Phase::Spiking };
const DEPLOY: Stage = Stage { name: "deploy", passes: snnc_passes::DEPLOY, phase: Phase::Calibrated };

/// A calibrated graph, and what was done to get there.
pub struct Draft {
    /// Its rule and its number of time steps among them.
    pub settings: Settings,
    /// The graph.
    pub graph: Graph,
    /// The passes that ran on it.
    pub passes: Vec<PassRecord>,
    /// Its layers of neurons, front to back, without firing rates.
    pub layers: Vec<Layer>,
    /// Number of samples that it was calibrated on.
    pub samples: usize,
}

/// Puts neurons in the place of the rectifiers and calibrates them.
///
/// # Errors
/// If a pass refuses the network.
pub fn draft(sampled: &Sampled<'_>, rule: Rule, timesteps: usize, observer: &mut dyn Observer) -> Result<Draft> {
    let (model, options) = (sampled.canonical.model, sampled.canonical.options);
    let settings = settings(options, rule, timesteps);
    let mut graph = sampled.rectified.clone();
    let encoder = Encoder::new(options.coding, &sampled.input.canvas);
    encoder.decode(&mut graph)?;
    let mut passes = SPIKE.run(&mut graph, &mut PassCx::new(&settings), model, observer)?;

    let available = &sampled.material.calibration.samples;
    let samples = Laboratory::affordable(&graph, timesteps, available.count);
    let mut laboratory = if samples == 0 {
        None
    } else {
        let recorded = recorded::before_rectifiers(&sampled.canonical.imported.graph);
        let samples = available.take(samples);
        let input = encoder.input(&samples.data, timesteps, options.seed);
        Some(Laboratory::new(&sampled.rectified, &samples, timesteps, recorded, (input, encoder.varies()))?)
    };
    let mut cx = PassCx { calibration: laboratory.as_mut().map(|l| l as &mut dyn Calibration), ..PassCx::new(&settings) };
    passes.extend(CALIBRATE.run(&mut graph, &mut cx, model, observer)?);
    let layers = layers(&graph, laboratory.as_mut())?;
    drop(laboratory);
    passes.extend(DEPLOY.run(&mut graph, &mut PassCx::new(&settings), model, observer)?);
    Ok(Draft { settings, graph, passes, layers, samples })
}

fn settings(options: &Options, rule: Rule, timesteps: usize) -> Settings {
    Settings {
        timesteps,
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

/// Errors of every layer while the scales behind the neurons still say what a spike stands for.
fn layers(graph: &Graph, mut laboratory: Option<&mut Laboratory>) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    for node in graph.topological() {
        let Operator::Neuron { threshold, .. } = graph[node].op else { continue };
        let theta = &graph.param(threshold).tensor.data;
        let error = match laboratory.as_deref_mut() {
            None => None,
            Some(laboratory) => {
                let target = laboratory.target(node).map_err(Error::Internal)?;
                let rates = laboratory.mean(graph, node).map_err(Error::Internal)?;
                Some(relative_error(&target, &rates, theta))
            }
        };
        layers.push(Layer::new(graph[node].origin.to_string(), graph[node].ty.len(), theta, error));
    }
    Ok(layers)
}
