//! The clock word: the time where JS reads it in about a nanosecond, for the caches' expiry.
//!
//! A word is a double of milliseconds on a monotonic clock of the process, a tick behind at most. As a
//! double it never wraps. One job of the sampler's thread writes the words of all isolates.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::thread::{JobHandle, schedule};

/// How far a word may be behind: 50 wake-ups a second cost well under 0.1 % of a processor.
pub const TICK: Duration = Duration::from_millis(20);

/// A word that is written for as long as it is held.
#[derive(Debug)]
pub struct Word(AtomicU64);

#[derive(Default)]
struct Words {
    held: Vec<Weak<Word>>,
    /// The job that writes them; `None` once it has found nobody to write for.
    job: Option<JobHandle>,
}

static WORDS: Mutex<Words> = Mutex::new(Words { held: Vec::new(), job: None });
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Word {
    /// A word of one's own, that already holds the time.
    ///
    /// # Errors
    /// Where the operating system refuses the thread.
    pub fn hold() -> std::io::Result<Arc<Self>> {
        let word = Arc::new(Self(AtomicU64::new(now())));
        let mut words = WORDS.lock();
        if words.job.is_none() {
            words.job = Some(schedule(TICK, Box::new(|_| tick()))?);
        }
        words.held.push(Arc::downgrade(&word));
        Ok(word)
    }

    /// Where JS reads the double.
    #[must_use]
    pub fn as_atomic(&self) -> &AtomicU64 {
        &self.0
    }
}

fn now() -> u64 {
    (EPOCH.elapsed().as_secs_f64() * 1000.0).to_bits()
}

fn tick() -> ControlFlow<()> {
    let now = now();
    let mut words = WORDS.lock();
    words.held.retain(|word| {
        let word = word.upgrade();
        word.inspect(|word| word.0.store(now, Ordering::Relaxed)).is_some()
    });
    if words.held.is_empty() {
        words.job = None;
        return ControlFlow::Break(());
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(word: &Word) -> f64 {
        f64::from_bits(word.as_atomic().load(Ordering::Relaxed))
    }

    fn wait_for(what: impl Fn() -> bool) {
        let start = Instant::now();
        while !what() {
            assert!(start.elapsed() < Duration::from_secs(30), "it never comes");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn words_go_on_while_they_are_held_and_start_again() {
        for _ in 0..2 {
            let (one, other) = (Word::hold().unwrap(), Word::hold().unwrap());
            let before = read(&one);
            wait_for(|| read(&one) > before && read(&other) > before);
            drop(one);
            let before = read(&other);
            wait_for(|| read(&other) > before);
            drop(other);
            wait_for(|| WORDS.lock().job.is_none());
        }
    }
}
