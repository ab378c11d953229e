//! C as users compile it: every operator, every vector and random networks, number for number what the runtime says.
//!
//! Needs a compiler of C: `CC` or `cc`. Without one the tests say that they were skipped, unless `SNNC_REQUIRE_CC` is set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "who runs the tests should know what was skipped")]

#[path = "../../runtime/tests/common/mod.rs"]
mod common;

use common::{Builder, random_images, random_network, weight};
use snnc_export::c::{Error, identifier, source};
use snnc_runtime::{Artifact, Code, Coding, Head, Layout, Network, OpSpec, Pixels, Quantiser, Tensor};
use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const NO_LIMIT: usize = usize::MAX;

fn compiler() -> Option<String> {
    let named = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let works = Command::new(&named).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    assert!(works || std::env::var_os("SNNC_REQUIRE_CC").is_none(), "`{named}` does not run");
    if !works {
        eprintln!("skipped: there is no compiler of C; set CC to name one");
    }
    works.then_some(named)
}

/// A network, what it is given, and what it should say: one line a run, the class behind the scores.
struct Case {
    name: String,
    artifact: Artifact,
    images: Vec<u16>,
    steps: usize,
    first: u64,
}

impl Case {
    fn new(name: &str, artifact: Artifact, images: Vec<u16>) -> Self {
        let steps = if artifact.graph.code == Code::Rate { artifact.graph.timesteps.min(9) } else { artifact.graph.timesteps };
        Self { name: name.to_owned(), artifact, images, steps, first: 40 }
    }

    /// The sums of the output node's values over the steps of each image.
    fn expected(&self) -> String {
        let network = Network::new(self.artifact.clone()).unwrap();
        let trace = network.trace(&self.images, self.steps, self.first).unwrap();
        let graph = &self.artifact.graph;
        let output = graph.nodes.iter().position(|node| node.name == graph.output.node).unwrap() + 1;
        let (classes, count) = (network.classes(), self.images.len() / network.image_len());
        let predictions = trace.outcome.predictions();
        let mut text = String::new();
        for image in 0..count {
            for class in 0..classes {
                let sum: i64 = trace.values[output].chunks(classes * count).map(|step| i64::from(step[image * classes + class])).sum();
                write!(text, "{sum} ").unwrap();
            }
            // In floats of 32 bits two scores may be one; none of these networks is so large.
            writeln!(text, "class {}", predictions[image]).unwrap();
        }
        text
    }

    /// The function that runs all images of the case.
    fn runs(&self) -> String {
        let name = identifier(&self.name);
        let upper = name.to_uppercase();
        let image: usize = self.artifact.graph.input.shape.iter().product();
        let of = if self.artifact.graph.input.quantiser.digits > 8 { "uint16_t" } else { "uint8_t" };
        let values: Vec<String> = self.images.iter().map(ToString::to_string).collect();
        let (is_rate, is_poisson) = (self.artifact.graph.code == Code::Rate, self.artifact.graph.input.coding == Coding::Poisson);
        let steps = if is_rate { format!(", {}", self.steps) } else { String::new() };
        let index = if is_poisson { format!(", UINT64_C({}) + (uint64_t)n", self.first) } else { String::new() };
        format!(
            "static const {of} images_{name}[] = {{ {} }};\n\
             static void run_{name}(void) {{\n    {score} scores[SNN_{upper}_CLASSES];\n    for (int n = 0; n < {count}; n++) {{\n        \
                 if (snn_{name}_run(&images_{name}[n * SNN_{upper}_INPUT]{steps}{index}, scores) != SNN_{upper}_OK) {{ printf(\"error\"); }}\n        \
                 for (int k = 0; k < SNN_{upper}_CLASSES; k++) {{ printf(\"%lld \", (long long)scores[k]); }}\n        \
                 printf(\"class %d\\n\", snn_{name}_class(scores));\n    }}\n}}\n",
            values.join(", "),
            score = if is_rate { "int64_t" } else { "int32_t" },
            count = self.images.len() / image,
        )
    }
}

