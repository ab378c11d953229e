//! All models of a project, side by side.

use crate::{
    build::{Builder, Built, Compiler, Outcome},
    cache::Cache,
    error::Result,
    lock::Lock,
    manifest::{Model, Project},
};
use std::{
    num::NonZeroUsize,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// How.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Names of models to build; all if there are none.
    pub names: Vec<String>,
    /// Models that are compiled at a time; as many as there are cores if it is not said.
    pub jobs: Option<NonZeroUsize>,
    /// Whether what comes of it must be what the lock file says.
    pub is_locked: bool,
}

/// Hears how it goes.
pub trait Observer: Send {
    /// A model is begun.
    fn begun(&mut self, model: &Model);
    /// It is done; so many of all are.
    fn done(&mut self, model: &Model, built: &Built, count: (usize, usize));
}

/// What became of all, in the order of the project.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// By name.
    pub models: Vec<(String, Built)>,
}

impl Summary {
    /// Names of the models that a gate refused, and of those that failed.
    #[must_use]
    pub fn trouble(&self) -> (Vec<&str>, Vec<&str>) {
        let names = |is: fn(&Outcome) -> bool| self.models.iter().filter(|(_, b)| is(&b.outcome)).map(|(name, _)| &name[..]).collect();
        (names(|o| matches!(o, Outcome::Refused(_))), names(|o| matches!(o, Outcome::Failed(_))))
    }

    /// How many were compiled, taken from the cache, and up to date.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        let count = |is: fn(&Outcome) -> bool| self.models.iter().filter(|(_, b)| is(&b.outcome)).count();
        [count(|o| matches!(o, Outcome::Compiled(_))), count(|o| *o == Outcome::FromCache), count(|o| *o == Outcome::UpToDate)]
    }
}

/// Why nothing was begun.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    /// A name that is none, or a lock file that is not there.
    #[error("{0}")]
    Asked(String),
    /// A file that cannot be read.
    #[error(transparent)]
    Failed(#[from] crate::Error),
}

/// Builds them. One that fails does not keep others from being built.
///
/// # Errors
/// If a model is asked for that there is not, or the lock file cannot be read or written.
pub fn run(
    project: &Project,
    compiler: &Compiler,
    cache: &Cache,
    options: &Options,
    observer: &mut dyn Observer,
) -> std::result::Result<Summary, NotBegun> {
    let models = project.chosen(&options.names).map_err(NotBegun::Asked)?;
    let lock = Lock::read(&project.root)?;
    if options.is_locked {
        let lock = lock.as_ref().ok_or_else(|| NotBegun::Asked("--locked: there is no snnc.lock; `snnc build` makes one".into()))?;
        if let Some(model) = models.iter().find(|model| lock.get(&model.name).is_none()) {
            return Err(NotBegun::Asked(format!("--locked: snnc.lock does not know `{}`; `snnc build` adds it", model.name)));
        }
    }
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let jobs = options.jobs.map_or(cores, NonZeroUsize::get).min(models.len()).max(1);
    let builder = Builder { root: &project.root, compiler, cache, threads: (cores / jobs).max(1) };
    let held = |model: &Model| lock.as_ref().filter(|_| options.is_locked).and_then(|lock| lock.get(&model.name));
    let built = side_by_side(&models, jobs, &|model| builder.build(model, held(model)), observer);
    let summary = Summary { models: models.iter().map(|model| model.name.clone()).zip(built).collect() };
    if !options.is_locked {
        write_lock(project, lock.unwrap_or_default(), &summary, cache)?;
    }
    Ok(summary)
}

/// Builds so many at a time, each as soon as there is room, in order.
fn side_by_side(models: &[&Model], jobs: usize, build: &(dyn Fn(&Model) -> Built + Sync), observer: &mut dyn Observer) -> Vec<Built> {
    let next = AtomicUsize::new(0);
    let heard = Mutex::new((observer, 0));
    let slots: Vec<Mutex<Option<Built>>> = models.iter().map(|_| Mutex::new(None)).collect();
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(model) = models.get(at) else { return };
            if let Ok(mut heard) = heard.lock() {
                heard.0.begun(model);
            }
            let built = build(model);
            if let Ok(mut heard) = heard.lock() {
                heard.1 += 1;
                let count = (heard.1, models.len());
                heard.0.done(model, &built, count);
            }
            if let Ok(mut slot) = slots[at].lock() {
                *slot = Some(built);
            }
        }
    };
    thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(work))));
    slots.into_iter().filter_map(|slot| slot.into_inner().ok().flatten()).collect()
}

/// Takes up what went well; what did not stays as it was.
fn write_lock(project: &Project, mut lock: Lock, summary: &Summary, cache: &Cache) -> Result<()> {
    for (name, built) in &summary.models {
        if let Some(locked) = &built.locked {
            lock.set(name, locked.clone());
        }
    }
    let names: Vec<&str> = project.models.iter().map(|model| model.name.as_str()).collect();
    lock.keep_only(&names);
    lock.write(&project.root, &cache.stage()?)
}
