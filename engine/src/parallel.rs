//! Coarse parallelism: whole batches of images on threads, everything inside a batch on one.
//!
//! Kernels split their own work too, but the operators between them do not, and a thread that waits for the next small kernel
//! costs as much as one that works.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

/// Runs `work` on every item, each on one thread, as many at a time as the current rayon pool has threads. Results come in
/// the order of the items, so they do not depend on the number of threads.
pub fn over<T: Send, R: Send>(items: Vec<T>, work: impl Fn(usize, T) -> R + Sync) -> Vec<R> {
    let threads = rayon::current_num_threads().min(items.len());
    if threads <= 1 {
        return items.into_iter().enumerate().map(|(k, item)| work(k, item)).collect();
    }
    let count = items.len();
    let waiting: Vec<Mutex<Option<T>>> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    let results: Vec<Mutex<Option<R>>> = (0..count).map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let lend = |slot: &Mutex<Option<T>>| slot.lock().ok().and_then(|mut s| s.take());
    let run = || {
        loop {
            let k = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = waiting.get(k).and_then(lend) else { break };
            let result = work(k, item);
            if let Ok(mut slot) = results[k].lock() {
                *slot = Some(result);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // A pool that is this thread alone: kernels inside see one thread and do not split.
                match rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build() {
                    Ok(pool) => pool.install(run),
                    Err(_) => run(),
                }
            });
        }
    });
    let done = |slot: Mutex<Option<R>>| {
        slot.into_inner().ok().flatten().expect("every item was taken by a thread, and a panic would have left the scope")
    };
    results.into_iter().map(done).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn order_is_kept() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads");
        let squares = pool.install(|| super::over((0..100).collect(), |k, x: usize| (k, x * x)));
        assert!(squares.iter().enumerate().all(|(i, &(k, x))| k == i && x == i * i));
        assert!(super::over(Vec::<u8>::new(), |_, x| x).is_empty());
    }
}
