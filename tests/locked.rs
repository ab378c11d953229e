//! Locked read-outs from end to end: what the holder of the key reads is what the open network says, in whole numbers and in the files that the command
//! line writes; what a lock makes no sense for is refused by name.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use snnc::{
    artifact::lock,
    compile::compile,
    data::Images,
    observer::Silent,
    options::{Calibration, Code, Options, Spikes, Synthesis, Timesteps, Train, Training},
};
use snnc_runtime::{Artifact, Layout, Network, locked::Key};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// A fixture, compiled in process and quickly.
fn compiled(model: &Path, code: Code, spikes: Spikes) -> Artifact {
    let options = Options {
        code,
        spikes,
        samples: Some(4),
        timesteps: Timesteps::Fixed(6),
        calibration: Calibration::Synthetic(Synthesis::Prior),
        training: Training { train: Train::None, ..Training::default() },
        ..Options::default()
    };
    compile(model, &options, &mut Silent).unwrap_or_else(|e| panic!("{}: {e}", model.display())).artifact
}

/// The sums of an open network over so many steps, in whole numbers.
fn sums(network: &Network, images: &[u16], steps: usize) -> Vec<i64> {
    let trace = network.trace(images, steps, 0).unwrap();
    let of_steps = trace.values.last().unwrap();
    let each = images.len() / network.image_len() * network.classes();
    // What does not change is there once: in the radix code, where it is the value, and behind a constant.
    let repeat = if of_steps.len() == each && network.spec().code == snnc_runtime::Code::Rate { steps as i64 } else { 1 };
    let mut sums = vec![0; each];
    of_steps.chunks(each).for_each(|step| sums.iter_mut().zip(step).for_each(|(sum, &value)| *sum += i64::from(value) * repeat));
    sums
}

/// Locks, and compares what the key reads with what the open network says.
#[track_caller]
fn assert_exact(open: &Artifact, images: &[u16], key: &Key, what: &str) {
    let locked = lock(open, key).unwrap_or_else(|e| panic!("{what}: {e}"));
    // As a device reads it.
    let network = Network::load(&locked.to_bytes().unwrap()).unwrap();
    let open = Network::new(open.clone()).unwrap();
    let all = open.spec().timesteps;
    let outcome = network.answer_quantised_checkpoints(images, &[all], 0).unwrap().remove(0);
    let expected = open.run_quantised(images, all, 0).unwrap();
    assert_eq!(network.classes(), open.classes(), "{what}");
    let opened = network.answers(all, outcome.answers).unwrap().open(key).unwrap();
    assert_eq!(opened.sums, sums(&open, images, all), "{what}");
    assert_eq!(opened.logits, expected.logits, "{what}");
}

#[test]
fn digits_in_both_codes() {
    let key = Key::generate();
    let data = Images::read(&fixture("digits/digits_test.npz")).unwrap().take(40);
    for (code, spikes) in [(Code::Radix, Spikes::Binary), (Code::Rate, Spikes::Signed), (Code::Rate, Spikes::Binary)] {
        let open = compiled(&fixture("digits/digits.onnx"), code, spikes);
        let network = Network::new(open.clone()).unwrap();
        let input = &network.spec().input;
        let plan = snnc::data::Plan::new(&data, &input.shape, Some(input.layout), &input.preprocess).unwrap();
        let images = network.quantise(&plan.convert(&data, 0..data.count)).unwrap();
        assert_exact(&open, &images, &key, &format!("{code:?}, {spikes:?}"));
    }
}

/// Last layers of every form that exporters give them.
const FORMS: [&str; 17] = [
    "mlp_flat",
    "conv_classifier",
    "conv_classifier_softmax",
    "score_conv_sigmoid",
    "softmax_flattened_by_its_shape",
    "avgpool_exclude_pad",
    "nhwc_transposes",
    "concat_branches",
    "qdq_scale_a_channel",
    // Several layers that meet in the scores.
    "leaky_relu",
    "prelu_channel",
    "relu_chain_two_readers",
    "squeeze_batch_inside",
    "opset18_split_num_outputs",
    "maxpool_chain",
    "conv1d_network",
    "opset11_softmax_2d",
];

#[test]
fn read_outs_of_every_form() {
    let key = Key::generate();
    for name in FORMS {
        for code in [Code::Radix, Code::Rate] {
            let open = compiled(&fixture(&format!("onnx/{name}.onnx")), code, Spikes::Signed);
            let network = Network::new(open.clone()).unwrap();
            let images: Vec<u16> = (0..3 * network.image_len()).map(|at| (at * at * 31 % 256) as u16).collect();
            assert_exact(&open, &images, &key, &format!("{name}, {code:?}"));
        }
    }
}

