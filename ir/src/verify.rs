//! The verifier: every invariant of a graph, in one place.
//!
//! Structure
//! - there is exactly one input and one output, and no cycle;
//! - the operand slots of a node are 0, 1, .. without gap or double;
//! - the output depends on the input, and its scale is positive.
//!
//! Parameters
//! - every parameter that an operator names is in the table, has as many entries as its shape says, and all are finite;
//! - names are unique;
//! - thresholds are positive, leaks lie in (0, 1].
//!
//! Types
//! - the type of every node is what [`crate::infer::result_type`] says.
//!
//! Phase
//! - every operator and every provenance is one that the graph's phase admits;
//! - all stateful operators are of one code;
//! - in `Whole`, parameters are whole numbers that fit: weights 16 bits, all others 32; leaks are multiples of 1/65536;
//! - (so from `Canonical` on the softmax is gone from the nodes: the output's head says what it was).
//!
//! All errors of a tier are collected; a later tier is only looked at when the earlier ones are clean, since it relies on
//! them.

use crate::{
    graph::{Graph, NodeId},
    infer,
    op::{Code, LEAK_UNIT, Operator},
    phase::Phase,
};
use std::{collections::BTreeSet, fmt};

/// Proof that a graph was verified and not changed since: it borrows the graph.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'g>(&'g Graph);

impl<'g> Verified<'g> {
    /// The graph.
    #[must_use]
    pub fn graph(self) -> &'g Graph {
        self.0
    }
}

/// One broken invariant. A bug of the compiler, never the user's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The node, as number and origin; none where the graph as a whole is wrong.
    pub node: Option<(usize, String)>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some((number, origin)) => write!(f, "node {number} \"{origin}\": {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Everything that is wrong with a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(pub Vec<Violation>);

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, violation) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{violation}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

/// Checks every invariant.
///
/// # Errors
/// All violations of the first tier that has any.
pub fn verify(graph: &Graph) -> Result<Verified<'_>, Violations> {
    run_tiers(graph, phase)?;
    Ok(Verified(graph))
}

/// As [`verify`], for a graph inside a stage: operators of its phase and of the next are admitted. Such a graph cannot be
/// emitted, so there is no token.
///
/// # Errors
/// All violations of the first tier that has any.
pub fn verify_between(graph: &Graph) -> Result<(), Violations> {
    run_tiers(graph, phase_or_next)
}

fn run_tiers(graph: &Graph, phase: fn(&mut Report<'_>)) -> Result<(), Violations> {
    for tier in [structure, parameters, types, phase] {
        let mut report = Report { graph, found: Vec::new() };
        tier(&mut report);
        if !report.found.is_empty() {
            return Err(Violations(report.found));
        }
    }
    Ok(())
}

struct Report<'g> {
    graph: &'g Graph,
    found: Vec<Violation>,
}

impl Report<'_> {
    fn graph_is_wrong(&mut self, message: impl Into<String>) {
        self.found.push(Violation { node: None, message: message.into() });
    }

    fn node_is_wrong(&mut self, id: NodeId, message: impl Into<String>) {
        let origin = self.graph[id].origin.to_string();
        self.found.push(Violation { node: Some((id.number(), origin)), message: message.into() });
    }
}

fn structure(report: &mut Report<'_>) {
    let graph = report.graph;
    let ids = graph.node_ids();
    let inputs = ids.iter().filter(|&&n| matches!(graph[n].op, Operator::Input)).count();
    if inputs != 1 {
        report.graph_is_wrong(format!("a graph has one input, not {inputs}"));
    }
    for &id in &ids {
        let mut slots: Vec<usize> = graph.incoming(id).map(|(slot, _)| slot).collect();
        slots.sort_unstable();
        if slots != (0..slots.len()).collect::<Vec<_>>() {
            report.node_is_wrong(id, format!("operand slots are {slots:?}"));
        }
    }
    let order = graph.topological();
    let sorted: BTreeSet<NodeId> = order.iter().copied().collect();
    for &id in ids.iter().filter(|id| !sorted.contains(id)) {
        report.node_is_wrong(id, "the node lies on a cycle or behind one");
    }
    let Some(output) = graph.output() else {
        return report.graph_is_wrong("the graph has no output");
    };
    if graph.get(output.node).is_none() {
        return report.graph_is_wrong("the output is made by a node that is gone");
    }
    if !(output.scale.is_finite() && output.scale > 0.0) {
        report.graph_is_wrong(format!("an output cannot have the scale {}", output.scale));
    }
    if !depends_on_input(graph, output.node) {
        report.graph_is_wrong("the output does not depend on the input");
    }
}

fn depends_on_input(graph: &Graph, from: NodeId) -> bool {
    let mut seen = BTreeSet::new();
    let mut stack = vec![from];
    while let Some(id) = stack.pop() {
        if matches!(graph[id].op, Operator::Input) {
            return true;
        }
        if seen.insert(id) {
            stack.extend(graph.operands(id));
        }
    }
    false
}

