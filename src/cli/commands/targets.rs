//! `snnc targets [NAME]`

use crate::cli::{args::TargetsArgs, outcome::Outcome, output::print};
use snnc_targets::{NAMES, Profile};
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn run(args: &TargetsArgs) -> Outcome {
    if let Some(text) = args.name.as_deref().and_then(Profile::text) {
        print(text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let width = NAMES.iter().map(|name| name.len()).max().unwrap_or(0);
    let line = |profile: Profile| {
        let options: Vec<String> = profile.options.iter().map(|(option, value)| format!("--{option} {value}")).collect();
        format!("{:<width$}  {}\n{:<width$}  {}\n", profile.name, profile.about, "", options.join(" "))
    };
    print(NAMES.iter().filter_map(|name| Profile::named(name)).map(line).collect::<Vec<_>>().join("\n"))?;
    Ok(ExitCode::SUCCESS)
}
