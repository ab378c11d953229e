//! `snnc eval MODEL.snn --data FILE.npz`

use super::{check_timesteps, load_network, open_ann};
use crate::{
    cli::{
        args::EvalArgs,
        clipped::Clipped,
        early,
        locked::{read_key, refuse},
        numbers::{joules, si, table},
        outcome::{self, Failure},
        output::print,
        process::set_threads,
        progress::{Console, Verbosity},
        render::Style,
    },
    data::Images,
    error::{Error, Result},
    observer::Observer,
};
use serde::Serialize;
use snnc_golden::measure::{Inputs, OWN, Sums, same};
use snnc_runtime::{Code, Cost, Energy, Network, Outcome, RunError, Session, argmax, locked::Key};
use std::{process::ExitCode, time::Instant};

/// What was measured: the JSON object that scripts read.
#[derive(Clone, Debug, Serialize)]
struct Measured {
    /// Number of images.
    n: usize,
    /// What spikes stand for.
    code: Code,
    /// Accuracy of the float network in percent.
    ann_top1: Option<f64>,
    /// Energy of the network that the artifact stands for, without spikes.
    ann_energy: AnnEnergy,
    /// Values of the images, in percent, that lie outside of the range that the artifact knows.
    clipped_percent: f64,
    /// The spiking network, by number of time steps.
    snn: Vec<AtTimesteps>,
    /// Images that stop when their class is clear, by confidence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    early_exit: Vec<AtConfidence>,
}

/// Images that stop where the softmax so far gives a class so much.
#[derive(Clone, Copy, Debug, Serialize)]
struct AtConfidence {
    confidence: f32,
    /// Time steps of an image, on average.
    timesteps: f64,
    /// Accuracy in percent.
    top1: f64,
    /// Images, in percent, whose class is another than after all time steps: the risk.
    other_class: f64,
}

/// Counts where images stop.
struct Early {
    session: Session,
    confidences: Vec<f32>,
    timesteps: usize,
    /// By confidence: time steps, right classes, and classes other than after all steps.
    sums: Vec<[usize; 3]>,
}

impl Early {
    fn new(args: &EvalArgs, network: &Network) -> Result<Self> {
        early::check(&args.artifact, network)?;
        let session = network.session().map_err(|e| Error::format(&args.artifact, e.to_string()))?;
        let timesteps = args.timesteps.iter().copied().max().unwrap_or(network.spec().timesteps);
        Ok(Self { session, confidences: args.early_exit.clone(), timesteps, sums: vec![[0; 3]; args.early_exit.len()] })
    }

    fn add(&mut self, network: &Network, images: &[f32], first: usize, labels: &[usize]) -> std::result::Result<(), RunError> {
        let numbers = network.quantise(images)?;
        for ((index, image), &label) in (first as u64..).zip(numbers.chunks(network.image_len())).zip(labels) {
            let stops = early::stops(&mut self.session, image, index, &self.confidences, self.timesteps)?;
            let class = stops[self.sums.len()].class;
            for (sum, stop) in self.sums.iter_mut().zip(&stops) {
                sum[0] += stop.steps;
                sum[1] += usize::from(stop.class == label);
                sum[2] += usize::from(stop.class != class);
            }
        }
        Ok(())
    }

    fn each(&self, count: f64) -> Vec<AtConfidence> {
        let each = |(&confidence, &[steps, right, other]): (&f32, &[usize; 3])| AtConfidence {
            confidence,
            timesteps: steps as f64 / count,
            top1: 100.0 * right as f64 / count,
            other_class: 100.0 * other as f64 / count,
        };
        self.confidences.iter().zip(&self.sums).map(each).collect()
    }
}

/// Energy of the multiplications of the network without spikes, an image.
#[derive(Clone, Debug, Default, Serialize)]
struct AnnEnergy {
    float32_pj: f64,
    int8_pj: f64,
    float32_pj_without_input_layer: f64,
    int8_pj_without_input_layer: f64,
}

impl AnnEnergy {
    fn new(cost: &Cost) -> Self {
        Self {
            float32_pj: cost.ann_energy_pj(Energy::FLOAT32_45NM),
            int8_pj: cost.ann_energy_pj(Energy::INT8_45NM),
            float32_pj_without_input_layer: cost.ann_energy_pj_behind_input(Energy::FLOAT32_45NM),
            int8_pj_without_input_layer: cost.ann_energy_pj_behind_input(Energy::INT8_45NM),
        }
    }
}

/// The spiking network at a number of time steps. Per image, but for the percentages.
#[derive(Clone, Debug, Default, Serialize)]
struct AtTimesteps {
    timesteps: usize,
    /// Time steps until the answer is there.
    latency: usize,
    /// Time steps from one image to the next in a pipeline.
    interval: usize,
    /// Bits that wait in delay lines.
    delay_bits: u64,
    /// Accuracy in percent.
    top1: f64,
    /// Images, in percent, whose class is that of the float network.
    agreement: Option<f64>,
    #[serde(flatten)]
    activity: Activity,
}

