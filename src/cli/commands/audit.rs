//! `snnc audit MODEL.snn --ann MODEL.onnx`

use super::{check_timesteps, read_artifact};
use crate::{
    audit::{
        self, Audit, Conduct,
        attack::Subject,
        case::{Case, Given, Labelled, Material},
        jury::Juror,
        metrics::{Metric, Unit},
        pictures::Pictures,
        policy::{Policy, Ruled},
        shard,
        store::Store,
        verdict::main,
    },
    cli::{
        args::{AuditArgs, List},
        files, interrupt,
        locked::refuse,
        numbers::table,
        outcome::{Failure, Outcome, REFUSED},
        output::print,
        process::set_threads,
        progress::{Console, Verbosity},
        render::Style,
        secrets::{close, envelope, open},
    },
    data::Images,
    error::{Error, Result},
    float::{canonical, with_batch_norms},
    options::{Device, Effort, Pixels},
    report::{html, leakage},
    synthesize::Canvas,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use snnc_ir::TensorType;
use snnc_runtime::Network;
use snnc_vault::Recipients;
use std::{collections::BTreeSet, path::Path, process::ExitCode, sync::LazyLock};

/// Runs the command.
pub(crate) fn run(args: &AuditArgs, style: &Style) -> Outcome {
    let about = Failure::about(&args.artifact, "audit");
    let policy = args.policy.as_deref().map(Policy::read).transpose().map_err(&about)?;
    check(args).map_err(&about)?;
    set_threads(args.manner.threads).map_err(&about)?;
    let subject = args.artifact.display().to_string();
    let mut console = Console::new(style.clone(), Verbosity::new(args.manner.quiet, args.manner.verbose), subject);
    interrupt::listen();
    interrupt::allow(true);
    let text = make(args, policy.as_ref(), &mut console).map_err(&about);
    interrupt::allow(false);
    drop(console);
    let (text, passed) = text?;
    print(text)?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}

fn check(args: &AuditArgs) -> Result<()> {
    if (args.shard.is_some() || !args.merge.is_empty()) && args.effort != Effort::Full {
        return Err(Error::Usage("--shard and --merge are of a full audit: give `--audit full` too".into()));
    }
    let outputs: Vec<(&str, &Path)> =
        [("--json", &args.json), ("--html", &args.html)].into_iter().filter_map(|(n, p)| Some((n, p.as_deref()?))).collect();
    outputs.iter().try_for_each(|(_, path)| files::check_target(path))?;
    let optional = [
        ("the reference images", &args.reference),
        ("the members", &args.members),
        ("the non-members", &args.nonmembers),
        ("the samples", &args.samples),
        ("the feature network", &args.features),
        ("the policy", &args.policy),
    ];
    let judges = args.judge.iter().map(|path| ("a judge", path.as_path()));
    let keys = args.opening.files().chain(args.closing.files());
    let inputs = optional.into_iter().filter_map(|(name, path)| Some((name, path.as_deref()?))).chain(judges).chain(keys);
    let inputs: Vec<(&str, &Path)> =
        [("the artifact", args.artifact.as_path()), ("the model", args.ann.as_path())].into_iter().chain(inputs).collect();
    files::check_distinct(&inputs, &outputs)
}

fn make(args: &AuditArgs, policy: Option<&Policy>, console: &mut Console) -> Result<(String, bool)> {
    let recipients = args.closing.recipients()?;
    let keys = args.opening.keys()?;
    let bytes = open(&args.artifact, &keys)?;
    let artifact = read_artifact(&args.artifact, &bytes)?;
    refuse(
        &args.artifact,
        &artifact.graph,
        "no attack",
        "audit the network before its lock, with --as-locked to see what the lock leaves",
    )?;
    let network = Network::new(artifact.clone()).map_err(|e| Error::format(&args.artifact, e.to_string()))?;
    check_timesteps(&args.artifact, &network, &args.timesteps)?;
    let spec = &artifact.graph;
    let (imported, float) = canonical(&args.ann, spec.output.name.as_deref(), console)?;
    let normed = with_batch_norms(&imported.graph)?;
    let (shape, classes) =
        (&spec.input.shape, spec.nodes.iter().find(|n| n.name == spec.output.node).map(|n| n.shape.iter().product::<usize>()));
    let of_ann = float.input().map(|id| float[id].ty.dims.clone()).zip(float.output().map(|o| float[o.node].ty.len()));
    if of_ann.as_ref().map(|(dims, n)| (dims, Some(*n))) != Some((shape, classes)) {
        let model = args.ann.display();
        return Err(Error::Usage(format!(
            "`{model}` cannot be what `{}` was compiled from: input or classes differ",
            args.artifact.display()
        )));
    }
    if imported.source_sha256 != spec.source.sha256 {
        console.say(&format!("note: `{}` was not compiled from `{}` as it is now", args.artifact.display(), args.ann.display()));
    }
    let canvas = Canvas::new(&TensorType::f32(shape.clone()), spec.input.layout, &spec.input.preprocess);
    let classes = classes.unwrap_or(0);
    let images = |path: &Option<std::path::PathBuf>| path.as_deref().map(|path| labelled(path, &canvas, classes)).transpose();
    let material = Material {
        reference: images(&args.reference)?,
        members: images(&args.members)?,
        nonmembers: images(&args.nonmembers)?,
        samples: images(&args.samples)?,
        ..Material::default()
    };
    let pixels = |scale, mean: &List, std: &List| Pixels { scale, mean: mean.0.clone(), std: std.0.clone() };
    let of_features = pixels(args.features_scale, &args.features_mean, &args.features_std);
    let judge = |(k, path): (usize, &std::path::PathBuf)| {
        let of = of_judge(args, k)?;
        Juror::open(path, &pixels(of.scale, of.mean, of.std), "--judge-")
    };
    let given = Given {
        artifact: &artifact,
        bytes: &bytes,
        imported: &imported,
        float: &float,
        normed: normed.as_ref(),
        judges: args.judge.iter().enumerate().map(judge).collect::<Result<_>>()?,
        features: args.features.as_deref().map(|path| Juror::open(path, &of_features, "--features-")).transpose()?,
        material,
        words: audit::words(&[&args.artifact, &args.ann], &imported.metadata),
        timesteps: args.timesteps.iter().copied().collect::<BTreeSet<_>>().into_iter().collect(),
        only: args.only.clone(),
        as_locked: args.as_locked,
        device: args.device,
        seed: args.seed,
    };
    let case = Case::new(given, args.effort)?;
    let seconds = match args.shard {
        Some(shard) => shard::estimates(&case, args.effort, shard.of)[shard.index],
        None => audit::estimate(&case, args.effort),
    };
    let estimate = format!("estimated at {seconds:.0} s of processor time");
    if args.effort == Effort::Full {
        console.say(&estimate)
    } else {
        console.detail(&estimate)
    }
    let kept = envelope(recipients.as_ref(), keys);
    let store = match &args.checkpoint {
        Some(folder) => Some(Store::new(folder, identity(args, &bytes, &case)?, args.resume, kept)?),
        None if !args.merge.is_empty() => Some(Store::merged(&args.merge, identity(args, &bytes, &case)?, kept)),
        None => None,
    };
    if let (Some(shard), Some(store)) = (args.shard, &store) {
        let (made, all) = shard::make(&case, args.effort, shard, store, console)?;
        return Ok((format!("{made} of {all} pieces of work\n"), true));
    }
    let conduct = Conduct { effort: args.effort, budget: args.budget, store: store.as_ref() };
    let made = audit::audit(&case, &conduct, console)?;
    let ruled = policy.map(|policy| policy.judge(&made));
    let report = json!({
        "report_version": crate::report::VERSION,
        "compiler": concat!("snnc ", env!("CARGO_PKG_VERSION")),
        "leakage": leakage::section(&case, &made, ruled.as_deref(), &command(args)),
    });
    write(args, &report, &case, &made, recipients.as_ref())?;
    let passed = ruled.as_ref().is_none_or(|rules| rules.iter().all(|rule| rule.passed));
    Ok((readable(&made, ruled.as_deref()), passed))
}

/// The preprocessing of a judge, as typed.
struct OfJudge<'a> {
    scale: Option<f32>,
    mean: &'a List,
    std: &'a List,
}

