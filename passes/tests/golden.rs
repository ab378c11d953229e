//! Golden tests of the passes: `tests/passes/<pass>/<case>.ir`.
//!
//! A case is a graph in the text form, a line `;---`, and the graph that the passes make of it. Header lines set the case up:
//!
//! ```text
//! ;! passes = fold-batch-norm          the passes to run; the folder's name if left out
//! ;! code = rate | radix               settings, with their defaults if left out
//! ;! timesteps = 8                     of the rate code
//! ;! digits = 8                        of the radix code
//! ;! bits = 4 | 8 | 16
//! ;! bias-bits = 8                     that biases must fit in; no limit if left out
//! ;! threshold-bits = 8                that thresholds must
//! ;! input = 255                       the largest value of the input in whole numbers
//! ;! threshold = least-squares | balance | batch-norm=K | max | percentile=P | fixed=V
//! ;! per = channel | layer             whose thresholds they are; the rule's own way if left out
//! ;! spikes = signed | binary
//! ;! reach = 1                         what samples reach at every node, on both sides of 0; no samples if left out
//! ;! meaning = changes                 for the passes that change what the float network computes
//! ;! means = corrected                 `to-integers` knows what spikes stand for, and makes up for shifted means
//! ;! error = 0.01                      how far outputs may be off that were rounded to whole numbers, in largest outputs
//! ```
//!
//! The golden part shows the form. The meaning is checked beside it: the reference evaluator runs before and after, as a
//! float network (in spiking graphs: the rate twin), and must agree. Where `to-integers` is among the passes, it runs in the code instead, on
//! images of whole numbers: the outputs times their scale must be those before, up to `error`; the graph must belong in phase `Whole`; and no
//! current and no potential of it can reach 2^31, whatever the image.
//!
//! `SNNC_BLESS=1 cargo test -p snnc-passes` rewrites the golden parts.

mod common;

use snnc_ir::{
    Code, Graph, NodeId, Operator, ParamId, Provenance, Reset, Tensor,
    eval::{self, Mode},
    text,
};
use snnc_passes::{
    Activations, Bits, Calibration, Changed, PassCx, PassError, Settings, Traces, Training, manager, ranges_up_to,
    threshold::{Counting, Firing, Neuron, Recorded, Rule, Scope},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/passes")
}

/// Deterministic images in [-1, 1).
fn images(graph: &Graph, count: usize) -> Tensor {
    let input = graph.input().expect("verified");
    let mut dims = graph[input].ty.dims.clone();
    dims[0] = count;
    let mut state = 0x1234_5678_9ABC_DEF0u64;
    let len = dims.iter().product();
    let data = (0..len)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 40) as f32 / (1 << 23) as f32) - 1.0
        })
        .collect();
    Tensor::new(dims, data)
}

/// The reference evaluator as the running network that calibrating passes ask.
struct Reference {
    images: Tensor,
    mode: Mode,
    timesteps: usize,
    targets: BTreeMap<NodeId, Activations>,
    answers: Activations,
}

impl Reference {
    fn new(graph: &Graph, images: Tensor, settings: &Settings) -> Self {
        let results = eval::run_all(graph, &images, Mode::Float).expect("the case runs");
        let targets = graph
            .node_ids()
            .into_iter()
            .map(|node| {
                let mut data = results[&node].data.clone();
                if let Operator::Neuron { threshold, .. } | Operator::RadixNeuron { threshold, .. } = graph[node].op {
                    let theta = &graph.param(threshold).tensor.data;
                    let plane = graph[node].ty.plane();
                    data.iter_mut().enumerate().for_each(|(i, v)| *v *= theta[i / plane % theta.len()]);
                }
                (node, activations(graph, node, data))
            })
            .collect();
        let output = graph.output().expect("verified").node;
        let answers = activations(graph, output, results[&output].data.clone());
        Self { images, mode: common::mode(settings), timesteps: settings.timesteps, targets, answers }
    }
}

