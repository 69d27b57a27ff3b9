//! Runs a function on the isolate's thread while its event loop does not turn.
//!
//! V8 runs it where JavaScript checks for interrupts: at calls and at the ends of loops. A built-in function that runs
//! for long (`JSON.parse`, a sort of numbers), a synchronous call of the system and `Atomics.wait` do not check. Then
//! the function runs when they return.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::v8::heap_statistics::Isolate;
use crate::v8::interrupt;

/// What is run.
pub type Call = Box<dyn Fn() + Send>;

struct Shared {
    begun: Instant,
    period: Duration,
    /// When the loop last turned, or an interrupt ran, ms since `begun`.
    turned: AtomicU64,
    /// An interrupt was requested and has not run.
    pending: AtomicBool,
    /// `None` once the isolate ends, or nothing is to be run any more.
    armed: Mutex<Option<(Isolate, Arc<Mutex<Call>>)>>,
}

/// The watch over one event loop; dropped on the isolate's thread.
pub struct StuckLoop(Arc<Shared>);

/// The background thread's end of it.
pub(super) struct Looked(Weak<Shared>);

impl StuckLoop {
    /// Runs `call` each `period` in which [`StuckLoop::turned`] was not called.
    ///
    /// # Safety
    /// On the isolate's thread, where the result is dropped before the isolate ends.
    #[must_use]
    pub unsafe fn new(isolate: Isolate, period: Duration, call: Call) -> Self {
        Self(Arc::new(Shared {
            begun: Instant::now(),
            period,
            turned: AtomicU64::new(0),
            pending: AtomicBool::new(false),
            armed: Mutex::new(Some((isolate, Arc::new(Mutex::new(call))))),
        }))
    }

    pub(super) fn looked(&self) -> Looked {
        Looked(Arc::downgrade(&self.0))
    }

    /// The loop has turned.
    pub fn turned(&self) {
        self.0.turned.store(self.0.now(), Ordering::Relaxed);
    }
}

impl Looked {
    /// Requests an interrupt if the loop has not turned for the period.
    pub fn look(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.look();
        }
    }
}

impl Drop for StuckLoop {
    fn drop(&mut self) {
        *self.0.armed.lock() = None;
    }
}

impl Shared {
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn look(self: &Arc<Self>) {
        let still = self.now().saturating_sub(self.turned.load(Ordering::Relaxed));
        if u128::from(still) < self.period.as_millis() {
            return;
        }
        let armed = self.armed.lock();
        let Some((isolate, _)) = armed.as_ref() else { return };
        if self.pending.swap(true, Ordering::Relaxed) {
            return;
        }
        let data = Arc::into_raw(Arc::clone(self)).cast_mut().cast();
        // SAFETY: the isolate is alive while `armed` holds it, and the lock is held. What V8 never calls leaks one
        // reference at the end of an isolate.
        if !unsafe { interrupt::request(*isolate, interrupted, data) } {
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
        shared.turned.store(shared.now(), Ordering::Relaxed);
    }
    shared.pending.store(false, Ordering::Relaxed);
}
