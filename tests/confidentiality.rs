//! The command line on files that are encrypted and signed: what is written, who opens it, and what is said to everyone else.
//!
//! Where `age` or `minisign` are not there the tests that need them say so and pass, unless `SNNC_REQUIRE_AGE` or `SNNC_REQUIRE_MINISIGN` is set.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails")]

mod common;

use common::Ran;
use std::{
    env, fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

const RECIPIENT: &str = "age15q7p0mj6zyvgx945arjl9gglhh0nv6hm3wl4kl8r0th5f2d6wdds2wms5s";
const OTHER: &str = "age1cuj3hknkm9jvl7hx52zqhjpqm9qku7wscv3v9de6622x9nvr63qqqv60lu";
const MAGIC: &[u8] = b"age-encryption.org/v1\n";

fn fixture(name: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name).into_os_string().into_string().unwrap()
}

fn key(name: &str) -> String {
    fixture(&format!("keys/{name}"))
}

/// A folder to work in.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.0.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = common::command(self.0.path());
        command.args(args);
        command
    }

    fn snnc(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    /// The same, with something on standard input.
    fn fed(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It may end without having read everything.
        let _ = child.stdin.take().unwrap().write_all(input);
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Compiles the digits to `NAME.snn`, quickly.
    fn compile(&self, name: &str, more: &[&str]) -> Ran {
        let (model, out) = (fixture("digits/digits.onnx"), format!("{name}.snn"));
        let mut args = vec![model.as_str(), "-o", &out, "--samples", "8"];
        for (option, usual) in [("--train", "none"), ("--audit", "none")] {
            if !more.contains(&option) {
                args.extend([option, usual]);
            }
        }
        args.extend(more);
        self.snnc(&args)
    }

    /// An image, as `run` reads it.
    fn image(&self) {
        let mut header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 8, 8), }".to_owned();
        header += &" ".repeat(127 - 10 - header.len());
        let pixels: Vec<u8> = (0..64).map(|i| i * 4).collect();
        let file = [b"\x93NUMPY\x01\x00", &118u16.to_le_bytes()[..], header.as_bytes(), b"\n", &pixels[..]].concat();
        fs::write(self.path("x.npy"), file).unwrap();
    }
}

/// Whether a program runs; if it does not and is required, the test fails.
fn there_is(program: &str, version: &str, required: &str) -> bool {
    let works = Command::new(program).arg(version).output().is_ok_and(|run| run.status.success());
    assert!(works || env::var_os(required).is_none(), "`{program}` does not run");
    if !works {
        println!("skipped: `{program}` does not run");
    }
    works
}

#[test]
fn everything_that_leaks_is_encrypted() {
    let place = Place::new();
    let outputs = ["--html", "m.html", "--save-samples", "m.npz", "--emit", "c=m.h", "--emit", "ir=m.ir"];
    place.compile("plain", &[&["--audit", "quick"][..], &outputs].concat()).ok();
    let plain: Vec<Vec<u8>> = ["plain.snn", "m.html", "m.npz", "m.h", "m.ir"].map(|name| place.read(name)).into();
    fs::write(place.path("people"), format!("# who may read it\n{OTHER}\n")).unwrap();
    let ran = place.compile("m", &[&["--audit", "quick", "--encrypt-to", RECIPIENT, "--encrypt-to-file", "people"][..], &outputs].concat());
    let said = ran.ok().stderr;
    for (name, plain) in ["m.snn", "m.html", "m.npz", "m.h", "m.ir"].into_iter().zip(&plain) {
        assert!(place.read(name).starts_with(MAGIC), "{name}");
        for identity in ["age.key", "other.age.key"] {
            place.snnc(&["decrypt", name, "-o", "inside", "--identity", &key(identity)]).ok();
            // Names inside are those of the file that is written.
            if name != "m.h" && name != "m.html" {
                assert!(place.read("inside") == *plain, "{name}: inside is what would have been written");
            }
        }
    }
    let report = String::from_utf8(place.read("m.report.json")).unwrap();
    assert!(report.starts_with('{') && !report.contains(RECIPIENT) && !said.contains(RECIPIENT));
}

