//! The float network: forward, and backward to the image.

use super::action::{Action, apply_head};
use crate::error::{Error, Result};
use candle_core::{Device, Tensor};
use snnc_ir::{Graph, Head, NodeId, Operator, types::broadcast_index};
use std::collections::{BTreeMap, BTreeSet};

/// Images that run together.
const BATCH: usize = 32;

/// A float network (or the rate twin of a spiking one) ready to run on batches.
pub struct FloatNetwork {
    pub(super) steps: Vec<Step>,
    pub(super) input: NodeId,
    pub(super) output: NodeId,
    head: Head,
}

pub(super) struct Step {
    pub(super) node: NodeId,
    pub(super) operands: Vec<NodeId>,
    pub(super) action: Action,
    /// A division behind the action: the rate twin of a neuron.
    pub(super) divisor: Option<Tensor>,
    /// Results that nothing needs after this step.
    done: Vec<NodeId>,
}

impl FloatNetwork {
    /// Prepares a graph. In a spiking graph, neurons compute `relu(x) / θ` and count pools take maxima: its rate twin.
    ///
    /// Rectifiers are fused into the convolution or linear layer before them.
    ///
    /// # Errors
    /// Only on a bug: the graph was verified.
    pub fn new(graph: &Graph) -> Result<Self> {
        Self::keeping(graph, &[])
    }

    /// As [`FloatNetwork::new`] for a caller who wants the results of `kept` nodes.
    ///
    /// # Errors
    /// As [`FloatNetwork::new`].
    pub fn keeping(graph: &Graph, kept: &[NodeId]) -> Result<Self> {
        let device = Device::Cpu;
        let output = graph.output().ok_or_else(|| Error::Internal("a verified graph has an output".into()))?;
        let input = graph.input().ok_or_else(|| Error::Internal("a verified graph has an input".into()))?;
        let mut steps: Vec<Step> = Vec::new();
        let mut fused: BTreeSet<NodeId> = BTreeSet::new();
        for node in graph.topological() {
            let operands: Vec<NodeId> = graph.operands(node);
            let fuses = matches!(graph[node].op, Operator::Conv2d { .. } | Operator::Linear { .. })
                && !kept.contains(&node)
                && graph.only_user(node).is_some_and(|user| matches!(graph[user].op, Operator::Relu));
            let (action, divisor) = match &graph[node].op {
                Operator::Input => continue,
                Operator::Relu if fused.contains(&operands[0]) => {
                    // The layer already computed this; the step is the layer's, under the rectifier's id.
                    let step = steps.iter_mut().find(|s| s.node == operands[0]).expect("operands come first");
                    step.node = node;
                    continue;
                }
                Operator::Neuron { threshold, .. } => {
                    let tensor = &graph.param(*threshold).tensor;
                    (Action::relu(), Some(Tensor::from_slice(&tensor.data, tensor.dims.clone(), &device)?))
                }
                _ => (Action::of(graph, node, fuses, &device)?, None),
            };
            if fuses {
                fused.insert(node);
            }
            steps.push(Step { node, operands, action, divisor, done: Vec::new() });
        }
        // A result is done after its last reader.
        let mut last: BTreeMap<NodeId, usize> = BTreeMap::new();
        for (k, step) in steps.iter().enumerate() {
            last.extend(step.operands.iter().map(|&o| (o, k)));
        }
        for (node, k) in last {
            if node != output.node && !kept.contains(&node) {
                steps[k].done.push(node);
            }
        }
        Ok(Self { steps, input, output: output.node, head: output.head })
    }

    /// The node whose result is the output.
    #[must_use]
    pub fn output(&self) -> NodeId {
        self.output
    }

    /// What the float network does to its logits.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// Logits `[N, classes]` for images `[N, ..]` in the model's own layout; the head is not applied.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn logits(&self, images: &Tensor) -> Result<Tensor> {
        let mut results = self.run(images)?;
        let logits = results.remove(&self.output).ok_or_else(|| Error::Internal("the output was not computed".into()))?;
        Ok(logits.flatten_from(1)?)
    }

    /// The float network's own output: logits with the head applied.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn outputs(&self, images: &Tensor) -> Result<Tensor> {
        Ok(apply_head(self.head, &self.logits(images)?)?)
    }

    /// What `of` makes of images `[.., dims[1..]]`, batch after batch, joined.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn batched(&self, images: &[f32], dims: &[usize], of: impl Fn(&Self, &Tensor) -> Result<Tensor>) -> Result<Vec<f32>> {
        let len: usize = dims[1..].iter().product();
        let mut results = Vec::new();
        for batch in images.chunks(BATCH * len.max(1)) {
            let shape: Vec<usize> = std::iter::once(batch.len() / len).chain(dims[1..].iter().copied()).collect();
            let tensor = Tensor::from_slice(batch, shape, &Device::Cpu)?;
            results.extend(of(self, &tensor)?.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(results)
    }

    /// Results of the output and of the kept nodes.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn run(&self, images: &Tensor) -> Result<BTreeMap<NodeId, Tensor>> {
        let mut results = BTreeMap::from([(self.input, images.clone())]);
        for step in &self.steps {
            let result = step.apply(&results)?;
            results.insert(step.node, result);
            for node in &step.done {
                results.remove(node);
            }
        }
        Ok(results)
    }
}

impl Step {
    /// The result, from those of the operands.
    fn apply(&self, results: &BTreeMap<NodeId, Tensor>) -> Result<Tensor> {
        self.applied(&self.operands.iter().map(|o| &results[o]).collect::<Vec<_>>())
    }

    /// The result for these operands.
    pub(super) fn applied(&self, operands: &[&Tensor]) -> Result<Tensor> {
        let result = self.action.apply(operands)?;
        match &self.divisor {
            Some(divisor) => Ok(result.broadcast_div(divisor)?),
            None => Ok(result),
        }
    }
}

/// Values of a parameter that broadcasts over `[N, dims[1..]]`, written out for one image.
#[must_use]
pub fn per_entry(graph: &Graph, param: snnc_ir::ParamId, dims: &[usize]) -> Vec<f32> {
    let tensor = &graph.param(param).tensor;
    broadcast_index(&tensor.dims, dims).into_iter().map(|i| tensor.data[i]).collect()
}
