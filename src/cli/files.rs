//! Writing files: all or none, and never half of one.

use crate::{
    error::{Error, Result},
    report::provenance::Named,
};
use snnc_files::Digest;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// Files that are written next to their targets and take their names together, once all of them are complete.
#[derive(Debug, Default)]
pub(crate) struct Batch(Vec<Staged>);

#[derive(Debug)]
enum Staged {
    /// A complete file beside its target.
    File { target: PathBuf, file: NamedTempFile },
    /// What cannot be replaced, such as `/dev/null` or a pipe, is written to in the end.
    Special { target: PathBuf, bytes: Vec<u8> },
}

impl Batch {
    /// Adds a file, complete, under a temporary name.
    pub(crate) fn add(&mut self, path: &Path, bytes: impl Into<Vec<u8>>) -> Result<()> {
        check_target(path)?;
        let bytes = bytes.into();
        // A symbolic link stays one: what it points to is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let metadata = fs::metadata(&target).ok();
        if metadata.as_ref().is_some_and(|m| !m.is_file()) {
            self.0.push(Staged::Special { target, bytes });
            return Ok(());
        }
        let io = |e| Error::io(path, e);
        let mut builder = tempfile::Builder::new();
        builder.prefix(".snnc-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As `open` would make it, where there is no older file to go by; temporary files are private otherwise.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let mut file = builder.tempfile_in(folder(&target)).map_err(io)?;
        file.write_all(&bytes).map_err(io)?;
        if let Some(metadata) = metadata {
            file.as_file().set_permissions(metadata.permissions()).map_err(io)?;
        }
        self.0.push(Staged::File { target, file });
        Ok(())
    }

    /// Gives all files their names.
    pub(crate) fn commit(self) -> Result<()> {
        for staged in self.0 {
            match staged {
                Staged::File { target, file } => {
                    file.persist(&target).map_err(|e| Error::io(&target, e.error))?;
                }
                Staged::Special { target, bytes } => {
                    let mut file = fs::OpenOptions::new().write(true).open(&target).map_err(|e| Error::io(&target, e))?;
                    file.write_all(&bytes).map_err(|e| Error::io(&target, e))?;
                }
            }
        }
        Ok(())
    }
}

/// Writes one file, whole or not at all.
pub(crate) fn write(path: &Path, bytes: impl Into<Vec<u8>>) -> Result<()> {
    let mut batch = Batch::default();
    batch.add(path, bytes)?;
    batch.commit()
}

/// A JSON file for people: indented, with a line break at the end.
pub(crate) fn json(value: &serde_json::Value) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|e| Error::Internal(format!("the report cannot be written: {e}")))?;
    text.push(b'\n');
    Ok(text)
}

/// A file by its last name, with the SHA-256 of its bytes.
pub(crate) fn named(path: &Path, bytes: &[u8]) -> Named {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Named { name, sha256: Digest::of(bytes).to_string() }
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| Error::io(path, e))
}

/// Whether a file could be written there, so that nobody waits for a compilation that cannot be kept.
pub(crate) fn check_target(path: &Path) -> Result<()> {
    let folder = folder(path);
    match fs::metadata(folder) {
        Ok(m) if m.is_dir() => {}
        Ok(_) => return Err(Error::format(path, format!("cannot be written: `{}` is not a folder", folder.display()))),
        Err(e) => return Err(Error::format(path, format!("cannot be written: folder `{}`: {e}", folder.display()))),
    }
    if path.file_name().is_none() || path.is_dir() {
        return Err(Error::format(path, "cannot be written: it is a folder"));
    }
    Ok(())
}

/// Refuses to write over what is read, and to write one file twice. Each path comes with its name for the message.
pub(crate) fn check_distinct(inputs: &[(&str, &Path)], outputs: &[(&str, &Path)]) -> Result<()> {
    let real = |path: &Path| {
        let folder = fs::canonicalize(folder(path)).unwrap_or_else(|_| folder(path).to_owned());
        fs::canonicalize(path).unwrap_or_else(|_| folder.join(path.file_name().unwrap_or_default()))
    };
    for (i, &(what, path)) in outputs.iter().enumerate() {
        let is_special = fs::metadata(path).is_ok_and(|m| !m.is_file());
        if is_special {
            continue;
        }
        if let Some((other, _)) = inputs.iter().chain(&outputs[..i]).find(|(_, other)| real(other) == real(path)) {
            return Err(Error::Usage(format!("{what} would overwrite {other}: `{}`", path.display())));
        }
    }
    Ok(())
}

/// A rule for `make`: `target` is made from `dependencies`.
pub(crate) fn depfile(target: &Path, dependencies: &[PathBuf]) -> Result<Vec<u8>> {
    snnc_files::depfile::rule(target, dependencies)
        .map_err(|snnc_files::depfile::LineBreak(path)| Error::format(path, "a Makefile cannot name a file with a line break"))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_until_all_is_there() {
        let root = tempfile::tempdir().unwrap();
        let (first, second) = (root.path().join("a"), root.path().join("none/b"));
        fs::write(&first, "old").unwrap();
        let mut batch = Batch::default();
        batch.add(&first, "new").unwrap();
        let message = batch.add(&second, "new").unwrap_err().to_string();
        assert!(message.contains("folder `") && message.contains("none"), "{message}");
        drop(batch);
        assert_eq!(fs::read_to_string(&first).unwrap(), "old");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "temporary files are gone");
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let root = tempfile::tempdir().unwrap();
        let (file, link) = (root.path().join("file"), root.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        write(&link, "new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        write(&root.path().join("fresh"), "new").unwrap();
        assert_ne!(fs::metadata(root.path().join("fresh")).unwrap().permissions().mode() & 0o044, 0, "others may read it");
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_not_replaced() {
        write(Path::new("/dev/null"), "new").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn inputs_are_not_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let (model, other) = (root.path().join("m.onnx"), root.path().join("./m.onnx"));
        fs::write(&model, "").unwrap();
        let message = check_distinct(&[("the model", &model)], &[("-o", &other)]).unwrap_err().to_string();
        assert!(message.starts_with("-o would overwrite the model"), "{message}");
        let fresh = root.path().join("m.snn");
        assert!(check_distinct(&[("the model", &model)], &[("-o", &fresh), ("--report", &fresh)]).is_err());
        assert!(check_distinct(&[("the model", &model)], &[("-o", &fresh), ("--report", &root.path().join("m.json"))]).is_ok());
    }
}
