//! From the verified graph to the artifact.

use super::border;
use crate::{
    error::{Error, Result},
    options::{Bits, Code, InitialPotential, Layout, MoreDigits, Options, Preprocess, Weights},
};
use snnc_ir::{Head, LEAK_UNIT, NodeId, Operator, Phase, Reset, Verified};
use snnc_runtime::artifact::{self, Artifact, Coding, Data, InputSpec, NetworkSpec, NodeSpec, OpSpec, OutputSpec, Quantiser, Source};
use std::collections::{BTreeMap, BTreeSet};

/// What the graph does not know about itself.
pub struct Provenance<'a> {
    /// Of the ONNX file.
    pub source_sha256: &'a str,
    /// As given.
    pub options: &'a Options,
    /// Recorded form of the options.
    pub recorded: BTreeMap<String, serde_json::Value>,
    /// T of the rate code.
    pub timesteps: usize,
    /// Whether no parameter is the source network's, or was computed from one without training.
    pub is_fully_trained: bool,
    /// Input coding.
    pub coding: Coding,
    /// How values of the input become whole numbers.
    pub quantiser: &'a Quantiser,
    /// Layout of the input.
    pub layout: Layout,
    /// How pixels become input.
    pub preprocess: &'a Preprocess,
}

/// Writes the graph as an artifact.
///
/// # Errors
/// [`Error::Internal`] for a graph that is not yet whole, and if the runtime's own reader would refuse the result.
pub fn emit(verified: Verified<'_>, about: &Provenance<'_>) -> Result<Artifact> {
    let graph = verified.graph();
    if graph.phase != Phase::Whole {
        return Err(Error::Internal(format!("a graph that is {} cannot be emitted", graph.phase)));
    }
    let mut names = Names { keeps: about.options.keep_names, ..Names::default() };
    let mut tensors = BTreeMap::new();
    let mut nodes = Vec::new();
    let mut input = None;
    let mut digits = about.quantiser.digits;
    let mut named: BTreeMap<NodeId, String> = BTreeMap::new();
    for id in graph.topological() {
        let node = &graph[id];
        let name = names.take(node.origin.0.first().map_or(node.op.name(), String::as_str));
        named.insert(id, name.clone());
        if let Operator::RadixNeuron { digits: own, .. } = node.op {
            digits = digits.max(own);
        }
        let Some(op) = op_spec(&node.op)? else {
            input = Some(InputSpec {
                name,
                shape: node.ty.dims.clone(),
                layout: about.layout,
                coding: about.coding,
                quantiser: about.quantiser.clone(),
                preprocess: preprocess(about.preprocess, about.layout, &node.ty.dims),
            });
            continue;
        };
        let mut roles = BTreeMap::new();
        let mut folded = None;
        for (role, param) in node.op.params() {
            let tensor = &graph.param(param).tensor;
            let key = format!("{name}.{role}");
            let tensor = match &node.op {
                Operator::Shift { .. } => {
                    folded = border::fold(tensor, &node.ty.dims);
                    folded.as_ref().map_or(tensor, |(tensor, ..)| tensor)
                }
                _ => tensor,
            };
            tensors.insert(key.clone(), numbers(role, tensor));
            roles.insert(role.to_owned(), key);
        }
        let op = match folded {
            Some((_, rows, columns)) => OpSpec::Shift { rows: Some(rows), columns: Some(columns) },
            None => op,
        };
        nodes.push(NodeSpec {
            name,
            op,
            inputs: graph.operands(id).iter().map(|o| named[o].clone()).collect(),
            shape: node.ty.dims.clone(),
            spikes: node.ty.element == snnc_ir::Element::Spike,
            tensors: roles,
            origin: if about.options.keep_names { node.origin.0.clone() } else { Vec::new() },
        });
    }
    let output = graph.output().ok_or_else(|| Error::Internal("a verified graph has an output".into()))?;
    let is_radix = about.options.code == Code::Radix;
    let artifact = Artifact {
        graph: NetworkSpec {
            format: artifact::FORMAT.to_owned(),
            format_version: artifact::FORMAT_VERSION,
            compiler: concat!("snnc ", env!("CARGO_PKG_VERSION")).to_owned(),
            source: Source { sha256: about.source_sha256.to_owned() },
            phase: if about.is_fully_trained { artifact::Phase::Trained } else { artifact::Phase::Calibrated },
            code: if is_radix { artifact::Code::Radix } else { artifact::Code::Rate },
            options: about.recorded.clone(),
            seed: about.options.seed,
            timesteps: if is_radix { digits as usize } else { about.timesteps },
            input: input.ok_or_else(|| Error::Internal("a verified graph has an input".into()))?,
            nodes,
            output: OutputSpec {
                node: named[&output.node].clone(),
                // Whoever asked for a tensor by name wants to find it again; the first output has no need of one.
                name: (about.options.keep_names || about.options.output.is_some()).then(|| output.name.clone()),
                head: head(output.head),
                scale: output.scale,
                lock: None,
            },
        },
        tensors,
        lock: None,
    };
    // What is written must be readable: a disagreement with the runtime is found here, not by the user.
    artifact.check().map_err(|e| Error::Internal(format!("the runtime refuses what was emitted: {e}")))?;
    Ok(artifact)
}

