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

/// Names the process that started this one, if it is not to be outlived: a compilation of a build that was killed serves nobody.
pub(crate) const PARENT: &str = "SNNC_PARENT";

/// Ends with the process that [`PARENT`] names, where the system has a way to hear of its end.
pub(crate) fn end_with_parent() {
    #[cfg(target_os = "linux")]
    if let Some(parent) = std::env::var(PARENT).ok().and_then(|id| id.parse::<i32>().ok()) {
        // SAFETY: it only says which signal comes when the parent's thread ends, which waits for this process.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        // SAFETY: it always succeeds.
        if unsafe { libc::getppid() } != parent {
            // It was gone before.
            std::process::exit(2);
        }
    }
}

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

/// Seconds that the processor has worked for this process, all threads together; none where the system does not tell.
pub(crate) fn processor_seconds() -> Option<f64> {
    #[cfg(unix)]
    {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: it only writes to `time`.
        if unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) } == 0 {
            return Some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9);
        }
    }
    None
}

/// Most bytes of memory that this process has had so far; none where the system does not tell.
#[cfg(target_os = "linux")]
pub(crate) fn peak_memory() -> Option<u64> {
    // `getrusage` would count in what the parent had before it started this.
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|most| most * 1024)
}

/// Most bytes of memory that this process has had so far; none where the system does not tell.
#[cfg(not(target_os = "linux"))]
pub(crate) fn peak_memory() -> Option<u64> {
    #[cfg(unix)]
    {
        // SAFETY: a structure of numbers, of which zeros are some.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: it only writes to `usage`.
        if unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) } == 0 {
            // Apple counts bytes, the others KiB.
            let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
            return u64::try_from(usage.ru_maxrss).ok().map(|most| most * unit);
        }
    }
    None
}
