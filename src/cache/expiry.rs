//! When the entries of a large cache end, where the native thread can search for those that have ended.
//!
//! A [`Column`] is memory of ours that JS writes through an `ArrayBuffer`. JS asks for a [`scan`] of one,
//! with the time on the cache's own clock; the answer is a bit for each slot that is due. JS looks at those
//! slots again before it removes an entry: they may have changed hands meanwhile.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::background::{JobHandle, schedule};
use crate::sync::AtomicU64;

/// The words of a column, 64 bits each: a state, the earliest end (a double) among the slots that are not due,
/// the end of each slot (a double, infinity for none), then a bit for each slot, those of a word from the lowest.
/// `lib/cache/expiry-column.js` has the same layout.
const STATE: usize = 0;
const NEXT: usize = 1;
const ENDS: usize = 2;
/// A value of STATE: no scan is running, and the result of the last one can be read.
const DONE: u64 = 0;
const SCANNING: u64 = 1;

/// The ends of the entries of one cache.
#[derive(Debug)]
pub struct Column {
    words: Box<[AtomicU64]>,
    slots: usize,
    scan: Mutex<Option<JobHandle>>,
}

/// The columns by where their memory begins.
static COLUMNS: Mutex<Vec<(usize, Weak<Column>)>> = Mutex::new(Vec::new());

impl Column {
    /// A column in which no slot ends; `None` without the memory for it.
    #[must_use]
    pub fn open(slots: usize) -> Option<Arc<Self>> {
        let length = ENDS.checked_add(slots)?.checked_add(slots.div_ceil(64))?;
        let mut words = Vec::new();
        words.try_reserve_exact(length).ok()?;
        words.extend((0..length).map(|at| {
            let end = (ENDS..ENDS + slots).contains(&at);
            AtomicU64::new(if end { f64::INFINITY.to_bits() } else { 0 })
        }));
        let column =
            Arc::new(Self { words: words.into_boxed_slice(), slots, scan: Mutex::new(None) });
        let mut columns = COLUMNS.lock();
        columns.retain(|(_, column)| column.strong_count() > 0);
        columns.push((column.words.as_ptr().addr(), Arc::downgrade(&column)));
        Some(column)
    }

    /// The memory that JS writes.
    #[must_use]
    pub fn words(&self) -> &[AtomicU64] {
        &self.words
    }

    /// False while one is under way.
    fn begin_scan(&self) -> bool {
        self.words[STATE].swap(SCANNING, Ordering::Acquire) != SCANNING
    }

    fn scan(&self, now: f64) {
        let (ends, due) = self.words[ENDS..].split_at(self.slots);
        let mut next = f64::INFINITY;
        for (ends, due) in ends.chunks(64).zip(due) {
            let mut bits = 0;
            for (slot, end) in ends.iter().enumerate() {
                let end = f64::from_bits(end.load(Ordering::Relaxed));
                if end <= now {
                    bits |= 1 << slot;
                } else {
                    next = next.min(end);
                }
            }
            due.store(bits, Ordering::Relaxed);
        }
        self.words[NEXT].store(next.to_bits(), Ordering::Relaxed);
        self.words[STATE].store(DONE, Ordering::Release);
    }
}

