//! `snnc build` as its users see it: what is built, what is not built again, and what a killed build leaves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Ran, command};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

const PROJECT: &str = "
[options]
audit = 'none'
samples = 8

[models.radix]
model = 'models/digits.onnx'
timesteps = 6
emit = ['c=gen/radix.h']

[models.rate]
model = 'models/digits.onnx'
artifact = 'out/rate.snn'
code = 'rate'
timesteps = 4
train = 'none'
";

/// A project in a folder of its own, with a cache of its own.
struct Place(tempfile::TempDir);

impl Place {
    fn new(project: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(place.path("project/models")).unwrap();
        let digits = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/digits/digits.onnx");
        fs::copy(digits, place.path("project/models/digits.onnx")).unwrap();
        place.write("snnc.toml", project);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path("project").join(name), text).unwrap();
    }

    fn command(&self, args: &str) -> Command {
        let mut command = command(&self.path("project"));
        command.env("SNNC_CACHE_DIR", self.path("cache")).args(args.split_whitespace());
        command
    }

    fn snnc(&self, args: &str) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    /// Files of the project by name, with their bytes.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        files(&self.path("project"))
    }
}

/// Files below a folder by name, with their bytes.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

const ALL: [&str; 8] = [
    "build/radix.report.json",
    "build/radix.snn",
    "gen/radix.h",
    "models/digits.onnx",
    "out/rate.report.json",
    "out/rate.snn",
    "snnc.lock",
    "snnc.toml",
];

#[test]
fn what_is_up_to_date_is_left_alone() {
    let place = Place::new(PROJECT);
    assert!(place.snnc("build -j2").ok().stderr.ends_with("2 models: 2 compiled\n"));
    let built = place.files();
    assert_eq!(built.keys().map(String::as_str).collect::<Vec<_>>(), ALL);
    let written = |name: &str| fs::metadata(place.path("project").join(name)).unwrap().modified().unwrap();
    let times = ALL.iter().map(|name| written(name)).collect::<Vec<_>>();
    assert_eq!(place.snnc("build").ok().stderr, "2 models: 2 up to date\n");
    assert_eq!(ALL.iter().map(|name| written(name)).collect::<Vec<_>>(), times);
    assert!(place.files() == built);

    // What was removed or changed comes back; the other is not touched.
    fs::remove_file(place.path("project/build/radix.snn")).unwrap();
    place.write("gen/radix.h", "mine");
    let said = place.snnc("build --explain").ok().stderr;
    let expected = "radix: from the cache\n    `build/radix.snn` is not there\n    `gen/radix.h` is not what was built\n";
    assert!(said.contains(expected), "{said}");
    assert!(said.ends_with("2 models: 1 from the cache, 1 up to date\n"), "{said}");
    assert!(place.files() == built);

    // Another folder with the same project finds everything in the cache, down to the lock file.
    let again = Place::new(PROJECT);
    let said = Ran::of(again.command("build").env("SNNC_CACHE_DIR", place.path("cache")).output().unwrap()).ok().stderr;
    assert!(said.ends_with("2 models: 2 from the cache\n"), "{said}");
    assert!(again.files() == built);
}

#[test]
fn what_changed_is_built_again_and_nothing_else() {
    let place = Place::new(PROJECT);
    place.snnc("build").ok();
    let first = place.files();
    place.write("snnc.toml", &PROJECT.replace("timesteps = 6", "timesteps = 5"));
    let said = place.snnc("build --explain").ok().stderr;
    assert!(said.contains("    `--timesteps=5` is new\n    `--timesteps=6` is gone\n"), "{said}");
    assert!(said.ends_with("2 models: 1 compiled, 1 up to date\n"), "{said}");
    let second = place.files();
    let changed: Vec<&String> = first.keys().filter(|name| first[*name] != second[*name]).collect();
    assert_eq!(changed, ["build/radix.report.json", "build/radix.snn", "gen/radix.h", "snnc.lock", "snnc.toml"]);
    // Back again, and it is known.
    place.write("snnc.toml", PROJECT);
    assert!(place.snnc("build").ok().stderr.ends_with("2 models: 1 from the cache, 1 up to date\n"));
    assert!(place.files() == first);
    // Another seed of the samples in the file: both depend on it.
    let mut model = fs::read(place.path("project/models/digits.onnx")).unwrap();
    // A field that nobody knows, at the end: another file, the same network.
    model.extend([0xfa, 0x3f, 0x01, 0x00]);
    fs::write(place.path("project/models/digits.onnx"), model).unwrap();
    let said = place.snnc("build rate --explain").ok().stderr;
    assert!(said.contains("[1/1] rate: compiled in ") && said.contains("    `models/digits.onnx` has changed\n"), "{said}");
}

