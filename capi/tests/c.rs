//! The library as C programs see it: installed by `capi/install.sh`, compiled and linked by `cc`, and compared with the runtime.
//!
//! `CC` and `CXX` name the compilers. Where there is none the tests say so and pass, unless `SNNC_REQUIRE_CC` is set; the same holds for
//! valgrind and `SNNC_REQUIRE_VALGRIND`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use snnc_runtime::{Code, Coding, Drive, Head, Layout, Network, Outcome, Pixels, PopulationKind, Trace};
use std::{
    collections::BTreeMap,
    env,
    ffi::OsStr,
    fmt::Write as _,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Mutex, OnceLock, PoisonError},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixture(name: &str) -> PathBuf {
    root().join("../fixtures").join(name)
}

/// Whether a command is there. If it is not, and is required to be, the test fails.
fn there_is(command: &str, required: &str) -> bool {
    let works = Command::new(command).arg("--version").output().is_ok_and(|run| run.status.success());
    assert!(works || env::var_os(required).is_none(), "`{command}` does not run");
    if !works {
        println!("skipped: `{command}` does not run");
    }
    works
}

fn compiler(variable: &str, usual: &str) -> Option<String> {
    let named = env::var(variable).unwrap_or_else(|_| usual.to_owned());
    there_is(&named, "SNNC_REQUIRE_CC").then_some(named)
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    output
}

/// Where the library was installed, once for all tests.
fn installed() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let prefix = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libsnnc");
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        run(Command::new(root().join("install.sh")).arg(&prefix).arg(profile));
        prefix
    })
}

/// What `snnc.pc` says about the library.
fn flags(words: &[&str]) -> Vec<String> {
    let folder = installed().join("lib/pkgconfig");
    let output = run(Command::new("pkg-config").args(words).arg("snnc").env("PKG_CONFIG_PATH", folder));
    String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

/// How a program is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Linked {
    Shared,
    Static,
    /// With the shared library and the checks of the compiler for memory and leaks.
    Checked,
}

/// Compiles a program, as strictly as there is, once for all tests; none without a compiler.
fn program(source: &'static str, linked: Linked) -> Option<PathBuf> {
    static MADE: Mutex<BTreeMap<(&str, Linked), Option<PathBuf>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry((source, linked)).or_insert_with(|| compiled(source, linked)).clone()
}

fn compiled(source: &str, linked: Linked) -> Option<PathBuf> {
    let cc = compiler("CC", "cc")?;
    if !there_is("pkg-config", "SNNC_REQUIRE_CC") {
        return None;
    }
    let name = Path::new(source).file_stem().unwrap().to_str().unwrap();
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{linked:?}"));
    let mut command = Command::new(cc);
    command.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g", "-pthread"]).arg(root().join(source)).arg("-o").arg(&made);
    match linked {
        Linked::Shared => command.args(flags(&["--cflags", "--libs"])),
        Linked::Checked => command.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]).args(flags(&["--cflags", "--libs"])),
        Linked::Static => {
            command.args(flags(&["--cflags"])).arg(installed().join("lib/libsnnc.a"));
            let all = flags(&["--libs", "--static"]);
            command.args(all.iter().filter(|flag| *flag != "-lsnnc"))
        }
    };
    run(&mut command);
    Some(made)
}

/// A command that finds the shared library.
fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", installed().join("lib")).env("DYLD_LIBRARY_PATH", installed().join("lib"));
    command
}

/// A command under valgrind, for which every error and everything that was not freed is a failure.
fn under_valgrind(program: &Path) -> Option<Command> {
    let mut valgrind = there_is("valgrind", "SNNC_REQUIRE_VALGRIND").then(|| command("valgrind"))?;
    valgrind.args(["--quiet", "--error-exitcode=9", "--leak-check=full", "--show-leak-kinds=all", "--errors-for-leak-kinds=all"]);
    valgrind.arg(format!("--suppressions={}", root().join("tests/valgrind.supp").display())).arg(program);
    Some(valgrind)
}

/// The images of the digit classifier's test and their classes.
fn digits() -> (Vec<u8>, Vec<u8>) {
    let mut archive = zip::ZipArchive::new(fs::File::open(fixture("digits/digits_test.npz")).unwrap()).unwrap();
    let mut data = |name: &str, bytes: usize| {
        let mut all = Vec::new();
        archive.by_name(name).unwrap().read_to_end(&mut all).unwrap();
        all.split_off(all.len() - bytes)
    };
    let images = data("x.npy", 500 * 64);
    (images, data("y.npy", 500 * 8).chunks(8).map(|class| class[0]).collect())
}

