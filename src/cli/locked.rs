//! Keys, and what commands do about networks whose read-out is locked.

use crate::error::{Error, Result};
use snnc_runtime::{NetworkSpec, locked::Key};
use std::{io::ErrorKind, path::Path};

/// Reads a key.
pub(crate) fn read_key(path: &Path) -> Result<Key> {
    Key::open(path).map_err(|error| match error.kind() {
        ErrorKind::InvalidData => Error::format(path, format!("{error}; `snnc keygen` makes one")),
        _ => Error::io(path, error),
    })
}

/// Refuses a network whose read-out is locked, where it is of no use: `what` cannot be done, and `advice` can.
pub(crate) fn refuse(path: &Path, spec: &NetworkSpec, what: &str, advice: &str) -> Result<()> {
    match spec.output.lock {
        Some(_) => Err(Error::Usage(format!("{what}: the read-out of `{}` is locked; {advice}", path.display()))),
        None => Ok(()),
    }
}
