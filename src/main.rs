//! The command `snnc`.

use std::process::ExitCode;

fn main() -> ExitCode {
    snnc::process::prepare();
    snnc::cli::main()
}
