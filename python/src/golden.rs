//! Golden files, for the plugin of pytest.

use crate::{
    error::{error, file_error},
    threads,
};
use pyo3::prelude::*;
use snnc_golden::{Error, Given, verdict};
use std::{
    ops::ControlFlow,
    panic,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// How a golden file is written anew where this is called from.
const HOW: &str = "`pytest --snnc-bless`";

/// How often it is looked whether the user wants the run to stop.
const PATIENCE: Duration = Duration::from_millis(100);

/// Holds an artifact against a golden file, or writes the file anew: what differs, for people; None where nothing does.
#[pyfunction]
#[pyo3(signature = (artifact, golden, /, *, data=None, report=None, bless=false))]
pub(crate) fn check_golden(
    py: Python<'_>,
    artifact: PathBuf,
    golden: PathBuf,
    data: Option<PathBuf>,
    report: Option<PathBuf>,
    bless: bool,
) -> PyResult<Option<String>> {
    let pool = threads::pool()?;
    let given = Given { golden: &golden, data: data.as_deref(), report: report.as_deref() };
    let (is_unwanted, caller) = (AtomicBool::new(false), thread::current());
    let watch = &mut |_| if is_unwanted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    // Python hands signals to the thread that called, which therefore does nothing but wait for them.
    let (made, raised) = thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let made = pool.install(|| verdict(&artifact, &given, bless, HOW, watch));
            caller.unpark();
            made
        });
        let mut raised = None;
        while !worker.is_finished() {
            py.detach(|| thread::park_timeout(PATIENCE));
            if let Err(signal) = py.check_signals() {
                is_unwanted.store(true, Ordering::Relaxed);
                raised.get_or_insert(signal);
            }
        }
        (worker.join().unwrap_or_else(|bug| panic::resume_unwind(bug)), raised)
    });
    match (made, raised) {
        (_, Some(signal)) => Err(signal),
        (Ok(differences), None) => Ok(differences),
        (Err(Error::File(snnc_data::Error::Io { path, source })), None) => Err(file_error(py, &path, &source)),
        (Err(other), None) => Err(error(other)),
    }
}