/// Scans the column whose memory begins at `address` for what has ended at `now`, on the native thread. `false`
/// where there is none (JS holds a copy, as where external buffers are forbidden), or it is being scanned.
///
/// # Errors
/// Where the operating system refuses the thread.
pub fn scan(address: usize, now: f64) -> std::io::Result<bool> {
    let found = COLUMNS.lock().iter().find(|(at, _)| *at == address).map(|(_, c)| c.clone());
    let Some(column) = found.as_ref().and_then(Weak::upgrade) else { return Ok(false) };
    if !column.begin_scan() {
        return Ok(false);
    }
    let scanned = Arc::downgrade(&column);
    let job = schedule(
        Duration::ZERO,
        Box::new(move |_| {
            if let Some(column) = scanned.upgrade() {
                column.scan(now);
            }
            ControlFlow::Break(())
        }),
    );
    match job {
        Ok(job) => {
            *column.scan.lock() = Some(job);
            Ok(true)
        }
        Err(error) => {
            column.words[STATE].store(DONE, Ordering::Release);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(column: &Column, slot: usize, end: f64) {
        column.words()[ENDS + slot].store(end.to_bits(), Ordering::Relaxed);
    }

    fn due(column: &Column) -> Vec<usize> {
        let bits = &column.words()[ENDS + column.slots..];
        (0..column.slots)
            .filter(|slot| bits[slot / 64].load(Ordering::Relaxed) >> (slot % 64) & 1 == 1)
            .collect()
    }

    proptest! {
        #[test]
        fn a_scan_finds_what_has_ended_and_the_next_end(
            ends in prop::collection::vec(prop_oneof![Just(f64::INFINITY), 0.0..100.0], 0..300),
            now in 0.0..100.0,
        ) {
            let column = Column::open(ends.len()).unwrap();
            ends.iter().enumerate().for_each(|(slot, &end)| set(&column, slot, end));
            // What an earlier scan found is forgotten.
            column.scan(f64::MAX);
            column.scan(now);
            let expected: Vec<_> = (0..ends.len()).filter(|&slot| ends[slot] <= now).collect();
            prop_assert_eq!(due(&column), expected);
            let next = ends.iter().copied().filter(|&end| end > now).fold(f64::INFINITY, f64::min);
            prop_assert_eq!(f64::from_bits(column.words()[NEXT].load(Ordering::Relaxed)), next);
        }
    }

    #[test]
    fn a_scan_runs_on_the_thread_and_ends() {
        let column = Column::open(100).unwrap();
        set(&column, 70, 5.0);
        set(&column, 71, 6.0);
        let address = column.words().as_ptr().addr();
        for _ in 0..3 {
            assert!(scan(address, 5.0).unwrap());
            while column.words()[STATE].load(Ordering::Acquire) == SCANNING {
                std::thread::yield_now();
            }
            assert_eq!(due(&column), [70]);
        }
        drop(column);
        assert!(!scan(address, 5.0).unwrap(), "the column is gone");
    }

    #[test]
    fn a_scan_under_way_is_not_asked_for_again() {
        let column = Column::open(1).unwrap();
        column.words()[STATE].store(SCANNING, Ordering::Relaxed);
        assert!(!scan(column.words().as_ptr().addr(), 0.0).unwrap());
    }
}

#[cfg(all(test, models))]
mod models {
    use super::*;
    use crate::sync::explore;

    #[test]
    fn models_of_a_scan() {
        explore("a scan while the cache works", 3, || {
            let words: Vec<_> = [0, 0, 5.0f64.to_bits(), f64::INFINITY.to_bits(), 0]
                .into_iter()
                .map(AtomicU64::new)
                .collect();
            let column = Arc::new(Column { words: words.into(), slots: 2, scan: Mutex::new(None) });
            assert!(column.begin_scan());
            assert!(!column.begin_scan(), "one is under way");
            let scanned = Arc::clone(&column);
            let native = loom::thread::spawn(move || scanned.scan(6.0));
            // The cache gives its second slot an end meanwhile.
            column.words[ENDS + 1].store(6.0f64.to_bits(), Ordering::Relaxed);
            if column.words[STATE].load(Ordering::Acquire) == DONE {
                let due = column.words[ENDS + 2].load(Ordering::Relaxed);
                let next = f64::from_bits(column.words[NEXT].load(Ordering::Relaxed));
                assert!(due == 0b11 || due == 0b01, "{due:b}: the answer is whole");
                assert_eq!(next, f64::INFINITY);
                assert!(column.begin_scan());
            }
            native.join().unwrap();
        });
    }
}
