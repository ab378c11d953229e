//! What to do about a refusal: which tensors of the file would convert.

use super::{
    ImportOptions,
    lower::{lower, rows},
    proto::Model,
    tensor::DataFiles,
};
use snnc_ir::Diagnostic;

/// Tensors inside of the network that are tried, nearest to its end first, and that are listed.
const TRIED: usize = 12;
const LISTED: usize = 4;

/// How advice names the option.
const OPTION: &str = "`--output NAME`";

/// Adds the tensors that `--output` could name. Where there is none, advice to use that option goes: it would not work.
pub(super) fn told(mut problems: Vec<Diagnostic>, model: &Model, files: &DataFiles, options: &ImportOptions) -> Vec<Diagnostic> {
    let converts = |name: &String| {
        let other = ImportOptions { output: Some(name.clone()) };
        options.output.as_ref() != Some(name) && lower(model, files.clone(), &other).is_ok()
    };
    let outputs = model.outputs.iter().skip(usize::from(options.output.is_none()));
    let inside = rows(model, files.clone()).into_iter().filter(|name| !model.outputs.contains(name)).take(TRIED);
    let mut found: Vec<String> = Vec::new();
    for name in outputs.cloned().chain(inside) {
        if found.len() < LISTED && converts(&name) {
            found.push(name);
        }
    }
    if found.is_empty() {
        problems.iter_mut().for_each(|problem| problem.helps.retain(|help| !help.contains(OPTION)));
        return problems;
    }
    let names: Vec<String> = found.iter().map(|name| format!("`{name}`")).collect();
    if let Some(last) = problems.pop() {
        problems.push(last.help(format!("what would convert, nearest to the end first, as NAME of {OPTION}: {}", names.join(", "))));
    }
    problems
}
