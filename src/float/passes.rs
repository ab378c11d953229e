//! Passes, stage by stage: an observer hears of each, a report lists them, and what one refuses is said of the file.

use crate::{
    error::{Error, Result},
    observer::Observer,
};
use snnc_ir::{Graph, Phase};
use snnc_passes::{Changed, Pass, PassCx, PassError, manager};
use std::{path::Path, time::Instant};

/// Passes that run one after the other.
pub struct Stage {
    /// What an observer calls it.
    pub name: &'static str,
    /// In the order in which they run.
    pub passes: &'static [&'static dyn Pass],
    /// The phase of the graph after them.
    pub phase: Phase,
}

/// One pass that ran.
#[derive(Clone, Debug)]
pub struct PassRecord {
    /// Its name.
    pub name: &'static str,
    /// Whether it changed anything.
    pub changed: bool,
}

impl Stage {
    /// Runs the stage on a graph that was made from the file `model`.
    ///
    /// # Errors
    /// As [`in_file`].
    pub fn run(&self, graph: &mut Graph, cx: &mut PassCx<'_>, model: &Path, observer: &mut dyn Observer) -> Result<Vec<PassRecord>> {
        let start = Instant::now();
        observer.stage(self.name, None);
        let mut record = Vec::new();
        let ran = manager::run_stage(self.passes, self.phase, graph, cx, &mut |name, changed, elapsed, graph| {
            let changed = changed == Changed::Yes;
            record.push(PassRecord { name, changed });
            observer.pass_done(name, changed, elapsed, graph);
        });
        ran.map_err(in_file(model))?;
        observer.stage_done(start.elapsed());
        Ok(record)
    }
}

/// Runs passes that belong to no stage; the graph stays in its phase, and no observer hears of it.
///
/// # Errors
/// What the first pass that gives up says.
pub fn run<'p>(
    passes: impl IntoIterator<Item = &'p &'static dyn Pass>,
    graph: &mut Graph,
    cx: &mut PassCx<'_>,
) -> std::result::Result<Vec<PassRecord>, PassError> {
    let one = |pass: &&'static dyn Pass| {
        let changed = manager::run(*pass, graph, cx, &mut |_, _, _, _| ())?;
        Ok(PassRecord { name: pass.name(), changed: changed == Changed::Yes })
    };
    passes.into_iter().map(one).collect()
}

/// What a pass refused, as an error that names the file.
pub fn in_file(file: &Path) -> impl Fn(PassError) -> Error {
    |error| match error {
        PassError::User(diagnostic) => diagnostic.in_file(file.display().to_string()).into(),
        bug @ PassError::Bug(_) => bug.into(),
    }
}
