//! Files that a golden file names: relative to its own folder, with `/` between the parts, so that the files can move together.

use crate::error::{Error, Result};
use std::{
    fs,
    path::{Component, Path, PathBuf},
};

/// The file that a golden file calls by that name.
pub(crate) fn resolve(golden: &Path, name: &str) -> PathBuf {
    folder(golden).join(name)
}

/// What a golden file calls a file.
///
/// # Errors
/// If there is no such file, or no way to it that could be written down.
pub(crate) fn name(golden: &Path, file: &Path) -> Result<String> {
    let real = |path: &Path| fs::canonicalize(path).map_err(|e| Error::io(path, e));
    let (from, to) = (real(folder(golden))?, real(file)?);
    let written = relative(&from, &to).and_then(|way| {
        let parts: Option<Vec<&str>> = way.components().map(|part| part.as_os_str().to_str()).collect();
        Some(parts?.join("/"))
    });
    written.ok_or_else(|| {
        Error::usage(format!(
            "`{}` cannot name `{}`: it must lie on the same drive, and its path must be text",
            golden.display(),
            file.display()
        ))
    })
}

/// The folder that a file is in.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The way from a folder to a file, both absolute.
fn relative(from: &Path, to: &Path) -> Option<PathBuf> {
    let (from, to): (Vec<Component<'_>>, Vec<Component<'_>>) = (from.components().collect(), to.components().collect());
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[common..].iter().map(|_| Component::ParentDir);
    (common > 0).then(|| up.chain(to[common..].iter().copied()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_relative() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to)).unwrap();
        assert_eq!(way("/a/golden", "/a/data/x.npz"), Path::new("../data/x.npz"));
        assert_eq!(way("/a", "/a/x.npz"), Path::new("x.npz"));
        assert_eq!(way("/a/b", "/c/x.npz"), Path::new("../../c/x.npz"));
        assert_eq!(resolve(Path::new("m.json"), "x.npz"), Path::new("./x.npz"));
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("golden")).unwrap();
        fs::write(root.path().join("x.npz"), "").unwrap();
        let golden = root.path().join("golden/m.json");
        assert_eq!(name(&golden, &root.path().join("golden/../x.npz")).unwrap(), "../x.npz");
        assert!(name(&golden, &root.path().join("y.npz")).is_err());
    }
}
