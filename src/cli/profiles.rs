//! Profiles of targets: by name, or in a file.

use crate::error::{Error, Result};
use snnc_targets::{NAMES, Profile};
use std::{fs, io, path::Path};

/// The profile of a name that `snnc targets` lists, or of a file. Whether its options are options of a conversion is for others to see.
///
/// # Errors
/// If there is neither, or the file is no profile.
pub(super) fn read(word: &str) -> Result<Profile> {
    if let Some(profile) = Profile::named(word) {
        return Ok(profile);
    }
    let path = Path::new(word);
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::Usage(format!(
            "--target: there is no file `{word}`, and no target of that name; there are `{}`, and `snnc targets generic > FILE.toml` begins one",
            NAMES.join("`, `")
        )),
        _ => Error::io(path, error),
    })?;
    let name = path.file_stem().map_or_else(|| word.to_owned(), |stem| stem.to_string_lossy().into_owned());
    Profile::parse(&name, &text).map_err(|error| Error::format(path, error.to_string()))
}

/// The file of a profile, if it is one.
pub(super) fn file(word: Option<&str>) -> Option<&Path> {
    word.filter(|word| !NAMES.contains(word)).map(Path::new)
}
