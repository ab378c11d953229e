//! Damaged and hostile files through the reader and the runtime.
//!
//! ```text
//! cargo run -p snnc-runtime --example fuzz -- [--count N | --seconds N] [--seed N] [--first CASE] [--keep FOLDER]
//! ```
//!
//! Each case is a sound network (a test vector, or a random one) whose bytes, container, description or parameters were changed in a few places;
//! half of the time shapes are mended afterwards, so that what was changed gets past the first checks. It must be refused, or run: no panic, no
//! overflow, no more memory than [`allowed`] and no more time than [`MOST_SECONDS`]; where it runs and is small, the naive reference of the tests
//! must say the same. Case number k of seed s is the same everywhere; `--first` begins with another than 0. `--keep` writes findings into a folder.
//! Exits with 1 if there are any.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a tool for developers")]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Random, random_network, reference, vectors};
use serde_json::{Map, Value, json};
use snnc_runtime::{
    Artifact, Code, LoadError, Network,
    artifact::{MAX_ENTRIES, MAX_PADDED_ENTRIES},
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// A case that takes longer is a finding.
const MOST_SECONDS: u64 = 20;
/// Memory at which a case is given up at once.
const MOST_MEMORY: usize = 6 << 30;
/// Connections times steps beyond which a network is loaded but not run.
const MOST_WORK: u64 = 100_000_000;
/// The same for the reference, and entries of all values.
const MOST_REFERENCE_WORK: u64 = 300_000;

/// Memory that loading may take for a file of so many bytes that describes values of so many entries. Parsing takes some bytes for each of the
/// file, shapes and bounds some for each entry; a file that is accepted has tables besides, which say where entries go.
fn allowed(bytes: usize, entries: usize, is_accepted: bool) -> usize {
    32 * bytes + if is_accepted { 128 } else { 16 } * entries + (1 << 18)
}

// ---- Memory ----

/// The system's memory, counted.
struct Counted;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// Seed and number of the case, for messages where nothing can be allocated.
static CASE: AtomicU64 = AtomicU64::new(0);
/// Milliseconds at which the case began; 0 between cases.
static BEGAN: AtomicU64 = AtomicU64::new(0);

impl Counted {
    fn took(size: usize) {
        let now = NOW.fetch_add(size, Relaxed) + size;
        PEAK.fetch_max(now, Relaxed);
        if now > MOST_MEMORY {
            NOW.fetch_sub(size, Relaxed);
            give_up("takes more memory than any may");
        }
    }
}

// SAFETY: everything is handed on to the system as it came.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::took(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::took(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::took(size);
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static MEMORY: Counted = Counted;

/// Ends the program with the number of the case, where it cannot go on.
fn give_up(why: &str) -> ! {
    eprintln!("finding: case {} {why}", CASE.load(Relaxed));
    std::process::exit(1)
}

/// Ends the program if a case takes too long.
fn watch(start: Instant) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let began = BEGAN.load(Relaxed);
            if began > 0 && start.elapsed().as_millis() as u64 > began + 1000 * MOST_SECONDS {
                give_up("takes too long");
            }
        }
    });
}

// ---- Changing ----

/// Numbers at which something may change.
fn number(random: &mut Random) -> Value {
    let whole: [u64; 20] = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 255, 256, 65535, 65536, 1 << 24, 1 << 31, 1 << 32, 1 << 60, u64::MAX];
    match random.below(8) {
        0 => json!(-(whole[random.below(14)] as i64)),
        1 => json!([i64::MIN, i64::MAX, i64::from(i32::MIN), i64::from(i32::MAX)][random.below(4)]),
        2 => json!([0.0, -0.0, 0.5, 1e-45, 1e-38, 3.4e38, 1e39, 1e308, -1e308, 1e-320][random.below(10)]),
        3 => json!(1u64 << random.below(64)),
        4 => json!(whole[random.below(20)]),
        _ => json!(whole[random.below(12)]),
    }
}

