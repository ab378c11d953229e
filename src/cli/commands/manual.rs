//! `snnc manual DIR`

use crate::{
    cli::{
        args::{Cli, ManualArgs},
        outcome::Outcome,
    },
    error::Error,
};
use clap::CommandFactory;
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn run(args: &ManualArgs) -> Outcome {
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), &args.folder).map_err(|e| Error::io(&args.folder, e))?;
    Ok(ExitCode::SUCCESS)
}
