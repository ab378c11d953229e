//! Files that are mapped.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{random_images, random_network};
use snnc_runtime::{LoadError, Network};
use std::{fs, path::PathBuf};

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn a_mapped_file_is_the_same_network() {
    for seed in 0..40 {
        let artifact = random_network(seed);
        let path = scratch(&format!("open-{seed}.snn"));
        fs::write(&path, artifact.to_bytes().unwrap()).unwrap();
        let (mapped, read) = (Network::open(&path).unwrap(), Network::new(artifact.clone()).unwrap());
        // Nothing of the file is needed any more.
        fs::remove_file(&path).unwrap();
        let images = random_images(&artifact, 2, seed);
        let steps = artifact.graph.timesteps;
        assert_eq!(mapped.trace(&images, steps, 0).unwrap(), read.trace(&images, steps, 0).unwrap(), "seed {seed}");
    }
}

#[test]
fn files_that_cannot_be_read_are_errors() {
    assert!(matches!(Network::open(scratch("there is no such file.snn")), Err(LoadError::File(_))));
    for (name, bytes) in [("empty", &[][..]), ("short", &[8, 0, 0]), ("text", b"this is no network at all")] {
        let path = scratch(&format!("open-{name}.snn"));
        fs::write(&path, bytes).unwrap();
        let error = Network::open(&path).unwrap_err();
        assert!(matches!(error, LoadError::Container(_)), "{name}: {error}");
    }
}
