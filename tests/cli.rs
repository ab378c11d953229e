//! The command line as its users see it: the binary is run, files and messages are looked at.
//!
//! Expected messages are whole files, `tests/ui/*.stderr`; `SNNC_BLESS=1 cargo test` rewrites them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Ran, command};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixture(name: &str) -> PathBuf {
    root().join("fixtures").join(name)
}

fn digits() -> PathBuf {
    fixture("digits/digits.onnx")
}

fn snnc_in<S: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = S>) -> Ran {
    Ran::of(command(folder).args(args).output().unwrap())
}

fn snnc(args: &str) -> Ran {
    snnc_in(root(), args.split_whitespace())
}

/// A folder with a compiled digits classifier, calibrated on few samples to be quick.
struct Compiled {
    folder: tempfile::TempDir,
}

impl Compiled {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(options: &[&str]) -> Self {
        let compiled = Self { folder: tempfile::tempdir().unwrap() };
        compiled.compile("m", options).ok();
        compiled
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Compiles to `NAME.snn`.
    fn compile(&self, name: &str, more: &[&str]) -> Ran {
        let out = format!("{name}.snn");
        let model = digits();
        let mut args = vec![model.to_str().unwrap(), "-o", &out, "--samples", "8"];
        args.extend(more);
        if !more.contains(&"--timesteps") {
            args.extend(["--timesteps", "8"]);
        }
        if !more.contains(&"--train") && !more.contains(&"--budget") {
            args.extend(["--train", "none"]);
        }
        if !more.contains(&"--audit") {
            args.extend(["--audit", "none"]);
        }
        snnc_in(self.folder.path(), args)
    }

    /// As `compile`, with a training of a second or so.
    fn train(&self, name: &str, more: &[&str]) -> Ran {
        self.compile(name, &[&TRAIN[..], more].concat())
    }

