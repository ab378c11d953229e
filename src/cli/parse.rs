//! Words as arguments.

use super::{args::Cli, help, presets};
use clap::{
    CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::ffi::OsString;

/// Reads the arguments; the first is the program's name.
pub(super) fn parse(words: Vec<OsString>) -> Result<Cli, clap::Error> {
    read(words).map_err(one_too_many)
}

/// A second word beside the model is no command, as which clap refuses it: mostly it is the artifact, without its `-o`.
fn one_too_many(error: clap::Error) -> clap::Error {
    let mut command = Cli::command();
    match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::ArgumentConflict && command.find_subcommand(word).is_none() => {
            let message = format!("unexpected argument '{word}' found; the artifact is written where `-o` says");
            command.error(ErrorKind::UnknownArgument, message)
        }
        _ => error,
    }
}

fn read(words: Vec<OsString>) -> Result<Cli, clap::Error> {
    let mut command = Cli::command();
    if words.iter().take_while(|word| *word != "--").any(|word| word == "-h") {
        command = help::short(command);
    }
    let compile = command.find_subcommand("compile").expect("it compiles");
    let is_option = |name: &str| compile.get_arguments().any(|arg| arg.get_long() == Some(name));
    let words = presets::spelled_out(words, is_option);
    let mut matches = command.try_get_matches_from_mut(words)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// Whether words would be read as arguments; else what is wrong with them, in one line.
pub(super) fn check_arguments(words: Vec<OsString>) -> Result<(), String> {
    let said = match parse(words) {
        Ok(_) => return Ok(()),
        Err(error) => error.render().to_string(),
    };
    // Below the first line stand hints for who types.
    let line = said.lines().next().unwrap_or_default();
    Err(line.strip_prefix("error: ").unwrap_or(line).to_owned())
}