#[test]
fn the_lock_file_holds_a_build_to_what_it_was() {
    let place = Place::new(PROJECT);
    place.snnc("build --locked").error("--locked: there is no snnc.lock; `snnc build` makes one");
    place.snnc("build").ok();
    place.snnc("build --locked").ok();
    let built = place.files();
    place.write("snnc.toml", &PROJECT.replace("timesteps = 6", "timesteps = 5"));
    let ran = place.snnc("build --locked");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("is not what snnc.lock says: its options differ; "), "{}", ran.stderr);
    assert!(ran.stderr.contains("error: could not build 1 of 2 models: `radix`\n"), "{}", ran.stderr);
    place.write("snnc.toml", PROJECT);
    assert!(place.files() == built, "nothing was written");
    // A lock file that speaks of other bytes.
    let lock = String::from_utf8(built["snnc.lock"].clone()).unwrap();
    let line = lock.lines().find(|line| line.starts_with("\"out/rate.snn\"")).unwrap();
    place.write("snnc.lock", &lock.replace(line, &format!("\"out/rate.snn\" = \"{}\"", "0".repeat(64))));
    let ran = place.snnc("build --locked rate");
    assert!(ran.code == 2 && ran.stderr.contains("`out/rate.snn`, which came of it, is "), "{}", ran.stderr);
}

#[test]
fn one_failure_stops_nobody_else() {
    let bad = "[models.bad]\nmodel = 'models/none.onnx'\n[models.worse]\nmodel = 'snnc.toml'\n";
    let place = Place::new(&format!("{PROJECT}{bad}"));
    let ran = place.snnc("build -j1");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("bad: failed\nerror: models/none.onnx: No such file"), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("4 models: 2 compiled\nerror: could not build 2 of 4 models: `bad`, `worse`\n"), "{}", ran.stderr);
    let lock = fs::read_to_string(place.path("project/snnc.lock")).unwrap();
    assert!(lock.contains("[models.rate]") && !lock.contains("[models.bad]"), "{lock}");
}

#[test]
fn a_gate_refuses_the_artifact_and_says_why() {
    let place = Place::new("[models.m]\nmodel = 'models/digits.onnx'\nsamples = 8\npolicy = 'policy.toml'");
    place.write("policy.toml", "max-recognition-rate = 0.0");
    let ran = place.snnc("build");
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("policy: 1 of 1 rules are not kept"), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("error: gates refused 1 of 1 model: `m`\n"), "{}", ran.stderr);
    assert_eq!(place.files().keys().filter(|name| name.starts_with("build/")).collect::<Vec<_>>(), ["build/m.report.json"]);
    // Another policy is another build.
    place.write("policy.toml", "max-recognition-rate = 1.0");
    place.snnc("build").ok();
    assert_eq!(place.snnc("build").ok().stderr, "1 model: 1 up to date\n");
    place.write("policy.toml", "max-recognition-rate = 0.0");
    assert_eq!(place.snnc("build").code, 1);
}