/// Changes a JSON value somewhere inside; `words` may stand for others.
fn change(value: &mut Value, words: &[String], random: &mut Random) {
    // Now and then the whole of it.
    if random.below(25) == 0 {
        *value = match random.below(6) {
            0 => Value::Null,
            1 => json!([]),
            2 => json!({}),
            3 => json!(""),
            4 => json!(true),
            _ => number(random),
        };
        return;
    }
    match value {
        Value::Array(items) if !items.is_empty() => {
            let place = random.below(items.len());
            match random.below(12) {
                0 => drop(items.remove(place)),
                1 => items.insert(place, items[place].clone()),
                2 => items.swap(place, 0),
                _ => change(&mut items[place], words, random),
            }
        }
        Value::Array(items) => items.push(number(random)),
        Value::Object(fields) if !fields.is_empty() => {
            let place = random.below(fields.len());
            let key = fields.keys().nth(place).unwrap().clone();
            match random.below(20) {
                0 => drop(fields.remove(&key)),
                1 => drop(fields.insert(format!("{key}_"), json!(1))),
                _ => change(&mut fields[&key], words, random),
            }
        }
        Value::Object(fields) => drop(fields.insert("more".into(), json!(1))),
        Value::Number(_) => *value = number(random),
        Value::Bool(flag) => *flag = !*flag,
        Value::String(_) => *value = json!(words[random.below(words.len())]),
        Value::Null => *value = number(random),
    }
}

/// A change that keeps much of the description sound: new nodes, edges, attributes, another order.
fn rebuild(spec: &mut Value, random: &mut Random) {
    let input = spec["input"]["name"].clone();
    let (digits, Some(whole)) = (spec["input"].pointer("/quantiser/digits").and_then(Value::as_u64), spec.as_object_mut()) else { return };
    let Some(nodes) = whole.get_mut("nodes").and_then(Value::as_array_mut).filter(|nodes| !nodes.is_empty()) else { return };
    let place = random.below(nodes.len());
    match random.below(8) {
        // A node that makes its operand larger or smaller, before another.
        0..=2 => {
            let Some(from) = nodes[place].pointer("/inputs/0").cloned() else { return };
            let rank = nodes.iter().find(|node| node["name"] == from).and_then(|node| node["shape"].as_array()).map_or(4, Vec::len);
            let name = format!("new{}", random.below(1000));
            let node = new_node(&name, &from, rank.max(2), random);
            nodes[place].pointer_mut("/inputs/0").expect("it was read").clone_from(&json!(name));
            nodes.insert(place, node);
        }
        // Another edge: to an earlier node, itself or a later one.
        3 => {
            let other = random.below(nodes.len() + 1);
            let name = nodes.get(other).map_or(input, |node| node["name"].clone());
            let Some(operands) = nodes[place].get_mut("inputs").and_then(Value::as_array_mut) else { return };
            let which = random.below(operands.len() + 1);
            if which < operands.len() {
                operands[which] = name;
            } else {
                operands.push(name);
            }
        }
        4 => {
            if let Some(digits) = spec.pointer_mut("/input/quantiser/digits") {
                *digits = json!(1 + random.below(17));
            }
        }
        5 => {
            let longest = nodes.iter().filter_map(|node| node.pointer("/attributes/digits")?.as_u64()).max();
            let steps = if random.below(2) == 0 { number(random) } else { json!(longest.max(digits)) };
            whole.insert("timesteps".into(), steps);
        }
        6 => {
            if let Some(attributes) = nodes[place].get_mut("attributes") {
                change(attributes, &["soft".into(), "hard".into(), "signed".into()], random);
            }
        }
        _ => {
            let other = random.below(nodes.len());
            nodes.swap(place, other);
        }
    }
}

