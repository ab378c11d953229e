//! What a file's batch norms recorded, as something to watch while an image is inverted.
//!
//! The network is run with its batch norms folded wherever that computes the same values, since a separate normalisation is one
//! more sweep over every activation.

use crate::error::Result;
use snnc_engine::{Buffers, Network};
use snnc_ir::{Graph, NodeId, Operator};
use snnc_passes::threshold::Recorded;

/// Relative difference up to which a folded batch norm is the same.
const SAME: f32 = 1e-3;

/// A network and what to watch in it.
pub struct Watched<'a> {
    /// The network.
    pub network: Network<'a>,
    /// By the place of a step in its plan, what was recorded of the step's result.
    pub layers: Vec<(usize, Recorded)>,
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

impl<'a> Watched<'a> {
    /// Nothing to watch.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn nothing(float: &'a Graph) -> Result<Self> {
        Ok(Self { network: Network::float(float, &[])?, layers: Vec::new() })
    }

    /// Nodes of a network, with what was recorded of them.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn nodes(float: &'a Graph, recorded: Vec<(NodeId, Recorded)>) -> Result<Self> {
        let nodes: Vec<NodeId> = recorded.iter().map(|(node, _)| *node).collect();
        let network = Network::float(float, &nodes)?;
        let at = |(node, recorded)| Some((network.plan().at(node)?, recorded));
        // The image itself is the prior's matter: what a batch norm on the input recorded of it is left alone.
        let layers = recorded.into_iter().filter_map(at).filter(|(step, _)| *step > 0).collect();
        Ok(Self { network, layers })
    }

    /// The batch norms of `normed`, in `float`, which is the same network with them folded, if `images` show them to be the
    /// same; else in `normed` itself.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn norms(float: &'a Graph, normed: &'a Graph, images: &[f32]) -> Result<Self> {
        let norms = norms(normed);
        let folded =
            |norm: &Norm| matches!(float.get(norm.operand).map(|n| &n.op), Some(Operator::Conv2d { .. } | Operator::Linear { .. }));
        if norms.iter().all(folded) && same(float, normed, &norms, images)? {
            return Self::nodes(float, norms.into_iter().map(|n| (n.operand, n.after)).collect());
        }
        Self::nodes(normed, norms.into_iter().map(|n| (n.operand, n.before)).collect())
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
fn same(folded: &Graph, normed: &Graph, norms: &[Norm], images: &[f32]) -> Result<bool> {
    let run = |graph: &Graph, nodes: Vec<NodeId>| -> Result<Vec<Vec<f32>>> {
        let network = Network::float(graph, &nodes)?;
        Ok(network.results(images, images.len() / network.input_len(), &nodes, &mut Buffers::default()).1)
    };
    let expected = run(normed, norms.iter().map(|n| n.node).collect())?;
    let found = run(folded, norms.iter().map(|n| n.operand).collect())?;
    let is_same = |(a, b): (&Vec<f32>, &Vec<f32>)| {
        let size = a.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= SAME * size)
    };
    Ok(expected.iter().zip(&found).all(is_same))
}