#[test]
fn read_outs_without_a_layer_are_refused_by_name() {
    let key = Key::generate();
    for (name, word) in [("qdq_uint8_scores", "without a layer with weights"), ("qdq_int8_image", "without a layer with weights")] {
        let open = compiled(&fixture(&format!("onnx/{name}.onnx")), Code::Radix, Spikes::Binary);
        let error = match lock(&open, &key).err().unwrap() {
            snnc::error::Error::Diagnostics(mut all) => all.remove(0),
            other => panic!("{name}: {other}"),
        };
        assert_eq!(error.code, "E0113", "{name}");
        let node = error.place.node.as_ref().unwrap();
        assert!(open.graph.nodes.iter().any(|known| known.name == *node), "{name}: {node}");
        assert!(error.notes[0].contains(word), "{name}: {:?}", error.notes);
        assert!(!error.helps.is_empty());
    }
    // A digits network without what comes before its last layer.
    let mut open = Artifact::from_bytes(&fs::read(fixture("digits/digits.snn")).unwrap()).unwrap();
    let graph = &mut open.graph;
    let mut last = graph.nodes.pop().unwrap();
    let features: usize = graph.nodes.last().unwrap().shape.iter().product();
    (graph.input.shape, graph.input.layout, graph.timesteps) = (vec![1, features], Layout::Flat, graph.input.quantiser.digits as usize);
    last.inputs = vec![graph.input.name.clone()];
    open.tensors.retain(|name, _| last.tensors.values().any(|used| used == name));
    graph.nodes = vec![last];
    open.check().unwrap();
    let error = lock(&open, &key).err().unwrap().to_string();
    assert!(error.contains("[E0113]"), "{error}");
}

#[test]
fn nothing_of_the_read_out_is_left_in_the_clear() {
    let key = Key::generate();
    let open = Artifact::from_bytes(&fs::read(fixture("digits/digits.snn")).unwrap()).unwrap();
    let locked = lock(&open, &key).unwrap();
    let read_out = open.graph.nodes.iter().find(|node| node.name == open.graph.output.node).unwrap();
    for name in read_out.tensors.values() {
        let bytes: Vec<u8> = open.tensors[name].data.to_vec().iter().flat_map(|v| v.to_le_bytes()).collect();
        assert!(!locked.tensors.contains_key(name));
        assert!(!locked.to_bytes().unwrap().windows(bytes.len().min(16)).any(|window| window == &bytes[..window.len()]));
    }
    // All else is byte for byte what it was.
    assert!(locked.tensors.iter().all(|(name, tensor)| open.tensors[name] == *tensor));
    assert_eq!(locked.graph.nodes[..], open.graph.nodes[..locked.graph.nodes.len()]);
    let (mut left, right) = (locked.graph.clone(), open.graph.clone());
    (left.nodes, left.output) = (right.nodes.clone(), right.output.clone());
    assert_eq!(left, right);
    assert_eq!(
        lock(&locked, &key).err().unwrap().to_string(),
        "its read-out is locked already",
        "a second lock would hide what the first one left"
    );
}

// ---- the command line ----