/// A node that moves, joins or adds what it reads.
fn new_node(name: &str, from: &Value, rank: usize, random: &mut Random) -> Value {
    let sizes = [0u64, 1, 2, 3, 100, 1 << 12, 1 << 16, 1 << 20, 1 << 22, (1 << 24) - 1, 1 << 40, u64::MAX];
    let large = sizes[random.below(sizes.len())];
    let small = sizes[random.below(4)];
    let axis = 1 + random.below(rank - 1);
    let pair = |k: u64| json!([k, k]);
    let many = |least: usize, random: &mut Random| json!(vec![from.clone(); least + random.below(12)]);
    let window = json!({"kernel": pair(small.max(1)), "stride": pair(large.clamp(1, 1 << 17)), "pads": [0, 0, 0, 0], "ceil": small == 2});
    let (op, attributes, operands) = match random.below(8) {
        0 | 1 => {
            let mut pads = vec![json!([0, 0]); rank];
            pads[axis] = json!([small, large]);
            ("pad", json!({ "pads": pads }), json!([from]))
        }
        2 => ("concat", json!({ "axis": axis }), many(1, random)),
        3 => ("sum", json!({"axes": [axis]}), json!([from])),
        4 => (["sum_pool2d", "count_max_pool2d", "digit_max_pool2d"][random.below(3)], window, json!([from])),
        5 => ("reshape", Value::Null, json!([from])),
        6 => ("add", Value::Null, many(2, random)),
        _ => ("transpose", json!({"permutation": std::iter::once(0).chain((1..rank).rev()).collect::<Vec<_>>()}), json!([from])),
    };
    let mut node = json!({"name": name, "op": op, "inputs": operands, "shape": [1, 1], "spikes": false});
    if !attributes.is_null() {
        node["attributes"] = attributes;
    }
    node
}

/// The words of a description, to be put in each other's place.
fn words(spec: &Value) -> Vec<String> {
    let mut words: Vec<String> =
        ["", "x", "snnc", "rate", "radix", "direct", "digits", "poisson", "if_neuron", "radix_neuron", "lif_neuron"]
            .into_iter()
            .chain([
                "count_max_pool2d",
                "digit_max_pool2d",
                "conv2d",
                "linear",
                "reshape",
                "add",
                "nchw",
                "nhwc",
                "flat",
                "relu",
                "I8",
                "I16",
                "I32",
            ])
            .map(str::to_owned)
            .collect();
    for node in spec["nodes"].as_array().into_iter().flatten() {
        words.extend(node["name"].as_str().map(str::to_owned));
        words.extend(node["tensors"].as_object().into_iter().flat_map(Map::values).filter_map(|name| name.as_str().map(str::to_owned)));
    }
    words
}

/// A file in its parts.
struct Parts {
    spec: Value,
    /// What the header says of each tensor.
    tensors: BTreeMap<String, Value>,
    body: Vec<u8>,
}