/// Compiles a program without a warning, and with a sanitiser where there is one; returns what it prints.
fn compiled_and_run(cc: &str, folder: &Path, main: &str) -> String {
    fs::write(folder.join("main.c"), main).unwrap();
    let strict = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-O2"];
    let build =
        |more: &[&str]| Command::new(cc).current_dir(folder).args(strict).args(more).args(["main.c", "-o", "main"]).output().unwrap();
    let checked = build(&["-fsanitize=undefined", "-fno-sanitize-recover=all"]);
    let built = if checked.status.success() { checked } else { build(&[]) };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let ran = Command::new(folder.join("main")).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

/// Runs cases in C, in one program, and compares.
fn assert_same(cases: &[Case]) {
    let Some(cc) = compiler() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut main = "#include <stdio.h>\n".to_owned();
    for case in cases {
        let name = identifier(&case.name);
        fs::write(folder.path().join(format!("{name}.h")), source(&case.artifact, &case.name, NO_LIMIT).unwrap().text).unwrap();
        // Several times, as in a program of several files.
        let upper = name.to_uppercase();
        write!(main, "#include \"{name}.h\"\n#define SNN_{upper}_IMPLEMENTATION\n#include \"{name}.h\"\n#include \"{name}.h\"\n").unwrap();
    }
    let calls: String = cases.iter().map(|case| format!("    printf(\"{0}\\n\"); run_{0}();\n", identifier(&case.name))).collect();
    main.extend(cases.iter().map(Case::runs));
    write!(main, "int main(void) {{\n{calls}    return 0;\n}}\n").unwrap();
    let printed = compiled_and_run(&cc, folder.path(), &main);
    let expected: String = cases.iter().map(|case| format!("{}\n{}", identifier(&case.name), case.expected())).collect();
    if let Some((ours, theirs)) = printed.lines().zip(expected.lines()).find(|(ours, theirs)| ours != theirs) {
        panic!("C says {ours}, the runtime {theirs} in\n{printed}");
    }
    assert_eq!(printed, expected);
}

fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(folder)
}

#[test]
fn every_vector_runs_in_c() {
    let mut operators = BTreeSet::new();
    let mut paths: Vec<PathBuf> = fs::read_dir(fixtures("vectors")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut cases = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "snn")) {
        let artifact = Artifact::from_bytes(&fs::read(path).unwrap()).unwrap();
        let vector: serde_json::Value = serde_json::from_slice(&fs::read(path.with_extension("json")).unwrap()).unwrap();
        let images = vector["quantised"].as_array().unwrap().iter().map(|q| q.as_u64().unwrap() as u16).collect();
        operators.extend(artifact.graph.nodes.iter().map(|node| node.op.name()));
        let mut case = Case::new(path.file_stem().unwrap().to_str().unwrap(), artifact, images);
        case.steps = case.artifact.graph.timesteps;
        case.first = vector["first_image_index"].as_u64().unwrap();
        cases.push(case);
    }
    assert_eq!(operators.len(), 17, "{operators:?}");
    assert!(cases.len() >= 14);
    assert_same(&cases);
}

#[test]
fn random_networks_run_in_c() {
    // The last joins single numbers.
    let cases: Vec<Case> = (0..60)
        .chain([1059])
        .map(|seed| {
            let artifact = random_network(seed);
            let images = random_images(&artifact, 3, seed);
            Case::new(&format!("r{seed}"), artifact, images)
        })
        .collect();
    let codes: BTreeSet<bool> = cases.iter().map(|case| case.artifact.graph.code == Code::Rate).collect();
    assert_eq!(codes.len(), 2);
    assert_same(&cases);
}

