//! `snnc.lock`: what was read and what came of it, to be kept under version control.

use crate::{
    cache::Stage,
    error::{Error, Result},
    files::move_to,
    recipe::Inputs,
};
use serde::{Deserialize, Serialize};
use snnc_files::Digest;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// Name of the file.
pub const NAME: &str = "snnc.lock";

/// Version of its form.
const VERSION: u32 = 1;

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    /// By name.
    #[serde(default)]
    models: BTreeMap<String, Locked>,
}

/// What is known of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// The compiler's version, for people: another that makes the same bytes will do.
    pub compiler: String,
    /// Options and names of files, as on the command line.
    pub arguments: Vec<String>,
    /// The files that were read.
    pub inputs: Inputs,
    /// The files that came of it, but for those that are not the same each time.
    pub outputs: BTreeMap<String, Digest>,
}

impl Lock {
    /// That of a project; an empty one if there is none.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(root: &Path) -> Result<Option<Self>> {
        let path = place(root);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(path, error)),
        };
        let advice = "remove it, and `snnc build` writes it anew";
        let lock: Self = toml::from_str(&text).map_err(|e| Error::format(&path, format!("{}; {advice}", e.to_string().trim_end())))?;
        if lock.version != VERSION {
            return Err(Error::format(&path, format!("is of version {}, and this snnc knows {VERSION}; {advice}", lock.version)));
        }
        Ok(Some(lock))
    }

    /// What is known of a model.
    #[must_use]
    pub fn get(&self, model: &str) -> Option<&Locked> {
        self.models.get(model)
    }

    /// Takes up what became of a model.
    pub fn set(&mut self, model: &str, locked: Locked) {
        self.models.insert(model.to_owned(), locked);
    }

    /// Forgets all other models than these.
    pub fn keep_only(&mut self, models: &[&str]) {
        self.models.retain(|name, _| models.contains(&name.as_str()));
    }

    /// Writes it, by way of a file in a stage, if it differs from what is there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, root: &Path, stage: &Stage) -> Result<()> {
        let (path, text) = (place(root), self.text());
        if fs::read(&path).is_ok_and(|old| old == text.as_bytes()) {
            return Ok(());
        }
        let fresh = stage.fresh("lock");
        fs::write(&fresh, text).map_err(|e| Error::io(&fresh, e))?;
        move_to(&fresh, &path)
    }

    /// One line a fact, so that changes can be read and merged.
    fn text(&self) -> String {
        let mut text =
            format!("# Made by `snnc build`: what was read, and what came of it. Keep it under version control.\nversion = {VERSION}\n");
        for (name, Locked { compiler, arguments, inputs, outputs }) in &self.models {
            let name = key(name);
            text += &format!("\n[models.{name}]\ncompiler = {}\narguments = [\n", quoted(compiler));
            arguments.iter().for_each(|word| text += &format!("    {},\n", quoted(word)));
            text += "]\n";
            for (table, files) in [("inputs", inputs), ("outputs", outputs)] {
                text += &format!("[models.{name}.{table}]\n");
                files.iter().for_each(|(path, digest)| text += &format!("{} = \"{digest}\"\n", quoted(path)));
            }
        }
        text
    }
}

impl Default for Lock {
    fn default() -> Self {
        Self { version: VERSION, models: BTreeMap::new() }
    }
}

impl Locked {
    /// How a build differs from this, if it does.
    #[must_use]
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.arguments != now.arguments {
            found.push("its options differ".to_owned());
        }
        for (kind, then, now) in [("was read", &self.inputs, &now.inputs), ("came of it", &self.outputs, &now.outputs)] {
            for (path, digest) in then {
                match now.get(path) {
                    Some(other) if other == digest => {}
                    Some(other) => found.push(format!("`{path}`, which {kind}, is {}, not {}", short(other), short(digest))),
                    None => found.push(format!("`{path}`, which {kind}, is not there any more")),
                }
            }
            let added = now.keys().filter(|path| !then.contains_key(*path));
            found.extend(added.map(|path| format!("`{path}`, which {kind}, is new")));
        }
        found
    }
}

fn place(root: &Path) -> PathBuf {
    root.join(NAME)
}

fn short(digest: &Digest) -> &str {
    &digest.as_str()[..12]
}

/// A key as TOML writes it.
fn key(text: &str) -> String {
    let is_bare = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if is_bare { text.to_owned() } else { quoted(text) }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    // JSON escapes the same, but for what is above ASCII, which it leaves alone, and DEL.
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Cache;

    fn locked(text: &str) -> Locked {
        let digest = |text: &str| Digest::of(text.as_bytes());
        Locked {
            compiler: "snnc 1".into(),
            arguments: vec!["--output=a \"quoted\" \\ name".into()],
            inputs: [("m.onnx".to_owned(), digest("model"))].into(),
            outputs: [("build/m.snn".to_owned(), digest(text))].into(),
        }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Lock::read(folder.path()).unwrap(), None);
        let mut lock = Lock::default();
        lock.set("b.1", locked("one"));
        lock.set("a", locked("two"));
        lock.write(folder.path(), &Cache::open(&folder.path().join("cache")).unwrap().stage().unwrap()).unwrap();
        assert_eq!(Lock::read(folder.path()).unwrap(), Some(lock.clone()));
        lock.keep_only(&["a"]);
        assert_eq!((lock.get("a"), lock.get("b.1")), (Some(&locked("two")), None));
        fs::write(folder.path().join(NAME), "version = 9").unwrap();
        let said = Lock::read(folder.path()).unwrap_err().to_string();
        assert!(said.ends_with("is of version 9, and this snnc knows 1; remove it, and `snnc build` writes it anew"), "{said}");
    }

    #[test]
    fn differences_are_named() {
        assert_eq!(locked("one").differences(&locked("one")), [""; 0]);
        let other = Locked { arguments: Vec::new(), inputs: Inputs::new(), ..locked("two") };
        let said = locked("one").differences(&other);
        assert_eq!(said[..2], ["its options differ", "`m.onnx`, which was read, is not there any more"]);
        assert!(said[2].starts_with("`build/m.snn`, which came of it, is "), "{said:?}");
    }
}
