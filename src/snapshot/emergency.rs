//! Snapshots from where JS cannot ask for one: an endless loop, or the moment before V8 gives up.
//!
//! Both run on the isolate's thread, inside V8. Everything up to the fork happens there; the child is
//! watched from another thread. There is no fallback: in process there is no room at that moment.
//!
//! V8 gives up in two places. After a collection ("Reached heap limit") the fork happens in its callback.
//! At the end of one ("Ineffective mark-compacts") the limit is raised, and the fork happens at the next interrupt,
//! which JS meets before it allocates much. A service that comes to its limit again waits for the child, since the
//! child ends with its parent. So does one that V8 ends without another callback, because a single allocation does not
//! fit ("CALL_AND_RETRY_LAST").
//!
//! The child writes a heap image. Where that is to be redacted, or a snapshot is asked for, a converter makes the
//! snapshot of it, which takes longer. One is also taken where V8 gives up and nothing was taken before: inside a
//! collection that no interrupt follows. An image that is taken inside a collection may not be readable.
//!
//! Where no fork is possible or it is refused, the caller's own evidence remains ([`LastEvidence`]). It needs
//! V8, so it is taken at an interrupt too.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::converter;
use super::error::SnapshotError;
use super::fork::{self, Child, ForkFailure, UnderWay};
use super::image::{self, Destination, OnCollection, PreparedImage, Scene};
use super::job::JobStep;
use super::output::Written;
use super::room::{self, Builder, Heap};
use super::session::{Method, Request, Session, TakenSnapshot};
use super::store::Partial;
use crate::os;
use crate::v8::gc::{self, GcType};
use crate::v8::heap_statistics::{HeapStatistics, Isolate};
use crate::v8::{heap_limit, interrupt, missing, out_of_memory};

/// The limit is raised by at least this much: V8 needs some of it to go on at all.
const LEAST_RAISE: u64 = 16 << 20;
/// How often the limit is raised while the fork waits for an interrupt: one built-in function may
/// allocate everything without meeting one.
const DEFERRALS: u32 = 4;
/// How long a service that is about to die of its heap waits for the child. Liveness probes with default
/// values wait as long (three failures, ten seconds apart).
const LAST_WAIT: Duration = Duration::from_secs(30);
/// How often it looks.
const LAST_LOOK: Duration = Duration::from_millis(20);
/// The stack of the thread that looks after the deadline.
const STACK: usize = 256 * 1024;

/// Whether anything came of any emergency of the process: it is asked for once an interval.
static SETTLED: AtomicBool = AtomicBool::new(false);

/// Those that watch the limit of a heap.
static WATCHED: Mutex<Vec<Weak<Emergency>>> = Mutex::new(Vec::new());

/// What the caller writes near the heap's limit, once, on the isolate's thread, where no collection runs.
pub type LastEvidence = Box<dyn FnOnce() + Send>;

/// What takes a snapshot of one isolate in an emergency.
pub struct Emergency {
    request: Request,
    /// Whether V8 is inside a collection of the isolate.
    collecting: AtomicBool,
    shared: Mutex<Shared>,
    changed: Condvar,
}

/// What happens when V8 calls near the heap's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Near {
    /// V8 has no callback of ours.
    Off,
    /// A snapshot is taken, and the limit is raised by `raise`.
    Armed { raise: u64 },
    /// V8 called inside a collection; the snapshot waits for an interrupt. Counts the calls.
    Deferred { calls: u32 },
    /// There was a fork, or the reason why not: the last call waits for the child. Counts the calls.
    Forked { calls: u32 },
    /// V8 asks the callback that was registered before.
    Over,
}

/// The answer to one call of V8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Fork here.
    Fork { raise: u64 },
    /// Fork at the next interrupt.
    Defer { raise: u64 },
    /// No interrupt came so far.
    Again,
    /// None came at all.
    Missed,
    /// Wait for the child.
    Wait,
    /// Nothing to do.
    None,
}

