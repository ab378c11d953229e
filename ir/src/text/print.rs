//! Graph to text.

use super::{attributes, lex, values};
use crate::graph::{Graph, Head, NodeId};
use std::collections::BTreeMap;

/// The text form of `graph`. The same graph gives the same text, and [`super::parse()`] gives the graph back, up to ids and
/// to the values of tensors that are summarised.
///
/// A broken graph prints too, since dumps are made to look at those: nodes on a cycle come last, what is missing shows as
/// `%missing` or `@missing`, which does not parse.
#[must_use]
pub fn print(graph: &Graph) -> String {
    let mut order = graph.topological();
    let cyclic: Vec<NodeId> = graph.node_ids().into_iter().filter(|id| !order.contains(id)).collect();
    order.extend(cyclic);
    let numbers: BTreeMap<NodeId, usize> = order.iter().enumerate().map(|(number, &id)| (id, number)).collect();
    let value = |id: NodeId| numbers.get(&id).map_or_else(|| "%missing".to_owned(), |number| format!("%{number}"));

    let mut text = format!("graph @{} {} {{\n", lex::name(&graph.name), graph.phase);
    for &id in &order {
        let node = &graph[id];
        let operands = graph.operands(id).into_iter().map(value);
        let params = node
            .op
            .params()
            .into_iter()
            .map(|(_, p)| graph.get_param(p).map_or_else(|| "@missing".to_owned(), |param| format!("@{}", lex::name(&param.name))));
        let arguments: Vec<String> = operands.chain(params).collect();
        let origin: Vec<String> = node.origin.0.iter().map(|name| lex::quote(name)).collect();
        let parts = [
            format!("{} = {}", value(id), node.op.name()),
            arguments.join(", "),
            braced(&attributes::print(&node.op)),
            format!(": {}", node.ty),
            origin.join(" + "),
        ];
        push_line(&mut text, &parts);
    }
    if let Some(output) = graph.output() {
        let head = (output.head != Head::None).then(|| ("head", output.head.name().to_owned()));
        let scale = (output.scale != 1.0).then(|| ("scale", super::values::float(output.scale)));
        let attributes: Vec<_> = head.into_iter().chain(scale).collect();
        push_line(&mut text, &["output".to_owned(), value(output.node), lex::quote(&output.name), braced(&attributes)]);
    }
    let mut params: Vec<_> = graph.params().map(|(_, param)| param).collect();
    params.sort_by(|a, b| a.name.cmp(&b.name));
    for param in params {
        let dims = crate::types::Dims(&param.tensor.dims);
        let value = values::print(&param.tensor.data);
        push_line(&mut text, &[format!("@{} : f32[{dims}] = {value} {}", lex::name(&param.name), param.provenance)]);
    }
    text.push_str("}\n");
    text
}

fn push_line(text: &mut String, parts: &[String]) {
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    text.push_str("  ");
    text.push_str(&parts.join(" "));
    text.push('\n');
}

fn braced(attributes: &[(&'static str, String)]) -> String {
    if attributes.is_empty() {
        return String::new();
    }
    let list: Vec<String> = attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{{{}}}", list.join(", "))
}
