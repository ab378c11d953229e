//! Settings of the process that its speed hangs on. They change no result.

use crate::error::Error;

/// Prepares the process. Call it once, first of all, while there is one thread.
///
/// - Freed memory is kept. Tensors of a few megabytes come and go with every operator; the C library of Linux would ask the
///   kernel for each and hand it back, and the kernel would clear it page by page.
/// - candle gets no threads of its own: they would spin between operators, and the work is parallel over images already.
pub fn prepare() {
    if std::env::var_os("CANDLE_NUM_THREADS").is_none() {
        // SAFETY: there is one thread yet, so nobody reads the environment meanwhile.
        unsafe { std::env::set_var("CANDLE_NUM_THREADS", "1") };
    }
    keep_freed_memory();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn keep_freed_memory() {
    unsafe extern "C" {
        fn mallopt(parameter: i32, value: i32) -> i32;
    }
    const M_TRIM_THRESHOLD: i32 = -1;
    const M_TOP_PAD: i32 = -2;
    const M_MMAP_MAX: i32 = -4;
    // SAFETY: `mallopt` has this signature in every glibc; it may be called at any time and only sets limits. A refusal (0)
    // leaves the defaults, which are merely slower.
    unsafe {
        mallopt(M_MMAP_MAX, 0);
        mallopt(M_TRIM_THRESHOLD, i32::MAX);
        mallopt(M_TOP_PAD, 64 << 20);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_freed_memory() {}

/// Sets how many threads work; without a number, all cores.
pub(crate) fn set_threads(threads: Option<usize>) -> Result<(), Error> {
    match threads {
        Some(n) => rayon::ThreadPoolBuilder::new()
            .num_threads(n)
            .build_global()
            .map_err(|e| Error::Usage(format!("{n} threads cannot be started: {e}"))),
        None => Ok(()),
    }
}