fn activations(graph: &Graph, node: NodeId, data: Vec<f32>) -> Activations {
    Activations { channels: graph[node].ty.channels(), plane: graph[node].ty.plane(), data }
}

/// Neurons as the evaluator steps them.
impl Firing for Reference {
    fn counts(&self, neuron: Neuron, threshold: f32, currents: &[f32], counts: &mut [f32]) {
        let (len, theta) = (counts.len(), f64::from(threshold));
        let steps = currents.len() / len;
        let start = f64::from(neuron.initial) * theta;
        for (place, count) in counts.iter_mut().enumerate() {
            let current = |step: usize| f64::from(currents[step.min(steps - 1) * len + place]);
            *count = match neuron.counting {
                Counting::Rate { timesteps, reset } => eval::neuron_sum(start, (0..timesteps).map(current), theta, 1.0, reset),
                Counting::Radix { levels } => ((current(0) + start) / theta).floor().clamp(0.0, f64::from(levels)),
            } as f32;
        }
    }
}

impl Calibration for Reference {
    fn target(&mut self, neuron: NodeId) -> Result<Activations, String> {
        Ok(self.targets[&neuron].clone())
    }

    fn answers(&mut self) -> Result<Activations, String> {
        Ok(self.answers.clone())
    }

    fn mean(&mut self, graph: &Graph, node: NodeId) -> Result<Activations, String> {
        let results = eval::run_all(graph, &self.images, self.mode).map_err(|e| e.to_string())?;
        Ok(activations(graph, node, results[&node].data.clone()))
    }

    fn traces(&mut self, graph: &Graph, node: NodeId, places: usize) -> Result<Traces, String> {
        let steps = if self.mode == Mode::Radix {
            vec![self.mean(graph, node)?]
        } else {
            // Running to every T in turn gives the sums up to T, and with them what each step brings.
            let (mut before, mut steps) = (None, Vec::new());
            for t in 1..=self.timesteps {
                let results = eval::run_all(graph, &self.images, Mode::Spiking { timesteps: t }).map_err(|e| e.to_string())?;
                let sums: Vec<f32> = results[&node].data.iter().map(|m| m * t as f32).collect();
                let step = before.map_or_else(|| sums.clone(), |b: Vec<f32>| sums.iter().zip(&b).map(|(s, b)| s - b).collect());
                steps.push(activations(graph, node, step));
                before = Some(sums);
            }
            steps
        };
        let (channels, plane) = (steps[0].channels, steps[0].plane);
        let count = (steps[0].images() * plane).min(places);
        let data = (0..channels).flat_map(|c| steps.iter().flat_map(move |s| s.channel(c).take(count).collect::<Vec<_>>())).collect();
        Ok(Traces { steps: steps.len(), places: (0..count).map(|k| (k / plane, k % plane)).collect(), data })
    }

    fn recorded(&self, _: NodeId) -> Option<&Recorded> {
        None
    }

    fn changed(&mut self, _: &Graph, _: NodeId) {}
}

/// A training that doubles what is no constant of the compiler.
struct Doubling;

impl Training for Doubling {
    fn train(&mut self, graph: &Graph) -> Result<Vec<(ParamId, Tensor)>, String> {
        let learned = graph.params().filter(|(_, p)| p.provenance != Provenance::Fixed);
        Ok(learned.map(|(id, p)| (id, p.tensor.map(|v| 2.0 * v))).collect())
    }
}

struct Case {
    header: String,
    before: String,
    after: String,
    passes: Vec<String>,
    settings: Settings,
    reach: Option<f32>,
    keeps_meaning: bool,
    corrects_means: bool,
    error: f64,
}

