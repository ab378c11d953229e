//! How many bits the weights of each layer get.
//!
//! 8 bits serve most layers. Where the scores suffer by it, layers get 16, those with the fewest weights first: they cost the file the
//! least, and depthwise convolutions, which suffer most, are among them.

use super::round::round;
use crate::{
    calibrate::Laboratory,
    error::Result,
    float::passes::PassRecord,
    observer::Observer,
    options::{Bits, Options, Weights},
};
use snnc_ir::{Graph, NodeId, Operator};
use snnc_passes::Settings;
use std::{collections::BTreeMap, path::Path};

/// Error of the scores, relative to their size, that 8 bits may cost beyond what it is with 16 everywhere.
const TOLERANCE: f64 = 0.005;

/// Shares of the layers that get 16 bits, in the order in which they are tried.
const SHARES: [f64; 4] = [0.25, 0.5, 0.75, 1.0];

/// A graph in whole numbers, with the settings and the passes that made it.
pub struct Rounded {
    /// The graph.
    pub graph: Graph,
    /// With the bits of every layer.
    pub settings: Settings,
    /// The passes.
    pub passes: Vec<PassRecord>,
}

/// Rounds a calibrated graph, with as few bits as serve. Without a running network, all weights have the bits of the settings.
///
/// # Errors
/// If a pass refuses the network.
pub fn choose(
    calibrated: &Graph,
    settings: Settings,
    options: &Options,
    laboratory: Option<(&mut Laboratory, &BTreeMap<NodeId, Vec<f32>>)>,
    model: &Path,
    observer: &mut dyn Observer,
) -> Result<Rounded> {
    let mut run = |settings: Settings, laboratory: Option<(&mut Laboratory, &BTreeMap<NodeId, Vec<f32>>)>| -> Result<Rounded> {
        let mut graph = calibrated.clone();
        let passes = round(&mut graph, &settings, laboratory, model, observer)?;
        Ok(Rounded { graph, settings, passes })
    };
    let (laboratory, worth) = match laboratory {
        Some(pair) if options.weights == Weights::Auto => pair,
        other => return run(settings, other),
    };
    let fine = run(Settings { bits: Bits::Sixteen, ..settings.clone() }, Some((laboratory, worth)))?;
    let allowed = TOLERANCE + laboratory.error_of_answers(&fine.graph)?;
    let layers = by_size(calibrated);
    let mut rounded = run(settings.clone(), Some((laboratory, worth)))?;
    for share in SHARES {
        if laboratory.error_of_answers(&rounded.graph)? <= allowed {
            break;
        }
        let count = (share * layers.len() as f64).ceil() as usize;
        let bits_of = layers[..count].iter().map(|&layer| (layer, Bits::Sixteen)).collect();
        rounded = run(Settings { bits_of, ..settings.clone() }, Some((laboratory, worth)))?;
    }
    Ok(rounded)
}

/// The layers of a graph, those with the fewest weights first.
fn by_size(graph: &Graph) -> Vec<NodeId> {
    let weights = |node: NodeId| match &graph[node].op {
        Operator::Conv2d { weight, .. } | Operator::Linear { weight, .. } => Some((graph.param(*weight).tensor.data.len(), node)),
        _ => None,
    };
    let mut layers: Vec<(usize, NodeId)> = graph.topological().into_iter().filter_map(weights).collect();
    layers.sort_by_key(|(size, _)| *size);
    layers.into_iter().map(|(_, node)| node).collect()
}
