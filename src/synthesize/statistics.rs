//! What a file's batch norms recorded, as something to watch while an image is inverted.
//!
//! The network is run with its batch norms folded wherever that computes the same values, since a separate normalisation is one
//! more sweep over every activation.

use crate::{
    error::{Error, Result},
    simulate::FloatNetwork,
};
use candle_core::Tensor;
use snnc_ir::{Graph, NodeId, Operator};
use snnc_passes::threshold::Recorded;
use std::collections::BTreeMap;

/// Relative difference up to which a folded batch norm is the same.
const SAME: f32 = 1e-3;

/// A network and what to watch in it.
pub struct Watched {
    /// Keeps the watched nodes.
    pub network: FloatNetwork,
    /// By node.
    pub nodes: BTreeMap<NodeId, Recorded>,
}

/// A batch norm, and where its values are.
struct Norm {
    node: NodeId,
    operand: NodeId,
    /// Of its operand.
    before: Recorded,
    /// Of its result.
    after: Recorded,
}

impl Watched {
    /// Nothing to watch.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn nothing(float: &Graph) -> Result<Self> {
        Ok(Self { network: FloatNetwork::new(float)?, nodes: BTreeMap::new() })
    }

    /// The batch norms of `normed`, in `float`, which is the same network with them folded, if `images` show them to be the
    /// same; else in `normed` itself.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn norms(float: &Graph, normed: &Graph, images: &Tensor) -> Result<Self> {
        let norms = norms(normed);
        let folded =
            |norm: &Norm| matches!(float.get(norm.operand).map(|n| &n.op), Some(Operator::Conv2d { .. } | Operator::Linear { .. }));
        if norms.iter().all(folded) {
            let kept: Vec<NodeId> = norms.iter().map(|n| n.operand).collect();
            let network = FloatNetwork::keeping(float, &kept)?;
            if same(&network, normed, &norms, images)? {
                return Ok(Self { network, nodes: norms.into_iter().map(|n| (n.operand, n.after)).collect() });
            }
        }
        let kept: Vec<NodeId> = norms.iter().map(|n| n.operand).collect();
        Ok(Self { network: FloatNetwork::keeping(normed, &kept)?, nodes: norms.into_iter().map(|n| (n.operand, n.before)).collect() })
    }
}

fn norms(normed: &Graph) -> Vec<Norm> {
    let mut norms = Vec::new();
    for node in normed.topological() {
        let Operator::BatchNorm { scale, shift, mean, variance, epsilon } = normed[node].op else { continue };
        let values = |id| &normed.param(id).tensor.data;
        // A channel that never varied says nothing about how far off a batch is.
        let deviation: Vec<f32> = values(variance).iter().map(|v| v.max(1e-6).sqrt()).collect();
        let after = values(scale).iter().zip(values(variance)).zip(&deviation);
        norms.push(Norm {
            node,
            operand: normed.operand(node).expect("a normalisation has one operand"),
            after: Recorded {
                mean: values(shift).clone(),
                deviation: after.map(|((gamma, v), d)| gamma.abs() * d / (v + epsilon).sqrt()).collect(),
            },
            before: Recorded { mean: values(mean).clone(), deviation },
        });
    }
    norms
}

/// Whether the folded network makes the same values where the batch norms were.
fn same(folded: &FloatNetwork, normed: &Graph, norms: &[Norm], images: &Tensor) -> Result<bool> {
    let kept: Vec<NodeId> = norms.iter().map(|n| n.node).collect();
    let expected = FloatNetwork::keeping(normed, &kept)?.run(images)?;
    let found = folded.run(images)?;
    for norm in norms {
        let missing = || Error::Internal("a kept node was computed".into());
        let (a, b) = (expected.get(&norm.node).ok_or_else(missing)?, found.get(&norm.operand).ok_or_else(missing)?);
        if a.dims() != b.dims() {
            return Ok(false);
        }
        let (a, b) = (a.flatten_all()?.to_vec1::<f32>()?, b.flatten_all()?.to_vec1::<f32>()?);
        let size = a.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
        if a.iter().zip(&b).any(|(a, b)| (a - b).abs() > SAME * size) {
            return Ok(false);
        }
    }
    Ok(true)
}