/// A parameter of a whole graph, in the type of its role: weights in as few bits as they need.
fn numbers(role: &str, tensor: &snnc_ir::Tensor) -> artifact::Tensor {
    let of = |unit: f32| tensor.data.iter().map(move |v| (v / unit) as i32);
    let fits = tensor.data.iter().all(|v| v.abs() <= f32::from(i8::MAX));
    let data = match role {
        "weight" if fits => Data::I8(of(1.0).map(|v| v as i8).collect()),
        "weight" => Data::I16(of(1.0).map(|v| v as i16).collect()),
        "leak" => Data::I32(of(LEAK_UNIT).collect()),
        _ => Data::I32(of(1.0).collect()),
    };
    artifact::Tensor { dims: tensor.dims.clone(), data }
}

/// Names of nodes. Those of the source network tell of it what nobody needs to run the artifact, so they are left out unless asked for.
#[derive(Default)]
struct Names {
    keeps: bool,
    taken: BTreeSet<String>,
}

impl Names {
    /// `base`, or `base#2`, `base#3`, .. where that is taken; `n1`, `n2`, .. where names are not kept.
    fn take(&mut self, base: &str) -> String {
        if !self.keeps {
            let name = format!("n{}", self.taken.len());
            self.taken.insert(name.clone());
            return name;
        }
        let candidates = std::iter::once(base.to_owned()).chain((2..).map(|k| format!("{base}#{k}")));
        let free = candidates.into_iter().find(|n| !self.taken.contains(n)).expect("some number is free");
        self.taken.insert(free.clone());
        free
    }
}

/// `None` for the input, which is no node of the artifact.
fn op_spec(op: &Operator) -> Result<Option<OpSpec>> {
    Ok(Some(match op {
        Operator::Input => return Ok(None),
        Operator::Conv2d { geometry: g, .. } => OpSpec::Conv2d { stride: g.stride, dilation: g.dilation, pads: g.pads, groups: g.groups },
        Operator::Linear { .. } => OpSpec::Linear,
        Operator::Scale { .. } => OpSpec::Scale,
        Operator::Shift { .. } => OpSpec::shift(),
        Operator::Add => OpSpec::Add,
        Operator::SumPool2d { window: w } => OpSpec::SumPool2d { kernel: w.kernel, stride: w.stride, pads: w.pads, ceil: w.ceil },
        Operator::Sum { axes } => OpSpec::Sum { axes: axes.clone() },
        Operator::Concat { axis } => OpSpec::Concat { axis: *axis },
        Operator::Pad { pads, .. } => OpSpec::Pad { pads: pads.clone() },
        Operator::Slice { ranges } => {
            OpSpec::Slice { ranges: ranges.iter().map(|&(start, step, len)| (start, step as i64, len)).collect() }
        }
        Operator::Reshape { .. } => OpSpec::Reshape,
        Operator::Transpose { permutation } => OpSpec::Transpose { permutation: permutation.clone() },
        Operator::Neuron { leak, reset, .. } => {
            let reset = match reset {
                Reset::Soft => artifact::Reset::Soft,
                Reset::Signed => artifact::Reset::Signed,
                Reset::Hard => artifact::Reset::Hard,
            };
            if leak.is_some() { OpSpec::LifNeuron { reset } } else { OpSpec::IfNeuron { reset } }
        }
        Operator::CountMaxPool2d { window: w } => OpSpec::CountMaxPool2d { kernel: w.kernel, stride: w.stride, pads: w.pads, ceil: w.ceil },
        Operator::RadixNeuron { digits, levels, .. } => OpSpec::RadixNeuron { digits: *digits, levels: *levels },
        Operator::DigitMaxPool2d { window: w } => OpSpec::DigitMaxPool2d { kernel: w.kernel, stride: w.stride, pads: w.pads, ceil: w.ceil },
        Operator::BatchNorm { .. }
        | Operator::AveragePool2d { .. }
        | Operator::Mean { .. }
        | Operator::Relu
        | Operator::Clip { .. }
        | Operator::Floor
        | Operator::Round
        | Operator::ClipFloorShift { .. }
        | Operator::LeakyRelu { .. }
        | Operator::PRelu { .. }
        | Operator::MaxPool2d { .. }
        | Operator::Softmax { .. }
        | Operator::LogSoftmax { .. }
        | Operator::Sigmoid => return Err(Error::Internal(format!("`{}` has no place in an artifact", op.name()))),
    }))
}

