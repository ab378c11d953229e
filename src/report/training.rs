//! What the report says of the training through time.

use super::round::round;
use crate::train::record::{Ran, TrainingRecord};
use serde_json::{Value, json};
use snnc_engine::plan::Twin;

/// The section `training`.
pub(super) fn section(record: &TrainingRecord) -> Value {
    match record {
        TrainingRecord::NotAsked => json!({"kind": "none"}),
        TrainingRecord::TooLong { estimate, allowed } => json!({
            "kind": "none",
            "why": "it was estimated to take longer than it may",
            "estimated_seconds": estimate.round(),
            "allowed_seconds": allowed,
        }),
        TrainingRecord::Ran(ran) => ran_section(ran),
    }
}

fn ran_section(ran: &Ran) -> Value {
    let percent = |(agreeing, of): (usize, usize)| round(100.0 * agreeing as f64 / of.max(1) as f64);
    let [before, after, noise] = &ran.readings;
    let twins = Twin::ATTACKS.iter().enumerate().map(|(k, twin)| {
        json!({
            "twin": twin.name(),
            "before_percent": percent((before.agreeing[k], before.of)),
            "after_percent": percent((after.agreeing[k], after.of)),
            "noise_percent": percent((noise.agreeing[k], noise.of)),
        })
    });
    json!({
        "kind": "temporal",
        "samples": ran.samples,
        "estimated_seconds": ran.estimate.round(),
        "device": ran.device,
        "end": ran.end.name(),
        "best_epoch": ran.best,
        "is_fully_trained": ran.is_fully_trained,
        "curve": ran.curve.iter().enumerate().map(|(epoch, e)| json!({
            "epoch": epoch,
            "loss": e.loss.map(round),
            "held_out_loss": round(e.held_out_loss),
            "agreement_percent": percent(e.agreeing),
        })).collect::<Vec<_>>(),
        "reconversion": {
            "what": "agreement with the float network, on held-out samples, of float networks made from the artifact's weights with a static \
                     activation in the place of the neurons: what an attacker can read; before training, after it, and with noise as long as \
                     the change in the weights before training",
            "twins": twins.collect::<Vec<_>>(),
        },
        "weight_drift": ran.drift.iter().map(|d| json!({
            "weights": d.name,
            "relative_change": round(d.relative),
            "cosine": round(d.cosine),
            "channels_left": d.left.0,
            "channels": d.left.1,
        })).collect::<Vec<_>>(),
    })
}