/// What the spiking network does for an image.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Activity {
    spikes_per_neuron: f64,
    /// Those of -1 among them.
    corrections_per_neuron: f64,
    synaptic_ops: f64,
    energy_pj: f64,
    energy_pj_without_input_layer: f64,
}

impl Activity {
    fn new(cost: &Cost) -> Self {
        Self {
            spikes_per_neuron: cost.spikes_per_neuron(),
            corrections_per_neuron: cost.corrections / cost.neurons.max(1) as f64,
            synaptic_ops: cost.synaptic_ops,
            energy_pj: cost.energy_pj(OWN),
            energy_pj_without_input_layer: cost.energy_pj_behind_input(OWN),
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: &EvalArgs, style: &Style) -> outcome::Outcome {
    let about = Failure::about(&args.artifact, "evaluate");
    set_threads(args.manner.threads).map_err(&about)?;
    let mut console =
        Console::new(style.clone(), Verbosity::new(args.manner.quiet, args.manner.verbose), args.artifact.display().to_string());
    let measured = measure(args, &mut console).map_err(&about)?;
    drop(console);
    if args.json {
        let text = serde_json::to_string(&measured).map_err(|e| Error::Internal(format!("the result is no JSON: {e}")))?;
        print(text + "\n")?;
    } else {
        print(readable(args, &measured))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(args: &EvalArgs, console: &mut Console) -> Result<Measured> {
    let network = load_network(&args.artifact, &args.opening.keys()?)?;
    check_timesteps(&args.artifact, &network, &args.timesteps)?;
    let key = key(args, &network)?;
    let inputs = Inputs::new(Images::read_labelled(&args.data)?.take(args.limit.unwrap_or(usize::MAX)), &network)?;
    let labels = inputs.classes(network.classes())?;
    let ann = match &args.ann {
        Some(path) => Some(open_ann(&args.artifact, path, &network, console)?),
        None => None,
    };
    let steps = match network.spec().code {
        // A number is its digits, and no fewer.
        Code::Radix => vec![network.spec().timesteps],
        Code::Rate => timesteps(&args.timesteps, network.spec().timesteps),
    };

    let start = Instant::now();
    console.stage("evaluate", Some(inputs.count() as u64));
    let mut expected = Vec::new();
    let mut clipped = Clipped::default();
    let mut sums: Vec<Sums> = vec![Sums::default(); steps.len()];
    let mut early = match args.early_exit.is_empty() {
        true => None,
        false => Some(Early::new(args, &network)?),
    };
    for range in inputs.parts(&network) {
        let labels = &labels[range.clone()];
        let input = inputs.convert(range.clone());
        clipped.count(&network.spec().input, &input);
        if let Some(ann) = &ann {
            expected.extend(ann.logits(&input, range.len())?.chunks(network.classes()).map(argmax));
        }
        let mut outcomes =
            network.answer_checkpoints(&input, &steps, range.start as u64).map_err(|e| Error::format(&args.data, e.to_string()))?;
        if let Some(key) = &key {
            outcomes.iter_mut().try_for_each(|outcome| unlock(&network, key, outcome))?;
        }
        for (sum, outcome) in sums.iter_mut().zip(&outcomes) {
            sum.add(outcome, labels);
        }
        if let Some(early) = &mut early {
            early.add(&network, &input, range.start, labels).map_err(|e| Error::format(&args.data, e.to_string()))?;
        }
        console.progress(range.end as u64);
    }
    console.stage_done(start.elapsed());
    clipped.warn(console);

    let count = inputs.count() as f64;
    let percent = |part: usize| 100.0 * part as f64 / count;
    // Of the sums of all images: how many there were at once must not show in the last digit.
    let costs: Vec<Cost> = sums.iter().map(|sum| network.cost_of(&sum.totals)).collect();
    let at = |((&timesteps, sum), cost): ((&usize, &Sums), &Cost)| AtTimesteps {
        timesteps,
        latency: cost.latency,
        interval: cost.interval,
        delay_bits: cost.delay_bits,
        top1: percent(sum.right),
        agreement: ann.as_ref().map(|_| percent(same(&sum.predictions, &expected))),
        activity: Activity::new(cost),
    };
    Ok(Measured {
        n: inputs.count(),
        code: network.spec().code,
        ann_top1: ann.as_ref().map(|_| percent(same(&expected, &labels))),
        ann_energy: costs.last().map(AnnEnergy::new).unwrap_or_default(),
        clipped_percent: clipped.percent(),
        snn: steps.iter().zip(&sums).zip(&costs).map(at).collect(),
        early_exit: early.map_or_else(Vec::new, |early| early.each(count)),
    })
}

/// The key of a locked network, and none of another.
fn key(args: &EvalArgs, network: &Network) -> Result<Option<Key>> {
    match (network.lock(), &args.key) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Error::Usage(format!("--key: the read-out of `{}` is not locked", args.artifact.display()))),
        (Some(_), None) => refuse(&args.artifact, network.spec(), "no accuracy", "`--key KEYFILE` reads its answers").map(|()| None),
        (Some(lock), Some(path)) => {
            if !args.early_exit.is_empty() {
                refuse(&args.artifact, network.spec(), "--early-exit", "it answers after all time steps alone")?;
            }
            let key = read_key(path)?;
            if key.id() != lock.terms().key {
                let (artifact, wanted, got) = (args.artifact.display(), lock.terms().key, key.id());
                return Err(Error::format(path, format!("`{artifact}` is locked with the key {wanted}, and this is {got}")));
            }
            Ok(Some(key))
        }
    }
}

/// Puts the logits in the place of the answers.
fn unlock(network: &Network, key: &Key, outcome: &mut Outcome) -> Result<()> {
    let answers = network.answers(outcome.timesteps, std::mem::take(&mut outcome.answers));
    let answers = answers.ok_or_else(|| Error::Internal("a locked network answers".into()))?;
    outcome.logits = answers.open(key).map_err(|e| Error::Internal(e.to_string()))?.logits;
    Ok(())
}

/// What was asked for, ascending; without that, powers of two from 4 to the artifact's number, and that.
fn timesteps(asked: &[usize], compiled: usize) -> Vec<usize> {
    let mut steps = asked.to_vec();
    if steps.is_empty() {
        steps = std::iter::successors(Some(4usize), |t| t.checked_mul(2)).take_while(|&t| t < compiled).collect();
        steps.push(compiled);
    }
    steps.sort_unstable();
    steps.dedup();
    steps
}

fn readable(args: &EvalArgs, measured: &Measured) -> String {
    let with_ann = measured.ann_top1.is_some();
    let (code, steps) = match measured.code {
        Code::Radix => ("radix", "digits"),
        Code::Rate => ("rate", "time steps"),
    };
    let heads = [steps, "latency", "one every", "top-1", "agreement", "spikes/neuron", "of -1", "synaptic ops", "energy", "behind input"];
    // Agreement wants another network, and spikes of -1 the rate code.
    let is_kept = |column: usize| (with_ann || column != 4) && (measured.code == Code::Rate || column != 6);
    let keep = |row: Vec<String>| row.into_iter().enumerate().filter(|(column, _)| is_kept(*column)).map(|(_, cell)| cell).collect();
    let mut rows: Vec<Vec<String>> = vec![keep(heads.map(str::to_owned).to_vec())];
    for at in &measured.snn {
        let activity = &at.activity;
        rows.push(keep(vec![
            at.timesteps.to_string(),
            at.latency.to_string(),
            at.interval.to_string(),
            format!("{:.2} %", at.top1),
            at.agreement.map(|a| format!("{a:.2} %")).unwrap_or_default(),
            format!("{:.3}", activity.spikes_per_neuron),
            format!("{:.3}", activity.corrections_per_neuron),
            si(activity.synaptic_ops),
            joules(activity.energy_pj),
            joules(activity.energy_pj_without_input_layer),
        ]));
    }
    let ann = &measured.ann_energy;
    let mut beside = |name: &str, top1: String, energy: f64, behind: f64| {
        let mut row = vec![String::new(); heads.len()];
        (row[0], row[3], row[8], row[9]) = (name.to_owned(), top1, joules(energy), joules(behind));
        rows.push(keep(row));
    };
    beside("int8 network", String::new(), ann.int8_pj, ann.int8_pj_without_input_layer);
    let top1 = measured.ann_top1.map_or_else(String::new, |top1| format!("{top1:.2} %"));
    beside("float network", top1, ann.float32_pj, ann.float32_pj_without_input_layer);
    let images = if measured.n == 1 { "1 image".to_owned() } else { format!("{} images", measured.n) };
    let data = args.data.display();
    let stopped = if measured.early_exit.is_empty() { String::new() } else { format!("\n{}", early_table(&measured.early_exit)) };
    format!(
        "{images} of `{data}`; {code} code; latency and distance of images in time steps; spikes, operations and energy an image\n\n{}{stopped}",
        table(&rows)
    )
}

fn early_table(stops: &[AtConfidence]) -> String {
    let mut rows = vec![["early exit at", "time steps", "top-1", "other class than after all"].map(str::to_owned).to_vec()];
    rows.extend(stops.iter().map(|at| {
        vec![at.confidence.to_string(), format!("{:.2}", at.timesteps), format!("{:.2} %", at.top1), format!("{:.2} %", at.other_class)]
    }));
    table(&rows)
}

#[cfg(test)]
mod tests {
    use super::timesteps;

    #[test]
    fn default_timesteps() {
        assert_eq!(timesteps(&[], 32), [4, 8, 16, 32]);
        assert_eq!(timesteps(&[], 20), [4, 8, 16, 20]);
        assert_eq!(timesteps(&[], 4), [4]);
        assert_eq!(timesteps(&[], 1), [1]);
        assert_eq!(timesteps(&[16, 4, 16], 32), [4, 16]);
    }
}