/// That of one of the judges: each option is given once for all of them, or once for each.
fn of_judge(args: &AuditArgs, k: usize) -> Result<OfJudge<'_>> {
    fn at<'a, T>(option: &str, given: &'a [T], k: usize, judges: usize) -> Result<Option<&'a T>> {
        match given.len() {
            0 | 1 => Ok(given.first()),
            n if n == judges => Ok(given.get(k)),
            n => Err(Error::Usage(format!("{option} is given {n} times for {judges} judges: give it once for all, or once for each"))),
        }
    }
    static ZERO: LazyLock<List> = LazyLock::new(|| List(vec![0.0]));
    static ONE: LazyLock<List> = LazyLock::new(|| List(vec![1.0]));
    let judges = args.judge.len();
    Ok(OfJudge {
        scale: at("--judge-scale", &args.judge_scale, k, judges)?.copied(),
        mean: at("--judge-mean", &args.judge_mean, k, judges)?.unwrap_or(&ZERO),
        std: at("--judge-std", &args.judge_std, k, judges)?.unwrap_or(&ONE),
    })
}

fn labelled(path: &Path, canvas: &Canvas, classes: usize) -> Result<Labelled> {
    let has_labels = Images::read_labelled(path);
    let images = match has_labels {
        Ok(images) => images,
        // Classes are welcome, not needed.
        Err(_) => Images::read(path)?,
    };
    let pictures = Pictures::of_file(canvas, &images, usize::MAX);
    if pictures.len() != canvas.len() {
        let [h, w, c] = pictures.size;
        let wanted = format!("{}x{}x{}", canvas.height, canvas.width, canvas.channels);
        return Err(Error::format(path, format!("holds images of {h}x{w}x{c} (height, width, channels), but the network reads {wanted}")));
    }
    let class = |&label: &i64| {
        let known = usize::try_from(label).ok().filter(|&label| label < classes);
        known.ok_or_else(|| Error::format(path, format!("array `y` holds the class {label}, but the network knows 0 to {}", classes - 1)))
    };
    let labels = images.labels.as_ref().map(|labels| labels.iter().map(class).collect::<Result<Vec<_>>>()).transpose()?;
    Ok(Labelled { pictures, labels })
}

