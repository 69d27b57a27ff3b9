//! Snapshots from where JS cannot ask for one: an endless loop, or the moment before V8 gives up.
//!
//! Both run on the isolate's thread, inside V8. Everything up to the fork happens there and then;
//! the child is watched from another thread while the service goes on, or dies with its evidence
//! on disk. There is no fallback: in process there is no room at that moment.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::error::Error;
use super::fork::{self, Child, Failure, Prepared, Scene};
use super::job::Step;
use super::room::{Builder, Heap};
use super::session::{Request, Session};
use crate::os;
use crate::v8::heap_statistics::{HeapStatistics, Isolate};
use crate::v8::{heap_limit, interrupt, missing};

/// How often the isolate's thread tries to find V8's workers idle, with growing pauses between.
const BAD_MOMENTS: u32 = 10;
/// The limit is raised by at least this much: V8 needs some of it to go on at all.
const LEAST_RAISE: u64 = 16 << 20;

/// Whether anything came of any emergency of the process: it is asked for once an interval.
static SETTLED: AtomicBool = AtomicBool::new(false);

/// What takes a snapshot of one isolate in an emergency.
pub struct Emergency {
    request: Request,
    /// The process that it was made in: a forked child has a copy.
    process: u32,
    shared: Mutex<Shared>,
    changed: Condvar,
}

struct Shared {
    /// `None` once the isolate ends.
    isolate: Option<Isolate>,
    /// By how much the limit is raised, while V8 has the callback.
    raise: Option<u64>,
    /// When the isolate's thread is interrupted.
    deadline: Option<Instant>,
    /// Whether a thread looks after the deadline.
    timed: bool,
    step: Step,
}

/// Why no snapshot is taken near the heap's limit: it takes the fork, the isolate and V8's callback.
///
/// # Errors
/// The first that is not there.
pub fn near_limit_support() -> Result<(), String> {
    fork::support()?;
    Isolate::current().ok_or_else(|| missing("its isolate"))?;
    heap_limit::support()
}

/// Whether it is worth asking for [`Emergency::step`].
#[must_use]
pub fn any_settled() -> bool {
    SETTLED.load(Ordering::Relaxed)
}

impl Emergency {
    /// For the isolate of this thread; `None` where there is none.
    #[must_use]
    pub fn new(request: Request) -> Option<Arc<Self>> {
        let isolate = Some(Isolate::current()?);
        os::library::pin();
        let shared =
            Shared { isolate, raise: None, deadline: None, timed: false, step: Step::Wait };
        Some(Arc::new(Self {
            request,
            process: std::process::id(),
            shared: Mutex::new(shared),
            changed: Condvar::new(),
        }))
    }

    /// What came of it: [`Step::Wait`] until something did.
    #[must_use]
    pub fn step(&self) -> Step {
        self.shared.lock().step.clone()
    }

    /// When V8 is about to give up for want of heap: takes a snapshot, raises the limit by `raise`
    /// bytes (less where the container has not so much), and goes on. Once; then V8 asks whoever
    /// was registered before, Node's own for worker threads among them. False where V8 does not
    /// export the means.
    ///
    /// # Safety
    /// On the isolate's thread.
    pub unsafe fn watch_heap_limit(self: &Arc<Self>, raise: u64) -> bool {
        let mut shared = self.shared.lock();
        let Some(isolate) = shared.isolate else { return false };
        if shared.raise.replace(raise).is_some() {
            return true;
        }
        let data = Arc::into_raw(Arc::clone(self)).cast_mut().cast();
        // SAFETY: on its thread; the reference in `data` is given back by `unwatch_heap_limit`.
        let added = unsafe { heap_limit::add(isolate, near_heap_limit, data) };
        if !added {
            shared.raise = None;
            drop(shared);
            // SAFETY: V8 did not take it.
            drop(unsafe { Arc::from_raw(data.cast::<Self>()) });
        }
        added
    }

    /// Interrupts the isolate's thread `after` from now, to take a snapshot; a later call puts it
    /// off. Called by each turn of the event loop, it fires when that is stuck.
    ///
    /// # Errors
    /// Where the operating system refuses a thread.
    pub fn interrupt_in(self: &Arc<Self>, after: Duration) -> std::io::Result<()> {
        let mut shared = self.shared.lock();
        shared.deadline = Instant::now().checked_add(after);
        if !shared.timed {
            let watched = Arc::downgrade(self);
            std::thread::Builder::new()
                .name("plimsoll-stuck".into())
                .stack_size(256 * 1024)
                .spawn(move || keep_deadline(&watched))?;
            shared.timed = true;
        }
        self.changed.notify_all();
        Ok(())
    }

    /// Interrupts the isolate's thread now, from any thread; false where that is impossible.
    pub fn interrupt(self: &Arc<Self>) -> bool {
        let shared = self.shared.lock();
        let Some(isolate) = shared.isolate else { return false };
        let data = Arc::into_raw(Arc::clone(self)).cast_mut().cast();
        // SAFETY: the isolate is alive while `shared.isolate` holds it (`close` waits for the
        // lock). What V8 never calls it leaks: one reference at the end of an isolate.
        unsafe { interrupt::request(isolate, interrupted, data) }
    }

