//! The metadata of a graph: what NIR does not say of the network.
//!
//! Some of it is for who sets up a simulator (`docs/nir.md` lists the keys), some, the *seal*, for [`crate::read`]: the description of the
//! artifact as it stands in its file, the types and shapes of its tensors, and the digest of the file.

use crate::{
    error::Error,
    node::{Graph, Value},
    remark::{Remark, Subject},
};
use serde_json::json;
use snnc_files::Digest;
use snnc_runtime::{Artifact, Code, Coding, Data, Head, Layout, LoadError};

/// Keys of the seal.
pub(crate) const SPEC: &str = "snnc";
pub(crate) const TENSORS: &str = "snnc_tensors";
pub(crate) const DIGEST: &str = "snnc_sha256";

/// The version of `nir` whose neurons take the threshold from the potential, and the first of those that set it to a value.
const SUBTRACTS: &str = "1.0.4";
const SETS: &str = "1.0.6";

/// Adds what is true of the network whatever its thresholds are.
pub(crate) fn describe(artifact: &Artifact, remarks: &[Remark], graph: &mut Graph) {
    let spec = &artifact.graph;
    let sets = remarks.iter().all(|remark| !matches!(remark.subject, Subject::SoftReset | Subject::Radix));
    graph.version = if sets { SETS } else { SUBTRACTS }.to_owned();
    let input = &spec.input;
    let text = |word: &str| Value::Text(word.to_owned());
    let lines: Vec<String> = remarks.iter().map(ToString::to_string).collect();
    let mut add = |key: &str, value: Value| graph.metadata.insert(key.to_owned(), value);
    add("producer", text(concat!("snnc ", env!("CARGO_PKG_VERSION"))));
    add("code", text(if spec.code == Code::Radix { "radix" } else { "rate" }));
    add("dt", Value::real(1.0));
    add("timesteps", Value::Whole(spec.timesteps as i64));
    add(
        "input_coding",
        text(match input.coding {
            Coding::Digits => "digits",
            Coding::Direct => "direct",
            Coding::Poisson => "poisson",
        }),
    );
    add(
        "input_layout",
        text(match input.layout {
            Layout::Nchw => "nchw",
            Layout::Nhwc => "nhwc",
            Layout::Flat => "flat",
        }),
    );
    add("input_digits", Value::Whole(input.quantiser.digits.into()));
    add("input_step", Value::reals(&input.quantiser.step));
    add("input_zero", Value::reals(&input.quantiser.zero));
    add("pixel_scale", Value::real(input.preprocess.scale));
    add("pixel_mean", Value::reals(&input.preprocess.mean));
    add("pixel_std", Value::reals(&input.preprocess.std));
    add("output_scale", Value::real(spec.output.scale));
    add(
        "output_head",
        text(match spec.output.head {
            Head::None => "none",
            Head::Relu => "relu",
            Head::Softmax => "softmax",
            Head::LogSoftmax => "log_softmax",
            Head::Sigmoid => "sigmoid",
        }),
    );
    if input.coding == Coding::Poisson {
        // As text: a number of 64 bits without a sign is none of those that `nir` writes.
        add("seed", Value::Text(spec.seed.to_string()));
    }
    if !lines.is_empty() {
        add("remarks", Value::Text(lines.join("\n")));
    }
}

/// Adds what the artifact is read back by.
pub(crate) fn seal(artifact: &Artifact, graph: &mut Graph) -> Result<(), Error> {
    let description = serde_json::to_string(&artifact.graph).map_err(LoadError::from)?;
    let tensors: serde_json::Map<String, serde_json::Value> =
        artifact.tensors.iter().map(|(name, tensor)| (name.clone(), json!([type_name(&tensor.data), tensor.dims]))).collect();
    let tensors = serde_json::to_string(&tensors).map_err(LoadError::from)?;
    graph.metadata.insert(SPEC.to_owned(), Value::Text(description));
    graph.metadata.insert(TENSORS.to_owned(), Value::Text(tensors));
    graph.metadata.insert(DIGEST.to_owned(), Value::Text(Digest::of(&artifact.to_bytes()?).into()));
    Ok(())
}

/// The name of a type in a `.snn` file.
fn type_name(data: &Data) -> &'static str {
    match data {
        Data::I8(_) => "I8",
        Data::I16(_) => "I16",
        Data::I32(_) => "I32",
    }
}
