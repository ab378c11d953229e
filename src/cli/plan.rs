//! How the runtime goes about a network, as text: for `snnc run --explain`, and what `snnc bench` says of it too.

use super::numbers::{si, table};
use snnc_runtime::{Code, Domain, Network, PlannedStep};
use std::{fmt::Write, path::Path};

/// The plan of a network.
pub(super) fn text(path: &Path, network: &Network) -> String {
    let steps = network.steps();
    let by_events = steps.iter().any(|step| step.most_events > 0.0);
    let heads = ["step", "domain", "kernel", "operand", "products", "events", "parameters", "result"];
    let keep =
        |row: Vec<String>| row.into_iter().enumerate().filter(|(column, _)| by_events || *column != 5).map(|(_, cell)| cell).collect();
    let mut rows: Vec<Vec<String>> = vec![keep(heads.map(str::to_owned).to_vec())];
    for step in &steps {
        rows.push(keep(vec![
            nodes(network, step),
            step.domain.name().to_owned(),
            step.kernel.to_owned(),
            format!("{} bits", step.operand_bits),
            or_blank(step.products),
            if step.most_events > 0.0 { format!("{:.1} %", 100.0 * step.most_events) } else { String::new() },
            bytes(step.parameter_bytes),
            bytes(step.result_bytes),
        ]));
    }
    let mut text = format!("{}\n\n{}\n", heading(path, network, network.spec().timesteps), table(&rows));
    let has = |domain: Domain| steps.iter().any(|step| step.domain == domain);
    let mut line = |line: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}");
    };
    if has(Domain::Count) {
        line("count: once an image, over what all digits of a window say together");
    }
    if has(Domain::Constant) {
        line("constant: once an image, for all time steps; products and results an image");
    }
    if has(Domain::Time) {
        line("time: at every time step; products and results an image and time step");
    }
    if by_events {
        line(
            "events: a product goes by its operand's spikes, and leaves out what is 0, where at most so many of 100 entries spike; whether they \
             do is seen in every run",
        );
    }
    let (parameters, arena) = network.memory();
    let batch = network.batch();
    let together = if batch == 1 { "1 image".to_owned() } else { format!("{batch} images") };
    let pass = if network.spec().code == Code::Rate { ", of the time steps that go through a step together" } else { "" };
    line(&format!("memory: parameters {}, values of {together}{pass} {}", bytes(parameters), bytes(arena)));
    text
}

/// What is run, how long and on what.
pub(super) fn heading(path: &Path, network: &Network, timesteps: usize) -> String {
    let (code, steps) = match network.spec().code {
        Code::Radix => ("radix", "digits"),
        Code::Rate => ("rate", "time steps"),
    };
    format!("{}: {code} code, {timesteps} {steps}; instructions: {}", path.display(), network.isa().name())
}

/// The nodes of a step, with their operators.
pub(super) fn nodes(network: &Network, step: &PlannedStep) -> String {
    let operator = |name: &str| network.spec().nodes.iter().find(|node| node.name == name).map_or("", |node| node.op.name());
    let names: Vec<String> = step.nodes.iter().map(|name| format!("{name} {}", operator(name))).collect();
    names.join(" + ")
}

/// Bytes for people.
pub(super) fn bytes(bytes: usize) -> String {
    match bytes {
        0 => String::new(),
        _ if bytes < 1000 => format!("{bytes} B"),
        _ => format!("{}B", si(bytes as f64)),
    }
}

/// A number for people; nothing for 0.
pub(super) fn or_blank(count: u64) -> String {
    if count == 0 { String::new() } else { si(count as f64) }
}
