//! One model with its samples, converted for one number of time steps after another.

use super::{
    in_file, input,
    material::{Labelled, Material},
    run_stage,
    training::{self, Course, TrainingRecord},
};
use crate::{
    artifact::{Provenance, emit},
    calibrate::{Laboratory, recorded},
    error::{Error, Result},
    import::Imported,
    observer::Observer,
    options::{Calibration, Coding, InitialPotential, Layout, Options, Preprocess, Rule, Spikes, Threshold, Timesteps},
    report::{self, Agreement, Judges, Layer, PassRecord, Report, RuleTried},
    synthesize::Source,
    train::plan::Plan,
};
use candle_core::Tensor;
use snnc_ir::{Graph, Operator, Phase, Reset, verify};
use snnc_passes::{CALIBRATE, Calibration as _, DEPLOY, Pass, PassCx, SPIKE, Settings, TRAIN, manager};
use snnc_runtime::{Network, Outcome, artifact};
use std::{path::Path, time::Instant};

/// Rules that `--threshold auto` tries if the first is not content: it keeps the first unless another agrees better beyond chance.
const RULES: [Rule; 3] = [Rule::LeastSquares, Rule::Balance, Rule::Percentile(99.9)];

/// Agreement in percent at which `auto` is content.
pub const ENOUGH_AGREEMENT: f64 = 98.0;

/// Numbers of time steps at which agreement is reported.
const REPORTED: [usize; 6] = [4, 8, 16, 32, 64, 128];

/// What stays the same for every number of time steps.
pub struct Job<'a> {
    /// The file.
    pub model: &'a Path,
    /// What was asked.
    pub options: &'a Options,
    /// The model as imported.
    pub imported: &'a Imported,
    /// The float network and what samples are made from.
    pub source: Source<'a>,
    /// The float network with rectifiers alone, which becomes the spiking one.
    pub rectified: &'a Graph,
    /// The layout of the image.
    pub layout: Layout,
    /// How pixels become input.
    pub preprocess: &'a Preprocess,
    /// The samples.
    pub material: &'a Material,
}

/// A conversion for one number of time steps, measured.
pub struct Converted {
    trial: Trial,
    timesteps: usize,
    /// What `--threshold auto` tried.
    rules: Option<Vec<RuleTried>>,
    /// What came of training it.
    training: TrainingRecord,
}

/// What a compilation gives out.
pub struct Finished {
    /// What is written.
    pub artifact: artifact::Artifact,
    /// What is said of it.
    pub report: Report,
    /// What it was emitted from.
    pub graph: Graph,
}

impl Converted {
    /// Agreement with the float network on held-out samples, over the number of steps; the last is T.
    #[must_use]
    pub fn agreement(&self, material: &Material) -> Vec<Agreement> {
        let of = |outcome: &Outcome| {
            let agrees = agrees(outcome, &material.held_out);
            Agreement::new(outcome.timesteps, agrees.iter().filter(|&&a| a).count(), agrees.len())
        };
        self.trial.outcomes.iter().map(of).collect()
    }
}

/// A spiking graph, and what was done to get there.
#[derive(Clone)]
struct Draft {
    rule: Rule,
    settings: Settings,
    graph: Graph,
    passes: Vec<PassRecord>,
    layers: Vec<Layer>,
    samples: usize,
}

/// A draft that was measured.
struct Trial {
    draft: Draft,
    artifact: artifact::Artifact,
    network: Network,
    outcomes: Vec<Outcome>,
    /// Whether the network agreed, for each held-out sample, at the last number of steps.
    agrees: Vec<bool>,
}

impl Trial {
    fn agreement(&self) -> f64 {
        100.0 * self.agrees.iter().filter(|&&a| a).count() as f64 / self.agrees.len().max(1) as f64
    }
}

/// Whether `a` is true more often than `b` beyond chance: where just one of both is, it is `a` by more than two standard deviations
/// (the sign test).
fn clearly_more(a: &[bool], b: &[bool]) -> bool {
    let only = |a: &[bool], b: &[bool]| a.iter().zip(b).filter(|(a, b)| **a && !**b).count();
    let (won, lost) = (only(a, b), only(b, a));
    won > lost && (won - lost) as f64 > 2.0 * ((won + lost) as f64).sqrt()
}

