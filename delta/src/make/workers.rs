//! The same work for many numbers on a few threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Does `work` for the numbers of `order`, the first ones first, and gives the results back by number. Each thread begins with `begin`.
/// After an error no new work is begun.
///
/// # Errors
/// The first error of a thread.
pub fn each<S, T: Send, E: Send>(
    threads: usize,
    order: &[usize],
    begin: impl Fn() -> Result<S, E> + Sync,
    work: impl Fn(&mut S, usize) -> Result<T, E> + Sync,
    ended: impl Fn() -> E,
) -> Result<Vec<T>, E> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let one = || -> Result<Vec<(usize, T)>, E> {
        let mut state = begin()?;
        let mut done = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let Some(number) = order.get(next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            match work(&mut state, *number) {
                Ok(result) => done.push((*number, result)),
                Err(error) => {
                    failed.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(done)
    };
    let mut results = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(one)).collect();
        let mut results = Vec::new();
        for thread in threads {
            results.extend(thread.join().unwrap_or_else(|_| Err(ended()))?);
        }
        Ok(results)
    })?;
    results.sort_by_key(|(number, _)| *number);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}
