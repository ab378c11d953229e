//! What the Python package `nir` reads of our files makes, with neurons written in numpy (`simulate.py`), every value that the runtime makes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "who runs the tests should know what was skipped")]

#[path = "../../runtime/tests/common/mod.rs"]
mod common;

use common::{random_images, random_network};
use serde_json::{Value, json};
use snnc_nir::{Export, Node, Subject, Thresholds, export, read, write};
use snnc_runtime::{Artifact, Network};
use std::{path::Path, process::Command};

/// The Python that SNNC_PYTHON names, if it has the package; CI sets SNNC_REQUIRE_PYTHON, so that nothing is skipped there unseen.
fn python() -> Option<String> {
    let python = std::env::var("SNNC_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_nir = Command::new(&python).args(["-c", "import nir, h5py"]).output().is_ok_and(|output| output.status.success());
    assert!(has_nir || std::env::var_os("SNNC_REQUIRE_PYTHON").is_none(), "{python} has no package `nir`");
    if !has_nir {
        eprintln!("skipped: {python} has no package `nir`");
    }
    has_nir.then_some(python)
}

/// Values of a trace, `[steps][images][entries]`.
fn nested(values: &[i32], images: usize, entries: usize) -> Value {
    values.chunks(images * entries).map(|step| step.chunks(entries).map(Vec::from).collect::<Vec<_>>()).collect::<Vec<_>>().into()
}

/// A file and all that should come out of it.
fn case(folder: &Path, name: &str, artifact: &Artifact, exported: &Export) -> Value {
    let file = folder.join(format!("{name}.nir"));
    std::fs::write(&file, write(&exported.graph).unwrap()).unwrap();
    let network = Network::new(artifact.clone()).unwrap();
    let images = random_images(artifact, 2, 5);
    let trace = network.trace(&images, artifact.graph.timesteps, 3).unwrap();
    let len = |shape: &[usize]| shape.iter().product::<usize>();
    let value = |index: usize| {
        let shape = if index == 0 { &artifact.graph.input.shape } else { &artifact.graph.nodes[index - 1].shape };
        nested(&trace.values[index], 2, len(shape))
    };
    let nodes = artifact.graph.nodes.iter().enumerate();
    let neurons = nodes.filter(|(_, node)| matches!(exported.graph.nodes.get(&node.name), Some(Node::If { .. } | Node::Lif { .. })));
    let values: serde_json::Map<String, Value> = neurons.map(|(index, node)| (node.name.clone(), value(index + 1))).collect();
    let output = artifact.graph.nodes.iter().position(|node| node.name == artifact.graph.output.node).unwrap();
    let is_square = exported.remarks.iter().all(|remark| remark.subject != Subject::Oblong);
    json!({"nir": file, "input": value(0), "values": values, "output": value(output + 1), "type_check": is_square})
}

/// Networks that NIR says so far that a simulation with the metadata is exact.
fn sayable() -> Vec<(String, Artifact, Export)> {
    let random = (0..400).map(|seed| (format!("random-{seed}"), random_network(seed)));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/vectors");
    let mut vectors: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    vectors.retain(|path| path.extension().is_some_and(|end| end == "snn"));
    vectors.sort();
    let vectors = vectors.into_iter().map(|path| {
        let artifact = Artifact::from_bytes(&std::fs::read(&path).unwrap()).unwrap();
        (path.file_stem().unwrap().to_string_lossy().into_owned(), artifact)
    });
    let exported = random.chain(vectors).filter_map(|(name, artifact)| {
        let exported = export(&artifact, Thresholds::Whole).ok()?;
        let is_exact = exported.remarks.iter().all(|remark| !matches!(remark.subject, Subject::MaxPool | Subject::Precision));
        is_exact.then_some((name, artifact, exported))
    });
    exported.collect()
}

#[test]
fn neurons_in_numpy_make_the_same_spikes() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let networks = sayable();
    let subjects: std::collections::BTreeSet<Subject> =
        networks.iter().flat_map(|(.., exported)| exported.remarks.iter().map(|remark| remark.subject)).collect();
    for subject in [Subject::Radix, Subject::SoftReset, Subject::Signed, Subject::Leak, Subject::Offset, Subject::Poisson, Subject::Oblong]
    {
        assert!(subjects.contains(&subject), "{subject:?} of {subjects:?}");
    }
    let cases: Vec<Value> = networks.iter().map(|(name, artifact, exported)| case(folder.path(), name, artifact, exported)).collect();
    let list = folder.path().join("cases.json");
    std::fs::write(&list, serde_json::to_vec(&cases).unwrap()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/simulate.py");
    let output = Command::new(&python).arg(script).arg(&list).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    print!("{text}");
}

#[test]
fn a_file_that_python_wrote_anew_is_still_ours() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let again = "import nir, inspect, sys; o = {'type_check': False} if 'type_check' in inspect.signature(nir.read).parameters else {}\n\
                 for a, b in zip(sys.argv[1::2], sys.argv[2::2]): nir.write(b, nir.read(a, **o))";
    let networks: Vec<_> = sayable().into_iter().rev().take(12).collect();
    let mut words = vec!["-c".to_owned(), again.to_owned()];
    for (name, _, exported) in &networks {
        let [ours, theirs] = ["ours", "theirs"].map(|who| folder.path().join(format!("{name}.{who}.nir")));
        std::fs::write(&ours, write(&exported.graph).unwrap()).unwrap();
        words.extend([ours, theirs].map(|path| path.to_string_lossy().into_owned()));
    }
    let output = Command::new(&python).args(&words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (name, artifact, _) in &networks {
        let bytes = std::fs::read(folder.path().join(format!("{name}.theirs.nir"))).unwrap();
        assert_eq!(&read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}")), artifact);
    }
}
