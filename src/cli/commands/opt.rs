//! `snnc opt CASE.ir --passes A,B`

use crate::{
    cli::{
        args::{FEW_BITS, OptArgs, parse_threshold},
        outcome::{Failure, Outcome},
        output::print,
    },
    error::{Error, Result},
    float::passes::in_file,
    options::Threshold,
};
use snnc_ir::{Code, Graph, Reset, verify::verify_between};
use snnc_passes::{
    Bits, Pass, PassCx, Settings, manager, ranges_up_to,
    threshold::{Rule, Scope},
};
use std::{path::Path, process::ExitCode};

/// Starts the header lines of a case.
const HEADER: &str = ";!";
/// Starts the line behind which the expectation stands.
const DIVIDER: &str = ";---";
/// Passes that ask a running network, unless thresholds are fixed. Here is none: a text has no samples.
const CALIBRATING: [&str; 2] = ["set-thresholds", "correct-bias"];
/// The pass that trains one.
const TRAINING: &str = "train-weights";

/// The pass that may correct the means that it shifts.
const ROUNDING: &str = "to-integers";

/// Runs the command.
pub(crate) fn run(args: &OptArgs) -> Outcome {
    let about = Failure::about(&args.case, "transform");
    let graph = transform(args).map_err(&about)?;
    print(snnc_ir::text::print(&graph))?;
    Ok(ExitCode::SUCCESS)
}

fn transform(args: &OptArgs) -> Result<Graph> {
    let path = args.case.as_path();
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let case: String = text.lines().take_while(|line| !line.starts_with(DIVIDER)).flat_map(|line| [line, "\n"]).collect();
    let header = Header::read(&case, path)?;
    let Some(names) = args.passes.as_ref().or(header.passes.as_ref()) else {
        let path = path.display();
        return Err(Error::Usage(format!("name the passes: `--passes A,B`, or a line `{HEADER} passes = A,B` in `{path}`")));
    };
    let passes: Vec<&dyn Pass> = names.iter().map(|name| find(name)).collect::<Result<_>>()?;
    let mut graph = parse(&case, path)?;
    let ranges = header.reach.map(|reach| ranges_up_to(&graph, reach));
    let mut cx = PassCx::new(&header.settings).with_ranges(ranges.as_ref());
    for pass in passes {
        let name = pass.name();
        if !pass.about().accepts.contains(&graph.phase) {
            return Err(Error::format(path, format!("pass `{name}` does not accept a graph that is {}", graph.phase)));
        }
        if CALIBRATING.contains(&name) && !matches!(header.settings.threshold, Rule::Fixed(_)) {
            let message = format!("pass `{name}` calibrates on a running network: here it only runs with `{HEADER} threshold = fixed=V`");
            return Err(Error::format(path, message));
        }
        if name == ROUNDING && header.corrects_means {
            return Err(Error::format(path, format!("pass `{name}` calibrates on a running network to correct means: leave `means` out")));
        }
        if name == TRAINING {
            return Err(Error::format(path, format!("pass `{name}` trains on a running network: compile a model to have it run")));
        }
        manager::run(pass, &mut graph, &mut cx, &mut |_, _, _, _| {}).map_err(in_file(path))?;
    }
    Ok(graph)
}

/// What the lines `;! key = value` say.
#[derive(Debug)]
struct Header {
    passes: Option<Vec<String>>,
    settings: Settings,
    /// What samples are taken to reach at every node, on both sides of 0.
    reach: Option<f32>,
    /// Whether means that rounding shifts are to be corrected.
    corrects_means: bool,
}

