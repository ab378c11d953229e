//! Files that take their names when they are complete.

use crate::error::{Error, Result};
use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

/// Moves a complete file to a place, in one step where both are on the same file system, and else by way of a name in the place's own folder, which is always
/// the same, so that what a killed build left is replaced by the next.
pub(crate) fn move_to(file: &Path, place: &Path) -> Result<()> {
    make_folder_of(place)?;
    match fs::rename(file, place) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let beside = beside(place);
            fs::copy(file, &beside).map_err(|e| Error::io(&beside, e))?;
            fs::rename(&beside, place).map_err(|e| Error::io(place, e))?;
            fs::remove_file(file).map_err(|e| Error::io(file, e))
        }
        moved => moved.map_err(|e| Error::io(place, e)),
    }
}

/// Makes the folder in which a file is to lie.
pub(crate) fn make_folder_of(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => fs::create_dir_all(folder).map_err(|e| Error::io(folder, e)),
        _ => Ok(()),
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".snnc-new");
    path.with_file_name(name)
}
