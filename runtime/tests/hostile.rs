//! Files that are broken, by accident or on purpose: each gives an error, none a panic or a large allocation.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Builder, Random, random_network, vectors, weight};
use serde_json::{Value, json};
use snnc_runtime::artifact::MAX_NODES;
use snnc_runtime::{Artifact, Code, Coding, Data, Head, Layout, LoadError, Network, NodeSpec, OpSpec, Reset, Tensor};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

type Change = fn(&mut Value);

fn small() -> Artifact {
    let mut b = Builder::new(&[1, 2, 4, 4], Layout::Nchw, Coding::Direct);
    let x = b.conv("x", weight(&[3, 2, 3, 3], &[2; 54]), Some(Tensor::new([3], [0; 3])), [1, 1], [1, 1], [1; 4], 1);
    let x = b.lif_neuron(&x, Tensor::new([], [4]), Tensor::new([], [0]), Tensor::new([], [1 << 15]), Reset::Soft);
    let x = b.count_max_pool(&x, [2, 2], [2, 2], [0; 4], false);
    let x = b.flatten(&x);
    let x = b.linear(&x, weight(&[2, 12], &[1; 24]), None);
    b.finish(&x, Head::None)
}

/// The same in the radix code, with a shift by rows and columns.
fn small_radix() -> Artifact {
    let mut b = Builder::new(&[1, 2, 4, 4], Layout::Nchw, Coding::Digits);
    let x = b.conv("x", weight(&[3, 2, 3, 3], &[2; 54]), None, [1, 1], [1, 1], [1; 4], 1);
    let x = b.shift_by_place(&x, Tensor::new([1, 3, 2, 2], [1; 12]), &[0, 1, 1, 0], &[0, 1, 1, 1]);
    let x = b.radix_neuron(&x, Tensor::new([], [4]), Tensor::new([], [2]), 8, 255);
    let x = b.max_pool(&x, [2, 2], [2, 2], [0; 4], false);
    let x = b.flatten(&x);
    let x = b.linear(&x, weight(&[2, 12], &[1; 24]), None);
    b.finish(&x, Head::None)
}

/// The file of an artifact whose description was changed behind the checks' back.
fn file(artifact: &Artifact, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut graph = serde_json::to_value(&artifact.graph).unwrap();
    change(&mut graph);
    pack(artifact, &HashMap::from([("snnc".to_owned(), graph.to_string())]))
}

fn pack(artifact: &Artifact, metadata: &HashMap<String, String>) -> Vec<u8> {
    let mut header = json!({ "__metadata__": metadata });
    let mut body: Vec<u8> = Vec::new();
    for (name, tensor) in &artifact.tensors {
        let start = body.len();
        let dtype = match &tensor.data {
            Data::I8(data) => (body.extend(data.iter().flat_map(|v| v.to_le_bytes())), "I8").1,
            Data::I16(data) => (body.extend(data.iter().flat_map(|v| v.to_le_bytes())), "I16").1,
            Data::I32(data) => (body.extend(data.iter().flat_map(|v| v.to_le_bytes())), "I32").1,
        };
        header[name] = json!({"dtype": dtype, "shape": tensor.dims, "data_offsets": [start, body.len()]});
    }
    raw(&header.to_string(), &body)
}

