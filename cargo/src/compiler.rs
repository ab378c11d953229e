//! Where the compiler is.

use crate::error::Error;
use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// The compiler as a file that can be watched: `named`, the value of `SNNC`, if there is one, else `snnc`; sought in `path` if it is no path.
pub fn find(named: Option<&OsStr>, path: Option<&OsStr>) -> Result<PathBuf, Error> {
    let name = Path::new(named.filter(|name| !name.is_empty()).unwrap_or(OsStr::new("snnc")));
    let is_path = name.components().count() > 1;
    let folders = env::split_paths(path.unwrap_or_default()).filter(|_| !is_path);
    let places = folders.map(|folder| folder.join(name)).chain(is_path.then(|| name.to_owned()));
    let with_suffix = |place: PathBuf| [place.clone(), place.with_added_extension(env::consts::EXE_EXTENSION)];
    places.flat_map(with_suffix).find(|place| place.is_file()).ok_or_else(|| Error::NoCompiler(name.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_comes_before_the_path() {
        let root = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| root.path().join(name));
        for folder in [&first, &second] {
            std::fs::create_dir(folder).unwrap();
        }
        let program = second.join(format!("snnc{}", env::consts::EXE_SUFFIX));
        std::fs::write(&program, "").unwrap();
        let path = env::join_paths([&first, &second]).unwrap();
        assert_eq!(find(None, Some(&path)).unwrap(), program);
        assert_eq!(find(Some(OsStr::new("")), Some(&path)).unwrap(), program);
        assert_eq!(find(Some(program.as_os_str()), None).unwrap(), program);
        // A folder of that name is none.
        std::fs::create_dir(first.join("snnc")).unwrap();
        assert_eq!(find(None, Some(&path)).unwrap(), program);
        let message = find(Some(OsStr::new("other/snnc")), Some(&path)).unwrap_err().to_string();
        assert!(message.contains("`other/snnc`") && message.contains("SNNC"), "{message}");
        assert!(find(None, None).is_err());
    }
}
