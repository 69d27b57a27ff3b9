//! What the sampler's thread would have the isolate's thread do, where that looks without waiting for a lock.

use std::sync::atomic::Ordering;

use crate::sync::AtomicBool;

/// The sampler's thread notes them while it holds the lock of what they are about.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    probe: AtomicBool,
    notices: AtomicBool,
    requests: AtomicBool,
}

impl Wishes {
    /// A collection is wanted; there are notices; whether requests are to be counted.
    pub fn note(&self, probe: bool, notices: bool, requests: bool) {
        if probe {
            self.probe.store(true, Ordering::Relaxed);
        }
        if notices {
            self.notices.store(true, Ordering::Relaxed);
        }
        self.requests.store(requests, Ordering::Relaxed);
    }

    pub fn take_probe(&self) -> bool {
        self.probe.swap(false, Ordering::Relaxed)
    }

    pub fn has_notices(&self) -> bool {
        self.notices.load(Ordering::Relaxed)
    }

    /// The notices are about to be taken: the lock comes after it, so those that are noted meanwhile are taken now or
    /// seen the next time.
    pub fn begin_notices(&self) {
        self.notices.store(false, Ordering::Relaxed);
    }

    pub fn wants_requests(&self) -> bool {
        self.requests.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, models))]
mod models {
    use std::sync::Arc;

    use super::*;
    use crate::sync::{Mutex, explore};

    #[test]
    fn models_of_notices() {
        explore("notices that come while others are taken", 3, || {
            let shared = Arc::new((Wishes::default(), Mutex::new(Vec::new())));
            let theirs = Arc::clone(&shared);
            let sampler = loom::thread::spawn(move || {
                for notice in 1..=2 {
                    let mut notices = theirs.1.lock();
                    notices.push(notice);
                    theirs.0.note(notice == 1, true, true);
                }
            });
            let (wishes, notices) = &*shared;
            let take = || {
                if !wishes.has_notices() {
                    return Vec::new();
                }
                wishes.begin_notices();
                std::mem::take(&mut *notices.lock())
            };
            let mut taken = take();
            sampler.join().unwrap();
            taken.extend(take());
            assert_eq!(taken, [1, 2], "no notice is left behind");
            assert!(wishes.take_probe());
            assert!(!wishes.take_probe(), "it is taken once");
            assert!(wishes.wants_requests());
        });
    }
}
