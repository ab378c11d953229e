//! One model: up to date, from the cache, or compiled.

use crate::{
    cache::{Cache, Entry, Stage},
    error::{Error, Result},
    files::move_to,
    lock::Locked,
    manifest::Model,
    recipe::{Inputs, Last, Present, Recipe, reasons},
};
use snnc_files::{Digest, depfile::dependencies};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// The compiler, as a program.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// The program.
    pub program: PathBuf,
    /// What is typed before the options of a compilation.
    pub before: Vec<String>,
    /// What is typed before a golden file and the artifact that is held against it.
    pub check: Vec<String>,
    /// Variables that it is given.
    pub environment: Vec<(String, String)>,
    /// Digest of the program.
    pub digest: Digest,
    /// Its name and version.
    pub version: String,
    /// Exit code by which a gate says no.
    pub refused: i32,
}

/// What became of a model.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All files are what they would be.
    UpToDate,
    /// They are now; the cache had them.
    FromCache,
    /// It was compiled.
    Compiled(Duration),
    /// A gate said no: what the compiler said.
    Refused(String),
    /// It failed: why.
    Failed(String),
}

/// What is known once a model was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Built {
    /// What became of it.
    pub outcome: Outcome,
    /// Why it had to be made again, unless it was up to date.
    pub reasons: Vec<String>,
    /// What the lock file is to say, if it went well.
    pub locked: Option<Locked>,
}

/// What a build is made with.
pub(crate) struct Builder<'a> {
    pub root: &'a Path,
    pub compiler: &'a Compiler,
    pub cache: &'a Cache,
    /// Threads of each compilation.
    pub threads: usize,
}

