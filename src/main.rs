//! The command `snnc`.

use std::process::ExitCode;

fn main() -> ExitCode {
    snnc::cli::process::prepare();
    snnc::cli::main()
}
