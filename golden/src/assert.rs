//! Golden files in the tests of a crate.

use crate::{bless::bless, check::check, error::Result, finding::text, given::Given, subject::Subject};
use std::{
    env,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

/// The environment variable that writes golden files anew.
const BLESS: &str = "SNNC_BLESS";

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
    match held(&in_crate(artifact), &in_crate(golden), data.as_deref(), is_blessing) {
        Ok(text) if text.is_empty() => {}
        Ok(text) => panic!("{text}"),
        Err(error) => panic!("{error}"),
    }
}

/// What differs, as text.
fn held(artifact: &Path, golden: &Path, data: Option<&Path>, is_blessing: bool) -> Result<String> {
    let subject = Subject::open(artifact)?;
    let given = Given { golden, data, report: None };
    let watch = &mut |_| ControlFlow::Continue(());
    let findings = if is_blessing {
        let blessed = bless(&subject, &given, None, watch)?;
        if blessed.findings.is_empty() {
            blessed.golden.write(golden)?;
        }
        blessed.findings
    } else {
        check(&subject, &given, watch)?.findings
    };
    Ok(if findings.is_empty() { String::new() } else { text(artifact, golden, &findings, "`SNNC_BLESS=1 cargo test`") })
}

/// A path of the crate under test: cargo says where that is.
fn in_crate(path: &Path) -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").map_or_else(PathBuf::new, PathBuf::from).join(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_test_says_what_differs_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let (artifact, golden) = (in_crate(Path::new("../fixtures/digits/digits.snn")), folder.path().join("m.json"));
        let data = in_crate(Path::new("../fixtures/digits/digits_test.npz"));
        let text = held(&artifact, &golden, Some(&data), false).unwrap_err().to_string();
        assert!(text.contains("m.json` is not there") && text.contains("--bless` makes it"), "{text}");
        let text = held(&artifact, &golden, None, true).unwrap_err().to_string();
        assert!(text.contains("nothing says of which images"), "{text}");
        assert_eq!(held(&artifact, &golden, Some(&data), true).unwrap(), "");
        assert_eq!(held(&artifact, &golden, None, false).unwrap(), "");
        let written = fs::read_to_string(&golden).unwrap();
        fs::write(&golden, written.replace("\"correct\": 496", "\"correct\": 490")).unwrap();
        let text = held(&artifact, &golden, None, false).unwrap();
        assert!(text.contains("1 difference\n  correct: expected 490, found 496\n"), "{text}");
        assert!(text.contains("the artifact is the one that was blessed") && text.contains("`SNNC_BLESS=1 cargo test`"), "{text}");
        assert_eq!(held(&artifact, &golden, None, true).unwrap(), "");
        assert_eq!(fs::read_to_string(&golden).unwrap(), written);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }
}
