//! The file of a key.

use snnc_lock::Key;
use std::io::ErrorKind;

#[test]
fn a_key_is_private_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.key");
    let key = Key::generate();
    key.create(&path).unwrap();
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);
    assert_eq!(Key::open(&path).unwrap().to_bytes(), key.to_bytes());
    assert_eq!(Key::generate().create(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(Key::open(&path).unwrap().id(), key.id());

    let bytes = key.to_bytes();
    for broken in [&b""[..], b"snnc", &bytes[1..], &[&bytes[..], &[0]].concat()] {
        std::fs::write(&path, broken).unwrap();
        assert_eq!(Key::open(&path).unwrap_err().kind(), ErrorKind::InvalidData);
    }
    assert_eq!(Key::open(folder.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
}
