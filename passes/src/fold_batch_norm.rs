//! `fold-batch-norm`: normalisation becomes part of the layer before it.
//!
//! Requires: a graph in phase `Imported`.
//! Leaves: no `batch_norm`. Behind a convolution or linear layer that nothing else reads, its weights and bias take the
//! normalisation in; elsewhere a `scale` and a `shift` stand in its place, for `fold-affine` to move.
//! Keeps: the function, up to rounding (the fold is computed in double precision).

use crate::{
    About, Changed, Pass, PassCx, PassError,
    rewrite::affine::{add_bias, scale_outputs},
};
use snnc_ir::{Graph, Operator, Phase, Provenance, Tensor};

pub struct FoldBatchNorm;

impl Pass for FoldBatchNorm {
    fn about(&self) -> About {
        About { name: "fold-batch-norm", accepts: Phase::Imported..=Phase::Imported, is_required: true }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = Changed::No;
        for node in graph.topological() {
            let Operator::BatchNorm { scale, shift, mean, variance, epsilon } = graph[node].op.clone() else { continue };
            let values = |id| graph.param(id).tensor.data.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
            let (gamma, beta, mean, variance) = (values(scale), values(shift), values(mean), values(variance));
            let factor: Vec<f64> = gamma.iter().zip(&variance).map(|(g, v)| g / (v + f64::from(epsilon)).sqrt()).collect();
            let offset: Vec<f32> = (0..factor.len()).map(|c| (beta[c] - mean[c] * factor[c]) as f32).collect();
            let factor: Vec<f32> = factor.into_iter().map(|f| f as f32).collect();
            let operand = graph.operand(node).expect("a normalisation has one operand");
            let layer = matches!(graph[operand].op, Operator::Conv2d { .. } | Operator::Linear { .. });
            if layer && graph.only_user(operand) == Some(node) {
                scale_outputs(graph, operand, &factor, scale);
                add_bias(graph, operand, &offset, scale);
                graph.bypass(node);
            } else {
                let shape = graph[node].ty.per_channel();
                let name = graph.param(scale).name.clone();
                let factor = graph.add_param(format!("{name}.factor"), Tensor::new(shape.clone(), factor), Provenance::Derived);
                let offset = graph.add_param(format!("{name}.offset"), Tensor::new(shape, offset), Provenance::Derived);
                let origin = graph[node].origin.clone();
                graph.set_op(node, Operator::Scale { factor })?;
                graph.insert_after(node, Operator::Shift { offset }, origin)?;
            }
            changed = Changed::Yes;
        }
        Ok(changed)
    }
}
