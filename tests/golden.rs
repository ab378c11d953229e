//! `snnc check` and `snnc diff` on the classifier of digits: what is blessed holds, every damage is named, and exit codes tell.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::Ran;
use serde_json::Value;
use snnc_runtime::{Artifact, Tensor, locked::Key};
use snnc_vault::Recipients;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Who can open what is encrypted with fixtures/keys/age.key.
const RECIPIENT: &str = "age15q7p0mj6zyvgx945arjl9gglhh0nv6hm3wl4kl8r0th5f2d6wdds2wms5s";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// A folder with the artifact `m.snn`, its model `m.onnx` and the images `test.npz`.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (from, to) in [("digits.snn", "m.snn"), ("digits.onnx", "m.onnx"), ("digits_test.npz", "test.npz")] {
            fs::copy(fixture("digits").join(from), place.path(to)).unwrap();
        }
        place
    }

    /// With a golden file, too.
    fn blessed() -> Self {
        let place = Self::new();
        place.run("check m.snn --golden m.json --data test.npz --bless").exits(0);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn run(&self, args: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_snnc"));
        command.current_dir(self.0.path()).env_remove("RUST_BACKTRACE").stdin(Stdio::null());
        Ran::of(command.args(args.split_whitespace()).output().unwrap())
    }

    /// `NAME` is the artifact, otherwise.
    fn change(&self, name: &str, change: impl FnOnce(&mut Artifact)) {
        let mut artifact = Artifact::from_bytes(&fs::read(self.path("m.snn")).unwrap()).unwrap();
        change(&mut artifact);
        self.write(name, artifact.to_bytes().unwrap());
    }
}

/// Changes a weight of 8 bits to another value that is far from it.
fn damage(weight: &mut Tensor, at: usize) {
    let mut values: Vec<i8> = weight.data.iter().map(|v| i8::try_from(v).unwrap()).collect();
    values[at] = if values[at] > 0 { -100 } else { 100 };
    *weight = Tensor::new(weight.dims.clone(), values);
}

fn damaged_weight(artifact: &mut Artifact) {
    damage(artifact.tensors.get_mut("n6.weight").unwrap(), 40);
}

#[test]
fn what_is_blessed_holds() {
    let place = Place::new();
    fs::create_dir(place.path("golden")).unwrap();
    let said = place.run("check m.snn --golden golden/m.json --data test.npz --ann m.onnx --bless").exits(0);
    assert!(
        said.starts_with("`golden/m.json` says of `m.snn` from now on: 496 of 500 images right, 499 as the ANN says, latency 40"),
        "{said}"
    );
    let written = place.read("golden/m.json");
    assert!(written.contains("\"file\": \"../test.npz\"") && written.ends_with("}\n"), "{written}");
    assert!(!written.contains(place.0.path().to_str().unwrap()), "no absolute path");
    // No data, no ANN: the file says where the one is, and what the other said.
    fs::remove_file(place.path("m.onnx")).unwrap();
    for threads in ["1", "2"] {
        let said = place.run(&format!("check m.snn --golden golden/m.json --threads {threads}")).exits(0);
        assert_eq!(
            said,
            "`m.snn` is as `golden/m.json` says: 496 of 500 images right, 499 as the ANN says, latency 40 time steps, 72.54 nJ an image\n"
        );
    }
    assert_eq!(place.run("check m.snn --golden golden/m.json --json").exits(0), "{\"findings\":[],\"same\":true}\n");
    place.run("check m.snn --golden golden/m.json --bless").exits(0);
    assert_eq!(place.read("golden/m.json"), written, "the same bytes again");
}