#[test]
fn artifacts_are_held_against_their_golden_files() {
    let place = Place::new(&format!("{PROJECT}golden = 'golden/rate.json'\n"));
    let ran = place.snnc("build");
    assert!(ran.code == 2 && ran.stderr.contains("golden/rate.json"), "{}", ran.stderr);
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/digits/digits_test.npz");
    fs::copy(data, place.path("project/test.npz")).unwrap();
    fs::create_dir(place.path("project/golden")).unwrap();
    place.snnc("check out/rate.snn --golden golden/rate.json --data test.npz --bless -q").ok();
    assert_eq!(place.snnc("build").ok().stderr, "2 models: 2 up to date\n");
    // Another network than the golden file knows.
    let golden = fs::read_to_string(place.path("project/golden/rate.json")).unwrap();
    place.write("golden/rate.json", &golden.replacen("\"correct\": 4", "\"correct\": 3", 1));
    let ran = place.snnc("build");
    assert!(ran.code == 1 && ran.stderr.contains("correct: expected 3"), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("error: gates refused 1 of 2 models: `rate`\n"), "{}", ran.stderr);
}

#[test]
fn mistakes_are_said_before_anything_is_begun() {
    let said = |project: &str, part: &str| {
        let place = Place::new(project);
        place.snnc("build").error(part);
        assert_eq!(place.files().len(), 2, "nothing was written");
    };
    let model = "[models.m]\nmodel = 'models/digits.onnx'\n";
    said(&format!("{model}time-steps = 8"), "snnc.toml: line 3: there is no option `time-steps`; did you mean `timesteps`?");
    said(&format!("{model}timesteps = 0"), "snnc.toml: [models.m]: invalid value '0' for '--timesteps <N|auto>'");
    said(&format!("{model}threads = 2"), "snnc.toml: line 3: `threads` is the build's own");
    said(&format!("{model}sign = 'key'"), "sign what was built, with `snnc sign`");
    said("", "names no model");
    let place = Place::new(PROJECT);
    place.snnc("build other").error("there is no model `other`; there are `radix`, `rate`");
    fs::remove_file(place.path("project/snnc.toml")).unwrap();
    place.snnc("build").error("has a file `snnc.toml`: `snnc build --help` shows one");
    place.snnc("cache gc").error("give --max-size, --older-than, or both");
}

#[test]
fn the_cache_says_what_it_holds_and_gets_smaller() {
    let place = Place::new(PROJECT);
    place.snnc("build").ok();
    let said = place.snnc("cache stat").ok().stdout;
    assert!(said.contains("builds   2\nfiles    5\n"), "{said}");
    let said = place.snnc("cache gc --max-size 0").ok().stdout;
    assert!(said.starts_with("removed 2 builds and 5 files, "), "{said}");
    assert!(place.snnc("build").ok().stderr.ends_with("2 models: 2 compiled\n"));
    assert_eq!(place.snnc("cache gc --older-than 1d").ok().stdout, "removed 0 builds and 0 files, 0B\n");
}

/// A few moments; `scripts/kill_builds.py` has hundreds.
#[test]
fn a_killed_build_leaves_old_files_or_new_ones() {
    let place = Place::new(PROJECT);
    let other = PROJECT.replace("timesteps = 6", "timesteps = 5");
    place.snnc("build").ok();
    let old = place.files();
    place.write("snnc.toml", &other);
    place.snnc("build").ok();
    let new = place.files();
    for (k, wait) in [20, 150, 400, 700, 1100].into_iter().enumerate() {
        fs::remove_dir_all(place.path("cache")).unwrap();
        place.write("snnc.toml", if k % 2 == 0 { PROJECT } else { &other });
        let mut child = place.command("build -j2 -q").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
        for (name, bytes) in place.files() {
            assert!(old.get(&name) == Some(&bytes) || new.get(&name) == Some(&bytes), "{name} is neither old nor new");
        }
        place.snnc("build -q").ok();
        assert!(place.files() == *if k % 2 == 0 { &old } else { &new });
        assert_eq!(files(&place.path("cache/staging")).into_keys().collect::<Vec<_>>(), ["lock"], "nothing half made is left");
    }
}
