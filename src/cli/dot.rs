//! Graphs for Graphviz.

use snnc_ir::{Graph, Operator};
use std::fmt::Write;

/// The graph in the DOT language: one box per node, its tensor's type on the edges that leave it.
pub(crate) fn print(graph: &Graph) -> String {
    let mut text = format!("digraph \"{}\" {{\n  node [shape=box, fontname=\"monospace\", fontsize=10];\n", escape(&graph.name));
    text += "  edge [fontname=\"monospace\", fontsize=9];\n";
    for id in graph.topological() {
        let node = &graph[id];
        let mut label = escape(node.op.name());
        for name in &node.origin.0 {
            label += "\\n";
            label += &escape(name);
        }
        for (role, param) in node.op.params() {
            let param = graph.param(param);
            let dims = snnc_ir::types::Dims(&param.tensor.dims);
            // Writing to a string cannot fail.
            let _ = write!(label, "\\n{role}: [{dims}] {}", param.provenance);
        }
        let fill = if node.op.is_stateful() {
            ", style=filled, fillcolor=lightgoldenrod"
        } else if matches!(node.op, Operator::Input) {
            ", style=filled, fillcolor=lightblue"
        } else {
            ""
        };
        let _ = writeln!(text, "  n{} [label=\"{label}\"{fill}];", id.number());
        for operand in graph.operands(id) {
            let _ = writeln!(text, "  n{} -> n{} [label=\"{}\"];", operand.number(), id.number(), graph[operand].ty);
        }
    }
    if let Some(output) = graph.output() {
        let _ = writeln!(text, "  output [label=\"{}\", style=filled, fillcolor=lightblue];", escape(&output.name));
        let _ = writeln!(text, "  n{} -> output [label=\"{}\"];", output.node.number(), graph[output.node].ty);
    }
    text += "}\n";
    text
}

fn escape(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use snnc_ir::{Head, Origin, Phase, TensorType};

    #[test]
    fn names_are_escaped() {
        let mut graph = Graph::new("a\"b", Phase::Imported);
        let x = graph.add_input(TensorType::f32([1, 4]), Origin::one("x\\y"));
        let y = graph.add_node(Operator::Relu, &[x], Origin::one("relu")).unwrap();
        graph.set_output(y, "out", Head::None);
        let expected = "\
digraph \"a\\\"b\" {
  node [shape=box, fontname=\"monospace\", fontsize=10];
  edge [fontname=\"monospace\", fontsize=9];
  n0 [label=\"input\\nx\\\\y\", style=filled, fillcolor=lightblue];
  n1 [label=\"relu\\nrelu\"];
  n0 -> n1 [label=\"f32[1x4]\"];
  output [label=\"out\", style=filled, fillcolor=lightblue];
  n1 -> output [label=\"f32[1x4]\"];
}
";
        assert_eq!(print(&graph), expected);
    }
}
