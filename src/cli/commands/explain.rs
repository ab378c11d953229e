//! `snnc explain CODE`

use super::table;
use crate::{
    cli::{Outcome, args::ExplainArgs, print},
    error::Error,
    explain,
};
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn run(args: &ExplainArgs) -> Outcome {
    let Some(code) = &args.code else {
        let rows: Vec<Vec<String>> = explain::CODES.iter().map(|(code, title, _)| vec![format!("{code}  {title}")]).collect();
        print(table(&rows))?;
        return Ok(ExitCode::SUCCESS);
    };
    let wanted = code.to_uppercase();
    let Some((code, title, text)) = explain::CODES.iter().find(|(known, ..)| *known == wanted) else {
        return Err(Error::Usage(format!("there is no error code `{code}`; `snnc explain` lists all")).into());
    };
    print(format!("{code}: {title}\n\n{}\n", text.trim()))?;
    Ok(ExitCode::SUCCESS)
}
