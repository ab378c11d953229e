//! What the report says of the audit: the section `leakage`. Its shape is fixed by `docs/report.schema.json`.

use super::{cost, html::Sheet, layer, round::round, sheet};
use crate::{
    audit::{
        Attacked, Audit, Row, Skipped, attack::Subject, case::Case, effort::Best, floors::Floor, metrics::Metric, policy::Ruled,
        verdict::main,
    },
    error::Result,
    options::Effort,
};
use serde_json::{Value, json};
use snnc_files::Digest;
use snnc_runtime::{Artifact, Cost, Energy, PopulationKind, Reset, artifact::OpSpec};

/// Version of the section.
pub const VERSION: u64 = 3;

/// The command that makes an audit again, files being called what they are; `options` are those between.
#[must_use]
pub fn command(options: &str, effort: Effort, seed: u64) -> String {
    let effort = if effort == Effort::Full { " --audit full" } else { "" };
    format!("snnc audit MODEL.snn --ann MODEL.onnx{options}{effort} --seed {seed}")
}

/// The section `leakage`. `seed` is all that is random; `command` makes the audit again.
#[must_use]
pub fn section(case: &Case<'_>, audit: &Audit, policy: Option<&[Ruled]>, command: &str) -> Value {
    let spec = case.network.spec();
    let effort = match audit.effort {
        Effort::Quick => "quick",
        Effort::Full => "full",
    };
    let cost = &audit.tradeoff.cost;
    let is_signed =
        spec.nodes.iter().any(|n| matches!(n.op, OpSpec::IfNeuron { reset: Reset::Signed } | OpSpec::LifNeuron { reset: Reset::Signed }));
    json!({
        "version": VERSION,
        "effort": effort,
        "seed": case.given.seed,
        "artifact": {
            "sha256": hex(case.given.bytes),
            "phase": spec.phase,
            "code": spec.code,
            "timesteps": spec.timesteps,
            "neurons": cost.neurons,
            "spikes": if is_signed { "signed" } else { "binary" },
        },
        "ann": {
            "sha256": case.given.imported.source_sha256,
            "is_source": case.given.imported.source_sha256 == spec.source.sha256,
        },
        "judges": judges(case),
        "material": material(case),
        "verdict": audit.verdict,
        "control": {
            "what": "the ANN with normal noise in every layer's weights, as long as what is left between the SNN's weights and its own once the \
                     scales of channels are taken off",
            "layers": case.readability.layers.iter().map(|l| json!({
                "layer": l.ann,
                "relative_noise": round(l.relative_distance),
                "cosine": round(l.cosine),
            })).collect::<Vec<_>>(),
        },
        "floors": audit.floors.iter().map(floor).collect::<Vec<_>>(),
        "attacks": audit.attacks.iter().map(attack).collect::<Vec<_>>(),
        "best": audit.best.iter().map(best).collect::<Vec<_>>(),
        "tradeoff": audit.tradeoff.points.iter().map(|p| {
            let recognised = recognised(audit, p.timesteps);
            json!({
                "timesteps": p.timesteps,
                "accuracy": p.accuracy.map(round),
                "agreement": round(p.agreement),
                "energy_pj": round(p.energy_pj),
                "energy_gain": round(p.energy_gain),
                "recognition": recognised.map(|m| round(m.value)),
                "recognition_interval_95": recognised.and_then(|m| m.interval_95).map(|i| i.map(round)),
            })
        }).collect::<Vec<_>>(),
        "ann_accuracy": audit.tradeoff.ann_accuracy.map(round),
        "ann_energy_pj": round(cost.ann_energy_pj(Energy::INT8_45NM)),
        "accuracy_of": audit.tradeoff.of,
        "time": cost::time(cost),
        "operations": cost::operations(cost),
        "energy": cost::energy(cost),
        "layers": layers(case.given.artifact, cost),
        "not_tested": not_tested(case, audit),
        "policy": policy.map(|rules| json!({"passed": rules.iter().all(|r| r.passed), "rules": rules})),
        "reproduce": command,
    })
}

fn hex(bytes: &[u8]) -> String {
    Digest::of(bytes).into()
}

fn judges(case: &Case<'_>) -> Value {
    let statement = if case.is_independent && case.judges.len() > 1 {
        "Other classifiers than the one that was compiled say what the reconstructions show: numbers without a name are the first one's."
    } else if case.is_independent {
        "Another classifier than the one that was compiled says what the reconstructions show."
    } else {
        "The ANN itself says what the reconstructions show: there was no other judge. What it recognises in reconstructions of its own need not \
         look like the class to anybody else, so its column only shows that the attack ran; the other columns show what carries over to the ANN."
    };
    json!({
        "kind": if case.is_independent { "independent" } else { "source" },
        "sha256": case.judges.iter().map(|judge| judge.sha256()).collect::<Vec<_>>(),
        "statement": statement,
    })
}

fn floor(floor: &Floor) -> Value {
    json!({
        "name": floor.name,
        "what": floor.what,
        "metrics": floor.metrics.iter().map(metric).collect::<Vec<_>>(),
        "why": floor.why,
    })
}

fn best(best: &Best) -> Value {
    json!({
        "subject": best.subject,
        "effort": best.effort,
        "attack": best.attack,
        "variant": best.variant,
        "timesteps": best.timesteps,
        "recognised": metric(&best.recognised),
    })
}

fn material(case: &Case<'_>) -> Value {
    let material = &case.given.material;
    let count = |set: &Option<crate::audit::case::Labelled>| set.as_ref().map(|set| set.pictures.count);
    json!({
        "reference": material.reference.as_ref().map(|set| json!({"images": set.pictures.count, "labelled": set.labels.is_some()})),
        "members": count(&material.members),
        "nonmembers": count(&material.nonmembers),
        "features": material.reference.as_ref().map(|_| if case.given.features.is_some() { "file" } else { "judge" }),
    })
}