    fn report(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.folder.path().join(format!("{name}.report.json"))).unwrap()).unwrap()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(format!("{name}.snn"))).unwrap()
    }

    /// Names of the files in the folder.
    fn files(&self) -> BTreeSet<String> {
        fs::read_dir(self.folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// Both codes, as options say them.
const CODES: [&[&str]; 2] = [&["--code", "radix"], &["--code", "rate"]];

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

// ---- help and usage ----

#[test]
fn help_shows_every_option() {
    for help in ["--help", "compile --help"] {
        let text = snnc(help).ok().stdout;
        for option in [
            "-o <MODEL.snn>",
            "--timesteps",
            "--coding",
            "--calibration",
            "--samples",
            "--threshold",
            "--v-init",
            "--layout",
            "--scale",
            "--mean",
            "--std",
            "--seed",
            "--threads",
            "--report",
            "--emit",
            "--dump-after",
            "--timings",
            "--depfile",
            "--output",
            "--synthesis",
            "--synthesis-steps",
            "--budget",
            "--save-samples",
            "--spikes",
            "--threshold-per",
            "least-squares",
            "batch-norm=K",
            "--quiet",
            "--verbose",
            "--code",
            "--weights",
            "--digits-extra",
            "--input-digits",
            "--keep-names",
            "[default: radix]",
            "Radix code:",
            "Rate code, with `--code rate`:",
        ] {
            assert!(text.contains(option), "{help} does not mention {option}:\n{text}");
        }
    }
    let text = snnc("--help").ok().stdout;
    for part in [
        "--version",
        "compile",
        "eval",
        "run",
        "emit",
        "check",
        "diff",
        "inspect",
        "decrypt",
        "sign",
        "verify",
        "opt",
        "explain",
        "Examples:",
        "Exit codes:",
    ] {
        assert!(text.contains(part), "--help does not mention {part}:\n{text}");
    }
    for (subcommand, options) in [
        ("compile", &["--timesteps", "--mean", "--encrypt-to <RECIPIENT>", "--encrypt-passphrase", "--sign <KEYFILE>", "--identity"][..]),
        ("eval", &["--data", "--ann", "--timesteps", "--limit", "--json", "--threads"]),
        (
            "run",
            &[
                "-o <LOGITS.npy>",
                "--timesteps",
                "--explain",
                "--simulator",
                "--raster <FILE.svg>",
                "--image",
                "--identity",
                "--require-signature",
                "--encrypt-to",
            ],
        ),
        ("check", &["--golden <FILE.json>", "--data", "--report", "--bless", "--ann", "--json", "--identity"]),
        ("diff", &["--data", "--limit", "--tolerance", "--json", "--identity"]),
        ("decrypt", &["-o <OUT>", "--identity <KEYFILE>", "--passphrase <FILE>", "--require-signature"]),
        ("sign", &["--key <KEYFILE>", "--password"]),
        ("verify", &["--key <PUBKEY>"]),
        ("emit", &["-o <MODEL.h>", "--max-flash", "--name"]),
        ("nir", &["MODEL.snn|MODEL.nir", "-o <OUT>", "--strict", "--thresholds <whole|one>", "--identity", "--encrypt-to"]),
        ("bench", &["--ann", "--ann8", "--images", "--batch", "--timesteps", "--seconds", "--threads", "--json"]),
        ("inspect", &["FILE.onnx|FILE.snn"]),
        ("keygen", &["KEYFILE"]),
        ("lock", &["--key", "-o <LOCKED.snn>", "unaudited"]),
        ("opt", &["--passes", "fold-batch-norm"]),
        ("unlock", &["--key", "-o <LOGITS.npy>", "must go back"]),
        ("explain", &["CODE"]),
    ] {
        let text = snnc(&format!("{subcommand} --help")).ok().stdout;
        for option in options {
            assert!(text.contains(option), "{subcommand} --help does not mention {option}:\n{text}");
        }
    }
}

#[test]
fn short_help_fits_a_screen() {
    let subcommands = [
        "", "compile ", "eval ", "audit ", "run ", "emit ", "inspect ", "decrypt ", "sign ", "verify ", "build ", "bench ", "check ",
        "diff ", "nir ",
    ];
    for subcommand in subcommands.into_iter().chain(["keygen ", "lock ", "unlock ", "opt ", "explain "]) {
        for columns in ["80", "100"] {
            let words = format!("{subcommand}-h");
            let ran = Ran::of(command(root()).args(words.split_whitespace()).env("COLUMNS", columns).output().unwrap()).ok();
            let lines: Vec<&str> = ran.stdout.trim_end().lines().collect();
            let longest = lines.iter().map(|line| line.chars().count()).max().unwrap();
            assert!(lines.len() <= 24 && longest <= columns.parse().unwrap(), "{} lines of {longest}:\n{}", lines.len(), ran.stdout);
            let last = lines.last().unwrap();
            assert!(last.contains(&format!("`snnc {subcommand}--help` shows everything")), "{last}");
            assert!(lines.iter().any(|line| line.starts_with("Usage: snnc")) && ran.stdout.contains("\nOptions:\n"), "{}", ran.stdout);
        }
    }
    let text = snnc("-h").ok().stdout;
    for part in ["-o <MODEL.snn>", "--timesteps", "--mean", "eval ", "check ", "audit ", "run ", "emit ", "inspect ", "build "] {
        assert!(text.contains(part), "-h does not mention {part}:\n{text}");
    }
    assert!(!text.contains("--surrogate") && snnc("--help").ok().stdout.contains("--surrogate"));
}

#[test]
fn version() {
    assert_eq!(snnc("--version").ok().stdout, concat!("snnc ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn usage_errors() {
    assert_eq!(snnc("").code, 2);
    snnc("m.onnx").error("-o <MODEL.snn>");
    snnc("m.onnx -o m.snn --timesteps 0").error("the number of time steps must be a whole number from 1 to 65536");
    snnc("m.onnx -o m.snn --threshold percentile=0").error("more than 0 and at most 100");
    snnc("m.onnx -o m.snn --scale 0").error("must be more than 0");
    snnc("m.onnx -o m.snn --std 1,0").error("must be more than 0");
    snnc("m.onnx -o m.snn --mean 1,nan").error("`nan` is not a finite number");
    snnc("m.onnx -o m.snn --mean 1,2,3 --std 1,2").error("--mean has 3 values, but --std has 2");
    snnc("m.onnx -o m.snn --coding rate").error("[possible values: direct, poisson]");
    for option in ["--spikes signed", "--reset soft", "--reset hard", "--leak 0.9", "--coding poisson"] {
        let name =
            if option.starts_with("--reset") || option.starts_with("--leak") { &option[..option.find(' ').unwrap()] } else { option };
        snnc(&format!("m.onnx -o m.snn {option}")).error(&format!("`{name}` is of the rate code; it goes with `--code rate`"));
    }
    snnc("m.onnx -o m.snn --timesteps 17").error("the radix code has at most 16 digits");
    snnc("m.onnx -o m.snn --layuot nchw").error("--layout");
    snnc("m.onnx -o m.snn -q -v").error("cannot be used with");
    snnc("m.onnx m.snn").error("the artifact is written where `-o` says");
    snnc("m.onnx eval").error("the subcommand");
    snnc("eval m.snn").error("--data");
    snnc("run m.snn").error("INPUT.npy");
    snnc("run m.snn --explain -o x.npy").error("INPUT.npy");
    snnc("bench m.snn --batch 16,0").error("the number of images a step must be a whole number from 1");
    snnc("bench m.snn --seconds 0").error("more than 0 and at most 3600 seconds");
    snnc("eval m.snn --data x.npz --timesteps 4,0").error("whole number from 1");
}

#[test]
fn unknown_passes_are_answered_with_the_known_ones() {
    let text = snnc("m.onnx -o m.snn --dump-after fold").error("there is no pass `fold`").stderr;
    assert!(text.contains("`all`") && text.contains("`fold-batch-norm`"), "{text}");
    snnc("opt Cargo.toml --passes fold").error("`fold-batch-norm`");
}

#[test]
fn missing_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    snnc_in(folder.path(), ["none.onnx", "-o", "m.snn"]).error("none.onnx: No such file");
    snnc_in(folder.path(), ["eval", "none.snn", "--data", "x.npz"]).error("none.snn: No such file");
    snnc_in(folder.path(), ["run", "none.snn", "x.npy"]).error("none.snn: No such file");
    snnc_in(folder.path(), ["inspect", "none.snn"]).error("none.snn: No such file");
    snnc_in(folder.path(), ["opt", "none.ir", "--passes", "fold-batch-norm"]).error("none.ir: No such file");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn explain_knows_the_codes() {
    let text = snnc("explain E0102").ok().stdout;
    assert!(text.starts_with("E0102: ") && text.lines().count() > 3, "{text}");
    assert_eq!(snnc("explain e0102").ok().stdout, text);
    snnc("explain E9999").error("there is no error code `E9999`");
    assert!(snnc("explain").ok().stdout.contains("\nE0102  "));
}

// ---- writing ----

#[test]
fn compiling_writes_artifact_and_report() {
    let compiled = Compiled::new();
    assert_eq!(compiled.files(), set(&["m.snn", "m.report.json"]));
    let report: Value = serde_json::from_slice(&compiled.read("m.report.json")).unwrap();
    assert_eq!(report["timesteps"], 8);

    let ran = compiled.compile("n", &["--report", "other.json", "-q"]).ok();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert_eq!(compiled.files(), set(&["m.snn", "m.report.json", "n.snn", "other.json"]));
    assert_eq!(compiled.read("other.json"), compiled.read("m.report.json"));
}

#[test]
fn samples_leave_the_process_only_when_asked_and_can_come_back() {
    let compiled = Compiled::new();
    compiled.compile("saved", &["--save-samples", "s.npz"]).ok();
    compiled.compile("again", &["--save-samples", "t.npz"]).ok();
    assert!(compiled.read("s.npz") == compiled.read("t.npz"), "the same bytes");
    assert!(compiled.read("saved.snn") == compiled.read("m.snn"), "saving changes nothing");
    let mut npz = ndarray_npy::NpzReader::new(fs::File::open(compiled.path("s.npz")).unwrap()).unwrap();
    let x: ndarray::ArrayD<f32> = npz.by_name("x").unwrap();
    let logits: ndarray::ArrayD<f32> = npz.by_name("logits").unwrap();
    assert_eq!((x.shape(), logits.shape()), (&[8, 1, 8, 8][..], &[8, 10][..]));
    // As a file of the user's, in the model's own layout and units.
    compiled.compile("back", &["--calibration", "s.npz"]).ok();
    compiled.compile("clash", &["--save-samples", "clash.snn"]).error("--save-samples would overwrite -o");
}

#[test]
fn a_budget_ends_the_synthesis_and_the_report_says_so() {
    let compiled = Compiled::new();
    compiled.compile("short", &["--budget", "0.000001"]).ok();
    let report: Value = serde_json::from_slice(&compiled.read("short.report.json")).unwrap();
    let steps = &report["samples"]["synthesis_steps"];
    assert!(steps["made"].as_u64() < steps["asked"].as_u64(), "{steps}");
    let advice = report["advice"].to_string();
    assert!(advice.contains("--budget"), "{advice}");
    compiled.compile("whole", &["--budget", "3600"]).ok();
    let report: Value = serde_json::from_slice(&compiled.read("whole.report.json")).unwrap();
    assert_eq!(report["samples"]["synthesis_steps"]["made"], report["samples"]["synthesis_steps"]["asked"]);
}

#[test]
fn binary_spikes_are_never_taken_back() {
    let compiled = Compiled::with(&["--code", "rate"]);
    compiled.compile("binary", &["--code", "rate", "--spikes", "binary"]).ok();
    compiled.compile("radix", &[]).ok();
    let corrections = |name: &str| {
        let report: Value = serde_json::from_slice(&compiled.read(name)).unwrap();
        report["operations"]["corrections"].as_f64().unwrap()
    };
    assert_eq!((corrections("binary.report.json"), corrections("radix.report.json")), (0.0, 0.0));
    assert!(corrections("m.report.json") > 0.0);
    let text = snnc_in(compiled.folder.path(), ["inspect", "m.snn"]).ok().stdout;
    assert!(text.contains("signed"), "{text}");
    let text = snnc_in(compiled.folder.path(), ["inspect", "binary.snn"]).ok().stdout;
    assert!(!text.contains("signed"), "{text}");
}

#[test]
fn the_report_names_the_rule_and_what_was_tried() {
    let compiled = Compiled::new();
    for code in CODES {
        compiled.compile("auto", code).ok();
        let report = compiled.report("auto");
        let tried = report["threshold"]["tried"].as_array().unwrap();
        assert!(tried[0]["rule"] == "least-squares" && tried.iter().any(|t| t["rule"] == report["threshold"]["rule"]), "{tried:?}");
        let last = report["agreement"]["over_timesteps"].as_array().unwrap().last().unwrap().clone();
        let (low, high) = (last["interval_95"][0].as_f64().unwrap(), last["interval_95"][1].as_f64().unwrap());
        assert!(low < high && (low..=high).contains(&last["percent"].as_f64().unwrap()), "{last}");
        for rule in ["balance", "percentile=99", "max"] {
            compiled.compile("rule", &[code, &["--threshold", rule, "--threshold-per", "layer"]].concat()).ok();
            let report = compiled.report("rule");
            assert_eq!((report["threshold"]["rule"].as_str(), &report["threshold"]["tried"]), (Some(rule), &Value::Null));
            for layer in report["layers"].as_array().unwrap() {
                assert_eq!(layer["threshold"]["min"], layer["threshold"]["max"], "{rule}: one threshold a layer");
            }
        }
        compiled.compile("norm", &[code, &["--threshold", "batch-norm=3"]].concat()).ok();
    }
    // Digits of neurons, of which the image has 8 in any case.
    compiled.compile("auto", &["--timesteps", "auto"]).ok();
    let tried = compiled.report("auto")["timesteps_auto"]["tried"].clone();
    let digits: Vec<u64> = tried.as_array().unwrap().iter().map(|at| at["timesteps"].as_u64().unwrap()).collect();
    assert!(digits[0] == 3 && digits.is_sorted_by(|a, b| a < b), "{digits:?}");
    let without = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/onnx/mlp_flat.onnx");
    let args = [without.to_str().unwrap(), "-o", "none.snn", "--threshold", "batch-norm=3"];
    snnc_in(compiled.folder.path(), args).error("the model has no batch norms");
}

/// What the report says of time, digits, weights and energy, in both codes.
#[test]
fn the_report_says_what_an_image_costs() {
    let place = Compiled::new();
    place.compile("rate", &["--code", "rate"]).ok();
    for (name, code) in [("m", "radix"), ("rate", "rate")] {
        let report = place.report(name);
        let (time, layers, weights) = (&report["time"], report["layers"].as_array().unwrap(), report["weights"].as_array().unwrap());
        let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{name}: {value}"));
        assert_eq!((&report["code"], &report["timesteps"]), (&code.into(), &8.into()));
        if code == "radix" {
            assert!(layers.iter().all(|layer| layer["digits"].as_u64().is_some_and(|digits| (8..=10).contains(&digits))), "{layers:?}");
            // The input's window, and one for each layer of neurons on the longest way.
            assert!(number(&time["latency"]) > number(&time["interval"]) && number(&time["interval"]) >= 8.0, "{time}");
            assert_eq!(report["input_digits"], 8);
        } else {
            assert!(layers.iter().all(|layer| layer["digits"].is_null()));
            assert_eq!(*time, serde_json::json!({"timesteps": 8, "latency": 8, "interval": 8, "delay_bits": 0}));
        }
        for layer in layers {
            let steps = layer["digits"].as_f64().unwrap_or(8.0);
            assert!((number(&layer["spikes_per_neuron"]) - steps * number(&layer["firing_rate"])).abs() < 1e-3, "{layer}");
        }
        // The tensors of the file are the weights of the report.
        let artifact = snnc_runtime::Artifact::from_bytes(&place.bytes(name)).unwrap();
        let of_file: Vec<(u64, u64)> = artifact
            .graph
            .nodes
            .iter()
            .filter_map(|node| artifact.tensors.get(node.tensors.get("weight")?))
            .map(|tensor| (tensor.data.len() as u64, u64::from(tensor.data.bits())))
            .collect();
        let told: Vec<(u64, u64)> = weights.iter().map(|w| (w["count"].as_u64().unwrap(), w["bits"].as_u64().unwrap())).collect();
        assert!(!told.is_empty() && told == of_file, "{told:?} {of_file:?}");
        assert!(weights.iter().all(|w| w["bytes"].as_u64() == Some(w["count"].as_u64().unwrap() * w["bits"].as_u64().unwrap() / 8)));
        // Multiplications of 8 bits cost less than those of floats, and a part less than the whole.
        for numbers in ["float32_45nm", "int32_45nm", "int8_45nm"] {
            let energy = &report["energy"][numbers];
            for network in ["ann", "snn"] {
                let (all, behind) = (&energy[format!("{network}_pj")], &energy[format!("{network}_pj_without_input_layer")]);
                assert!(number(behind) > 0.0 && number(behind) < number(all), "{numbers} {network}: {energy}");
            }
            let neurons = number(&report["operations"]["neurons"]);
            assert!((number(&energy["snn_pj_per_neuron"]) - number(&energy["snn_pj"]) / neurons).abs() < 1e-3);
        }
        assert!(number(&report["energy"]["int8_45nm"]["ann_pj"]) < number(&report["energy"]["float32_45nm"]["ann_pj"]) / 10.0);
    }
}

#[test]
fn the_same_input_makes_the_same_bytes() {
    for code in CODES {
        let compiled = Compiled::with(code);
        for (name, threads) in [("again", None), ("one", Some("1")), ("two", Some("2")), ("three", Some("3"))] {
            let threads: Vec<&str> = threads.map(|n| vec!["--threads", n]).unwrap_or_default();
            compiled.compile(name, &[code, &threads].concat()).ok();
            assert!(compiled.read(&format!("{name}.snn")) == compiled.read("m.snn"), "{code:?}: artifact: {name}");
            assert!(compiled.read(&format!("{name}.report.json")) == compiled.read("m.report.json"), "{code:?}: report: {name}");
        }
        compiled.compile("seed", &[code, &["--seed", "1"]].concat()).ok();
        assert!(compiled.read("seed.snn") != compiled.read("m.snn"), "{code:?}: the seed has no effect");
    }
}

/// Names of the nodes and tensors of a model, but those that may stand in any text.
fn names_of(model: &Path) -> BTreeSet<String> {
    let mut observer = snnc::observer::Silent;
    let (imported, _) = snnc::float::canonical(model, None, &mut observer).unwrap();
    let nodes = imported.graph.node_ids().into_iter().flat_map(|id| imported.graph[id].origin.0.clone());
    let parameters = imported.graph.params().map(|(_, parameter)| parameter.name.clone());
    nodes.chain(parameters).chain(imported.graph.output().map(|output| output.name.clone())).filter(|name| name.len() > 3).collect()
}

#[test]
fn names_of_the_model_are_kept_only_when_asked() {
    let (names, place) = (names_of(&digits()), Compiled::new());
    assert!(names.len() > 5, "{names:?}");
    for code in CODES {
        place.compile("plain", code).ok();
        place.compile("named", &[code, &["--keep-names"]].concat()).ok();
        let found = |name: &str| {
            let text = String::from_utf8_lossy(&place.bytes(name)).into_owned();
            names.iter().filter(|name| text.contains(&format!("\"{name}"))).cloned().collect::<BTreeSet<_>>()
        };
        assert_eq!(found("plain"), BTreeSet::new(), "{code:?}");
        assert!(found("named").len() > 3, "{code:?}: {:?}", found("named"));
        let logits = |name: &str| {
            let data = fixture("digits/digits_test.npz");
            snnc_in(place.folder.path(), ["run", &format!("{name}.snn"), data.to_str().unwrap(), "-o", &format!("{name}.npy")]).ok();
            place.read(&format!("{name}.npy"))
        };
        assert!(logits("plain") == logits("named"), "{code:?}: names change nothing");
    }
}

#[test]
fn weights_have_as_many_bits_as_asked() {
    let place = Compiled::new();
    let onnx = fs::metadata(digits()).unwrap().len();
    for (code, most) in CODES.into_iter().zip([0.3, 0.31]) {
        let bits = |weights: &str| {
            place.compile(weights, &[code, &["--weights", weights]].concat()).ok();
            let report = place.report(weights);
            let bits = report["weights"].as_array().unwrap().iter().map(|w| w["bits"].as_u64().unwrap()).collect::<BTreeSet<_>>();
            (bits, place.bytes(weights).len() as u64)
        };
        let (eight, sixteen, auto) = (bits("8"), bits("16"), bits("auto"));
        assert_eq!(eight.0, BTreeSet::from([8]), "{code:?}");
        assert!(sixteen.0.contains(&16) && sixteen.1 > eight.1, "{code:?}: {sixteen:?}");
        assert!(auto.0.is_subset(&BTreeSet::from([8, 16])) && (eight.1..=sixteen.1).contains(&auto.1), "{code:?}: {auto:?}");
        let share = auto.1 as f64 / onnx as f64;
        assert!(share <= most, "{code:?}: the artifact has {} bytes, {share:.3} times the model's {onnx}", auto.1);
    }
}

#[test]
fn images_have_as_many_digits_as_asked() {
    let place = Compiled::new();
    for code in CODES {
        for digits in [8, 10, 16] {
            place.compile("d", &[code, &["--input-digits", &digits.to_string()]].concat()).ok();
            let network = snnc_runtime::Network::load(&place.bytes("d")).unwrap();
            assert_eq!(network.spec().input.quantiser.digits, digits, "{code:?}");
            if code[1] == "radix" {
                assert_eq!(network.spec().timesteps, digits.max(8) as usize, "the longest window");
                let input = &network.schedule().windows[0];
                assert_eq!((input.first, input.last), (1, digits as usize));
            }
            logits_agree(place.folder.path(), "d.snn", fixture("digits/digits_test.npz").to_str().unwrap());
        }
    }
}

#[test]
fn a_file_of_version_1_is_refused_with_advice() {
    let place = Compiled::new();
    // The length of the header comes first, and stays what it was.
    let text = b"\\\"format_version\\\":2";
    let mut bytes = place.bytes("m");
    let at = bytes.windows(text.len()).position(|window| window == text).expect("the header says the version");
    bytes[at + text.len() - 1] = b'1';
    fs::write(place.path("old.snn"), bytes).unwrap();
    for command in [&["inspect", "old.snn"][..], &["run", "old.snn", "x.npy"], &["eval", "old.snn", "--data", "x.npz"]] {
        snnc_in(place.folder.path(), command).error("compile the network again");
    }
}

#[test]
fn a_failed_compilation_leaves_everything_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (out, report) = (folder.path().join("m.snn"), folder.path().join("m.report.json"));
    fs::write(&out, "old").unwrap();
    fs::write(&report, "old report").unwrap();
    let model = fixture("onnx/reject/lstm.onnx");
    assert_eq!(snnc_in(folder.path(), [model.as_os_str(), "-o".as_ref(), "m.snn".as_ref()]).code, 2);
    // The artifact could be written, the report could not.
    let model = digits();
    let args = [model.to_str().unwrap(), "-o", "m.snn", "--report", "none/r.json", "--samples", "1"];
    snnc_in(folder.path(), args).error("folder `none`");
    assert_eq!((fs::read_to_string(&out).unwrap(), fs::read_to_string(&report).unwrap()), ("old".into(), "old report".into()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn outputs_must_have_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("m.onnx");
    fs::copy(digits(), &model).unwrap();
    snnc_in(folder.path(), ["m.onnx", "-o", "none/m.snn"]).error("none/m.snn: cannot be written: folder `none`: No such file");
    snnc_in(folder.path(), ["m.onnx", "-o", "."]).error("it is a folder");
    snnc_in(folder.path(), ["m.onnx", "-o", "./m.onnx"]).error("-o would overwrite the model");
    snnc_in(folder.path(), ["m.onnx", "-o", "m.snn", "--report", "m.snn"]).error("the report would overwrite -o");
    assert_eq!(fs::read(&model).unwrap(), fs::read(digits()).unwrap());
}

#[test]
fn depfile_names_what_was_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(digits(), folder.path().join("my model#1.onnx")).unwrap();
    fs::copy(fixture("digits/digits_calibration.npz"), folder.path().join("$images.npz")).unwrap();
    let args = ["my model#1.onnx", "-o", "a b.snn", "--samples", "8", "--calibration", "$images.npz", "--depfile", "m.d", "-q"];
    snnc_in(folder.path(), args).ok();
    assert_eq!(fs::read_to_string(folder.path().join("m.d")).unwrap(), "a\\ b.snn: my\\ model\\#1.onnx $$images.npz\n");
}

#[test]
fn graphs_are_emitted() {
    let compiled = Compiled::new();
    let ran = compiled.compile("n", &["--emit", "ir=n.ir", "--emit", "dot", "-q"]).ok();
    assert!(ran.stdout.starts_with("digraph "), "{}", ran.stdout);
    assert!(fs::read_to_string(compiled.path("n.ir")).unwrap().starts_with("graph @"));
    assert_eq!(compiled.read("n.snn"), compiled.read("m.snn"));
    let model = digits();
    let args = [model.to_str().unwrap(), "--emit", "ir", "--samples", "8", "--timesteps", "8", "--train", "none"];
    assert_eq!(snnc_in(compiled.folder.path(), args).ok().stdout, fs::read_to_string(compiled.path("n.ir")).unwrap());
}

#[test]
fn dumps_and_timings_go_to_standard_error() {
    let compiled = Compiled::new();
    let ran = compiled.compile("n", &["--dump-after", "fold-batch-norm", "--timings"]).ok();
    assert!(ran.stdout.is_empty());
    assert_eq!(ran.stderr.matches("; after fold-batch-norm").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("graph @") && ran.stderr.contains("stage or pass") && ran.stderr.contains("total"), "{}", ran.stderr);
    let all = compiled.compile("n", &["--dump-after", "all", "-q"]).ok().stderr;
    assert!(all.matches("; after ").count() > 5, "{all}");
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_failure() {
    for args in ["--help", "explain E0102", "opt --help"] {
        let mut child = command(root()).args(args.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args}");
    }
}

// ---- the other commands ----

#[test]
fn eval_prints_one_object() {
    let compiled = Compiled::with(&["--code", "rate"]);
    let (data, model) = (fixture("digits/digits_test.npz"), digits());
    let (data, model) = (data.to_str().unwrap(), model.to_str().unwrap());
    let args = ["eval", "m.snn", "--data", data, "--ann", model, "--timesteps", "8,2", "--limit", "50", "--json"];
    let ran = snnc_in(compiled.folder.path(), args).ok();
    assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
    let result: Value = serde_json::from_str(&ran.stdout).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(&result), set(&["n", "code", "ann_top1", "ann_energy", "clipped_percent", "snn"]));
    assert_eq!((&result["n"], &result["code"], &result["clipped_percent"]), (&50.into(), &"rate".into(), &0.0.into()));
    assert!(result["ann_top1"].as_f64().unwrap() > 90.0, "{result}");
    let snn = result["snn"].as_array().unwrap();
    for key in ["timesteps", "latency", "interval"] {
        assert_eq!(snn.iter().map(|at| at[key].as_u64().unwrap()).collect::<Vec<_>>(), [2, 8], "{key}");
    }
    let known = [
        "timesteps",
        "latency",
        "interval",
        "delay_bits",
        "top1",
        "agreement",
        "spikes_per_neuron",
        "corrections_per_neuron",
        "synaptic_ops",
        "energy_pj",
        "energy_pj_without_input_layer",
    ];
    for at in snn {
        assert_eq!(keys(at), set(&known));
        assert!(["spikes_per_neuron", "synaptic_ops", "energy_pj"].iter().all(|key| at[key].as_f64().unwrap() > 0.0), "{at}");
    }
    assert!(snn[1]["top1"].as_f64().unwrap() > 70.0 && snn[1]["agreement"].as_f64().unwrap() > 70.0, "{result}");

    let args = ["eval", "m.snn", "--data", data, "--limit", "50", "--json", "--threads", "1"];
    let alone: Value = serde_json::from_str(&snnc_in(compiled.folder.path(), args).ok().stdout).unwrap();
    assert_eq!((&alone["ann_top1"], &alone["snn"][0]["agreement"]), (&Value::Null, &Value::Null));
    assert_eq!(alone["snn"].as_array().unwrap().len(), 2, "4 and the artifact's own 8");
    assert_eq!(alone["snn"][1]["top1"], snn[1]["top1"]);

    // Threads take images in other groups, of which sums are made.
    let by = |threads: &str| {
        let args = ["eval", "m.snn", "--data", data, "--limit", "150", "--json", "--threads", threads];
        snnc_in(compiled.folder.path(), args).ok().stdout
    };
    assert_eq!(by("1"), by("3"));

    let table = snnc_in(compiled.folder.path(), &args[..6]).ok().stdout;
    assert!(table.starts_with("50 images of") && table.contains("top-1") && !table.contains("agreement"), "{table}");
    assert!(table.contains("rate code") && table.contains("latency") && table.contains("of -1"), "{table}");
}

#[test]
fn images_stop_early_at_a_risk_that_is_measured() {
    let compiled = Compiled::with(&["--code", "rate"]);
    compiled.compile("radix", &["--code", "radix"]).ok();
    let (folder, data) = (compiled.folder.path(), fixture("digits/digits_test.npz"));
    let data = data.to_str().unwrap();
    let args = ["eval", "m.snn", "--data", data, "--limit", "100", "--timesteps", "8", "--early-exit", "1,0.6,0.2", "--json"];
    let result: Value = serde_json::from_str(&snnc_in(folder, args).ok().stdout).unwrap();
    let of = |key: &str| -> Vec<f64> { result["early_exit"].as_array().unwrap().iter().map(|at| at[key].as_f64().unwrap()).collect() };
    // Who wants to be sure waits to the end, and risks nothing.
    let steps = of("timesteps");
    assert!(steps[0] == 8.0 && steps[0] > steps[1] && steps[1] > steps[2] && steps[2] >= 1.0, "{steps:?}");
    assert_eq!((of("other_class")[0], of("top1")[0]), (0.0, result["snn"][0]["top1"].as_f64().unwrap()));
    assert!(of("other_class")[2] > 0.0, "{result}");

    let x =
        ndarray_npy::NpzReader::new(fs::File::open(data).unwrap()).unwrap().by_name::<ndarray::OwnedRepr<u8>, ndarray::IxDyn>("x").unwrap();
    ndarray_npy::write_npy(folder.join("x.npy"), &x.slice_axis(ndarray::Axis(0), (..10).into())).unwrap();
    let table = snnc_in(folder, ["run", "m.snn", "x.npy", "--timesteps", "8", "--early-exit", "0.6"]).ok().stdout;
    let taken = table.lines().skip(1).map(|line| line.split_whitespace().last().unwrap().parse::<usize>().unwrap());
    assert!(table.contains("time steps") && taken.clone().count() == 10 && taken.clone().all(|t| (1..=8).contains(&t)), "{table}");
    assert!(taken.min() < Some(8), "{table}");
    for args in [&["eval", "radix.snn", "--data", data, "--early-exit", "0.6"][..], &["run", "radix.snn", "x.npy", "--early-exit", "0.6"]] {
        snnc_in(folder, args.iter().copied()).error("`radix.snn` is of the radix code, which has no class before its last digit");
    }
    for wrong in ["0", "1.5", "often"] {
        let refused = snnc_in(folder, ["run", "m.snn", "x.npy", "--early-exit", wrong]);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
    }
}

#[test]
fn eval_of_the_radix_code_is_one_row_with_its_latency() {
    let compiled = Compiled::new();
    let (data, model, folder) = (fixture("digits/digits_test.npz"), digits(), compiled.folder.path());
    let args = ["eval", "m.snn", "--data", data.to_str().unwrap(), "--ann", model.to_str().unwrap()];
    let eval = |more: &[&str]| snnc_in(folder, args.iter().chain(more));
    let result: Value = serde_json::from_str(&eval(&["--json"]).ok().stdout).unwrap();
    let schedule = snnc_runtime::Network::load(&compiled.bytes("m")).unwrap().schedule();
    let [at] = &result["snn"].as_array().unwrap()[..] else { panic!("{result}") };
    assert_eq!((&result["code"], at["latency"].as_u64()), (&"radix".into(), Some(schedule.latency as u64)));
    assert_eq!((at["interval"].as_u64(), at["delay_bits"].as_u64()), (Some(schedule.interval as u64), Some(schedule.delay_bits)));
    assert!(at["agreement"].as_f64().unwrap() > 95.0 && at["corrections_per_neuron"] == 0.0, "{at}");
    let table = eval(&[]).ok().stdout;
    assert!(table.contains("radix code") && table.contains(&format!("{}", schedule.latency)) && !table.contains("of -1"), "{table}");
    assert!(table.contains("int8 network") && table.contains("float network"), "{table}");
    // Its own number may be said; no other.
    eval(&["--timesteps", "8", "--json"]).ok();
    eval(&["--timesteps", "4,8"])
        .error("--timesteps 4: `m.snn` says numbers by their digits, which takes 8 time steps and no other number");
    snnc_in(folder, ["run", "m.snn", args[3], "--timesteps", "16"]).error("--timesteps 16: `m.snn` says numbers by their digits");
    snnc_in(folder, ["audit", "m.snn", "--ann", args[5], "--timesteps", "4"]).error("--timesteps 4: `m.snn` says numbers by their digits");
}

#[test]
fn values_out_of_range_are_told() {
    let compiled = Compiled::new();
    let folder = compiled.folder.path();
    let write = |name: &str, factor: f32| {
        let values = ndarray::Array4::from_shape_fn((4, 1, 8, 8), |(_, _, i, j)| factor * (8 * i + j) as f32 / 63.0);
        let mut npz = ndarray_npy::NpzWriter::new(fs::File::create(folder.join(name)).unwrap());
        npz.add_array("x", &values).unwrap();
        npz.add_array("y", &ndarray::Array1::<i64>::zeros(4)).unwrap();
        npz.finish().unwrap();
    };
    write("within.npz", 1.0);
    write("beyond.npz", 2.0);
    let eval = |name: &str| snnc_in(folder, ["eval", "m.snn", "--data", name, "--json"]).ok();
    let clipped = |ran: &Ran| serde_json::from_str::<Value>(&ran.stdout).unwrap()["clipped_percent"].as_f64().unwrap();
    let (within, beyond) = (eval("within.npz"), eval("beyond.npz"));
    assert!(clipped(&within) == 0.0 && !within.stderr.contains("W0207"), "{}", within.stderr);
    assert_eq!(clipped(&beyond), 50.0);
    assert!(beyond.stderr.contains("W0207") && beyond.stderr.contains("50.00 % of them"), "{}", beyond.stderr);
    assert!(snnc_in(folder, ["run", "m.snn", "beyond.npz"]).ok().stderr.contains("W0207"));
}

#[test]
fn eval_refuses_what_does_not_fit() {
    let compiled = Compiled::new();
    let folder = compiled.folder.path();
    let eval = |data: &Path, more: &[&str]| {
        let mut args = vec!["eval", "m.snn", "--data", data.to_str().unwrap()];
        args.extend(more);
        snnc_in(folder, args)
    };
    eval(&fixture("onnx/conv_classifier.npz"), &[]).error("array `y` is float32; labels are integers");
    eval(&digits(), &[]).error("neither an .npz nor an .npy file");
    let other = fixture("onnx/conv_classifier.onnx");
    eval(&fixture("digits/digits_test.npz"), &["--ann", other.to_str().unwrap()]).error("cannot be compared");
    snnc_in(folder, ["eval", "m.report.json", "--data", "x.npz"]).error("m.report.json: ");
}

#[test]
fn both_simulators_agree() {
    let data = fixture("digits/digits_test.npz");
    let data = data.to_str().unwrap();
    for (options, more) in [
        (&["--code", "radix"][..], &[][..]),
        (&["--code", "rate"], &["--timesteps", "5"]),
        (&["--code", "rate", "--spikes", "binary", "--reset", "hard"], &[]),
        (&["--code", "rate", "--coding", "poisson"], &["--timesteps", "7"]),
    ] {
        let compiled = Compiled::with(options);
        let folder = compiled.folder.path();
        snnc_in(folder, ["run", "m.snn", data, "-o", "a.npy"].iter().chain(more)).ok();
        snnc_in(folder, ["run", "m.snn", data, "-o", "b.npy", "--simulator", "engine"].iter().chain(more)).ok();
        let read = |name: &str| ndarray_npy::read_npy::<_, ndarray::Array2<f32>>(compiled.path(name)).unwrap();
        let (a, b) = (read("a.npy"), read("b.npy"));
        assert_eq!(a.dim(), (500, 10));
        same_logits(&a, &b, &format!("{options:?}"));
    }
    let compiled = Compiled::new();
    let table = snnc_in(compiled.folder.path(), ["run", "m.snn", data]).ok().stdout;
    assert_eq!(table.lines().count(), 501);
    compiled.compile("leaky", &["--code", "rate", "--leak", "0.9"]).ok();
    let ran = snnc_in(compiled.folder.path(), ["run", "leaky.snn", data, "--simulator", "engine"]).ok();
    assert!(ran.stderr.contains("leaky neurons round down"), "{}", ran.stderr);
    snnc_in(compiled.folder.path(), ["run", "m.snn", data, "-o", "m.snn"]).error("-o would overwrite the network");
}

/// Whole numbers are the same in both simulators; the division by T and the scale round once or twice.
fn same_logits(a: &ndarray::Array2<f32>, b: &ndarray::Array2<f32>, what: &str) {
    let largest = a.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    let furthest = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(furthest <= 4.0 * f32::EPSILON * largest, "{what}: {furthest} of {largest}");
}

/// Logits of images of a file, by the runtime; the other simulator must agree.
fn logits(folder: &Path, input: &str) -> ndarray::Array2<f32> {
    logits_agree(folder, "m.snn", input)
}

fn logits_agree(folder: &Path, artifact: &str, input: &str) -> ndarray::Array2<f32> {
    let run = |out: &str, simulator: &str| {
        snnc_in(folder, ["run", artifact, input, "-o", out, "--simulator", simulator]).ok();
        ndarray_npy::read_npy::<_, ndarray::Array2<f32>>(folder.join(out)).unwrap()
    };
    let (runtime, engine) = (run("runtime.npy", "runtime"), run("engine.npy", "engine"));
    same_logits(&runtime, &engine, input);
    runtime
}

/// Eight images of arbitrary pixels with labels, `NAME.npz`; the pixels.
fn write_pixels(folder: &Path, name: &str, shape: &[usize]) -> ndarray::ArrayD<u8> {
    let shape: Vec<usize> = [8].iter().chain(shape).copied().collect();
    let len: usize = shape.iter().product();
    let pixels = ndarray::ArrayD::from_shape_vec(shape, (0..len).map(|i| (i * 37 % 251) as u8).collect()).unwrap();
    let mut npz = ndarray_npy::NpzWriter::new(fs::File::create(folder.join(name)).unwrap());
    npz.add_array("x", &pixels).unwrap();
    npz.add_array("y", &ndarray::Array1::<i64>::zeros(8)).unwrap();
    npz.finish().unwrap();
    pixels
}

/// The images of an ONNX fixture with the classes that `class` sees in ONNX Runtime's output of each, `NAME.npz`.
fn write_classes(folder: &Path, name: &str, class: impl Fn(&[f32]) -> i64) -> String {
    let mut npz = ndarray_npy::NpzReader::new(fs::File::open(fixture("onnx").join(format!("{name}.npz"))).unwrap()).unwrap();
    let [x, y]: [ndarray::ArrayD<f32>; 2] = ["x", "y"].map(|array| npz.by_name(array).unwrap());
    let images = x.shape()[0];
    let y: Vec<f32> = y.iter().copied().collect();
    let classes: ndarray::Array1<i64> = y.chunks(y.len() / images).map(class).collect();
    let mut npz = ndarray_npy::NpzWriter::new(fs::File::create(folder.join(format!("{name}.npz"))).unwrap());
    npz.add_array("x", &x).unwrap();
    npz.add_array("y", &classes).unwrap();
    npz.finish().unwrap();
    format!("{name}.npz")
}

/// Compiles an ONNX fixture to `m.snn`, quickly, and says what `eval` measures of it beside the float network.
fn compiled_and_judged(folder: &Path, name: &str, more: &[&str], class: impl Fn(&[f32]) -> i64) -> Value {
    let data = write_classes(folder, name, class);
    let model = fixture("onnx").join(format!("{name}.onnx"));
    let model = model.to_str().unwrap();
    let quick = ["--samples", "8", "--train", "none", "--audit", "none"];
    snnc_in(folder, [model, "-o", "m.snn"].iter().chain(&quick).chain(more)).ok();
    let ran = snnc_in(folder, ["eval", "m.snn", "--data", &data, "--ann", model, "--json"]).ok();
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn one_score_is_two_classes() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("score_end", 0.0, "none"),
        ("score_conv_sigmoid", 0.5, "softmax"),
        ("score_matmul_sigmoid_squeeze", 0.5, "softmax"),
        ("softmax_column_slice", 0.5, "softmax"),
        ("softmax_column_gather", 0.5, "softmax"),
        ("logits_column", 0.0, "none"),
        ("sigmoid_to_signs", 0.0, "softmax"),
        ("score_relu", 0.0, "relu"),
    ];
    for (name, border, head) in cases {
        let measured = compiled_and_judged(folder.path(), name, &[], |output| i64::from(output[0] > border));
        assert_eq!(measured["ann_top1"], 100.0, "{name}: {measured}");
        let inspected = snnc_in(folder.path(), ["inspect", "m.snn"]).ok().stdout;
        assert!(inspected.contains(&format!("2 classes, head {head}")), "{name}: {inspected}");
        let logits = logits(folder.path(), &format!("{name}.npz"));
        assert!(logits.outer_iter().all(|scores| scores.len() == 2 && scores[0] == 0.0), "{name}: {logits}");
    }
    let model = fixture("onnx/score_conv_sigmoid.onnx");
    let inspected = snnc_in(folder.path(), ["inspect", model.to_str().unwrap()]).ok().stdout;
    assert!(inspected.contains("2 by one score"), "{inspected}");
    // Untrained, class 0 has the score 0; trained, its score is one as any other.
    for (name, more) in [("softmax_column_slice", &TRAIN[..]), ("score_end", &["--timesteps", "auto"])] {
        let model = fixture("onnx").join(format!("{name}.onnx"));
        let args = [model.to_str().unwrap(), "-o", "m.snn", "--samples", "24", "--audit", "quick"];
        snnc_in(folder.path(), args.iter().chain(more)).ok();
        let report: Value = serde_json::from_slice(&fs::read(folder.path().join("m.report.json")).unwrap()).unwrap();
        assert_valid(&report);
        assert_eq!(report["samples"]["diversity"]["classes_shown"], 2, "{name}: agreement on one class alone says nothing");
    }
}

#[test]
fn both_classes_by_one_sigmoid_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["sigmoid_both", "sigmoid_both_turned"] {
        let measured = compiled_and_judged(folder.path(), name, &[], |p| i64::from(p[1] > p[0]));
        assert_eq!((&measured["ann_top1"], &measured["snn"][0]["top1"]), (&100.0.into(), &100.0.into()), "{name}: {measured}");
    }
}

#[test]
fn an_artifact_of_a_tensor_inside_is_compared_with_that_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let largest = |scores: &[f32]| (0..scores.len()).fold(0, |best, k| if scores[k] > scores[best] { k } else { best }) as i64;
    for (name, output) in [("label_end", "logits"), ("sigmoid_end", "raw"), ("softmax_log", "raw")] {
        let measured = compiled_and_judged(folder.path(), name, &["--output", output], largest);
        assert_eq!(measured["ann_top1"], 100.0, "{name}: {measured}");
        let model = fixture("onnx").join(format!("{name}.onnx"));
        let model = model.to_str().unwrap();
        assert!(snnc_in(folder.path(), ["inspect", "m.snn"]).ok().stdout.contains(&format!("`{output}`")), "{name}");
        snnc_in(folder.path(), ["audit", "m.snn", "--ann", model, "--json", "a.json"]).ok();
    }
    // The messages about labels name what can be converted.
    for (name, output) in [("label_argmax", "probabilities"), ("label_sklearn", "probabilities"), ("label_bound_first", "probabilities")] {
        let model = fixture("onnx/reject").join(format!("{name}.onnx"));
        let args = [model.to_str().unwrap(), "-o", "m.snn", "--samples", "8", "--train", "none", "--audit", "none"];
        snnc_in(folder.path(), args).error(&format!("`--output {output}`"));
        snnc_in(folder.path(), args.iter().chain(&["--output", output])).ok();
    }
}

#[test]
fn signals_go_through() {
    for (model, channels, length) in [("conv1d_network", 2, 32), ("conv1d_average_pool", 1, 30)] {
        for (code, coding) in [("radix", "direct"), ("rate", "direct"), ("rate", "poisson")] {
            let folder = tempfile::tempdir().unwrap();
            let (folder, onnx) = (folder.path(), fixture(&format!("onnx/{model}.onnx")));
            let onnx = onnx.to_str().unwrap();
            let pixels = write_pixels(folder, "pixels.npz", &[1, length, channels]);
            let calibration = ["--calibration", "pixels.npz"];
            let args = [onnx, "-o", "m.snn", "--samples", "4", "--timesteps", "8", "--code", code, "--coding", coding];
            snnc_in(folder, args.into_iter().chain(calibration).chain(["-q"])).ok();
            snnc_in(folder, args.into_iter().chain(["-q"])).ok();
            let text = snnc_in(folder, ["inspect", "m.snn"]).ok().stdout;
            assert!(text.contains("layout nchw"), "{text}");
            let ran = snnc_in(folder, ["eval", "m.snn", "--data", "pixels.npz", "--ann", onnx, "--json"]).ok();
            let result: Value = serde_json::from_str(&ran.stdout).unwrap();
            assert_eq!(result["n"], 8);

            // The same signals as floats, channels first.
            let floats = pixels.mapv(|p| f32::from(p) / 255.0).into_shape_with_order((8, length, channels)).unwrap();
            let floats = floats.permuted_axes([0, 2, 1]).as_standard_layout().into_owned();
            ndarray_npy::write_npy(folder.join("floats.npy"), &floats).unwrap();
            assert_eq!(logits(folder, "pixels.npz"), logits(folder, "floats.npy"), "{model}, {code}, {coding}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let onnx = fixture("onnx/conv1d_network.onnx");
    snnc_in(folder.path(), [onnx.to_str().unwrap(), "-o", "m.snn", "--layout", "flat"])
        .error("the model's input [1x2x32] does not fit the layout `flat`; there is `--layout nchw` and `--layout nhwc`");
}

#[test]
fn flat_models_know_colours() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, onnx) = (folder.path(), fixture("onnx/flat_to_image.onnx"));
    let pixels = write_pixels(folder, "pixels.npz", &[8, 8, 3]);
    let (mean, std) = ([0.5f32, 0.25, 0.125], [0.5f32, 0.25, 2.0]);
    let floats = ndarray::Array2::from_shape_vec((8, 192), pixels.iter().copied().collect()).unwrap();
    let mut floats = floats.mapv(|p| f32::from(p) / 255.0);
    floats.indexed_iter_mut().for_each(|((_, feature), v)| *v = (*v - mean[feature % 3]) / std[feature % 3]);
    ndarray_npy::write_npy(folder.join("floats.npy"), &floats).unwrap();

    let args = [onnx.to_str().unwrap(), "-o", "m.snn", "--samples", "4", "--timesteps", "8", "-q"];
    let colours = ["--mean", "0.5,0.25,0.125", "--std", "0.5,0.25,2", "--layout", "flat"];
    let [direct, poisson] = [&["--code", "rate"][..], &["--code", "rate", "--coding", "poisson"]];
    for more in [&[][..], direct, poisson, &["--calibration", "pixels.npz"]] {
        snnc_in(folder, args.iter().chain(&colours).chain(more)).ok();
        assert_eq!(logits(folder, "pixels.npz"), logits(folder, "floats.npy"), "{more:?}");
        snnc_in(folder, ["eval", "m.snn", "--data", "pixels.npz", "--ann", onnx.to_str().unwrap(), "--json"]).ok();
    }
    snnc_in(folder, args.iter().chain(&["--mean", "0.5,0.25"])).error("`--mean` has 2 values");
}

#[test]
fn flat_vectors_may_have_other_axes() {
    for (model, by_shape) in [("flat_column", "flat"), ("flat_pixel", "flat"), ("flat_row", "nchw")] {
        let folder = tempfile::tempdir().unwrap();
        let (folder, onnx) = (folder.path(), fixture(&format!("onnx/{model}.onnx")));
        let onnx = onnx.to_str().unwrap();
        let pixels = write_pixels(folder, "pixels.npz", &[8, 8]);
        let floats = pixels.mapv(|p| f32::from(p) / 255.0).into_shape_with_order((8, 64)).unwrap();
        ndarray_npy::write_npy(folder.join("floats.npy"), &floats).unwrap();
        for (more, layout) in [
            (&["--calibration", "pixels.npz"][..], "flat"),
            (&["--layout", "flat", "--code", "rate", "--coding", "poisson"], "flat"),
            (&["--code", "rate"], by_shape),
            (&[], by_shape),
        ] {
            let args = [onnx, "-o", "m.snn", "--samples", "4", "--timesteps", "8", "--train", "none", "--audit", "none", "-q"];
            snnc_in(folder, args.iter().chain(more)).ok();
            let text = snnc_in(folder, ["inspect", "m.snn"]).ok().stdout;
            assert!(text.contains(&format!("layout {layout}")), "{model} {more:?}: {text}");
            assert_eq!(logits(folder, "pixels.npz"), logits(folder, "floats.npy"), "{model} {more:?}");
        }
        let ran = snnc_in(folder, ["eval", "m.snn", "--data", "pixels.npz", "--ann", onnx, "--json"]).ok();
        assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap()["n"], 8);
        let args = ["audit", "m.snn", "--ann", onnx, "--reference", "pixels.npz", "--budget", "1", "--json", "audit.json", "-q"];
        snnc_in(folder, args).ok();
    }
}

#[test]
fn integers_take_pixels_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, onnx) = (folder.path(), fixture("onnx/pixels_uint8.onnx"));
    let pixels = write_pixels(folder, "pixels.npz", &[8, 8, 3]);
    let floats = pixels.mapv(f32::from).into_shape_with_order((8, 8, 8, 3)).unwrap().permuted_axes([0, 3, 1, 2]);
    ndarray_npy::write_npy(folder.join("floats.npy"), &floats.as_standard_layout()).unwrap();
    let args = [onnx.to_str().unwrap(), "-o", "m.snn", "--samples", "4", "--timesteps", "8", "--train", "none", "--audit", "none"];
    for more in [&[][..], &["--scale", "1"], &["--calibration", "pixels.npz"]] {
        let said = snnc_in(folder, args.iter().chain(more)).ok().stderr;
        assert!(!said.contains("W0206"), "{said}");
        let artifact = snnc_runtime::Artifact::from_bytes(&fs::read(folder.join("m.snn")).unwrap()).unwrap();
        assert_eq!(artifact.graph.input.preprocess, snnc_runtime::Preprocess::scale(1.0));
        assert_eq!(logits(folder, "pixels.npz"), logits(folder, "floats.npy"), "{more:?}");
    }
    snnc_in(folder, args.iter().chain(&["--std", "0.5"])).error("--std: the model's input `image` takes integers");
    let judge = ["audit", "m.snn", "--ann", args[0], "--judge", args[0], "--judge-scale", "255"];
    snnc_in(folder, judge).error("--judge-scale: the model's input `image` takes integers");
}

