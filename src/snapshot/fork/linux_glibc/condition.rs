//! How this process' C library waits on condition variables.
//!
//! It is measured, not derived from the version: distributions bring newer condition variables to
//! older versions.

use std::cell::UnsafeCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::thread_calls;

/// Sizes of `pthread_mutex_t` and `pthread_cond_t` (sysdeps/nptl/bits/thread-shared-types.h).
pub const MUTEX: usize = size_of::<libc::pthread_mutex_t>();
pub const CONDITION: usize = size_of::<libc::pthread_cond_t>();

/// How long the thread that is looked at may take to get to its wait.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a wait looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConditionLayout {
    /// Where in a condition variable the two words are that threads wait on.
    pub(super) signals: usize,
    /// The operation by which they do (futex(2)).
    pub(super) wait: usize,
}

impl ConditionLayout {
    /// Lets a thread wait, and looks at it.
    ///
    /// # Errors
    /// Where no thread can be had, or it waits in a way that is not known.
    pub fn observe() -> io::Result<Self> {
        let waiter = Arc::new(Waiter::default());
        let theirs = Arc::clone(&waiter);
        let thread = std::thread::Builder::new().spawn(move || theirs.wait())?;
        let seen = waiter.watch();
        waiter.release();
        // It does nothing that could panic.
        let _ = thread.join();
        let [word, wait] = seen.ok_or_else(|| unknown("does not wait"))?;
        let base = waiter.condition.get() as usize;
        match (word & !7).checked_sub(base) {
            Some(signals @ (QUIESCING | FREE)) => Ok(Self { signals, wait }),
            offset => Err(unknown(&format!("waits at {offset:?}"))),
        }
    }

    /// The condition variable that a thread waits on, by the arguments of its futex call.
    pub(super) fn waited_on(self, word: usize, operation: usize) -> Option<usize> {
        // Two words of four bytes; the structure is aligned to eight.
        (operation == self.wait).then(|| (word & !7).checked_sub(self.signals))?
    }

    /// Where `__wrefs` is: the number of waiters times eight, and attributes.
    pub(super) fn references(self) -> usize {
        self.signals - size_of::<u32>()
    }

    /// Whether a signaller may wait for waiters to leave.
    pub(super) fn quiesces(self) -> bool {
        self.signals == QUIESCING
    }
}

/// glibc 2.25 to 2.40: a signaller waits until the group of waiters before it has left.
const QUIESCING: usize = 40;
/// From 2.41, and in older versions with the fix: a signaller does not wait.
const FREE: usize = 32;

fn unknown(what: &str) -> io::Error {
    io::Error::other(format!("this C library's condition variables are not known: a thread {what}"))
}

/// What a thread waits on until it is released.
struct Waiter {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    condition: UnsafeCell<libc::pthread_cond_t>,
    tid: AtomicU32,
    released: AtomicBool,
}

// SAFETY: mutex and condition variable are made to be used by several threads, and only by the
// functions of pthreads they are.
unsafe impl Sync for Waiter {}
// SAFETY: neither is bound to the thread that made it, and they move only before they are used.
unsafe impl Send for Waiter {}

impl Default for Waiter {
    fn default() -> Self {
        Self {
            mutex: UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER),
            condition: UnsafeCell::new(libc::PTHREAD_COND_INITIALIZER),
            tid: AtomicU32::new(0),
            released: AtomicBool::new(false),
        }
    }
}

impl Waiter {
    fn wait(&self) {
        // SAFETY: both live as long as `self`, are initialised, and are waited on with the mutex held.
        unsafe {
            libc::pthread_mutex_lock(self.mutex.get());
            self.tid.store(libc::gettid().unsigned_abs(), Ordering::Release);
            while !self.released.load(Ordering::Relaxed) {
                libc::pthread_cond_wait(self.condition.get(), self.mutex.get());
            }
            libc::pthread_mutex_unlock(self.mutex.get());
        }
    }

    /// The word and the operation that the thread waits with.
    fn watch(&self) -> Option<[usize; 2]> {
        let condition = self.condition.get() as usize;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let tid = self.tid.load(Ordering::Acquire);
            if let Some([_, word, wait]) = (tid != 0).then(|| thread_calls::read(tid)).flatten()
                && (condition..condition + CONDITION).contains(&word)
            {
                return Some([word, wait]);
            }
            std::thread::yield_now();
        }
        None
    }

    fn release(&self) {
        // SAFETY: as in `wait`.
        unsafe {
            libc::pthread_mutex_lock(self.mutex.get());
            self.released.store(true, Ordering::Relaxed);
            libc::pthread_cond_signal(self.condition.get());
            libc::pthread_mutex_unlock(self.mutex.get());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_library_waits_in_a_known_way() {
        let layout = ConditionLayout::observe().unwrap();
        assert_eq!(ConditionLayout::observe().unwrap(), layout);
        // FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME, or (before glibc 2.33)
        // FUTEX_WAIT | FUTEX_PRIVATE_FLAG.
        assert!([0x189, 0x80].contains(&layout.wait), "{layout:?}");
    }

    #[test]
    fn the_two_words_belong_to_one_condition_variable() {
        let layout = ConditionLayout { signals: QUIESCING, wait: 0x189 };
        assert_eq!(layout.waited_on(0x600 + 40, 0x189), Some(0x600));
        assert_eq!(layout.waited_on(0x600 + 44, 0x189), Some(0x600));
        assert_eq!(layout.waited_on(0x600 + 40, 0x80), None, "a mutex");
        assert_eq!(layout.waited_on(8, 0x189), None);
        assert_eq!(layout.references(), 36);
        assert_eq!(ConditionLayout { signals: FREE, wait: 0x189 }.references(), 28);
    }
}
