//! Ctrl-C: a training stops and keeps its best state; everything else stops at once.

use super::output::print_error;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether something runs that stops by itself when asked.
static ALLOWED: AtomicBool = AtomicBool::new(false);
/// Whether the user asked.
static WANTED: AtomicBool = AtomicBool::new(false);

/// What a process exits with that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// Listens from now on.
pub(super) fn listen() {
    // Without a handler Ctrl-C ends the process as ever: nothing partial is on disk either way.
    let _ = ctrlc::set_handler(|| {
        if !ALLOWED.load(Ordering::Relaxed) || WANTED.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED);
        }
        print_error("stopping: the best network so far is kept; Ctrl-C again ends at once");
    });
}

/// Says whether what runs now stops by itself.
pub(super) fn allow(allowed: bool) {
    ALLOWED.store(allowed, Ordering::Relaxed);
}

/// Whether the user wants it to stop.
pub(super) fn is_wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}
