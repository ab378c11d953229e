//! Files of NIR are made of every artifact that NIR can say, and are the artifact again when they are read.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../runtime/tests/common/mod.rs"]
mod common;

use common::{Builder, random_network, weight};
use snnc_nir::{Error, Node, Subject, Thresholds, Value, export, read, write};
use snnc_runtime::{Artifact, Code, Coding, Head, Layout, Reset, Tensor};
use std::collections::BTreeSet;

/// A small network of the rate code: convolution, neurons, pooling, read-out.
fn small(reset: Reset, initial: i32) -> Artifact {
    let mut b = Builder::new(&[1, 2, 6, 6], Layout::Nchw, Coding::Direct);
    let x = b.conv("x", weight(&[4, 1, 3, 3], &[1, -2, 3, 0, 2, 1, -1, 4, 2].repeat(4)), None, [1, 1], [1, 1], [1, 1, 1, 1], 2);
    let x = b.if_neuron(&x, Tensor::new([1, 4, 1, 1], [900, 700, 800, 650]), Tensor::new([], [initial]), reset);
    let x = b.sum_pool(&x, [2, 2], [2, 2], [0; 4], false);
    let x = b.flatten(&x);
    let x = b.linear(&x, weight(&[3, 36], &[1, -1, 2].repeat(36)), Some(Tensor::new([3], [4, -1, 0])));
    b.finish(&x, Head::None)
}

fn bytes_of(artifact: &Artifact) -> Vec<u8> {
    write(&export(artifact, Thresholds::Whole).unwrap().graph).unwrap()
}

/// The number of entries in the metadata of a key that ends in the only neurons of [`small`].
fn reals<'a>(graph: &'a snnc_nir::Graph, key: &str) -> &'a [f32] {
    match &graph.metadata[key] {
        Value::Reals(array) => &array.data,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_nir_can_say_is_read_back_to_the_last_byte() {
    let (mut said, mut refused, mut subjects) = (0, 0, BTreeSet::new());
    for seed in 0..1000 {
        let artifact = random_network(seed);
        // Potentials of some random networks do not fit in 32 bits.
        if artifact.check().is_err() {
            continue;
        }
        let exported = match export(&artifact, Thresholds::Whole) {
            Ok(exported) => exported,
            Err(Error::Unsayable(nodes)) => {
                assert!(!nodes.is_empty());
                refused += 1;
                continue;
            }
            Err(other) => panic!("network {seed}: {other}"),
        };
        let bytes = write(&exported.graph).unwrap();
        assert_eq!(bytes, bytes_of(&artifact), "network {seed}: the same bytes each time");
        let back = read(&bytes).unwrap_or_else(|error| panic!("network {seed}: {error}"));
        assert_eq!(back, artifact, "network {seed}");
        assert_eq!(back.to_bytes().unwrap(), artifact.to_bytes().unwrap());
        said += 1;
        subjects.extend(exported.remarks.iter().map(|remark| remark.subject));
    }
    assert!(said > 150 && refused > 10, "{said} written, {refused} refused");
    for subject in [Subject::Radix, Subject::SoftReset, Subject::Signed, Subject::Leak, Subject::MaxPool, Subject::Offset] {
        assert!(subjects.contains(&subject), "{subject:?} of {subjects:?}");
    }
}

#[test]
fn vectors_are_read_back_too() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/vectors");
    let mut said = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "snn") {
            let artifact = Artifact::from_bytes(&std::fs::read(&path).unwrap()).unwrap();
            match export(&artifact, Thresholds::Whole) {
                // Numbers beyond what `f32` holds are not read back, and are told.
                Ok(exported) if !exported.graph.metadata.contains_key("snnc") => {
                    assert!(exported.remarks.iter().any(|remark| remark.subject == Subject::Precision), "{}", path.display());
                }
                Ok(exported) => {
                    assert_eq!(read(&write(&exported.graph).unwrap()).unwrap(), artifact, "{}", path.display());
                    said += 1;
                }
                Err(error) => assert!(matches!(error, Error::Unsayable(_)), "{}: {error}", path.display()),
            }
        }
    }
    assert!(said >= 8, "{said}");
}

#[test]
fn half_a_unit_goes_where_it_is_exact() {
    let soft = export(&small(Reset::Soft, 7), Thresholds::Whole).unwrap();
    let Node::If { threshold } = &soft.graph.nodes["if_neuron_1"] else { panic!() };
    assert_eq!((threshold.dims.as_slice(), threshold.data[36]), (&[4, 6, 6][..], 700.0));
    assert_eq!(reals(&soft.graph, "v_init.if_neuron_1")[0], 7.5);
    assert_eq!(soft.graph.version, "1.0.4");
    assert_eq!(soft.remarks.iter().map(|remark| remark.subject).collect::<Vec<_>>(), [Subject::SoftReset, Subject::Start]);
    assert!(soft.remarks[0].to_string().contains("`if_neuron_1`"));

    let hard = export(&small(Reset::Hard, 0), Thresholds::Whole).unwrap();
    let Node::If { threshold } = &hard.graph.nodes["if_neuron_1"] else { panic!() };
    assert_eq!((threshold.data[36], reals(&hard.graph, "v_init.if_neuron_1")[0]), (699.5, 0.0));
    // NIR since 1.0.6 says all of it.
    assert_eq!((hard.graph.version.as_str(), hard.remarks.as_slice()), ("1.0.6", &[][..]));
}