fn snnc(folder: &Path, args: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_snnc")).current_dir(folder).args(args.split_whitespace()).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn done(folder: &Path, args: &str) -> String {
    let output = snnc(folder, args);
    assert_eq!(output.status.code(), Some(0), "{args}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn refused(folder: &Path, args: &str, part: &str) {
    let output = snnc(folder, args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{args}: {stderr}");
    assert!(stderr.contains(part), "{args}: `{part}` is not in:\n{stderr}");
}

#[test]
fn from_the_model_to_the_class() {
    for code in ["radix", "rate"] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let model = fixture("digits/digits.onnx");
        let compile = format!("{} --code {code} --samples 8 --timesteps 8 --train none --audit none -q", model.display());
        fs::copy(fixture("digits/digits_test.npz"), at.join("test.npz")).unwrap();
        done(at, "keygen my.key");
        refused(at, "keygen my.key", "exists");
        done(at, &format!("{compile} -o open.snn"));
        done(at, &format!("{compile} -o locked.snn --lock my.key"));
        done(at, "lock open.snn --key my.key -o again.snn -q");
        refused(at, &format!("{compile} -o x.snn --lock my.key --emit ir"), "cannot be used with");
        refused(at, &format!("{compile} -o my.key --lock my.key"), "would overwrite the key");

        // Both locks are of the same network, and differ.
        let read = |name: &str| Artifact::from_bytes(&fs::read(at.join(name)).unwrap()).unwrap();
        let (mut first, mut second) = (read("locked.snn"), read("again.snn"));
        assert_ne!(first.lock.take(), second.lock.take());
        assert_eq!(first, second);
        // What is said of the network is said of the open one.
        assert_eq!(fs::read(at.join("open.report.json")).unwrap(), fs::read(at.join("locked.report.json")).unwrap());

        done(at, "run open.snn test.npz -o open.npy");
        done(at, "run locked.snn test.npz -o answers --threads 2");
        done(at, "unlock answers --key my.key -o unlocked.npy");
        assert_eq!(fs::read(at.join("unlocked.npy")).unwrap(), fs::read(at.join("open.npy")).unwrap(), "{code}");
        assert_eq!(done(at, "unlock answers --key my.key"), done(at, "run open.snn test.npz"), "{code}");

        let told = done(at, "inspect locked.snn");
        for part in ["locked with the key", "10 classes of 64 features", "degree 4096, modulus of 106 bits", "unaudited", "128 bits"] {
            assert!(told.contains(part), "`{part}` is not in:\n{told}");
        }
        // Accuracy and spikes are the same; synaptic operations are those of the layers in the clear.
        let told = |what: &str| -> serde_json::Value {
            serde_json::from_str(&done(at, &format!("eval {what} --data test.npz --limit 50 --json"))).unwrap()
        };
        let (locked, open) = (told("locked.snn --key my.key"), told("open.snn"));
        for (locked, open) in locked["snn"].as_array().unwrap().iter().zip(open["snn"].as_array().unwrap()) {
            for what in ["timesteps", "latency", "top1", "spikes_per_neuron"] {
                assert_eq!(locked[what], open[what], "{code}, {what}");
            }
            assert!(locked["synaptic_ops"].as_f64().unwrap() < open["synaptic_ops"].as_f64().unwrap());
        }
    }
}

#[test]
fn what_a_lock_makes_no_sense_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (model, open) = (fixture("digits/digits.onnx"), fixture("digits/digits.snn"));
    fs::copy(fixture("digits/digits_test.npz"), at.join("test.npz")).unwrap();
    done(at, "keygen my.key");
    done(at, "keygen other.key");
    done(at, &format!("lock {} --key my.key -o l.snn", open.display()));
    let locked = "the read-out of `l.snn` is locked";
    refused(at, "emit c l.snn", &format!("no C: {locked}; emit the network before its lock"));
    refused(at, "nir l.snn -o l.nir", &format!("no NIR: {locked}; export the network before its lock"));
    refused(at, "bench l.snn", &format!("nothing to compare: {locked}"));
    refused(at, &format!("audit l.snn --ann {}", model.display()), &format!("no attack: {locked}"));
    refused(at, "run l.snn test.npz", &format!("no class: {locked}; write its answers with `-o ANSWERS`"));
    refused(at, "run l.snn test.npz -o a --raster r.svg", &format!("--raster: {locked}"));
    refused(at, "run l.snn test.npz -o a --early-exit 0.9", &format!("--early-exit: {locked}"));
    refused(at, "run l.snn test.npz -o a --simulator engine", &format!("--simulator engine: {locked}"));
    refused(at, "eval l.snn --data test.npz", &format!("no accuracy: {locked}; `--key KEYFILE` reads its answers"));
    refused(at, "eval l.snn --data test.npz --key other.key", "is locked with the key");
    refused(at, "eval l.snn --data test.npz --key test.npz", "not a key: it does not start like one; `snnc keygen` makes one");
    refused(at, &format!("eval {} --data test.npz --key my.key", open.display()), "is not locked");
    refused(at, "lock l.snn --key my.key -o x.snn", "locked already");
    refused(at, &format!("lock {} --key my.key -o my.key", open.display()), "would overwrite the key");
    refused(at, &format!("lock {} --key none -o x.snn", open.display()), "none");
    refused(at, "unlock test.npz --key my.key", "not answers of a locked network");
    done(at, "run l.snn test.npz -o a");
    refused(at, "unlock a --key other.key", "locked with the key");
    assert!(!at.join("x.snn").exists());
}
