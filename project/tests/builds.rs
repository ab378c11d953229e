//! Builds with a stand-in for the compiler: a script that counts how often it runs, and writes what it read.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use snnc_files::Digest;
use snnc_project::{
    Built, Cache, Compiler, Model, Observer, Options, Outcome, Project, Summary, Takes, Vocabulary, Writes, run, vocabulary::About,
};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

/// `compile --depfile D --threads N -o OUT [--size=N] --report=R -- MODEL`: the artifact is the option, the model and its data. A model that says `broken` fails, one that
/// says `leaks` is refused, with its report written.
const SCRIPT: &str = r#"#!/bin/sh
depfile=$3 out=$7
for model; do case $model in --report=*) report=${model#--report=};; --size=*) size=$model;; esac; done
echo "$model" >> calls
echo "about $model" > "$report"
grep -q leaks "$model" && { echo "error: it leaks" >&2; exit 1; }
grep -q broken "$model" && { echo "error: it is broken" >&2; exit 2; }
cat "$model" "$model.data" > "$out"
echo "$size" >> "$out"
echo "$out: $model $model.data" > "$depfile"
"#;

struct Place(tempfile::TempDir);

struct Deaf;

impl Observer for Deaf {
    fn begun(&mut self, _: &Model) {}
    fn done(&mut self, _: &Model, _: &Built, _: (usize, usize)) {}
}

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for name in ["a.onnx", "a.onnx.data", "b.onnx", "b.onnx.data"] {
            place.write(name, name);
        }
        place.project("8");
        let program = place.path("snnc");
        fs::write(&program, SCRIPT).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn project(&self, size: &str) {
        self.write("snnc.toml", &format!("[models.a]\nmodel = 'a.onnx'\nsize = '{size}'\n[models.b]\nmodel = 'b.onnx'\n"));
    }

    fn build(&self, is_locked: bool) -> Summary {
        let about = |writes| About { takes: Takes::Value, writes, refused: None };
        let words = [("size", Writes::Nothing), ("report", Writes::File { is_exact: true })];
        let vocabulary = Vocabulary::new(words.map(|(name, writes)| (name.to_owned(), about(writes))));
        let project = Project::read(&self.path("snnc.toml"), &vocabulary).unwrap();
        let program = self.path("snnc");
        let compiler = Compiler {
            digest: Digest::of_file(&program).unwrap(),
            program,
            before: vec!["compile".to_owned()],
            check: Vec::new(),
            environment: Vec::new(),
            version: "snnc 1".to_owned(),
            refused: 1,
        };
        let cache = Cache::open(&self.path("cache")).unwrap();
        run(&project, &compiler, &cache, &Options { is_locked, ..Options::default() }, &mut Deaf).unwrap()
    }

    /// What became of both, and which models were compiled.
    fn built(&self) -> ([usize; 3], String) {
        let counts = self.build(false).counts();
        let calls = fs::read_to_string(self.path("calls")).unwrap_or_default();
        let _ = fs::remove_file(self.path("calls"));
        let mut calls: Vec<&str> = calls.lines().collect();
        calls.sort_unstable();
        (counts, calls.join(" "))
    }
}

/// Numbers of models that were compiled, from the cache, and up to date.
const fn counts(compiled: usize, cached: usize, untouched: usize) -> [usize; 3] {
    [compiled, cached, untouched]
}

#[test]
fn what_has_to_be_made_is_made_once() {
    let place = Place::new();
    assert_eq!(place.built(), (counts(2, 0, 0), "a.onnx b.onnx".to_owned()));
    assert_eq!(fs::read_to_string(place.path("build/a.snn")).unwrap(), "a.onnxa.onnx.data--size=8\n");
    assert_eq!(place.built(), (counts(0, 0, 2), String::new()));
    place.write("a.onnx.data", "other");
    assert_eq!(place.built(), (counts(1, 0, 1), "a.onnx".to_owned()));
    place.write("a.onnx.data", "a.onnx.data");
    assert_eq!(place.built(), (counts(0, 1, 1), String::new()));
    place.project("4");
    assert_eq!(place.built(), (counts(1, 0, 1), "a.onnx".to_owned()));
    fs::remove_file(place.path("build/b.snn")).unwrap();
    assert_eq!(place.built(), (counts(0, 1, 1), String::new()));
    // The cache has lost its files, and one is missing: it is made again.
    fs::remove_dir_all(place.path("cache/objects")).unwrap();
    fs::remove_file(place.path("build/b.snn")).unwrap();
    assert_eq!(place.built(), (counts(1, 0, 1), "b.onnx".to_owned()));
    place.write("snnc", &format!("{SCRIPT}# another build of it\n"));
    assert_eq!(place.built(), (counts(2, 0, 0), "a.onnx b.onnx".to_owned()));
}

#[test]
fn reasons_are_those_of_the_files() {
    let place = Place::new();
    place.build(false);
    place.write("a.onnx.data", "other");
    place.write("build/b.snn", "mine");
    let summary = place.build(false);
    let of = |name: &str| &summary.models.iter().find(|(known, _)| known == name).unwrap().1;
    assert_eq!(of("a").reasons, ["`a.onnx.data` has changed"]);
    assert_eq!((&of("b").outcome, &of("b").reasons[..]), (&Outcome::FromCache, &["`build/b.snn` is not what was built".to_owned()][..]));
}

#[test]
fn gates_and_failures_leave_the_artifact_as_it_was() {
    let place = Place::new();
    place.build(false);
    let artifact = fs::read(place.path("build/a.snn")).unwrap();
    place.write("a.onnx", "leaks");
    place.write("b.onnx", "broken");
    let summary = place.build(false);
    assert_eq!(summary.trouble(), (vec!["a"], vec!["b"]));
    let outcome = |at: usize| summary.models[at].1.outcome.clone();
    assert_eq!(outcome(0), Outcome::Refused("error: it leaks".to_owned()));
    assert_eq!(outcome(1), Outcome::Failed("error: it is broken".to_owned()));
    assert_eq!(fs::read(place.path("build/a.snn")).unwrap(), artifact);
}

#[test]
fn a_lock_file_keeps_other_bytes_out() {
    let place = Place::new();
    place.build(false);
    let lock = fs::read(place.path("snnc.lock")).unwrap();
    assert_eq!(place.build(true).counts(), counts(0, 0, 2));
    place.write("a.onnx.data", "other");
    let before = fs::read(place.path("build/a.snn")).unwrap();
    let summary = place.build(true);
    assert_eq!((summary.counts(), summary.trouble().1), (counts(0, 0, 1), vec!["a"]));
    assert_eq!(fs::read(place.path("build/a.snn")).unwrap(), before);
    assert_eq!(fs::read(place.path("snnc.lock")).unwrap(), lock);
    // Made before, and in the cache by now: held to the lock all the same.
    assert_eq!(place.build(true).trouble().1, ["a"]);
}
