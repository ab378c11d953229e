//! What a compilation came to, in a few lines for a person. All that is said is in the report.

use super::numbers::{joules, si};
use serde_json::Value;
use std::path::Path;

/// What the report does not know: names of files, and what was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'a> {
    /// The ONNX file.
    pub(crate) model: &'a Path,
    /// The artifact.
    pub(crate) out: &'a Path,
    /// Its bytes.
    pub(crate) bytes: usize,
    /// Its neurons.
    pub(crate) neurons: usize,
    /// The report, unless there is none.
    pub(crate) report: Option<&'a Path>,
    /// Warnings that were given.
    pub(crate) warnings: usize,
}

/// A block of lines, without a line break at the end.
pub(crate) fn summary(written: &Written<'_>, report: &Value) -> String {
    let lines = [
        ("network", Some(network(written))),
        ("spikes", spikes(report)),
        ("agreement", agreement(report)),
        ("activity", activity(report)),
        ("training", training(report)),
        ("audit", audit(report)),
        ("report", written.report.map(|path| format!("`{}`", path.display()))),
        ("warnings", Some(written.warnings).filter(|&n| n > 0).map(|n| n.to_string())),
    ];
    let mut text = format!("compiled `{}`", written.model.display());
    for (name, line) in lines.into_iter().filter_map(|(name, line)| Some((name, line?))) {
        text += &format!("\n  {name:<11}{line}");
    }
    text
}

fn network(written: &Written<'_>) -> String {
    let s = if written.neurons == 1 { "" } else { "s" };
    let size = si(written.bytes as f64);
    let size = if size.contains(' ') { size + "B" } else { size + " B" };
    format!("{} neuron{s}, {size} in `{}`", si(written.neurons as f64), written.out.display())
}

fn spikes(report: &Value) -> Option<String> {
    let timesteps = report["timesteps"].as_u64()?;
    let word = |option: &str| report["options"][option].as_str();
    let mut text = format!("{timesteps} time step{}", if timesteps == 1 { "" } else { "s" });
    let tried = report.pointer("/timesteps_auto/tried").and_then(Value::as_array);
    if let Some(tried) = tried {
        let steps: Vec<String> = tried.iter().map(|at| at["timesteps"].to_string()).collect();
        text += &format!(" (tried {})", steps.join(", "));
    }
    Some(format!("{text}, {} spikes, {} coding", word("spikes")?, word("coding")?))
}

fn agreement(report: &Value) -> Option<String> {
    let at = report.pointer("/agreement/over_timesteps")?.as_array()?.last()?;
    let (low, high) = (at["interval_95"][0].as_f64()?, at["interval_95"][1].as_f64()?);
    let judges = match report["agreement"]["judges"].as_str()? {
        "data" => "held-out images",
        "priors" => "procedural images",
        _ => "held-out synthetic samples",
    };
    let (percent, of) = (at["percent"].as_f64()?, report["samples"]["held_out"].as_u64()?);
    Some(format!("{percent:.1} % ({low:.1} to {high:.1}) with the float network on {of} {judges}"))
}

fn activity(report: &Value) -> Option<String> {
    let spikes = report["operations"]["spikes_per_neuron"].as_f64()?;
    let energy = &report["energy"]["float32_45nm"];
    let (snn, ann) = (energy["snn_pj"].as_f64()?, energy["ann_pj"].as_f64()?);
    Some(format!("{spikes:.2} spikes a neuron, {} an image; float network {} (estimates for 45 nm)", joules(snn), joules(ann)))
}

/// Nothing where there was no training.
fn training(report: &Value) -> Option<String> {
    let training = &report["training"];
    let epochs = training["curve"].as_array()?.len().saturating_sub(1);
    let best = training["best_epoch"].as_u64()?;
    let sum =
        |field: &str| training["weight_drift"].as_array().into_iter().flatten().filter_map(|layer| layer[field].as_u64()).sum::<u64>();
    let mut text = match (best, training["is_sealed"].as_bool()?, sum("channels_left")) {
        (0, ..) => "of no use, so it is the calibrated network".to_owned(),
        (_, true, _) => format!("epoch {best} of {epochs}, sealed: no channel of its weights is the source network's"),
        (_, false, 0) => format!("epoch {best} of {epochs}, not sealed"),
        (_, false, left) => {
            format!("epoch {best} of {epochs}, not sealed: {left} of {} channels are the source network's", sum("channels"))
        }
    };
    if training["end"] == "interrupted" {
        text += " (interrupted)";
    }
    Some(text)
}

