//! Files that are signed: what holds here holds for the program `minisign`, and the reverse.
//!
//! Where there is no `minisign` the test says so and passes, unless `SNNC_REQUIRE_MINISIGN` is set.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use snnc_vault::{Error, Keys, Passphrase, PublicKey, SecretKey, signature_path};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

fn key(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/keys").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(key(name)).unwrap()
}

fn public(name: &str) -> PublicKey {
    PublicKey::parse(&text(name)).unwrap()
}

fn secret() -> SecretKey {
    SecretKey::parse(&text("minisign.key"), None).unwrap()
}

fn requiring(name: &str) -> Keys {
    let mut keys = Keys::default();
    keys.require_signature(public(name));
    keys
}

#[test]
fn only_what_was_signed_opens() {
    let signature = secret().sign(b"a network", "of a test").unwrap();
    assert_eq!(secret().public().unwrap(), public("minisign.pub"));
    assert_eq!(public("minisign.pub").verify(b"a network", &signature).unwrap(), "of a test");
    let keys = requiring("minisign.pub");
    assert_eq!(&*keys.open(b"a network", Some(&signature)).unwrap(), b"a network");
    assert!(matches!(keys.open(b"a network", None), Err(Error::Unsigned(None))));
    assert!(matches!(keys.open(b"A network", Some(&signature)), Err(Error::Changed)));
    assert!(matches!(requiring("password.pub").open(b"a network", Some(&signature)), Err(Error::Signer)));
    assert!(matches!(keys.open(b"a network", Some("nonsense")), Err(Error::NoSignature)));
    let other_comment = signature.replace("of a test", "of a TEST");
    assert!(matches!(keys.open(b"a network", Some(&other_comment)), Err(Error::Changed)), "the trusted comment is signed");
    assert!(Keys::default().open(b"A network", None).is_ok(), "nothing is required");
}

#[test]
fn the_signature_lies_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.snn");
    assert_eq!(signature_path(&file), folder.path().join("m.snn.minisig"));
    fs::write(&file, "a network").unwrap();
    let keys = requiring("minisign.pub");
    let error = keys.read(&file).unwrap_err();
    assert!(error.to_string().contains("m.snn.minisig"), "{error}");
    fs::write(signature_path(&file), secret().sign(b"a network", "").unwrap()).unwrap();
    assert_eq!(&**keys.read(&file).unwrap(), b"a network");
    fs::write(&file, "b network").unwrap();
    assert!(matches!(keys.read(&file), Err(Error::Changed)));
    fs::write(signature_path(&file), [0xff, 0xfe]).unwrap();
    assert!(matches!(keys.read(&file), Err(Error::NoSignature)));
    assert!(matches!(keys.read(&folder.path().join("none")), Err(Error::File(_))));
}

#[test]
fn keys_that_are_none() {
    let whole = text("minisign.pub");
    let line = whole.lines().nth(1).unwrap();
    assert_eq!(PublicKey::parse(line).unwrap(), PublicKey::parse(&whole).unwrap());
    for none in ["", "RW", &line[..50], &text("minisign.key"), &text("age.key")] {
        assert!(matches!(PublicKey::parse(none), Err(Error::PublicKey)), "{none}");
    }
    let secret = text("minisign.key");
    for none in ["", "one line", "two\nlines", &whole, &secret[..120], &text("age.key")] {
        assert!(matches!(SecretKey::parse(none, None), Err(Error::SecretKey)), "{none}");
    }
    let shown = format!("{:?}", self::secret());
    assert!(!shown.contains(&secret.lines().nth(1).unwrap()[80..100]) && shown.len() < 20, "{shown}");
    // The half that signs is another than the half that is shown.
    let mut broken = secret.clone().into_bytes();
    let at = secret.len() - 100;
    broken[at] = if broken[at] == b'A' { b'B' } else { b'A' };
    let broken = SecretKey::parse(std::str::from_utf8(&broken).unwrap(), None).unwrap();
    assert!(broken.sign(b"a network", "").is_err());
}

#[test]
fn passwords() {
    let file = text("password.key");
    assert!(SecretKey::has_password(&file).unwrap() && !SecretKey::has_password(&text("minisign.key")).unwrap());
    assert!(matches!(SecretKey::parse(&file, None), Err(Error::NeedsPassword)));
    let with = |password: &str| SecretKey::parse(&file, Some(&Passphrase::new(password).unwrap()));
    assert!(matches!(with("wrong"), Err(Error::Password)));
    let signature = with("pw").unwrap().sign(b"a network", "").unwrap();
    assert!(public("password.pub").verify(b"a network", &signature).is_ok());
}

fn minisign(args: &[&str], path: &Path) -> bool {
    let run = Command::new("minisign").args(args).arg("-m").arg(path).output().unwrap();
    println!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    run.status.success()
}

#[test]
fn the_program_minisign_reads_and_writes_the_same_files() {
    // It has no option that does nothing: `-v` says which version it is.
    let there_is = Command::new("minisign").arg("-v").output().is_ok_and(|run| run.status.success());
    assert!(there_is || env::var_os("SNNC_REQUIRE_MINISIGN").is_none(), "`minisign` does not run");
    if !there_is {
        println!("skipped: `minisign` does not run");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.snn");
    fs::write(&file, "a network").unwrap();
    fs::write(signature_path(&file), secret().sign(b"a network", "of a test").unwrap()).unwrap();
    let public_path = key("minisign.pub");
    let verify = ["-V", "-H", "-p", public_path.to_str().unwrap()];
    assert!(minisign(&verify, &file));
    fs::write(&file, "b network").unwrap();
    assert!(!minisign(&verify, &file));

    fs::remove_file(signature_path(&file)).unwrap();
    let secret_path = key("minisign.key");
    assert!(minisign(&["-S", "-s", secret_path.to_str().unwrap(), "-t", "theirs"], &file));
    let signature = fs::read_to_string(signature_path(&file)).unwrap();
    assert_eq!(public("minisign.pub").verify(b"b network", &signature).unwrap(), "theirs");
    // Of the file itself, as old versions made them: the hash that everyone computes would not be what was signed.
    assert!(minisign(&["-S", "-l", "-s", secret_path.to_str().unwrap()], &file));
    let old = fs::read_to_string(signature_path(&file)).unwrap();
    assert!(matches!(public("minisign.pub").verify(b"b network", &old), Err(Error::OldSignature)));
}