#[test]
fn every_command_opens_it_in_memory() {
    let place = Place::new();
    place.image();
    place.compile("plain", &[]).ok();
    place.compile("m", &["--encrypt-to", RECIPIENT]).ok();
    let (identity, other, model) = (key("age.key"), key("other.age.key"), fixture("digits/digits.onnx"));
    let data = fixture("digits/digits_test.npz");
    let commands: [&[&str]; 7] = [
        &["run", "_", "x.npy"],
        &["run", "_", "x.npy", "--simulator", "engine"],
        &["run", "--explain", "_"],
        &["eval", "_", "--data", &data, "--limit", "20", "--json"],
        &["inspect", "_"],
        &["emit", "c", "_", "--name", "digits"],
        &["audit", "_", "--ann", &model],
    ];
    let before = place.names();
    for words in commands {
        let with = |name: &str, more: &[&str]| {
            let words: Vec<&str> = words.iter().map(|&word| if word == "_" { name } else { word }).chain(more.iter().copied()).collect();
            place.snnc(&words)
        };
        let expected = with("plain.snn", &[]).ok().stdout.replace("plain.snn", "m.snn");
        assert_eq!(with("m.snn", &["--identity", &identity]).ok().stdout, expected, "{words:?}");
        assert_eq!(with("m.snn", &["--identity", &other, "--identity", &identity]).ok().stdout, expected, "{words:?}");
        with("m.snn", &[]).error("it is encrypted: `--identity KEYFILE` opens it, or `--passphrase FILE`");
        with("m.snn", &["--identity", &other]).error("none of the keys given opens it");
    }
    place.snnc(&["bench", "m.snn", "--seconds", "0.01", "--identity", &identity]).ok();
    place.snnc(&["bench", "m.snn"]).error("it is encrypted");
    assert_eq!(place.names(), before, "nothing is written");
    let text = fs::read(&identity).unwrap();
    place.fed(&["run", "m.snn", "x.npy", "--identity", "-"], &text).ok();
}

#[test]
fn what_commands_write_can_be_encrypted() {
    let place = Place::new();
    place.image();
    place.compile("m", &[]).ok();
    place.snnc(&["run", "m.snn", "x.npy", "-o", "y.npy", "--raster", "y.svg", "--encrypt-to", RECIPIENT]).ok();
    place.snnc(&["emit", "c", "m.snn", "-o", "m.h", "--encrypt-to", RECIPIENT]).ok();
    place.snnc(&["nir", "m.snn", "-o", "m.nir", "--encrypt-to", RECIPIENT]).ok();
    let (model, identity) = (fixture("digits/digits.onnx"), key("age.key"));
    let audit =
        ["audit", "m.snn", "--ann", &model, "--html", "a.html", "--checkpoint", "kept", "--encrypt-to", RECIPIENT, "--json", "a.json"];
    let table = place.snnc(&audit).ok().stdout;
    for name in ["y.npy", "y.svg", "m.h", "m.nir", "a.html"] {
        assert!(place.read(name).starts_with(MAGIC), "{name}");
    }
    assert!(place.read("a.json").starts_with(b"{"));
    let kept: Vec<_> = fs::read_dir(place.path("kept")).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(!kept.is_empty() && kept.iter().all(|file| file.starts_with(MAGIC)));
    place.snnc(&[&audit[..], &["--resume"]].concat()).error("it is encrypted, and no key was given");
    assert_eq!(place.snnc(&[&audit[..], &["--resume", "--identity", &identity]].concat()).ok().stdout, table);
    // The file of NIR is opened in memory, and is the network again.
    place.snnc(&["nir", "m.nir", "-o", "back.snn", "--identity", &identity]).ok();
    assert_eq!(place.read("back.snn"), place.read("m.snn"));

    let to_nowhere = "standard output is not encrypted";
    place.snnc(&["emit", "c", "m.snn", "--encrypt-to", RECIPIENT]).error(to_nowhere);
    place.snnc(&["run", "m.snn", "x.npy", "--encrypt-to", RECIPIENT]).error(to_nowhere);
}

