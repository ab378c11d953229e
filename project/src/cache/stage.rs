//! Folders in which something is made, and what is done about those whose makers are gone.

use crate::error::{Error, Result};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

/// A folder of this process. It is removed when this is dropped, and by any other process once this one is gone.
#[derive(Debug)]
pub struct Stage {
    folder: PathBuf,
    /// Locked as long as the process lives.
    _owner: File,
    files: AtomicUsize,
}

/// File of a stage that its process holds a lock on.
const OWNER: &str = "owner";

impl Stage {
    pub(super) fn new(staging: &Path) -> Result<Self> {
        static STAGES: AtomicUsize = AtomicUsize::new(0);
        let _alone = alone(staging)?;
        let folder = staging.join(format!("{}-{}", std::process::id(), STAGES.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, e))?;
        let owner = locked(&folder.join(OWNER))?;
        Ok(Self { folder, _owner: owner, files: AtomicUsize::new(0) })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A name in it that no file has yet.
    #[must_use]
    pub fn fresh(&self, what: &str) -> PathBuf {
        self.folder.join(format!("{what}-{}", self.files.fetch_add(1, Ordering::Relaxed)))
    }

    /// A folder in it that is not there yet.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn fresh_folder(&self, what: &str) -> Result<PathBuf> {
        let folder = self.fresh(what);
        fs::create_dir(&folder).map_err(|e| Error::io(&folder, e))?;
        Ok(folder)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next process.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes stages that nobody holds.
pub(super) fn sweep(staging: &Path) -> Result<()> {
    let _alone = alone(staging)?;
    let entries = fs::read_dir(staging).map_err(|e| Error::io(staging, e))?;
    for folder in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let is_held = File::options().write(true).open(folder.join(OWNER)).is_ok_and(|owner| owner.try_lock().is_err());
        if !is_held {
            // A compiler that outlived its build may still write there; the next sweep gets the rest.
            let _ = fs::remove_dir_all(&folder);
        }
    }
    Ok(())
}

/// While this lives, no other process makes or removes stages.
fn alone(staging: &Path) -> Result<File> {
    locked(&staging.join("lock"))
}

fn locked(path: &Path) -> Result<File> {
    let io = |e| Error::io(path, e);
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(io)?;
    file.lock().map_err(io)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_of_those_who_are_gone_are_removed() {
        let staging = tempfile::tempdir().unwrap();
        let held = Stage::new(staging.path()).unwrap();
        let left = staging.path().join("1-0");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(OWNER), "").unwrap();
        fs::write(left.join("half"), "of a file").unwrap();
        sweep(staging.path()).unwrap();
        assert!(held.folder().is_dir() && !left.exists());
        let folder = held.folder().to_owned();
        drop(held);
        assert!(!folder.exists());
    }
}