fn read(path: &Path, pass: &str) -> Case {
    let content = fs::read_to_string(path).expect("the case is readable");
    let (head, after) = content.split_once(";---\n").unwrap_or((&content, ""));
    let (header, before): (Vec<&str>, Vec<&str>) = head.lines().partition(|l| l.starts_with(";!"));
    let mut case = Case {
        header: header.iter().map(|l| format!("{l}\n")).collect(),
        before: before.join("\n").trim().to_owned() + "\n",
        after: after.to_owned(),
        passes: vec![pass.to_owned()],
        settings: Settings { timesteps: 8, ..Settings::default() },
        reach: None,
        keeps_meaning: true,
        corrects_means: false,
        error: 0.01,
    };
    for line in header {
        let (key, value) = line.trim_start_matches(";!").split_once('=').expect("a header line is `;! key = value`");
        let value = value.trim();
        match key.trim() {
            "passes" => case.passes = value.split(',').map(|p| p.trim().to_owned()).collect(),
            "code" => case.settings.code = if value == "radix" { Code::Radix } else { Code::Rate },
            "bits" => {
                case.settings.bits = match value {
                    "4" => Bits::Four,
                    "16" => Bits::Sixteen,
                    _ => Bits::Eight,
                }
            }
            "threshold-bits" => case.settings.threshold_bits = Some(value.parse().expect("a number")),
            "bias-bits" => case.settings.bias_bits = Some(value.parse().expect("a number")),
            "per" => case.settings.scope = Some(if value == "layer" { Scope::Layer } else { Scope::Channel }),
            "input" => case.settings.input_levels = value.parse().expect("a number"),
            "means" => case.corrects_means = value == "corrected",
            "error" => case.error = value.parse().expect("a number"),
            "timesteps" | "digits" => case.settings.timesteps = value.parse().expect("a number"),
            "reach" => case.reach = Some(value.parse().expect("a number")),
            "meaning" => case.keeps_meaning = value != "changes",
            "spikes" => case.settings.reset = if value == "binary" { Reset::Soft } else { Reset::Signed },
            "threshold" => {
                let number = |v: &str| v.parse().expect("a number");
                case.settings.threshold = match (value, value.split_once('=')) {
                    ("max", _) => Rule::Max,
                    ("balance", _) => Rule::Balance,
                    ("least-squares", _) => Rule::LeastSquares,
                    (_, Some(("percentile", p))) => Rule::Percentile(number(p)),
                    (_, Some(("batch-norm", k))) => Rule::BatchNorm(number(k)),
                    (_, Some(("fixed", v))) => Rule::Fixed(number(v)),
                    _ => panic!("{}: unknown threshold rule `{value}`", path.display()),
                }
            }
            other => panic!("{}: unknown header `{other}`", path.display()),
        }
    }
    case
}

fn check(path: &Path, pass: &str) -> Result<(), String> {
    let case = read(path, pass);
    let mut graph = text::parse(&case.before).map_err(|e| e.to_string())?;
    let before = graph.clone();
    let rounds = case.passes.iter().any(|pass| pass == "to-integers");
    let samples = if rounds { common::whole_images(&graph, 8, case.settings.input_levels) } else { images(&graph, 8) };
    let mut reference = Reference::new(&graph, samples, &case.settings);
    let worth = worth(&graph);
    let mut training = Doubling;
    let ranges = case.reach.map(|reach| ranges_up_to(&graph, reach));
    let worth = case.corrects_means.then_some(&worth);
    let mut cx = PassCx { worth, calibration: Some(&mut reference), training: Some(&mut training), ..PassCx::new(&case.settings) }
        .with_ranges(ranges.as_ref());
    let mut refused = None;
    for name in &case.passes {
        let pass = snnc_passes::find(name).ok_or_else(|| format!("no pass is named `{name}`"))?;
        match manager::run(pass, &mut graph, &mut cx, &mut |_, _, _, _| ()) {
            Ok(_) => {}
            Err(PassError::User(diagnostic)) => refused = Some(format!("; {diagnostic}\n")),
            Err(PassError::Bug(message)) => return Err(message),
        }
    }
    let result = refused.clone().unwrap_or_else(|| text::print(&graph));
    if case.keeps_meaning && refused.is_none() {
        if rounds {
            let (_, error) = common::whole_difference(&before, &graph, &case.settings)?;
            if error > case.error {
                return Err(format!("in whole numbers, an output is off by {error} of the largest:\n{result}"));
            }
        } else {
            same_meaning(&before, &graph)?;
        }
        // A pass accepts what it leaves.
        let again = case.passes.iter().try_fold(Changed::No, |_, name| {
            let pass = snnc_passes::find(name).expect("it ran above");
            manager::run(pass, &mut graph.clone(), &mut cx, &mut |_, _, _, _| ())
        });
        assert!(again.is_ok(), "{again:?}");
    }
    if std::env::var_os("SNNC_BLESS").is_some() {
        let content = format!("{}{}\n;---\n{result}", case.header, case.before.trim_end());
        return fs::write(path, content).map_err(|e| e.to_string());
    }
    if result == case.after { Ok(()) } else { Err(format!("expected\n{}\nfound\n{result}", case.after)) }
}

