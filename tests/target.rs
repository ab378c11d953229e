//! `--target`: options, what does not fit and when it is said, profiles in files, builds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Ran, command};
use serde_json::Value;
use std::{fs, path::Path};

/// A folder with the classifier of digits as `m.onnx`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let digits = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/digits/digits.onnx");
    fs::copy(digits, folder.path().join("m.onnx")).unwrap();
    folder
}

/// Runs `snnc` in a folder.
fn snnc(folder: &tempfile::TempDir, args: &str) -> Ran {
    Ran::of(command(folder.path()).args(args.split(' ')).output().unwrap())
}

fn json(folder: &tempfile::TempDir, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.path().join(name)).unwrap()).unwrap()
}

/// What the classifier of digits fits, and numbers that chips ask for.
const CHIP: &str = "about = 'ours'
[options]
code = 'rate'
spikes = 'binary'
reset = 'hard'
weights = 8
bias-bits = 16
threshold-per = 'layer'
[limits]
codes = { is = ['rate'] }
spikes = { is = ['binary'] }
resets = { is = ['hard'] }
weight-bits = { is = 8 }
bias-bits = { is = 16 }
threshold-bits = { is = 20 }
threshold-per = { is = 'layer' }
operators = { is = ['convolution', 'linear', 'sum-pool', 'max-pool'] }
pools = { is = [2] }
kernels = { is = [3] }
layers = { is = 5 }
";

/// A compilation that is over soon.
const QUICK: &str = "m.onnx -o m.snn --audit none --train none --synthesis prior --samples 8 -q";

