//! Independent pieces of work, side by side.

use std::panic::resume_unwind;
use std::sync::{Mutex, OnceLock};
use std::thread;

/// How many threads may run at once: no more than the cores and the container's share of them.
fn threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| thread::available_parallelism().map_or(1, usize::from))
}

/// Does `work` on each item, on as many threads as there are cores; items begin, and results are, in the items' order.
pub(in crate::heap) fn map<T: Send, R: Send>(
    items: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    map_on(threads().min(items.len()), items, work)
}

fn map_on<T: Send, R: Send>(threads: usize, items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    if threads < 2 {
        return items.into_iter().map(work).collect();
    }
    let queue = Mutex::new(items.into_iter().enumerate());
    // Nothing panics while it holds the queue.
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    let run = || {
        let mut results = Vec::new();
        while let Some((index, item)) = next() {
            results.push((index, work(item)));
        }
        results
    };
    let mut results = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let own = run();
        others
            .into_iter()
            .map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .fold(own, |mut all, results| {
                all.extend(results);
                all
            })
    });
    results.sort_by_key(|&(index, _)| index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Does two things, at once where there are two cores.
pub(in crate::heap) fn both<A, B: Send>(
    one: impl FnOnce() -> A,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    if threads() < 2 {
        return (one(), other());
    }
    thread::scope(|scope| {
        let other = scope.spawn(other);
        let one = one();
        (one, other.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        for (threads, count) in [(1, 0), (1, 3), (2, 1), (3, 50)] {
            let doubled = map_on(threads, (0..count).collect(), |item: usize| {
                thread::yield_now();
                2 * item
            });
            assert_eq!(doubled, (0..count).map(|item| 2 * item).collect::<Vec<_>>());
        }
        assert_eq!(map(vec![1, 2], |item| item), [1, 2]);
        assert_eq!(both(|| 1, || 2), (1, 2));
    }

    #[test]
    fn a_panic_is_the_callers() {
        let caught =
            std::panic::catch_unwind(|| map_on(2, vec![1, 2, 3], |item| assert_ne!(item, 2)));
        assert!(caught.is_err());
    }
}