impl Parts {
    fn of(bytes: &[u8]) -> Self {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let mut header: BTreeMap<String, Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        let metadata = header.remove("__metadata__").unwrap();
        Self {
            spec: serde_json::from_str(metadata["snnc"].as_str().unwrap()).unwrap(),
            tensors: header,
            body: bytes[8 + length..].to_vec(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut header = json!(self.tensors);
        header["__metadata__"] = json!({"snnc": self.spec.to_string()});
        let header = header.to_string();
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &self.body[..]].concat()
    }

    /// Gives nodes the shapes and kinds that the reader says they have, as far as that leads; each refusal mends one.
    fn mend(&mut self) {
        for _ in 0..24 {
            let Err(LoadError::Node { node, problem }) = Artifact::from_bytes(&self.bytes()) else { return };
            let nodes = self.spec.get_mut("nodes").and_then(Value::as_array_mut);
            let named = |n: &&mut Value| n["name"] == json!(node) && n.is_object();
            let Some(found) = nodes.and_then(|nodes| nodes.iter_mut().find(named)) else { return };
            if let Some(shape) = problem.strip_prefix("its shape is [").and_then(|rest| rest.split(']').next()) {
                found["shape"] = shape.split('x').filter_map(|d| d.parse::<u64>().ok()).collect();
            } else if problem.starts_with("`spikes` is") {
                found["spikes"] = json!(problem.ends_with("true"));
            } else if let (true, Some(entries)) = (problem.contains("cannot be given the shape"), shape_in(&problem)) {
                found["shape"] = json!([1, entries]);
            } else {
                return;
            }
        }
    }
}

/// Entries of the first shape in a message.
fn shape_in(message: &str) -> Option<u64> {
    let shape = message.split('[').nth(1)?.split(']').next()?;
    shape.split('x').map(|d| d.parse::<u64>().ok()).try_fold(1u64, |product, d| product.checked_mul(d?))
}

/// A file that was sound once.
fn damaged(sound: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    // Few random networks go beyond a bound; a vector stands in for them.
    let other = if random.below(3) == 0 { random_network(random.bits() % 5000).to_bytes().ok() } else { None };
    let bytes = other.unwrap_or_else(|| sound[random.below(sound.len())].clone());
    if random.below(5) == 0 {
        return broken(bytes, random);
    }
    let mut parts = Parts::of(&bytes);
    for _ in 0..1 + random.below(3) {
        match random.below(10) {
            0 | 1 => {
                let words = words(&parts.spec);
                change(&mut parts.spec, &words, random);
            }
            2 => {
                let words = words(&parts.spec);
                let place = random.below(parts.tensors.len());
                change(parts.tensors.values_mut().nth(place).unwrap(), &words, random);
            }
            // A parameter, or all of it, at its limits.
            3 | 4 => {
                let info = parts.tensors.values().nth(random.below(parts.tensors.len())).unwrap();
                let offset = |k: usize| info["data_offsets"][k].as_u64().map_or(0, |at| at as usize).min(parts.body.len());
                let (from, to) = (offset(0), offset(1).max(offset(0)));
                let width = if info["dtype"] == "I32" { 4 } else { 1 };
                let limits: [i32; 6] = [i32::MAX, i32::MIN, 0, -1, 1 << 16, 1];
                let limit = limits[random.below(6)].to_le_bytes();
                let entries = (to - from) / width;
                let all = random.below(2) == 0;
                let only = random.below(entries.max(1));
                for entry in (0..entries).filter(|&entry| all || entry == only) {
                    parts.body[from + entry * width..][..width].copy_from_slice(&limit[4 - width..]);
                }
            }
            _ => rebuild(&mut parts.spec, random),
        }
    }
    if random.below(2) == 0 {
        parts.mend();
    }
    let bytes = parts.bytes();
    if random.below(12) == 0 { broken(bytes, random) } else { bytes }
}

/// Bytes changed without regard to what they mean.
fn broken(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    for _ in 0..1 + random.below(4) {
        let place = random.below(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
        match random.below(7) {
            _ if bytes.is_empty() => {}
            0 => bytes.truncate(place),
            1 => bytes[place] ^= 1 << random.below(8),
            2 => bytes[place] = b"0123456789[]{},\":-"[random.below(18)],
            3 => drop(bytes.remove(place)),
            4 => bytes.insert(place, random.bits() as u8),
            5 => {
                let part = bytes[place..(place + random.below(64)).min(bytes.len())].to_vec();
                bytes.splice(place..place, part);
            }
            // The length of the header.
            _ => {
                let low = bytes.len().min(8);
                bytes[random.below(low)] = random.bits() as u8;
            }
        }
    }
    bytes
}

// ---- Judging ----

/// Entries of all values that a file describes, and of operands with their padding, as far as a reader lets them.
fn entries(bytes: &[u8]) -> usize {
    let described = || -> Option<usize> {
        let length = usize::try_from(u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?)).ok()?;
        let header: Value = serde_json::from_slice(bytes.get(8..8usize.checked_add(length)?)?).ok()?;
        let spec: Value = serde_json::from_str(header["__metadata__"]["snnc"].as_str()?).ok()?;
        let product = |sizes: &[u64]| sizes.iter().fold(1u64, |product, &size| product.saturating_mul(size));
        let numbers = |list: &Value| -> Vec<u64> { list.as_array().into_iter().flatten().filter_map(Value::as_u64).collect() };
        let mut shapes = BTreeMap::from([(spec["input"]["name"].as_str()?, numbers(&spec["input"]["shape"]))]);
        let mut total = product(&shapes[spec["input"]["name"].as_str()?]).min(MAX_ENTRIES as u64);
        for node in spec["nodes"].as_array()? {
            let shape = numbers(&node["shape"]);
            total += product(&shape).min(MAX_ENTRIES as u64);
            let operand = node["inputs"][0].as_str().and_then(|name| shapes.get(name));
            if let (Some([_, channels, height, width]), [top, left, bottom, right]) =
                (operand.map(Vec::as_slice), &numbers(&node["attributes"]["pads"])[..])
            {
                let sides = [height.saturating_add(*top).saturating_add(*bottom), width.saturating_add(*left).saturating_add(*right)];
                total += product(&[*channels, sides[0], sides[1]]).min(MAX_PADDED_ENTRIES as u64);
            }
            shapes.insert(node["name"].as_str()?, shape);
        }
        Some(total as usize)
    };
    described().unwrap_or(0)
}

/// What became of a case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Fate {
    Refused,
    Loaded,
    Ran,
    Compared,
}

