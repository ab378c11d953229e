//! Golden files in the tests of a crate.

use crate::{given::Given, verdict::verdict};
use std::{
    env,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

/// The environment variable that writes golden files anew.
const BLESS: &str = "SNNC_BLESS";

/// How they are written anew, as it is said.
const HOW: &str = "`SNNC_BLESS=1 cargo test`";

/// Fails the test unless the artifact does what the golden file says. Paths count from the folder of the crate under test, where its
/// `Cargo.toml` lies. With `SNNC_BLESS=1` in the environment the file is written anew instead; of which images, it says itself.
///
/// # Panics
/// If the artifact does something else, with all that differs and what to do about it, or if a file is missing or broken.
#[track_caller]
pub fn assert_golden(artifact: impl AsRef<Path>, golden: impl AsRef<Path>) {
    assert(artifact.as_ref(), golden.as_ref(), None);
}

/// As [`assert_golden`], with the images, an `.npz` file with `x` and `y`: blessing then makes a file that is not there yet.
///
/// # Panics
/// As [`assert_golden`].
#[track_caller]
pub fn assert_golden_on(artifact: impl AsRef<Path>, golden: impl AsRef<Path>, data: impl AsRef<Path>) {
    assert(artifact.as_ref(), golden.as_ref(), Some(data.as_ref()));
}

#[track_caller]
fn assert(artifact: &Path, golden: &Path, data: Option<&Path>) {
    let data = data.map(in_crate);
    let is_blessing = env::var_os(BLESS).is_some_and(|value| value != "0" && !value.is_empty());
    let golden = in_crate(golden);
    let given = Given { golden: &golden, data: data.as_deref(), report: None };
    match verdict(&in_crate(artifact), &given, is_blessing, HOW, &mut |_| ControlFlow::Continue(())) {
        Ok(None) => {}
        Ok(Some(differences)) => panic!("{differences}"),
        Err(error) => panic!("{error}"),
    }
}

/// A path of the crate under test: cargo says where that is.
fn in_crate(path: &Path) -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").map_or_else(PathBuf::new, PathBuf::from).join(path)
}
