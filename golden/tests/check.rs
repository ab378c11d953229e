//! Golden files of the classifier of digits: they hold, and every damage is found and named.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{damaged, digits, images, patient, subject};
use snnc_golden::{Ann, Error, Finding, Given, Golden, Tolerances, bless, check, text};
use snnc_runtime::{Artifact, OpSpec};
use std::{
    collections::BTreeSet,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

/// A folder with a golden file.
struct Folder {
    root: tempfile::TempDir,
    data: PathBuf,
}

impl Folder {
    /// With the golden file of the whole network.
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("test.npz");
        fs::copy(images(), &data).unwrap();
        fs::create_dir(root.path().join("golden")).unwrap();
        let folder = Self { root, data };
        folder.bless(&digits(), None);
        folder
    }

    fn golden(&self) -> PathBuf {
        self.root.path().join("golden/m.json")
    }

    fn given<'a>(&'a self, golden: &'a Path) -> Given<'a> {
        Given { golden, data: Some(&self.data), report: None }
    }

    fn bless(&self, artifact: &Artifact, ann: Option<Ann>) -> String {
        let golden = self.golden();
        let blessed = bless(&subject(artifact), &self.given(&golden), ann, &mut patient).unwrap();
        assert_eq!(blessed.findings, []);
        blessed.golden.write(&golden).unwrap();
        fs::read_to_string(golden).unwrap()
    }

    /// Without a word on where the images are.
    fn check(&self, artifact: &Artifact) -> Vec<Finding> {
        check(&subject(artifact), &Given { golden: &self.golden(), data: None, report: None }, &mut patient).unwrap().findings
    }

    fn edit(&self, edit: impl FnOnce(&mut Golden)) {
        let mut golden = Golden::read(&self.golden()).unwrap();
        edit(&mut golden);
        golden.write(&self.golden()).unwrap();
    }
}

fn fields(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.field.as_str()).collect()
}

#[test]
fn the_network_that_was_blessed_does_the_same() {
    let folder = Folder::new();
    assert_eq!(folder.check(&digits()), []);
    let first = fs::read_to_string(folder.golden()).unwrap();
    assert_eq!(folder.bless(&digits(), None), first, "the same bytes");
    assert!(first.ends_with("}\n") && first.contains("\"file\": \"../test.npz\"") && !first.contains(folder.root.path().to_str().unwrap()));
    let golden = Golden::read(&folder.golden()).unwrap();
    assert_eq!((golden.data.images, golden.classes.len(), golden.correct, golden.time.latency), (500, 500, 496, 40));
    assert_eq!(golden.to_text(), first);
}

#[test]
fn a_weight_is_found_by_its_layer() {
    let folder = Folder::new();
    let findings = folder.check(&damaged("n6.weight", 40, 90));
    let fields = fields(&findings);
    // Layers before it do the same, its neurons are the first that do not.
    assert!(fields.contains(&"spikes.n7") && !fields.contains(&"spikes.n4") && !fields.contains(&"synaptic_ops.n6"), "{fields:?}");
    let first = findings.iter().find(|finding| finding.field.starts_with("spikes.")).unwrap();
    assert!(first.field == "spikes.n7" && first.advice.contains("`n7` is the first layer whose spikes differ"), "{first:?}");
    let told = text(Path::new("m.snn"), Path::new("m.json"), &findings, "bless");
    assert!(told.contains(&format!("  spikes.n7: expected {}, found {}\n", first.expected, first.found)), "{told}");
    assert_eq!(told.matches("`n7` is the first layer whose spikes differ").count(), 1, "{told}");
}

#[test]
fn a_threshold_is_found_by_its_layer() {
    let findings = Folder::new().check(&damaged("n2.threshold", 0, 500));
    let fields: BTreeSet<&str> = fields(&findings).into_iter().collect();
    assert!(fields.contains("spikes.n2") && fields.contains("synaptic_ops.n3") && fields.contains("energy.total_pj"), "{fields:?}");
    assert!(!fields.contains("spikes.n0") && !fields.contains("time.latency"), "{fields:?}");
}

#[test]
fn digits_are_found_by_the_time() {
    let mut artifact = digits();
    for node in &mut artifact.graph.nodes {
        if let OpSpec::RadixNeuron { digits, levels } = &mut node.op {
            (*digits, *levels) = (6, 63);
        }
    }
    let findings = Folder::new().check(&artifact);
    assert_eq!(findings[0].field, "time.latency", "the input has its 8 digits, and T with it");
    assert_eq!((&findings[0].expected, &findings[0].found), (&40.into(), &32.into()));
    assert!(findings[0].advice.contains("snnc diff"), "{findings:?}");
}