impl Near {
    /// `evidence`: the caller's own has not been taken so far.
    fn call(&mut self, collecting: bool, evidence: bool) -> Answer {
        const FORKED: Near = Near::Forked { calls: 1 };
        let (next, answer) = match (*self, collecting) {
            (Self::Armed { raise }, false) => (FORKED, Answer::Fork { raise }),
            (Self::Deferred { .. }, false) => (FORKED, Answer::Fork { raise: 0 }),
            (Self::Armed { raise }, true) => (Self::Deferred { calls: 1 }, Answer::Defer { raise }),
            (Self::Deferred { calls }, true) if calls < DEFERRALS => {
                (Self::Deferred { calls: calls + 1 }, Answer::Again)
            }
            (Self::Deferred { .. }, true) => (Self::Over, Answer::Missed),
            (Self::Forked { calls }, _) if evidence && calls < DEFERRALS => {
                (Self::Forked { calls: calls + 1 }, Answer::Again)
            }
            (Self::Forked { .. }, _) => (Self::Over, Answer::Wait),
            (Self::Off | Self::Over, _) => (*self, Answer::None),
        };
        *self = next;
        answer
    }

    /// V8 gives up. Whether nothing was taken near the limit.
    fn end(&mut self) -> bool {
        let waits = matches!(self, Self::Armed { .. } | Self::Deferred { .. });
        if waits {
            *self = Self::Forked { calls: DEFERRALS };
        }
        waits
    }
}

struct Shared {
    /// `None` once the isolate ends.
    isolate: Option<Isolate>,
    near: Near,
    /// `None` once it is taken.
    evidence: Option<LastEvidence>,
    /// When the isolate's thread is interrupted.
    deadline: Option<Instant>,
    /// Whether a thread looks after the deadline.
    timed: bool,
    /// The limit of the heap, in bytes.
    limit: u64,
    /// Whether the last child failed, as another one may not.
    lost: bool,
    step: JobStep,
}

/// Why nothing is taken near the heap's limit: images and V8's callback are needed.
///
/// # Errors
/// The first that is not there.
pub fn near_limit_support() -> Result<(), String> {
    image::support()?;
    limit_support()
}