/// The first sentence of the verdict.
fn audit(report: &Value) -> Option<String> {
    let headline = report.pointer("/leakage/verdict/headline")?.as_str()?;
    let first = headline.split_once(". ").map_or(headline, |(first, _)| first).trim_end_matches('.');
    let (head, rest) = first.split_at_checked(1)?;
    Some(head.to_lowercase() + rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written() -> Written<'static> {
        Written {
            model: Path::new("nets/vgg11.onnx"),
            out: Path::new("out/vgg11.snn"),
            bytes: 36_987_654,
            neurons: 286_720,
            report: Some(Path::new("out/vgg11.report.json")),
            warnings: 2,
        }
    }

    fn report() -> Value {
        let at = |timesteps: u64, percent: f64| json!({"timesteps": timesteps, "percent": percent, "interval_95": [percent - 8.0, percent + 1.5]});
        json!({
            "timesteps": 16,
            "options": {"spikes": "signed", "coding": "direct"},
            "samples": {"held_out": 64},
            "agreement": {"judges": "synthetic", "over_timesteps": [at(8, 92.1875), at(16, 98.4375)]},
            "operations": {"spikes_per_neuron": 1.2345},
            "energy": {"float32_45nm": {"snn_pj": 123_456_789.0, "ann_pj": 1_234_567_890.0}},
            "training": {
                "end": "finished", "best_epoch": 17, "is_sealed": true, "curve": vec![0; 21],
                "weight_drift": [{"channels": 64, "channels_left": 0}, {"channels": 128, "channels_left": 0}],
            },
            "timesteps_auto": {"tried": [at(4, 80.0), at(8, 92.1875), at(16, 98.4375)]},
            "leakage": {"verdict": {"headline": "None of the attacks that were made got more than chance from the artifact. Others were not made."}},
        })
    }

    #[test]
    fn all_there_is_to_say() {
        let text = summary(&written(), &report());
        let expected = "\
compiled `nets/vgg11.onnx`
  network    286.72 k neurons, 36.99 MB in `out/vgg11.snn`
  spikes     16 time steps (tried 4, 8, 16), signed spikes, direct coding
  agreement  98.4 % (90.4 to 99.9) with the float network on 64 held-out synthetic samples
  activity   1.23 spikes a neuron, 123.46 µJ an image; float network 1.23 mJ (estimates for 45 nm)
  training   epoch 17 of 20, sealed: no channel of its weights is the source network's
  audit      none of the attacks that were made got more than chance from the artifact
  report     `out/vgg11.report.json`
  warnings   2";
        assert_eq!(text, expected);
        assert!(text.lines().count() <= 10 && text.lines().all(|line| line.chars().count() <= 100));
    }

    #[test]
    fn what_was_not_done_is_not_there() {
        let mut report = report();
        report["training"] = json!({"kind": "none"});
        report["leakage"] = Value::Null;
        report["timesteps_auto"] = Value::Null;
        report["options"] = json!({"spikes": "binary", "coding": "poisson"});
        report["agreement"]["judges"] = json!("data");
        let written = Written { report: None, warnings: 0, neurons: 1, bytes: 999, ..written() };
        let expected = "\
compiled `nets/vgg11.onnx`
  network    1 neuron, 999 B in `out/vgg11.snn`
  spikes     16 time steps, binary spikes, poisson coding
  agreement  98.4 % (90.4 to 99.9) with the float network on 64 held-out images
  activity   1.23 spikes a neuron, 123.46 µJ an image; float network 1.23 mJ (estimates for 45 nm)";
        assert_eq!(summary(&written, &report), expected);
    }

    #[test]
    fn what_became_of_a_training() {
        let said = |change: &dyn Fn(&mut Value)| {
            let mut report = report();
            change(&mut report["training"]);
            let line = training(&report).unwrap();
            assert!(line.chars().count() <= 87, "{line}");
            line
        };
        assert_eq!(said(&|t| t["best_epoch"] = json!(0)), "of no use, so it is the calibrated network");
        let open = |t: &mut Value| t["is_sealed"] = json!(false);
        assert_eq!(said(&open), "epoch 17 of 20, not sealed");
        let left = said(&|t| {
            open(t);
            t["weight_drift"][1]["channels_left"] = json!(3);
            t["end"] = json!("interrupted");
        });
        assert_eq!(left, "epoch 17 of 20, not sealed: 3 of 192 channels are the source network's (interrupted)");
    }
}