fn raw(header: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// The error of a file whose description was changed.
fn error(change: impl FnOnce(&mut Value)) -> LoadError {
    Network::load(&file(&small(), change)).unwrap_err()
}

/// The same, of a network of the radix code.
fn radix_error(change: impl FnOnce(&mut Value)) -> LoadError {
    Network::load(&file(&small_radix(), change)).unwrap_err()
}

#[track_caller]
fn assert_node(error: &LoadError, name: &str, words: &str) {
    assert!(matches!(error, LoadError::Node { node, .. } if node == name), "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn the_small_networks_themselves_are_sound() {
    Network::load(&file(&small(), |_| ())).unwrap();
    Network::load(&file(&small_radix(), |_| ())).unwrap();
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = small().to_bytes().unwrap();
    for len in 0..bytes.len() {
        assert!(Artifact::from_bytes(&bytes[..len]).is_err(), "{len} bytes");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(Artifact::from_bytes(&longer).is_err());
}

#[test]
fn any_changed_byte_is_an_error_or_another_network() {
    for vector in vectors::all() {
        let bytes = vector.artifact.to_bytes().unwrap();
        let mut random = Random(3);
        for _ in 0..3000 {
            let mut changed = bytes.clone();
            for _ in 0..1 + random.below(3) {
                let place = random.below(changed.len());
                changed[place] =
                    if random.below(2) == 0 { changed[place] ^ (1 << random.below(8)) } else { b"0123456789[]{},\":-"[random.below(18)] };
            }
            if let Ok(network) = Network::load(&changed) {
                // Whatever it is, it runs.
                if network.image_len() < 1000 {
                    let steps = network.max_timesteps().min(if network.spec().code == Code::Rate { 2 } else { 16 });
                    network.run(&vec![0.5; network.image_len()], steps, 0).unwrap();
                }
            }
        }
    }
}

#[test]
fn the_container_is_checked() {
    let container = |bytes: &[u8]| Network::load(bytes).unwrap_err();
    assert!(matches!(container(b""), LoadError::Container(_)));
    assert!(matches!(container(&u64::MAX.to_le_bytes()), LoadError::Container(_)));
    assert!(matches!(container(&raw("{}", &[])), LoadError::NotSnn(_)));
    assert!(matches!(container(&raw(r#"{"__metadata__":{"format":"pt"}}"#, &[])), LoadError::NotSnn(_)));
    let graph = serde_json::to_string(&small().graph).unwrap();
    let two = HashMap::from([("snnc".to_owned(), graph), ("note".to_owned(), "hidden".to_owned())]);
    assert!(matches!(container(&pack(&small(), &two)), LoadError::NotSnn(_)));
    for header in [
        r#"{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,8]}}"#,
        r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
        r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
        r#"{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#,
        r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]}}"#,
    ] {
        assert!(matches!(container(&raw(header, &[0; 8])), LoadError::Container(_)), "{header}");
    }
    // Sound, but with numbers of another type.
    let bytes = pack(&small(), &HashMap::from([("snnc".to_owned(), serde_json::to_string(&small().graph).unwrap())]));
    let text = bytes.windows(5).position(|w| w == br#""I32""#).unwrap();
    for letter in [b'F', b'U'] {
        let mut other = bytes.clone();
        other[text + 1] = letter;
        let error = container(&other);
        assert!(matches!(error, LoadError::Tensor { .. }) && error.to_string().contains("not I8, I16 or I32"), "{error}");
    }
}

#[test]
fn locked_networks_need_the_part_for_them() {
    let error = error(|g| g["output"]["lock"] = json!({"tensor": "lock", "classes": 2}));
    if cfg!(feature = "locked") {
        assert!(matches!(error, LoadError::Field { field: "output.lock", .. }), "{error}");
    } else {
        assert_eq!(error.to_string(), "its read-out is locked: to run it takes `snnc-runtime` with the feature `locked`");
    }
}

#[test]
fn the_description_is_checked() {
    assert!(matches!(error(|g| g["format"] = json!("other")), LoadError::NotSnn(_)));
    let old = error(|g| *g = json!({"format": "snnc", "format_version": 1, "seed": 1}));
    assert!(matches!(old, LoadError::Version(1)) && old.to_string().contains("compile the network again"), "{old}");
    // A later version is told by its number, whatever else it changed.
    assert!(matches!(error(|g| { *g = json!({"format": "snnc", "format_version": 9, "layers": []}) }), LoadError::Version(9)));
    let broken: [Change; 18] = [
        |g| g["input"]["coding"] = json!({"kind": "poisson", "amplitude": [1]}),
        |g| g["code"] = json!("temporal"),
        |g| drop(g.as_object_mut().unwrap().remove("code")),
        |g| drop(g["input"].as_object_mut().unwrap().remove("quantiser")),
        |g| g["input"]["quantiser"]["offset"] = json!([1]),
        |g| drop(g["output"].as_object_mut().unwrap().remove("scale")),
        |g| g["format_version"] = json!("1"),
        |g| g["phase"] = json!("imported"),
        |g| g["novelty"] = json!(1),
        |g| g["input"]["layout"] = json!("hwc"),
        |g| g["input"]["coding"] = json!({"kind": "rank-order"}),
        |g| g["input"]["coding"] = json!({"kind": "direct", "gain": 2}),
        |g| g["input"]["shape"] = json!([1, -2, 4, 4]),
        |g| g["seed"] = json!(-1),
        |g| g["nodes"][0]["op"] = json!("deform_conv2d"),
        |g| g["nodes"][0]["attributes"]["stride"] = json!([1]),
        |g| g["nodes"][1]["attributes"]["reset"] = json!("to-zero"),
        |g| g["output"]["head"] = json!("tanh"),
    ];
    for change in broken {
        let error = error(change);
        assert!(matches!(error, LoadError::Json(_)), "{error}");
    }
    let fields: [(&str, Change); 21] = [
        ("source.sha256", |g| g["source"]["sha256"] = json!("ABC")),
        ("timesteps", |g| g["timesteps"] = json!(0)),
        ("timesteps", |g| g["timesteps"] = json!(1_000_000_000u64)),
        ("input.name", |g| g["input"]["name"] = json!("")),
        ("input.shape", |g| g["input"]["shape"] = json!([2, 2, 4, 4])),
        ("input.shape", |g| g["input"]["shape"] = json!([1, 32])),
        ("input.shape", |g| g["input"]["shape"] = json!([1, 2, 2, 2, 4])),
        ("input.shape", |g| g["input"]["shape"] = json!([1, 4_294_967_296u64, 4_294_967_296u64, 4])),
        ("input.preprocess.scale", |g| g["input"]["preprocess"]["scale"] = json!(0)),
        ("input.preprocess.mean", |g| g["input"]["preprocess"]["mean"] = json!([0, 0, 0])),
        ("input.preprocess.std", |g| g["input"]["preprocess"]["std"] = json!([1e300])),
        ("input.coding", |g| g["input"]["coding"] = json!({"kind": "digits"})),
        ("input.coding", |g| g["code"] = json!("radix")),
        ("input.quantiser.digits", |g| g["input"]["quantiser"]["digits"] = json!(0)),
        ("input.quantiser.digits", |g| g["input"]["quantiser"]["digits"] = json!(17)),
        ("input.quantiser.step", |g| g["input"]["quantiser"]["step"] = json!([1, 0])),
        ("input.quantiser.step", |g| g["input"]["quantiser"]["step"] = json!([])),
        ("input.quantiser.zero", |g| g["input"]["quantiser"]["zero"] = json!([1e300])),
        ("output.scale", |g| g["output"]["scale"] = json!(0)),
        ("output.node", |g| g["output"]["node"] = json!("nowhere")),
        ("nodes", |g| g["nodes"] = json!([])),
    ];
    for (name, change) in fields {
        let found = error(change);
        let LoadError::Field { field, .. } = found else { panic!("{name}: {found}") };
        assert_eq!(field, name);
    }
    assert!(matches!(error(|g| g["output"]["node"] = json!("x")), LoadError::Field { field: "output.node", .. }));
    // JSON that goes deep does not use up the stack.
    let deep = format!("{}{}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    let bytes = pack(&small(), &HashMap::from([("snnc".to_owned(), deep)]));
    assert!(matches!(Network::load(&bytes).unwrap_err(), LoadError::Json(_)));
}

#[test]
fn the_graph_is_checked() {
    // The first node reads itself, or a later one: there is no order in which it could be evaluated.
    assert_node(&error(|g| g["nodes"][0]["inputs"] = json!(["conv2d_0"])), "conv2d_0", "no earlier node");
    assert_node(&error(|g| g["nodes"][0]["inputs"] = json!(["linear_4"])), "conv2d_0", "no earlier node");
    assert_node(&error(|g| g["nodes"][1]["inputs"] = json!([])), "lif_neuron_1", "wants one operand, not 0");
    assert_node(&error(|g| g["nodes"][1]["inputs"] = json!(["x", "x"])), "lif_neuron_1", "wants one operand, not 2");
    assert_node(&error(|g| g["nodes"][2]["name"] = json!("lif_neuron_1")), "lif_neuron_1", "taken");
    assert_node(&error(|g| g["nodes"][0]["name"] = json!("x")), "x", "taken");
    assert_node(&error(|g| g["nodes"][0]["name"] = json!("")), "", "empty");
    assert_node(&error(|g| g["nodes"][0]["shape"] = json!([1, 3, 4, 5])), "conv2d_0", "its shape is [1x3x4x4], not [1x3x4x5]");
    assert_node(&error(|g| g["nodes"][1]["spikes"] = json!(false)), "lif_neuron_1", "`spikes` is false");
    assert_node(&error(|g| g["nodes"][3]["spikes"] = json!(false)), "reshape_3", "`spikes` is false");
    assert_node(&error(|g| g["output"]["node"] = json!("reshape_3")), "linear_4", "does not depend on it");
    for (pads, words) in
        [(json!([4, 0, 0, 0]), "does not fit"), (json!([u64::MAX, 0, 0, 0]), "too large"), (json!([1 << 20, 0, 0, 0]), "too large")]
    {
        assert_node(&error(|g| g["nodes"][2]["attributes"]["pads"] = pads), "count_max_pool2d_2", words);
    }
    for (name, value) in [
        ("stride", json!([0, 1])),
        ("dilation", json!([0, 1])),
        ("dilation", json!([u64::MAX, 1])),
        ("stride", json!([u64::MAX, 1])),
        ("stride", json!([1, 1u64 << 40])),
        ("groups", json!(0)),
        ("groups", json!(2)),
        ("groups", json!(u64::MAX)),
        ("pads", json!([u64::MAX, 0, u64::MAX, 0])),
        ("pads", json!([40000, 40000, 0, 0])),
    ] {
        assert_node(&error(|g| g["nodes"][0]["attributes"][name] = value), "conv2d_0", "");
    }
    assert_node(&error(|g| g["nodes"][2]["attributes"]["stride"] = json!([u64::MAX, 2])), "count_max_pool2d_2", "too large");
    assert_node(&error(|g| g["nodes"][2]["attributes"]["kernel"] = json!([u64::MAX, 2])), "count_max_pool2d_2", "too large");
    assert_node(&error(|g| g["nodes"][2]["attributes"]["kernel"] = json!([0, 2])), "count_max_pool2d_2", "does not fit");
    // The largest integers of a JSON file, anywhere.
    for index in 0..5 {
        error(|g| g["nodes"][index]["shape"] = json!([1, u64::MAX, u64::MAX]));
    }
}

#[test]
fn codes_are_checked() {
    // The operators of a code, its input and its number of steps.
    let error = radix_error(|g| {
        g["nodes"][2]["op"] = json!("if_neuron");
        g["nodes"][2]["attributes"] = json!({"reset": "soft"});
    });
    assert_node(&error, "radix_neuron_2", "of the other code");
    let rate = |op: &'static str, attributes: Value| {
        self::error(move |g| {
            g["nodes"][2]["op"] = json!(op);
            g["nodes"][2]["attributes"] = attributes;
        })
    };
    let attributes = json!({"kernel": [2, 2], "stride": [2, 2], "pads": [0, 0, 0, 0], "ceil": false});
    assert_node(&rate("digit_max_pool2d", attributes), "count_max_pool2d_2", "of the other code");
    assert_node(&rate("radix_neuron", json!({"digits": 8, "levels": 255})), "count_max_pool2d_2", "of the other code");
    for timesteps in [1, 7, 9, 65536] {
        let error = radix_error(|g| g["timesteps"] = json!(timesteps));
        assert!(error.to_string().contains("the longest window has 8 digits"), "{error}");
    }
    for (digits, levels) in [(0, 0), (0, 1), (8, 0), (8, 256), (17, 1), (33, 1), (64, u32::MAX)] {
        let error = radix_error(|g| {
            g["timesteps"] = json!(digits.max(8));
            g["nodes"][2]["attributes"] = json!({"digits": digits, "levels": levels});
        });
        assert_node(&error, "radix_neuron_2", "levels in");
    }
    let error = radix_error(|g| g["nodes"][2]["attributes"] = json!({"digits": u32::MAX, "levels": u32::MAX}));
    assert!(matches!(error, LoadError::Field { field: "timesteps", .. }), "{error}");
    // The largest of currents cannot be found digit by digit.
    assert_node(&radix_error(|g| g["nodes"][3]["inputs"] = json!(["shift_1"])), "digit_max_pool2d_3", "wants a stream");
    // An offset by rows and columns.
    let shifts: [(Change, &str); 8] = [
        (|g| drop(g["nodes"][1]["attributes"].as_object_mut().unwrap().remove("rows")), "without the other"),
        (|g| drop(g["nodes"][1]["attributes"].as_object_mut().unwrap().remove("columns")), "without the other"),
        (|g| drop(g["nodes"][1].as_object_mut().unwrap().remove("attributes")), "does not broadcast"),
        (|g| g["nodes"][1]["attributes"]["rows"] = json!([0, 1, 1]), "`rows`"),
        (|g| g["nodes"][1]["attributes"]["rows"] = json!([0, 1, 1, 2]), "`rows`"),
        (|g| g["nodes"][1]["attributes"]["rows"] = json!([0, 1, 1, u64::MAX]), "`rows`"),
        (|g| g["nodes"][1]["attributes"]["columns"] = json!([]), "`columns`"),
        (|g| g["nodes"][1]["attributes"]["columns"] = json!([0, 0, 0, 0]), "unused"),
    ];
    for (change, words) in shifts {
        assert_node(&radix_error(change), "shift_1", words);
    }
}

#[test]
fn movements_are_checked() {
    let attempt = |op: OpSpec, shape: &[usize]| {
        let mut b = Builder::new(&[1, 2, 4, 4], Layout::Nchw, Coding::Direct);
        let x = b.node(op, &["x"], shape, false, vec![]);
        b.finish(&x, Head::None).to_bytes()
    };
    let huge = usize::MAX;
    let wrong = [
        (OpSpec::Pad { pads: vec![(0, 0), (huge, huge), (0, 0), (0, 0)] }, vec![1, 2, 4, 4]),
        (OpSpec::Pad { pads: vec![(0, 0), (1 << 40, 0), (0, 0), (0, 0)] }, vec![1, (1 << 40) + 2, 4, 4]),
        (OpSpec::Pad { pads: vec![(0, 1), (0, 0), (0, 0), (0, 0)] }, vec![2, 2, 4, 4]),
        (OpSpec::Pad { pads: vec![(0, 0)] }, vec![1, 2, 4, 4]),
        (OpSpec::Pad { pads: vec![] }, vec![1, 2, 4, 4]),
        (OpSpec::Slice { ranges: vec![] }, vec![]),
        (OpSpec::Slice { ranges: vec![(0, 1, 1), (0, i64::MIN, huge), (0, 1, 4), (0, 1, 4)] }, vec![1, huge, 4, 4]),
        (OpSpec::Slice { ranges: vec![(0, 1, 1), (1, 1, 2), (0, 1, 4), (0, 1, 4)] }, vec![1, 2, 4, 4]),
        (OpSpec::Slice { ranges: vec![(0, 1, 1), (0, -1, 2), (0, 1, 4), (0, 1, 4)] }, vec![1, 2, 4, 4]),
        (OpSpec::Slice { ranges: vec![(0, 1, 1), (0, 0, 2), (0, 1, 4), (0, 1, 4)] }, vec![1, 2, 4, 4]),
        (OpSpec::Slice { ranges: vec![(0, 1, 1), (0, 1, 0), (0, 1, 4), (0, 1, 4)] }, vec![1, 0, 4, 4]),
        (OpSpec::Transpose { permutation: vec![0, 1, 2, 2] }, vec![1, 2, 4, 4]),
        (OpSpec::Transpose { permutation: vec![1, 0, 2, 3] }, vec![2, 1, 4, 4]),
        (OpSpec::Transpose { permutation: vec![0, 1, 2, huge] }, vec![1, 2, 4, 4]),
        (OpSpec::Transpose { permutation: vec![] }, vec![]),
        (OpSpec::Sum { axes: vec![0] }, vec![1, 2, 4, 4]),
        (OpSpec::Sum { axes: vec![2, 2] }, vec![1, 2, 1, 4]),
        (OpSpec::Sum { axes: vec![3, 2] }, vec![1, 2, 1, 1]),
        (OpSpec::Sum { axes: vec![huge] }, vec![1, 2, 4, 4]),
        (OpSpec::Concat { axis: 0 }, vec![1, 2, 4, 4]),
        (OpSpec::Concat { axis: huge }, vec![1, 2, 4, 4]),
        (OpSpec::Reshape, vec![1, 33]),
        (OpSpec::Reshape, vec![32]),
        (OpSpec::Reshape, vec![]),
        (OpSpec::Reshape, vec![1, huge, huge]),
        (OpSpec::Reshape, vec![1, 2, 4, 4, 1, 1, 1, 1, 1]),
        (OpSpec::Linear, vec![1, 2]),
        (OpSpec::Add, vec![1, 2, 4, 4]),
    ];
    for (op, shape) in wrong {
        let what = format!("{op:?}");
        assert!(matches!(attempt(op, &shape), Err(LoadError::Node { .. })), "{what}");
    }
}

#[test]
fn growth_is_limited() {
    // Each node doubles the tensor: a small file asks for more memory than there is.
    let mut b = Builder::new(&[1, 1], Layout::Flat, Coding::Direct);
    let mut x = "x".to_owned();
    for _ in 0..40 {
        x = b.concat(&[&x, &x], 1);
    }
    let error = b.finish(&x, Head::None).to_bytes().unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
    // Many tensors, each of which is small enough.
    let mut b = Builder::new(&[1, 1], Layout::Flat, Coding::Direct);
    let mut x = b.pad("x", &[(0, 0), (0, (1 << 23) - 1)]);
    for _ in 0..40 {
        x = b.add(&[&x, &x]);
    }
    let error = b.finish(&x, Head::None).to_bytes().unwrap_err();
    assert!(error.to_string().contains("more than"), "{error}");
    // Padding of many channels, which a convolution with a stride does not show in its result.
    let mut b = Builder::new(&[1, 1 << 12, 1, 1], Layout::Nchw, Coding::Digits);
    let x = b.conv("x", weight(&[1, 1 << 12, 1, 1], &[1; 1 << 12]), None, [4096, 4096], [1, 1], [4095; 4], 1);
    let error = b.finish(&x, Head::None).to_bytes().unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
}

/// A file may have many nodes, and a node many operands: reading them takes time in proportion, and no stack.
#[test]
fn many_nodes_and_operands_are_read_in_time() {
    let start = Instant::now();
    let mut b = Builder::new(&[1, 2], Layout::Flat, Coding::Digits);
    let mut x = "x".to_owned();
    for _ in 1..MAX_NODES {
        x = b.node(OpSpec::Reshape, &[&x], &[1, 2], true, vec![]);
    }
    let x = b.linear(&x, weight(&[2, 2], &[1; 4]), None);
    let network = Network::load(&b.finish(&x, Head::None).to_bytes().unwrap()).unwrap();
    assert_eq!(network.run(&[1.0, 2.0], 8, 0).unwrap().logits, [3.0, 3.0]);
    assert_eq!(network.schedule().latency, 8);

    let mut b = Builder::new(&[1, 1], Layout::Flat, Coding::Digits);
    let x = b.add(&vec!["x"; 1 << 18]);
    let network = Network::load(&b.finish(&x, Head::None).to_bytes().unwrap()).unwrap();
    assert_eq!(network.run(&[255.0], 8, 0).unwrap().logits, [(255 << 18) as f32]);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

/// That what is refused takes no memory for what it describes, `examples/fuzz.rs` measures.
#[test]
fn one_node_too_many_is_refused() {
    let mut artifact = small();
    artifact.graph.nodes = vec![artifact.graph.nodes[0].clone(); MAX_NODES + 1];
    assert!(matches!(artifact.to_bytes().unwrap_err(), LoadError::Field { field: "nodes", .. }));
}

#[test]
fn parameters_are_checked() {
    let attempt = |change: &dyn Fn(&mut Artifact)| {
        let mut artifact = small();
        change(&mut artifact);
        artifact.to_bytes().unwrap_err()
    };
    let set = |name: &'static str, tensor: Tensor| attempt(&move |a| drop(a.tensors.insert(name.to_owned(), tensor.clone())));
    let is_tensor = |error: LoadError, name: &str| {
        assert!(matches!(&error, LoadError::Tensor { tensor, .. } if tensor == name), "{error}");
    };
    is_tensor(attempt(&|a| drop(a.tensors.remove("conv2d_0.bias"))), "conv2d_0.bias");
    is_tensor(set("stowaway", Tensor::new([1], [1])), "stowaway");
    is_tensor(set("__metadata__", Tensor::new([1], [1])), "__metadata__");
    is_tensor(set("conv2d_0.bias", Tensor::new([4], [0; 3])), "conv2d_0.bias");
    is_tensor(set("conv2d_0.bias", Tensor::new([0], Vec::<i32>::new())), "conv2d_0.bias");
    is_tensor(set("conv2d_0.bias", Tensor::new([usize::MAX, usize::MAX], Vec::<i32>::new())), "conv2d_0.bias");
    // Every role has its types.
    is_tensor(set("conv2d_0.bias", Tensor::new([3], [0i16; 3])), "conv2d_0.bias");
    is_tensor(set("conv2d_0.weight", Tensor::new([3, 2, 3, 3], vec![0i32; 54])), "conv2d_0.weight");
    is_tensor(set("lif_neuron_1.threshold", Tensor::new([], [1i8])), "lif_neuron_1.threshold");
    for threshold in [0, -1, i32::MIN] {
        is_tensor(set("lif_neuron_1.threshold", Tensor::new([], [threshold])), "lif_neuron_1.threshold");
    }
    for leak in [0, -5, (1 << 16) + 1] {
        is_tensor(set("lif_neuron_1.leak", Tensor::new([], [leak])), "lif_neuron_1.leak");
    }
    let is_node = |error: LoadError, words: &str| assert_node(&error, "conv2d_0", words);
    is_node(set("conv2d_0.bias", Tensor::new([2], [0; 2])), "bias of shape [2]");
    is_node(set("conv2d_0.weight", Tensor::new([3, 3, 3, 3], [0i8; 81])), "does not fit 2 channels");
    is_node(set("conv2d_0.weight", Tensor::new([3, 18], [0i8; 54])), "4 dimensions");
    is_node(attempt(&|a| drop(a.graph.nodes[0].tensors.remove("weight"))), "lacks its tensor `weight`");
    is_node(attempt(&|a| drop(a.graph.nodes[0].tensors.insert("mask".into(), "conv2d_0.bias".into()))), "has no tensor `mask`");
    let broadcast = set("lif_neuron_1.threshold", Tensor::new([2], [1; 2]));
    assert_node(&broadcast, "lif_neuron_1", "does not broadcast");
}

/// Numbers that fit one by one, but whose sums do not, are refused; `tests/bounds.rs` goes to the limit.
#[test]
fn extreme_parameters_do_not_panic() {
    for artifact in [small(), small_radix()] {
        for name in artifact.tensors.keys() {
            for largest in [true, false] {
                let mut changed = artifact.clone();
                match &mut changed.tensors.get_mut(name).unwrap().data {
                    Data::I8(data) => data.fill(if largest { i8::MAX } else { i8::MIN }),
                    Data::I16(data) => data.fill(if largest { i16::MAX } else { i16::MIN }),
                    Data::I32(data) => data.fill(if largest { i32::MAX } else { i32::MIN }),
                }
                let Ok(network) = Network::new(changed) else { continue };
                let steps = network.spec().timesteps;
                let outcome = network.run(&vec![f32::MAX; network.image_len()], steps, u64::MAX).unwrap();
                assert_eq!(outcome.predictions().len(), 1);
            }
        }
    }
}

#[test]
fn random_descriptions_do_not_panic() {
    let mut random = Random(17);
    for seed in 0..300 {
        let artifact = random_network(seed);
        let bytes = file(&artifact, |graph| {
            for _ in 0..1 + random.below(2) {
                let node = random.below(artifact.graph.nodes.len());
                mutate(&mut graph["nodes"][node], &mut random);
            }
        });
        if let Ok(network) = Network::load(&bytes) {
            let steps = if artifact.graph.code == Code::Rate { network.max_timesteps().min(2) } else { network.max_timesteps() };
            network.run(&vec![1.0; network.image_len()], steps, 0).unwrap();
        }
    }
}

/// Changes one number somewhere inside.
fn mutate(value: &mut Value, random: &mut Random) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            let place = random.below(items.len());
            mutate(&mut items[place], random);
        }
        Value::Object(fields) if !fields.is_empty() => {
            let place = random.below(fields.len());
            mutate(fields.values_mut().nth(place).unwrap(), random);
        }
        Value::Number(_) => {
            let choices =
                [json!(0), json!(1), json!(2), json!(3), json!(-1), json!(7), json!(1u64 << 31), json!(i64::MAX), json!(u64::MAX)];
            *value = choices[random.below(choices.len())].clone();
        }
        Value::Bool(flag) => *flag = !*flag,
        _ => {}
    }
}

#[test]
fn a_node_without_operands_is_refused() {
    let mut artifact = small();
    artifact.graph.nodes[0] = NodeSpec { inputs: vec![], ..artifact.graph.nodes[0].clone() };
    assert!(artifact.check().is_err());
}
