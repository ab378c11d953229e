//! `snnc MODEL.onnx -o MODEL.snn`

use super::{
    audit::rulings,
    emit::c_source,
    lock::said,
    nir::{nir_of, warnings},
};
use crate::{
    artifact::lock,
    audit::policy::Policy,
    cli::{
        args::{CompileArgs, Emit, EmitForm, MAX_FLASH_KIB},
        dot, files, interrupt,
        locked::read_key,
        outcome::{Failure, Outcome, REFUSED},
        output::print,
        process::{end_with_parent, set_threads},
        profiles,
        progress::{Console, Verbosity},
        render::Style,
        secrets::{Closing, check_signature_target, close, envelope, identities, is_standard_input, secret_key, sign},
        summary::{Written, summary},
        target,
    },
    compile::{Compiled, compile},
    data::npz_bytes,
    error::{Error, Result},
    observer::Observer,
    options::Calibration,
    report::{html, provenance},
    synthesize::Labelled,
};
use snnc_files::Digest;
use snnc_nir::Thresholds;
use snnc_vault::{Recipients, SecretKey};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

/// Runs the command.
pub(crate) fn run(args: &CompileArgs, style: &Style) -> Outcome {
    end_with_parent();
    let about = Failure::about(&args.model, "compile");
    let target = args.target.as_deref().map(target::read).transpose().map_err(&about)?;
    if let Some(profile) = &target {
        target::agrees(args, profile).map_err(&about)?;
    }
    let mut options = args.options().map_err(&about)?;
    let report = args.report.clone().or_else(|| args.out.as_deref().and_then(report_beside));
    let calibration = match &options.calibration {
        Calibration::File(path) => Some(path.as_path()),
        Calibration::Synthetic(_) => None,
    };
    check(args, report.as_deref(), calibration).map_err(&about)?;
    let policy = args.policy.as_deref().map(Policy::read).transpose().map_err(&about)?;
    let protection = Protection::new(args).map_err(&about)?;
    options.training.kept = envelope(protection.recipients.as_ref(), identities(&args.identity).map_err(&about)?);
    let key = args.lock.as_deref().map(read_key).transpose().map_err(&about)?;
    set_threads(args.threads).map_err(&about)?;

    let mut console = Console::new(style.clone(), Verbosity::new(args.quiet, args.verbose), args.model.display().to_string())
        .dump_after(&args.dump_after)
        .for_target(target.clone());
    interrupt::listen();
    let mut compiled = compile(&args.model, &options, &mut console).map_err(&about)?;
    if let Some(key) = &key {
        // All that is said of the network is said of the open one, as one who has the key finds it.
        compiled.artifact = lock(&compiled.artifact, key).map_err(&about)?;
    }
    let ruled = policy.as_ref().zip(compiled.audit.as_ref()).map(|(policy, audited)| policy.judge(&audited.audit));
    let misfits = target.as_ref().map(|profile| snnc_targets::misfits(&compiled.graph, profile)).unwrap_or_default();
    let is_kept = ruled.as_ref().is_none_or(|rules| rules.iter().all(|rule| rule.passed));
    let passed = is_kept && misfits.is_empty();
    if let Some(rules) = &ruled {
        compiled.report["leakage"]["policy"] = serde_json::json!({"passed": is_kept, "rules": rules});
    }
    if let Some(profile) = &target {
        compiled.report["target"] = target::report(&misfits, profile);
    }

    let emitted: Vec<Vec<u8>> =
        args.emit.iter().map(|emit| emitted(args, emit, &compiled, &console, style)).collect::<Result<_>>().map_err(&about)?;

    let start = Instant::now();
    console.stage("write", None);
    let size = write(args, report.as_deref(), &compiled, &emitted, &protection, passed).map_err(&about)?;
    console.stage_done(start.elapsed());
    if !passed {
        if let Some(rules) = &ruled {
            console.print(rulings(rules).trim());
        }
        console.print("the artifact was not written; the report was");
        if let Some(profile) = &target {
            target::held(&misfits, profile).map_err(&about)?;
        }
        return Ok(ExitCode::from(REFUSED));
    }

    if let (Some(out), Some(bytes)) = (&args.out, size) {
        let (report, warnings) = (report.as_deref(), console.warnings());
        console.say(&summary(&Written { model: &args.model, out, bytes, report, warnings }, &compiled.report));
    }
    if let (Some(key), Some(out)) = (&key, &args.out) {
        console.say(&said(out, &compiled.artifact, key));
    }
    if args.timings {
        console.print(&console.timing_table());
    }
    for (_, bytes) in args.emit.iter().zip(&emitted).filter(|(emit, _)| emit.file.is_none()) {
        print(bytes)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Who can open what is written, and who vouches for it.
struct Protection {
    recipients: Option<Recipients>,
    signer: Option<SecretKey>,
}

impl Protection {
    /// Reads the keys, and asks for what is not in a file, before the work begins.
    fn new(args: &CompileArgs) -> Result<Self> {
        let signer = args.sign.as_deref().map(|key| secret_key(key, args.sign_password.as_deref())).transpose()?;
        Ok(Self { recipients: closing(args).recipients()?, signer })
    }
}

/// The files of keys and passphrases, with names for messages.
fn secret_files<'a>(args: &'a CompileArgs, closing: &'a Closing) -> impl Iterator<Item = (&'static str, &'a Path)> {
    let signer = [("the key", &args.sign), ("its password", &args.sign_password)];
    let signer = signer.into_iter().filter_map(|(name, path)| Some((name, path.as_deref()?)));
    let identities = args.identity.iter().map(|path| ("the identity", path.as_path()));
    closing.files().chain(signer).chain(identities).filter(|(_, path)| !is_standard_input(path))
}

/// The files that say what a result must keep to.
fn settings(args: &CompileArgs) -> impl Iterator<Item = &Path> {
    args.policy.as_deref().into_iter().chain(profiles::file(args.target.as_deref()))
}

/// The options of a compilation that other commands have as a group.
fn closing(args: &CompileArgs) -> Closing {
    Closing {
        encrypt_to: args.encrypt_to.clone(),
        encrypt_to_file: args.encrypt_to_file.clone(),
        encrypt_passphrase: args.encrypt_passphrase.clone(),
    }
}

/// Where the report goes by default: nowhere, if the artifact goes to a device or a pipe.
fn report_beside(out: &Path) -> Option<PathBuf> {
    let special = std::fs::metadata(out).is_ok_and(|m| !m.is_file() && !m.is_dir());
    (!special).then(|| out.with_extension("report.json"))
}

/// Everything that can be known to fail before the work begins.
fn check(args: &CompileArgs, report: Option<&Path>, calibration: Option<&Path>) -> Result<()> {
    let passes: Vec<&str> = snnc_passes::all().iter().map(|p| p.name()).collect();
    if let Some(unknown) = args.dump_after.iter().find(|name| *name != "all" && !passes.contains(&name.as_str())) {
        return Err(Error::Usage(format!("--dump-after: there is no pass `{unknown}`; there are `all`, `{}`", passes.join("`, `"))));
    }
    let closing = closing(args);
    check_encryption(args, &closing)?;
    let signature = args.out.as_deref().filter(|_| args.sign.is_some()).map(check_signature_target).transpose()?;
    let mut outputs: Vec<(&str, &Path)> = Vec::new();
    outputs.extend(signature.as_deref().map(|p| ("--sign", p)));
    outputs.extend(args.out.as_deref().map(|p| ("-o", p)));
    outputs.extend(report.map(|p| ("the report", p)));
    outputs.extend(args.html.as_deref().map(|p| ("--html", p)));
    outputs.extend(args.provenance.as_deref().map(|p| ("--provenance", p)));
    outputs.extend(args.depfile.as_deref().map(|p| ("--depfile", p)));
    outputs.extend(args.save_samples.as_deref().map(|p| ("--save-samples", p)));
    outputs.extend(args.emit.iter().filter_map(|e| e.file.as_deref()).map(|p| ("--emit", p)));
    for (_, path) in &outputs {
        files::check_target(path)?;
    }
    let inputs: Vec<(&str, &Path)> = std::iter::once(("the model", args.model.as_path()))
        .chain(calibration.map(|p| ("the calibration images", p)))
        .chain(args.policy.as_deref().map(|p| ("the policy", p)))
        .chain(profiles::file(args.target.as_deref()).map(|p| ("the target", p)))
        .chain(secret_files(args, &closing))
        .chain(args.lock.as_deref().map(|p| ("the key", p)))
        .collect();
    let wants_audit = [("--html", args.html.is_some()), ("--policy", args.policy.is_some())].into_iter().find(|(_, is)| *is);
    if let (Some((option, _)), true) = (wants_audit, args.audit.0.is_none() || args.out.is_none()) {
        return Err(Error::Usage(format!("{option} is of the audit, and there is none with `--audit none` or without -o")));
    }
    files::check_distinct(&inputs, &outputs)
}

/// Refuses what would be written next to encrypted files and could be read by all.
fn check_encryption(args: &CompileArgs, closing: &Closing) -> Result<()> {
    if !closing.is_wanted() {
        return match args.identity.is_empty() {
            true => Ok(()),
            false => {
                Err(Error::Usage("--identity goes on from an encrypted state, which needs to be encrypted again: give --encrypt-to".into()))
            }
        };
    }
    if args.emit.iter().any(|emit| emit.file.is_none()) {
        return Err(Error::Usage("--emit to standard output is not encrypted: name a file, as in `--emit c=FILE`".into()));
    }
    if !args.dump_after.is_empty() {
        return Err(Error::Usage("--dump-after prints the network, which is not encrypted: leave it out, or the encryption".into()));
    }
    if args.resume && closing.encrypt_passphrase.is_none() && args.identity.is_empty() {
        return Err(Error::Usage("--resume reads what was encrypted: name a key that opens it with --identity".into()));
    }
    Ok(())
}

/// Writes all files or none, and of an artifact that a policy refuses only what is said of it; returns the size of the artifact.
fn write(
    args: &CompileArgs,
    report: Option<&Path>,
    compiled: &Compiled,
    emitted: &[Vec<u8>],
    protection: &Protection,
    passed: bool,
) -> Result<Option<usize>> {
    let recipients = protection.recipients.as_ref();
    let mut batch = files::Batch::default();
    let mut size = None;
    if let Some(report) = report {
        batch.add(report, files::json(&compiled.report)?)?;
    }
    if let (Some(path), Some(audited)) = (&args.html, &compiled.audit) {
        batch.add(path, close(recipients, html::page(&compiled.report, &audited.sheets))?)?;
    }
    if !passed {
        batch.commit()?;
        return Ok(None);
    }
    if let Some(out) = &args.out {
        let bytes = compiled.artifact.to_bytes().map_err(|e| Error::Internal(format!("the artifact cannot be written: {e}")))?;
        let bytes = close(recipients, bytes)?;
        size = Some(bytes.len());
        if let Some(path) = &args.provenance {
            batch.add(path, files::json(&provenance(args, out, &bytes, compiled)?)?)?;
        }
        if let Some(signer) = &protection.signer {
            batch.add(&snnc_vault::signature_path(out), sign(signer, &bytes)?)?;
        }
        batch.add(out, bytes)?;
    }
    for (emit, bytes) in args.emit.iter().zip(emitted) {
        if let Some(file) = &emit.file {
            batch.add(file, close(recipients, bytes.as_slice())?)?;
        }
    }
    if let Some(path) = &args.save_samples {
        batch.add(path, close(recipients, saved(&compiled.samples, &compiled.graph)?)?)?;
    }
    if let (Some(depfile), Some(out)) = (&args.depfile, &args.out) {
        let closing = closing(args);
        let secrets = secret_files(args, &closing).map(|(_, path)| path).chain(args.lock.as_deref()).map(Path::to_owned);
        let dependencies: Vec<PathBuf> =
            compiled.dependencies.iter().cloned().chain(settings(args).map(Path::to_owned)).chain(secrets).collect();
        batch.add(depfile, files::depfile(out, &dependencies)?)?;
    }
    batch.commit()?;
    Ok(size)
}

/// How the artifact came to be. Keys and passwords that were read are nobody's business.
fn provenance(args: &CompileArgs, out: &Path, bytes: &[u8], compiled: &Compiled) -> Result<serde_json::Value> {
    let named = |path: &Path| Ok(files::named(path, &files::read(path)?));
    let read = compiled.dependencies.iter().map(PathBuf::as_path).chain(settings(args)).map(named).collect::<Result<Vec<_>>>()?;
    let program = std::env::current_exe().map_err(|e| Error::io("the program snnc", e))?;
    let program =
        provenance::Named { name: "snnc".into(), sha256: Digest::of_file(&program).map_err(|e| Error::io(&program, e))?.to_string() };
    Ok(provenance::statement(&files::named(out, bytes), &compiled.artifact.graph, Some(&read), Some(&program)))
}

/// The samples as an `.npz` file: `x` in the model's own layout and units, `logits` as the float network's answers.
fn saved(labelled: &Labelled, graph: &snnc_ir::Graph) -> Result<Vec<u8>> {
    let input = graph.input().ok_or_else(|| Error::Internal("a verified graph has an input".into()))?;
    let count = labelled.samples.count;
    let dims: Vec<usize> = std::iter::once(count).chain(graph[input].ty.dims[1..].iter().copied()).collect();
    Ok(npz_bytes(&[("logits", &[count, labelled.classes], &labelled.logits), ("x", &dims, &labelled.samples.data)])?)
}

/// What is asked for beside the artifact.
fn emitted(args: &CompileArgs, emit: &Emit, compiled: &Compiled, console: &Console, style: &Style) -> Result<Vec<u8>> {
    let text = match emit.form {
        EmitForm::Ir => snnc_ir::text::print(&compiled.graph),
        EmitForm::Dot => dot::print(&compiled.graph),
        EmitForm::C => {
            let named = emit.file.as_ref().or(args.out.as_ref()).unwrap_or(&args.model);
            let more = "; `snnc emit c` with `--max-flash` writes larger ones";
            c_source(&compiled.artifact, named, None, MAX_FLASH_KIB, more)?.text
        }
        EmitForm::Nir => {
            let (exported, bytes) = nir_of(&compiled.artifact, &args.model, Thresholds::Whole, args.strict)?;
            warnings(&exported, style).iter().for_each(|warning| console.say(warning));
            return Ok(bytes);
        }
    };
    Ok(text.into_bytes())
}