/// Why V8 does not call near the heap's limit: it takes the isolate and V8's functions.
///
/// # Errors
/// The first that is not there.
pub fn limit_support() -> Result<(), String> {
    Isolate::current().ok_or_else(|| missing("its isolate"))?;
    if !gc::available() {
        return Err(missing("its collection callbacks"));
    }
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
        let shared = Shared {
            isolate,
            near: Near::Off,
            evidence: None,
            deadline: None,
            timed: false,
            limit: 0,
            lost: false,
            step: JobStep::Wait,
        };
        Some(Arc::new(Self {
            request,
            collecting: AtomicBool::new(false),
            shared: Mutex::new(shared),
            changed: Condvar::new(),
        }))
    }

    /// What came of it: [`JobStep::Wait`] until something did.
    #[must_use]
    pub fn step(&self) -> JobStep {
        self.shared.lock().step.clone()
    }

    /// Near the heap limit: takes a snapshot, raises the limit by `raise`
    /// bytes (less where the container has not so much), and goes on. Once; then V8 asks the callback
    /// that was registered before, Node's own for worker threads among them. `evidence` is taken besides,
    /// also where no snapshot can be. False where V8 does not export the means.
    ///
    /// # Safety
    /// On the isolate's thread, where `evidence` may run at any interrupt of JS.
    pub unsafe fn watch_heap_limit(
        self: &Arc<Self>,
        raise: u64,
        evidence: Option<LastEvidence>,
    ) -> bool {
        let mut shared = self.shared.lock();
        let Some(isolate) = shared.isolate else { return false };
        if shared.near != Near::Off {
            return true;
        }
        if limit_support().is_err() {
            return false;
        }
        shared.near = Near::Armed { raise };
        shared.evidence = evidence;
        // SAFETY: on its thread. Node registers the same handler for each of its isolates.
        unsafe {
            shared.limit = HeapStatistics::read(isolate).map_or(0, |now| now.limit);
            out_of_memory::call_before(isolate, take_at_the_end);
        }
        let mut watched = WATCHED.lock();
        watched.retain(|each| each.strong_count() > 0);
        watched.push(Arc::downgrade(self));
        drop(watched);
        let data = Arc::into_raw(Arc::clone(self)).cast_mut().cast();
        // SAFETY: on its thread; the reference in `data` is given back by `close`, which removes all of
        // them. All are there: `near_limit_support` has looked.
        unsafe {
            gc::add_callbacks(isolate, collection_begins, collection_ends, data, gc::COLLECTIONS);
            heap_limit::add(isolate, near_heap_limit, data)
        }
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
                .stack_size(STACK)
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
        let requested = unsafe { interrupt::request(isolate, interrupted, data) };
        if !requested {
            // SAFETY: V8 did not take the reference.
            drop(unsafe { Arc::from_raw(data.cast::<Self>().cast_const()) });
        }
        requested
    }

    /// The isolate ends, or nothing is to be taken any more.
    ///
    /// # Safety
    /// On the isolate's thread.
    pub unsafe fn close(self: &Arc<Self>) {
        let mut shared = self.shared.lock();
        shared.deadline = None;
        // It belongs to this thread.
        shared.evidence = None;
        let near = std::mem::replace(&mut shared.near, Near::Off);
        if let Some(isolate) = shared.isolate.take()
            && near != Near::Off
        {
            drop(shared);
            let data = Arc::as_ptr(self).cast_mut().cast();
            // SAFETY: on its thread; V8 has the callbacks and the reference, the one at the limit
            // until it is over.
            unsafe {
                if near != Near::Over {
                    heap_limit::remove(isolate, near_heap_limit);
                }
                gc::remove_callbacks(isolate, collection_begins, collection_ends, data);
                Arc::decrement_strong_count(Arc::as_ptr(self));
            }
        }
        self.changed.notify_all();
    }

    /// What V8 is to have as its limit.
    ///
    /// # Safety
    /// In V8's callback near the limit `current`.
    unsafe fn near_limit(self: &Arc<Self>, current: usize) -> usize {
        let collecting = self.collecting.load(Ordering::Relaxed);
        let (isolate, answer, evidence) = {
            let mut shared = self.shared.lock();
            let Some(isolate) = shared.isolate else { return current };
            let evidence = shared.evidence.is_some();
            (isolate, shared.near.call(collecting, evidence), evidence)
        };
        let raise = match answer {
            Answer::None => return current,
            Answer::Again => LEAST_RAISE,
            Answer::Fork { raise } => {
                // SAFETY: no collection is under way, so one may happen (Node takes snapshots here
                // too), on the isolate's thread.
                unsafe { self.take(isolate, Moment::Outside) };
                if evidence {
                    self.defer(isolate);
                }
                affordable(raise)
            }
            Answer::Defer { raise } => {
                self.defer(isolate);
                affordable(raise)
            }
            Answer::Missed | Answer::Wait => {
                if answer == Answer::Missed {
                    // SAFETY: on the isolate's thread.
                    unsafe { self.take(isolate, Moment::InV8 { again: false }) };
                }
                wait_for_children();
                // SAFETY: V8 has copied the entry of the callback that it calls, and has it: `close`
                // removes it only before it is over.
                unsafe { heap_limit::remove(isolate, near_heap_limit) };
                LEAST_RAISE
            }
        };
        let limit = current.saturating_add(usize::try_from(raise).unwrap_or(usize::MAX));
        self.shared.lock().limit = limit as u64;
        limit
    }

    /// Goes on at the next interrupt; on the isolate's thread.
    fn defer(self: &Arc<Self>, isolate: Isolate) {
        let data = Arc::into_raw(Arc::clone(self)).cast_mut().cast();
        // SAFETY: this is the isolate's thread, so it is alive. What V8 never calls leaks: one
        // reference at the end of an isolate.
        if !unsafe { interrupt::request(isolate, deferred, data) } {
            // SAFETY: V8 did not take the reference.
            drop(unsafe { Arc::from_raw(data.cast::<Self>().cast_const()) });
        }
    }

    /// Forks the child on this thread.
    ///
    /// # Safety
    /// On the isolate's thread.
    unsafe fn take(self: &Arc<Self>, isolate: Isolate, moment: Moment) {
        let begun = Instant::now();
        let mut request = self.request.clone();
        match moment {
            Moment::Outside => {
                // SAFETY: on the isolate's thread.
                if let Some(now) = unsafe { HeapStatistics::read(isolate) } {
                    request.heap = Heap { used: now.used, total: now.total };
                }
            }
            // V8 is not asked for figures there.
            Moment::InV8 { again } => {
                let limit = self.shared.lock().limit;
                let heap = os::process::rss().map_or(limit, |resident| resident.min(limit));
                request.heap = Heap { used: heap, total: heap };
                if again {
                    request.cooldown_ms = 0;
                }
            }
        }
        // SAFETY: on the isolate's thread.
        let (mut session, forked) = match unsafe { begin(request) } {
            Ok(begun) => begun,
            Err(error) => {
                self.settle(JobStep::Failed(error));
                return;
            }
        };
        // The thread stood still for all of it, not only for the fork.
        let pause = begun.elapsed();
        let counted = UnderWay::begin();
        let emergency = Arc::clone(self);
        // SAFETY: on the isolate's thread. Node registers the same handler for each of its isolates.
        unsafe { out_of_memory::call_before(isolate, wait_for_children) };
        let forked = Arc::new(forked);
        let theirs = Arc::clone(&forked);
        let watch = std::thread::Builder::new().name("plimsoll-snap".into()).spawn(move || {
            let result = theirs.finish(&mut session, pause);
            let is_final = matches!(result, Ok(_) | Err(ForkFailure::Final(_)));
            emergency.shared.lock().lost = !is_final;
            let step = match result {
                Ok(outcome) => {
                    session.end();
                    JobStep::Done(outcome)
                }
                Err(failure) => {
                    drop(session);
                    JobStep::Failed(failure.into())
                }
            };
            emergency.settle(step);
            // The turn of the process and the lock of the directory are free when nothing is under way any more.
            drop(theirs);
            drop(counted);
        });
        if let Err(error) = watch {
            forked.child.kill();
            let what = format!("no thread for it: {error}");
            self.settle(JobStep::Failed(SnapshotError::Failed { what }));
        }
    }

    fn settle(&self, step: JobStep) {
        self.shared.lock().step = step;
        SETTLED.store(true, Ordering::Relaxed);
    }
}

