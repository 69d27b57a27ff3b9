//! The clock word: the time where JS reads it in about a nanosecond, for the caches' expiry.
//!
//! A word is a double of milliseconds on a monotonic clock of the process, a tick behind at most. As a
//! double it never wraps. One job of the background thread writes the words of all isolates while at least one is
//! read: each reader leaves a mark beside its word. After a second without a mark the words become NaN, and a
//! reader reads the clock itself. A reader that does so often restarts the words with
//! `wake`, and for others a job that runs once a second looks for marks.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::background::{JobHandle, schedule};

/// How far a word may be behind.
const TICK: Duration = Duration::from_millis(50);
/// So many ticks without a reader end the ticking.
const UNREAD: u32 = 20;
/// How often readers are looked for while the words rest.
const POLL: Duration = Duration::from_secs(1);

/// A word, and the mark that its readers leave.
#[derive(Debug)]
#[repr(C)]
pub struct ClockWord {
    time: AtomicU64,
    read: AtomicU64,
}

#[derive(Default)]
struct Words {
    held: Vec<Weak<ClockWord>>,
    /// The job that writes them, while they are read.
    tick: Option<JobHandle>,
    /// The job that looks for readers, while words are held.
    poll: Option<JobHandle>,
    /// Ticks since one was read.
    unread: u32,
}

static WORDS: Mutex<Words> =
    Mutex::new(Words { held: Vec::new(), tick: None, poll: None, unread: 0 });
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

impl ClockWord {
    /// A word of one's own, that already holds the time.
    ///
    /// # Errors
    /// Where the operating system refuses the thread.
    pub fn hold() -> std::io::Result<Arc<Self>> {
        let word = Arc::new(Self { time: AtomicU64::new(now()), read: AtomicU64::new(0) });
        let mut words = WORDS.lock();
        if words.poll.is_none() {
            words.poll = Some(schedule(POLL, Box::new(|_| poll()))?);
        }
        words.start()?;
        words.held.push(Arc::downgrade(&word));
        Ok(word)
    }

    /// Where JS reads the time and leaves its mark: the address of two doubles and their length in bytes.
    #[must_use]
    pub fn as_raw(self: &Arc<Self>) -> (*mut u8, usize) {
        (Arc::as_ptr(self).cast_mut().cast(), size_of::<Self>())
    }
}

/// Has the words written again at once.
pub fn wake() {
    let mut words = WORDS.lock();
    // Where the thread's scheduler has no room now, the next poll tries again.
    if words.start().is_ok() {
        words.write(now());
    }
}

impl Words {
    fn start(&mut self) -> std::io::Result<()> {
        self.unread = 0;
        if self.tick.is_none() {
            self.tick = Some(schedule(TICK, Box::new(|_| tick()))?);
        }
        Ok(())
    }

    /// Writes the words that are still held; whether there is one.
    fn write(&mut self, time: u64) -> bool {
        self.held.retain(|word| {
            let word = word.upgrade();
            word.inspect(|word| word.time.store(time, Ordering::Relaxed)).is_some()
        });
        !self.held.is_empty()
    }

    /// Whether a reader has left a mark since the last call.
    fn read(&self) -> bool {
        let marked = |word: Arc<ClockWord>| word.read.swap(0, Ordering::Relaxed) != 0;
        self.held.iter().filter_map(Weak::upgrade).fold(false, |read, word| marked(word) | read)
    }
}

fn now() -> u64 {
    (EPOCH.elapsed().as_secs_f64() * 1000.0).to_bits()
}

fn tick() -> ControlFlow<()> {
    let mut words = WORDS.lock();
    words.unread = if words.read() { 0 } else { words.unread + 1 };
    let rests = words.unread >= UNREAD;
    words.write(if rests { f64::NAN.to_bits() } else { now() });
    if rests {
        words.tick = None;
        return ControlFlow::Break(());
    }
    ControlFlow::Continue(())
}

fn poll() -> ControlFlow<()> {
    let mut words = WORDS.lock();
    words.held.retain(|word| word.strong_count() > 0);
    if words.held.is_empty() {
        (words.tick, words.poll) = (None, None);
        return ControlFlow::Break(());
    }
    // Where the thread's scheduler has no room now, the next poll tries again.
    if words.tick.is_none() && words.read() && words.start().is_ok() {
        words.write(now());
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(word: &ClockWord) -> f64 {
        word.read.store(1, Ordering::Relaxed);
        f64::from_bits(word.time.load(Ordering::Relaxed))
    }

    fn wait_for(what: impl Fn() -> bool) {
        let start = Instant::now();
        while !what() {
            assert!(start.elapsed() < Duration::from_secs(30), "it never comes");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn words_go_on_while_they_are_held_and_read_and_start_again() {
        for _ in 0..2 {
            let (one, other) = (ClockWord::hold().unwrap(), ClockWord::hold().unwrap());
            let before = read(&one);
            wait_for(|| read(&one) > before && read(&other) > before);
            drop(one);
            let before = read(&other);
            wait_for(|| read(&other) > before);
            wait_for(|| f64::from_bits(other.time.load(Ordering::Relaxed)).is_nan());
            assert!(WORDS.lock().tick.is_none(), "no reader is left");
            wait_for(|| read(&other) > before);
            wait_for(|| f64::from_bits(other.time.load(Ordering::Relaxed)).is_nan());
            wake();
            assert!(f64::from_bits(other.time.load(Ordering::Relaxed)) > before, "at once");
            assert!(WORDS.lock().tick.is_some());
            drop(other);
            wait_for(|| WORDS.lock().poll.is_none());
        }
    }
}
