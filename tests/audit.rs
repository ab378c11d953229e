//! The audit sees a leak where there is one, raises no alarm where there is none, and finds what was planted.
//!
//! Everything here is on the digits fixture, in seconds. Its own network judges, so only the columns of other networks say something.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use snnc::{
    audit::{
        Audit, Conduct,
        attack::{Knowledge, Subject},
        audit,
        case::{Case, Effort, Given, Labelled, Material},
        hygiene::Severity,
        metrics::Metric,
        pictures::Pictures,
        shard::{self, Shard},
        store::Store,
        verdict::{Than, compare, is_beyond_chance, main},
    },
    compile::{Compiled, compile},
    data::Images,
    float::{canonical, with_batch_norms},
    observer::Silent,
    options::{self, Code, Options, Timesteps, Train, Training},
    synthesize::random::Random,
};
use snnc_engine::Device;
use snnc_runtime::{Artifact, Data};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/digits").join(name)
}

/// The untrained conversion.
fn converted(code: Code) -> Compiled {
    let training = Training { train: Train::None, ..Training::default() };
    let options = Options { code, samples: Some(16), timesteps: Timesteps::Fixed(8), training, ..Options::default() };
    compile(&fixture("digits.onnx"), &options, &mut Silent).unwrap()
}

fn labelled(name: &str, limit: usize) -> Labelled {
    let images = Images::read_labelled(&fixture(name)).unwrap().take(limit);
    let labels = images.labels.clone().unwrap().into_iter().map(|l| usize::try_from(l).unwrap()).collect();
    let pixels = match images.pixels {
        snnc::data::Pixels::U8 { data, .. } => data,
        snnc::data::Pixels::F32 { .. } => unreachable!("the fixture holds pixels"),
    };
    Labelled { pictures: Pictures { count: images.count, size: [8, 8, 1], pixels }, labels: Some(labels) }
}

/// Members are images that were trained on, indeed.
fn material() -> Material {
    Material {
        reference: Some(labelled("digits_test.npz", 100)),
        members: Some(labelled("digits_calibration.npz", 200)),
        nonmembers: Some(labelled("digits_test.npz", 200)),
        ..Material::default()
    }
}

fn audited(artifact: &Artifact, bytes: &[u8], material: Material, effort: Effort, store: Option<&Store>) -> Audit {
    audited_with(0, artifact, bytes, material, effort, store)
}

fn audited_with(seed: u64, artifact: &Artifact, bytes: &[u8], material: Material, effort: Effort, store: Option<&Store>) -> Audit {
    audited_as(|given| given.seed = seed, Device::Cpu, artifact, bytes, material, effort, store)
}