#[test]
fn groups_become_dense_and_pools_sums() {
    let graph = export(&small(Reset::Soft, 0), Thresholds::Whole).unwrap().graph;
    let Node::Conv2d { weight, padding, .. } = &graph.nodes["conv2d_0"] else { panic!() };
    assert_eq!((weight.dims.as_slice(), padding), (&[4, 2, 3, 3][..], &[1, 1]));
    // Output 3 is of the second group.
    assert_eq!((&weight.data[54..63], &weight.data[63..66]), (&[0.0; 9][..], &[1.0, -2.0, 3.0][..]));
    assert_eq!(graph.nodes["sum_pool2d_2"], Node::SumPool2d { kernel: [2, 2], stride: [2, 2] });
    let Node::Affine { bias, .. } = &graph.nodes["linear_4"] else { panic!() };
    assert_eq!(bias, &[4.0, -1.0, 0.0]);
    assert!(graph.edges.contains(&("linear_4".into(), "output".into())));
}

#[test]
fn one_threshold_divides_what_drives_the_neurons() {
    let one = export(&small(Reset::Soft, 350), Thresholds::One).unwrap().graph;
    let Node::If { threshold } = &one.nodes["if_neuron_1"] else { panic!() };
    assert!(threshold.data.iter().all(|&v| v == 1.0));
    let Node::Conv2d { weight, .. } = &one.nodes["conv2d_0"] else { panic!() };
    assert_eq!((weight.data[0], weight.data[18]), (1.0 / 900.0, 1.0 / 700.0));
    assert_eq!(reals(&one, "v_init.if_neuron_1")[36], 350.5 / 700.0);
    let error = read(&write(&one).unwrap()).unwrap_err().to_string();
    assert!(error.contains("its thresholds are 1"), "{error}");
}

#[test]
fn a_shortcut_gets_a_node_for_its_factor() {
    let mut b = Builder::new(&[1, 3], Layout::Flat, Coding::Direct);
    let first = b.if_neuron("x", Tensor::new([], [100]), Tensor::new([], [0]), Reset::Soft);
    let branch = b.linear(&first, weight(&[3, 3], &[2, 0, 1, 1, 1, 0, 0, 3, 1]), None);
    let both = b.add(&[&branch, &first, &first]);
    let second = b.if_neuron(&both, Tensor::new([], [4]), Tensor::new([], [0]), Reset::Soft);
    let out = b.linear(&second, weight(&[2, 3], &[1; 6]), None);
    let artifact = b.finish(&out, Head::None);
    let whole = export(&artifact, Thresholds::Whole).unwrap().graph;
    let Node::Affine { weight, .. } = &whole.nodes["add_2"] else { panic!("{whole:?}") };
    assert_eq!(weight.data, [2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0]);
    let one = export(&artifact, Thresholds::One).unwrap().graph;
    // The input drives the first neurons without a layer between.
    let Node::Affine { weight, .. } = &one.nodes["if_neuron_0_in"] else { panic!("{one:?}") };
    assert_eq!(weight.data[4], 0.01);
    let Node::Affine { weight, .. } = &one.nodes["linear_1"] else { panic!() };
    assert_eq!(weight.data[0], 0.5);
    assert!(!one.edges.contains(&("input".into(), "if_neuron_0".into())));
}

#[test]
fn all_nodes_without_words_are_named() {
    let mut b = Builder::new(&[1, 2, 4, 4], Layout::Nchw, Coding::Digits);
    let x = b.radix_neuron("x", Tensor::new([], [1]), Tensor::new([], [0]), 8, 255);
    let x = b.transpose(&x, &[0, 2, 3, 1]);
    let x = b.slice(&x, &[(0, 1, 1), (0, 1, 4), (3, -1, 4), (0, 1, 2)]);
    let x = b.flatten(&x);
    let x = b.linear(&x, weight(&[2, 32], &[1; 64]), None);
    let error = export(&b.finish(&x, Head::None), Thresholds::Whole).unwrap_err();
    let Error::Unsayable(nodes) = &error else { panic!("{error}") };
    assert_eq!(nodes.iter().map(|node| node.node.as_str()).collect::<Vec<_>>(), ["transpose_1", "slice_2"]);
    assert!(error.to_string().contains("a slice that turns an axis around (node `slice_2`)"), "{error}");
}