/// Loads and runs a file; says what was wrong with that.
fn judge(bytes: &[u8], most: &mut f64) -> Result<Fate, String> {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let loaded = Network::load(bytes);
    let took = PEAK.load(Relaxed) - before;
    let limit = allowed(bytes.len(), entries(bytes), loaded.is_ok());
    *most = most.max(took as f64 / limit as f64);
    if took > limit {
        return Err(format!(
            "a file of {} bytes took {took} bytes, more than {limit}; {}",
            bytes.len(),
            loaded.map_or_else(|e| e.to_string(), |_| "it is accepted".into())
        ));
    }
    let Ok(network) = loaded else { return Ok(Fate::Refused) };
    let schedule = network.schedule();
    if schedule.windows.len() != network.spec().nodes.len() + 1 {
        return Err("not every node has a window".into());
    }
    let steps = if network.spec().code == Code::Rate { network.max_timesteps().min(3) } else { network.max_timesteps() };
    let work: u64 = network.layers().iter().map(|layer| layer.connections).sum::<u64>() + entries(bytes) as u64;
    if work * steps as u64 > MOST_WORK {
        return Ok(Fate::Loaded);
    }
    let top = network.spec().input.quantiser.top();
    let mut random = Random(bytes.len() as u64);
    let extremes = [0, top];
    let mut image: Vec<u16> = (0..network.image_len()).map(|_| random.below(usize::from(top) + 1) as u16).collect();
    image.extend((0..network.image_len()).map(|_| extremes[random.below(2)]));
    let outcome = network.run_quantised(&image, steps, u64::MAX).map_err(|e| format!("it does not run: {e}"))?;
    let trace = network.trace(&image, steps, u64::MAX).map_err(|e| format!("it is not traced: {e}"))?;
    let same = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits()) && a.len() == b.len();
    if !same(&trace.outcome.logits, &outcome.logits) || trace.outcome.spikes != outcome.spikes {
        return Err("a trace is another run".into());
    }
    for value in [f32::MAX, f32::MIN, f32::MIN_POSITIVE, -0.0] {
        network.run(&vec![value; network.image_len()], steps, 0).map_err(|e| format!("it does not run on {value}: {e}"))?;
    }
    if work * steps as u64 > MOST_REFERENCE_WORK {
        return Ok(Fate::Ran);
    }
    let artifact = Artifact::from_bytes(bytes).map_err(|e| format!("it is no artifact but loads: {e}"))?;
    for (index, image) in image.chunks(network.image_len()).enumerate() {
        let expected = reference::run(&artifact, image, steps, u64::MAX.wrapping_add(index as u64));
        if !same(&expected.logits, &outcome.logits[index * network.classes()..][..network.classes()]) {
            return Err("the reference says something else".into());
        }
    }
    // What was read is written as a file that is read as the same.
    let again = artifact.to_bytes().map_err(|e| format!("it cannot be written: {e}"))?;
    let mut copy = Artifact::from_bytes(&again).map_err(|e| format!("what was written cannot be read: {e}"))?;
    // Options are for people: a number there may have more digits than are kept.
    copy.graph.options.clone_from(&artifact.graph.options);
    if copy != artifact {
        return Err("what was written is another network".into());
    }
    Ok(Fate::Compared)
}

