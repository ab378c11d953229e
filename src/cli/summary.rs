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
    /// The report, unless there is none.
    pub(crate) report: Option<&'a Path>,
    /// Warnings that were given.
    pub(crate) warnings: usize,
}

/// A block of lines, without a line break at the end.
pub(crate) fn summary(written: &Written<'_>, report: &Value) -> String {
    let lines = [
        ("network", network(written, report)),
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

fn network(written: &Written<'_>, report: &Value) -> Option<String> {
    let neurons = report["operations"]["neurons"].as_u64()?;
    let s = if neurons == 1 { "" } else { "s" };
    let size = si(written.bytes as f64);
    let size = if size.contains(' ') { size + "B" } else { size + " B" };
    Some(format!("{} neuron{s}, {size} in `{}`", si(neurons as f64), written.out.display()))
}

/// The code, and beside T always how long an image takes.
fn spikes(report: &Value) -> Option<String> {
    let timesteps = report["timesteps"].as_u64()?;
    let code = report["code"].as_str()?;
    let said = match code {
        "radix" => format!("{}{}, binary", digits(report, timesteps)?, tried(report)),
        _ => {
            let word = |option: &str| report["options"][option].as_str();
            format!("{}{}, {}, {} coding", count(timesteps, "time step"), tried(report), word("spikes")?, word("coding")?)
        }
    };
    let (latency, interval) = (report["time"]["latency"].as_u64()?, report["time"]["interval"].as_u64()?);
    Some(format!("{code} code, {said}; latency {}, one image every {interval}", count(latency, "step")))
}

/// How many digits neurons say, and how many the input does if that is another number.
fn digits(report: &Value, timesteps: u64) -> Option<String> {
    let of_layers = || report["layers"].as_array().into_iter().flatten().filter_map(|layer| layer["digits"].as_u64());
    let input = report["input_digits"].as_u64()?;
    let (least, most) = (of_layers().min().unwrap_or(timesteps), of_layers().max().unwrap_or(timesteps));
    let own = if least == most { count(most, "digit") } else { format!("{least} to {}", count(most, "digit")) };
    Some(if least <= input && input <= most { own } else { format!("{own} ({input} of the input)") })
}

/// What a search for the number of time steps has tried.
fn tried(report: &Value) -> String {
    let tried = report.pointer("/timesteps_auto/tried").and_then(Value::as_array);
    tried.map_or_else(String::new, |tried| {
        let steps: Vec<String> = tried.iter().map(|at| at["timesteps"].to_string()).collect();
        format!(" (tried {})", steps.join(", "))
    })
}

fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
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

/// The spiking network by its own numbers, beside the float network as it is and as it would be in 8 bits.
fn activity(report: &Value) -> Option<String> {
    let spikes = report["operations"]["spikes_per_neuron"].as_f64()?;
    let energy = |numbers: &str, of: &str| Some(joules(report["energy"][numbers][of].as_f64()?));
    let (snn, int8, float) = (energy("int8_45nm", "snn_pj")?, energy("int8_45nm", "ann_pj")?, energy("float32_45nm", "ann_pj")?);
    Some(format!("{spikes:.2} spikes a neuron, {snn} an image; ANN {int8} in int8, {float} in float (estimates)"))
}

/// Nothing where there was no training.
fn training(report: &Value) -> Option<String> {
    let training = &report["training"];
    let epochs = training["curve"].as_array()?.len().saturating_sub(1);
    let best = training["best_epoch"].as_u64()?;
    let sum =
        |field: &str| training["weight_drift"].as_array().into_iter().flatten().filter_map(|layer| layer[field].as_u64()).sum::<u64>();
    let mut text = match (best, training["is_fully_trained"].as_bool()?, sum("channels_left")) {
        (0, ..) => "of no use, so it is the calibrated network".to_owned(),
        (_, true, _) => format!("epoch {best} of {epochs}; no channel of its weights is the source network's"),
        (_, false, 0) => format!("epoch {best} of {epochs}; some parameters were not trained"),
        (_, false, left) => {
            format!("epoch {best} of {epochs}; {left} of {} channels are still the source network's", sum("channels"))
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
            report: Some(Path::new("out/vgg11.report.json")),
            warnings: 2,
        }
    }

    fn report() -> Value {
        let at = |timesteps: u64, percent: f64| json!({"timesteps": timesteps, "percent": percent, "interval_95": [percent - 8.0, percent + 1.5]});
        json!({
            "code": "rate",
            "timesteps": 16,
            "time": {"latency": 16, "interval": 16},
            "input_digits": null,
            "layers": [{"digits": null}],
            "options": {"spikes": "signed", "coding": "direct"},
            "samples": {"held_out": 64},
            "agreement": {"judges": "synthetic", "over_timesteps": [at(8, 92.1875), at(16, 98.4375)]},
            "operations": {"neurons": 286_720, "spikes_per_neuron": 1.2345},
            "energy": {
                "float32_45nm": {"snn_pj": 123_456_789.0, "ann_pj": 1_234_567_890.0},
                "int8_45nm": {"snn_pj": 12_345_678.0, "ann_pj": 80_515_297.0},
            },
            "training": {
                "end": "finished", "best_epoch": 17, "is_fully_trained": true, "curve": vec![0; 21],
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
  spikes     rate code, 16 time steps (tried 4, 8, 16), signed, direct coding; latency 16 steps, one image every 16
  agreement  98.4 % (90.4 to 99.9) with the float network on 64 held-out synthetic samples
  activity   1.23 spikes a neuron, 12.35 µJ an image; ANN 80.52 µJ in int8, 1.23 mJ in float (estimates)
  training   epoch 17 of 20; no channel of its weights is the source network's
  audit      none of the attacks that were made got more than chance from the artifact
  report     `out/vgg11.report.json`
  warnings   2";
        assert_eq!(text, expected);
        assert!(text.lines().count() <= 10 && text.lines().all(|line| line.chars().count() <= 120));
    }

    #[test]
    fn digits_are_told_with_what_they_take() {
        let said = |change: &dyn Fn(&mut Value)| {
            let mut report = report();
            report["code"] = json!("radix");
            report["time"] = json!({"latency": 184, "interval": 8});
            report["timesteps_auto"] = json!(null);
            report["timesteps"] = json!(8);
            report["input_digits"] = json!(8);
            report["layers"] = json!([{"digits": 8}, {"digits": 8}]);
            change(&mut report);
            spikes(&report).unwrap()
        };
        assert_eq!(said(&|_| ()), "radix code, 8 digits, binary; latency 184 steps, one image every 8");
        let fewer = |r: &mut Value| r["layers"] = json!([{"digits": 4}]);
        assert_eq!(said(&fewer), "radix code, 4 digits (8 of the input), binary; latency 184 steps, one image every 8");
        let more = |r: &mut Value| r["layers"] = json!([{"digits": 8}, {"digits": 10}]);
        assert_eq!(said(&more), "radix code, 8 to 10 digits, binary; latency 184 steps, one image every 8");
    }

    #[test]
    fn what_was_not_done_is_not_there() {
        let mut report = report();
        report["training"] = json!({"kind": "none"});
        report["leakage"] = Value::Null;
        report["timesteps_auto"] = Value::Null;
        report["options"] = json!({"spikes": "binary", "coding": "poisson"});
        report["agreement"]["judges"] = json!("data");
        report["operations"]["neurons"] = json!(1);
        let written = Written { report: None, warnings: 0, bytes: 999, ..written() };
        let expected = "\
compiled `nets/vgg11.onnx`
  network    1 neuron, 999 B in `out/vgg11.snn`
  spikes     rate code, 16 time steps, binary, poisson coding; latency 16 steps, one image every 16
  agreement  98.4 % (90.4 to 99.9) with the float network on 64 held-out images
  activity   1.23 spikes a neuron, 12.35 µJ an image; ANN 80.52 µJ in int8, 1.23 mJ in float (estimates)";
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
        let frozen = |t: &mut Value| t["is_fully_trained"] = json!(false);
        assert_eq!(said(&frozen), "epoch 17 of 20; some parameters were not trained");
        let left = said(&|t| {
            frozen(t);
            t["weight_drift"][1]["channels_left"] = json!(3);
            t["end"] = json!("interrupted");
        });
        assert_eq!(left, "epoch 17 of 20; 3 of 192 channels are still the source network's (interrupted)");
    }
}
