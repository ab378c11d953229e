//! The classifier of digits in `fixtures/`, whole and damaged.
#![allow(dead_code, reason = "each test binary uses its part")]

use snnc_golden::Subject;
use snnc_runtime::{Artifact, Tensor};
use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name)
}

pub fn images() -> PathBuf {
    fixture("digits/digits_test.npz")
}

pub fn digits() -> Artifact {
    Artifact::from_bytes(&fs::read(fixture("digits/digits.snn")).unwrap()).unwrap()
}

/// The same with one entry of a parameter changed by `by`.
pub fn damaged(tensor: &str, at: usize, by: i32) -> Artifact {
    let mut artifact = digits();
    change(artifact.tensors.get_mut(tensor).unwrap(), at, by);
    artifact
}

fn change(tensor: &mut Tensor, at: usize, by: i32) {
    let mut values = tensor.data.to_vec();
    values[at] += by;
    let dims = tensor.dims.clone();
    *tensor = match tensor.data.bits() {
        8 => Tensor::new(dims, values.iter().map(|&v| i8::try_from(v).unwrap()).collect::<Vec<_>>()),
        16 => Tensor::new(dims, values.iter().map(|&v| i16::try_from(v).unwrap()).collect::<Vec<_>>()),
        _ => Tensor::new(dims, values),
    };
}

pub fn subject(artifact: &Artifact) -> Subject {
    Subject::load(Path::new("m.snn"), &artifact.to_bytes().unwrap()).unwrap()
}

/// Watches and never stops.
pub fn patient(_: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
