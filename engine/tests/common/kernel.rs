//! The text of a kernel of graphics cards, compiled for the processor.
//!
//! A prelude gives it what a host compiler does not have (qualifiers, the number of a thread) and runs its threads one after the other.
//! What this leaves unchecked is how the kernel is launched.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const PRELUDE: &str = r#"
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vector>

#define __host__
#define __device__
#define __global__
#define __forceinline__ inline
struct Place { unsigned int x; };
static Place blockIdx, blockDim, threadIdx;
#include KERNEL

#define BLOCK 4

template <typename Kernel, typename... Arguments> void launch(size_t threads, Kernel kernel, Arguments... arguments) {
    blockDim.x = BLOCK;
    for (blockIdx.x = 0; blockIdx.x * BLOCK < threads; blockIdx.x++) {
        for (threadIdx.x = 0; threadIdx.x < BLOCK; threadIdx.x++) {
            kernel(arguments...);
        }
    }
}

static std::vector<float> take(size_t count) {
    std::vector<float> values(count);
    if (fread(values.data(), sizeof(float), count, stdin) != count) exit(2);
    return values;
}

static void give(const std::vector<float> &values) { fwrite(values.data(), sizeof(float), values.size(), stdout); }
"#;

/// A program of the prelude, the kernel `src/cuda/{name}.cu` and `main`, in a folder; none where there is no compiler, which it says.
pub fn compiled(folder: &Path, name: &str, main: &str) -> Option<PathBuf> {
    let source = folder.join("harness.cpp");
    std::fs::write(&source, format!("{PRELUDE}{main}")).unwrap();
    let program = folder.join("harness");
    let kernel = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/cuda/{name}.cu"));
    let own = std::env::var("CXX").ok();
    for compiler in own.as_deref().into_iter().chain(["c++", "g++", "clang++"]) {
        let mut command = Command::new(compiler);
        command.args(["-std=c++17", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"]);
        // An address that is out of bounds should be seen where the compiler can.
        command.arg("-D_GLIBCXX_ASSERTIONS").arg(format!("-DKERNEL=\"{}\"", kernel.display()));
        let Ok(output) = command.arg(&source).arg("-o").arg(&program).output() else { continue };
        assert!(output.status.success(), "{compiler}: {}", String::from_utf8_lossy(&output.stderr));
        return Some(program);
    }
    eprintln!("skipped: there is no C++ compiler to compile the kernel with (CXX says which to use)");
    None
}

/// Runs the program with these words, sends it the values, which it must read before it writes, and returns what it gives.
pub fn run(program: &Path, words: &[String], values: &[f32]) -> Vec<f32> {
    let mut child = Command::new(program).args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    output.stdout.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// The largest error relative to the larger of 1 and what is expected, which must be at most 1e-5.
pub fn close(what: &str, ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let error = |(a, b): (&f32, &f32)| (a - b).abs() / b.abs().max(1.0);
    let worst = ours.iter().zip(theirs).map(error).fold(0.0, |worst: f32, e| if e.is_nan() { f32::NAN } else { worst.max(e) });
    assert!(worst <= 1e-5, "{what}: {worst}");
    worst
}
