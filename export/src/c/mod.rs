//! A network as C for microcontrollers: one file of C99 without allocation, without floating point, without a library.
//!
//! The file is a header with its implementation: who includes it gets declarations, and one source file of a program defines
//! `SNN_NAME_IMPLEMENTATION` before it does, which adds tables and functions. All memory is static, all arithmetic whole numbers of 32 bits
//! (sums over time steps, leaks and Poisson coding: of 64), and what comes out is, to the last bit, what the runtime says.
//!
//! In the radix code the network runs in counts (section 4.3 of `docs/artifact.md`), in the rate code step by step. `docs/microcontrollers.md`
//! says how to use it.

mod body;
mod frame;
mod loops;
mod pixels;
mod plan;
mod text;

use body::Writer;
use frame::Frame;
use plan::{Plan, Type};
use snnc_runtime::{Artifact, Coding, LoadError, Network};

/// Most time steps of a run of the rate code in C: counters of spikes have 16 bits.
const MAX_TIMESTEPS: usize = u16::MAX as usize;

/// A network in C.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file.
    pub text: String,
    /// Bytes of constant tables, which lie in flash memory.
    pub flash: usize,
    /// Bytes of static memory. Image and scores are the caller's, and a call takes less than 200 bytes of stack.
    pub ram: usize,
}

/// Why there is no C.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The artifact violates the specification.
    #[error(transparent)]
    Artifact(#[from] LoadError),
    /// It is too large.
    #[error("its parameters take {flash} bytes of flash memory, more than {limit}; node `{node}` takes most of them, {bytes}")]
    Size {
        /// Bytes of all tables.
        flash: usize,
        /// What is allowed.
        limit: usize,
        /// The node with the largest tables.
        node: String,
        /// Their bytes.
        bytes: usize,
    },
}

/// The part of a file's name, or of another, that can stand in names of C: letters, digits and underscores, in lower case.
#[must_use]
pub fn identifier(name: &str) -> String {
    let word: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let word = word.trim_matches('_');
    if word.is_empty() { "model".to_owned() } else { word.to_owned() }
}

/// A network in C, with names that begin with `snn_` and `name`, which is made an [`identifier`]. `limit` is how many bytes its tables may take.
///
/// # Errors
/// If the artifact is none, or its parameters are more than the limit.
pub fn source(artifact: &Artifact, name: &str, limit: usize) -> Result<Source, Error> {
    let network = Network::new(artifact.clone())?;
    check_size(artifact, limit)?;
    let prefix = format!("snn_{}", identifier(name));
    let upper = prefix.to_uppercase();
    let plan = Plan::new(artifact)?;
    let mut writer = Writer::new(&plan, &prefix);
    let stages: Vec<String> = plan.stages.iter().map(|stage| writer.stage(stage)).collect();
    let resets: Vec<Option<String>> = plan.stages.iter().map(|stage| writer.reset(stage)).collect();
    let frame = Frame { plan: &plan, prefix: &prefix, upper: &upper, max_timesteps: network.max_timesteps().min(MAX_TIMESTEPS) };
    let reader = frame.pixels();
    let flash = writer.flash + reader.as_ref().map_or(0, |reader| reader.flash);
    let ram = writer.state + plan.area_bytes();
    let mut text = frame.declarations(reader.as_ref(), network.classes(), flash, ram);
    text += &format!("\n#if defined({upper}_IMPLEMENTATION) && !defined({upper}_IMPLEMENTED)\n#define {upper}_IMPLEMENTED\n\n");
    for (kind, entries) in Type::ALL.into_iter().zip(plan.areas).filter(|(_, entries)| *entries > 0) {
        text += &format!("static {} {prefix}_{}[{entries}];\n", kind.name(), kind.word());
    }
    if artifact.graph.nodes.iter().any(|node| node.tensors.contains_key("leak")) {
        text += &leak(&prefix);
    }
    for (stage, reset) in stages.iter().zip(&resets) {
        text += "\n";
        text += stage;
        if let Some(reset) = reset {
            text += "\n";
            text += reset;
        }
    }
    if artifact.graph.input.coding == Coding::Poisson {
        text += &frame.poisson();
    }
    text += "\n";
    text += &frame.run(&writer, &resets);
    text += "\n";
    text += &frame.class(network.classes());
    if let Some(reader) = &reader {
        text += "\n";
        text += &reader.implementation;
    }
    text += &format!("\n#endif /* {upper}_IMPLEMENTATION */\n");
    Ok(Source { text, flash, ram })
}

/// Refuses parameters that take more bytes than allowed, before any text is made of them.
fn check_size(artifact: &Artifact, limit: usize) -> Result<(), Error> {
    let bytes = |name: &String| artifact.tensors.get(name).map_or(0, |tensor| tensor.data.len() * tensor.data.bits() as usize / 8);
    let flash = artifact.tensors.keys().map(bytes).sum();
    if flash <= limit {
        return Ok(());
    }
    let of_node = |node: &snnc_runtime::NodeSpec| node.tensors.values().map(bytes).sum::<usize>();
    let largest = artifact.graph.nodes.iter().rev().max_by_key(|node| of_node(node));
    let (node, bytes) = largest.map_or_else(Default::default, |node| (node.name.clone(), of_node(node)));
    Err(Error::Size { flash, limit, node, bytes })
}

/// What is left of a potential.
fn leak(prefix: &str) -> String {
    format!(
        "\n/* leak * v / 65536, rounded down. */\n\
         static int32_t {prefix}_leak(int32_t v, int32_t leak)\n{{\n    \
             const int64_t product = (int64_t)v * leak;\n    \
             return (int32_t)(product >= 0 ? product / 65536 : -((65535 - product) / 65536));\n}}\n"
    )
}
