//! Random damage to artifacts that are plain, encrypted, signed, both, or locked: each is refused or is what it was, and nothing panics.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use snnc::artifact::lock;
use snnc_runtime::{Artifact, Keys, Network, PublicKey, locked::Key};
use snnc_vault::{Recipients, SecretKey, is_encrypted};
use std::{fs, path::PathBuf};

const RECIPIENT: &str = "age15q7p0mj6zyvgx945arjl9gglhh0nv6hm3wl4kl8r0th5f2d6wdds2wms5s";

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(fixture(name)).unwrap()
}

/// Random numbers: SplitMix64.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.bits() >> 11) as usize % n
    }

    /// A place in a file: as often among its first bytes, where headers are, as anywhere.
    fn place(&mut self, len: usize) -> usize {
        let reach = if self.below(2) == 0 { len.min(256) } else { len };
        self.below(reach)
    }

    /// A file that somebody broke.
    fn damaged(&mut self, file: &[u8]) -> Vec<u8> {
        let mut file = file.to_vec();
        for _ in 0..=self.below(2) {
            if file.is_empty() {
                break;
            }
            let (a, b) = (self.place(file.len()), self.place(file.len()));
            let (start, end) = (a.min(b), a.max(b) + 1);
            match self.below(8) {
                0..=2 => file[a] ^= 1 << self.below(8),
                3 => file[a] = self.bits() as u8,
                4 => file.truncate(a),
                5 => file.swap(a, b),
                6 => drop(file.drain(start..end)),
                _ => {
                    let again = file[start..end].to_vec();
                    drop(file.splice(a..a, again));
                }
            }
        }
        file
    }
}

fn opening() -> Keys {
    let mut keys = Keys::default();
    keys.add_identities(&text("keys/age.key")).unwrap();
    keys
}

fn requiring() -> Keys {
    let mut keys = opening();
    keys.require_signature(PublicKey::parse(&text("keys/minisign.pub")).unwrap());
    keys
}

/// Small networks of both codes.
fn artifacts() -> Vec<Vec<u8>> {
    let mut files: Vec<_> = fs::read_dir(fixture("vectors")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "snn"));
    files.sort();
    assert!(files.len() > 3);
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// How many of each kind.
const EACH: usize = 4000;

#[test]
fn plain() {
    let (mut random, artifacts) = (Random(1), artifacts());
    for i in 0..EACH {
        let file = random.damaged(&artifacts[i % artifacts.len()]);
        // What is still an artifact is another one, and as good as any.
        if let Ok(artifact) = Artifact::from_bytes(&file) {
            artifact.to_bytes().unwrap();
            Network::load_with(&file, None, &opening()).unwrap();
        }
    }
}

#[test]
fn encrypted() {
    let (mut random, keys) = (Random(2), opening());
    let recipients = Recipients::of_keys([RECIPIENT]).unwrap();
    let files: Vec<_> = artifacts().iter().map(|artifact| recipients.encrypt(artifact).unwrap()).collect();
    files.iter().for_each(|file| drop(Network::load_with(file, None, &keys).unwrap()));
    let mut encrypted = 0;
    for i in 0..EACH {
        let whole = &files[i % files.len()];
        // Now and then the header of one and what is in another.
        let file = match i % 50 {
            0 => [&whole[..200], &files[(i + 1) % files.len()][200..]].concat(),
            _ => random.damaged(whole),
        };
        encrypted += usize::from(is_encrypted(&file));
        assert_eq!(Network::load_with(&file, None, &keys).is_ok(), file == *whole, "number {i}");
        assert!(Network::load(&file).is_err());
    }
    assert!(encrypted > EACH / 2, "the damage is not all in the first words: {encrypted}");
}

#[test]
fn locked() {
    let mut random = Random(5);
    let open = Artifact::from_bytes(&fs::read(fixture("digits/digits.snn")).unwrap()).unwrap();
    let file = lock(&open, &Key::generate()).unwrap().to_bytes().unwrap();
    let whole = Network::load(&file).unwrap();
    let image = vec![100u16; whole.image_len()];
    let (mut refused, mut other) = (0, 0);
    for _ in 0..EACH / 2 {
        let damaged = random.damaged(&file);
        match Network::load(&damaged) {
            Err(_) => refused += 1,
            // Ciphertexts can be changed by anybody, and only the key would show it; what must not happen is another shape, a panic, or an answer in the
            // clear.
            Ok(network) => {
                other += usize::from(damaged != file);
                assert_eq!((network.classes(), network.image_len()), (whole.classes(), whole.image_len()));
                let steps = network.spec().timesteps;
                assert!(network.run_quantised(&image, steps, 0).is_err());
                network.answer_quantised_checkpoints(&image, &[steps], 0).unwrap();
            }
        }
    }
    assert!(refused > EACH / 4 && other > 0, "{refused} {other}");
}

#[test]
fn signed() {
    let (mut random, keys) = (Random(3), requiring());
    let signer = SecretKey::parse(&text("keys/minisign.key"), None).unwrap();
    let artifacts = artifacts();
    let signatures: Vec<_> = artifacts.iter().map(|artifact| signer.sign(artifact, "of a test").unwrap()).collect();
    // What is signed: neither the comment that says it is not, nor what follows.
    let essence = |signature: &str| signature.lines().skip(1).take(3).map(str::to_owned).collect::<Vec<_>>();
    let mut changed = 0;
    for i in 0..EACH {
        let (artifact, signature) = (&artifacts[i % artifacts.len()], &signatures[i % artifacts.len()]);
        let (file, signature_file) = match i % 3 {
            0 => (random.damaged(artifact), signature.clone().into_bytes()),
            1 => (artifact.clone(), random.damaged(signature.as_bytes())),
            _ => (artifact.clone(), signatures[(i + 1 + random.below(artifacts.len() - 1)) % artifacts.len()].clone().into_bytes()),
        };
        let given = std::str::from_utf8(&signature_file).ok();
        let holds = file == *artifact && given.is_some_and(|given| essence(given) == essence(signature));
        changed += usize::from(!holds);
        assert_eq!(Network::load_with(&file, given, &keys).is_ok(), holds, "number {i}: {given:?}");
    }
    assert!(changed > EACH / 2);
}

#[test]
fn encrypted_and_signed() {
    let (mut random, keys) = (Random(4), requiring());
    let (file, signature) = (fs::read(fixture("keys/digits.snn.age")).unwrap(), text("keys/digits.snn.age.minisig"));
    let network = Network::load_with(&file, Some(&signature), &keys).unwrap();
    assert_eq!(network.spec(), Network::load(&fs::read(fixture("digits/digits.snn")).unwrap()).unwrap().spec());
    assert!(Network::load_with(&file, None, &keys).is_err());
    for i in 0..EACH / 4 {
        let damaged = random.damaged(&file);
        assert_eq!(Network::load_with(&damaged, Some(&signature), &keys).is_ok(), damaged == file, "number {i}");
        // The signature is of what is shipped: what is inside does not hold by itself.
        assert!(Network::load_with(&file[..file.len() - i - 1], Some(&signature), &keys).is_err());
    }
}