impl Header {
    fn read(case: &str, path: &Path) -> Result<Self> {
        // As the golden tests of the passes: the folder names the pass, and the default is 8 time steps.
        let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        let mut header = Self {
            passes: folder.and_then(snnc_passes::find).map(|pass| vec![pass.name().to_owned()]),
            settings: Settings { timesteps: 8, ..Settings::default() },
            reach: None,
            corrects_means: false,
        };
        for (number, line) in case.lines().enumerate() {
            let Some(line) = line.strip_prefix(HEADER) else { continue };
            let wrong = |message: &str| Error::format(path, format!("line {}: {message}", number + 1));
            let (key, value) = line.split_once('=').ok_or_else(|| wrong("want `;! key = value`"))?;
            let value = value.trim().trim_matches('"');
            match key.trim() {
                "passes" => header.passes = Some(value.split(',').map(|name| name.trim().to_owned()).collect()),
                "timesteps" | "digits" => {
                    header.settings.timesteps = value.parse().ok().filter(|&t| t > 0).ok_or_else(|| wrong("want a number"))?
                }
                "reach" => header.reach = Some(value.parse().ok().filter(|&r| r >= 0.0).ok_or_else(|| wrong("want a number"))?),
                "threshold" => header.settings.threshold = rule(value).map_err(|message| wrong(&message))?,
                "spikes" => {
                    header.settings.reset = match value {
                        "signed" => Reset::Signed,
                        "binary" => Reset::Soft,
                        _ => return Err(wrong("want `signed` or `binary`")),
                    };
                }
                "code" => {
                    header.settings.code = match value {
                        "radix" => Code::Radix,
                        "rate" => Code::Rate,
                        _ => return Err(wrong("want `radix` or `rate`")),
                    };
                }
                "bits" => {
                    header.settings.bits = match value {
                        "4" => Bits::Four,
                        "8" => Bits::Eight,
                        "16" => Bits::Sixteen,
                        _ => return Err(wrong("want `4`, `8` or `16`")),
                    };
                }
                "bias-bits" => header.settings.bias_bits = Some(bits(value).ok_or_else(|| wrong("want from 2 to 32"))?),
                "threshold-bits" => header.settings.threshold_bits = Some(bits(value).ok_or_else(|| wrong("want from 2 to 32"))?),
                "per" => {
                    header.settings.scope = match value {
                        "channel" => Some(Scope::Channel),
                        "layer" => Some(Scope::Layer),
                        _ => return Err(wrong("want `channel` or `layer`")),
                    };
                }
                "input" => header.settings.input_levels = value.parse().ok().filter(|&l| l > 0).ok_or_else(|| wrong("want a number"))?,
                "means" => header.corrects_means = value == "corrected",
                // For tests.
                "meaning" | "error" => {}
                other => return Err(wrong(&format!("unknown key `{other}`"))),
            }
        }
        Ok(header)
    }
}

/// Bits that numbers may be limited to.
fn bits(text: &str) -> Option<u32> {
    text.parse().ok().filter(|bits| FEW_BITS.contains(bits))
}

fn rule(text: &str) -> std::result::Result<Rule, String> {
    match parse_threshold(text)? {
        Threshold::Rule(rule) => Ok(rule),
        Threshold::Auto => Err("want one rule, not `auto`".to_owned()),
    }
}

fn parse(case: &str, path: &Path) -> Result<Graph> {
    let graph = snnc_ir::text::parse(case).map_err(|e| Error::format(path, e.to_string()))?;
    verify_between(&graph).map_err(|violations| Error::format(path, format!("not a valid graph:\n{violations}")))?;
    Ok(graph)
}

fn find(name: &str) -> Result<&'static dyn Pass> {
    snnc_passes::find(name.trim()).ok_or_else(|| {
        let known: Vec<&str> = snnc_passes::all().iter().map(|p| p.name()).collect();
        Error::Usage(format!("there is no pass `{name}`; there are `{}`", known.join("`, `")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_sets_the_case_up() {
        let read = |text: &str| Header::read(text, Path::new("fold-pad/case.ir"));
        let header = read(";! passes = \"a, b\"\n;! timesteps = 4\n;! threshold = fixed=0.5\ngraph").unwrap();
        assert_eq!(header.passes.unwrap(), ["a", "b"]);
        assert_eq!((header.settings.timesteps, header.settings.threshold), (4, Rule::Fixed(0.5)));
        assert_eq!(read("graph").unwrap().passes.unwrap(), ["fold-pad"]);
        assert!(Header::read("graph", Path::new("case.ir")).unwrap().passes.is_none());
        assert!(read("graph\n;! colour = red").unwrap_err().to_string().contains("line 2: unknown key `colour`"));
        assert!(find("none").err().unwrap().to_string().contains("there is no pass `none`"));
    }
}
