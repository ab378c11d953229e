//! `snnc completions SHELL`

use crate::cli::{
    args::{Cli, CompletionsArgs},
    outcome::Outcome,
    output::print,
};
use clap::CommandFactory;
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn run(args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "snnc", &mut script);
    print(script)?;
    Ok(ExitCode::SUCCESS)
}
