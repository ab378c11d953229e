//! `snnc build`

use crate::{
    cli::{
        outcome::{ERROR, Failure, Outcome, REFUSED},
        output::print_error,
        parse::check_arguments,
        process::PARENT,
        progress::{Verbosity, seconds},
        project_args::BuildArgs,
        render::Style,
        vocabulary::vocabulary,
    },
    error::{Error, Result},
};
use snnc_files::Digest;
use snnc_ir::diagnostic::Severity;
use snnc_project::{Built, Cache, Compiler, Model, Observer, Options, Outcome as Became, Project, Summary, run::NotBegun};
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Runs the command.
pub(crate) fn run(args: &BuildArgs, style: &Style) -> Outcome {
    let summary = build(args, style)?;
    let (refused, failed) = summary.trouble();
    let of = |names: &[&str]| format!("{} of {}: `{}`", names.len(), counted(summary.models.len(), "model"), names.join("`, `"));
    if !refused.is_empty() {
        print_error(&style.line(Severity::Error, &format!("gates refused {}", of(&refused))));
    }
    if !failed.is_empty() {
        print_error(&style.line(Severity::Error, &format!("could not build {}", of(&failed))));
    }
    Ok(ExitCode::from(match (failed.is_empty(), refused.is_empty()) {
        (false, _) => ERROR,
        (true, false) => REFUSED,
        (true, true) => return Ok(ExitCode::SUCCESS),
    }))
}

fn build(args: &BuildArgs, style: &Style) -> std::result::Result<Summary, Failure> {
    let path = match &args.project {
        Some(path) => path.clone(),
        None => Project::find(&env::current_dir().map_err(|e| Error::io(".", e))?)?,
    };
    let project = Project::read(&path, &vocabulary())?;
    for model in &project.models {
        check(&path, model)?;
    }
    let cache = Cache::open(&cache_folder(args.cache_dir.as_deref())?)?;
    let options = Options { names: args.names.clone(), jobs: args.jobs, is_locked: args.locked };
    let verbosity = Verbosity::new(args.quiet, args.verbose);
    let mut teller = Teller { style, verbosity, explain: args.explain };
    let summary = snnc_project::run(&project, &compiler()?, &cache, &options, &mut teller)?;
    if verbosity > Verbosity::Quiet {
        print_error(&counts(&summary));
    }
    Ok(summary)
}

/// This program, as a compiler.
fn compiler() -> Result<Compiler> {
    let program = env::current_exe().map_err(|e| Error::io("the program snnc", e))?;
    Ok(Compiler {
        digest: Digest::of_file(&program).map_err(|e| Error::io(&program, e))?,
        program,
        before: ["compile", "--quiet"].map(str::to_owned).to_vec(),
        check: ["check", "--quiet", "--golden"].map(str::to_owned).to_vec(),
        environment: vec![(PARENT.to_owned(), std::process::id().to_string())],
        version: concat!("snnc ", env!("CARGO_PKG_VERSION")).to_owned(),
        refused: REFUSED.into(),
    })
}

/// Refuses options that the compiler would refuse, before anything is begun.
fn check(project: &Path, model: &Model) -> Result<()> {
    let outputs: Vec<PathBuf> = model.outputs.iter().map(|output| PathBuf::from(&output.path)).collect();
    let words: Vec<OsString> = ["snnc", "compile"].into_iter().map(OsString::from).chain(model.arguments(&outputs)).collect();
    check_arguments(words).map_err(|why| Error::format(project, format!("[models.{}]: {why}", model.name)))
}

/// Where the cache is: as typed, as the environment says, or where caches of the user are.
pub(super) fn cache_folder(typed: Option<&Path>) -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let of_user = || set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache"))).or_else(|| set("LOCALAPPDATA"));
    let folder = typed.map(Path::to_owned).or_else(|| set("SNNC_CACHE_DIR")).or_else(|| Some(of_user()?.join("snnc")));
    folder.ok_or_else(|| Error::Usage("there is no folder for caches: name one with --cache-dir, or set SNNC_CACHE_DIR".into()))
}

/// Says how it goes, on standard error.
struct Teller<'a> {
    style: &'a Style,
    verbosity: Verbosity,
    explain: bool,
}

impl Observer for Teller<'_> {
    fn begun(&mut self, model: &Model) {
        if self.verbosity == Verbosity::Verbose {
            print_error(&format!("{}: `{}`", model.name, model.source));
        }
    }

    fn done(&mut self, model: &Model, built: &Built, (done, of): (usize, usize)) {
        let (least, what) = match &built.outcome {
            Became::UpToDate => (Verbosity::Verbose, "up to date".to_owned()),
            Became::FromCache => (Verbosity::Normal, "from the cache".to_owned()),
            Became::Compiled(time) => (Verbosity::Normal, format!("compiled in {}", seconds(*time))),
            Became::Refused(_) => (Verbosity::Quiet, "refused".to_owned()),
            Became::Failed(_) => (Verbosity::Quiet, "failed".to_owned()),
        };
        if self.verbosity < least {
            return;
        }
        print_error(&format!("[{done}/{of}] {}: {what}", model.name));
        if self.explain && built.outcome != Became::UpToDate {
            built.reasons.iter().for_each(|reason| print_error(&format!("    {reason}")));
        }
        match &built.outcome {
            // The compiler's own words are a whole message.
            Became::Refused(said) => print_error(said),
            Became::Failed(said) if said.starts_with("error") => print_error(said),
            Became::Failed(said) => print_error(&self.style.line(Severity::Error, said)),
            Became::UpToDate | Became::FromCache | Became::Compiled(_) => {}
        }
    }
}

fn counts(summary: &Summary) -> String {
    let kinds = ["compiled", "from the cache", "up to date"];
    let parts: Vec<String> =
        summary.counts().into_iter().zip(kinds).filter(|(count, _)| *count > 0).map(|(count, kind)| format!("{count} {kind}")).collect();
    let total = counted(summary.models.len(), "model");
    if parts.is_empty() { total } else { format!("{total}: {}", parts.join(", ")) }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

impl From<NotBegun> for Failure {
    fn from(error: NotBegun) -> Self {
        match error {
            NotBegun::Asked(message) => Error::Usage(message).into(),
            NotBegun::Failed(error) => error.into(),
        }
    }
}

impl From<snnc_project::Error> for Failure {
    fn from(error: snnc_project::Error) -> Self {
        Error::from(error).into()
    }
}