fn attack(attacked: &Attacked) -> Value {
    let attack = attacked.attack;
    let status = match (attacked.rows.is_empty(), attacked.skipped.is_empty()) {
        (true, _) => "not run",
        (false, true) => "ran",
        (false, false) => "partly",
    };
    json!({
        "name": attack.name(),
        "title": attack.about().title,
        "objective": attack.about().objective,
        "knows": attack.about().knows,
        "status": status,
        "why": attacked.missing.clone().or_else(|| attacked.skipped.first().map(|s| s.why.clone())),
        "results": attacked.rows.iter().map(result).collect::<Vec<_>>(),
        "findings": attacked.findings,
    })
}

fn result(row: &Row) -> Value {
    json!({
        "variant": row.cell.variant,
        "subject": row.cell.subject,
        "timesteps": row.cell.timesteps,
        "metrics": row.metrics.iter().map(metric).collect::<Vec<_>>(),
        "curve": row.curve.iter().map(|tried| json!({
            "effort": tried.effort,
            "recognised": tried.recognised.iter().map(metric).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

fn metric(metric: &Metric) -> Value {
    json!({
        "name": metric.name,
        "value": round(metric.value),
        "interval_95": metric.interval_95.map(|i| i.map(round)),
        "chance": metric.chance.map(round),
        "of": metric.of,
        "unit": metric.unit,
    })
}

/// The most that any attack on the SNN at that number of steps gets recognised.
fn recognised(audit: &Audit, timesteps: usize) -> Option<&Metric> {
    let rows = audit.attacks.iter().flat_map(|a| &a.rows);
    let at = rows.filter(|row| row.cell.subject == Subject::Snn && row.cell.timesteps == Some(timesteps));
    at.filter_map(main).filter(|m| m.name == "recognition").max_by(|a, b| a.value.total_cmp(&b.value))
}

/// Digits and firing rates of the neurons, then weights, operations and energy of the layers that have synapses, at T.
fn layers(artifact: &Artifact, cost: &Cost) -> Vec<Value> {
    let names = || artifact.graph.nodes.iter().map(|node| node.name.clone());
    let (weights, digits) = (layer::weights(artifact, names()), layer::digits(artifact));
    let neurons = cost.rates.iter().filter(|r| r.kind == PopulationKind::Neurons).zip(digits).map(|(rate, digits)| {
        json!({"name": rate.name, "neurons": rate.size, "digits": digits, "firing_rate": round(rate.rate), "weight_bits": null,
            "weight_bytes": null, "synaptic_ops": null, "energy_pj": null})
    });
    let synapses = cost.layers.iter().map(|layer| {
        let energy = layer.synaptic_ops * Energy::INT8_45NM.ac + layer.macs as f64 * Energy::INT8_45NM.mac;
        let weights = weights.iter().find(|weights| weights.name == layer.name);
        json!({"name": layer.name, "neurons": null, "digits": null, "firing_rate": null, "weight_bits": weights.map(|w| w.bits),
            "weight_bytes": weights.map(layer::Weights::bytes), "synaptic_ops": round(layer.synaptic_ops), "energy_pj": round(energy)})
    });
    neurons.chain(synapses).collect()
}

fn not_tested(case: &Case<'_>, audit: &Audit) -> Vec<Value> {
    let mut list = Vec::new();
    for attacked in &audit.attacks {
        let title = attacked.attack.about().title;
        if let Some(why) = &attacked.missing {
            list.push(json!({"what": title, "why": why}));
        }
        for Skipped { cell, why } in &attacked.skipped {
            let at = cell.timesteps.map(|t| format!(" at T={t}")).unwrap_or_default();
            list.push(json!({"what": format!("{title}: {} on the {}{at}", cell.variant, cell.subject.name()), "why": why}));
        }
    }
    let mut add = |what: &str, why: &str| list.push(json!({"what": what, "why": why}));
    if audit.effort == Effort::Quick {
        add(
            "Wider attacks: more surrogates and restarts, layer statistics, class impressions as in the paper, more queries, more time steps",
            "this is a quick audit; --audit full makes them",
        );
    }
    if case.given.material.reference.is_none() {
        add(
            "Fréchet and kernel distance to real images, distance to the nearest of them, diversity beside them, accuracy",
            "there were no real images to compare with: --reference FILE.npz",
        );
    }
    if !case.is_independent {
        add("Recognition by an independent observer", "there was no other judge than the ANN: --judge JUDGE.onnx");
    }
    add(
        "Generative priors trained on public data, attribute and property inference, extraction of single training records, attacks on hardware",
        "not part of this audit",
    );
    list
}

/// Contact sheets of all reconstructions, and of the reference.
///
/// # Errors
/// Only on a bug.
pub fn sheets(case: &Case<'_>, audit: &Audit) -> Result<Vec<Sheet>> {
    let mut sheets = Vec::new();
    if let Some(reference) = &case.given.material.reference {
        sheets.extend(sheet::reference(case, reference)?);
    }
    for attacked in &audit.attacks {
        for row in &attacked.rows {
            if let Some(pictures) = &row.pictures {
                let (columns, rows, drawn) = sheet::contact(&case.shown, pictures)?;
                sheets.push(Sheet {
                    attack: attacked.attack.name().to_owned(),
                    variant: row.cell.variant.to_owned(),
                    subject: row.cell.subject.name().to_owned(),
                    timesteps: row.cell.timesteps.map(|t| t as u64),
                    rows,
                    columns,
                    png: drawn.png,
                    width: drawn.width,
                    height: drawn.height,
                });
            }
        }
    }
    Ok(sheets)
}
