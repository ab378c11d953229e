//! A golden file made of an artifact.

use crate::{
    ann::Ann,
    compare::leaks,
    error::{Error, Result},
    file::{EnergyOf, Golden},
    finding::Finding,
    given::Given,
    leakage::{Leakage, Reported, Worst},
    made::made,
    measure::{Watch, same},
    paths,
    subject::Subject,
};
use std::path::Path;

/// A golden file that is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Blessed {
    /// The file.
    pub golden: Golden,
    /// What cannot be blessed: attacks that get more than a limit that was written by hand. The file should not be written then.
    pub findings: Vec<Finding>,
}

/// Makes the golden file of an artifact. Of one that is there already, what people wrote is kept: tolerances and limits; and the answers of
/// the float network, if `ann` has no others.
///
/// # Errors
/// If a file is missing or broken, the network does not run the images, or what is to be kept is of other images.
pub fn bless(subject: &Subject, given: &Given<'_>, ann: Option<Ann>, watch: &mut Watch<'_>) -> Result<Blessed> {
    let old = Golden::find(given.golden)?;
    let data = given.data(old.as_ref())?;
    let mut golden = made(subject, given.golden, &data, EnergyOf::OWN, watch)?;
    let report = given.report(old.as_ref());
    let (old_ann, limits, is_same_data) = match old {
        None => (None, None, true),
        Some(old) => {
            golden.tolerances = old.tolerances;
            (old.ann, old.leakage, old.data.sha256 == golden.data.sha256)
        }
    };
    golden.ann = match (ann, old_ann) {
        (None, Some(_)) if !is_same_data => {
            return Err(Error::format(
                given.golden,
                "the answers of the ANN in it are to other images: give the ANN too (`snnc check --bless --ann MODEL.onnx`), or delete the field `ann`",
            ));
        }
        (new, old) => new.or(old),
    };
    if let Some(ann) = &mut golden.ann {
        if ann.classes.len() != golden.data.images {
            let (found, wanted) = (ann.classes.len(), golden.data.images);
            return Err(Error::usage(format!("the ANN answered to {found} images, and there are {wanted}")));
        }
        ann.agreeing = same(&ann.classes, &golden.classes);
    }
    let findings = match report {
        None => Vec::new(),
        Some(report) => {
            let reported = Reported::read(&report)?;
            let leakage = leakage(given.golden, &report, &reported, limits.as_ref())?;
            let findings = leaks(&leakage, &reported, &subject.sha256);
            golden.leakage = Some(leakage);
            findings
        }
    };
    Ok(Blessed { golden, findings })
}

/// What a report says, with the limits that were written by hand.
fn leakage(golden: &Path, report: &Path, reported: &Reported, limits: Option<&Leakage>) -> Result<Leakage> {
    let limit = |attack: &str| limits.and_then(|limits| limits.attacks.get(attack)?.limit);
    let attacks = reported.attacks.iter().map(|(attack, worst)| (attack.clone(), Worst { limit: limit(attack), ..worst.clone() }));
    Ok(Leakage { report: paths::name(golden, report)?, attacks: attacks.collect() })
}