fn head(head: Head) -> artifact::Head {
    match head {
        Head::None => artifact::Head::None,
        Head::Relu => artifact::Head::Relu,
        Head::Softmax => artifact::Head::Softmax,
        Head::LogSoftmax => artifact::Head::LogSoftmax,
        Head::Sigmoid => artifact::Head::Sigmoid,
    }
}

/// As the artifact wants it: features of a flat input are channels to it, so what stands for colours is written for each
/// feature. They are in the order height, width, colour.
fn preprocess(given: &Preprocess, layout: Layout, dims: &[usize]) -> Preprocess {
    let features = dims.iter().product();
    let each = |values: &[f32]| match layout {
        Layout::Flat if values.len() > 1 => values.iter().copied().cycle().take(features).collect(),
        _ => values.to_vec(),
    };
    Preprocess { scale: given.scale, mean: each(&given.mean), std: each(&given.std) }
}

/// The options as the artifact records them: what was asked, without paths.
#[must_use]
pub fn recorded(options: &Options) -> BTreeMap<String, serde_json::Value> {
    use crate::options::{Calibration, Scope, Threshold, Timesteps};
    use serde_json::json;
    let timesteps = match options.timesteps {
        Timesteps::Fixed(n) => json!(n),
        Timesteps::Auto => json!("auto"),
    };
    let (calibration, synthesis) = match &options.calibration {
        Calibration::Synthetic(method) => (json!("synthetic"), json!(method)),
        Calibration::File(_) => (json!("file"), json!(null)),
    };
    let threshold = match options.threshold {
        Threshold::Auto => "auto".to_owned(),
        Threshold::Rule(rule) => rule.to_string(),
    };
    let scope = options.threshold_scope.map(|scope| match scope {
        Scope::Channel => "channel",
        Scope::Layer => "layer",
    });
    let initial = match options.initial {
        InitialPotential::Half => json!("half"),
        InitialPotential::Zero => json!("zero"),
    };
    let weights = match options.weights {
        Weights::Auto => json!("auto"),
        Weights::Bits(Bits::Four) => json!(4),
        Weights::Bits(Bits::Eight) => json!(8),
        Weights::Bits(Bits::Sixteen) => json!(16),
    };
    let mut recorded = BTreeMap::from([
        ("code".to_owned(), json!(options.code)),
        ("digits-extra".to_owned(), json!(if options.more_digits == MoreDigits::Auto { "auto" } else { "none" })),
        ("weights".to_owned(), weights),
        ("input-digits".to_owned(), json!(options.input_digits)),
        ("timesteps".to_owned(), timesteps),
        ("coding".to_owned(), json!(options.coding)),
        ("calibration".to_owned(), calibration),
        ("synthesis".to_owned(), synthesis),
        ("samples".to_owned(), json!(options.samples)),
        ("synthesis-steps".to_owned(), json!(options.synthesis_steps)),
        ("budget".to_owned(), json!(options.budget)),
        ("spikes".to_owned(), json!(options.spikes)),
        ("threshold".to_owned(), json!(threshold)),
        ("threshold-per".to_owned(), json!(scope)),
        ("v-init".to_owned(), initial),
        ("reset".to_owned(), json!(if options.hard_reset { "hard" } else { "soft" })),
        ("leak".to_owned(), json!(options.leak)),
        ("training".to_owned(), training(&options.training)),
        ("output".to_owned(), json!(options.output)),
    ]);
    // Few ask for it.
    for (name, bits) in [("bias-bits", options.bias_bits), ("threshold-bits", options.threshold_bits)] {
        recorded.extend(bits.map(|bits| (name.to_owned(), json!(bits))));
    }
    // What the other code alone knows says nothing of this one.
    let of_the_other: &[&str] = match options.code {
        Code::Radix => &["spikes", "reset", "leak", "coding"],
        Code::Rate => &["digits-extra"],
    };
    recorded.retain(|name, _| !of_the_other.contains(&name.as_str()));
    recorded
}

/// Everything that shapes a training; nothing, where there was to be none.
fn training(training: &crate::options::Training) -> serde_json::Value {
    use serde_json::json;
    if training.train == crate::options::Train::None {
        return json!("none");
    }
    json!({
        "train": training.train,
        "samples": training.samples,
        "epochs": training.epochs,
        "batch": training.batch,
        "learning-rate": training.rate,
        "temperature": training.temperature,
        "cross-entropy": training.cross_entropy,
        "surrogate": training.surrogate,
        "through-reset": training.through_reset,
        "hints": training.hints,
        "weight-decay": training.weight_decay,
        "clip": training.clip,
        "freeze": training.frozen,
    })
}