/// V8 gives up: forks for the isolates of this thread that left nothing near their limit, or whose child failed.
fn take_at_the_end() {
    wait_for_children();
    let all: Vec<_> = WATCHED.lock().iter().filter_map(Weak::upgrade).collect();
    for emergency in all {
        let (isolate, again) = {
            let mut shared = emergency.shared.lock();
            let again = std::mem::take(&mut shared.lost);
            let wanted = shared.near.end() || again;
            let isolate = shared.isolate;
            (isolate.filter(|&isolate| wanted && Isolate::current() == Some(isolate)), again)
        };
        if let Some(isolate) = isolate {
            // SAFETY: on the isolate's thread.
            unsafe { emergency.take(isolate, Moment::InV8 { again }) };
        }
    }
    wait_for_children();
}

/// Waits until there is no child left whose file would go with this process.
fn wait_for_children() {
    let begun = Instant::now();
    while begun.elapsed() < LAST_WAIT && fork::is_under_way() {
        std::thread::sleep(LAST_LOOK);
    }
}

/// What V8 is doing at the moment of a fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Nothing that changes its heap.
    Outside,
    /// A collection, or its own end; `again`: the child of the same attempt has failed.
    InV8 { again: bool },
}

/// A child that was forked.
struct Forked {
    prepared: PreparedImage,
    child: Child,
    /// The snapshot that is to be made of the image.
    partial: Option<Partial>,
}