fn audited_as(
    ask: impl FnOnce(&mut Given<'_>),
    device: Device,
    artifact: &Artifact,
    bytes: &[u8],
    material: Material,
    effort: Effort,
    store: Option<&Store>,
) -> Audit {
    with_case(ask, device, artifact, bytes, material, effort, |case| {
        audit(case, &Conduct { effort, budget: None, store }, &mut Silent).unwrap()
    })
}

fn with_case<R>(
    ask: impl FnOnce(&mut Given<'_>),
    device: Device,
    artifact: &Artifact,
    bytes: &[u8],
    material: Material,
    effort: Effort,
    run: impl FnOnce(&Case<'_>) -> R,
) -> R {
    let (imported, float) = canonical(&fixture("digits.onnx"), None, &mut Silent).unwrap();
    let normed = with_batch_norms(&imported.graph).unwrap();
    let mut given = Given {
        artifact,
        bytes,
        imported: &imported,
        float: &float,
        normed: normed.as_ref(),
        judges: Vec::new(),
        only: Vec::new(),
        as_locked: false,
        features: None,
        material,
        words: Vec::new(),
        timesteps: Vec::new(),
        device: options::Device::Cpu,
        seed: 0,
    };
    ask(&mut given);
    let mut case = Case::new(given, effort).unwrap();
    case.device = device;
    run(&case)
}

/// The main numbers of an attack: ANN and SNN of every variant.
fn pairs(audit: &Audit) -> Vec<(String, &'static [Knowledge], Option<Metric>, Metric)> {
    let mut pairs = Vec::new();
    for attacked in &audit.attacks {
        for row in attacked.rows.iter().filter(|row| row.cell.subject == Subject::Snn) {
            let ann = attacked.rows.iter().find(|r| r.cell.subject == Subject::Ann && r.cell.variant == row.cell.variant);
            let name = format!("{} ({}, {:?})", attacked.attack.name(), row.cell.variant, row.cell.timesteps);
            let metric = main(row).unwrap().clone();
            pairs.push((name, attacked.attack.about().knows, ann.and_then(main).cloned(), metric));
        }
    }
    pairs
}

/// Values, rounded, in the type of other data.
fn like(data: &Data, values: &[f32]) -> Data {
    match data {
        Data::I8(_) => Data::I8(values.iter().map(|v| v.round().clamp(-127.0, 127.0) as i8).collect()),
        Data::I16(_) => Data::I16(values.iter().map(|v| v.round().clamp(-32767.0, 32767.0) as i16).collect()),
        Data::I32(_) => Data::I32(values.iter().map(|v| v.round() as i32).collect()),
    }
}

/// The same network with random weights of the same size in every layer, random biases and start potentials, and everything else, of which
/// thresholds tell which channels have large weights, in random order.
fn randomised(artifact: &Artifact, seed: u64) -> Artifact {
    let mut random = artifact.clone();
    for (k, (name, tensor)) in random.tensors.iter_mut().enumerate() {
        let mut draws = Random::new(seed, k as u64);
        let mut values: Vec<f32> = tensor.data.iter().map(|v| v as f32).collect();
        // In the radix code a bias may stand in what neurons start from.
        if [".weight", ".bias", ".initial"].iter().any(|role| name.ends_with(role)) {
            let size = (values.iter().map(|v| v.powi(2)).sum::<f32>() / values.len() as f32).sqrt();
            values.iter_mut().for_each(|v| *v = size * draws.normal());
        } else {
            (1..values.len()).rev().for_each(|i| values.swap(i, draws.below(i + 1)));
        }
        tensor.data = like(&tensor.data, &values);
    }
    random
}

#[test]
fn a_leak_is_seen() {
    for code in [Code::Radix, Code::Rate] {
        let artifact = converted(code).artifact;
        let audit = audited(&artifact, &artifact.to_bytes().unwrap(), material(), Effort::Quick, None);
        let mut white_box = 0;
        for (name, knows, ann, snn) in pairs(&audit) {
            if !knows.contains(&Knowledge::Weights) {
                continue;
            }
            white_box += 1;
            let ann = ann.unwrap();
            assert!(is_beyond_chance(&snn), "{code:?}, {name}: {snn:?}");
            assert_ne!(compare(&snn, &ann), Than::Less, "{code:?}, {name} should do as well as on the ANN: {snn:?} {ann:?}");
        }
        assert_eq!(white_box, 5, "weights, two twins, through time, distilled");
        let hygiene = &audit.attacks[0];
        let told = hygiene.findings.iter().any(|f| f.severity == Severity::Leak && f.what.contains("factors of its channels"));
        assert!(told, "{code:?}: {hygiene:?}");
        assert_eq!(serde_json::to_value(&audit.verdict).unwrap()["level"], "leak");
        // A network of the radix code runs for its own number of steps, and is attacked at no other.
        let steps: BTreeSet<usize> = audit.attacks.iter().flat_map(|a| &a.rows).filter_map(|row| row.cell.timesteps).collect();
        assert_eq!(steps, BTreeSet::from([8]), "{code:?}");
    }
}

/// Random networks, so many that what an attack gets from one or the other is told from what it gets from all. The interval of a single audit
/// takes the reconstructions of a class for independent, which those of one network are not, and its chance may be measured once itself:
/// from one network, and one seed of the audit, to the next both are.
#[test]
fn random_weights_raise_no_alarm() {
    const DRAWS: u64 = 8;
    for code in [Code::Radix, Code::Rate] {
        let converted = converted(code).artifact;
        let mut beyond: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        // What a share of so many that are independent varies by, at chance.
        let mut least: BTreeMap<String, f64> = BTreeMap::new();
        for draw in 0..DRAWS {
            let artifact = randomised(&converted, 77 + draw);
            let audit = audited_with(draw, &artifact, &artifact.to_bytes().unwrap(), material(), Effort::Quick, None);
            for (name, _, _, snn) in pairs(&audit) {
                let chance = snn.chance.unwrap();
                assert!(snn.interval_95.is_some() || snn.value <= chance, "{code:?}, {draw}, {name} should be at chance: {snn:?}");
                least.insert(name.clone(), chance * (1.0 - chance) / snn.of.max(1) as f64);
                beyond.entry(name).or_default().push(snn.value - chance);
            }
            let leaks: Vec<_> = audit.attacks.iter().flat_map(|a| &a.findings).filter(|f| f.severity == Severity::Leak).collect();
            assert!(leaks.is_empty(), "{code:?}, {draw}: {leaks:?}");
        }
        assert!(beyond.len() > 6, "{beyond:?}");
        for (name, values) in beyond {
            let mean = values.iter().sum::<f64>() / DRAWS as f64;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (DRAWS - 1) as f64;
            // A few draws may vary less by luck.
            let error = (variance.max(least[&name]) / DRAWS as f64).sqrt();
            assert!(mean.abs() <= 3.0 * error, "{code:?}, {name} should be at chance, and is {mean} +- {error} beyond: {values:?}");
        }
    }
}

#[test]
fn planted_copies_are_found() {
    let compiled = converted(Code::Radix);
    let clean = randomised(&compiled.artifact, 77);
    let (imported, _) = canonical(&fixture("digits.onnx"), None, &mut Silent).unwrap();
    let plant = |change: &dyn Fn(&[f32]) -> Vec<f32>| {
        let mut artifact = clean.clone();
        // The largest tensor of the source network that fits one of the artifact.
        let sources = imported.graph.params().map(|(_, p)| &p.tensor.data);
        let (source, place) = sources
            .filter_map(|s| artifact.tensors.iter().find(|(_, t)| t.data.len() == s.len()).map(|(name, _)| (s, name.clone())))
            .max_by_key(|(s, _)| s.len())
            .unwrap();
        // Whole numbers of 12 bits, as a file has them.
        let planted = change(source);
        let largest = planted.iter().fold(0.0f32, |most, v| most.max(v.abs()));
        let planted: Vec<i16> = planted.iter().map(|v| (2047.0 * v / largest).round() as i16).collect();
        artifact.tensors.get_mut(&place).unwrap().data = planted.into();
        artifact
    };
    let half = |v: f32| {
        let bits = v.to_bits();
        // Rounded to 11 significant bits, as float16 does for numbers of usual size.
        f32::from_bits((bits + 0x1000) & !0x1FFF)
    };
    type Change = fn(&[f32], &dyn Fn(f32) -> f32) -> Vec<f32>;
    let cases: [(&str, Change); 4] = [
        ("as it is", |s, _| s.to_vec()),
        ("scaled", |s, _| s.iter().map(|v| -0.37 * v).collect()),
        ("float16", |s, half| s.iter().map(|&v| half(v)).collect()),
        ("scaled, permuted, float16", |s, half| {
            let mut planted: Vec<f32> = s.iter().map(|&v| 2.5 * half(v)).collect();
            planted.reverse();
            planted.rotate_left(13);
            planted
        }),
    ];
    for (how, change) in cases {
        let artifact = plant(&|source| change(source, &half));
        let audit = audited(&artifact, &artifact.to_bytes().unwrap(), Material::default(), Effort::Quick, None);
        let found = audit.attacks[0].findings.iter().filter(|f| f.severity == Severity::Leak).count();
        assert!(found > 0, "{how}");
    }
}

#[test]
fn trained_says_that_no_copy_is_found() {
    // A training that moves every channel, and one that hardly moves any.
    for (rate, samples, epochs, is_fully_trained) in [(2e-2, 256, 12, true), (2e-4, 24, 3, false)] {
        let training = Training { train: Train::Temporal, rate, samples, epochs, ..Training::default() };
        let options = Options { code: Code::Rate, samples: Some(8), timesteps: Timesteps::Fixed(4), training, ..Options::default() };
        let artifact = compile(&fixture("digits.onnx"), &options, &mut Silent).unwrap().artifact;
        assert_eq!(artifact.graph.phase == snnc_runtime::artifact::Phase::Trained, is_fully_trained, "{rate}");
        let audit = audited(&artifact, &artifact.to_bytes().unwrap(), Material::default(), Effort::Quick, None);
        let leaks: Vec<_> = audit.attacks[0].findings.iter().filter(|f| f.severity == Severity::Leak).collect();
        assert_eq!(leaks.is_empty(), is_fully_trained, "{rate} {leaks:?}");
    }
}

#[test]
fn attackers_without_the_read_out_are_made_and_labels_make_up_for_it() {
    let artifact = converted(Code::Radix).artifact;
    let material = Material { reference: Some(labelled("digits_test.npz", 400)), ..Material::default() };
    let ask = |given: &mut Given<'_>| {
        given.only = vec!["locked".to_owned()];
        given.as_locked = true;
    };
    let audit = audited_as(ask, Device::Cpu, &artifact, &artifact.to_bytes().unwrap(), material, Effort::Full, None);
    assert_eq!(audit.attacks.len(), 1);
    let rows = &audit.attacks[0].rows;
    let variants: BTreeSet<&str> = rows.iter().map(|row| row.cell.variant).collect();
    assert_eq!((variants.len(), rows.len()), (12, 24), "each on the ANN and on the artifact");
    let named = |row: &&snnc::audit::Row| main(row).unwrap().name == "recognition";
    assert_eq!(rows.iter().filter(named).count(), 10);
    for row in rows.iter().filter(|row| row.cell.variant == "20 labelled images a class") {
        let accuracy = row.metrics.iter().find(|m| m.name == "probe_accuracy").unwrap();
        assert!(accuracy.value > 0.9 && is_beyond_chance(main(row).unwrap()), "{:?} {:?}", row.cell, row.metrics);
    }
    // Who finds no class by name is no match for who does, whatever the numbers.
    assert!(audit.best.iter().all(|best| best.recognised.name == "recognition" && best.attack == "locked"));
    // Without the read-out, it is asked for or it is not there.
    let open = audited(&artifact, &artifact.to_bytes().unwrap(), Material::default(), Effort::Quick, None);
    assert!(open.attacks.iter().all(|a| a.attack.name() != "locked"));
    assert_eq!(open.floors.len(), 4);
    assert!(open.floors.iter().all(|floor| !floor.metrics.is_empty()));
}

#[test]
fn halves_hidden_in_the_header_are_found() {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let mut artifact = randomised(&converted(Code::Radix).artifact, 77);
    let (imported, _) = canonical(&fixture("digits.onnx"), None, &mut Silent).unwrap();
    let source = imported.graph.params().map(|(_, p)| p.tensor.data.clone()).max_by_key(Vec::len).unwrap();
    let bytes: Vec<u8> = source.iter().flat_map(|v| v.to_le_bytes()).collect();
    artifact.graph.options.insert("note".to_owned(), serde_json::json!(BASE64_STANDARD.encode(bytes)));
    let audit = audited(&artifact, &artifact.to_bytes().unwrap(), Material::default(), Effort::Quick, None);
    assert!(audit.attacks[0].findings.iter().any(|f| f.what.contains("base64")), "{:?}", audit.attacks[0].findings);
}

#[test]
fn an_image_in_the_file_is_found() {
    let mut artifact = converted(Code::Radix).artifact;
    let reference = labelled("digits_test.npz", 20);
    let image = &reference.pictures.pixels[3 * 64..][..64];
    artifact.graph.options.insert("note".to_owned(), serde_json::json!(image.iter().map(|&b| char::from(b & 0x7F)).collect::<String>()));
    // Pixels are no text; as bytes in a tensor they are what a careless tool would leave.
    let name = artifact.tensors.iter().find(|(_, t)| t.data.len() == 64).map(|(name, _)| name.clone()).unwrap();
    artifact.tensors.get_mut(&name).unwrap().data = Data::I32(image.iter().map(|&p| i32::from(p)).collect());
    let material = Material { reference: Some(reference), ..Material::default() };
    let audit = audited(&artifact, &artifact.to_bytes().unwrap(), material, Effort::Quick, None);
    assert!(audit.attacks[0].findings.iter().any(|f| f.what.contains("reference image 3")), "{:?}", audit.attacks[0].findings);
}

#[test]
fn the_same_seed_gives_the_same_numbers_for_any_number_of_threads_and_after_a_cut() {
    let artifact = converted(Code::Radix).artifact;
    let bytes = artifact.to_bytes().unwrap();
    let numbers = |audit: &Audit| pairs(audit).into_iter().map(|(name, _, ann, snn)| (name, ann, snn)).collect::<Vec<_>>();
    let pool = |n: usize| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = |resume| Store::new(folder.path(), "digits".to_owned(), resume, snnc_vault::Envelope::default()).unwrap();
    let first = pool(1).install(|| audited(&artifact, &bytes, material(), Effort::Quick, Some(&store(false))));
    let again = pool(3).install(|| audited(&artifact, &bytes, material(), Effort::Quick, None));
    assert_eq!(numbers(&first), numbers(&again));
    // Half of the results are gone; the rest is taken up.
    let files: Vec<PathBuf> = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().path()).collect();
    assert!(files.len() > 8);
    files.iter().step_by(2).for_each(|file| std::fs::remove_file(file).unwrap());
    let resumed = audited(&artifact, &bytes, material(), Effort::Quick, Some(&store(true)));
    assert_eq!(numbers(&first), numbers(&resumed));
}

#[test]
fn a_card_finds_what_the_processor_finds() {
    for code in [Code::Radix, Code::Rate] {
        let artifact = converted(code).artifact;
        let bytes = artifact.to_bytes().unwrap();
        let only = ["reconversion", "through-time", "adaptive"].map(str::to_owned).to_vec();
        let found = |device| {
            let ask = |given: &mut Given<'_>| {
                given.only.clone_from(&only);
                // Numbers have a digit for every time step.
                given.timesteps = if code == Code::Rate { vec![4] } else { Vec::new() };
            };
            pairs(&audited_as(ask, device, &artifact, &bytes, Material::default(), Effort::Quick, None))
        };
        let (here, there) = (found(Device::Cpu), found(Device::stand_in()));
        assert_eq!(here.len(), there.len());
        assert!(here.len() >= 3, "{code:?}");
        for ((name, _, _, here), (other, _, _, there)) in here.iter().zip(&there) {
            assert_eq!(name, other);
            // They add in another order, and descents part in the course of their steps.
            assert!(here.value > 0.2 && (here.value - there.value).abs() <= 0.2, "{code:?}, {name}: {here:?} {there:?}");
        }
    }
}