#[test]
fn the_energy_is_that_of_eval() {
    let place = Place::blessed();
    let measured: Value = serde_json::from_str(&place.run("eval m.snn --data test.npz --json").exits(0)).unwrap();
    let golden: Value = serde_json::from_str(&place.read("m.json")).unwrap();
    let at = &measured["snn"][0];
    assert_eq!(golden["energy"]["total_pj"].as_f64().unwrap(), (at["energy_pj"].as_f64().unwrap() * 500.0).round());
    assert_eq!(golden["time"]["latency"], at["latency"]);
    assert_eq!(golden["correct"].as_f64().unwrap(), (at["top1"].as_f64().unwrap() * 5.0).round());
    let operations: u64 = golden["synaptic_ops"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(operations as f64 / 500.0, at["synaptic_ops"].as_f64().unwrap());
}

#[test]
fn a_weight_is_named() {
    let place = Place::blessed();
    place.change("b.snn", damaged_weight);
    let said = place.run("check b.snn --golden m.json").exits(1);
    assert!(said.starts_with("`b.snn` is not what `m.json` says: "), "{said}");
    assert!(said.contains("\n  spikes.n7: expected ") && !said.contains("spikes.n4"), "{said}");
    assert!(said.contains("\nhelp: `n7` is the first layer whose spikes differ") && said.contains("bless it"), "{said}");
    let said = place.run("diff m.snn b.snn").exits(1);
    assert!(said.contains("\n  n6.weight: 1 of 9216 entries differ, by ") && !said.contains("on 500 images"), "{said}");
    let found: Value = serde_json::from_str(&place.run("diff m.snn b.snn --data test.npz --json").exits(1)).unwrap();
    assert_eq!((&found["same"], &found["structure"]), (&false.into(), &Value::Array(vec![])));
    assert_eq!(found["parameters"][0]["layer"], "n6");
    assert_eq!((&found["behaviour"]["spikes"][0]["layer"], &found["behaviour"]["images"]), (&"n7".into(), &500.into()));
    place.run("diff m.snn b.snn --tolerance parameters=255").exits(0);
    let said = place.run("diff m.snn m.snn --data test.npz --limit 20").exits(0);
    assert!(said.contains("do the same") && said.contains("on 20 images"), "{said}");
}

#[test]
fn a_threshold_and_the_time_are_named() {
    let place = Place::blessed();
    place.change("b.snn", |artifact| {
        let threshold = artifact.tensors.get_mut("n2.threshold").unwrap();
        let doubled: Vec<i32> = threshold.data.iter().map(|v| 2 * v).collect();
        *threshold = Tensor::new(threshold.dims.clone(), doubled);
    });
    let said = place.run("check b.snn --golden m.json").exits(1);
    assert!(said.contains("`n2` is the first layer whose spikes differ") && said.contains("energy.total_pj"), "{said}");
    assert!(place.run("diff m.snn b.snn").exits(1).contains("\n  n2.threshold: 16 of 16 entries differ"));
    // As many digits as asked for, in a network of its own.
    place.run("m.onnx -o t.snn --timesteps 5 --digits-extra none --samples 8 --audit none -q").exits(0);
    let said = place.run("check t.snn --golden m.json").exits(1);
    assert!(said.contains("time.latency: expected 40, found "), "{said}");
    let said = place.run("diff m.snn t.snn").exits(1);
    assert!(said.contains("n2.attributes.digits: 8 → 5") && said.contains("only about the making of the file\n  options."), "{said}");
}

#[test]
fn other_images_are_named() {
    let place = Place::blessed();
    fs::copy(fixture("digits/digits_calibration.npz"), place.path("other.npz")).unwrap();
    let said = place.run("check m.snn --golden m.json --data other.npz").exits(1);
    assert!(said.contains("1 difference\n  data.sha256: expected ") && said.contains("not those of the golden file"), "{said}");
    fs::rename(place.path("test.npz"), place.path("moved.npz")).unwrap();
    place.run("check m.snn --golden m.json").error("test.npz: ");
    place.run("check m.snn --golden m.json --data moved.npz").exits(0);
}

#[test]
fn tolerances_by_hand_are_kept() {
    let place = Place::blessed();
    place.change("b.snn", damaged_weight);
    let by_hand =
        "\"tolerances\": {\"spikes\": 0.05, \"synaptic_ops\": 0.05, \"energy\": 0.05, \"correct\": 5, \"classes\": 5},\n  \"correct\"";
    place.write("m.json", place.read("m.json").replace("\"correct\"", by_hand));
    place.run("check b.snn --golden m.json").exits(0);
    place.run("check b.snn --golden m.json --bless").exits(0);
    let written = place.read("m.json");
    assert!(written.contains("\"spikes\": 0.05") && written.contains("\"classes\": 5,\n"), "{written}");
    place.run("check m.snn --golden m.json").exits(0);
    place.run("check b.snn --golden m.json --bless").exits(0);
    assert_eq!(place.read("m.json"), written);
}

#[test]
fn leakage_is_that_of_the_report() {
    let place = Place::new();
    place.run("m.onnx -o m.snn --samples 8 --timesteps 8 --audit quick -q").exits(0);
    place.run("check m.snn --golden m.json --data test.npz --report m.report.json --bless").exits(0);
    let golden: Value = serde_json::from_str(&place.read("m.json")).unwrap();
    let attacks = golden["leakage"]["attacks"].as_object().unwrap();
    let mut report: Value = serde_json::from_str(&place.read("m.report.json")).unwrap();
    let is_of_snn = |row: &&Value| row["subject"] == "snn" && row["metrics"].as_array().is_some_and(|metrics| !metrics.is_empty());
    let made: Vec<&Value> = report["leakage"]["attacks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|a| a["results"].as_array().unwrap().iter().any(|row| is_of_snn(&row)))
        .collect();
    assert!(attacks.len() > 3 && attacks.len() == made.len(), "{attacks:?}");
    for attack in made {
        let values = attack["results"].as_array().unwrap().iter().filter(is_of_snn).map(|row| row["metrics"][0]["value"].as_f64().unwrap());
        let most = values.fold(f64::MIN, f64::max);
        assert_eq!(attacks[attack["name"].as_str().unwrap()]["value"], most, "{attack}");
    }
    assert!(place.run("check m.snn --golden m.json").exits(0).contains(&format!("{} kinds of attack", attacks.len())));
    // An attack that gets more.
    let worse = report["leakage"]["attacks"].as_array_mut().unwrap().iter_mut().find(|attack| attack["name"] == "reconversion").unwrap();
    worse["results"].as_array_mut().unwrap().iter_mut().for_each(|row| row["metrics"][0]["value"] = 1.5.into());
    place.write("m.report.json", report.to_string());
    let said = place.run("check m.snn --golden m.json").exits(1);
    assert!(
        said.contains("1 difference\n  leakage.attacks.reconversion: expected ") && said.contains("found ") && said.contains("of 1.5"),
        "{said}"
    );
    // The report of another artifact says nothing of this one.
    place.change("b.snn", damaged_weight);
    assert!(place.run("check b.snn --golden m.json").exits(1).contains("the report is of another artifact"));
    let before = place.read("m.json");
    assert!(place.run("check b.snn --golden m.json --bless").exits(1).contains("leakage.report"));
    assert_eq!(place.read("m.json"), before, "it was not blessed");
}

#[test]
fn encrypted_and_locked_artifacts() {
    let place = Place::blessed();
    let bytes = fs::read(place.path("m.snn")).unwrap();
    place.write("m.age", Recipients::of_keys([RECIPIENT]).unwrap().encrypt(&bytes).unwrap());
    let key = fixture("keys/age.key");
    place.run("check m.age --golden m.json").error("it is encrypted: `--identity KEYFILE` opens it");
    let before = place.read("m.json");
    place.run(&format!("check m.age --golden m.json --identity {}", key.display())).exits(0);
    place.run(&format!("check m.age --golden m.json --bless --identity {}", key.display())).exits(0);
    assert_eq!(place.read("m.json"), before, "the digest is that of what was encrypted");
    assert!(place.run(&format!("diff m.snn m.age --identity {}", key.display())).exits(0).contains("do the same"));
    let artifact = Artifact::from_bytes(&bytes).unwrap();
    place.write("locked.snn", snnc::artifact::lock(&artifact, &Key::generate()).unwrap().to_bytes().unwrap());
    place
        .run("check locked.snn --golden m.json")
        .error("no golden file: the read-out of `locked.snn` is locked; bless the network before its lock");
    place.run("diff m.snn locked.snn").error("the read-out of `locked.snn` is locked, and no two locks are alike");
}

#[test]
fn mistakes_are_told_and_leave_nothing() {
    let place = Place::new();
    place
        .run("check m.snn --golden m.json")
        .error("`m.json` is not there: `snnc check m.snn --golden m.json --data FILE.npz --bless` makes it");
    place.run("check m.snn --golden m.json --bless").error("nothing says of which images: name an .npz file with `x` and `y`");
    place.run("check m.snn --golden m.json --ann m.onnx").error("--bless");
    place.run("check m.snn --golden test.npz --data test.npz --bless").error("--golden would overwrite the images");
    place.run("check m.snn --golden none/m.json --data test.npz --bless").error("cannot be written: folder `none`");
    place.run("check m.onnx --golden m.json --data test.npz --bless").error("m.onnx: ");
    place.run("check m.snn --golden m.json --data test.npz --report m.snn --bless").error("m.snn: ");
    place.run("diff m.snn m.onnx").error("m.onnx: ");
    place
        .run("diff m.snn m.snn --tolerance weights=1")
        .error("there is no tolerance `weights`; there are parameters, classes, logits, spikes");
    place.run("diff m.snn m.snn --limit 5").error("--data");
    assert!(!place.path("m.json").exists());
    place.run("check m.snn --golden m.json --data test.npz --bless").exits(0);
    let golden = place.read("m.json");
    place.write("m.json", &golden[..golden.len() / 2]);
    place.run("check m.snn --golden m.json --bless").error("m.json: is no golden file: ");
    assert_eq!(place.read("m.json"), golden[..golden.len() / 2], "what people wrote is not lost");
}
