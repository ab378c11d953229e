//! `snnc doctor`

use super::build::cache_folder;
use crate::{
    cli::{outcome::Outcome, output::print},
    error::Result,
};
use snnc_engine::Device;
use snnc_files::Digest;
use snnc_runtime::Isa;
use std::{env, process::ExitCode, thread};

/// Runs the command.
pub(crate) fn run() -> Outcome {
    let lines: Vec<(&str, String)> = vec![
        ("version", concat!("snnc ", env!("CARGO_PKG_VERSION")).to_owned()),
        ("program", program()),
        ("built for", format!("{} {}, {}", env::consts::ARCH, env::consts::OS, if cfg!(debug_assertions) { "debug" } else { "release" })),
        (
            "formats",
            format!("artifacts of version {}, reports of version {}", snnc_runtime::artifact::FORMAT_VERSION, crate::report::VERSION),
        ),
        ("threads", thread::available_parallelism().map_or_else(|e| format!("not known: {e}"), |n| n.to_string())),
        ("kernels", kernels()),
        ("onnxruntime", onnxruntime()),
        ("cuda", cuda()),
        ("cache", cache_folder(None).map_or_else(|e| e.to_string(), |folder| folder.display().to_string())),
    ];
    print(lines.iter().map(|(name, value)| format!("{name:<12}{value}\n")).collect::<String>())?;
    Ok(ExitCode::SUCCESS)
}

fn program() -> String {
    let digest = || -> Result<String> {
        let path = env::current_exe().map_err(|e| crate::error::Error::io("the program", e))?;
        let digest = Digest::of_file(&path).map_err(|e| crate::error::Error::io(&path, e))?;
        Ok(format!("sha256 {digest}"))
    };
    digest().unwrap_or_else(|error| format!("cannot be read: {error}"))
}

/// Which instructions the runtime takes, and which others it could.
fn kernels() -> String {
    let others: Vec<&str> = Isa::available().into_iter().filter(|isa| *isa != Isa::best()).map(Isa::name).collect();
    let others = if others.is_empty() { "no others".to_owned() } else { others.join(", ") };
    let set = env::var("SNNC_ISA").map(|name| format!("; SNNC_ISA is `{name}`")).unwrap_or_default();
    format!("{} ({others} too{set})", Isa::best().name()).replace("(no others too", "(no others")
}

#[cfg(feature = "onnxruntime")]
fn onnxruntime() -> String {
    use crate::data::judge::version;
    match env::var_os("ORT_DYLIB_PATH") {
        None => "ORT_DYLIB_PATH is not set: set it to libonnxruntime.so, of version 1.17 or newer".to_owned(),
        Some(path) => match version(path.as_ref()) {
            Ok(version) => format!("{version}, `{}`", path.display()),
            Err(error) => error.to_string(),
        },
    }
}

#[cfg(not(feature = "onnxruntime"))]
fn onnxruntime() -> String {
    "not in this build; `cargo build --features onnxruntime` has it".to_owned()
}

fn cuda() -> String {
    match Device::card(0) {
        Ok(_) => "card 0 can be used".to_owned(),
        Err(snnc_engine::Error::Unsupported(_)) => "not in this build; docs/cuda.md says how to have it".to_owned(),
        Err(error) => error.to_string(),
    }
}
