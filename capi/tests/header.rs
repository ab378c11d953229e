//! The header is what cbindgen makes of the sources. The program that says so is built by itself, in some seconds; where it cannot be, for
//! want of crates, the test passes unless `SNNC_REQUIRE_CBINDGEN` is set.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::{env, path::Path, process::Command};

#[test]
fn the_header_is_up_to_date() {
    let cargo = |words: &[&str]| {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("header/Cargo.toml");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("header");
        let mut command = Command::new(env!("CARGO"));
        command
            .arg(words[0])
            .args(["--quiet", "--locked", "--manifest-path"])
            .arg(manifest)
            .arg("--target-dir")
            .arg(target)
            .args(&words[1..]);
        command.output().unwrap()
    };
    let built = cargo(&["build"]);
    if !built.status.success() && env::var_os("SNNC_REQUIRE_CBINDGEN").is_none() {
        println!("skipped: cbindgen cannot be built");
        return;
    }
    let checked = cargo(&["run", "--", "--check"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