#[test]
fn shapes_that_do_not_fit_are_named_before_anything_begins() {
    let folder = folder();
    for command in [format!("{QUICK} --target speck"), "inspect m.onnx --target speck".into()] {
        let ran = snnc(&folder, &command);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert!(
            ran.stderr
                .contains("error[E0201]: does not fit `speck`: it has no max pooling\n  --> m.onnx, node `/pool1` (limit `operators`)"),
            "{}",
            ran.stderr
        );
        assert!(
            ran.stderr.contains("= note: source: sinabs") && ran.stderr.contains("= help: train the network with average pooling"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was written");
    // The codes that a target has are known before that.
    let ran = snnc(&folder, &format!("{QUICK} --target fpga --code radix"));
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("it has no neurons of the radix code") && ran.stderr.contains("compile with `--code rate`"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("pool"), "{}", ran.stderr);
    snnc(&folder, "explain E0201").ok();
}

#[test]
fn a_network_that_fits_has_what_the_chip_asks_for() {
    let folder = folder();
    fs::write(folder.path().join("chip.toml"), CHIP).unwrap();
    snnc(&folder, &format!("{QUICK} --target chip.toml --timesteps 8 --depfile m.d")).ok();
    let report = json(&folder, "m.report.json");
    assert_eq!(report["target"], serde_json::json!({"name": "chip", "fits": true, "misfits": []}));
    for (option, value) in [("reset", "hard"), ("spikes", "binary"), ("threshold-per", "layer"), ("code", "rate")] {
        assert_eq!(report["options"][option], value, "{option}");
    }
    assert_eq!((&report["options"]["weights"], &report["options"]["bias-bits"]), (&8.into(), &16.into()));
    assert!(fs::read_to_string(folder.path().join("m.d")).unwrap().contains("chip.toml"));
    let fits = snnc(&folder, "inspect m.snn --target chip.toml").ok();
    assert!(fits.stdout.ends_with("\nfits `chip`\n"), "{}", fits.stdout);
    let fits = snnc(&folder, "inspect m.onnx --target chip.toml").ok();
    assert!(fits.stdout.ends_with("\nfits `chip`, as far as a model tells before it is compiled\n"), "{}", fits.stdout);
    let other = snnc(&folder, "inspect m.snn --target loihi2");
    assert!(other.code == 1 && other.stderr.contains("max pooling"), "{}", other.stderr);
}

#[test]
fn numbers_that_do_not_fit_leave_the_report() {
    let folder = folder();
    fs::write(folder.path().join("chip.toml"), "about = 'ours'\n[options]\ncode = 'rate'\nthreshold-per = 'layer'\n[limits]\nweight-bits = { is = 5, source = 'page 3' }\nspikes = { is = ['signed'] }\n").unwrap();
    fs::write(folder.path().join("m.snn"), "older").unwrap();
    let ran = snnc(&folder, &format!("{QUICK} --target chip.toml --timesteps 4"));
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("does not fit `chip`: a weight has 5 bits, and one here needs 8\n  --> m.onnx, node `/conv1"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("= help: compile with `--weights 4`"), "{}", ran.stderr);
    assert!(ran.stderr.contains("the artifact was not written; the report was"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(folder.path().join("m.snn")).unwrap(), "older");
    let target = &json(&folder, "m.report.json")["target"];
    assert_eq!((&target["name"], &target["fits"]), (&"chip".into(), &false.into()));
    let misfits = target["misfits"].as_array().unwrap();
    assert!(
        misfits.len() == 5 && misfits.iter().all(|misfit| misfit["limit"] == "weight-bits" && misfit["source"] == "page 3"),
        "{target}"
    );
    // 4 bits, of which the sign is one.
    snnc(&folder, &format!("{QUICK} --target chip.toml --timesteps 4 --weights 4")).ok();
    assert_eq!(json(&folder, "m.report.json")["options"]["weights"], 4);
}

#[test]
fn mistakes_name_the_file_and_what_there_is() {
    let folder = folder();
    snnc(&folder, &format!("{QUICK} --target pizza"))
        .error("there are `generic`, `speck`, `loihi2`, `akida-like`, `fpga`, and `snnc targets generic > FILE.toml` begins one");
    for (text, said) in [
        ("about = 'x'\n[limits]\nneuron = { is = 3 }", "chip.toml: is no profile of a target: TOML parse error at line 3"),
        ("about = 'x'\n[options]\nthreshold = 'pizza'", "--threshold"),
        ("about = 'x'\n[options]\nhtml = 'page.html'", "options: `html` is no option of a conversion"),
        ("about = 'x'\n[options]\npizza = 1", "options: `pizza` is no option of a conversion"),
        ("about = 'x'\n[options]\ntarget = 'speck'", "options: `target` is no option of a conversion"),
    ] {
        fs::write(folder.path().join("chip.toml"), text).unwrap();
        snnc(&folder, &format!("{QUICK} --target chip.toml")).error(said);
    }
    assert!(!folder.path().join("m.snn").exists());
}

#[test]
fn profiles_are_shown_and_begin_others() {
    let folder = folder();
    let list = snnc(&folder, "targets").ok().stdout;
    assert!(list.contains("speck  ") && list.contains("--code rate"), "{list}");
    let text = snnc(&folder, "targets generic").ok().stdout;
    fs::write(folder.path().join("mine.toml"), text).unwrap();
    snnc(&folder, &format!("{QUICK} --target mine.toml")).ok();
    assert_eq!(json(&folder, "m.report.json")["target"]["name"], "mine");
    snnc(&folder, "targets pizza").error("invalid value 'pizza'");
}

#[test]
fn a_build_makes_a_model_again_when_its_target_changes() {
    let folder = folder();
    let place = |name: &str| folder.path().join(name);
    fs::write(place("chip.toml"), "about = 'ours'\n[options]\nweights = 8\n").unwrap();
    fs::write(
        place("snnc.toml"),
        "[options]\naudit = 'none'\nsynthesis = 'prior'\nsamples = 8\n[models.m]\nmodel = 'm.onnx'\ntarget = 'chip.toml'\n",
    )
    .unwrap();
    let build = || snnc(&folder, "build --cache-dir cache").ok().stderr;
    assert!(build().ends_with("1 model: 1 compiled\n"), "first");
    let again = build();
    assert!(again.ends_with("1 model: 1 up to date\n"), "{again}");
    fs::write(place("chip.toml"), "about = 'ours'\n[options]\nweights = 16\n").unwrap();
    let changed = build();
    assert!(changed.ends_with("1 model: 1 compiled\n"), "{changed}");
    assert_eq!(json(&folder, "build/m.report.json")["options"]["weights"], 16);
    fs::write(place("chip.toml"), "about = 'ours'\n[limits]\nneurons = { is = 10 }\n").unwrap();
    let refused = snnc(&folder, "build --cache-dir cache");
    assert!(refused.code != 0 && refused.stderr.contains("at most 10 neurons"), "{}", refused.stderr);
}