#[test]
fn other_images_are_not_run() {
    let folder = Folder::new();
    let mut bytes = fs::read(&folder.data).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&folder.data, bytes).unwrap();
    let findings = folder.check(&digits());
    assert_eq!(fields(&findings), ["data.sha256"]);
    assert!(findings[0].advice.contains("not those of the golden file"), "{findings:?}");
}

#[test]
fn tolerances_are_kept_and_kept_to() {
    let folder = Folder::new();
    let slight = damaged("n10.weight", 5, 3);
    let before = folder.check(&slight);
    assert!(!before.is_empty());
    folder.edit(|golden| golden.tolerances = Tolerances { spikes: 0.001, synaptic_ops: 0.001, energy: 0.001, ..Tolerances::default() });
    assert_eq!(folder.check(&slight), []);
    // What is beyond says so.
    let findings = folder.check(&damaged("n2.threshold", 0, 5000));
    assert!(findings.iter().any(|f| f.field == "spikes.n2" && f.tolerance == Some(0.001.into())), "{findings:?}");
    let written = folder.bless(&slight, None);
    assert!(written.contains("\"spikes\": 0.001"), "{written}");
    assert_eq!(folder.bless(&slight, None), written);
    assert_eq!(folder.check(&slight), []);
}

#[test]
fn classes_are_named_by_image() {
    let folder = Folder::new();
    folder.edit(|golden| golden.classes[17] = (golden.classes[17] + 1) % 10);
    let findings = folder.check(&digits());
    assert_eq!(fields(&findings), ["classes"]);
    assert_eq!((findings[0].images.len(), findings[0].images[0].image), (1, 17));
    assert!(findings[0].advice.contains("byte for byte"), "the same artifact cannot do anything else: {findings:?}");
    folder.edit(|golden| golden.tolerances.classes = 1);
    assert_eq!(folder.check(&digits()), []);
}

#[test]
fn the_answers_of_the_ann_are_kept() {
    let folder = Folder::new();
    let mut classes = Golden::read(&folder.golden()).unwrap().classes;
    classes[3] = (classes[3] + 1) % 10;
    let ann = |classes: &[usize]| Ann { sha256: "a".repeat(64), agreeing: 0, classes: classes.to_vec() };
    let written = folder.bless(&digits(), Some(ann(&classes)));
    assert!(written.contains("\"agreeing\": 499"), "{written}");
    assert_eq!(folder.bless(&digits(), None), written);
    let fields = |findings: Vec<Finding>| findings.into_iter().map(|finding| finding.field).collect::<Vec<_>>();
    assert!(fields(folder.check(&damaged("n12.bias", 0, 1 << 20))).contains(&"ann.agreeing".to_owned()));
    let golden = folder.golden();
    let refused = bless(&subject(&digits()), &folder.given(&golden), Some(ann(&classes[..9])), &mut patient).unwrap_err().to_string();
    assert!(refused.contains("answered to 9 images, and there are 500"), "{refused}");
    // Other images: what the ANN said of these, nobody knows.
    folder.edit(|golden| golden.data.sha256 = "0".repeat(64));
    let refused = bless(&subject(&digits()), &folder.given(&golden), None, &mut patient).unwrap_err().to_string();
    assert!(refused.contains("m.json: the answers of the ANN in it are to other images"), "{refused}");
}