/// A colour image of three rows and two columns, `layout` first.
fn colours(layout: Layout, change: impl FnOnce(&mut Artifact)) -> Artifact {
    let shape = if layout == Layout::Nchw { [1, 3, 3, 2] } else { [1, 3, 2, 3] };
    let mut b = Builder::new(&shape, layout, Coding::Digits);
    let x = b.flatten("x");
    let x = b.linear(&x, weight(&[2, 18], &(0..36).map(|k| k * 7 % 11 - 5).collect::<Vec<_>>()), None);
    let mut artifact = b.finish(&x, Head::None);
    change(&mut artifact);
    artifact.graph.timesteps = artifact.graph.input.quantiser.digits as usize;
    artifact
}

#[test]
fn pixels_are_read_as_the_runtime_reads_them() {
    let Some(cc) = compiler() else { return };
    let each = |a: &mut Artifact| {
        let input = &mut a.graph.input;
        input.preprocess.scale = 255.0;
        input.preprocess.mean = vec![0.4, 0.5, 0.6];
        input.preprocess.std = vec![0.3, 0.2, 0.25];
        input.quantiser = Quantiser { digits: 7, step: vec![0.03], zero: vec![50.0] };
    };
    let wide = |a: &mut Artifact| a.graph.input.quantiser = Quantiser { digits: 10, step: vec![0.3], zero: vec![1.0] };
    let cases = [
        ("planes", colours(Layout::Nchw, |_| ())),
        ("planes_each", colours(Layout::Nchw, each)),
        ("last_each", colours(Layout::Nhwc, each)),
        ("last_wide", colours(Layout::Nhwc, wide)),
    ];
    let pixels: Vec<u8> = (0..18).map(|k| (k * 29 % 256) as u8).collect();
    let literals: Vec<String> = pixels.iter().map(ToString::to_string).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut main = format!("#include <stdio.h>\nstatic const uint8_t pixels[18] = {{ {} }};\n", literals.join(", "));
    let mut calls = String::new();
    let mut expected = String::new();
    for (name, artifact) in &cases {
        fs::write(folder.path().join(format!("{name}.h")), source(artifact, name, NO_LIMIT).unwrap().text).unwrap();
        main.insert_str(0, &format!("#define SNN_{}_IMPLEMENTATION\n#include \"{name}.h\"\n", name.to_uppercase()));
        let of = if artifact.graph.input.quantiser.digits > 8 { "uint16_t" } else { "uint8_t" };
        writeln!(
            calls,
            "    {{ {of} image[18]; snn_{name}_read_pixels(pixels, image); for (int k = 0; k < 18; k++) {{ printf(\"%d \", image[k]); }} puts(\"\"); }}"
        )
        .unwrap();
        let network = Network::new(artifact.clone()).unwrap();
        let image = network.quantise_pixels(&Pixels { data: &pixels, count: 1, height: 3, width: 2, channels: 3 }).unwrap();
        expected.extend(image.iter().map(|q| format!("{q} ")));
        expected.push('\n');
    }
    write!(main, "int main(void) {{\n{calls}    return 0;\n}}\n").unwrap();
    assert_eq!(compiled_and_run(&cc, folder.path(), &main), expected);
    // Where pixels are the input there is nothing to read.
    let same = source(&colours(Layout::Nhwc, |_| ()), "same", NO_LIMIT).unwrap().text;
    assert!(!same.contains("read_pixels") && same.contains("They are the pixels"), "{same}");
}

