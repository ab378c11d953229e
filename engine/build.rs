//! With the feature `cuda`, compiles the kernels to PTX, which the driver of a graphics card takes from there. Without it, does
//! nothing and needs nothing.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

const SOURCES: [&str; 2] = ["neuron", "windows"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return;
    }
    for name in ["NVCC", "CUDA_HOME", "CUDA_PATH", "PATH", "CUDA_COMPUTE_CAP"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    for name in SOURCES {
        let source = format!("src/cuda/{name}.cu");
        println!("cargo::rerun-if-changed={source}");
        if let Err(problem) = compile(&source, name) {
            println!("cargo::error={problem}");
        }
    }
}

fn compile(source: &str, name: &str) -> Result<(), String> {
    let nvcc = nvcc().ok_or(
        "the feature `cuda` needs NVIDIA's compiler: set NVCC to `nvcc`, or CUDA_HOME (or CUDA_PATH) to the toolkit's folder, or put the \
         folder of `nvcc` in PATH; docs/cuda.md says more",
    )?;
    let folder = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    let mut command = Command::new(&nvcc);
    // No contraction: the spikes are those of the processor, bit by bit.
    command.args(["-ptx", "-O3", "-std=c++17", "-fmad=false", source, "-o"]).arg(Path::new(&folder).join(format!("{name}.ptx")));
    if let Some(architecture) = architecture()? {
        command.arg(format!("-arch={architecture}"));
    }
    let output = command.output().map_err(|e| format!("{}: {e}; NVCC says which compiler to use", nvcc.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).lines().collect::<Vec<_>>().join(" | ");
    Err(format!("{} could not compile {source} ({}): {said}", nvcc.display(), output.status))
}

/// The architecture to compile for. Where nobody says, it is the oldest that the compiler knows: the driver makes of that what the card
/// needs, whichever it is.
fn architecture() -> Result<Option<String>, String> {
    let Ok(text) = env::var("CUDA_COMPUTE_CAP") else { return Ok(None) };
    let name = text.trim().replace('.', "");
    let digits = name.trim_end_matches(['a', 'f']);
    if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!("CUDA_COMPUTE_CAP is `{text}`; it should be a card's compute capability: 80, 90, .."));
    }
    Ok(Some(format!("compute_{digits}")))
}

fn nvcc() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(nvcc) = set("NVCC") {
        return Some(nvcc.into());
    }
    let name = format!("nvcc{}", env::consts::EXE_SUFFIX);
    let toolkits = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(set).map(|folder| Path::new(&folder).join("bin"));
    let path: OsString = env::var_os("PATH").unwrap_or_default();
    let folders = toolkits.chain(env::split_paths(&path)).chain(["/usr/local/cuda/bin".into()]);
    folders.map(|folder| folder.join(&name)).find(|file| file.is_file())
}
