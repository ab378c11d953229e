//! What a release has beside the program, and what the program says of itself and of what it made.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Ran, command};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{fs, path::Path};

fn snnc(folder: &Path, args: &[&str]) -> Ran {
    Ran::of(command(folder).args(args).output().unwrap())
}

fn sha256(path: impl AsRef<Path>) -> String {
    Sha256::digest(fs::read(path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn an_artifact_says_where_it_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/digits/digits.onnx"), path("m.onnx")).unwrap();
    fs::write(path("policy.toml"), "max-recognition-rate = 1.0").unwrap();
    let options = ["m.onnx", "-o", "m.snn", "--samples", "8", "--policy", "policy.toml", "--provenance", "p.json", "-q"];
    snnc(folder.path(), &options).ok();
    let made: Value = serde_json::from_slice(&fs::read(path("p.json")).unwrap()).unwrap();
    let file = |name: &str| json!({"name": name, "digest": {"sha256": sha256(path(name))}});
    assert_eq!(made["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(made["predicateType"], "https://slsa.dev/provenance/v1");
    assert_eq!(made["subject"], json!([file("m.snn")]));
    let built = &made["predicate"]["buildDefinition"];
    assert_eq!(built["resolvedDependencies"], json!([file("m.onnx"), file("policy.toml")]));
    assert_eq!(built["externalParameters"]["options"]["samples"], 8);
    assert_eq!(built["externalParameters"]["source"], sha256(path("m.onnx")));
    let builder = &made["predicate"]["runDetails"]["builder"];
    let program = json!([{"name": "snnc", "digest": {"sha256": sha256(env!("CARGO_BIN_EXE_snnc"))}}]);
    assert_eq!(builder["builderDependencies"], program);

    // The file itself says the same, but for what its compilation alone knew.
    let mut said: Value = serde_json::from_str(&snnc(folder.path(), &["inspect", "m.snn", "--provenance"]).ok().stdout).unwrap();
    let model = json!([{"name": "model", "digest": {"sha256": sha256(path("m.onnx"))}}]);
    assert_eq!(said["predicate"]["buildDefinition"]["resolvedDependencies"], model);
    said["predicate"]["buildDefinition"]["resolvedDependencies"] = built["resolvedDependencies"].clone();
    said["predicate"]["runDetails"]["builder"]["builderDependencies"] = program;
    assert_eq!(said, made);
    snnc(folder.path(), &["inspect", "m.onnx", "--provenance"]).error("m.onnx: is no artifact");
}

#[test]
fn the_doctor_looks_at_the_machine() {
    let said = snnc(Path::new("."), &["doctor"]).ok().stdout;
    let line = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {said}")).trim();
    assert_eq!(line("version"), concat!("snnc ", env!("CARGO_PKG_VERSION")));
    assert_eq!(line("program"), format!("sha256 {}", sha256(env!("CARGO_BIN_EXE_snnc"))));
    assert!(line("kernels").starts_with(snnc_runtime::Isa::best().name()), "{said}");
    assert!(line("formats").starts_with("artifacts of version 2"), "{said}");
    assert!(!line("onnxruntime").is_empty() && !line("cuda").is_empty() && !line("cache").is_empty());
}

#[test]
fn shells_complete_commands_and_options() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = snnc(Path::new("."), &["completions", shell]).ok().stdout;
        for word in ["audit", "build", "timesteps"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn every_command_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    snnc(folder.path(), &["manual", "."]).ok();
    let page = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(page("snnc.1").contains(".TH snnc 1"), "{}", &page("snnc.1")[..200]);
    assert!(page("snnc-audit.1").contains("\\-\\-judge"));
    assert!(page("snnc-cache-gc.1").contains("\\-\\-max\\-size"));
    snnc(folder.path(), &["manual", "none"]).error("none: No such file or directory");
}