#[test]
fn what_cannot_be_run_is_an_error() {
    let Some(cc) = compiler() else { return };
    let mut b = Builder::new(&[1, 2], Layout::Flat, Coding::Direct);
    let x = b.linear("x", weight(&[2, 2], &[1, 2, 3, 4]), None);
    let mut artifact = b.finish(&x, Head::Relu);
    artifact.graph.input.quantiser.digits = 3;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("m.h"), source(&artifact, "m", NO_LIMIT).unwrap().text).unwrap();
    let main = "#define SNN_M_IMPLEMENTATION\n#include \"m.h\"\n#include <stdio.h>\n\
                int main(void) {\n    int64_t s[2]; const uint8_t a[2] = { 7, 1 }; const uint8_t b[2] = { 7, 8 };\n    \
                const int64_t low[2] = { -5, -3 };\n    \
                printf(\"%d %d %d %d\\n\", snn_m_run(a, 1, s), snn_m_run(b, 1, s), snn_m_run(a, 0, s), snn_m_run(a, SNN_M_MAX_TIMESTEPS, s));\n    \
                printf(\"%d %d\\n\", snn_m_run(a, SNN_M_MAX_TIMESTEPS + 1, s), snn_m_class(low));\n    return 0;\n}\n";
    // A rectifier makes all negative scores one.
    assert_eq!(compiled_and_run(&cc, folder.path(), main), "0 1 2 0\n2 0\n");
}

#[test]
fn memory_is_what_the_header_says() {
    let Some(cc) = compiler() else { return };
    for seed in [1, 2, 3, 4, 5, 6] {
        let made = source(&random_network(seed), "m", NO_LIMIT).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("m.h"), &made.text).unwrap();
        fs::write(folder.path().join("m.c"), "#define SNN_M_IMPLEMENTATION\n#include \"m.h\"\n").unwrap();
        // Not optimised, so that no table is folded into code.
        let built = Command::new(&cc).current_dir(folder.path()).args(["-std=c99", "-O0", "-c", "m.c"]).status().unwrap();
        assert!(built.success());
        let Ok(sizes) = Command::new("nm").current_dir(folder.path()).args(["-S", "-t", "d", "m.o"]).output() else { return };
        let text = String::from_utf8(sizes.stdout).unwrap();
        let of = |kind: &str| -> usize {
            let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|row| row.len() == 4 && row[2] == kind);
            rows.map(|row| row[1].parse::<usize>().unwrap()).sum()
        };
        assert_eq!((of("b"), of("r")), (made.ram, made.flash), "seed {seed}:\n{text}");
        assert!(made.text.contains(&format!("_RAM_BYTES {} ", made.ram)) && made.text.contains(&format!("_FLASH_BYTES {} ", made.flash)));
    }
}

#[test]
fn a_network_that_is_too_large_is_refused_by_name() {
    let mut b = Builder::new(&[1, 100], Layout::Flat, Coding::Digits);
    let x = b.linear("x", weight(&[90, 100], &[1; 9000]), None);
    let x = b.radix_neuron(&x, Tensor::new([], [9]), Tensor::new([], [0]), 4, 15);
    let x = b.linear(&x, weight(&[2, 90], &[1; 180]), None);
    let artifact = b.finish(&x, Head::None);
    let error = source(&artifact, "m", 9187).unwrap_err();
    assert!(matches!(&error, Error::Size { flash: 9188, limit: 9187, node, bytes: 9000 } if node == "linear_0"), "{error}");
    let made = source(&artifact, "m", 9188).unwrap();
    assert_eq!(made.flash, 9180, "single numbers stand in the code");
}

#[test]
fn names_and_comments_are_safe() {
    assert_eq!(identifier("My Net-v2.1"), "my_net_v2_1");
    assert_eq!(identifier("ü"), "model");
    let mut b = Builder::new(&[1, 2], Layout::Flat, Coding::Digits);
    let x = b.node(OpSpec::Linear, &["x"], &[1, 2], false, vec![("weight", weight(&[2, 2], &[1; 4]))]);
    let mut artifact = b.finish(&x, Head::None);
    artifact.graph.nodes[0].name = "*/ #error\n\"\\ ??/".into();
    artifact.graph.output.node = artifact.graph.nodes[0].name.clone();
    artifact.graph.compiler = "*/ \n#error".into();
    assert_same(&[Case::new("3 /* x", artifact.clone(), vec![1, 2])]);
    assert_eq!(source(&artifact, "a", NO_LIMIT).unwrap().text, source(&artifact, "a", NO_LIMIT).unwrap().text);
}
