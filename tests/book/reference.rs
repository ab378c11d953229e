//! Pages of the reference.

use crate::{root, said, schema};
use std::fs;

const HOW: &str = "<!-- Written by `SNNC_BLESS=1 cargo test --test book`. -->\n";

/// The help of every command.
pub fn command_line() -> String {
    let mut text = format!(
        "# Command line\n\n{HOW}\nWhat `--help` says of every command; `-h` says what most people need. \
         [Diagnostics](diagnostics.md) are explained by themselves.\n"
    );
    let mut left = vec![vec![]];
    while let Some(words) = left.pop() {
        let command: Vec<&str> = words.iter().map(String::as_str).collect();
        let help = said(&[&command[..], &["--help"]].concat());
        let name = [&["snnc"], &command[..]].concat().join(" ");
        text += &match &command[..] {
            // The same options once more.
            ["compile"] => format!("\n## {name}\n\nWhat `snnc` does without a command: [see above](#snnc).\n"),
            _ => format!("\n## {name}\n\n```text\n{}\n```\n", help.trim_end()),
        };
        let below = commands(&help).into_iter().map(|word| [&words[..], &[word]].concat());
        left.extend(below.collect::<Vec<_>>().into_iter().rev());
    }
    text
}

/// The commands that a help lists.
fn commands(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| line.starts_with(' '));
    let first = list.filter(|line| line.starts_with("  ") && !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    first.filter(|word| *word != "help").map(str::to_owned).collect()
}

/// All that `snnc explain` says of codes.
pub fn diagnostics() -> String {
    let mut text = format!(
        "# Diagnostics\n\n{HOW}\nErrors (E) and warnings (W) have codes; `snnc explain E0102` prints what stands here. \
         [Get a refused file to compile](../refused.md) shows how they look.\n"
    );
    for line in said(&["explain"]).lines() {
        let code = line.split_whitespace().next().unwrap();
        text += &format!("\n## {}", said(&["explain", code]));
    }
    text
}

/// The fields of a report.
pub fn report() -> String {
    let schema = serde_json::from_slice(&fs::read(root().join("docs/report.schema.json")).unwrap()).unwrap();
    format!(
        "# The report\n\n{HOW}\n`MODEL.report.json`, and what `snnc audit --json` writes. The [JSON schema](../report.schema.json) says the same to programs.\n{}",
        schema::tables(&schema)
    )
}
