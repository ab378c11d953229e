//! `snnc explain CODE` and `snnc explain operators`

use crate::{
    cli::{args::ExplainArgs, explain, numbers::table, outcome::Outcome, output::print},
    error::Error,
    import::{Support, operators},
};
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn run(args: &ExplainArgs) -> Outcome {
    let Some(code) = &args.code else {
        let rows: Vec<Vec<String>> = explain::CODES.iter().map(|(code, title, _)| vec![format!("{code}  {title}")]).collect();
        print(table(&rows))?;
        return Ok(ExitCode::SUCCESS);
    };
    if code == "operators" {
        print(support())?;
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = code.to_uppercase();
    let Some((code, title, text)) = explain::CODES.iter().find(|(known, ..)| *known == wanted) else {
        return Err(Error::Usage(format!(
            "there is no error code `{code}`; `snnc explain` lists all, and `snnc explain operators` the operators"
        ))
        .into());
    };
    print(format!("{code}: {title}\n\n{}\n", text.trim()))?;
    Ok(ExitCode::SUCCESS)
}

/// What becomes of every operator, as a table in Markdown, which reads well as text too.
fn support() -> String {
    let mut text = String::from("| operator of ONNX | is converted |\n|---|---|\n");
    let all = operators();
    for operator in &all {
        if let Support::Converted(when) = operator.support {
            let dot = if operator.domain.is_empty() { "" } else { "." };
            text += &format!("| `{}{dot}{}` | {when} |\n", operator.domain, operator.name);
        }
    }
    text += "\n| operator of ONNX | is refused, since |\n|---|---|\n";
    for operator in &all {
        if let Support::Refused(why) = operator.support {
            text += &format!("| `{}` | {why} |\n", operator.name);
        }
    }
    let folded: Vec<String> =
        all.iter().filter(|o| o.support == Support::OfConstants).map(|operator| format!("`{}`", operator.name)).collect();
    text + &format!("\nWhat does not depend on the image is evaluated, by these operators too: {}.\n", folded.join(", "))
}