impl Builder<'_> {
    /// Builds a model; if the lock file holds it to something, that, or nothing changes. Then it is held against its golden file.
    pub(crate) fn build(&self, model: &Model, held: Option<&Locked>) -> Built {
        let built = self.try_build(model, held).and_then(|built| match (&model.golden, &built.locked) {
            (Some(golden), Some(_)) => self.check(model, golden, built),
            _ => Ok(built),
        });
        built.unwrap_or_else(|error| Built { outcome: Outcome::Failed(error.to_string()), reasons: Vec::new(), locked: None })
    }

    /// What was built, unless the golden file says otherwise.
    fn check(&self, model: &Model, golden: &str, built: Built) -> Result<Built> {
        let mut command = Command::new(&self.compiler.program);
        command.args(&self.compiler.check).arg(golden).arg("--").arg(model.artifact());
        command.current_dir(self.root).stdin(Stdio::null());
        let output = command.output().map_err(|e| Error::io(&self.compiler.program, e))?;
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).trim_end().to_owned()).concat();
        let outcome = match output.status.code() {
            Some(0) => built.outcome,
            Some(code) if code == self.compiler.refused => Outcome::Refused(said),
            _ => Outcome::Failed(said),
        };
        Ok(Built { outcome, ..built })
    }

    fn try_build(&self, model: &Model, held: Option<&Locked>) -> Result<Built> {
        // Named as the project calls it.
        let source = Digest::of_file(&self.root.join(&model.source)).map_err(|e| Error::io(&model.source, e))?;
        let mut present = Present::new(self.root);
        present.know(&model.source, source.clone());
        let recipe = Recipe::new(&self.compiler.digest, &self.compiler.version, model, source);
        let last = self.cache.last(self.root, &model.name);
        let stage = self.cache.stage()?;
        let mut reasons = reasons(&mut present, last.as_ref(), &recipe);
        if let Some(entry) = self.cache.find(&recipe.key(), &mut present) {
            let locked = locked(&recipe, model, &entry);
            let wrong = self.wrong(model, &entry);
            reasons.extend(wrong.iter().map(|(path, is_there)| match is_there {
                true => format!("`{path}` is not what was built"),
                false => format!("`{path}` is not there"),
            }));
            if let Some(refusal) = held.and_then(|held| refusal(held, &locked)) {
                return Ok(Built { outcome: Outcome::Failed(refusal), reasons, locked: None });
            }
            let outcome = match wrong.is_empty() {
                true => Some(Outcome::UpToDate),
                false => self.install(model, &entry, &stage)?.then_some(Outcome::FromCache),
            };
            // Else the cache has lost a file: it is made again.
            if let Some(outcome) = outcome {
                self.cache.remember(self.root, &model.name, &Last { recipe, inputs: entry.inputs }, &stage)?;
                return Ok(Built { outcome, reasons, locked: Some(locked) });
            }
        }
        self.make(model, held, recipe, reasons, &stage)
    }

    /// Compiles a model, keeps what came of it, and puts it in its places.
    fn make(&self, model: &Model, held: Option<&Locked>, recipe: Recipe, reasons: Vec<String>, stage: &Stage) -> Result<Built> {
        let began = Instant::now();
        let Compiled { status, said, files, inputs } = self.compile(model, stage)?;
        let failure = match status.code() {
            Some(0) => None,
            Some(code) if code == self.compiler.refused => {
                // What the compiler writes to say why.
                for (file, output) in files.iter().zip(&model.outputs).filter(|(file, _)| file.exists()) {
                    move_to(file, &self.root.join(&output.path))?;
                }
                Some(Outcome::Refused(said))
            }
            _ if said.is_empty() => Some(Outcome::Failed(format!("the compiler ended with {status}"))),
            _ => Some(Outcome::Failed(said)),
        };
        if let Some(outcome) = failure {
            return Ok(Built { outcome, reasons, locked: None });
        }
        let inputs = inputs.ok_or_else(|| Error::format(&model.source, "the compiler did not say what it read"))?;
        let is_other = inputs.get(&model.source).is_some_and(|digest| *digest != recipe.source);
        if is_other || !Present::new(self.root).are_unchanged(&inputs) {
            return Err(Error::format(&model.source, "it, or a file that belongs to it, changed while it was compiled; build again"));
        }
        let entry = self.cache.keep(&recipe.key(), inputs, &files, stage)?;
        let locked = locked(&recipe, model, &entry);
        if let Some(refusal) = held.and_then(|held| refusal(held, &locked)) {
            return Ok(Built { outcome: Outcome::Failed(refusal), reasons, locked: None });
        }
        self.place(model, &files, &entry)?;
        self.cache.remember(self.root, &model.name, &Last { recipe, inputs: entry.inputs }, stage)?;
        Ok(Built { outcome: Outcome::Compiled(began.elapsed()), reasons, locked: Some(locked) })
    }

    /// The outputs that are not what they should be, and whether they are there.
    fn wrong<'m>(&self, model: &'m Model, entry: &Entry) -> Vec<(&'m str, bool)> {
        let now = |path: &str| Digest::of_existing(&self.root.join(path));
        let outputs = model.outputs.iter().zip(&entry.outputs);
        let wrong = outputs.filter_map(|(output, digest)| match now(&output.path) {
            Some(now) if now == *digest => None,
            other => Some((&output.path[..], other.is_some())),
        });
        wrong.collect()
    }

    /// Puts the files of an entry in their places; not, if the cache has lost one.
    fn install(&self, model: &Model, entry: &Entry, stage: &Stage) -> Result<bool> {
        let Some(files) = entry.outputs.iter().map(|digest| self.cache.take(digest, stage)).collect::<Option<Vec<PathBuf>>>() else {
            return Ok(false);
        };
        self.place(model, &files, entry)?;
        Ok(true)
    }

    /// Moves files to their places, unless the same lie there: what depends on them is not to be made again for nothing.
    fn place(&self, model: &Model, files: &[PathBuf], entry: &Entry) -> Result<()> {
        for ((file, output), digest) in files.iter().zip(&model.outputs).zip(&entry.outputs) {
            let place = self.root.join(&output.path);
            if Digest::of_existing(&place).as_ref() != Some(digest) {
                move_to(file, &place)?;
            }
        }
        Ok(())
    }

    fn compile(&self, model: &Model, stage: &Stage) -> Result<Compiled> {
        // Each output in a folder of its own, under its own name: what is made of a name is the same.
        let file = |output: &crate::manifest::Output| -> Result<PathBuf> {
            let name = Path::new(&output.path).file_name();
            let name = name.ok_or_else(|| Error::format(&output.path, "is no file's name"))?;
            Ok(stage.fresh_folder("output")?.join(name))
        };
        let files = model.outputs.iter().map(file).collect::<Result<Vec<PathBuf>>>()?;
        let depfile = stage.fresh("depfile");
        let mut command = Command::new(&self.compiler.program);
        command.args(&self.compiler.before).arg("--depfile").arg(&depfile).arg("--threads").arg(self.threads.to_string());
        command.envs(self.compiler.environment.iter().cloned());
        command.args(model.arguments(&files)).current_dir(self.root).stdin(Stdio::null());
        let output = command.output().map_err(|e| Error::io(&self.compiler.program, e))?;
        let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        let inputs = fs::read(&depfile).ok().and_then(|rule| {
            let digest = |path: Vec<u8>| {
                let path = String::from_utf8(path).ok()?;
                let digest = Digest::of_existing(&self.root.join(&path))?;
                Some((path, digest))
            };
            dependencies(&rule).into_iter().map(digest).collect::<Option<Inputs>>()
        });
        Ok(Compiled { status: output.status, said, files, inputs })
    }
}

/// What a compiler left.
struct Compiled {
    status: ExitStatus,
    /// What it said.
    said: String,
    /// The outputs, in order.
    files: Vec<PathBuf>,
    /// What it read.
    inputs: Option<Inputs>,
}

fn locked(recipe: &Recipe, model: &Model, entry: &Entry) -> Locked {
    let exact = model.outputs.iter().zip(&entry.outputs).filter(|(output, _)| output.is_exact);
    let outputs: BTreeMap<String, Digest> = exact.map(|(output, digest)| (output.path.clone(), digest.clone())).collect();
    let Recipe { version, arguments, .. } = recipe.clone();
    Locked { compiler: version, arguments, inputs: entry.inputs.clone(), outputs }
}

/// Why a build is not what the lock file says.
fn refusal(held: &Locked, now: &Locked) -> Option<String> {
    let differences = held.differences(now);
    (!differences.is_empty()).then(|| {
        format!(
            "it is not what snnc.lock says: {}; nothing was written, and without --locked the lock file would follow",
            differences.join("; ")
        )
    })
}
