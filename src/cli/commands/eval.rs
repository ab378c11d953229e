//! `snnc eval MODEL.snn --data FILE.npz`

use super::load_network;
use crate::{
    cli::{
        args::EvalArgs,
        numbers::{joules, si, table},
        outcome::{Failure, Outcome},
        output::print,
        process::set_threads,
        progress::{Console, Verbosity},
        render::Style,
    },
    data::{Images, Plan},
    error::{Error, Result},
    float::Ann,
    observer::Observer,
};
use serde::Serialize;
use snnc_runtime::{Energy, Network, argmax, artifact::Code};
use std::{process::ExitCode, time::Instant};

/// What was measured: the JSON object that scripts read.
#[derive(Clone, Debug, Serialize)]
struct Measured {
    /// Number of images.
    n: usize,
    /// Accuracy of the float network in percent.
    ann_top1: Option<f64>,
    /// The spiking network, by number of time steps.
    snn: Vec<AtTimesteps>,
}

/// The spiking network at a number of time steps. Per image, but for the percentages.
#[derive(Clone, Debug, Default, Serialize)]
struct AtTimesteps {
    timesteps: usize,
    /// Accuracy in percent.
    top1: f64,
    /// Images, in percent, whose class is that of the float network.
    agreement: Option<f64>,
    spikes_per_neuron: f64,
    /// Those of -1 among them.
    corrections_per_neuron: f64,
    synaptic_ops: f64,
    energy_pj: f64,
}

/// Runs the command.
pub(crate) fn run(args: &EvalArgs, style: &Style) -> Outcome {
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
    let network = load_network(&args.artifact)?;
    let images = Images::read_labelled(&args.data)?.take(args.limit.unwrap_or(usize::MAX));
    let labels = checked_labels(&images, network.classes())?;
    let input = &network.spec().input;
    let plan = Plan::new(&images, &input.shape, Some(input.layout), &input.preprocess)?;
    let ann = match &args.ann {
        Some(path) => Some(open_ann(args, path, &network, console)?),
        None => None,
    };
    let steps = match network.spec().code {
        // A number is its digits, and no fewer.
        Code::Radix if args.timesteps.is_empty() => vec![network.spec().timesteps],
        _ => timesteps(&args.timesteps, network.spec().timesteps),
    };

    let start = Instant::now();
    console.stage("evaluate", Some(images.count as u64));
    let mut ann_right = 0;
    let mut sums: Vec<Sums> = vec![Sums::default(); steps.len()];
    for first in (0..images.count).step_by(network.batch()) {
        let range = first..images.count.min(first + network.batch());
        let labels = &labels[range.clone()];
        let input = plan.convert(&images, range.clone());
        let expected = match &ann {
            Some(ann) => {
                let logits = ann.logits(&input, range.len())?;
                let classes: Vec<usize> = logits.chunks(network.classes()).map(argmax).collect();
                ann_right += same(&classes, labels);
                Some(classes)
            }
            None => None,
        };
        let outcomes = network.run_checkpoints(&input, &steps, range.start as u64).map_err(|e| Error::format(&args.data, e.to_string()))?;
        for (sum, outcome) in sums.iter_mut().zip(&outcomes) {
            let classes = outcome.predictions();
            let cost = network.cost(outcome);
            let count = range.len() as f64;
            sum.right += same(&classes, labels);
            sum.agreeing += expected.as_ref().map_or(0, |expected| same(&classes, expected));
            sum.spikes_per_neuron += cost.spikes_per_neuron() * count;
            sum.corrections_per_neuron += cost.corrections / cost.neurons.max(1) as f64 * count;
            sum.synaptic_ops += cost.synaptic_ops * count;
            sum.energy_pj += cost.energy_pj(Energy::FLOAT32_45NM) * count;
        }
        console.progress(range.end as u64);
    }
    console.stage_done(start.elapsed());

    let count = images.count as f64;
    let percent = |part: usize| 100.0 * part as f64 / count;
    Ok(Measured {
        n: images.count,
        ann_top1: ann.as_ref().map(|_| percent(ann_right)),
        snn: steps
            .iter()
            .zip(&sums)
            .map(|(&timesteps, sum)| AtTimesteps {
                timesteps,
                top1: percent(sum.right),
                agreement: ann.as_ref().map(|_| percent(sum.agreeing)),
                spikes_per_neuron: sum.spikes_per_neuron / count,
                corrections_per_neuron: sum.corrections_per_neuron / count,
                synaptic_ops: sum.synaptic_ops / count,
                energy_pj: sum.energy_pj / count,
            })
            .collect(),
    })
}

#[derive(Clone, Debug, Default)]
struct Sums {
    right: usize,
    agreeing: usize,
    spikes_per_neuron: f64,
    corrections_per_neuron: f64,
    synaptic_ops: f64,
    energy_pj: f64,
}

fn same(a: &[usize], b: &[usize]) -> usize {
    a.iter().zip(b).filter(|(a, b)| a == b).count()
}

fn checked_labels(images: &Images, classes: usize) -> Result<Vec<usize>> {
    let known = |label: i64| usize::try_from(label).ok().filter(|&label| label < classes);
    let check = |&label: &i64| {
        known(label).ok_or_else(|| {
            Error::format(&images.path, format!("array `y` holds the class {label}, but the network knows 0 to {}", classes - 1))
        })
    };
    images.labels.iter().flatten().map(check).collect()
}

fn open_ann(args: &EvalArgs, path: &std::path::Path, network: &Network, console: &Console) -> Result<Ann> {
    let spec = network.spec();
    let ann = Ann::open(path, spec.output.name.as_deref())?;
    let (artifact, model) = (args.artifact.display(), path.display());
    if ann.source_sha256() != spec.source.sha256 {
        console.say(&format!("note: `{artifact}` was not compiled from `{model}` as it is now"));
    }
    if ann.input_dims() != spec.input.shape || ann.classes() != network.classes() {
        return Err(Error::Usage(format!(
            "`{artifact}` and `{model}` cannot be compared: inputs [{}] and [{}], {} and {} classes",
            snnc_ir::types::Dims(&spec.input.shape),
            snnc_ir::types::Dims(ann.input_dims()),
            network.classes(),
            ann.classes()
        )));
    }
    Ok(ann)
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
    let heads = ["time steps", "top-1", "agreement", "spikes/neuron", "of -1", "synaptic ops", "energy"];
    let keep =
        |row: Vec<String>| row.into_iter().enumerate().filter(|(column, _)| with_ann || *column != 2).map(|(_, cell)| cell).collect();
    let mut rows: Vec<Vec<String>> = vec![keep(heads.map(str::to_owned).to_vec())];
    for at in &measured.snn {
        rows.push(keep(vec![
            at.timesteps.to_string(),
            format!("{:.2} %", at.top1),
            at.agreement.map(|a| format!("{a:.2} %")).unwrap_or_default(),
            format!("{:.3}", at.spikes_per_neuron),
            format!("{:.3}", at.corrections_per_neuron),
            si(at.synaptic_ops),
            joules(at.energy_pj),
        ]));
    }
    if let Some(top1) = measured.ann_top1 {
        rows.push(vec!["float network".to_owned(), format!("{top1:.2} %")]);
    }
    let images = if measured.n == 1 { "1 image".to_owned() } else { format!("{} images", measured.n) };
    format!("{images} of `{}`; spikes, operations and energy per image\n\n{}", args.data.display(), table(&rows))
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