#[test]
fn leaks_have_limits() {
    let folder = Folder::new();
    let (golden, network) = (folder.golden(), subject(&digits()));
    let report = folder.root.path().join("m.report.json");
    let write = |recognition: f64, sha256: &str| {
        let attacks = format!(
            r#"[{{"name": "reconversion", "results": [{{"subject": "snn", "metrics": [{{"name": "recognition", "value": {recognition}}}]}}]}}]"#
        );
        fs::write(&report, format!(r#"{{"leakage": {{"artifact": {{"sha256": "{sha256}"}}, "attacks": {attacks}}}}}"#)).unwrap();
    };
    let given = Given { golden: &golden, data: None, report: Some(&report) };
    let refused = check(&network, &given, &mut patient).unwrap_err().to_string();
    assert!(refused.contains("says nothing about leakage"), "{refused}");
    write(0.25, &network.sha256);
    let blessed = bless(&network, &given, None, &mut patient).unwrap();
    blessed.golden.write(&golden).unwrap();
    let written = fs::read_to_string(&golden).unwrap();
    assert!(written.contains("\"report\": \"../m.report.json\"") && written.contains("\"value\": 0.25"), "{written}");
    // The report is looked for where the golden file says.
    assert_eq!(folder.check(&digits()), []);
    write(0.2, &network.sha256);
    assert_eq!(folder.check(&digits()), [], "less is no harm");
    write(0.3, &network.sha256);
    let findings = folder.check(&digits());
    assert_eq!(fields(&findings), ["leakage.attacks.reconversion"]);
    assert_eq!((&findings[0].expected, &findings[0].found), (&"recognition of at most 0.25".into(), &"recognition of 0.3".into()));
    folder.edit(|golden| golden.leakage.as_mut().unwrap().attacks.get_mut("reconversion").unwrap().limit = Some(0.5));
    assert_eq!(folder.check(&digits()), []);
    // Blessing keeps what was written by hand, and does not bless what is beyond.
    write(0.6, &network.sha256);
    let blessed = bless(&network, &given, None, &mut patient).unwrap();
    assert_eq!(blessed.golden.leakage.unwrap().attacks["reconversion"].limit, Some(0.5));
    assert_eq!(fields(&blessed.findings), ["leakage.attacks.reconversion"]);
    write(0.2, &"0".repeat(64));
    assert_eq!(fields(&folder.check(&digits())), ["leakage.report"]);
    fs::write(&report, r#"{"leakage": {"artifact": {"sha256": ""}, "attacks": []}}"#.replace("\"\"", &format!("\"{}\"", network.sha256)))
        .unwrap();
    let findings = folder.check(&digits());
    assert!(findings[0].found.is_null() && findings[0].advice.contains("audit with"), "{findings:?}");
}

#[test]
fn energy_is_computed_with_the_constants_of_the_file() {
    let folder = Folder::new();
    folder.edit(|golden| {
        (golden.energy.mac_pj, golden.energy.ac_pj) = (0.0, 0.5);
        golden.energy.total_pj = golden.synaptic_ops.0.iter().map(|(_, count)| count).sum::<u64>().div_ceil(2);
    });
    assert_eq!(folder.check(&digits()), []);
    assert!(folder.bless(&digits(), None).contains("\"ac_pj\": 0.1"));
}

#[test]
fn broken_files_are_refused_by_name() {
    let folder = Folder::new();
    let whole = fs::read_to_string(folder.golden()).unwrap();
    let refused = |text: &str| {
        fs::write(folder.golden(), text).unwrap();
        let golden = folder.golden();
        let given = folder.given(&golden);
        let message = check(&subject(&digits()), &given, &mut patient).unwrap_err().to_string();
        assert_eq!(bless(&subject(&digits()), &given, None, &mut patient).unwrap_err().to_string(), message, "nothing is lost");
        message
    };
    for (from, to, part) in [
        ("\"golden_version\": 1", "\"golden_version\": 2", "is a golden file of version 2, and this snnc knows version 1"),
        ("\"golden_version\": 1", "\"golden_version\": \"1\"", "is no golden file"),
        ("\"correct\": 496", "\"correct\": 501", "`correct` is 501 of 500 images"),
        ("\"images\": 500", "\"images\": 499", "`classes` has 500 entries for 499 images"),
        ("\"correct\": 496", "\"tolerances\": {\"spike\": 1}, \"correct\": 496", "unknown field `spike`"),
        ("\"correct\": 496", "\"tolerances\": {\"spikes\": 2}, \"correct\": 496", "want a share from 0 to 1"),
        ("\"mac_pj\": 0.3", "\"mac_pj\": -1", "constants that are none"),
        ("\"n2\":", "\"n0\":", "the layer `n0` is there twice"),
    ] {
        assert!(whole.contains(from), "{from}");
        let message = refused(&whole.replace(from, to));
        assert!(message.contains("m.json: ") && message.contains(part), "{message}");
    }
    refused("");
}

#[test]
fn who_watches_may_stop() {
    let folder = Folder::new();
    let golden = folder.golden();
    let stopped = check(&subject(&digits()), &folder.given(&golden), &mut |_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(Error::Stopped)));
}
