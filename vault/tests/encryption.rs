//! Files that are encrypted: opened by whom they are for, here and by the program `age`, and by nobody else.
//!
//! Where there is no `age` the test says so and passes, unless `SNNC_REQUIRE_AGE` is set.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use snnc_vault::{Envelope, Error, Keys, Passphrase, Recipients, is_encrypted};
use std::{env, fs, path::PathBuf, process::Command};

const RECIPIENT: &str = "age15q7p0mj6zyvgx945arjl9gglhh0nv6hm3wl4kl8r0th5f2d6wdds2wms5s";
const OTHER: &str = "age1cuj3hknkm9jvl7hx52zqhjpqm9qku7wscv3v9de6622x9nvr63qqqv60lu";

fn key(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/keys").join(name)
}

fn keys(name: &str) -> Keys {
    let mut keys = Keys::default();
    keys.add_identities(&fs::read_to_string(key(name)).unwrap()).unwrap();
    keys
}

fn with_passphrase(text: &str) -> Keys {
    let mut keys = Keys::default();
    keys.add_passphrase(&Passphrase::new(text).unwrap());
    keys
}

/// Several of the chunks that the format cuts a file into.
fn content() -> Vec<u8> {
    (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn every_recipient_opens_it_and_nobody_else() {
    let content = content();
    let file = Recipients::of_keys([RECIPIENT]).unwrap().encrypt(&content).unwrap();
    assert!(is_encrypted(&file) && !is_encrypted(&content));
    assert!(!file.windows(16).any(|window| window == &content[1000..1016]));
    assert_eq!(*keys("age.key").open(&file, None).unwrap(), content);
    assert!(matches!(keys("other.age.key").open(&file, None), Err(Error::NotForUs)));
    assert!(matches!(Keys::default().open(&file, None), Err(Error::Locked)));
    let both = Recipients::of_keys([OTHER, RECIPIENT]).unwrap().encrypt(&content).unwrap();
    for name in ["age.key", "other.age.key"] {
        assert_eq!(*keys(name).open(&both, None).unwrap(), content);
    }
    let again = Recipients::of_keys([RECIPIENT]).unwrap().encrypt(&content).unwrap();
    assert_ne!(file, again, "its key is random");
}

#[test]
fn passphrases() {
    let file = Recipients::Passphrase(Passphrase::new("correct horse").unwrap()).encrypt(b"inside").unwrap();
    assert_eq!(&*with_passphrase("correct horse").open(&file, None).unwrap(), b"inside");
    assert!(matches!(with_passphrase("correct house").open(&file, None), Err(Error::Passphrase)));
    assert!(matches!(keys("age.key").open(&file, None), Err(Error::NeedsPassphrase)));
    assert!(matches!(Passphrase::new(""), Err(Error::NoPassphrase)));
    // A file that wants hours of work is not even begun with.
    let header = String::from_utf8_lossy(&file[..100]).into_owned();
    let (start, line) = (header.find("-> scrypt ").unwrap(), header[header.find("-> scrypt ").unwrap()..].lines().next().unwrap());
    let greedy = [&file[..start], line.replace(" 18", " 40").as_bytes(), &file[start + line.len()..]].concat();
    assert!(matches!(with_passphrase("correct horse").open(&greedy, None), Err(Error::Work(40))));
}

#[test]
fn what_is_cut_off_or_changed_stays_closed() {
    let content = content();
    let file = Recipients::of_keys([RECIPIENT]).unwrap().encrypt(&content).unwrap();
    let keys = keys("age.key");
    for len in [0, 10, 19, 21, 60, 150, 200, 65_000, 65_736, 66_000, 131_000, file.len() - 17, file.len() - 1] {
        // Less than its first words is no encrypted file, and goes to who reads plain ones.
        assert!(keys.open(&file[..len], None).map_or(true, |opened| !is_encrypted(&file[..len]) && *opened == file[..len]), "{len}");
    }
    let mut longer = file.clone();
    longer.push(0);
    assert!(matches!(keys.open(&longer, None), Err(Error::Damaged)));
    // Two whole chunks in each other's place.
    let chunk = 65_536 + 16;
    let start = file.len() - (content.len() + 4 * 16);
    let swapped =
        [&file[..start], &file[start + chunk..start + 2 * chunk], &file[start..start + chunk], &file[start + 2 * chunk..]].concat();
    assert_eq!(swapped.len(), file.len());
    assert!(matches!(keys.open(&swapped, None), Err(Error::Damaged)));
    let newer = [b"age-encryption.org/v2", &file[21..]].concat();
    assert!(matches!(keys.open(&newer, None), Err(Error::Version)));
}

#[test]
fn keys_that_are_none() {
    let refused = |key: &str| Recipients::of_keys([key]).unwrap_err().to_string();
    assert!(refused("age1qqq").contains("`age1qqq` is no recipient"));
    let secret = fs::read_to_string(key("age.key")).unwrap().lines().last().unwrap().to_owned();
    assert!(!refused(&secret).contains(&secret[20..]), "a secret key by mistake is not shown");
    assert!(matches!(Recipients::of_keys([]), Err(Error::NoRecipients)));
    let mut keys = Keys::default();
    assert!(matches!(keys.add_identities("# nothing\n\n"), Err(Error::NoIdentities)));
    let error = keys.add_identities(&format!("# mine\n{}\n", &secret[..70])).unwrap_err();
    assert!(matches!(error, Error::Identity(2)) && !error.to_string().contains(&secret[20..40]), "{error}");
    assert!(matches!(keys.add_identities("age-encryption.org/v1\n..."), Err(Error::EncryptedIdentity)));
    assert!(keys.is_empty());
}

#[test]
fn nothing_secret_is_shown() {
    let secret = fs::read_to_string(key("age.key")).unwrap().lines().last().unwrap().to_owned();
    let passphrase = Recipients::Passphrase(Passphrase::new("correct horse").unwrap());
    let mut all = format!("{:?} {passphrase:?} {:?}", keys("age.key"), with_passphrase("correct horse"));
    all += &format!("{:?}", Envelope::new(passphrase, keys("age.key")));
    let file = Recipients::of_keys([RECIPIENT]).unwrap().encrypt(b"inside").unwrap();
    all += &format!("{:?}", keys("age.key").open(&file, None).unwrap());
    assert!(!all.contains("horse") && !all.contains(&secret[16..30]) && !all.contains("inside"), "{all}");
    assert!(format!("{:?}", Recipients::of_keys([RECIPIENT]).unwrap()).contains(RECIPIENT), "who it is for is no secret");
}

#[test]
fn an_envelope_opens_again() {
    let plain = Envelope::default();
    assert_eq!(plain.close(b"inside".to_vec()).unwrap(), b"inside");
    assert_eq!(&*plain.open(b"inside").unwrap(), b"inside");
    let sealed = Envelope::new(Recipients::of_keys([RECIPIENT]).unwrap(), keys("age.key"));
    let kept = sealed.close(b"inside".to_vec()).unwrap();
    assert!(is_encrypted(&kept));
    assert_eq!(&*sealed.open(&kept).unwrap(), b"inside");
    assert!(matches!(plain.open(&kept), Err(Error::Locked)));
    let by_passphrase = Envelope::new(Recipients::Passphrase(Passphrase::new("correct horse").unwrap()), Keys::default());
    assert_eq!(&*by_passphrase.open(&by_passphrase.close(b"inside".to_vec()).unwrap()).unwrap(), b"inside");
}

#[test]
fn the_program_age_reads_and_writes_the_same_files() {
    let there_is = Command::new("age").arg("--version").output().is_ok_and(|run| run.status.success());
    assert!(there_is || env::var_os("SNNC_REQUIRE_AGE").is_none(), "`age` does not run");
    if !there_is {
        println!("skipped: `age` does not run");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours.age"), folder.path().join("theirs.age"));
    let content = content();
    fs::write(&ours, Recipients::of_keys([OTHER, RECIPIENT]).unwrap().encrypt(&content).unwrap()).unwrap();
    let run = Command::new("age").args(["-d", "-i"]).arg(key("age.key")).arg(&ours).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(run.stdout, content);

    let plain = folder.path().join("plain");
    fs::write(&plain, &content).unwrap();
    assert!(Command::new("age").args(["-r", RECIPIENT, "-o"]).arg(&theirs).arg(&plain).status().unwrap().success());
    assert_eq!(*keys("age.key").read(&theirs).unwrap(), content);
}