impl Forked {
    /// Waits for the child, and for the converter.
    fn finish(&self, session: &mut Session, pause: Duration) -> Result<TakenSnapshot, ForkFailure> {
        let bytes = self.prepared.wait(&self.child, OnCollection::Continue)?;
        let (method, path, written) = match &self.partial {
            None => {
                let path = self.prepared.destination().keep();
                (Method::Image, path, Written { bytes, nodes: 0 })
            }
            Some(partial) => {
                let written = converter::convert(&self.prepared, partial, session, None)?;
                (Method::Fork, partial.commit(), written)
            }
        };
        Ok(session.outcome(path.map_err(ForkFailure::Final)?, method, pause, written))
    }
}

/// Whether the request is for a snapshot, which is made of an image that no directory has.
fn is_converted(request: &Request) -> bool {
    match request.method {
        Method::Fork => true,
        Method::Auto => request.redact,
        Method::Image | Method::InProcess => false,
    }
}

/// # Safety
/// On the isolate's thread.
unsafe fn begin(request: Request) -> Result<(Session, Forked), SnapshotError> {
    if request.method == Method::InProcess {
        let why = "a snapshot in process needs the event loop, which does not turn".into();
        return Err(SnapshotError::Unavailable { why });
    }
    let is_converted = is_converted(&request);
    image::admit(request.redact && !is_converted)?;
    let mut session = Session::begin(request)?;
    let (destination, partial) = if is_converted {
        let partial = session.open(Builder::Converter)?;
        (converter::memory(&session)?, Some(partial))
    } else {
        (Destination::File(session.open(Builder::Image)?), None)
    };
    let prepared = PreparedImage::new(&session, destination)?;
    let scene = Scene::take()?;
    // SAFETY: the caller vouches for the thread.
    let child = unsafe { prepared.fork(&scene) }?;
    Ok((session, Forked { prepared, child, partial }))
}

/// What the container can spare of it, and what V8 needs to go on at all.
fn affordable(raise: u64) -> u64 {
    raise.min(room::spare().map_or(u64::MAX, |room| room / 2)).max(LEAST_RAISE)
}

/// V8 calls this on the isolate's thread.
unsafe extern "C" fn near_heap_limit(data: *mut c_void, current: usize, _initial: usize) -> usize {
    // SAFETY: the reference that `watch_heap_limit` gave is held until the callback is removed.
    let emergency = unsafe { borrow(data) };
    catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: this is the callback.
        unsafe { emergency.near_limit(current) }
    }))
    .unwrap_or(current)
}

/// V8 calls this on the isolate's thread.
unsafe extern "C" fn collection_begins(_: *mut c_void, _: GcType, _: u32, data: *mut c_void) {
    // SAFETY: as in `near_heap_limit`.
    unsafe { (*data.cast::<Emergency>()).collecting.store(true, Ordering::Relaxed) };
}

/// V8 calls this on the isolate's thread.
unsafe extern "C" fn collection_ends(_: *mut c_void, _: GcType, _: u32, data: *mut c_void) {
    // SAFETY: as in `near_heap_limit`.
    unsafe { (*data.cast::<Emergency>()).collecting.store(false, Ordering::Relaxed) };
}

/// # Safety
/// `data` is a reference that V8 holds.
unsafe fn borrow(data: *mut c_void) -> Arc<Emergency> {
    let data = data.cast::<Emergency>().cast_const();
    // SAFETY: the caller's promise.
    unsafe {
        Arc::increment_strong_count(data);
        Arc::from_raw(data)
    }
}

/// V8 calls this on the isolate's thread.
unsafe extern "C" fn interrupted(_isolate: *mut c_void, data: *mut c_void) {
    // SAFETY: `interrupt` gave this reference for one call.
    let emergency = unsafe { Arc::from_raw(data.cast::<Emergency>().cast_const()) };
    // SAFETY: this is an interrupt.
    unsafe { take_interrupted(&emergency, |_| true) };
}