/// What `bench` measures of a network, as briefly as it can.
fn benched(folder: &Path, more: &[&str]) -> Value {
    let ran = snnc_in(folder, ["bench", "m.snn", "--seconds", "0.05", "--json"].iter().chain(more)).ok();
    assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
    let result: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_follows("bench.schema.json", &result);
    result
}

#[test]
fn bench_says_where_the_time_goes() {
    let data = fixture("digits/digits_test.npz");
    for options in CODES {
        let compiled = Compiled::with(options);
        let folder = compiled.folder.path();
        let result = benched(folder, &["--batch", "8,1"]);
        let network = snnc_runtime::Network::load(&compiled.bytes("m")).unwrap();
        assert_eq!((&result["code"], &result["images"]), (&options[1].into(), &Value::Null));
        assert_eq!((result["timesteps"].as_u64(), result["threads"].as_u64()), (Some(8), Some(1)));
        assert_eq!(result["isa"], network.isa().name());
        assert_eq!(result["parameter_bytes"], network.memory().0);

        // The median is no less than the least, and nobody is faster by the clock than by the time that the processor worked.
        let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{value} in {result}"));
        assert!(number(&result["latency"]["median_us"]) >= number(&result["latency"]["best_us"]));
        let batches = result["batches"].as_array().unwrap();
        assert_eq!(batches.iter().map(|at| at["batch"].as_u64().unwrap()).collect::<Vec<_>>(), [8, 1]);
        for (at, size) in batches.iter().zip([8, 1]) {
            assert_eq!(at["arena_bytes"], network.clone().with_batch(size).memory().1);
            if at["images_per_cpu_s"].is_number() {
                assert!(number(&at["images_per_cpu_s"]) >= 0.9 * number(&at["images_per_s"]), "{at}");
            }
            assert!(at["ann"].is_null() && at["ann8"].is_null());
        }
        if result["peak_rss_bytes"].is_number() {
            assert!(number(&result["peak_rss_bytes"]) > number(&result["parameter_bytes"]) + number(&batches[0]["arena_bytes"]));
        }

        // The least that each step takes is no more than the least of all together, and most of it.
        let profile = &result["profile"];
        let steps = profile["steps"].as_array().unwrap();
        let sum = number(&profile["input_us"]) + steps.iter().map(|step| number(&step["us"])).sum::<f64>();
        let total = number(&profile["total_us"]);
        assert!(sum <= total && sum > total / 3.0, "{sum} of {total} µs");
        assert_eq!(steps.len(), network.steps().len());
        for (step, planned) in steps.iter().zip(network.steps()) {
            let times = if step["domain"] == "time" { 8 } else { 1 };
            assert_eq!(step["products"], planned.products * times);
            assert_eq!(planned.products > 0, step["share_of_peak"].is_number(), "{step}");
            if planned.products > 0 {
                let (share, speed) = (number(&step["share_of_peak"]), number(&step["gmacs_per_s"]));
                // What goes by events does not make all products.
                assert!(share > 0.0 && (share <= 1.5 || planned.most_events > 0.0), "{step}");
                let peak = result["peaks"].as_array().unwrap().iter().find(|peak| peak["bits"] == step["product_bits"]).unwrap();
                assert!((share * number(&peak["gmacs_per_s"]) - speed).abs() < 1e-6 * speed, "{step}");
                assert!((speed * number(&step["us"]) * 1e3 - number(&step["products"])).abs() < 1e-6 * number(&step["products"]), "{step}");
            }
        }
        assert!(steps.iter().any(|step| step["kernel"] == "product"));

        let text = snnc_in(folder, ["bench", "m.snn", "--seconds", "0.05", "--images", data.to_str().unwrap()]).ok().stdout;
        for part in [options[1], "one image by itself", "images/CPU s", "µs/image", "of peak", "fastest run", "digits_test.npz"] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
        assert!(!text.contains("ONNX Runtime"), "{text}");
    }
}

