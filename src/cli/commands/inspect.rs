//! `snnc inspect FILE`

use super::read_artifact;
use crate::{
    artifact::lift,
    cli::{
        args::InspectArgs,
        files,
        locked::refuse,
        numbers::{si, table},
        outcome::{Failure, Outcome},
        output::print,
        progress::{Console, Verbosity},
        render::Style,
        secrets::open,
        target,
    },
    error::{Error, Result},
    float::canonical,
    report::{html::middle, provenance},
};
use snnc_ir::{Graph, Phase, types::Dims};
use snnc_runtime::{
    Artifact, Code, Network, NetworkSpec, OpSpec,
    locked::{Answer, DEGREE, MODULUS_BITS, SECURITY},
};
use snnc_targets::{Profile, misfits};
use std::{fmt::Write, path::Path, process::ExitCode};

/// Characters of a node's name in a table: what TensorFlow Lite fuses has the names of all that was fused.
const LONGEST_NAME: usize = 60;

/// Runs the command.
pub(crate) fn run(args: &InspectArgs, style: &Style) -> Outcome {
    let path = args.file.as_path();
    let about = Failure::about(path, "inspect");
    let target = args.target.as_deref().map(target::read).transpose().map_err(&about)?;
    let head = args.opening.keys().and_then(|keys| open(path, &keys)).map_err(&about)?;
    if is_artifact(&head) {
        let artifact = read_artifact(path, &head).map_err(&about)?;
        if args.provenance {
            let bytes = files::read(path).map_err(&about)?;
            let statement = provenance::statement(&files::named(path, &bytes), &artifact.graph, None, None);
            print(files::json(&statement).map_err(&about)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        print(artifact_text(path, &artifact).map_err(&about)?)?;
        if let Some(profile) = &target {
            refuse(path, &artifact.graph, "no chip holds", "compare the network before its lock").map_err(&about)?;
            fits(&lift(&artifact).map_err(&about)?, profile, path)?;
        }
    } else if args.provenance {
        return Err(about(Error::format(path, "is no artifact: --provenance says how one came to be")));
    } else {
        drop(head);
        let mut console = Console::new(style.clone(), Verbosity::Normal, path.display().to_string());
        // A model that cannot be converted is what one wants to hear about here: the diagnostics are the answer.
        let about = Failure::about(path, "convert");
        let (imported, canonical) = canonical(path, args.output.as_deref(), &mut console).map_err(&about)?;
        let mut text = format!("{}: ONNX, opset {}", path.display(), imported.opset);
        if !imported.producer.is_empty() {
            let _ = write!(text, ", by {}", imported.producer);
        }
        let _ = writeln!(text, "\nsha256      {}", imported.source_sha256);
        text += &model_text(&imported.graph, &canonical);
        print(text)?;
        if let Some(profile) = &target {
            fits(&canonical, profile, path)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says whether a network fits a target.
fn fits(graph: &Graph, profile: &Profile, path: &Path) -> std::result::Result<(), Failure> {
    let about = Failure::about(path, "fit");
    target::held(&misfits(graph, profile), profile).map_err(about)?;
    let only = if graph.phase == Phase::Whole { "" } else { ", as far as a model tells before it is compiled" };
    print(format!("\nfits `{}`{only}\n", profile.name))
}

/// Whether bytes begin as a safetensors file: the length of a JSON object, then the object.
fn is_artifact(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return false };
    rest.first() == Some(&b'{') && usize::try_from(u64::from_le_bytes(*length)).is_ok_and(|n| n <= rest.len())
}

fn artifact_text(path: &Path, artifact: &Artifact) -> Result<String> {
    let network = Network::new(artifact.clone()).map_err(|e| Error::format(path, e.to_string()))?;
    let spec = &artifact.graph;
    let parameters: usize = artifact.tensors.values().map(|t| t.data.len()).sum();
    let mut text = format!("{}: spiking network, format version {}, by {}\n", path.display(), spec.format_version, spec.compiler);
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<12}{value}");
    };
    line("source", format!("sha256 {}", spec.source.sha256));
    line("phase", word(&spec.phase));
    line("code", word(&spec.code));
    let schedule = network.schedule();
    let is_radix = spec.code == Code::Radix;
    line(if is_radix { "digits" } else { "time steps" }, spec.timesteps.to_string());
    line("latency", format!("{} time steps, one image every {}", schedule.latency, schedule.interval));
    if is_radix {
        line("delay lines", format!("{} bits", schedule.delay_bits));
    }
    line("seed", spec.seed.to_string());
    line("input", format!("`{}` [{}], layout {}, {}", spec.input.name, Dims(&spec.input.shape), word(&spec.input.layout), coding(spec)));
    let preprocess = &spec.input.preprocess;
    line("pixels", format!("(x/{} - {})/{}", preprocess.scale, numbers(&preprocess.mean), numbers(&preprocess.std)));
    line(
        "output",
        format!(
            "{}node `{}`, {} classes, head {}",
            spec.output.name.as_ref().map_or_else(String::new, |name| format!("`{name}`, ")),
            spec.output.node,
            network.classes(),
            word(&spec.output.head)
        ),
    );
    if let Some(lock) = network.lock() {
        let bytes = artifact.lock.as_ref().map_or(0, Vec::len);
        line(
            "read-out",
            format!("locked with the key {}: {} classes of {} features", lock.terms().key, lock.terms().classes, lock.features()),
        );
        line("lock", format!("{}B; an answer has {}B", si(bytes as f64), si(Answer::len(lock.terms().classes) as f64)));
        let bound = lock.bound();
        line(
            "ciphertexts",
            format!("BFV, degree {DEGREE}, modulus of {MODULUS_BITS} bits, sums of {} bits; unaudited", lock.terms().plain_bits),
        );
        line("security", format!("{SECURITY} bits by the guidelines of 2024; features are hidden by {} bits of flooding", bound.hiding()));
    }
    for (name, value) in &spec.options {
        line("option", format!("{name} = {value}"));
    }
    text.push('\n');
    let mut rows = vec![["node", "operator", "shape", "neurons", "digits", "parameters", "bits"].map(str::to_owned).to_vec()];
    let mut neurons = 0;
    for node in &spec.nodes {
        let size: usize = node.shape.iter().product();
        let digits = match node.op {
            OpSpec::RadixNeuron { digits, .. } => Some(digits.to_string()),
            OpSpec::IfNeuron { .. } | OpSpec::LifNeuron { .. } => Some(String::new()),
            _ => None,
        };
        neurons += if digits.is_some() { size } else { 0 };
        let count: usize = node.tensors.values().filter_map(|name| artifact.tensors.get(name)).map(|t| t.data.len()).sum();
        let weight = node.tensors.get("weight").and_then(|name| artifact.tensors.get(name));
        rows.push(vec![
            node.name.clone(),
            node.op.name().to_owned(),
            Dims(&node.shape).to_string(),
            if digits.is_some() { size.to_string() } else { String::new() },
            digits.unwrap_or_default(),
            if count > 0 { count.to_string() } else { String::new() },
            weight.map_or_else(String::new, |weight| weight.data.bits().to_string()),
        ]);
    }
    let nodes = format!("{} nodes", spec.nodes.len());
    rows.push(vec!["total".into(), nodes, String::new(), neurons.to_string(), String::new(), parameters.to_string()]);
    text += &table(&rows);
    Ok(text)
}

fn coding(spec: &NetworkSpec) -> String {
    let kind = match spec.input.coding {
        snnc_runtime::Coding::Digits => "digits",
        snnc_runtime::Coding::Direct => "constant currents",
        snnc_runtime::Coding::Poisson => "random spikes",
    };
    let quantiser = &spec.input.quantiser;
    format!("{kind} of round(x/{} + {}), {} bits", numbers(&quantiser.step), numbers(&quantiser.zero), quantiser.digits)
}

/// A word of the artifact, as it stands in its JSON.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "?".into(),
    }
}

