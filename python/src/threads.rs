//! The threads that all networks of the process run on.
//!
//! A process that was forked has none of the threads of the one before, so that a pool is only good in the process that started it.

use crate::error::error;
use pyo3::{exceptions::PyRuntimeError, prelude::*};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::{
    mem, process,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

static THREADS: Mutex<Threads> = Mutex::new(Threads { wanted: None, started: None });

struct Threads {
    /// None for as many as the process may use processors.
    wanted: Option<usize>,
    started: Option<Started>,
}

struct Started {
    process: u32,
    pool: Arc<ThreadPool>,
}

/// The pool of this process.
pub(crate) fn pool() -> PyResult<Arc<ThreadPool>> {
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(started) = &threads.started {
        if started.process == process::id() {
            return Ok(started.pool.clone());
        }
        // Whoever frees it would wait for threads that are not there.
        mem::forget(started.pool.clone());
    }
    let count = threads.count();
    let pool = ThreadPoolBuilder::new().num_threads(count).thread_name(|index| format!("snnc-{index}")).build();
    let pool = Arc::new(pool.map_err(|e| PyRuntimeError::new_err(format!("{count} threads cannot be started: {e}")))?);
    threads.started = Some(Started { process: process::id(), pool: pool.clone() });
    Ok(pool)
}

impl Threads {
    fn count(&self) -> usize {
        self.wanted.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
    }
}

/// How many threads networks run on.
#[pyfunction]
pub(crate) fn threads() -> usize {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner).count()
}

/// Sets how many threads networks run on, from the next run on; None for as many as the process may use processors.
#[pyfunction]
#[pyo3(signature = (count=None, /))]
pub(crate) fn set_threads(count: Option<usize>) -> PyResult<()> {
    if count == Some(0) {
        return Err(error("there must be at least one thread"));
    }
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    threads.wanted = count;
    if let Some(started) = threads.started.take_if(|started| started.process != process::id()) {
        mem::forget(started.pool);
    }
    threads.started = None;
    Ok(())
}
