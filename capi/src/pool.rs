//! The threads of a network.
//!
//! A pool of rayon only tells its threads to end; here they are waited for, so that none runs code of a library that was unloaded, and a
//! checker of memory finds nothing left.

use crate::status::{Failure, Status};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

/// Threads that are started when there is work.
pub(crate) struct Threads {
    count: usize,
    /// None before the first run.
    started: Option<Arc<Pool>>,
}

impl Threads {
    /// As many as the process may use processors.
    pub(crate) fn new() -> Mutex<Self> {
        Mutex::new(Self { count: processors(), started: None })
    }
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

struct Pool {
    /// Taken out to end it.
    pool: Option<ThreadPool>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    fn start(count: usize) -> Result<Self, Failure> {
        let mut started = Self { pool: None, threads: Vec::new() };
        let pool = ThreadPoolBuilder::new().num_threads(count).spawn_handler(|thread| {
            let builder = thread::Builder::new().name("snnc".into());
            started.threads.push(builder.spawn(|| thread.run())?);
            Ok(())
        });
        let failure = |error| Failure::new(Status::Threads, format_args!("{count} threads cannot be started: {error}"));
        started.pool = Some(pool.build().map_err(failure)?);
        Ok(started)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        drop(self.pool.take());
        for thread in self.threads.drain(..) {
            // A thread of a pool does not panic: it hands a panic on to who waits for the work.
            let _ = thread.join();
        }
    }
}

/// Sets how many threads work from the next run on; 0 for as many as the process may use processors.
pub(crate) fn set(threads: &Mutex<Threads>, count: usize) {
    let old = {
        let mut threads = threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.count = if count == 0 { processors() } else { count };
        threads.started.take()
    };
    // Ends here, or with the last run that uses it.
    drop(old);
}

/// How many threads work, from the first run on.
pub(crate) fn count(threads: &Mutex<Threads>) -> usize {
    threads.lock().unwrap_or_else(PoisonError::into_inner).count
}

/// Does work on the threads.
pub(crate) fn work<T: Send>(threads: &Mutex<Threads>, work: impl FnOnce() -> T + Send) -> Result<T, Failure> {
    let pool = {
        let mut threads = threads.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = match threads.started.take() {
            Some(pool) => pool,
            None => Arc::new(Pool::start(threads.count)?),
        };
        threads.started.insert(pool).clone()
    };
    Ok(pool.pool.as_ref().expect("it is taken out only when nobody has it any longer").install(work))
}