#[test]
fn grouped_layers_that_grow_too_large_are_refused() {
    let channels = 8192;
    let mut b = Builder::new(&[1, channels, 2, 2], Layout::Nchw, Coding::Direct);
    let depthwise = weight(&[channels, 1, 2, 2], &vec![1; channels * 4]);
    let x = b.conv("x", depthwise, None, [1, 1], [1, 1], [0; 4], channels);
    let x = b.flatten(&x);
    let x = b.linear(&x, weight(&[2, channels], &vec![1; 2 * channels]), None);
    match export(&b.finish(&x, Head::None), Thresholds::Whole) {
        Err(Error::Size { node, entries }) => assert_eq!((node.as_str(), entries), ("conv2d_0", 8192 * 8192 * 4)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn numbers_beyond_floats_are_told_and_not_read_back() {
    let mut b = Builder::new(&[1, 2], Layout::Flat, Coding::Direct);
    let x = b.linear("x", weight(&[2, 2], &[1, 2, 3, 4]), Some(Tensor::new([2], [(1 << 24) + 1, 0])));
    let x = b.if_neuron(&x, Tensor::new([], [1000]), Tensor::new([], [0]), Reset::Soft);
    let x = b.linear(&x, weight(&[2, 2], &[1, 2, 3, 4]), None);
    let exported = export(&b.finish(&x, Head::None), Thresholds::Whole).unwrap();
    let precision = exported.remarks.iter().find(|remark| remark.subject == Subject::Precision).unwrap();
    assert_eq!(precision.nodes, ["linear_0"]);
    let error = read(&write(&exported.graph).unwrap()).unwrap_err().to_string();
    assert!(error.contains("32-bit floats do not hold"), "{error}");
}

#[test]
fn edited_files_are_refused() {
    let graph = export(&small(Reset::Soft, 7), Thresholds::Whole).unwrap().graph;
    type Edit = fn(&mut snnc_nir::Graph);
    let edits: [(&str, Edit); 8] = [
        ("its parameters are others", |graph| {
            let Some(Node::Affine { weight, .. }) = graph.nodes.get_mut("linear_4") else { panic!() };
            weight.data[0] += 1.0;
        }),
        ("no whole numbers", |graph| {
            let Some(Node::Affine { weight, .. }) = graph.nodes.get_mut("linear_4") else { panic!() };
            weight.data[0] += 0.25;
        }),
        // Zeros between groups are no parameters of the artifact.
        ("`weight` of node `conv2d_0`", |graph| {
            let Some(Node::Conv2d { weight, .. }) = graph.nodes.get_mut("conv2d_0") else { panic!() };
            weight.data[9] = 1.0;
        }),
        ("the edge from `input` to `output`", |graph| {
            graph.edges.insert(("input".into(), "output".into()));
        }),
        ("node `extra` is new", |graph| {
            graph.nodes.insert("extra".into(), Node::Flatten { input: vec![2] });
        }),
        ("`timesteps` of the metadata", |graph| {
            graph.metadata.insert("timesteps".into(), Value::Whole(9));
        }),
        ("missing", |graph| {
            graph.nodes.remove("if_neuron_1");
        }),
        ("its description", |graph| {
            graph.metadata.insert("snnc".into(), Value::Text("{}".into()));
        }),
    ];
    for (message, edit) in edits {
        let mut edited = graph.clone();
        edit(&mut edited);
        let error = read(&write(&edited).unwrap()).unwrap_err().to_string();
        assert!(error.contains(message), "{message}: {error}");
    }
}

#[test]
fn damaged_files_are_refused_without_a_panic() {
    let bytes = bytes_of(&small(Reset::Soft, 7));
    let mut random = common::Random(3);
    assert!(matches!(read(b"no file"), Err(Error::Hdf5(_))));
    for cut in (0..bytes.len()).step_by(97) {
        assert!(read(&bytes[..cut]).is_err(), "the first {cut} bytes");
    }
    let artifact = small(Reset::Soft, 7);
    for _ in 0..1500 {
        let mut damaged = bytes.clone();
        for _ in 0..1 + random.below(4) {
            let place = random.below(damaged.len());
            damaged[place] ^= 1 << random.below(8);
        }
        // Some bytes of HDF5 mean nothing: then it is the artifact still.
        if let Ok(read) = read(&damaged) {
            assert_eq!(read, artifact);
        }
    }
}

#[test]
fn both_codes_say_what_they_are() {
    for seed in 0..60 {
        let artifact = random_network(seed);
        let Ok(exported) = export(&artifact, Thresholds::Whole) else { continue };
        let is_radix = artifact.graph.code == Code::Radix;
        let word = if is_radix { "radix" } else { "rate" };
        assert_eq!(exported.graph.metadata["code"], Value::Text(word.into()));
        let digits = exported.graph.metadata.keys().filter(|key| key.starts_with("digits.")).count();
        let neurons = exported.graph.nodes.values().filter(|node| matches!(node, Node::If { .. } | Node::Lif { .. })).count();
        assert_eq!(digits, if is_radix { neurons } else { 0 });
    }
}
