//! All that an artifact depends on, and what of it has changed.

use crate::manifest::Model;
use serde::{Deserialize, Serialize};
use snnc_files::Digest;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What is known of a build before it is made. Which other files the compiler will read is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// The compiler: the digest of the program.
    pub compiler: Digest,
    /// Its version, for people.
    pub version: String,
    /// Options and names of files, as on the command line.
    pub arguments: Vec<String>,
    /// The model.
    pub source: Digest,
}

/// Files that were read, by path, the model among them.
pub type Inputs = BTreeMap<String, Digest>;

impl Recipe {
    /// That of a model, as it is now.
    #[must_use]
    pub fn new(compiler: &Digest, version: &str, model: &Model, source: Digest) -> Self {
        let outputs: Vec<PathBuf> = model.outputs.iter().map(|output| PathBuf::from(&output.path)).collect();
        let arguments = model.arguments(&outputs).into_iter().map(|word| word.to_string_lossy().into_owned()).collect();
        Self { compiler: compiler.clone(), version: version.to_owned(), arguments, source }
    }

    /// Under which a cache keeps what came of it.
    #[must_use]
    pub fn key(&self) -> Digest {
        // Lengths, so that no two lists of arguments are one text. The version is what the digest stands for already.
        let mut text = format!("snnc build 1\n{}\n{}\n", self.compiler, self.source);
        self.arguments.iter().for_each(|word| text += &format!("{} {word}\n", word.len()));
        Digest::of(text.as_bytes())
    }
}

/// Files of a project as they are now, each read once.
#[derive(Debug)]
pub struct Present<'a> {
    root: &'a Path,
    known: BTreeMap<String, Option<Digest>>,
}

impl<'a> Present<'a> {
    /// Those of a folder, of which nothing is known yet.
    #[must_use]
    pub fn new(root: &'a Path) -> Self {
        Self { root, known: BTreeMap::new() }
    }

    /// The digest of a file, if it can be read.
    pub fn digest(&mut self, path: &str) -> Option<&Digest> {
        let root = self.root;
        self.known.entry(path.to_owned()).or_insert_with(|| Digest::of_existing(&root.join(path))).as_ref()
    }

    /// Takes up what was found of a file.
    pub fn know(&mut self, path: &str, digest: Digest) {
        self.known.insert(path.to_owned(), Some(digest));
    }

    /// Whether files are what they were.
    pub fn are_unchanged(&mut self, inputs: &Inputs) -> bool {
        inputs.iter().all(|(path, digest)| self.digest(path) == Some(digest))
    }
}

/// What was built last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// Of what.
    pub recipe: Recipe,
    /// With which files.
    pub inputs: Inputs,
}

/// Why something is built again: how what is asked for differs from what was built last.
#[must_use]
pub fn reasons(present: &mut Present<'_>, last: Option<&Last>, recipe: &Recipe) -> Vec<String> {
    let Some(last) = last else { return vec!["was not built before".into()] };
    let mut reasons = Vec::new();
    if last.recipe.compiler != recipe.compiler {
        reasons.push(match last.recipe.version == recipe.version {
            true => format!("another build of {} compiles", recipe.version),
            false => format!("{} compiles, not {}", recipe.version, last.recipe.version),
        });
    }
    let missing = |of: &[String], in_: &[String]| of.iter().filter(|word| !in_.contains(word)).cloned().collect::<Vec<_>>();
    let (added, removed) = (missing(&recipe.arguments, &last.recipe.arguments), missing(&last.recipe.arguments, &recipe.arguments));
    reasons.extend(added.iter().map(|word| format!("`{word}` is new")));
    reasons.extend(removed.iter().map(|word| format!("`{word}` is gone")));
    if added.is_empty() && removed.is_empty() && last.recipe.arguments != recipe.arguments {
        reasons.push("options are in another order".into());
    }
    for (path, digest) in &last.inputs {
        match present.digest(path) {
            None => reasons.push(format!("`{path}` cannot be read any more")),
            Some(now) if now != digest => reasons.push(format!("`{path}` has changed")),
            Some(_) => {}
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(arguments: &[&str]) -> Recipe {
        let arguments = arguments.iter().map(|&word| word.to_owned()).collect();
        Recipe { compiler: Digest::of(b"snnc"), version: "snnc 1".into(), arguments, source: Digest::of(b"model") }
    }

    #[test]
    fn keys_tell_all_apart_but_the_name_of_the_version() {
        let key = recipe(&["--a=1", "--b"]).key();
        assert_ne!(key, recipe(&["--a=1 --b"]).key());
        assert_ne!(key, recipe(&["--b", "--a=1"]).key());
        assert_ne!(key, Recipe { source: Digest::of(b"other"), ..recipe(&["--a=1", "--b"]) }.key());
        assert_ne!(key, Recipe { compiler: Digest::of(b"other"), ..recipe(&["--a=1", "--b"]) }.key());
        assert_eq!(key, Recipe { version: "snnc 2".into(), ..recipe(&["--a=1", "--b"]) }.key());
    }

    #[test]
    fn changes_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::write(root.join("m.onnx"), "old").unwrap();
        let inputs: Inputs =
            [("m.onnx", "old"), ("m.bin", "data")].map(|(path, text)| (path.to_owned(), Digest::of(text.as_bytes()))).into();
        let last = Last { recipe: recipe(&["--timesteps=8", "m.onnx"]), inputs };
        std::fs::write(root.join("m.onnx"), "new").unwrap();
        let now = Recipe { compiler: Digest::of(b"other"), ..recipe(&["--timesteps=4", "m.onnx"]) };
        let expected = [
            "another build of snnc 1 compiles",
            "`--timesteps=4` is new",
            "`--timesteps=8` is gone",
            "`m.bin` cannot be read any more",
            "`m.onnx` has changed",
        ];
        assert_eq!(reasons(&mut Present::new(root), Some(&last), &now), expected);
        assert_eq!(reasons(&mut Present::new(root), None, &now), ["was not built before"]);
    }
}