/// One number, or several in brackets.
fn numbers(values: &[f32]) -> String {
    match values {
        [one] => one.to_string(),
        _ if values.len() > 8 => format!("[{} values]", values.len()),
        _ => format!("{values:?}"),
    }
}

fn model_text(imported: &Graph, canonical: &Graph) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<12}{value}");
    };
    if let Some(input) = imported.input() {
        line("input", format!("`{}` {}", imported[input].origin, imported[input].ty));
    }
    if let Some(output) = imported.output() {
        line("output", format!("`{}` {}", output.name, imported[output.node].ty));
        if imported[output.node].ty.len() == 1 {
            line("classes", "2 by one score: class 1 where it is above 0, or its sigmoid above a half".into());
        }
    }
    let parameters: usize = imported.params().map(|(_, p)| p.tensor.data.len()).sum();
    let total: usize = canonical.topological().into_iter().map(|id| canonical.macs(id)).sum();
    line("parameters", si(parameters as f64));
    line("multiplies", format!("{} for an image", si(total as f64)));
    line("converts", format!("yes: {} nodes, {} after canonicalisation", imported.len(), canonical.len()));
    text.push('\n');
    let mut rows = vec![["node", "operator", "result", "parameters", "multiplies"].map(str::to_owned).to_vec()];
    for id in imported.topological() {
        let node = &imported[id];
        let parameters: usize = node.op.params().into_iter().map(|(_, p)| imported.param(p).tensor.data.len()).sum();
        let or_blank = |n: usize| if n > 0 { n.to_string() } else { String::new() };
        rows.push(vec![
            middle(&node.origin.to_string(), LONGEST_NAME),
            node.op.name().to_owned(),
            node.ty.to_string(),
            or_blank(parameters),
            or_blank(imported.macs(id)),
        ]);
    }
    text + &table(&rows)
}