/// V8 calls this on the isolate's thread.
unsafe extern "C" fn deferred(_isolate: *mut c_void, data: *mut c_void) {
    // SAFETY: `near_limit` gave this reference for one call.
    let emergency = unsafe { Arc::from_raw(data.cast::<Emergency>().cast_const()) };
    // SAFETY: this is an interrupt.
    unsafe {
        take_interrupted(&emergency, |near| {
            let waits = matches!(near, Near::Deferred { .. });
            if waits {
                *near = Near::Forked { calls: 1 };
            }
            waits
        });
    }
    // After the fork: the snapshot shows the service alone.
    let evidence = emergency.shared.lock().evidence.take();
    if let Some(evidence) = evidence {
        let _ = catch_unwind(AssertUnwindSafe(evidence));
    }
}

/// Takes a snapshot if it is still wanted.
///
/// # Safety
/// In an interrupt: between two instructions of JS, where a collection may happen.
unsafe fn take_interrupted(emergency: &Arc<Emergency>, wanted: impl FnOnce(&mut Near) -> bool) {
    let isolate = {
        let mut shared = emergency.shared.lock();
        shared.isolate.filter(|_| wanted(&mut shared.near))
    };
    if let Some(isolate) = isolate {
        let _ = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: the caller's promise.
            unsafe { emergency.take(isolate, Moment::Outside) };
        }));
    }
}

