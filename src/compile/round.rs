//! A calibrated or trained graph becomes one of whole numbers.

use crate::{
    calibrate::Laboratory,
    error::Result,
    float::passes::{PassRecord, Stage},
    observer::Observer,
};
use snnc_ir::{Graph, NodeId, Phase};
use snnc_passes::{PassCx, Settings};
use std::{collections::BTreeMap, path::Path};

const ROUND: Stage = Stage { name: "round", passes: snnc_passes::ROUND, phase: Phase::Whole };

/// Turns a graph into whole numbers. Where there is a running network, and what its spikes stood for, the means that this shifts are corrected.
///
/// # Errors
/// If a pass refuses the network.
pub fn round(
    graph: &mut Graph,
    settings: &Settings,
    laboratory: Option<(&mut Laboratory, &BTreeMap<NodeId, Vec<f32>>)>,
    model: &Path,
    observer: &mut dyn Observer,
) -> Result<Vec<PassRecord>> {
    let mut cx = PassCx::new(settings);
    if let Some((laboratory, worth)) = laboratory {
        laboratory.restart();
        cx.calibration = Some(laboratory);
        cx.worth = Some(worth);
    }
    ROUND.run(graph, &mut cx, model, observer)
}