#[test]
fn bench_measures_beside_onnx_runtime() {
    let compiled = Compiled::new();
    let (folder, model) = (compiled.folder.path(), digits());
    let args = ["--batch", "4", "--threads", "2", "--ann", model.to_str().unwrap()];
    let bench = |folder: &Path, library: &str| {
        let args = ["bench", "m.snn", "--seconds", "0.05"].iter().chain(&args);
        Ran::of(command(folder).args(args).env("ORT_DYLIB_PATH", library).output().unwrap())
    };
    if !cfg!(feature = "onnxruntime") {
        bench(folder, "").error("this build of snnc does not know ONNX Runtime");
        return;
    }
    bench(folder, "none.so").error("ONNX Runtime: ");
    let without = command(folder).args(["bench", "m.snn"]).args(args).env_remove("ORT_DYLIB_PATH").output().unwrap();
    Ran::of(without).error("ORT_DYLIB_PATH names no ONNX Runtime");
    if std::env::var_os("ORT_DYLIB_PATH").is_none() {
        return;
    }
    let result = benched(folder, &[&args[..], &["--ann8", model.to_str().unwrap()]].concat());
    let at = &result["batches"][0];
    assert_eq!(result["threads"], 2);
    for name in ["ann", "ann8"] {
        let beside = &at[name];
        let key = if at["images_per_cpu_s"].is_number() { "images_per_cpu_s" } else { "images_per_s" };
        let ratio = at[key].as_f64().unwrap() / beside[key].as_f64().unwrap();
        assert!((beside["ratio"].as_f64().unwrap() - ratio).abs() < 1e-9 * ratio, "{result}");
    }
    // A network that reads other images.
    let other = fixture("onnx/conv_classifier.onnx");
    snnc_in(folder, ["bench", "m.snn", "--seconds", "0.01", "--ann", other.to_str().unwrap()])
        .error("conv_classifier.onnx: ONNX Runtime: ");
}

