//! What was made before, by content.
//!
//! ```text
//! objects/ab/abcd..            files, by their SHA-256
//! entries/12/1234../5678..     by key and by what was read: which files came of it
//! last/NAME                    what was built last, by project and model, to say what has changed
//! staging/N/                   what is being made, by a process that holds a lock on `staging/N/owner`
//! ```
//!
//! A file is moved here when it is complete, so a process that is killed leaves nothing broken. What was lost or damaged all the same is found by its digest
//! when it is asked for, and counts as not there. Several processes may use one cache at a time, on one machine.

mod gc;
mod stage;

pub use gc::{Limits, Removed, Stat};
pub use stage::Stage;

use crate::{
    error::{Error, Result},
    files::{make_folder_of, move_to},
    recipe::{Inputs, Last, Present},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use snnc_files::Digest;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// A cache.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

/// What came of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What was read.
    pub inputs: Inputs,
    /// The files that were written, in the order of [`Model::outputs`](crate::Model::outputs).
    pub outputs: Vec<Digest>,
}

impl Cache {
    /// The cache of a folder, which is made if there is none. What processes that are gone were making is removed.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub fn open(folder: &Path) -> Result<Self> {
        for name in ["objects", "entries", "last", "staging"] {
            let folder = folder.join(name);
            fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, e))?;
        }
        // Compilers run elsewhere, in the folder of the project.
        let folder = fs::canonicalize(folder).map_err(|e| Error::io(folder, e))?;
        stage::sweep(&folder.join("staging"))?;
        Ok(Self { folder })
    }

    /// Where it lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A folder to make something in.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn stage(&self) -> Result<Stage> {
        Stage::new(&self.folder.join("staging"))
    }

    /// What came of this key before, if all that was read then is still the same.
    #[must_use]
    pub fn find(&self, key: &Digest, present: &mut Present<'_>) -> Option<Entry> {
        let entries = fs::read_dir(self.entries_of(key)).ok()?;
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        paths.into_iter().find_map(|path| {
            let entry: Entry = read_json(&path)?;
            let fits = present.are_unchanged(&entry.inputs);
            if fits {
                touch(&path);
            }
            fits.then_some(entry)
        })
    }

    /// Keeps files, complete ones of a stage, and that they came of a key and of what was read. The files stay where they are.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn keep(&self, key: &Digest, inputs: Inputs, files: &[PathBuf], stage: &Stage) -> Result<Entry> {
        let outputs = files.iter().map(|file| self.keep_object(file, stage)).collect::<Result<_>>()?;
        let entry = Entry { inputs, outputs };
        let read: String = entry.inputs.iter().map(|(path, digest)| format!("{} {path} {digest}\n", path.len())).collect();
        self.write_json(&self.entries_of(key).join(Digest::of(read.as_bytes()).as_str()), &entry, stage)?;
        Ok(entry)
    }

    /// Copies an object into a stage, if it is there and whole.
    #[must_use]
    pub fn take(&self, digest: &Digest, stage: &Stage) -> Option<PathBuf> {
        let copy = stage.fresh("object");
        fs::copy(self.object(digest), &copy).ok()?;
        if Digest::of_existing(&copy).as_ref() == Some(digest) {
            return Some(copy);
        }
        // It is damaged. Whoever cannot remove it will find it so again.
        let _ = fs::remove_file(self.object(digest));
        None
    }

    /// What was built last, of a model of a project.
    #[must_use]
    pub fn last(&self, project: &Path, model: &str) -> Option<Last> {
        read_json(&self.last_of(project, model))
    }

    /// Remembers what was built last.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn remember(&self, project: &Path, model: &str, last: &Last, stage: &Stage) -> Result<()> {
        if self.last(project, model).as_ref() == Some(last) { Ok(()) } else { self.write_json(&self.last_of(project, model), last, stage) }
    }

    fn keep_object(&self, file: &Path, stage: &Stage) -> Result<Digest> {
        let digest = Digest::of_file(file).map_err(|e| Error::io(file, e))?;
        let object = self.object(&digest);
        if Digest::of_existing(&object).as_ref() != Some(&digest) {
            let copy = stage.fresh("object");
            fs::copy(file, &copy).map_err(|e| Error::io(&copy, e))?;
            move_to(&copy, &object)?;
        }
        Ok(digest)
    }

    fn write_json(&self, path: &Path, value: &impl Serialize, stage: &Stage) -> Result<()> {
        make_folder_of(path)?;
        let fresh = stage.fresh("json");
        let bytes = serde_json::to_vec_pretty(value).map_err(|e| Error::format(path, e.to_string()))?;
        fs::write(&fresh, bytes).map_err(|e| Error::io(&fresh, e))?;
        move_to(&fresh, path)
    }

    fn object(&self, digest: &Digest) -> PathBuf {
        self.folder.join("objects").join(&digest.as_str()[..2]).join(digest.as_str())
    }

    fn entries_of(&self, key: &Digest) -> PathBuf {
        self.folder.join("entries").join(&key.as_str()[..2]).join(key.as_str())
    }

    fn last_of(&self, project: &Path, model: &str) -> PathBuf {
        let project = fs::canonicalize(project).unwrap_or_else(|_| project.to_owned());
        let name = Digest::of(format!("{}\n{model}", project.display()).as_bytes());
        self.folder.join("last").join(name.as_str())
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Marks an entry as used now. One that cannot be marked is only forgotten earlier.
fn touch(path: &Path) {
    if let Ok(file) = File::options().append(true).open(path) {
        let _ = file.set_modified(SystemTime::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(root: &Path, name: &str, text: &str) -> Inputs {
        fs::write(root.join(name), text).unwrap();
        [(name.to_owned(), Digest::of(text.as_bytes()))].into()
    }

    #[test]
    fn what_was_made_of_the_same_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let (root, cache) = (folder.path(), Cache::open(&folder.path().join("cache")).unwrap());
        let stage = cache.stage().unwrap();
        let key = Digest::of(b"key");
        let make = |text: &str, read: &str| {
            let file = stage.fresh("artifact");
            fs::write(&file, text).unwrap();
            cache.keep(&key, inputs(root, "data", read), &[file], &stage).unwrap()
        };
        let first = make("of one", "one");
        let second = make("of two", "two");
        assert_eq!(cache.find(&key, &mut Present::new(root)), Some(second));
        fs::write(root.join("data"), "one").unwrap();
        assert_eq!(cache.find(&key, &mut Present::new(root)), Some(first.clone()));
        fs::write(root.join("data"), "three").unwrap();
        assert_eq!((cache.find(&key, &mut Present::new(root)), cache.find(&Digest::of(b"other"), &mut Present::new(root))), (None, None));
        assert_eq!(fs::read_to_string(cache.take(&first.outputs[0], &stage).unwrap()).unwrap(), "of one");
    }

    #[test]
    fn what_is_damaged_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let stage = cache.stage().unwrap();
        let file = stage.fresh("artifact");
        fs::write(&file, "whole").unwrap();
        let entry = cache.keep(&Digest::of(b"key"), Inputs::new(), std::slice::from_ref(&file), &stage).unwrap();
        let object = cache.object(&entry.outputs[0]);
        fs::write(&object, "hole").unwrap();
        assert_eq!(cache.take(&entry.outputs[0], &stage), None);
        assert!(!object.exists());
        cache.keep(&Digest::of(b"key"), Inputs::new(), &[file], &stage).unwrap();
        assert!(cache.take(&entry.outputs[0], &stage).is_some());
        let entry = fs::read_dir(cache.entries_of(&Digest::of(b"key"))).unwrap().next().unwrap().unwrap().path();
        fs::write(entry, "{").unwrap();
        assert_eq!(cache.find(&Digest::of(b"key"), &mut Present::new(folder.path())), None);
    }
}