#[test]
fn damage_leaves_nothing_behind() {
    let place = Place::new();
    place.image();
    let whole = fs::read(key("digits.snn.age")).unwrap();
    let identity = key("age.key");
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let cases: [(&str, Vec<u8>, &str); 4] = [
        ("flipped", flipped, "it is encrypted, and damaged or cut off"),
        ("cut", whole[..whole.len() / 2].to_vec(), "it is encrypted, and damaged or cut off"),
        ("header", whole[..100].to_vec(), "it is encrypted, and damaged or cut off"),
        ("newer", [b"age-encryption.org/v9", &whole[21..]].concat(), "in a way that this version does not know"),
    ];
    for (name, bytes, message) in cases {
        fs::write(place.path(name), bytes).unwrap();
        let before = place.names();
        place.snnc(&["decrypt", name, "-o", "inside", "--identity", &identity]).error(message);
        place.snnc(&["run", name, "x.npy", "-o", "y.npy", "--identity", &identity]).error(message);
        assert_eq!(place.names(), before, "{name}");
    }
    fs::write(place.path("inside"), "old").unwrap();
    place.snnc(&["decrypt", "cut", "-o", "inside", "--identity", &identity]).error("cut off");
    assert_eq!(place.read("inside"), b"old");
    place.snnc(&["decrypt", "x.npy", "-o", "inside", "--identity", &identity]).error("it is not encrypted");
    place.snnc(&["decrypt", "cut", "-o", "cut", "--identity", &identity]).error("would overwrite");
    fs::copy(&identity, place.path("my.key")).unwrap();
    place.snnc(&["decrypt", "cut", "-o", "my.key", "--identity", "my.key"]).error("-o would overwrite the identity");
    place.snnc(&["run", "cut", "x.npy", "-o", "my.key", "--identity", "my.key"]).error("-o would overwrite the identity");
    place.snnc(&["decrypt", "none", "-o", "inside", "--identity", &identity]).error("No such file");
}

#[test]
fn passphrases_come_from_files_or_standard_input() {
    let place = Place::new();
    place.image();
    fs::write(place.path("pass"), "correct horse\nand more lines\n").unwrap();
    fs::write(place.path("wrong"), "correct house\n").unwrap();
    fs::write(place.path("empty"), "\n").unwrap();
    let said = place.compile("m", &["--encrypt-passphrase", "pass", "--verbose"]).ok().stderr;
    let report = String::from_utf8(place.read("m.report.json")).unwrap();
    assert!(!said.contains("horse") && !report.contains("horse"));
    let run = ["run", "m.snn", "x.npy", "--passphrase"];
    let expected = place.snnc(&[&run[..], &["pass"]].concat()).ok().stdout;
    assert_eq!(place.fed(&[&run[..], &["-"]].concat(), b"correct horse\n").ok().stdout, expected);
    place.snnc(&[&run[..], &["wrong"]].concat()).error("it is encrypted with another passphrase, or damaged");
    place.snnc(&[&run[..], &["empty"]].concat()).error("the passphrase is empty");
    place.snnc(&[&run[..], &["none"]].concat()).error("none");
    place.snnc(&["run", "m.snn", "x.npy", "--identity", &key("age.key")]).error("`--passphrase FILE` opens it");
    place.fed(&["run", "m.snn", "x.npy", "--identity", "-", "--passphrase", "-"], b"").error("no identity");
    let identity = fs::read(key("age.key")).unwrap();
    place.fed(&["run", "m.snn", "x.npy", "--identity", "-", "--passphrase", "-"], &identity).error("can only be read once");
    place.compile("n", &["--encrypt-passphrase", "pass", "--encrypt-to", RECIPIENT]).error("cannot be used with");
}

