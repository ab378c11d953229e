//! Normalisations and curved activations that an exporter wrote out: what several refused nodes are together.
//!
//! `Pow`, `Sqrt` and `Div` say little to the author of a network who wrote `LayerNorm`. Their diagnostics name it.

use super::proto::{Model, Node};
use snnc_ir::Diagnostic;
use std::collections::{HashMap, HashSet};

/// Nodes that are one operator together.
struct Group<'m> {
    what: &'static str,
    help: &'static str,
    nodes: Vec<&'m Node>,
}

const BATCH_NORM: &str = "retrain with batch normalisation, whose statistics are constants in inference";
const RELU: &str = "replace the activation by `Relu` or ReLU6 and fine-tune";
const NO_GATE: &str = "retrain without the gate";

/// Says of each problem whose node belongs to such a group what the group is.
pub(super) fn named(problems: &mut [Diagnostic], model: &Model) {
    let finder = Finder::new(model);
    for group in model.nodes.iter().filter_map(|node| finder.group(node)) {
        let names: HashSet<&str> = group.nodes.iter().map(|node| node.name.as_str()).collect();
        for problem in problems.iter_mut() {
            let Some(own) = problem.place.node.clone().filter(|name| names.contains(name.as_str())) else { continue };
            let others: Vec<String> = group.nodes.iter().filter(|node| node.name != own).map(|node| format!("`{}`", node.name)).collect();
            let inputs = problem.notes.iter().take_while(|note| note.starts_with("input: ")).count();
            problem.notes.truncate(inputs);
            problem.notes.push(format!("with {} it is {}, written out", others.join(", "), group.what));
            problem.helps = vec![group.help.to_owned()];
        }
    }
}

/// Whether a reduction names height and width, and by that alone says that it is no layer's.
fn is_spatial(mean: &Node) -> bool {
    matches!(mean.ints("axes"), Ok(Some([2, 3] | [-2, -1])))
}

struct Finder<'m> {
    makers: HashMap<&'m str, &'m Node>,
}

impl<'m> Finder<'m> {
    fn new(model: &'m Model) -> Self {
        let makers = model.nodes.iter().flat_map(|node| node.outputs.iter().map(move |name| (name.as_str(), node))).collect();
        Self { makers }
    }

    fn maker(&self, tensor: &str) -> Option<&'m Node> {
        // Casts that change nothing stand between the nodes of exporters that are careful with types.
        let mut node = *self.makers.get(tensor)?;
        // In a file that is not in order, they may go round in a circle.
        for _ in 0..self.makers.len() {
            if !matches!(node.op.as_str(), "Cast" | "CastLike" | "Identity") {
                return Some(node);
            }
            node = *self.makers.get(node.inputs.first()?.as_str())?;
        }
        None
    }

    /// The maker of an input of `node` that is one of `ops`.
    fn operand(&self, node: &Node, ops: &[&str]) -> Option<&'m Node> {
        node.inputs.iter().filter_map(|name| self.maker(name)).find(|maker| ops.contains(&maker.op.as_str()))
    }

    /// The group that ends in `node`.
    fn group(&self, node: &'m Node) -> Option<Group<'m>> {
        match node.op.as_str() {
            "Div" => self.normalisation(node, self.operand(node, &["Sqrt", "ReduceL2", "Pow"])?),
            "Mul" => match self.operand(node, &["Reciprocal"]) {
                Some(inverse) => self.normalisation(node, self.operand(inverse, &["Sqrt"])?),
                None => self.gate(node),
            },
            _ => None,
        }
    }

    /// A division by the size of what is divided.
    fn normalisation(&self, end: &'m Node, size: &'m Node) -> Option<Group<'m>> {
        let group = |what, nodes| Some(Group { what, help: BATCH_NORM, nodes });
        if size.op == "ReduceL2" {
            return group("a normalisation to unit length", vec![size, end]);
        }
        let sum = self.operand(size, &["Add", "ReduceMean", "ReduceSum", "Clip", "Max"])?;
        let mean = if sum.op.starts_with("Reduce") { sum } else { self.operand(sum, &["ReduceMean", "ReduceSum"])? };
        let square = self.operand(mean, &["Pow", "Mul"])?;
        let nodes = vec![square, size, end];
        match (mean.op.as_str(), self.operand(square, &["Sub"])) {
            ("ReduceMean", Some(centred)) if self.operand(centred, &["ReduceMean"]).is_some() => {
                group(if is_spatial(mean) { "an instance normalisation" } else { "a layer normalisation" }, nodes)
            }
            ("ReduceMean", _) => group("an RMS normalisation", nodes),
            _ => group("a normalisation to unit length", nodes),
        }
    }

    /// A product with a curve of an activation.
    fn gate(&self, end: &'m Node) -> Option<Group<'m>> {
        if let Some(curve) = self.operand(end, &["Sigmoid", "HardSigmoid"]) {
            let is_own = curve.inputs.first().is_some_and(|x| end.inputs.contains(x));
            return Some(match (is_own, curve.op.as_str()) {
                (true, "Sigmoid") => Group { what: "a Swish (SiLU)", help: RELU, nodes: vec![curve, end] },
                (true, _) => Group { what: "a HardSwish", help: RELU, nodes: vec![curve, end] },
                (false, _) => Group { what: "a gate (as in squeeze-and-excitation)", help: NO_GATE, nodes: vec![curve, end] },
            });
        }
        // x · (1 + erf(x / √2)), halved somewhere.
        let one_more = self.operand(end, &["Add"]).or_else(|| self.operand(self.operand(end, &["Mul"])?, &["Add"]))?;
        let erf = self.operand(one_more, &["Erf", "Tanh"])?;
        Some(Group { what: "a GELU", help: RELU, nodes: vec![erf, end] })
    }
}
