//! An artifact against a golden file.

use crate::{
    compare::{leaks, of_images, time},
    error::{Error, Result},
    file::{Golden, Time},
    finding::Finding,
    given::Given,
    leakage::Reported,
    made::made,
    measure::Watch,
    subject::{Subject, sha256_of},
};

const OTHER_IMAGES: &str =
    "the images are not those of the golden file, so that nothing was run on them: bring the file back, or bless with these";
const SAME_FILE: &str = "the artifact is the one that was blessed, byte for byte, and a run of it is exact: either the golden file was edited, or this \
                         is a bug of snnc, which should be reported";

/// What came of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// What the file says.
    pub golden: Golden,
    /// What is otherwise; nothing where the artifact is as the file says.
    pub findings: Vec<Finding>,
}

/// Holds an artifact against a golden file.
///
/// # Errors
/// If a file is missing or broken, or the network does not run the images. A difference is no error.
pub fn check(subject: &Subject, given: &Given<'_>, watch: &mut Watch<'_>) -> Result<Checked> {
    let golden = Golden::find(given.golden)?.ok_or_else(|| {
        let (artifact, golden) = (subject.path.display(), given.golden.display());
        Error::usage(format!("`{golden}` is not there: `snnc check {artifact} --golden {golden} --data FILE.npz --bless` makes it"))
    })?;
    if golden.leakage.is_none() && given.report.is_some() {
        let file = given.golden.display();
        return Err(Error::usage(format!("`{file}` says nothing about leakage: bless it with the report, or leave the report out")));
    }
    let data = given.data(Some(&golden))?;
    let digest = sha256_of(&data)?;
    let mut findings = Vec::new();
    if digest != golden.data.sha256 {
        findings.push(Finding::new("data.sha256", golden.data.sha256.as_str(), digest, OTHER_IMAGES));
        findings.extend(time(&golden, &Time::of(&subject.network)));
    } else {
        findings.extend(time(&golden, &Time::of(&subject.network)));
        findings.extend(of_images(&golden, &made(subject, given.golden, &data, golden.energy, watch)?));
        if golden.artifact.sha256 == subject.sha256 {
            findings.iter_mut().for_each(|finding| SAME_FILE.clone_into(&mut finding.advice));
        }
    }
    if let (Some(leakage), Some(report)) = (&golden.leakage, given.report(Some(&golden))) {
        findings.extend(leaks(leakage, &Reported::read(&report)?, &subject.sha256));
    }
    Ok(Checked { golden, findings })
}