#[test]
fn run_explains_how_it_goes_about_it() {
    let data = fixture("digits/digits_test.npz");
    let data = data.to_str().unwrap();
    for options in CODES {
        let compiled = Compiled::with(options);
        let folder = compiled.folder.path();
        let text = snnc_in(folder, ["run", "m.snn", "--explain"]).ok().stdout;
        let network = snnc_runtime::Network::load(&compiled.bytes("m")).unwrap();
        assert!(text.starts_with(&format!("m.snn: {} code, 8 ", options[1])), "{text}");
        assert!(text.contains(&format!("instructions: {}\n", network.isa().name())), "{text}");
        let rows: Vec<&str> = text.lines().skip(3).take_while(|line| !line.is_empty()).collect();
        assert_eq!(rows.len(), network.steps().len(), "{text}");
        for (row, step) in rows.iter().zip(network.steps()) {
            assert!(
                row.starts_with(&format!("{} ", step.nodes[0])) && row.contains(step.kernel) && row.contains(step.domain.name()),
                "{row}"
            );
            assert!(row.contains(&format!("{} bits", step.operand_bits)), "{row}");
            assert_eq!(row.contains('%'), step.most_events > 0.0, "{row}");
        }
        let is_radix = options[1] == "radix";
        for (part, is_there) in [
            ("radix_neuron", is_radix),
            ("\ncount: ", is_radix),
            ("if_neuron", !is_radix),
            ("\ntime: ", !is_radix),
            ("\nconstant: ", !is_radix),
        ] {
            assert_eq!(text.contains(part), is_there, "{part}:\n{text}");
        }
        assert_eq!(text.contains("\nevents: "), network.steps().iter().any(|step| step.most_events > 0.0));
        assert!(text.lines().last().unwrap().starts_with("memory: parameters "), "{text}");
        // With images they are run too.
        let both = snnc_in(folder, ["run", "m.snn", data, "--explain"]).ok().stdout;
        let plain = snnc_in(folder, ["run", "m.snn", data]).ok().stdout;
        assert_eq!(both, format!("{text}\n{plain}"));
    }
}

