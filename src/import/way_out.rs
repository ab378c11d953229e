//! What to do about a refusal: which tensors of the file would convert.

use super::{
    lower::{lower, rows},
    options::ImportOptions,
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
pub(super) fn told(mut problems: Vec<Diagnostic>, model: &mut Model, files: &DataFiles, options: &ImportOptions) -> Vec<Diagnostic> {
    let outputs = model.outputs.iter().skip(usize::from(options.output.is_none())).cloned();
    let inside = rows(model, files.clone()).into_iter().filter(|name| !model.outputs.contains(name)).take(TRIED);
    let candidates: Vec<String> = outputs.chain(inside).collect();
    let mut converts = |name: &String| {
        let other = ImportOptions { output: Some(name.clone()) };
        options.output.as_ref() != Some(name) && lower(model, files.clone(), &other).is_ok()
    };
    let mut found: Vec<String> = Vec::new();
    for name in candidates {
        if found.len() < LISTED && converts(&name) {
            found.push(name);
        }
    }
    if found.is_empty() {
        for problem in &mut problems {
            problem.helps = problem.helps.iter().filter_map(|help| without_option(help)).collect();
        }
        return problems;
    }
    let options: Vec<String> = found.iter().map(|name| format!("`--output {name}`")).collect();
    if let Some(last) = problems.pop() {
        problems.push(last.help(format!("these would convert: {}", options.join(", "))));
    }
    problems
}

/// Advice without the alternatives that name the option.
fn without_option(help: &str) -> Option<String> {
    let others: Vec<&str> = help.split(", or").map(str::trim).filter(|part| !part.contains(OPTION)).collect();
    (!others.is_empty()).then(|| others.join(", or "))
}

#[cfg(test)]
mod tests {
    use super::without_option;

    #[test]
    fn advice_that_would_not_work_goes() {
        let kept = |help| without_option(help).unwrap_or_default();
        assert_eq!(kept("replace it by `Relu`, or convert the part before it with `--output NAME`"), "replace it by `Relu`");
        assert_eq!(kept("convert the part before it with `--output NAME`, or retrain"), "retrain");
        assert_eq!(kept("retrain, or, if this is the last operator, name its operand with `--output NAME`"), "retrain");
        assert_eq!(kept("name the scores with `--output NAME`"), "");
        assert_eq!(kept("pad with zeros, or let the convolution pad"), "pad with zeros, or let the convolution pad");
    }
}