/// All that shapes results, as one text.
fn identity(args: &AuditArgs, bytes: &[u8], case: &Case<'_>) -> Result<String> {
    let mut digest = Sha256::new();
    digest.update(bytes);
    for path in [&args.members, &args.nonmembers, &args.reference, &args.samples].into_iter().flatten() {
        digest.update(files::read(path)?);
    }
    // One attacker lets the judges choose.
    case.judges.iter().for_each(|judge| digest.update(judge.sha256().as_bytes()));
    let hash = snnc_files::Digest::from(digest);
    let version = env!("CARGO_PKG_VERSION");
    Ok(format!("{version} {hash} {} {:?} {} {}", case.given.imported.source_sha256, args.effort, args.seed, case.device.name()))
}

/// The command that makes the audit again; files go by what they are.
fn command(args: &AuditArgs) -> String {
    let mut text = String::new();
    let scale = |option: &str, scale: Option<f32>| scale.map(|s| format!(" {option} {s}")).unwrap_or_default();
    let list = |values: &List| values.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    for (option, path) in [
        ("--reference REAL.npz", &args.reference),
        ("--members M.npz", &args.members),
        ("--nonmembers N.npz", &args.nonmembers),
        ("--samples SAMPLES.npz", &args.samples),
    ] {
        if path.is_some() {
            text += &format!(" {option}");
        }
    }
    for k in 0..args.judge.len() {
        let name = if k == 0 { String::new() } else { (k + 1).to_string() };
        if let Ok(of) = of_judge(args, k) {
            let scale = scale("--judge-scale", of.scale);
            text += &format!(" --judge JUDGE{name}.onnx{scale} --judge-mean {} --judge-std {}", list(of.mean), list(of.std));
        }
    }
    if args.features.is_some() {
        let (mean, std) = (list(&args.features_mean), list(&args.features_std));
        let scale = scale("--features-scale", args.features_scale);
        text += &format!(" --features NET.onnx{scale} --features-mean {mean} --features-std {std}");
    }
    if !args.timesteps.is_empty() {
        text += &format!(" --timesteps {}", args.timesteps.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    }
    if !args.only.is_empty() {
        text += &format!(" --only {}", args.only.join(","));
    }
    if args.as_locked {
        text += " --as-locked";
    }
    if let Device::Cuda(_) = args.device {
        text += " --device cuda";
    }
    if let Some(budget) = args.budget {
        text += &format!(" --budget {budget}");
    }
    leakage::command(&text, args.effort, args.seed)
}

fn write(args: &AuditArgs, report: &Value, case: &Case<'_>, made: &Audit, recipients: Option<&Recipients>) -> Result<()> {
    let mut batch = files::Batch::default();
    if let Some(path) = &args.json {
        batch.add(path, files::json(report)?)?;
    }
    if let Some(path) = &args.html {
        batch.add(path, close(recipients, html::page(report, &leakage::sheets(case, made)?))?)?;
    }
    batch.commit()
}

/// The audit as a table, and what it says.
pub(super) fn readable(made: &Audit, ruled: Option<&[Ruled]>) -> String {
    let mut rows: Vec<Vec<String>> = vec![["attack", "measure", "ANN", "SNN", "control", "chance"].map(str::to_owned).to_vec()];
    for attacked in &made.attacks {
        for row in attacked.rows.iter().filter(|row| row.cell.subject == Subject::Snn) {
            let Some(metric) = main(row) else { continue };
            let beside = |subject| attacked.beside(row, subject).and_then(main).map_or_else(|| "-".to_owned(), number);
            let at = row.cell.timesteps.map(|t| format!(", T={t}")).unwrap_or_default();
            let chance = metric.chance.map_or("-".to_owned(), |c| number(&Metric { value: c, interval_95: None, ..metric.clone() }));
            rows.push(vec![
                format!("{} ({}{at})", attacked.attack.name(), row.cell.variant),
                metric.name.clone(),
                beside(Subject::Ann),
                number(metric),
                beside(Subject::Control),
                chance,
            ]);
        }
    }
    let mut text = table(&rows);
    text += &format!("\n{}\n", made.verdict.headline);
    made.verdict.points.iter().for_each(|point| text += &format!("- {point}\n"));
    let findings = made.attacks.iter().flat_map(|a| &a.findings);
    findings.for_each(|finding| text += &format!("- {}\n", finding.what));
    if let Some(rules) = ruled {
        text += &rulings(rules);
    }
    text
}

/// The rules that were not kept, or that all were.
pub(super) fn rulings(rules: &[Ruled]) -> String {
    let failed: Vec<&Ruled> = rules.iter().filter(|rule| !rule.passed).collect();
    if failed.is_empty() {
        return if rules.len() == 1 {
            "\npolicy: the rule is kept\n".to_owned()
        } else {
            format!("\npolicy: all {} rules are kept\n", rules.len())
        };
    }
    let mut text = format!("\npolicy: {} of {} rules are not kept\n", failed.len(), rules.len());
    for rule in failed {
        let measured = rule.measured.as_deref().unwrap_or("not measured");
        text += &format!("- {}: {measured}, limit {} ({})\n", rule.rule, rule.limit, rule.why);
    }
    text
}

fn number(metric: &Metric) -> String {
    let one = |value: f64| if metric.unit == Unit::Share { format!("{:.0} %", 100.0 * value) } else { format!("{value:.2}") };
    match metric.interval_95 {
        Some([low, high]) => format!("{} ({} to {})", one(metric.value), one(low), one(high)),
        None => one(metric.value),
    }
}
