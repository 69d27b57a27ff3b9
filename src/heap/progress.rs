//! How a long analysis tells where it is and hears that it should stop.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use crate::sync::{AtomicU64, AtomicUsize};

/// A step of the analysis, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// Reading and parsing; `done` and `total` are uncompressed bytes.
    Reading,
    /// Dominators and retained sizes.
    Dominators,
    /// What grew from one snapshot to the next.
    Comparing,
}

/// Where the analysis is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// The step that is running.
    pub phase: Phase,
    /// How much of it is done.
    pub done: u64,
    /// How much there is, where that is known: the size of a plain file.
    pub total: Option<u64>,
}

/// Called about once a megabyte and at each phase, from whichever thread is at work; `Break` ends the analysis with
/// [`HeapError::Cancelled`](crate::heap::error::HeapError::Cancelled).
pub type Report<'a> = &'a (dyn Fn(Progress) -> ControlFlow<()> + Sync);

/// No progress is reported: the analysis runs to its end.
pub fn unattended(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// One progress of several snapshots that are read side by side.
pub(in crate::heap) struct Whole<'a> {
    report: Report<'a>,
    /// Bytes read, by snapshot.
    done: Vec<AtomicU64>,
    /// Known where that of each is.
    total: Option<u64>,
    /// How many are not read to their ends.
    unread: AtomicUsize,
}

impl<'a> Whole<'a> {
    pub fn new(report: Report<'a>, lengths: &[Option<u64>]) -> Self {
        let done = lengths.iter().map(|_| AtomicU64::new(0)).collect();
        let total = lengths.iter().copied().sum();
        Whole { report, done, total, unread: AtomicUsize::new(lengths.len()) }
    }

    /// Passes on what the reader of one snapshot says: a phase begins when all have come to it.
    pub fn note(&self, snapshot: usize, progress: Progress) -> ControlFlow<()> {
        let unread = match progress.phase {
            Phase::Reading => {
                self.done[snapshot].store(progress.done, Ordering::Relaxed);
                self.unread.load(Ordering::Relaxed)
            }
            // The last one sees what the others have read.
            _ => self.unread.fetch_sub(1, Ordering::AcqRel) - 1,
        };
        let phase = if unread > 0 { Phase::Reading } else { Phase::Dominators };
        self.say(phase)
    }

    /// Says where all of it is.
    pub fn say(&self, phase: Phase) -> ControlFlow<()> {
        let done = self.done.iter().map(|done| done.load(Ordering::Relaxed)).sum();
        (self.report)(Progress { phase, done, total: self.total })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn several_readers_are_one_progress() {
        let said = Mutex::new(Vec::new());
        let report = |progress: Progress| {
            said.lock().unwrap().push((progress.phase, progress.done, progress.total));
            ControlFlow::Continue(())
        };
        let whole = Whole::new(&report, &[Some(10), Some(20)]);
        let reading = |done| Progress { phase: Phase::Reading, done, total: None };
        let read = Progress { phase: Phase::Dominators, done: 0, total: None };
        for (snapshot, progress) in [
            (1, reading(5)),
            (0, reading(9)),
            (1, reading(20)),
            (1, read),
            (0, reading(10)),
            (0, read),
        ] {
            assert!(whole.note(snapshot, progress).is_continue());
        }
        let expected = [5, 14, 29, 29, 30]
            .map(|done| (Phase::Reading, done, Some(30)))
            .into_iter()
            .chain([(Phase::Dominators, 30, Some(30))]);
        assert_eq!(*said.lock().unwrap(), expected.collect::<Vec<_>>());
        let piped = Whole::new(&unattended, &[Some(10), None]);
        assert_eq!(piped.total, None);
    }
}

#[cfg(all(test, models))]
mod models {
    use std::sync::Arc;

    use super::*;
    use crate::sync::{Mutex, explore};

    #[test]
    fn models_of_two_readers() {
        explore("two snapshots that are read side by side", 3, || {
            let said = Arc::new(Mutex::new(Vec::new()));
            let says = Arc::clone(&said);
            // One execution of a model leaks it: a reader's thread needs it for longer than a scope.
            let report: Report<'static> = Box::leak(Box::new(move |progress: Progress| {
                says.lock().push((progress.phase, progress.done));
                ControlFlow::Continue(())
            }));
            let whole = Arc::new(Whole::new(report, &[Some(1), Some(2)]));
            let read = |whole: &Whole<'_>, at: usize, done| {
                for phase in [Phase::Reading, Phase::Dominators] {
                    let _ = whole.note(at, Progress { phase, done, total: None });
                }
            };
            let theirs = Arc::clone(&whole);
            let other = loom::thread::spawn(move || read(&theirs, 1, 2));
            read(&whole, 0, 1);
            other.join().unwrap();
            let said = std::mem::take(&mut *said.lock());
            let begun = said.iter().filter(|(phase, _)| *phase == Phase::Dominators);
            assert_eq!(begun.collect::<Vec<_>>(), [&(Phase::Dominators, 3)], "{said:?}");
        });
    }
}