#[test]
fn inspect_tells_models_from_artifacts() {
    let compiled = Compiled::new();
    let text = snnc_in(compiled.folder.path(), ["inspect", "m.snn"]).ok().stdout;
    for part in
        ["spiking network, format version 2", "code        radix", "digits      8", "latency", "layout nchw", "radix_neuron", "total"]
    {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    compiled.compile("rate", &["--code", "rate"]).ok();
    let text = snnc_in(compiled.folder.path(), ["inspect", "rate.snn"]).ok().stdout;
    for part in ["code        rate", "time steps  8", "latency     8 time steps", "constant currents", "if_neuron"] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    let model = digits();
    let text = snnc_in(root(), ["inspect".as_ref(), model.as_os_str()]).ok().stdout;
    for part in ["ONNX, opset", "converts    yes", "conv2d", "parameters", "multiplies"] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    snnc("inspect fixtures/onnx/reject/lstm.onnx").error("could not convert");
}

#[test]
fn opt_runs_passes_on_text() {
    let folder = tempfile::tempdir().unwrap();
    let case = "\
;! passes = fold-batch-norm
graph @conv_bn imported {
  %0 = input : f32[1x1x4x4] \"x\"
  %1 = conv2d %0, @w, @b {pads=1} : f32[1x2x4x4] \"/conv\"
  %2 = batch_norm %1, @scale, @shift, @mean, @var : f32[1x2x4x4] \"/bn\"
  output %2 \"y\"
  @b : f32[2] = splat(0) source
  @mean : f32[2] = splat(0) source
  @scale : f32[2] = splat(2) source
  @shift : f32[2] = splat(1) source
  @var : f32[2] = splat(1) source
  @w : f32[2x1x3x3] = splat(1) source
}
;---
anything
";
    fs::write(folder.path().join("case.ir"), case).unwrap();
    let text = snnc_in(folder.path(), ["opt", "case.ir"]).ok().stdout;
    assert!(text.contains("/conv") && !text.contains("batch_norm"), "{text}");
    assert_eq!(snnc_in(folder.path(), ["opt", "case.ir", "--passes", "fold-batch-norm"]).ok().stdout, text);
    snnc_in(folder.path(), ["opt", "case.ir", "--passes", "spike-units"]).error("does not accept a graph that is imported");
    fs::write(folder.path().join("case.ir"), "graph @x imported {\n  %0 = what\n}\n").unwrap();
    snnc_in(folder.path(), ["opt", "case.ir", "--passes", "fold-batch-norm"]).error("case.ir: line 2");
}

#[test]
fn opt_makes_of_the_golden_cases_what_they_say() {
    let mut count = 0;
    for folder in fs::read_dir(root().join("tests/passes")).unwrap() {
        for case in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = case.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let (before, after) = text.split_once(";---\n").unwrap();
            let ran = snnc_in(root(), ["opt".as_ref(), path.as_os_str()]);
            let calibrates = ["set-thresholds", "correct-bias"].iter().any(|name| path.parent().unwrap().ends_with(name));
            if path.parent().unwrap().ends_with("train-weights") {
                ran.error("trains on a running network");
                continue;
            }
            let calibrates = calibrates && !before.contains("threshold = fixed");
            if calibrates || before.contains("means = corrected") {
                ran.error("calibrates on a running network");
            } else if after.starts_with(';') {
                ran.error("could not transform");
            } else {
                assert_eq!(ran.ok().stdout, after, "{}", path.display());
                count += 1;
            }
        }
    }
    assert!(count > 10);
}

