//! Makes `capi/include/snnc.h` of the sources of the library, by cbindgen. `--check` only says whether it is up to date.

use std::{env, error::Error, fs, path::Path};

/// The files with what C sees, in the order of the header.
const ORDER: [&str; 7] = ["status.rs", "version.rs", "network.rs", "keys.rs", "describe.rs", "outcome.rs", "trace.rs"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for entry in fs::read_dir(root.join("src"))? {
        let path = entry?.path();
        if fs::read_to_string(&path)?.contains("no_mangle") && !ORDER.iter().any(|name| path.ends_with(name)) {
            return Err(format!("{} is not among the files of the header", path.display()).into());
        }
    }
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    let builder = cbindgen::Builder::new().with_config(config);
    let mut made = Vec::new();
    ORDER.iter().fold(builder, |builder, name| builder.with_src(root.join("src").join(name))).generate()?.write(&mut made);
    let header = root.join("include/snnc.h");
    if env::args().nth(1).as_deref() != Some("--check") {
        fs::write(header, made)?;
    } else if fs::read(header)? != made {
        return Err(
            "capi/include/snnc.h is not what the sources say: `cargo run --manifest-path capi/header/Cargo.toml` makes it again".into()
        );
    }
    Ok(())
}
