//! `sink-transposes`: permutations of axes move down, meet their inverse, or end in the weights of a linear layer.
//!
//! Exports from frameworks that keep channels last carry transposes around a network that is otherwise channels first.
//!
//! Requires: a graph in phase `Imported` or `Canonical`.
//! Leaves: no transpose before an element-wise operator, none before a flattening reshape in front of a linear layer. One
//! behind the input stays: it says how the model's own layout is read.
//! Keeps: the function exactly; only entries move.

use crate::{About, Changed, Pass, PassCx, PassError, rewrite::affine::permute};
use snnc_ir::{Graph, NodeId, Operator, Phase, Provenance, Tensor};

pub struct SinkTransposes;

impl Pass for SinkTransposes {
    fn about(&self) -> About {
        About { name: "sink-transposes", accepts: Phase::Imported..=Phase::Canonical, is_required: false }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        // Every step moves one transpose down or removes one, so this ends.
        while let Some(node) = graph.topological().into_iter().find(|&n| can_move(graph, n)) {
            step(graph, node)?;
            changed = true;
        }
        Ok(changed.into())
    }
}

fn permutation_of(graph: &Graph, node: NodeId) -> Option<Vec<usize>> {
    match &graph[node].op {
        Operator::Transpose { permutation } => Some(permutation.clone()),
        _ => None,
    }
}

fn can_move(graph: &Graph, node: NodeId) -> bool {
    permutation_of(graph, node).is_some() && graph.only_user(node).is_some_and(|user| target(graph, node, user).is_some())
}

enum Target {
    /// The next transpose: both become one, or vanish.
    Transpose,
    /// An element-wise operator.
    Elementwise,
    /// A reshape to a vector and the linear layer behind it.
    Linear(NodeId),
    /// A sum of transposes of one permutation.
    Add,
}

fn target(graph: &Graph, node: NodeId, user: NodeId) -> Option<Target> {
    match &graph[user].op {
        Operator::Transpose { .. } => Some(Target::Transpose),
        Operator::Relu
        | Operator::Clip { .. }
        | Operator::ClipFloorShift { .. }
        | Operator::LeakyRelu { .. }
        | Operator::Scale { .. }
        | Operator::Shift { .. } => Some(Target::Elementwise),
        Operator::Reshape { dims } if dims.len() == 2 => {
            let linear = graph.only_user(user)?;
            matches!(graph[linear].op, Operator::Linear { .. }).then_some(Target::Linear(linear))
        }
        Operator::Add => {
            let same = |o: NodeId| permutation_of(graph, o) == permutation_of(graph, node) && graph.only_user(o) == Some(user);
            graph.operands(user).into_iter().all(same).then_some(Target::Add)
        }
        _ => None,
    }
}

fn step(graph: &mut Graph, node: NodeId) -> Result<(), PassError> {
    let permutation = permutation_of(graph, node).expect("checked by `can_move`");
    let user = graph.only_user(node).expect("checked by `can_move`");
    let source = graph.operand(node).expect("a transpose has one operand");
    match target(graph, node, user).expect("checked by `can_move`") {
        Target::Transpose => {
            let second = permutation_of(graph, user).expect("it is a transpose");
            let both: Vec<usize> = second.iter().map(|&axis| permutation[axis]).collect();
            graph.bypass(node);
            if both.iter().enumerate().all(|(i, &axis)| i == axis) {
                graph.bypass(user);
            } else {
                graph.set_op(user, Operator::Transpose { permutation: both })?;
            }
        }
        Target::Elementwise => {
            let mut op = graph[user].op.clone();
            if let Operator::Scale { factor: id } | Operator::Shift { offset: id } = &mut op {
                let inverse = invert(&permutation);
                let param = graph.param(*id).clone();
                let tensor = permute(&param.tensor, &inverse);
                *id = graph.add_param(param.name, tensor, param.provenance.join(Provenance::Fixed));
            }
            let origin = graph[node].origin.clone();
            graph.bypass(node);
            graph.set_op(user, op)?;
            graph.insert_after(user, Operator::Transpose { permutation }, origin)?;
        }
        Target::Linear(linear) => {
            // Feature k of the layer is entry from[k] of the tensor before the transpose.
            let dims = graph[source].ty.dims.clone();
            let count: usize = dims.iter().product();
            let index = Tensor::new(dims.clone(), (0..count).map(|i| i as f32).collect());
            debug_assert!(count < 1 << 24, "indices are exact in single precision");
            let from: Vec<usize> = permute(&index, &permutation).data.into_iter().map(|v| v as usize).collect();
            let weight = graph.own_param(linear, "weight");
            let param = graph.param(weight).clone();
            let mut tensor = param.tensor.clone();
            for (new, old) in tensor.data.chunks_mut(count).zip(param.tensor.data.chunks(count)) {
                for (k, &entry) in from.iter().enumerate() {
                    new[entry] = old[k];
                }
            }
            graph.set_param(weight, tensor, param.provenance.join(Provenance::Fixed));
            graph.bypass(node);
            let reshape = graph[user].op.clone();
            graph.set_op(user, reshape)?;
        }
        Target::Add => {
            for operand in graph.operands(user) {
                graph.bypass(operand);
            }
            graph.set_op(user, Operator::Add)?;
            graph.insert_after(user, Operator::Transpose { permutation }, snnc_ir::Origin::default())?;
        }
    }
    Ok(())
}

fn invert(permutation: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; permutation.len()];
    for (i, &axis) in permutation.iter().enumerate() {
        inverse[axis] = i;
    }
    inverse
}