fn load(path: &Path) -> Network {
    Network::load(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_example_classifies_digits() {
    let network = load(&fixture("digits/digits.snn"));
    let (pixels, classes) = digits();
    let folder = tempfile::tempdir().unwrap();
    let mut expected = "10 classes of 8x8 images with 1 channels, 8 time steps, radix code\n".to_owned();
    let mut right = 0;
    let (mut paths, count) = (Vec::new(), 100);
    for (index, image) in pixels.chunks(64).take(count).enumerate() {
        let path = folder.path().join(format!("{index}.pgm"));
        fs::write(&path, [b"P5\n# A digit.\n8 8\n255\n", image].concat()).unwrap();
        let numbers = network.quantise_pixels(&Pixels { data: image, count: 1, height: 8, width: 8, channels: 1 }).unwrap();
        let outcome = network.run_quantised(&numbers, network.spec().timesteps, 0).unwrap();
        let class = outcome.predictions()[0];
        right += usize::from(class == usize::from(classes[index]));
        let (spikes, operations) = (outcome.spikes.iter().sum::<u64>(), outcome.synaptic_ops.iter().sum::<u64>());
        let logit = c_float(outcome.logits[class]);
        let path_text = path.display();
        writeln!(expected, "{path_text}: class {class}, logit {logit}, {spikes} spikes, {operations} synaptic operations").unwrap();
        paths.push(path);
    }
    assert!(right > 97, "{right} of {count} are right");
    for linked in [Linked::Shared, Linked::Static, Linked::Checked] {
        let Some(classify) = program("examples/classify.c", linked) else { return };
        let all = run(command(&classify).arg(fixture("digits/digits.snn")).args(&paths));
        assert_same(&String::from_utf8(all.stdout).unwrap(), &expected, &format!("{linked:?}"));
        // What is no image and what is no network end with an error, and free what there was.
        let failed = command(&classify).arg(fixture("digits/digits.snn")).arg(fixture("README.md")).output().unwrap();
        assert_eq!(failed.status.code(), Some(2));
        assert!(String::from_utf8(failed.stderr).unwrap().ends_with("README.md: not a binary PGM or PPM of 8 bits a channel\n"));
        let failed = command(&classify).arg(fixture("README.md")).arg(&paths[0]).output().unwrap();
        assert!(String::from_utf8(failed.stderr).unwrap().contains("not a safetensors file"));
    }
}

/// `%.9g` of C, for what the example prints.
fn c_float(value: f32) -> String {
    let digits = value.abs().log10().floor().max(0.0) as usize + 1;
    let text = format!("{value:.*}", 9 - digits);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[test]
fn c_is_told_what_the_runtime_says() {
    let mut vectors: Vec<PathBuf> = fs::read_dir(fixture("vectors")).unwrap().map(|entry| entry.unwrap().path()).collect();
    vectors.retain(|path| path.extension().is_some_and(|e| e == "snn"));
    vectors.sort();
    vectors.push(fixture("digits/digits.snn"));
    assert!(vectors.len() > 10, "{vectors:?}");
    let Some(tell) = program("tests/tell.c", Linked::Checked) else { return };
    let folder = tempfile::tempdir().unwrap();
    for path in vectors {
        let network = load(&path);
        let (images, pixels, first) = (folder.path().join("images"), folder.path().join("pixels"), 7);
        let [height, width, channels] = size(&network);
        let count = 3;
        let data: Vec<u8> = (0..network.image_len() * count).map(|i| ((i * 2_654_435_761) >> 7) as u8).collect();
        let floats = network.preprocess(&Pixels { data: &data, count, height, width, channels }).unwrap();
        fs::write(&images, floats.iter().flat_map(|x| x.to_ne_bytes()).collect::<Vec<u8>>()).unwrap();
        fs::write(&pixels, &data).unwrap();
        // The rate code may be asked for other numbers than its own.
        let timesteps = if network.spec().code == Code::Rate { network.spec().timesteps.div_ceil(2) } else { 0 };
        let mut told = command(&tell);
        told.arg(&path).arg(&images).arg(&pixels).args([height, width, channels, timesteps, first].map(|n| n.to_string()));
        let told = String::from_utf8(run(&mut told).stdout).unwrap();

        let steps = if timesteps == 0 { network.spec().timesteps } else { timesteps };
        let from_floats = network.run(&floats, steps, first as u64).unwrap();
        let numbers = network.quantise_pixels(&Pixels { data: &data, count, height, width, channels }).unwrap();
        let trace = network.trace(&numbers, steps, first as u64).unwrap();
        let mut expected = description(&network);
        expected += &outcome(&from_floats);
        expected += &outcome(&network.run_quantised(&numbers, steps, first as u64).unwrap());
        expected += &outcome(&trace.outcome);
        expected += &spikes(&network, &trace, steps, count);
        assert_same(&numbers_as_c_reads_them(&told), &numbers_as_c_reads_them(&expected), &path.display().to_string());
    }
}

/// Floats are printed in different ways: the logits are compared as bits.
fn numbers_as_c_reads_them(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix("logits ") {
        Some(values) => values.split(' ').map(|value| format!("{:08x} ", value.parse::<f32>().unwrap().to_bits())).collect(),
        None => line.to_owned(),
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

fn assert_same(found: &str, expected: &str, what: &str) {
    for (line, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{what}, line {}", line + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{what}");
}

/// Height, width and channels of pixels.
fn size(network: &Network) -> [usize; 3] {
    let input = &network.spec().input;
    match (input.layout, &input.shape[..]) {
        (Layout::Nchw, &[_, c, h, w]) | (Layout::Nhwc, &[_, h, w, c]) => [h, w, c],
        (Layout::Nchw, &[_, c, l]) | (Layout::Nhwc, &[_, l, c]) => [1, l, c],
        _ => [1, network.image_len(), 1],
    }
}

fn joined<T: ToString>(values: &[T]) -> String {
    values.iter().map(|value| format!(" {}", value.to_string())).collect()
}

fn description(network: &Network) -> String {
    let spec = network.spec();
    let [height, width, channels] = size(network);
    let layout = [Layout::Nchw, Layout::Nhwc, Layout::Flat].iter().position(|&l| l == spec.input.layout).unwrap();
    let code = [Code::Radix, Code::Rate].iter().position(|&c| c == spec.code).unwrap();
    let coding = [Coding::Digits, Coding::Direct, Coding::Poisson].iter().position(|&c| c == spec.input.coding).unwrap();
    let heads = [Head::None, Head::Relu, Head::Softmax, Head::LogSoftmax, Head::Sigmoid];
    let head = heads.iter().position(|&h| h == spec.output.head).unwrap();
    let mut text = format!(
        "input{}\nlayout {layout}\nimage {} {height} {width} {channels}\nclasses {}\ncode {code}\ntimesteps {} {}\ncoding {coding} {}\nhead {head}\n\
         compiler {}\n",
        joined(&spec.input.shape),
        network.image_len(),
        network.classes(),
        spec.timesteps,
        network.max_timesteps(),
        spec.input.quantiser.digits,
        spec.compiler,
    );
    let kinds = [PopulationKind::Neurons, PopulationKind::CountMaxPool, PopulationKind::DigitMaxPool, PopulationKind::Input];
    for population in network.populations() {
        let kind = kinds.iter().position(|&k| k == population.kind).unwrap();
        writeln!(text, "population {} {kind} {} {}", population.name, population.size, population.digits.unwrap_or(0)).unwrap();
    }
    for layer in network.layers() {
        let drive = [Drive::Analog, Drive::Spikes, Drive::Current].iter().position(|&d| d == layer.drive).unwrap();
        let (is_input, digits) = (u8::from(layer.is_input), layer.digits.unwrap_or(0));
        writeln!(text, "layer {} {drive} {} {is_input} {digits}", layer.name, layer.connections).unwrap();
    }
    text
}

fn outcome(outcome: &Outcome) -> String {
    format!(
        "outcome {} {}\nlogits{}\npredictions{}\nspikes{}\ncorrections{}\nsynaptic_ops{}\n",
        outcome.images,
        outcome.timesteps,
        joined(&outcome.logits),
        joined(&outcome.predictions()),
        joined(&outcome.spikes),
        joined(&outcome.corrections),
        joined(&outcome.synaptic_ops),
    )
}

fn spikes(network: &Network, trace: &Trace, steps: usize, images: usize) -> String {
    let populations = network.populations().iter().zip(&trace.spikes);
    populations.map(|(p, spikes)| format!("trace {} {images} {}{}\n", p.digits.unwrap_or(steps), p.size, joined(spikes))).collect()
}

#[test]
fn encrypted_and_signed_networks_open_with_keys() {
    let network = load(&fixture("digits/digits.snn"));
    let run = network.run(&vec![0.0; network.image_len()], network.spec().timesteps, 0).unwrap();
    let expected = format!("{} {:08x}", run.predictions()[0], run.logits[0].to_bits());
    let files = [fixture("keys/digits.snn.age"), fixture("keys/age.key"), fixture("keys/minisign.pub")];
    for linked in [Linked::Shared, Linked::Checked] {
        let Some(keys) = program("tests/keys.c", linked) else { return };
        let output = run_text(command(keys).args(&files));
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(lines.len(), 8, "{output}");
        for (line, part) in [
            (0, "7 it is encrypted: it takes the key"),
            (1, "7 it is encrypted, and no key"),
            (2, "7 it is encrypted, and none of the keys"),
        ] {
            assert!(lines[line].starts_with(part), "{output}");
        }
        assert_eq!(lines[3..6], [&expected; 3], "{output}");
        assert_eq!(lines[6], "7 a signature is required, and there is none");
        assert!(lines[7].starts_with("7 its signature does not hold"), "{output}");
    }
}

/// What a program printed.
fn run_text(command: &mut Command) -> String {
    String::from_utf8(run(command).stdout).unwrap()
}

#[test]
fn misuse_is_an_error() {
    for linked in [Linked::Shared, Linked::Checked] {
        let Some(misuse) = program("tests/misuse.c", linked) else { return };
        let output = run(command(misuse).arg(fixture("digits/digits.snn")).arg(fixture("README.md")));
        let format = snnc_runtime::artifact::FORMAT_VERSION;
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("libsnnc {}, format {format}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn valgrind_finds_nothing() {
    let artifact = fixture("digits/digits.snn");
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("0.pgm");
    fs::write(&image, [b"P5 8 8 255\n", &digits().0[..64]].concat()).unwrap();
    let Some(classify) = program("examples/classify.c", Linked::Shared) else { return };
    let Some(mut checked) = under_valgrind(&classify) else { return };
    run(checked.arg(&artifact).args([&image, &image]));
    let keys = program("tests/keys.c", Linked::Shared).unwrap();
    run(under_valgrind(&keys).unwrap().arg(fixture("keys/digits.snn.age")).arg(fixture("keys/age.key")).arg(fixture("keys/minisign.pub")));
    let misuse = program("tests/misuse.c", Linked::Shared).unwrap();
    run(under_valgrind(&misuse).unwrap().arg(&artifact).arg(fixture("README.md")));
}

#[test]
fn the_program_of_the_page_runs() {
    let page = fs::read_to_string(root().join("../docs/c.md")).unwrap();
    let program = page.split("```c\n").nth(1).unwrap().split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (source, made) = (folder.path().join("page.c"), folder.path().join("page"));
    fs::write(&source, program).unwrap();
    let Some(cc) = compiler("CC", "cc") else { return };
    let mut compile = Command::new(cc);
    compile.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]).arg(&source).arg("-o").arg(&made);
    run(compile.arg("-I").arg(installed().join("include")).arg("-L").arg(installed().join("lib")).arg("-lsnnc"));
    let told = run(command(made).current_dir(root().join("..")));
    let network = load(&fixture("digits/digits.snn"));
    let class = network.run_quantised(&[0; 64], network.spec().timesteps, 0).unwrap().predictions()[0];
    assert_eq!(String::from_utf8(told.stdout).unwrap(), format!("class {class}\n"));
}

#[test]
fn the_header_is_c_plus_plus_too() {
    let Some(cxx) = compiler("CXX", "c++") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (source, made) = (folder.path().join("version.cpp"), folder.path().join("version"));
    fs::write(&source, "#include <snnc.h>\n#include <cstdio>\nint main() { std::puts(snnc_version()); snnc_network_free(nullptr); }\n")
        .unwrap();
    let mut compile = Command::new(cxx);
    compile.args(["-std=c++11", "-Wall", "-Wextra", "-Werror", "-pedantic"]).arg(&source).arg("-o").arg(&made);
    run(compile.arg("-I").arg(installed().join("include")).arg("-L").arg(installed().join("lib")).arg("-lsnnc"));
    assert_eq!(String::from_utf8(run(&mut command(made)).stdout).unwrap().trim(), env!("CARGO_PKG_VERSION"));
}
