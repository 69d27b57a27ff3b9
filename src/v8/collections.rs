//! The full collections of this process' isolates: whether one is under way, and how many have begun.
//!
//! A full collection rewrites much of the heap, from the start of marking until the pages are swept. Each page that it
//! writes to while a forked child shares the memory exists twice.

use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::gc::{self, FULL_COLLECTION, GcType, MARK_COMPACT};
use super::heap_statistics::Isolate;

/// Of all isolates that are watched.
static ALL: Collections = Collections::new();

/// What the callbacks of several threads write.
#[derive(Debug)]
struct Collections {
    /// Starts of marking, and of the collections that follow.
    begun: AtomicU64,
    under_way: AtomicU32,
    /// Milliseconds after the first use of the clock, plus one; 0 before the first end.
    ended: AtomicU64,
}

impl Collections {
    const fn new() -> Self {
        Self { begun: AtomicU64::new(0), under_way: AtomicU32::new(0), ended: AtomicU64::new(0) }
    }

    fn quiet_for(&self, now: u64) -> Duration {
        if self.under_way.load(Ordering::Acquire) > 0 {
            return Duration::ZERO;
        }
        match self.ended.load(Ordering::Acquire) {
            0 => Duration::MAX,
            ended => Duration::from_millis((now + 1).saturating_sub(ended)),
        }
    }
}

/// The isolate of a thread. Its end ends what is under way.
#[derive(Debug)]
struct Watched {
    all: &'static Collections,
    is_collecting: bool,
}

impl Watched {
    fn begins(&mut self) {
        if !std::mem::replace(&mut self.is_collecting, true) {
            self.all.under_way.fetch_add(1, Ordering::AcqRel);
        }
        self.all.begun.fetch_add(1, Ordering::AcqRel);
    }

    fn ends(&mut self, now: u64) {
        if std::mem::replace(&mut self.is_collecting, false) {
            self.all.ended.store(now + 1, Ordering::Release);
            self.all.under_way.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.ends(now());
    }
}

thread_local! {
    static WATCHED: RefCell<Option<Watched>> = const { RefCell::new(None) };
}

fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX - 1)
}

fn with_watched(act: impl FnOnce(&mut Watched)) {
    // A thread that ends has none.
    let _ = WATCHED.try_with(|watched| watched.borrow_mut().as_mut().map(act));
}

unsafe extern "C" fn begins(_: *mut c_void, _: GcType, _: u32, _: *mut c_void) {
    with_watched(Watched::begins);
}

unsafe extern "C" fn ends(_: *mut c_void, kind: GcType, _: u32, _: *mut c_void) {
    // The epilogue of the start of marking is not the end.
    if kind & MARK_COMPACT != 0 {
        with_watched(|watched| watched.ends(now()));
    }
}

/// Watches the isolate of this thread from now on. A collection that is under way is not noticed.
///
/// # Safety
/// On the isolate's thread. The library stays loaded.
pub unsafe fn watch(isolate: Isolate) {
    let is_new = WATCHED.with(|watched| {
        let mut watched = watched.borrow_mut();
        let is_new = watched.is_none();
        watched.get_or_insert(Watched { all: &ALL, is_collecting: false });
        is_new
    });
    if is_new {
        // SAFETY: the caller's promise. The callbacks use no data and are there as long as the library.
        unsafe { gc::add_callbacks(isolate, begins, ends, std::ptr::null_mut(), FULL_COLLECTION) };
    }
}

/// How many have begun. The start of marking and the collection that follows count as two.
#[must_use]
pub fn begun() -> u64 {
    ALL.begun.load(Ordering::Acquire)
}

/// How long ago the last one has ended: zero while one is under way, [`Duration::MAX`] if none was seen.
#[must_use]
pub fn quiet_for() -> Duration {
    ALL.quiet_for(now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_is_under_way_from_the_start_of_marking_to_its_end() {
        static OWN: Collections = Collections::new();
        let mut one = Watched { all: &OWN, is_collecting: false };
        let mut other = Watched { all: &OWN, is_collecting: false };
        assert_eq!(OWN.quiet_for(7), Duration::MAX);
        one.begins();
        assert_eq!(OWN.quiet_for(7), Duration::ZERO);
        one.begins();
        other.begins();
        one.ends(10);
        assert_eq!(OWN.quiet_for(10), Duration::ZERO, "that of the other isolate");
        drop(other);
        assert_eq!(OWN.under_way.load(Ordering::Relaxed), 0, "its thread has ended");
        one.begins();
        one.ends(20);
        one.ends(25);
        assert_eq!(
            OWN.quiet_for(50),
            Duration::from_millis(30),
            "an end without a beginning is none"
        );
        assert_eq!(OWN.begun.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn without_v8_no_collection_is_seen() {
        with_watched(|_| panic!("this thread has no isolate"));
        assert_eq!((begun(), quiet_for()), (0, Duration::MAX));
    }
}
