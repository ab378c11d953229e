//! What products in fewer bits change: gradients at the same weights, and the curve of a training.

use super::setting::{CLASSES, Options, Products, Setting};
use serde_json::{Value, json};
use snnc::error::Result;
use snnc_engine::{Device, Gradients};
use std::time::Instant;

/// Losses are given out every so many steps.
const EVERY: usize = 5;

/// Compares 32 bits on the card with the processor, then each format with 32 bits, and 32 bits with themselves: what a second run differs
/// by is no matter of the format.
pub fn compare(options: &Options, engine: &Device, give: &mut dyn FnMut(Value)) -> Result<()> {
    let setting = Setting::new(options);
    let mut trainee = setting.trainee(engine)?;
    trainee.products = Products::F32;
    let (reference, _) = trainee.gradients()?;
    let mut tell = |products: Products, against: &str, found: &Gradients, reference: &Gradients| {
        let mut line = difference(found, reference);
        line["what"] = json!("gradients");
        line["products"] = json!(products.name());
        line["against"] = json!(against);
        give(line);
    };
    tell(Products::F32, "the processor", &reference, &setting.gradients_of_processor());
    for products in Products::ALL {
        trainee.products = products;
        let (found, _) = trainee.gradients()?;
        tell(products, "f32", &found, &reference);
    }
    let mut first: Option<Vec<f64>> = None;
    for products in Products::ALL {
        let mut trainee = setting.trainee(engine)?;
        trainee.products = products;
        let began = Instant::now();
        let mut losses = Vec::new();
        // The reference is the longest; the others go as far as it did.
        let most = first.as_ref().map_or(options.rounds, Vec::len);
        while losses.len() < most && (losses.is_empty() || first.is_some() || began.elapsed() < options.seconds) {
            trainee.step()?;
            losses.push(trainee.loss);
        }
        let reference = first.get_or_insert_with(|| losses.clone());
        let apart = losses.iter().zip(reference.iter()).map(|(a, b)| (a - b).abs() / b.abs().max(1e-9)).fold(0.0, f64::max);
        give(json!({
            "what": "curve",
            "products": products.name(),
            "steps": losses.len(),
            "losses": losses.iter().step_by(EVERY).map(|l| (l * 1e5).round() / 1e5).collect::<Vec<_>>(),
            "last": losses.last(),
            "largest_relative_difference": apart,
            "seconds": super::seconds(began.elapsed()),
        }));
    }
    Ok(())
}

/// Lengths of differences over lengths, of all gradients together and of the parameter where that is largest.
fn difference(found: &Gradients, reference: &Gradients) -> Value {
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let apart = |a: &[f32], b: &[f32]| length(&mut a.iter().zip(b).map(|(a, b)| f64::from(a - b)));
    let size = |a: &[f32]| length(&mut a.iter().map(|&a| f64::from(a)));
    let pairs = || found.parameters.iter().zip(&reference.parameters);
    let product: f64 = pairs().flat_map(|(a, b)| a.iter().zip(b)).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    let sizes = [found, reference].map(|g| length(&mut g.parameters.iter().map(|p| size(p))));
    let silent = reference.parameters.iter().filter(|p| size(p) == 0.0).count();
    // Where no spike has tipped over, logits differ in their last bits alone.
    let rows = found.logits.chunks(CLASSES).zip(reference.logits.chunks(CLASSES));
    let same = rows.filter(|(a, b)| a.iter().zip(*b).all(|(a, b)| (a - b).abs() <= 1e-4 * b.abs().max(1.0))).count();
    let worst = pairs().map(|(a, b)| apart(a, b) / size(b).max(1e-30)).fold(0.0, f64::max);
    json!({
        "loss": found.loss,
        "reference_loss": reference.loss,
        "images_alike": same,
        "logits_relative_difference": apart(&found.logits, &reference.logits) / size(&reference.logits).max(1e-30),
        "relative_difference": length(&mut pairs().map(|(a, b)| apart(a, b))) / sizes[1].max(1e-30),
        "worst_parameter": worst,
        "cosine": product / (sizes[0] * sizes[1]).max(1e-30),
        "parameters_without_gradient": silent,
    })
}