#[test]
fn a_training_goes_on_from_an_encrypted_checkpoint() {
    let place = Place::new();
    let train = ["--train", "temporal", "--train-samples", "24", "--epochs", "2", "--timesteps", "8"];
    place.compile("plain", &train).ok();
    let encrypted = [&train[..], &["--checkpoint", "state", "--encrypt-to", RECIPIENT]].concat();
    place.compile("first", &encrypted).ok();
    assert!(place.read("state/training.safetensors").starts_with(MAGIC));
    let resume = [&encrypted[..], &["--resume"]].concat();
    let identity = key("age.key");
    place.compile("none", &resume).error("name a key that opens it with --identity");
    place.compile("none", &[&resume[..], &["--identity", &key("other.age.key")]].concat()).error("none of the keys given opens it");
    place.compile("none", &[&train[..], &["--checkpoint", "state", "--resume", "--identity", &identity]].concat()).error("encrypted again");
    place.compile("none", &[&train[..], &["--checkpoint", "state", "--resume"]].concat()).error("it is encrypted, and no key was given");
    assert!(!place.path("none.snn").exists());
    place.compile("resumed", &[&resume[..], &["--identity", &identity]].concat()).ok();
    place.snnc(&["decrypt", "resumed.snn", "-o", "inside", "--identity", &identity]).ok();
    assert!(place.read("inside") == place.read("plain.snn"), "a checkpoint does not shape the result, encrypted or not");
}

#[test]
fn what_cannot_be_encrypted_is_refused_before_the_work() {
    let place = Place::new();
    let secret = fs::read_to_string(key("age.key")).unwrap().lines().last().unwrap().to_owned();
    let refused = place.compile("m", &["--encrypt-to", &secret]).error("is no recipient of age");
    assert!(!refused.stderr.contains(&secret[20..40]), "{}", refused.stderr);
    place.compile("m", &["--encrypt-to", RECIPIENT, "--emit", "ir"]).error("--emit to standard output is not encrypted");
    place.compile("m", &["--encrypt-to", RECIPIENT, "--dump-after", "all"]).error("--dump-after prints the network");
    fs::write(place.path("people"), "# nobody\n").unwrap();
    place.compile("m", &["--encrypt-to-file", "people"]).error("people: there is no recipient");
    place.compile("m", &["--encrypt-to-file", "none"]).error("none");
    place.compile("m", &["--encrypt-to-file", "m.snn"]).error("would overwrite the recipients");
    assert_eq!(place.names(), ["people"]);
}

#[test]
fn signatures() {
    let place = Place::new();
    place.image();
    let (secret, public, stranger) = (key("minisign.key"), key("minisign.pub"), key("password.pub"));
    let said = place.compile("m", &["--encrypt-to", RECIPIENT, "--sign", &secret, "--depfile", "m.d"]).ok().stderr;
    assert!(!said.contains("RWQAAEIy") && String::from_utf8(place.read("m.d")).unwrap().contains("minisign.key"));
    let verify = |key: &str| place.snnc(&["verify", "m.snn", "--key", key]);
    let said = verify(&public).ok().stdout;
    assert!(said.starts_with(concat!("m.snn: signed: snnc ", env!("CARGO_PKG_VERSION"), ", sha256 ")), "{said}");
    let line = fs::read_to_string(&public).unwrap().lines().nth(1).unwrap().to_owned();
    assert_eq!(verify(&line).ok().stdout, said);
    let refused = verify(&stranger);
    assert!(refused.code == 1 && refused.stderr.contains("another key"), "{}", refused.stderr);
    verify(&secret).error("this is no public key of minisign");
    verify("none").error("none");

    // The comment of the same file is the same: it has no time in it.
    let comment = |file: &[u8]| String::from_utf8(file.to_vec()).unwrap().lines().nth(2).unwrap().to_owned();
    let first = comment(&place.read("m.snn.minisig"));
    place.snnc(&["sign", "m.snn", "--key", &secret]).ok();
    assert_eq!(comment(&place.read("m.snn.minisig")), first);

    let identity = key("age.key");
    let run = |key: &str| place.snnc(&["run", "m.snn", "x.npy", "--identity", &identity, "--require-signature", key]);
    run(&public).ok();
    run(&line).ok();
    run(&stranger).error("m.snn: refused: it is signed with another key");
    place.snnc(&["run", "m.snn", "x.npy", "--require-signature", &public]).error("it is encrypted");
    // Whoever has the recipient can encrypt another network, but not sign it.
    let signature = place.read("m.snn.minisig");
    place.compile("m", &["--encrypt-to", RECIPIENT, "--seed", "7"]).ok();
    run(&public).error("its signature does not hold");
    assert_eq!(verify(&public).code, 1);
    fs::remove_file(place.path("m.snn.minisig")).unwrap();
    run(&public).error("a signature is required, and there is none in `m.snn.minisig`");
    let missing = verify(&public);
    assert!(missing.code == 1 && missing.stderr.contains("there is none"), "{}", missing.stderr);
    fs::write(place.path("m.snn.minisig"), &signature[..40]).unwrap();
    run(&public).error("its signature cannot be read");

    let (model, data) = (fixture("digits/digits.onnx"), fixture("digits/digits_test.npz"));
    let commands: [&[&str]; 6] = [
        &["eval", "m.snn", "--data", &data],
        &["inspect", "m.snn"],
        &["emit", "c", "m.snn"],
        &["audit", "m.snn", "--ann", &model],
        &["bench", "m.snn"],
        &["decrypt", "m.snn", "-o", "inside"],
    ];
    for words in commands {
        place.snnc(&[words, &["--identity", &identity, "--require-signature", &public]].concat()).error("refused: its signature");
    }
}