fn main() -> ExitCode {
    let (mut count, mut limit, mut seed, mut first, mut keep) = (u64::MAX, None, 0u64, 0u64, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().unwrap_or_else(|| panic!("{word} wants a value"));
        match word.as_str() {
            "--count" => count = value.parse().unwrap(),
            "--seconds" => limit = Some(Duration::from_secs(value.parse().unwrap())),
            "--seed" => seed = value.parse().unwrap(),
            "--first" => first = value.parse().unwrap(),
            "--keep" => keep = Some(PathBuf::from(value)),
            _ => panic!("unknown option {word}"),
        }
    }
    if count == u64::MAX && limit.is_none() {
        count = 10_000;
    }
    let start = Instant::now();
    watch(start);
    // Where a panic came from is told with its case.
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        eprintln!("case {} panics at {place}", CASE.load(Relaxed));
    }));
    let sound: Vec<Vec<u8>> = vectors::all().iter().map(|vector| vector.artifact.to_bytes().unwrap()).collect();
    let (mut fates, mut findings, mut most) = (BTreeMap::<Fate, u64>::new(), BTreeMap::<String, u64>::new(), 0.0);
    let mut case = first;
    while case - first < count && limit.is_none_or(|limit| start.elapsed() < limit) {
        CASE.store(case, Relaxed);
        BEGAN.store(1 + start.elapsed().as_millis() as u64, Relaxed);
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9).wrapping_add(case).wrapping_mul(0xD134_2543_DE82_EF95));
        let made = catch_unwind(AssertUnwindSafe(|| damaged(&sound, &mut random)));
        let (bytes, fate) = match made {
            Ok(bytes) => {
                let fate = catch_unwind(AssertUnwindSafe(|| judge(&bytes, &mut most))).unwrap_or_else(|panic| {
                    let message = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|&s| s.to_owned()));
                    Err(format!("a panic: {}", message.unwrap_or_default()))
                });
                (bytes, fate)
            }
            // The reader was asked for shapes meanwhile.
            Err(_) => (Vec::new(), Err("a panic while the file was made".to_owned())),
        };
        BEGAN.store(0, Relaxed);
        match fate {
            Ok(fate) => *fates.entry(fate).or_default() += 1,
            Err(why) => {
                println!("finding: seed {seed}, case {case}: {why}");
                if let Some(folder) = &keep {
                    std::fs::create_dir_all(folder).unwrap();
                    std::fs::write(folder.join(format!("{seed}-{case}.snn")), &bytes).unwrap();
                }
                *findings.entry(why.chars().filter(|c| !c.is_ascii_digit()).collect()).or_default() += 1;
            }
        }
        case += 1;
    }
    let of = |fate: Fate| fates.get(&fate).copied().unwrap_or(0);
    println!(
        "{} files: {} refused, {} accepted but too large to run, {} run, {} compared with the reference",
        case - first,
        of(Fate::Refused),
        of(Fate::Loaded),
        of(Fate::Ran),
        of(Fate::Compared)
    );
    println!("loading took at most {:.0} % of the memory that it may", 100.0 * most);
    println!("{} findings of {} kinds", findings.values().sum::<u64>(), findings.len());
    ExitCode::from(u8::from(!findings.is_empty()))
}
