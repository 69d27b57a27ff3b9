//! Runs a function on the isolate's thread while its event loop does not turn.
//!
//! V8 runs it where JavaScript checks for interrupts: at calls and at the ends of loops. A built-in function that runs
//! for long (`JSON.parse`, a sort of numbers), a synchronous call of the system and `Atomics.wait` do not check. Then
//! the function runs when they return.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::sync::{AtomicBool, AtomicU64, Mutex};
use crate::v8::heap_statistics::Isolate;
use crate::v8::interrupt;

/// What is run.
pub type StuckCall = Box<dyn Fn() + Send>;

struct Shared {
    period: Duration,
    /// The loop has turned, or an interrupt has run, since the last look.
    turned: AtomicBool,
    /// When that was last seen, ms that the process had run by then.
    seen: AtomicU64,
    /// An interrupt was requested and has not run.
    pending: AtomicBool,
    /// `None` once the isolate ends, or nothing is to be run any more.
    armed: Mutex<Option<(Isolate, Arc<Mutex<StuckCall>>)>>,
}

/// The watch over one event loop; dropped on the isolate's thread.
pub struct StuckLoop(Arc<Shared>);

/// The background thread's end of it.
pub(super) struct Looked(Weak<Shared>);

impl StuckLoop {
    /// Runs `call` each `period` of the process' running time in which [`StuckLoop::turned`] was not called.
    ///
    /// # Safety
    /// On the isolate's thread, where the result is dropped before the isolate ends.
    #[must_use]
    pub unsafe fn new(isolate: Isolate, period: Duration, call: StuckCall) -> Self {
        Self(Arc::new(Shared {
            period,
            turned: AtomicBool::new(true),
            seen: AtomicU64::new(0),
            pending: AtomicBool::new(false),
            armed: Mutex::new(Some((isolate, Arc::new(Mutex::new(call))))),
        }))
    }

    pub(super) fn looked(&self) -> Looked {
        Looked(Arc::downgrade(&self.0))
    }

    /// The loop has turned.
    pub fn turned(&self) {
        self.0.turned.store(true, Ordering::Relaxed);
    }
}

impl Looked {
    /// Requests an interrupt if the loop has not turned for the period; the process has run for `ran_ms`. The time in
    /// which it was stopped is no part of that: a stopped loop is not stuck.
    pub fn look(&self, ran_ms: u64) {
        if let Some(shared) = self.0.upgrade()
            && shared.is_stuck(ran_ms)
        {
            // SAFETY: the isolate is alive, and `data` is a reference for the call of `interrupted`.
            shared.interrupt(|isolate, data| unsafe {
                interrupt::request(isolate, interrupted, data)
            });
        }
    }
}

impl Drop for StuckLoop {
    fn drop(&mut self) {
        *self.0.armed.lock() = None;
    }
}

impl Shared {
    fn is_stuck(&self, ran_ms: u64) -> bool {
        if self.turned.swap(false, Ordering::Relaxed) {
            self.seen.store(ran_ms, Ordering::Relaxed);
            return false;
        }
        let still = ran_ms.saturating_sub(self.seen.load(Ordering::Relaxed));
        u128::from(still) >= self.period.as_millis()
    }

    /// `request` has V8 call [`interrupted`] with the data, once; it is called while the isolate is alive.
    fn interrupt(self: &Arc<Self>, request: impl FnOnce(Isolate, *mut c_void) -> bool) {
        let armed = self.armed.lock();
        let Some((isolate, _)) = armed.as_ref() else { return };
        if self.pending.swap(true, Ordering::Relaxed) {
            return;
        }
        let data = Arc::into_raw(Arc::clone(self)).cast_mut().cast();
        // The isolate is alive while `armed` holds it, and the lock is held. What V8 never calls leaks one reference at
        // the end of an isolate.
        if !request(*isolate, data) {
            // SAFETY: V8 did not take the reference.
            drop(unsafe { Arc::from_raw(data.cast::<Self>().cast_const()) });
        }
    }
}

/// V8 calls this on the isolate's thread.
unsafe extern "C" fn interrupted(_isolate: *mut c_void, data: *mut c_void) {
    // SAFETY: `look` gave this reference for one call.
    let shared = unsafe { Arc::from_raw(data.cast::<Shared>().cast_const()) };
    let call = shared.armed.lock().as_ref().map(|(_, call)| Arc::clone(call));
    if let Some(call) = call {
        // Held already where the function itself was interrupted.
        if let Some(call) = call.try_lock() {
            let _ = catch_unwind(AssertUnwindSafe(&**call));
        }
        shared.turned.store(true, Ordering::Relaxed);
    }
    shared.pending.store(false, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_stuck_by_the_time_that_the_process_ran() {
        let shared = Shared {
            period: Duration::from_secs(5),
            turned: AtomicBool::new(true),
            seen: AtomicU64::new(0),
            pending: AtomicBool::new(false),
            armed: Mutex::new(None),
        };
        // The sampler's thread looks first after a stop: an hour by the clock is a second of running.
        assert!(!shared.is_stuck(1000) && !shared.is_stuck(2000) && !shared.is_stuck(5999));
        assert!(shared.is_stuck(6000));
        shared.turned.store(true, Ordering::Relaxed);
        assert!(!shared.is_stuck(60_000) && !shared.is_stuck(64_999));
        assert!(shared.is_stuck(65_000));
    }
}

#[cfg(all(test, models))]
mod models {
    use super::*;
    use crate::sync::explore;

    /// The requests that V8 has and has not run, by their data.
    type Requests = Arc<Mutex<Vec<usize>>>;

    #[test]
    fn models_of_an_interrupt() {
        explore("a loop that is looked at while it turns and ends", 3, || {
            let calls = Arc::new(Mutex::new(0));
            let counts = Arc::clone(&calls);
            let call: StuckCall = Box::new(move || *counts.lock() += 1);
            let alive = Arc::new(AtomicBool::new(true));
            let requests = Requests::default();
            // SAFETY: no V8 runs: what stands for it is below.
            let stuck = unsafe { StuckLoop::new(Isolate::dangling(), Duration::ZERO, call) };
            let shared = Arc::downgrade(&stuck.0);
            let native = loom::thread::spawn({
                // The loop may end from here on: `look` has a reference.
                let (shared, alive) = (Arc::clone(&stuck.0), Arc::clone(&alive));
                let requests = Arc::clone(&requests);
                move || {
                    for ran_ms in [1, 2] {
                        if shared.is_stuck(ran_ms) {
                            shared.interrupt(|_, data| {
                                assert!(alive.load(Ordering::Relaxed), "the isolate has ended");
                                requests.lock().push(data as usize);
                                true
                            });
                        }
                    }
                }
            });
            let run_requests = || {
                let waiting = std::mem::take(&mut *requests.lock());
                assert!(waiting.len() <= 1, "one at a time");
                for data in waiting {
                    // SAFETY: `interrupt` gave this reference for one call.
                    unsafe { interrupted(std::ptr::null_mut(), data as *mut c_void) };
                }
            };
            stuck.turned();
            run_requests();
            drop(stuck);
            alive.store(false, Ordering::Relaxed);
            native.join().unwrap();
            let before = *calls.lock();
            run_requests();
            assert_eq!(*calls.lock(), before, "nothing is called after the end");
            assert_eq!(shared.strong_count(), 0, "each reference is given back");
        });
    }
}