impl Job<'_> {
    /// Converts for T steps.
    ///
    /// # Errors
    /// If a pass refuses the network.
    pub fn convert(&self, timesteps: usize, observer: &mut dyn Observer) -> Result<Converted> {
        let rules = match self.options.threshold {
            Threshold::Rule(rule) => vec![rule],
            // One search at a time: where the number of steps is sought, the first rule it is.
            Threshold::Auto if self.options.timesteps == Timesteps::Auto => RULES[..1].to_vec(),
            Threshold::Auto => RULES.to_vec(),
        };
        let mut tried = Vec::new();
        let mut best: Option<Trial> = None;
        for rule in rules {
            let trial = self.measure(self.draft(rule, timesteps, observer)?, timesteps, observer)?;
            tried.push(RuleTried { rule: rule.to_string(), percent: trial.agreement() });
            if best.as_ref().is_none_or(|b| clearly_more(&trial.agrees, &b.agrees)) {
                best = Some(trial);
            }
            if best.as_ref().is_some_and(|b| b.agreement() >= ENOUGH_AGREEMENT) {
                break;
            }
        }
        let trial = best.ok_or_else(|| Error::Internal("no rule was tried".into()))?;
        let rules = (self.options.threshold == Threshold::Auto).then_some(tried);
        Ok(Converted { trial, timesteps, rules, training: TrainingRecord::NotAsked })
    }

    /// Converts and calibrates by one rule.
    fn draft(&self, rule: Rule, timesteps: usize, observer: &mut dyn Observer) -> Result<Draft> {
        let options = self.options;
        let mut graph = self.rectified.clone();
        let mut passes = Vec::new();
        let amplitude = input::amplitude(self.source.canvas);
        if options.coding == Coding::Poisson {
            input::decode_input(&mut graph, &amplitude, self.layout)?;
        }
        let settings = Settings {
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
        };
        let bugs = |e| in_file(e, self.model);
        let mut cx = PassCx::new(&settings);
        run_stage("spike", SPIKE, Phase::Spiking, &mut graph, &mut cx, &mut passes, observer).map_err(bugs)?;

        let available = &self.material.calibration.samples;
        let count = Laboratory::affordable(&graph, timesteps, available.count);
        let mut laboratory = if count == 0 {
            None
        } else {
            let encode = |images: &Tensor| input::encode(images, timesteps, &amplitude, self.source.canvas, options);
            let recorded = recorded::before_rectifiers(&self.imported.graph);
            Some(Laboratory::new(self.rectified, &available.take(count), timesteps, recorded, encode)?)
        };
        let mut cx = PassCx { calibration: laboratory.as_mut().map(|l| l as &mut dyn snnc_passes::Calibration), ..PassCx::new(&settings) };
        run_stage("calibrate", CALIBRATE, Phase::Spiking, &mut graph, &mut cx, &mut passes, observer).map_err(bugs)?;
        let layers = layers(&graph, laboratory.as_mut())?;
        drop(laboratory);
        let mut cx = PassCx::new(&settings);
        run_stage("deploy", DEPLOY, Phase::Calibrated, &mut graph, &mut cx, &mut passes, observer).map_err(bugs)?;

        Ok(Draft { rule, settings, graph, passes, layers, samples: count })
    }

    /// Trains a conversion through time, if that was asked for or fits the budget. Its graph is sealed then, if nothing is left of the
    /// source network.
    ///
    /// # Errors
    /// If a checkpoint cannot be read or written.
    pub fn train(&self, converted: Converted, deadline: Option<Instant>, observer: &mut dyn Observer) -> Result<Converted> {
        let timesteps = converted.timesteps;
        let mut draft = converted.trial.draft.clone();
        let plan = Plan::new(&draft.graph, timesteps, self.options.coding == Coding::Direct)?;
        let decision = training::decide(&plan, self.options, observer);
        if let Some(record) = decision {
            return Ok(Converted { training: record, ..converted });
        }
        let mut course = Course::new(self, plan, deadline, observer);
        let mut cx = PassCx { training: Some(&mut course), ..PassCx::new(&draft.settings) };
        let passes = &mut draft.passes;
        let run = |pass: &&'static dyn Pass| {
            manager::run(*pass, &mut draft.graph, &mut cx, &mut |name, changed, _, _| {
                passes.push(PassRecord { name, changed: changed == snnc_passes::Changed::Yes });
            })
        };
        let ran = TRAIN.iter().map(run).collect::<std::result::Result<Vec<_>, _>>();
        // What the training itself has to say comes first: the pass can but hand on a text.
        let mut training = course.finish()?;
        ran.map_err(|e| in_file(e, self.model))?;
        let mut sealed = draft.graph.clone();
        Phase::Sealed.enter(&mut sealed);
        // Parameters that were trained may still be what they were, up to a factor, where training has hardly moved them.
        if let (TrainingRecord::Ran(ran), Ok(_)) = (&mut training, verify(&sealed))
            && ran.left().0 == 0
        {
            ran.is_sealed = true;
            draft.graph = sealed;
        }
        let trial = self.measure(draft, timesteps, observer)?;
        Ok(Converted { trial, training, ..converted })
    }

    /// Emits a draft and runs it on the held-out samples.
    fn measure(&self, draft: Draft, timesteps: usize, observer: &mut dyn Observer) -> Result<Trial> {
        let options = self.options;
        let coding = match options.coding {
            Coding::Direct => artifact::Coding::Direct,
            Coding::Poisson => artifact::Coding::Poisson { amplitude: input::amplitude(self.source.canvas) },
        };
        let verified = verify(&draft.graph).map_err(|v| Error::broken("deploy", &v))?;
        let about = Provenance {
            source_sha256: &self.imported.source_sha256,
            options,
            recorded: emit::recorded(options),
            timesteps,
            coding,
            layout: self.layout,
            preprocess: self.preprocess,
        };
        let artifact = emit(verified, &about)?;

        let start = Instant::now();
        observer.stage("measure", None);
        let network = Network::new(artifact.clone()).map_err(|e| Error::Internal(e.to_string()))?;
        let mut steps: Vec<usize> = REPORTED.into_iter().filter(|&t| t < timesteps).collect();
        steps.push(timesteps);
        let held_out = &self.material.held_out;
        let outcomes = network.run_checkpoints(&held_out.samples.data, &steps, 0).map_err(|e| Error::Internal(e.to_string()))?;
        let last = outcomes.last().ok_or_else(|| Error::Internal("the network was run".into()))?;
        let agrees = agrees(last, held_out);
        observer.stage_done(start.elapsed());
        Ok(Trial { draft, artifact, network, outcomes, agrees })
    }

    /// What is written of a conversion, and what is said of it.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn finish(&self, converted: Converted) -> Result<Finished> {
        let material = self.material;
        let agreement = converted.agreement(material);
        let Converted { trial, timesteps, rules, training } = converted;
        let last = trial.outcomes.last().ok_or_else(|| Error::Internal("the network was run".into()))?;
        let report = Report {
            source_sha256: self.imported.source_sha256.clone(),
            opset: self.imported.opset,
            producer: self.imported.producer.clone(),
            options: emit::recorded(self.options),
            seed: self.options.seed,
            timesteps,
            timesteps_tried: None,
            threshold: trial.draft.rule.to_string(),
            threshold_tried: rules,
            is_signed: self.options.spikes == Spikes::Signed,
            passes: trial.draft.passes,
            calibration_samples: trial.draft.samples,
            diversity: (trial.draft.samples > 0).then(|| material.calibration.diversity()),
            synthesis_steps: material.steps,
            layers: report::with_rates(trial.draft.layers, &trial.network, last),
            judges: match (&self.options.calibration, material.judged_by_data) {
                (_, true) => Judges::Data,
                (Calibration::Synthetic(_), false) => Judges::Synthetic,
                (Calibration::File(_), false) => Judges::Priors,
            },
            has_batch_norms: self
                .imported
                .graph
                .node_ids()
                .into_iter()
                .any(|n| matches!(self.imported.graph[n].op, Operator::BatchNorm { .. })),
            training,
            agreement,
            cost: trial.network.cost(last),
        };
        Ok(Finished { artifact: trial.artifact, report, graph: trial.draft.graph })
    }
}

/// For each held-out sample, whether both networks choose the same class.
fn agrees(outcome: &Outcome, held_out: &Labelled) -> Vec<bool> {
    outcome.predictions().iter().zip(held_out.predictions()).map(|(a, b)| *a == b).collect()
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
                Some(report::relative_error(&target, &rates, theta))
            }
        };
        layers.push(Layer::new(graph[node].origin.to_string(), graph[node].ty.len(), theta, error));
    }
    Ok(layers)
}

#[cfg(test)]
mod tests {
    use super::clearly_more;

    #[test]
    fn a_few_samples_more_are_chance() {
        let first = |n: usize| (0..64).map(|k| k < n).collect::<Vec<bool>>();
        assert!(!clearly_more(&first(54), &first(50)), "4 of 4: still two standard deviations");
        assert!(clearly_more(&first(55), &first(50)), "5 of 5");
        assert!(!clearly_more(&first(50), &first(55)) && !clearly_more(&first(50), &first(50)));
        // As many more, but each is right where the other is wrong.
        let last: Vec<bool> = (0..64).map(|k| k >= 64 - 35).collect();
        assert!(!clearly_more(&last, &first(30)));
    }
}
