//! `to-integers`: every parameter becomes a whole number.
//!
//! What 1 in a current stands for is free, channel by channel, since θ has the same unit: the *unit* of a channel is chosen so that its weights
//! fill their bits, and all that meets in one current (sums, joins) has one unit, as has a layer whose neurons are to have one threshold. Then weights, biases, thresholds and start potentials
//! are rounded to multiples of it. What rounding θ changes of a stream's worth goes into the weights that read the stream. What is
//! left of it, a shift of a channel's mean, is made up for front to back, on what the whole-number layers before deliver (bias
//! correction, Li et al., ICML 2021), where there is a calibration.
//!
//! Weights that already are whole numbers times something (the network was quantised) stay exactly that, if their bits suffice; and neurons
//! that were trained with their steps get a scale before them that makes θ as fine as 32 bits allow. So do others whose θ would be but a few
//! units, as where they read sums of spikes.
//!
//! Requires: weights in spike units, no means, no shifts before layers.
//! Leaves: whole numbers that fit their types ([`Phase::Whole`]), every current and potential below 2^31, a scale at the output.
//! Keeps: every count, up to the rounding of weights.
//!
//! | file | content |
//! |---|---|
//! | [`streams`] | which nodes are streams, and what stands between them and currents |
//! | [`units`] | which channels have one unit |
//! | [`demands`] | what the operators ask of a unit |
//! | [`grid`] | the largest unit of which numbers are multiples |
//! | [`joins`] | joins whose terms cannot all have their unit |
//! | [`round`] | the parameters of one node, rounded |
//! | [`correction`] | shifted means |

mod correction;
mod demands;
mod grid;
mod joins;
mod round;
mod streams;
mod units;

use crate::{About, Changed, Pass, PassCx, PassError, Settings, fold_affine::shift_into_layer_before};
use demands::Sizes;
use round::Rounding;
use snnc_ir::{Graph, Phase};
use std::collections::BTreeSet;
use streams::Streams;
use units::Units;

pub struct ToIntegers;

impl Pass for ToIntegers {
    fn about(&self) -> About {
        About { name: "to-integers", accepts: Phase::Calibrated..=Phase::Trained, is_required: true }
    }

    fn run(&self, graph: &mut Graph, cx: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let streams = Streams::separate(graph)?;
        let (units, sizes) = units(graph, &streams, cx.settings)?;
        let mut rounding = Rounding::new(graph, &streams, &units, &sizes);
        let output = graph.output().expect("a verified graph has an output").node;
        let mut corrections = Vec::new();
        for node in graph.topological() {
            rounding.node(graph, node, cx.settings)?;
            corrections.extend(correction::correct(graph, node, &rounding, cx)?);
        }
        let scale = rounding.unit(output, 0) as f32;
        // Only now: who is corrected is measured on what came before.
        for shift in corrections {
            shift_into_layer_before(graph, shift)?;
        }
        graph.set_output_scale(scale);
        graph.refresh_types()?;
        Ok(Changed::Yes)
    }
}

/// Finds the units, and gives joins whose terms ask for different ones scales that make up for it.
fn units(graph: &mut Graph, streams: &Streams, settings: &Settings) -> Result<(Units, Sizes), PassError> {
    let mut separated = BTreeSet::new();
    loop {
        let units = Units::find(graph, streams, settings.scope);
        let mut joins = joins::circular(graph, &units);
        if joins.is_subset(&separated) {
            let sizes = demands::sizes(graph, &units, settings)?;
            joins = joins::coarse(graph, &units, &sizes);
            if joins.is_subset(&separated) {
                return Ok((units, sizes));
            }
        }
        joins::separate(graph, streams, &joins)?;
        separated.extend(joins);
    }
}
