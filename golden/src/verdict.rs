//! What a test asks: does the artifact do what the golden file says?

use crate::{bless::bless, check::check, error::Result, finding::text, given::Given, measure::Watch, subject::Subject};
use std::path::Path;

/// Checks an artifact, or blesses it: all that differs or cannot be blessed, for people, and none where nothing does. `how` says how to bless
/// where this is asked.
///
/// # Errors
/// As [`check`] and [`bless`], or if a file cannot be read or written.
pub fn verdict(artifact: &Path, given: &Given<'_>, is_blessing: bool, how: &str, watch: &mut Watch<'_>) -> Result<Option<String>> {
    let subject = Subject::open(artifact)?;
    let findings = if is_blessing {
        let blessed = bless(&subject, given, None, watch)?;
        if blessed.findings.is_empty() {
            blessed.golden.write(given.golden)?;
        }
        blessed.findings
    } else {
        check(&subject, given, watch)?.findings
    };
    Ok((!findings.is_empty()).then(|| text(artifact, given.golden, &findings, how)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, ops::ControlFlow};

    #[test]
    fn a_test_says_what_differs_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/digits");
        let (artifact, golden, data) = (fixtures.join("digits.snn"), folder.path().join("m.json"), fixtures.join("digits_test.npz"));
        let held = |data: Option<&Path>, is_blessing: bool| {
            let given = Given { golden: &golden, data, report: None };
            verdict(&artifact, &given, is_blessing, "`bless`", &mut |_| ControlFlow::Continue(()))
        };
        let text = held(Some(&data), false).unwrap_err().to_string();
        assert!(text.contains("m.json` is not there") && text.contains("--bless` makes it"), "{text}");
        let text = held(None, true).unwrap_err().to_string();
        assert!(text.contains("nothing says of which images"), "{text}");
        assert_eq!(held(Some(&data), true).unwrap(), None);
        assert_eq!(held(None, false).unwrap(), None);
        let written = fs::read_to_string(&golden).unwrap();
        fs::write(&golden, written.replace("\"correct\": 496", "\"correct\": 490")).unwrap();
        let text = held(None, false).unwrap().unwrap();
        assert!(text.contains("1 difference\n  correct: expected 490, found 496\n"), "{text}");
        assert!(text.contains("the artifact is the one that was blessed") && text.contains("bless it: `bless`"), "{text}");
        assert_eq!(held(None, true).unwrap(), None);
        assert_eq!(fs::read_to_string(&golden).unwrap(), written);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }
}