/// What a spike of neurons stands for.
fn worth(graph: &Graph) -> BTreeMap<NodeId, Vec<f32>> {
    let of = |node: NodeId| match graph[node].op {
        Operator::Neuron { threshold, .. } | Operator::RadixNeuron { threshold, .. } => {
            Some((node, graph.param(threshold).tensor.data.clone()))
        }
        _ => None,
    };
    graph.node_ids().into_iter().filter_map(of).collect()
}

fn same_meaning(before: &Graph, after: &Graph) -> Result<(), String> {
    let images = images(before, 3);
    let run = |graph: &Graph| -> Result<Tensor, String> {
        let logits = eval::run(graph, &images, Mode::Float).map_err(|e| e.to_string())?;
        Ok(eval::apply_head(graph.output().expect("verified").head, &logits))
    };
    let (a, mut b) = (run(before)?, run(after)?);
    // Of the two scores that `split-score` makes of one, the second is what there was.
    if a.data.len() < b.data.len() {
        b.data = b.data.chunks(b.data.len() / a.data.len()).filter_map(|scores| scores.last().copied()).collect();
    }
    assert_eq!(a.data.len(), b.data.len());
    let size = a.data.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
    let error = a.data.iter().zip(&b.data).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max) / size;
    if error < 1e-5 { Ok(()) } else { Err(format!("the evaluator finds another function: relative error {error}")) }
}

#[test]
fn cases() {
    let mut failures = Vec::new();
    let mut count = 0;
    for pass in snnc_passes::all() {
        let folder = folder().join(pass.name());
        let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
            .unwrap_or_else(|_| panic!("pass `{}` has no folder tests/passes/{0}", pass.name()))
            .map(|entry| entry.expect("readable").path())
            .collect();
        paths.sort();
        assert!(!paths.is_empty(), "pass `{}` has no case", pass.name());
        for path in paths {
            count += 1;
            if let Err(message) = check(&path, pass.name()) {
                failures.push(format!("{}:\n{message}", path.display()));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {count} cases failed; SNNC_BLESS=1 rewrites what is meant to change\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

#[test]
fn no_folder_without_a_pass() {
    let known: BTreeSet<String> = snnc_passes::all().iter().map(|p| p.name().to_owned()).collect();
    for entry in fs::read_dir(folder()).expect("tests/passes exists") {
        let name = entry.expect("readable").file_name().to_string_lossy().into_owned();
        assert!(known.contains(&name), "tests/passes/{name} belongs to no pass");
    }
}

#[test]
fn file_names_follow_pass_names() {
    for pass in snnc_passes::all() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(pass.name().replace('-', "_"));
        let is_there = file.with_extension("rs").exists() || file.join("mod.rs").exists();
        assert!(is_there, "pass `{}` lives in {}", pass.name(), file.display());
    }
}
