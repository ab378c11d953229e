//! The command line: the only part of `snnc` that prints.
//!
//! | module | content |
//! |---|---|
//! | `args` | what can be typed |
//! | `parse` | words as arguments |
//! | `presets` | options under one name: recipes and targets |
//! | `profiles` | profiles of targets, by name or in a file |
//! | `target` | what a network is held to, that is for a chip |
//! | `vocabulary` | what a project may ask of a compilation |
//! | `help` | what `-h` shows of it |
//! | `commands` | one file, one command |
//! | `outcome`, `output` | what a command comes to, and the two streams |
//! | `plan` | how the runtime goes about a network, as text |
//! | `rival` | what runs beside an artifact in ONNX Runtime |
//! | `clipped` | inputs outside of the range of an artifact |
//! | `numbers` | numbers and tables as text |
//! | `render` | diagnostics as text |
//! | `interrupt` | Ctrl-C |
//! | `progress` | what is seen of a running command |
//! | `summary` | what a compilation came to |
//! | `files` | writing files, all or none |
//! | `secrets` | keys, passphrases, and what they open and close |
//! | `dot` | graphs for Graphviz |
//! | [`explain`] | what is behind the codes of diagnostics |
//! | [`process`] | settings of the process |
//!
//! Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 a gate said no, 2 error, 101 bug.

mod args;
mod clipped;
mod commands;
mod dot;
mod early;
pub mod explain;
mod files;
mod help;
mod interrupt;
mod lock_args;
mod locked;
mod nir_args;
mod numbers;
mod outcome;
mod output;
mod parse;
mod plan;
mod presets;
pub mod process;
mod profiles;
mod progress;
mod project_args;
mod render;
mod rival;
mod secrets;
mod simulated;
mod summary;
mod target;
mod vocabulary;

use crate::error::Error;
use args::{Cli, Command};
use outcome::{BUG, ERROR, Failure, Outcome, REFUSED};
use output::print_error;
use render::Style;
use std::{io, process::ExitCode};

/// Parses the arguments, runs the command, reports what went wrong.
#[must_use]
pub fn main() -> ExitCode {
    let style = Style::of_stderr();
    install_panic_hook(style.clone());
    let cli = match parse::parse(std::env::args_os().collect()) {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` into a closed pipe is no failure, and there is nobody to tell about others.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(ERROR));
        }
    };
    match run(&cli, &style) {
        Ok(code) => code,
        // Whoever reads the output has seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Output(error)) => fail(&style, &Error::io("standard output", error), "", ""),
        Err(Failure::Error { error, subject, aim }) => fail(&style, &error, &subject, aim),
    }
}

fn run(cli: &Cli, style: &Style) -> Outcome {
    match (&cli.command, &cli.compile) {
        (Some(Command::Compile(args)), _) => commands::compile::run(args, style),
        (None, Some(args)) => commands::compile::run(args, style),
        (Some(Command::Build(args)), _) => commands::build::run(args, style),
        (Some(Command::Cache(args)), _) => commands::cache::run(args),
        (Some(Command::Eval(args)), _) => commands::eval::run(args, style),
        (Some(Command::Check(args)), _) => commands::check::run(args, style),
        (Some(Command::Diff(args)), _) => commands::diff::run(args, style),
        (Some(Command::Audit(args)), _) => commands::audit::run(args, style),
        (Some(Command::Run(args)), _) => commands::run::run(args, style),
        (Some(Command::Targets(args)), _) => commands::targets::run(args),
        (Some(Command::Emit(args)), _) => commands::emit::run(args),
        (Some(Command::Nir(args)), _) => commands::nir::run(args, style),
        (Some(Command::Bench(args)), _) => commands::bench::run(args, style),
        (Some(Command::Inspect(args)), _) => commands::inspect::run(args, style),
        (Some(Command::Decrypt(args)), _) => commands::decrypt::run(args),
        (Some(Command::Sign(args)), _) => commands::sign::run(args),
        (Some(Command::Verify(args)), _) => commands::verify::run(args),
        (Some(Command::Keygen(args)), _) => commands::keygen::run(args),
        (Some(Command::Lock(args)), _) => commands::lock::run(args),
        (Some(Command::Unlock(args)), _) => commands::unlock::run(args),
        (Some(Command::Opt(args)), _) => commands::opt::run(args),
        (Some(Command::Explain(args)), _) => commands::explain::run(args),
        (Some(Command::Doctor), _) => commands::doctor::run(),
        (Some(Command::Completions(args)), _) => commands::completions::run(args),
        (Some(Command::Manual(args)), _) => commands::manual::run(args),
        (None, None) => Err(Error::Usage("no model was given; see `snnc --help`".into()).into()),
    }
}

/// Tells the user; returns what to exit with.
fn fail(style: &Style, error: &Error, subject: &str, aim: &str) -> ExitCode {
    let (text, code) = message(style, error, subject, aim);
    print_error(&text);
    ExitCode::from(code)
}

/// What there is to say about a failure, and its exit code.
fn message(style: &Style, error: &Error, subject: &str, aim: &str) -> (String, u8) {
    let text = style.failure(error, subject, aim);
    match error {
        Error::Internal(_) => (format!("{text}\n{}", please_report()), BUG),
        Error::Refused(_) => (text, REFUSED),
        _ => (text, ERROR),
    }
}

/// Makes panics say that they are bugs. What they exit with is [`BUG`] by itself.
fn install_panic_hook(style: Style) {
    std::panic::set_hook(Box::new(move |info| {
        let message = info.payload_as_str().unwrap_or("(no message)");
        let place = info.location().map(|l| format!(", at {l}")).unwrap_or_default();
        let (mut text, _) = self::message(&style, &Error::Internal(format!("{message}{place}")), "", "");
        let backtrace = std::backtrace::Backtrace::capture();
        if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
            text += &format!("\n{backtrace}");
        }
        print_error(&text);
    }));
}

fn please_report() -> String {
    let home = env!("CARGO_PKG_REPOSITORY");
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "   = note: this is a bug in snnc {version}, not in your model\n   \
            = help: please report it at {home}/issues, with the command, this message and, if you can, the model\n   \
            = help: `RUST_BACKTRACE=1` adds where it happened"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bugs_are_told_from_mistakes() {
        let style = Style::new(false);
        let (text, code) = message(&style, &Error::Internal("after `fold-pad`: no output".into()), "m.onnx", "compile");
        assert_eq!(code, 101);
        assert!(
            text.starts_with("error: internal compiler error: after `fold-pad`: no output\n   = note: this is a bug in snnc"),
            "{text}"
        );
        assert!(text.contains("please report it at https://"), "{text}");
        let (text, code) = message(&style, &Error::Usage("--mean has 2 values".into()), "m.onnx", "compile");
        assert_eq!((text.as_str(), code), ("error: --mean has 2 values", 2));
    }
}
