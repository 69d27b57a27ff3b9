//! The time by which entries end.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds that only go up: the process's monotonic clock, until it is set by hand.
#[derive(Debug)]
pub struct Clock {
    set: AtomicU64,
    /// How often it was read.
    #[cfg(test)]
    pub readings: AtomicU64,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            set: AtomicU64::new(u64::MAX),
            #[cfg(test)]
            readings: AtomicU64::new(0),
        }
    }
}

impl Clock {
    /// The time.
    pub fn now(&self) -> u64 {
        #[cfg(test)]
        self.readings.fetch_add(1, Ordering::Relaxed);
        match self.set.load(Ordering::Relaxed) {
            u64::MAX => ORIGIN.elapsed().as_millis() as u64,
            set => set,
        }
    }

    /// From here on it is `now`, until it is set again.
    pub fn set(&self, now: u64) {
        self.set.store(now.min(u64::MAX - 1), Ordering::Relaxed);
    }
}