#[test]
fn keys_with_passwords() {
    let place = Place::new();
    place.compile("m", &[]).ok();
    let (secret, password) = (key("password.key"), key("password.txt"));
    place.snnc(&["sign", "m.snn", "--key", &secret]).error("there is no terminal to ask at");
    fs::write(place.path("wrong"), "wp").unwrap();
    place.snnc(&["sign", "m.snn", "--key", &secret, "--password", "wrong"]).error("the password of the secret key is another");
    assert!(!place.path("m.snn.minisig").exists());
    place.snnc(&["sign", "m.snn", "--key", &secret, "--password", &password]).ok();
    place.snnc(&["verify", "m.snn", "--key", &key("password.pub")]).ok();
    place.compile("m", &["--sign-password", &password]).error("--sign");
    place.compile("m", &["--sign", &key("age.key")]).error("this is no secret key of minisign");
    place.snnc(&["sign", "none", "--key", &secret, "--password", &password]).error("none");
}

#[test]
fn the_programs_age_and_minisign_read_what_is_written() {
    let (age, minisign) = (there_is("age", "--version", "SNNC_REQUIRE_AGE"), there_is("minisign", "-v", "SNNC_REQUIRE_MINISIGN"));
    let place = Place::new();
    place.compile("plain", &[]).ok();
    place.compile("m", &["--encrypt-to", RECIPIENT, "--sign", &key("minisign.key")]).ok();
    let run = |program: &str, args: &[&str]| Command::new(program).args(args).current_dir(place.0.path()).output().unwrap();
    if minisign {
        assert!(run("minisign", &["-V", "-H", "-p", &key("minisign.pub"), "-m", "m.snn"]).status.success());
        assert!(run("minisign", &["-S", "-s", &key("minisign.key"), "-m", "plain.snn", "-t", "by the program"]).status.success());
        let said = place.snnc(&["verify", "plain.snn", "--key", &key("minisign.pub")]).ok().stdout;
        assert_eq!(said, "plain.snn: signed: by the program\n");
    }
    if age {
        let opened = run("age", &["-d", "-i", &key("age.key"), "m.snn"]);
        assert!(opened.stdout == place.read("plain.snn"), "{}", String::from_utf8_lossy(&opened.stderr));
        assert!(run("age", &["-r", OTHER, "-o", "theirs.snn", "plain.snn"]).status.success());
        let inspect = |file: &str, more: &[&str]| place.snnc(&[&["inspect", file], more].concat()).ok().stdout;
        assert_eq!(inspect("theirs.snn", &["--identity", &key("other.age.key")]).replace("theirs", "plain"), inspect("plain.snn", &[]));
    }
}
