//! Outputs that hold the class itself, or its name: which tensor of the file has the scores that it was picked by.

use super::{
    ops,
    order::producers,
    problem::interface,
    proto::{Model, Node},
};
use snnc_ir::Diagnostic;

/// A label, and the scores behind it.
pub(super) struct Label<'m> {
    /// The tensor with the scores.
    pub scores: &'m str,
    /// Says so, and how to get at them.
    pub problem: Diagnostic,
}

/// What decides on a class by scores.
fn decides(op: &str) -> bool {
    matches!(op, "ArgMax" | "ArgMin" | "TopK" | "Hardmax" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Round")
}

/// The operand that is a label if the result is one.
fn label_operand(node: &Node) -> Option<&str> {
    let index = match (node.domain.as_str(), node.op.as_str()) {
        ("ai.onnx.ml", "LabelEncoder" | "ZipMap") => 0,
        // A table of names, and where in it to look.
        ("ai.onnx.ml", "ArrayFeatureExtractor") | ("" | "ai.onnx", "Gather") => 1,
        ("" | "ai.onnx", op) if ops::only_reshapes(op) => 0,
        _ => return None,
    };
    node.inputs.get(index).map(String::as_str)
}

/// If `output` is a label, what it was picked by.
pub(super) fn label<'m>(model: &'m Model, output: &str) -> Option<Label<'m>> {
    let producers = producers(model);
    let mut tensor = output;
    // A cycle would not end; no chain is longer than there are nodes.
    for _ in 0..model.nodes.len() {
        let node = &model.nodes[*producers.get(tensor)?];
        if node.is_standard() && decides(&node.op) {
            // A comparison may name its bound first; and of what no node makes, there is nothing to convert instead.
            let is_made = |name: &&String| producers.get(name.as_str()).is_some_and(|&index| model.nodes[index].op != "Constant");
            let scores = node.inputs.iter().find(is_made)?;
            let is_value = node.op == "TopK" && node.outputs.first().is_some_and(|values| values == tensor);
            let what =
                if is_value { "holds the largest scores, not those of the classes" } else { "is a label, not a row of class scores" };
            let name = output_of(model, scores).unwrap_or(scores);
            let problem = interface(format!("output `{output}` {what}"))
                .at(&node.name)
                .detail(format!("opset {}", node.opset))
                .note(format!("operator `{}` picks it by the scores `{scores}`", node.op))
                .help(format!("convert the scores with `--output {name}`; the class is the largest of them"));
            return Some(Label { scores, problem });
        }
        tensor = label_operand(node)?;
    }
    None
}

/// The output of the file that hands `scores` on as they are, if there is one.
fn output_of<'m>(model: &'m Model, scores: &str) -> Option<&'m str> {
    let producers = producers(model);
    model.outputs.iter().map(String::as_str).find(|&output| {
        let mut tensor = output;
        for _ in 0..=model.nodes.len() {
            if tensor == scores {
                return true;
            }
            let node = producers.get(tensor).map(|&index| &model.nodes[index]);
            match node.filter(|n| ops::in_head(n)).and_then(|n| n.inputs.first()) {
                Some(operand) => tensor = operand,
                None => return false,
            }
        }
        false
    })
}
