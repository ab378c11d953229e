//! An artifact in other forms, as users make them: C that is compiled and run, files of NIR, and pictures of spikes.
//!
//! C needs a compiler: `CC` or `cc`. Without one the test says that it was skipped, unless `SNNC_REQUIRE_CC` is set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "who runs the tests should know what was skipped")]

use ndarray::Array2;
use snnc_runtime::{Code, Network, Pixels};
use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn snnc(folder: &Path, args: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_snnc")).current_dir(folder).args(args.split_whitespace()).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn done(folder: &Path, args: &str) -> String {
    let output = snnc(folder, args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{args}: {stderr}");
    stderr
}

#[track_caller]
fn refused(folder: &Path, args: &str, part: &str) {
    let output = snnc(folder, args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{args}: {stderr}");
    assert!(stderr.contains(part), "`{part}` is not in:\n{stderr}");
}

/// A folder with the digits classifier in a code, and its test images.
fn compiled(code: &str, more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let model = fixture("digits/digits.onnx");
    done(
        folder.path(),
        &format!("{} -o m.snn --code {code} --samples 8 --timesteps 8 --train none --audit none -q {more}", model.display()),
    );
    fs::copy(fixture("digits/digits_test.npz"), folder.path().join("test.npz")).unwrap();
    folder
}

fn files(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The first test images, 8-bit pixels.
fn images(count: usize) -> Vec<u8> {
    let mut npz = ndarray_npy::NpzReader::new(fs::File::open(fixture("digits/digits_test.npz")).unwrap()).unwrap();
    let x: ndarray::ArrayD<u8> = npz.by_name("x").unwrap();
    x.iter().take(count * 64).copied().collect()
}

#[test]
fn the_digits_classifier_runs_in_c() {
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let works = Command::new(&cc).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    assert!(works || std::env::var_os("SNNC_REQUIRE_CC").is_none(), "`{cc}` does not run");
    if !works {
        eprintln!("skipped: there is no compiler of C; set CC to name one");
        return;
    }
    const COUNT: usize = 100;
    let pixels = images(COUNT);
    for code in ["radix", "rate"] {
        let folder = compiled(code, "--emit c=both.h");
        let folder = folder.path();
        let said = done(folder, "emit c m.snn -o both.2 --name both");
        assert!(said.contains("C99 in `both.2`: ") && said.contains("of tables in flash") && said.contains("of static RAM"), "{said}");
        // The compilation and the command write the same.
        assert_eq!(fs::read(folder.join("both.2")).unwrap(), fs::read(folder.join("both.h")).unwrap());

        let network = Network::load(&fs::read(folder.join("m.snn")).unwrap()).unwrap();
        let is_rate = network.spec().code == Code::Rate;
        let (steps, score) = if is_rate { (", SNN_BOTH_TIMESTEPS", "int64_t") } else { ("", "int32_t") };
        let literals: Vec<String> = pixels.iter().map(ToString::to_string).collect();
        let main = format!(
            "#define SNN_BOTH_IMPLEMENTATION\n#include \"both.h\"\n#include <stdio.h>\nstatic const uint8_t pixels[] = {{ {} }};\n\
             int main(void) {{\n    for (int n = 0; n < {COUNT}; n++) {{\n        {score} scores[SNN_BOTH_CLASSES];\n        \
                 if (snn_both_run(&pixels[n * SNN_BOTH_INPUT]{steps}, scores) != SNN_BOTH_OK) {{ return 1; }}\n        \
                 for (int k = 0; k < SNN_BOTH_CLASSES; k++) {{ printf(\"%lld \", (long long)scores[k]); }}\n        \
                 printf(\"%d\\n\", snn_both_class(scores));\n    }}\n    return 0;\n}}\n",
            literals.join(", ")
        );
        fs::write(folder.join("main.c"), main).unwrap();
        let strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "main.c", "-o", "main"];
        let built = Command::new(&cc).current_dir(folder).args(strict).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let ran = Command::new(folder.join("main")).output().unwrap();
        assert!(ran.status.success());

        let input = network.quantise_pixels(&Pixels { data: &pixels, count: COUNT, height: 8, width: 8, channels: 1 }).unwrap();
        let trace = network.trace(&input, network.spec().timesteps, 0).unwrap();
        let output = network.spec().nodes.iter().position(|node| node.name == network.spec().output.node).unwrap() + 1;
        let predictions = trace.outcome.predictions();
        let mut expected = String::new();
        for (image, class) in predictions.iter().enumerate() {
            for k in 0..10 {
                let sum: i64 = trace.values[output].chunks(10 * COUNT).map(|step| i64::from(step[image * 10 + k])).sum();
                write!(expected, "{sum} ").unwrap();
            }
            writeln!(expected, "{class}").unwrap();
        }
        assert_eq!(String::from_utf8(ran.stdout).unwrap(), expected, "{code}");
        assert!(predictions.iter().collect::<BTreeSet<_>>().len() == 10);
    }
}

#[test]
fn emitted_c_is_bounded_named_and_whole() {
    let folder = compiled("radix", "");
    let folder = folder.path();
    let before = files(folder);
    refused(folder, "emit c m.snn -o m.h --max-flash 8", "more than 8192; node `n6` takes most of them, 9216; `--max-flash` allows more");
    refused(folder, "emit c m.snn -o none/m.h", "folder `none`");
    refused(folder, "emit c m.snn -o m.snn", "-o would overwrite the network");
    refused(folder, "emit c m.report.json -o m.h", "m.report.json");
    refused(folder, "emit rust m.snn", "[possible values: c]");
    refused(folder, "emit c m.snn --name 1-2", "lower-case letters, digits and underscores");
    assert_eq!(files(folder), before);
    let printed = String::from_utf8(snnc(folder, "emit c m.snn").stdout).unwrap();
    assert!(printed.contains("int snn_m_run(const uint8_t *image, int32_t *scores);"), "{printed}");
    assert_eq!(done(folder, "emit c m.snn -o m.h -q"), "");
    assert_eq!(fs::read_to_string(folder.join("m.h")).unwrap(), printed);
}

#[test]
fn a_run_is_drawn() {
    for code in ["radix", "rate"] {
        let folder = compiled(code, "");
        let folder = folder.path();
        done(folder, "run m.snn test.npz -o with.npy --raster spikes.svg --image 3");
        done(folder, "run m.snn test.npz -o without.npy --threads 1");
        let read = |name: &str| ndarray_npy::read_npy::<_, Array2<f32>>(folder.join(name)).unwrap();
        assert_eq!(read("with.npy"), read("without.npy"));
        let text = fs::read_to_string(folder.join("spikes.svg")).unwrap();
        done(folder, "run m.snn test.npz -o with.npy --raster again.svg --image 3 --threads 1");
        assert_eq!(fs::read_to_string(folder.join("again.svg")).unwrap(), text, "the same bytes for any number of threads");
        done(folder, "run m.snn test.npz -o with.npy --raster again.svg --image 4");
        assert_ne!(fs::read_to_string(folder.join("again.svg")).unwrap(), text);

        let network = Network::load(&fs::read(folder.join("m.snn")).unwrap()).unwrap();
        let row: Vec<f32> = read("with.npy").row(3).to_vec();
        let class = snnc_runtime::argmax(&row);
        let latency = network.schedule().latency;
        assert!(text.contains(&format!("class {class}, read-out {:.4}, after {latency} time steps", row[class])), "{text}");
        assert!(text.contains("m.snn, image 3 of test.npz") && text.contains("prefers-color-scheme:dark"));
        for population in network.populations() {
            assert!(text.contains(&format!(">{}</text>", population.name)), "{}", population.name);
        }
        assert!(text.contains("64 drawn, 1 in 16") && text.contains(">1024 neurons<"), "{text}");
        assert!(text.len() < 150_000, "{} bytes", text.len());
        assert_eq!(text.contains("a correction"), code == "rate");
    }
}

#[test]
fn what_cannot_be_drawn_is_named() {
    let folder = compiled("radix", "");
    let folder = folder.path();
    let before = files(folder);
    refused(folder, "run m.snn test.npz --raster spikes.png", "its name ends in `.svg`");
    refused(folder, "run m.snn test.npz --raster none/spikes.svg", "folder `none`");
    refused(
        folder,
        "run m.snn test.npz -o out.npy --raster s.svg --image 500",
        "--image 500: `test.npz` has 500 images, counted from 0 to 499",
    );
    refused(folder, "run m.snn test.npz -o a.svg --raster a.svg", "--raster would overwrite -o");
    refused(folder, "run m.snn test.npz --raster s.svg --simulator engine", "leave `--simulator engine` out");
    refused(folder, "run m.snn test.npz --image 3", "--raster");
    assert_eq!(files(folder), before, "nothing is left behind");
}

#[test]
fn files_of_nir_are_the_network_again() {
    for code in ["radix", "rate"] {
        let folder = compiled(code, "--emit nir=both.nir");
        let folder = folder.path();
        let said = done(folder, "nir m.snn -o m.nir");
        assert!(said.contains("warning: NIR: max-pool (`n5`)") && said.contains("NIR in `m.nir`: 14 nodes"), "{said}");
        // The compilation and the command write the same.
        assert_eq!(fs::read(folder.join("m.nir")).unwrap(), fs::read(folder.join("both.nir")).unwrap());
        // The content decides, not the name.
        fs::rename(folder.join("m.nir"), folder.join("some")).unwrap();
        assert_eq!(done(folder, "nir some -o back.snn -q"), "");
        assert_eq!(fs::read(folder.join("back.snn")).unwrap(), fs::read(folder.join("m.snn")).unwrap(), "{code}");
        assert_eq!(done(folder, "nir m.snn -o one.nir --thresholds one -q"), "");
        refused(folder, "nir one.nir -o x.snn", "one.nir: it cannot be read back: its thresholds are 1");
    }
}

#[test]
fn what_nir_cannot_say_is_an_error_where_that_is_asked_for() {
    let folder = compiled("rate", "");
    let folder = folder.path();
    let before = files(folder);
    let model = fixture("digits/digits.onnx");
    refused(folder, "nir m.snn -o m.nir --strict", "start-potential (`n2`, `n4`, `n7`, `n11`): NIR has no potential before the first step");
    let compile = "--code rate --samples 8 --timesteps 8 --train none --audit none -q -o n.snn --emit nir=n.nir --strict";
    refused(folder, &format!("{} {compile}", model.display()), "max-pool (`n5`): NIR has no max pooling");
    refused(folder, "nir m.snn -o m.snn", "-o would overwrite the network");
    refused(folder, "nir test.npz -o m.nir", "test.npz");
    fs::copy(folder.join("m.snn"), folder.join("kept")).unwrap();
    fs::write(folder.join("m.snn"), b"\x89HDF\r\n\x1a\n and nothing else").unwrap();
    refused(folder, "nir m.snn -o m.nir", "m.snn: it is no NIR file");
    refused(folder, "nir m.snn -o m.nir --strict", "do not go with a file of NIR to read");
    fs::rename(folder.join("kept"), folder.join("m.snn")).unwrap();
    assert_eq!(files(folder), before);
}