fn parameters(report: &mut Report<'_>) {
    let graph = report.graph;
    let mut names = BTreeSet::new();
    for (_, param) in graph.params() {
        if !names.insert(&param.name) {
            report.graph_is_wrong(format!("two parameters are named `{}`", param.name));
        }
        if param.tensor.dims.iter().product::<usize>() != param.tensor.data.len() {
            report.graph_is_wrong(format!("parameter `{}` does not have as many entries as its shape says", param.name));
        }
        if param.tensor.data.iter().any(|v| !v.is_finite()) {
            report.graph_is_wrong(format!("parameter `{}` has entries that are not finite", param.name));
        }
    }
    for id in graph.node_ids() {
        for (role, param) in graph[id].op.params() {
            let Some(param) = graph.get_param(param) else {
                report.node_is_wrong(id, format!("parameter `{role}` is not in the table"));
                continue;
            };
            let values = &param.tensor.data;
            if role == "threshold" && values.iter().any(|&v| v <= 0.0) {
                report.node_is_wrong(id, "a threshold is not positive");
            }
            if role == "leak" && values.iter().any(|&v| v <= 0.0 || v > 1.0) {
                report.node_is_wrong(id, "a leak lies outside (0, 1]");
            }
        }
    }
}

fn types(report: &mut Report<'_>) {
    let graph = report.graph;
    for id in graph.topological() {
        let node = &graph[id];
        if matches!(node.op, Operator::Input) {
            if node.ty.dims.first() != Some(&1) || node.ty.is_empty() {
                report.node_is_wrong(id, format!("the input {} does not start with a batch of 1, or is empty", node.ty));
            }
            continue;
        }
        let operands: Vec<_> = graph.operands(id).into_iter().map(|o| &graph[o].ty).collect();
        match infer::result_type(graph, &node.op, &operands) {
            Ok(ty) if ty == node.ty => {}
            Ok(ty) => report.node_is_wrong(id, format!("the type is {} and should be {ty}", node.ty)),
            Err(error) => report.node_is_wrong(id, error.to_string()),
        }
    }
}

fn phase(report: &mut Report<'_>) {
    let phase = report.graph.phase;
    operators_are_admitted(report, &|op| phase.admits(op));
    if phase == Phase::Whole {
        numbers_are_whole(report);
    }
}

fn phase_or_next(report: &mut Report<'_>) {
    let phase = report.graph.phase;
    operators_are_admitted(report, &|op| phase.admits(op) || phase.next().is_some_and(|next| next.admits(op)));
}

/// Every parameter fits the type that an artifact gives it.
fn numbers_are_whole(report: &mut Report<'_>) {
    let graph = report.graph;
    for id in graph.node_ids() {
        for (role, param) in graph[id].op.params() {
            let (unit, most) = match role {
                "weight" => (1.0, f32::from(i16::MAX)),
                "leak" => (LEAK_UNIT, 1.0),
                // The largest float below 2^31.
                _ => (1.0, 2_147_483_520.0),
            };
            if graph.param(param).tensor.data.iter().any(|v| v.abs() > most || (v / unit).fract() != 0.0) {
                report.node_is_wrong(id, format!("parameter `{role}` is not whole, or does not fit"));
            }
        }
    }
}

fn operators_are_admitted(report: &mut Report<'_>, admits: &dyn Fn(&Operator) -> bool) {
    let graph = report.graph;
    for id in graph.node_ids() {
        let op = &graph[id].op;
        if !admits(op) {
            report.node_is_wrong(id, format!("`{}` has no place in a graph that is {}", op.name(), graph.phase));
        }
    }
    let codes = |code| graph.node_ids().into_iter().any(|id| graph[id].op.code() == Some(code));
    if codes(Code::Rate) && codes(Code::Radix) {
        report.graph_is_wrong("operators of both codes meet in one graph");
    }
    for (_, param) in graph.params() {
        if !graph.phase.admits_provenance(param.provenance) {
            report.graph_is_wrong(format!("parameter `{}` is {} in a graph that is {}", param.name, param.provenance, graph.phase));
        }
    }
}

#[cfg(test)]
mod tests {
    //! What the public edits cannot break; the other invariants are tested in `tests/verify.rs`.

    use super::*;
    use crate::{Head, Origin, Phase, Provenance, Tensor, TensorType, text};

    fn scaled_twice() -> Graph {
        let mut graph = Graph::new("g", Phase::Imported);
        let mut last = graph.add_input(TensorType::f32([1, 2]), Origin::one("x"));
        for name in ["a", "b"] {
            let factor = graph.add_param(name, Tensor::splat([2], 2.0), Provenance::Source);
            last = graph.add_node(Operator::Scale { factor }, &[last], Origin::one(name)).expect("the factor fits");
        }
        graph.set_output(last, "y", Head::None);
        graph
    }

    fn messages(graph: &Graph) -> String {
        verify(graph).map(|_| ()).expect_err("the graph is broken").to_string()
    }

    #[test]
    fn a_parameter_that_is_not_in_the_table() {
        let mut graph = scaled_twice();
        graph.table_mut().pop_first();
        assert_eq!(messages(&graph), "node 1 \"a\": parameter `factor` is not in the table");
        assert!(text::print(&graph).contains("%1 = scale %0, @missing : f32[1x2]"));
        let input = Tensor::splat([1, 2], 1.0);
        assert!(crate::eval::run(&graph, &input, crate::eval::Mode::Float).is_err());
    }

    #[test]
    fn two_parameters_of_one_name() {
        let mut graph = scaled_twice();
        for param in graph.table_mut().values_mut() {
            param.name = "w".to_owned();
        }
        assert_eq!(messages(&graph), "two parameters are named `w`");
    }
}