#[test]
fn parts_of_an_audit_are_the_audit() {
    let artifact = converted(Code::Radix).artifact;
    let bytes = artifact.to_bytes().unwrap();
    let only = ["weights", "reconversion", "hygiene"].map(str::to_owned).to_vec();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let what = || "digits".to_owned();
    let ask = |given: &mut Given<'_>| given.only.clone_from(&only);
    let whole = audited_as(ask, Device::Cpu, &artifact, &bytes, material(), Effort::Full, None);
    let made: Vec<(usize, usize)> = folders
        .iter()
        .enumerate()
        .map(|(index, folder)| {
            let store = Store::new(folder.path(), what(), false, snnc_vault::Envelope::default()).unwrap();
            let shard = Shard { index, of: folders.len() };
            with_case(ask, Device::Cpu, &artifact, &bytes, material(), Effort::Full, |case| {
                shard::make(case, Effort::Full, shard, &store, &mut Silent).unwrap()
            })
        })
        .collect();
    assert!(made.iter().all(|(own, all)| *own > 0 && *all == made.iter().map(|(own, _)| own).sum::<usize>()), "{made:?}");
    let parts = folders.each_ref().map(|folder| folder.path().to_owned());
    let merged = Store::merged(&parts, what(), snnc_vault::Envelope::default());
    let together = audited_as(ask, Device::Cpu, &artifact, &bytes, material(), Effort::Full, Some(&merged));
    let all = |audit: &Audit| format!("{:?} {:?} {:?} {:?}", pairs(audit), audit.best, audit.floors, audit.verdict);
    assert_eq!(all(&whole), all(&together));
    // A part is missing.
    let two = Store::merged(&parts[1..], what(), snnc_vault::Envelope::default());
    let error = with_case(ask, Device::Cpu, &artifact, &bytes, material(), Effort::Full, |case| {
        audit(case, &Conduct { effort: Effort::Full, budget: None, store: Some(&two) }, &mut Silent).unwrap_err()
    });
    assert!(error.to_string().starts_with("--merge: none of the folders has what `"), "{error}");
}