/// Waits for the deadline while it may still be moved.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_inside_a_collection_forks() {
        for evidence in [true, false] {
            let mut near = Near::Armed { raise: 7 };
            assert_eq!(near.call(true, evidence), Answer::Defer { raise: 7 });
            for _ in 1..DEFERRALS {
                assert_eq!(near.call(true, evidence), Answer::Again);
            }
            assert_eq!(near.call(true, evidence), Answer::Missed);
            let after = (near.call(true, evidence), near.call(false, evidence));
            assert_eq!(after, (Answer::None, Answer::None));
        }
    }

    #[test]
    fn the_end_takes_what_was_not_taken_once() {
        for waits in [Near::Armed { raise: 7 }, Near::Deferred { calls: 2 }] {
            let mut near = waits;
            assert_eq!((near.end(), near.end()), (true, false), "{waits:?}");
        }
        for taken in [Near::Off, Near::Over, Near::Forked { calls: 1 }] {
            let mut near = taken;
            assert!(!near.end(), "{taken:?}");
        }
    }

    #[test]
    fn a_call_outside_forks_once_and_the_next_one_waits() {
        let mut near = Near::Armed { raise: 7 };
        assert_eq!(near.call(false, false), Answer::Fork { raise: 7 });
        assert_eq!(near.call(true, false), Answer::Wait);
        assert_eq!(near.call(false, false), Answer::None);
        let mut near = Near::Deferred { calls: 2 };
        assert_eq!(near.call(false, false), Answer::Fork { raise: 0 });
        assert_eq!(Near::Off.call(false, false), Answer::None);
    }

    #[test]
    fn after_the_fork_evidence_that_waits_gets_a_few_raises() {
        let mut near = Near::Armed { raise: 7 };
        assert_eq!(near.call(false, true), Answer::Fork { raise: 7 });
        for collecting in [true, false].into_iter().cycle().take(DEFERRALS as usize - 1) {
            assert_eq!(near.call(collecting, true), Answer::Again);
        }
        assert_eq!(near.call(true, true), Answer::Wait);
        let mut taken = Near::Forked { calls: 1 };
        assert_eq!(taken.call(true, false), Answer::Wait);
    }

    /// What takes snapshots of an isolate that has ended, or of one that V8 does not know here.
    fn emergency(isolate: Option<Isolate>) -> Arc<Emergency> {
        let shared = Shared {
            isolate,
            near: Near::Armed { raise: 7 },
            evidence: None,
            deadline: None,
            timed: false,
            limit: 0,
            lost: false,
            step: JobStep::Wait,
        };
        Arc::new(Emergency {
            request: request(Method::Auto, false),
            collecting: AtomicBool::new(false),
            shared: Mutex::new(shared),
            changed: Condvar::new(),
        })
    }

    fn request(method: Method, redact: bool) -> Request {
        Request {
            method,
            redact,
            ..crate::snapshot::testing::request(std::env::temp_dir().join("emergency"))
        }
    }

    #[test]
    fn a_snapshot_is_made_where_one_is_asked_for_or_it_is_to_be_redacted() {
        for (method, redact, converted) in [
            (Method::Auto, false, false),
            (Method::Auto, true, true),
            (Method::Fork, false, true),
            (Method::Fork, true, true),
            (Method::Image, true, false),
            (Method::InProcess, true, false),
        ] {
            assert_eq!(is_converted(&request(method, redact)), converted, "{method:?} {redact}");
        }
    }

    #[test]
    fn the_limit_is_raised_by_what_the_container_can_spare_and_by_what_v8_needs() {
        assert_eq!(affordable(0), LEAST_RAISE);
        assert_eq!(affordable(LEAST_RAISE - 1), LEAST_RAISE);
        let spare = room::spare().unwrap_or(u64::MAX);
        if spare > 1 << 30 {
            assert_eq!(affordable(LEAST_RAISE + 1), LEAST_RAISE + 1);
            assert_eq!(affordable(256 << 20), 256 << 20);
            assert!(affordable(u64::MAX) >= 400 << 20, "half of it");
        }
    }

    #[test]
    fn where_nothing_is_known_of_v8_nothing_is_watched() {
        assert!(near_limit_support().is_err() && limit_support().is_err());
        assert!(Emergency::new(request(Method::Auto, false)).is_none());
        let ended = emergency(None);
        assert!(!ended.interrupt(), "its isolate has ended");
        assert_eq!(Arc::strong_count(&ended), 1);
    }

    #[test]
    fn what_came_of_it_is_said_once_there_is_something() {
        let name = "snapshot::emergency::tests::what_came_of_it_is_said_once_there_is_something";
        if !crate::snapshot::testing::is_alone(name, "") {
            return;
        }
        let emergency = emergency(None);
        assert!(!any_settled() && matches!(emergency.step(), JobStep::Wait));
        let error = SnapshotError::Failed { what: "test".into() };
        emergency.settle(JobStep::Failed(error.clone()));
        assert!(any_settled());
        assert!(matches!(emergency.step(), JobStep::Failed(said) if said == error));
    }

    #[test]
    fn the_end_waits_for_a_child_that_is_under_way() {
        let name = "snapshot::emergency::tests::the_end_waits_for_a_child_that_is_under_way";
        if !crate::snapshot::testing::is_alone(name, "") {
            return;
        }
        static ENDED: AtomicBool = AtomicBool::new(false);
        let counted = UnderWay::begin();
        let child = std::thread::spawn(move || {
            std::thread::sleep(LAST_LOOK * 3);
            ENDED.store(true, Ordering::Relaxed);
            drop(counted);
        });
        take_at_the_end();
        assert!(ENDED.load(Ordering::Relaxed));
        child.join().unwrap();
    }

    #[test]
    fn a_deadline_interrupts_once_and_a_later_one_puts_it_off() {
        let Some(isolate) = Isolate::of_test() else { return };
        let emergency = emergency(Some(isolate));
        let is_over = |emergency: &Emergency| emergency.shared.lock().deadline.is_none();
        emergency.interrupt_in(Duration::from_secs(3600)).unwrap();
        assert!(emergency.shared.lock().timed);
        // The thread looks several times before the hour is over.
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(50));
            emergency.changed.notify_all();
            assert!(!is_over(&emergency));
        }
        emergency.interrupt_in(Duration::ZERO).unwrap();
        while !is_over(&emergency) {
            std::thread::yield_now();
        }
        // The isolate ends, and the thread with it.
        emergency.shared.lock().isolate = None;
        emergency.changed.notify_all();
        while Arc::strong_count(&emergency) > 1 {
            std::thread::yield_now();
        }
    }
}