// ---- whole messages ----

/// Runs every rejected model and compares all that is said about it.
#[test]
fn diagnostics() {
    let bless = std::env::var_os("SNNC_BLESS").is_some();
    let ui = root().join("tests/ui");
    fs::create_dir_all(&ui).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut expected: BTreeSet<PathBuf> = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut models: Vec<PathBuf> = fs::read_dir(fixture("onnx/reject")).unwrap().map(|e| e.unwrap().path()).collect();
    models.retain(|path| path.extension().is_some_and(|e| e == "onnx"));
    models.sort();
    assert!(!models.is_empty());
    for model in models {
        let relative = model.strip_prefix(root()).unwrap();
        let out = folder.path().join("m.snn");
        let ran = snnc_in(root(), [relative.as_os_str(), "-o".as_ref(), out.as_os_str()]);
        let actual = ran.stderr.replace(folder.path().to_str().unwrap(), "$TMP").replace(root().to_str().unwrap(), "$ROOT");
        let file = ui.join(relative.file_name().unwrap()).with_extension("stderr");
        if ran.code != 2 {
            wrong.push(format!("{} exits with {}:\n{actual}", relative.display(), ran.code));
        } else if bless {
            fs::write(&file, &actual).unwrap();
        } else if fs::read_to_string(&file).unwrap_or_default() != actual {
            wrong.push(format!("{} says:\n{actual}", relative.display()));
        }
        expected.insert(file);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a rejected model leaves no file");
    for entry in fs::read_dir(&ui).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !expected.contains(&path) {
            if bless {
                fs::remove_file(&path).unwrap();
            } else {
                wrong.push(format!("{} belongs to no model", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} messages differ (SNNC_BLESS=1 rewrites tests/ui):\n\n{}", wrong.len(), wrong.join("\n"));
}

/// The last lines of a compilation; numbers differ from processor to processor.
#[test]
fn a_compilation_ends_with_a_summary() {
    let folder = Compiled::new();
    let model = digits();
    let calibrated = folder.compile("calibrated", &[]).ok().stderr;
    let trained = folder.train("trained", &["--audit", "quick"]).ok().stderr;
    let rate = folder.train("rate", &["--code", "rate", "--spikes", "binary"]).ok().stderr;
    let said = format!("{calibrated}\n{trained}\n{rate}");
    let mut masked = String::new();
    for c in said.replace(model.to_str().unwrap(), "digits.onnx").chars() {
        if !c.is_ascii_digit() {
            masked.push(c);
        } else if !masked.ends_with('#') {
            masked.push('#');
        }
    }
    let file = root().join("tests/ui/summary/digits.stderr");
    if std::env::var_os("SNNC_BLESS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &masked).unwrap();
    }
    assert_eq!(masked, fs::read_to_string(&file).unwrap_or_default());
    assert!(said.lines().all(|line| line.chars().count() <= 120 || line.contains("digits.onnx")), "{said}");
}

/// What is said of models that take pixels as they are, and of options that deny it.
#[test]
fn messages_about_pixels() {
    let mut wrong = Vec::new();
    for (name, model, options, code) in [
        ("scaled_twice", "pixels_inside", "", 0),
        ("scaled_on_purpose", "pixels_inside", "--scale 255", 0),
        ("unscaled", "pixels_inside", "--scale 1", 0),
        ("scaled_integers", "pixels_uint8", "--scale 255", 2),
        ("integers_with_means", "pixels_uint8", "--mean 0.485,0.456,0.406", 2),
    ] {
        let command = format!("fixtures/onnx/{model}.onnx --emit ir=/dev/null --samples 4 --timesteps 4 --train none {options}");
        let ran = snnc(&command);
        let file = root().join("tests/ui/pixels").join(name).with_extension("stderr");
        if ran.code != code {
            wrong.push(format!("`{command}` exits with {}:\n{}", ran.code, ran.stderr));
        } else if std::env::var_os("SNNC_BLESS").is_some() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, &ran.stderr).unwrap();
        } else if fs::read_to_string(&file).ok() != Some(ran.stderr.clone()) {
            wrong.push(format!("`{command}` says:\n{}", ran.stderr));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A short training.
const TRAIN: [&str; 8] = ["--train", "temporal", "--train-samples", "24", "--epochs", "3", "--learning-rate", "0.0002"];

/// Values of the parameters of an artifact.
fn tensors(bytes: &[u8]) -> std::collections::BTreeMap<String, snnc_runtime::Tensor> {
    snnc_runtime::Artifact::from_bytes(bytes).unwrap().tensors
}

/// The code in which training has something to win on the digits.
const RATE: [&str; 2] = ["--code", "rate"];

/// A training that moves every channel, where there is something to win: with few time steps.
const TRAIN_WELL: [&str; 10] =
    ["--timesteps", "4", "--train", "temporal", "--train-samples", "256", "--epochs", "12", "--learning-rate", "0.02"];

#[test]
fn a_trained_network_holds_no_channel_of_its_source_and_is_the_same_for_any_number_of_threads() {
    let folder = Compiled::with(&["--code", "rate", "--timesteps", "4"]);
    let train = |name: &str, more: &[&str]| folder.compile(name, &[&TRAIN_WELL[..], &RATE, more].concat()).ok().stderr;
    let said = train("one", &["--threads", "1"]);
    train("two", &["--threads", "2"]);
    assert_eq!(folder.bytes("one"), folder.bytes("two"));
    assert_eq!(folder.report("one"), folder.report("two"));
    assert!(said.contains("; no channel"), "{said}");
    let (calibrated, trained) = (tensors(&folder.bytes("m")), tensors(&folder.bytes("one")));
    assert!(calibrated.keys().eq(trained.keys()));
    for (name, tensor) in trained.iter().filter(|(name, _)| name.ends_with(".weight")) {
        // Whole numbers of 8 bits meet by chance.
        let same = tensor.data.iter().zip(calibrated[name].data.iter()).filter(|(a, b)| a == b && *a != 0).count();
        assert!(5 * same < tensor.data.len(), "{same} values of `{name}` are still the source network's, of {}", tensor.data.len());
    }
    let training = &folder.report("one")["training"];
    assert_eq!(training["curve"].as_array().unwrap().len(), 13);
    assert_eq!(training["reconversion"]["twins"].as_array().unwrap().len(), 4);
    let layers = training["weight_drift"].as_array().unwrap();
    assert!(layers.iter().all(|d| d["relative_change"].as_f64().unwrap() > 0.0 && d["channels_left"] == 0));
}

#[test]
fn a_network_that_training_has_hardly_moved_keeps_channels() {
    let folder = Compiled::with(&RATE);
    let said = folder.train("little", &RATE).ok().stderr;
    assert!(said.contains(" channels are still the source network's"), "{said}");
    assert_ne!(tensors(&folder.bytes("little")), tensors(&folder.bytes("m")));
    assert!(folder.report("little")["training"]["weight_drift"][0]["channels_left"].as_u64().unwrap() > 0);
}

#[test]
fn what_is_frozen_stays_and_the_summary_says_so() {
    let folder = Compiled::new();
    let said = folder.train("frozen", &["--freeze", "weights,thresholds"]).ok().stderr;
    assert!(said.contains(" channels are still the source network's"), "{said}");
    let (calibrated, trained) = (tensors(&folder.bytes("m")), tensors(&folder.bytes("frozen")));
    for (name, tensor) in &trained {
        let stays = name.ends_with(".weight") || name.ends_with(".threshold");
        assert_eq!(*tensor == calibrated[name], stays, "`{name}`");
    }
}

#[test]
fn a_training_that_goes_wrong_leaves_the_calibrated_network() {
    let folder = Compiled::with(&RATE);
    let said = folder
        .compile(
            "wild",
            &[
                "--code",
                "rate",
                "--train",
                "temporal",
                "--train-samples",
                "24",
                "--epochs",
                "3",
                "--learning-rate",
                "1",
                "--clip",
                "1e30",
                "--surrogate",
                "triangle=1000",
            ],
        )
        .ok()
        .stderr;
    assert!(said.contains("W0204") || said.contains("W0205"), "{said}");
    assert_eq!(tensors(&folder.bytes("wild")), tensors(&folder.bytes("m")));
    assert_eq!(folder.report("wild")["training"]["best_epoch"], 0);
}

#[test]
fn a_training_that_would_take_too_long_is_left_out_with_a_word() {
    let folder = Compiled::new();
    let said = folder.compile("late", &["--budget", "0.01", "--code", "rate"]).ok().stderr;
    assert!(said.contains("W0203") && said.contains("--train temporal"), "{said}");
    assert_eq!(folder.report("late")["training"]["kind"], "none");
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_build_without_cards_says_how_to_get_one() {
    let folder = Compiled::new();
    folder.train("card", &["--device", "cuda"]).error("cargo build --features cuda");
    folder.train("auto", &["--device", "auto"]).ok();
}

/// Starts a training with a checkpoint and waits until the first epoch is on disk.
#[cfg(unix)]
fn started(folder: &Compiled, name: &str) -> std::process::Child {
    let model = digits();
    let args = ["-o", &format!("{name}.snn"), "--samples", "8", "--timesteps", "8", "--checkpoint", "state", "--threads", "1"];
    let child =
        command(folder.folder.path()).arg(&model).args(args).args(LONG).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let state = folder.folder.path().join("state/training.safetensors");
    let begun = std::time::Instant::now();
    while !state.exists() {
        assert!(begun.elapsed().as_secs() < 120, "no checkpoint was written");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child
}

/// A training that is not over before a test can interrupt it.
#[cfg(unix)]
const LONG: [&str; 6] = ["--train", "temporal", "--train-samples", "24", "--epochs", "40"];

#[cfg(unix)]
#[test]
fn a_training_that_was_killed_goes_on_to_the_same_bytes() {
    let folder = Compiled::new();
    folder.compile("whole", &LONG).ok();
    let mut child = started(&folder, "resumed");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.folder.path().join("resumed.snn").exists());
    folder.compile("other", &[&TRAIN[..], &["--checkpoint", "state", "--resume"]].concat()).error("other options");
    folder.compile("resumed", &[&LONG[..], &["--checkpoint", "state", "--resume"]].concat()).ok();
    assert_eq!(tensors(&folder.bytes("resumed")), tensors(&folder.bytes("whole")));
    assert_eq!(folder.report("resumed")["training"], folder.report("whole")["training"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_the_best_network() {
    let folder = Compiled::new();
    let child = started(&folder, "cut");
    let sent = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let ran = Ran::of(child.wait_with_output().unwrap()).ok();
    assert!(ran.stderr.contains("stopping: the best network so far is kept") && ran.stderr.contains("(interrupted)"), "{}", ran.stderr);
    assert_eq!(folder.report("cut")["training"]["end"], "interrupted");
    snnc_runtime::Network::load(&folder.bytes("cut")).unwrap();
}

// ---- audit ----

/// The report's shape, as documented.
fn assert_valid(report: &Value) {
    assert_follows("report.schema.json", report);
}

/// The shape of what is documented in a schema.
fn assert_follows(schema: &str, value: &Value) {
    let path = root().join("docs").join(schema);
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    let content: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    compiler.add_resource(schema, content).unwrap();
    let index = compiler.compile(schema, &mut schemas).unwrap();
    if let Err(error) = schemas.validate(value, index) {
        panic!("{error:#}");
    }
}

#[test]
fn reports_have_the_documented_shape() {
    let place = Compiled::new();
    place.compile("plain", &[]).ok();
    assert_valid(&place.report("plain"));
    place.compile("audited", &["--audit", "quick", "--html", "audited.html"]).ok();
    let report = place.report("audited");
    assert_valid(&report);
    assert_eq!(report["leakage"]["attacks"].as_array().unwrap().len(), 7);
    let page = fs::read_to_string(place.path("audited.html")).unwrap();
    assert!(page.contains("data:image/png;base64,") && !page.contains("<script"));
    place.train("trained", &["--audit", "none"]).ok();
    assert_valid(&place.report("trained"));
    // The schema can refuse.
    let mut wrong = report;
    wrong["leakage"]["attacks"][0]["results"][0]["subject"] = "somebody".into();
    let refused = std::panic::catch_unwind(|| assert_valid(&wrong));
    assert!(refused.is_err());
}

#[test]
fn an_audit_of_files() {
    let place = Compiled::new();
    place.compile("m", &[]).ok();
    let (model, test, train) = (digits(), fixture("digits/digits_test.npz"), fixture("digits/digits_calibration.npz"));
    let audit = |more: &[&str]| {
        let [model, test, train] = [&model, &test, &train].map(|p| p.to_str().unwrap());
        let mut args = vec!["audit", "m.snn", "--ann", model, "--reference", test, "--members", train, "--nonmembers", test];
        args.extend(more);
        snnc_in(place.folder.path(), args)
    };
    let ran = audit(&["--json", "a.json", "--html", "a.html"]).ok();
    assert!(ran.stdout.contains("membership") && ran.stdout.contains("through-time"), "{}", ran.stdout);
    let report: Value = serde_json::from_slice(&fs::read(place.path("a.json")).unwrap()).unwrap();
    assert_valid(&report);
    let leakage = &report["leakage"];
    assert_eq!(leakage["ann"]["is_source"], true);
    assert!(leakage["ann_accuracy"].as_f64().unwrap() > 0.9, "{}", leakage["ann_accuracy"]);
    let text = serde_json::to_string(&report).unwrap().to_lowercase() + &fs::read_to_string(place.path("a.html")).unwrap().to_lowercase();
    for word in ["secure", "encrypted"] {
        assert!(!text.contains(word), "`{word}` is claimed");
    }

    place.compile("m", &RATE).ok();
    let judge = model.to_str().unwrap();
    let said = audit(&["--timesteps", "9,2", "--json", "t.json", "--as-locked", "--judge", judge, "--judge", judge]).ok().stdout;
    assert!(said.contains("locked (clusters, T=9)") && said.contains("locked (5 labelled images a class, T=2)"), "{said}");
    for at in ["(quantised, T=2)", "(quantised, T=9)", "(triangle, T=2)", "(triangle, T=9)", "(distilled, T=9)", "answers, T=9)"] {
        assert!(said.contains(at), "{at} {said}");
    }
    let report: Value = serde_json::from_slice(&fs::read(place.path("t.json")).unwrap()).unwrap();
    assert_valid(&report);
    assert!(report["leakage"]["reproduce"].as_str().unwrap().contains("--timesteps 9,2"), "{}", report["leakage"]["reproduce"]);
    let names: Vec<&str> =
        report["leakage"]["attacks"][2]["results"][0]["metrics"].as_array().unwrap().iter().flat_map(|m| m["name"].as_str()).collect();
    assert!(names.contains(&"recognition_by_2") && names.contains(&"confidence"), "{names:?}");
    audit(&["--judge", judge, "--judge", judge, "--judge", judge, "--judge-mean", "0", "--judge-mean", "1"])
        .error("--judge-mean is given 2 times for 3 judges");
    audit(&["--timesteps", "0"]).error("from 1 to 65536");

    fs::write(place.path("strict.toml"), "max-recognition-rate = 0.2\nmax-accuracy-drop = 5.0\nrequired-attacks = [\"membership\"]\n")
        .unwrap();
    let refused = audit(&["--policy", "strict.toml", "--json", "a.json"]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stdout.contains("1 of 3 rules are not kept") && refused.stdout.contains("max-recognition-rate"), "{}", refused.stdout);
    fs::write(place.path("far.toml"), "max-recognition-rate = 1\nat-effort = 100000\n").unwrap();
    let refused = audit(&["--policy", "far.toml"]);
    assert!(refused.code == 1 && refused.stdout.contains("no attack went as far as 100000 evaluations"), "{}", refused.stdout);
    fs::write(place.path("near.toml"), "max-recognition-rate = 1\nat-effort = 20\n").unwrap();
    assert!(audit(&["--policy", "near.toml"]).ok().stdout.contains("the rule is kept"));
    fs::write(place.path("mild.toml"), "max-recognition-rate = 1\nmax-auc = 1.0\nmin-energy-gain = 0.01\n").unwrap();
    assert!(audit(&["--policy", "mild.toml"]).ok().stdout.contains("all 3 rules are kept"));
    fs::write(place.path("wrong.toml"), "max-recognition = 1\n").unwrap();
    audit(&["--policy", "wrong.toml"]).error("max-recognition");
    let other = fixture("onnx/relu.onnx");
    if other.exists() {
        snnc_in(place.folder.path(), ["audit", "m.snn", "--ann", other.to_str().unwrap()]).error("cannot be what");
    }
}

#[test]
fn a_policy_keeps_an_artifact_back() {
    let place = Compiled::new();
    fs::write(place.path("p.toml"), "max-copied-tensors = 0\n").unwrap();
    let ran = place.compile("kept", &["--audit", "quick", "--policy", "p.toml"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("max-copied-tensors") && ran.stderr.contains("was not written"), "{}", ran.stderr);
    assert!(!place.path("kept.snn").exists());
    assert_eq!(place.report("kept")["leakage"]["policy"]["passed"], false);
    place.compile("kept", &["--policy", "p.toml"]).error("--audit none");
}
