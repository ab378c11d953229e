//! The input, with what only gives it another form: NIR has nothing for that, but whoever feeds the network can feed it in that form.

use super::{Lowering, Sum};
use crate::node::{Node, Value};
use snnc_runtime::{NodeSpec, OpSpec};

impl Lowering<'_> {
    /// Makes the node of the input; returns how many nodes of the artifact went into it. Of images that come in another order of axes, the
    /// metadata has the permutation.
    pub(super) fn input(&mut self, name: String) -> usize {
        let spec = &self.artifact.graph;
        let mut value = spec.input.name.as_str();
        let mut shape = spec.input.shape.as_slice();
        let mut absorbed = 0;
        while let Some(node) = spec.nodes.get(absorbed).filter(|node| is_form(node, shape, absorbed)) {
            let is_alone = spec.nodes[absorbed + 1..].iter().all(|other| other.inputs.iter().all(|input| input != value));
            if node.inputs != [value] || !is_alone {
                break;
            }
            if let OpSpec::Transpose { permutation } = &node.op {
                let axes = permutation.iter().skip(1).map(|&axis| axis as i64 - 1).collect();
                self.graph.metadata.insert("input_permutation".to_owned(), Value::Wholes(axes));
            }
            (value, shape) = (&node.name, &node.shape);
            absorbed += 1;
        }
        let shape = shape[1..].to_vec();
        self.graph.nodes.insert(name.clone(), Node::Input { shape: shape.clone() });
        self.values.insert(value, Sum { nodes: vec![name], shape });
        absorbed
    }
}

/// Whether a node can go into the input: a reshape that is no flattening, or a transposition before any other.
fn is_form(node: &NodeSpec, operand: &[usize], absorbed: usize) -> bool {
    match node.op {
        OpSpec::Transpose { .. } => absorbed == 0,
        OpSpec::Reshape => node.shape.len() != 2 || operand.len() == 2,
        _ => false,
    }
}