    /// The isolate ends, or nothing is to be taken any more.
    ///
    /// # Safety
    /// On the isolate's thread.
    pub unsafe fn close(&self) {
        let mut shared = self.shared.lock();
        shared.deadline = None;
        if let Some(isolate) = shared.isolate.take()
            && shared.raise.take().is_some()
        {
            drop(shared);
            // SAFETY: on its thread; `raise` said that V8 has the callback and the reference.
            unsafe {
                heap_limit::remove(isolate, near_heap_limit);
                Arc::decrement_strong_count(self);
            }
        }
        self.changed.notify_all();
    }

    /// Takes the snapshot on this thread.
    ///
    /// # Safety
    /// As [`crate::v8::profiler::Profiler::take`].
    unsafe fn take(self: &Arc<Self>, isolate: Isolate) {
        let mut request = self.request.clone();
        // SAFETY: on the isolate's thread.
        if let Some(now) = unsafe { HeapStatistics::read(isolate) } {
            request.heap = Heap { used: now.used, total: now.total };
        }
        // SAFETY: the caller vouches for the moment.
        let begun = unsafe { begin(request) };
        let (mut session, prepared, child) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                self.settle(Step::Failed(error));
                return;
            }
        };
        let emergency = Arc::clone(self);
        let prepared = Arc::new(prepared);
        let theirs = Arc::clone(&prepared);
        let watch = std::thread::Builder::new().name("plimsoll-snap".into()).spawn(move || {
            let step = match theirs.wait(&child) {
                Ok((path, written)) => {
                    let outcome = session.outcome(path, true, child.pause, written);
                    session.end();
                    Step::Done(outcome)
                }
                Err(failure) => Step::Failed(failure.into()),
            };
            emergency.settle(step);
        });
        // Where no thread can be had, the child finishes its file by itself.
        if watch.is_err() {
            prepared.leave();
        }
    }

    fn settle(&self, step: Step) {
        self.shared.lock().step = step;
        SETTLED.store(true, Ordering::Relaxed);
    }
}

/// # Safety
/// As [`Emergency::take`].
unsafe fn begin(request: Request) -> Result<(Session, Prepared, Child), Error> {
    fork::support().map_err(|why| Error::Unavailable { why })?;
    let begun = Instant::now();
    let mut session = Session::begin(request)?;
    let partial = session.open(Builder::Child)?;
    let prepared = Prepared::new(&session, partial)?;
    let mut tries = 0;
    loop {
        let pool = session.request().pool;
        // SAFETY: the caller vouches for the moment.
        let forked = Scene::survey(pool).and_then(|scene| unsafe { prepared.fork(&scene) });
        match forked {
            Err(Failure::NotNow(why)) if tries < BAD_MOMENTS => {
                tries += 1;
                session.retry(why);
                std::thread::sleep(Duration::from_millis(5) * tries);
            }
            forked => {
                let mut child = forked?;
                // The thread stood still for all of it, not only for the fork.
                child.pause = begun.elapsed();
                return Ok((session, prepared, child));
            }
        }
    }
}

/// V8 calls this on the isolate's thread.
unsafe extern "C" fn near_heap_limit(data: *mut c_void, current: usize, _initial: usize) -> usize {
    let data = data.cast::<Emergency>();
    // SAFETY: the reference that `watch_heap_limit` gave is held until the callback is removed.
    let emergency = unsafe {
        Arc::increment_strong_count(data);
        Arc::from_raw(data)
    };
    if std::process::id() != emergency.process {
        // The snapshot's own collections, in the child.
        return current.saturating_mul(2);
    }
    let raised = catch_unwind(AssertUnwindSafe(|| {
        let (isolate, raise) = {
            let mut shared = emergency.shared.lock();
            (shared.isolate?, shared.raise.take()?)
        };
        // SAFETY: V8 calls this where a collection may happen (Node takes snapshots here too), on
        // the isolate's thread; it has copied the entry that is removed.
        unsafe {
            emergency.take(isolate);
            heap_limit::remove(isolate, near_heap_limit);
            Arc::decrement_strong_count(data);
        }
        let room = os::cgroup::read().and_then(|container| container.room());
        let affordable = raise.min(room.map_or(u64::MAX, |room| room / 2)).max(LEAST_RAISE);
        Some(current.saturating_add(usize::try_from(affordable).unwrap_or(usize::MAX)))
    }));
    raised.ok().flatten().unwrap_or(current)
}

/// V8 calls this on the isolate's thread.
unsafe extern "C" fn interrupted(_isolate: *mut c_void, data: *mut c_void) {
    // SAFETY: `interrupt` gave this reference for one call.
    let emergency = unsafe { Arc::from_raw(data.cast::<Emergency>().cast_const()) };
    let isolate = emergency.shared.lock().isolate;
    if let Some(isolate) = isolate {
        let _ = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: interrupts run between two instructions of JS, where a collection may
            // happen.
            unsafe { emergency.take(isolate) };
        }));
    }
}

/// Waits for the deadline as long as somebody may move it.
fn keep_deadline(watched: &Weak<Emergency>) {
    /// How often it is looked whether the emergency still exists.
    const PATIENCE: Duration = Duration::from_millis(200);
    while let Some(emergency) = watched.upgrade() {
        let mut shared = emergency.shared.lock();
        if shared.isolate.is_none() {
            return;
        }
        match shared.deadline {
            Some(deadline) if deadline <= Instant::now() => {
                shared.deadline = None;
                drop(shared);
                emergency.interrupt();
            }
            deadline => {
                let next = deadline.map_or(PATIENCE, |at| at - Instant::now()).min(PATIENCE);
                emergency.changed.wait_for(&mut shared, next);
            }
        }
    }
}
