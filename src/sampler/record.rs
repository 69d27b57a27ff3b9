//! What one isolate tells the sampler, in words that both threads may touch at any moment.
//!
//! The isolate's thread writes: from V8's collection callbacks, and once an interval from an
//! unreferenced timer. The sampler's thread reads, also while the isolate's loop is stuck.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use crate::sync::{AtomicBool, AtomicU64};
use crate::v8::gc::{self, GcType, MARK_COMPACT};
use crate::v8::heap_statistics::{HeapStatistics, Isolate};

/// More mark-compacts than this in one interval: the later ones are counted, not described.
const RING: usize = 256;

/// A busy service scavenges twenty times a second and more, and V8 adds up its figures page by page for each
/// query, which would be most of the cost of the watch. So after a scavenge they are read only where the last
/// reading is so many intervals ago.
const LOOK_INTERVALS: u32 = 2;

/// The end of a mark-compact.
#[derive(Debug, Clone, Copy)]
pub struct MarkCompact {
    /// When it ended.
    pub at: Instant,
    /// The heap after it.
    pub heap: HeapStatistics,
    /// From prologue to epilogue, in microseconds: the pause of the loop, without the steps of
    /// incremental marking that came before.
    pub pause_us: u64,
}

/// One isolate's figures.
#[derive(Debug)]
pub struct Record {
    interval_us: u64,
    total: AtomicU64,
    used: AtomicU64,
    limit: AtomicU64,
    external: AtomicU64,
    /// Bytes allocated since the watch began; 0 without the callbacks, for what comes and goes between two ticks
    /// would be missing.
    allocated: AtomicU64,
    /// Whether V8's callbacks come.
    hooked: AtomicBool,
    /// `used` when `allocated` was last brought up to date.
    counted: AtomicU64,
    /// Whether `counted` is of this cycle, from one collection to the next.
    measuring: AtomicBool,
    /// Bytes counted in this cycle, and in the last that was measured: young generations are of a size.
    cycle: AtomicU64,
    last_cycle: AtomicU64,
    /// When V8's figures were last read after a collection, microseconds since `epoch`.
    looked_us: AtomicU64,
    /// Whether the first figures have been stored.
    begun: AtomicBool,
    /// When the running collection began, microseconds since `epoch`.
    prologue_us: AtomicU64,
    epoch: Instant,
    /// Bits of an f64, NaN for unknown.
    utilisation: AtomicU64,
    /// `u64::MAX` if request counting is off.
    requests: AtomicU64,
    /// Collections of any kind, and microseconds spent in them.
    collections: AtomicU64,
    paused_us: AtomicU64,
    /// The same for mark-compacts alone.
    mark_compacts: AtomicU64,
    mark_compact_us: AtomicU64,
    /// Where procfs is missing: what Node says.
    rss: AtomicU64,
    /// The least `used` after any collection since the sampler last asked.
    least_used: AtomicU64,
    ring: (Sender<MarkCompact>, Receiver<MarkCompact>),
}

impl Record {
    /// Of an isolate whose timer ticks once an `interval`.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self {
            interval_us: micros(interval),
            total: AtomicU64::new(0),
            used: AtomicU64::new(0),
            limit: AtomicU64::new(0),
            external: AtomicU64::new(0),
            allocated: AtomicU64::new(0),
            hooked: AtomicBool::new(false),
            counted: AtomicU64::new(0),
            measuring: AtomicBool::new(true),
            cycle: AtomicU64::new(0),
            last_cycle: AtomicU64::new(0),
            looked_us: AtomicU64::new(0),
            begun: AtomicBool::new(false),
            prologue_us: AtomicU64::new(0),
            epoch: Instant::now(),
            utilisation: AtomicU64::new(f64::NAN.to_bits()),
            requests: AtomicU64::new(u64::MAX),
            collections: AtomicU64::new(0),
            paused_us: AtomicU64::new(0),
            mark_compacts: AtomicU64::new(0),
            mark_compact_us: AtomicU64::new(0),
            rss: AtomicU64::new(0),
            least_used: AtomicU64::new(u64::MAX),
            ring: crossbeam_channel::bounded(RING),
        }
    }

    /// The latest figures; `None` before the first.
    #[must_use]
    pub fn heap(&self) -> Option<HeapStatistics> {
        self.begun.load(Acquire).then(|| HeapStatistics {
            total: self.total.load(Relaxed),
            used: self.used.load(Relaxed),
            limit: self.limit.load(Relaxed),
            external: self.external.load(Relaxed),
        })
    }

    /// Bytes allocated on the heap since the watch began, a cycle that was not measured counted as the one before;
    /// 0 where V8's callbacks are missing.
    #[must_use]
    pub fn allocated(&self) -> u64 {
        self.allocated.load(Relaxed)
    }

    /// The event loop's utilisation over the last interval, 0 to 1.
    #[must_use]
    pub fn utilisation(&self) -> Option<f64> {
        let value = f64::from_bits(self.utilisation.load(Relaxed));
        value.is_finite().then_some(value)
    }

    /// Requests that the process' HTTP servers have begun to answer; `None` if request counting is off.
    #[must_use]
    pub fn requests(&self) -> Option<u64> {
        let count = self.requests.load(Relaxed);
        (count != u64::MAX).then_some(count)
    }

    /// Collections of any kind so far, and the microseconds spent in them.
    #[must_use]
    pub fn collections(&self) -> (u64, u64) {
        (self.collections.load(Relaxed), self.paused_us.load(Relaxed))
    }

    /// [`Record::collections`] for mark-compacts alone.
    #[must_use]
    pub fn mark_compacts(&self) -> (u64, u64) {
        (self.mark_compacts.load(Relaxed), self.mark_compact_us.load(Relaxed))
    }

    /// The resident size that JS last reported.
    #[must_use]
    pub fn reported_rss(&self) -> u64 {
        self.rss.load(Relaxed)
    }

    /// The mark-compacts since the last call. For the sampler's thread.
    pub fn take_mark_compacts(&self) -> impl Iterator<Item = MarkCompact> + '_ {
        self.ring.1.try_iter()
    }

    /// The least used heap that was read after a collection of any kind since the last call.
    #[must_use]
    pub fn take_least_used(&self) -> Option<u64> {
        let least = self.least_used.swap(u64::MAX, Relaxed);
        (least != u64::MAX).then_some(least)
    }

    /// Whether the timer should bring V8's figures: no collection has within the interval.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        !self.looked_within(self.now_us(), 1)
    }

    /// What the timer brings, `heap` where [`Record::is_stale`]. For the isolate's thread.
    pub fn tick(
        &self,
        heap: Option<&HeapStatistics>,
        utilisation: f64,
        requests: Option<u64>,
        rss: u64,
    ) {
        if let Some(heap) = heap {
            self.store(heap);
            self.count(heap.used);
        }
        self.utilisation.store(utilisation.to_bits(), Relaxed);
        self.requests.store(requests.unwrap_or(u64::MAX), Relaxed);
        self.rss.store(rss, Relaxed);
    }

    /// A collection begins; `read` gives the heap's figures.
    pub fn prologue(&self, read: impl FnOnce() -> Option<HeapStatistics>) {
        self.hooked.store(true, Relaxed);
        if self.measuring.load(Relaxed) {
            if let Some(heap) = read() {
                self.count(heap.used);
                self.last_cycle.store(self.cycle.load(Relaxed), Relaxed);
            }
        } else {
            self.allocated.fetch_add(self.last_cycle.load(Relaxed), Relaxed);
        }
        self.prologue_us.store(self.now_us(), Relaxed);
    }

    /// A collection has ended; `read` gives the heap's figures.
    pub fn epilogue(&self, kind: GcType, read: impl FnOnce() -> Option<HeapStatistics>) {
        let now = self.now_us();
        let pause_us = now.saturating_sub(self.prologue_us.load(Relaxed));
        let due = kind & MARK_COMPACT != 0 || !self.looked_within(now, LOOK_INTERVALS);
        let heap = if due { read() } else { None };
        self.measuring.store(heap.is_some(), Relaxed);
        self.collected(pause_us);
        let Some(heap) = heap else { return };
        self.looked_us.store(now, Relaxed);
        self.cycle.store(0, Relaxed);
        self.store(&heap);
        self.counted.store(heap.used, Relaxed);
        self.floor(&heap, kind, pause_us);
    }

    /// A mark-compact that JS noticed, where V8's callbacks are missing: how long it took is not known.
    pub fn observed(&self, heap: &HeapStatistics) {
        self.store(heap);
        self.collected(0);
        self.floor(heap, MARK_COMPACT, 0);
    }

    /// A mark-compact of a simulation.
    #[cfg(test)]
    pub(super) fn collected_at(&self, at: Instant, heap: &HeapStatistics, pause: Duration) {
        let pause_us = micros(pause);
        self.store(heap);
        self.collected(pause_us);
        let _ = self.ring.0.try_send(MarkCompact { at, heap: *heap, pause_us });
    }

    fn collected(&self, pause_us: u64) {
        self.collections.fetch_add(1, Relaxed);
        self.paused_us.fetch_add(pause_us, Relaxed);
    }

    fn floor(&self, heap: &HeapStatistics, kind: GcType, pause_us: u64) {
        self.least_used.fetch_min(heap.used, Relaxed);
        if kind & MARK_COMPACT != 0 {
            self.mark_compacts.fetch_add(1, Relaxed);
            self.mark_compact_us.fetch_add(pause_us, Relaxed);
            // Full: the sampler has been held up; the floor of later ones serves as well.
            let _ = self.ring.0.try_send(MarkCompact { at: Instant::now(), heap: *heap, pause_us });
        }
    }

    fn store(&self, heap: &HeapStatistics) {
        self.total.store(heap.total, Relaxed);
        self.used.store(heap.used, Relaxed);
        self.limit.store(heap.limit, Relaxed);
        self.external.store(heap.external, Relaxed);
        // Who sees that there are figures sees the figures.
        if !self.begun.swap(true, Release) {
            self.counted.store(heap.used, Relaxed);
        }
    }

    /// What `used` rose by since it was last looked at has been allocated.
    fn count(&self, used: u64) {
        if !self.hooked.load(Relaxed) || !self.measuring.load(Relaxed) {
            return;
        }
        let grown = used.saturating_sub(self.counted.swap(used, Relaxed));
        self.allocated.fetch_add(grown, Relaxed);
        self.cycle.fetch_add(grown, Relaxed);
    }

    fn looked_within(&self, now: u64, intervals: u32) -> bool {
        let ago = now.saturating_sub(self.looked_us.load(Relaxed));
        ago < self.interval_us.saturating_mul(intervals.into())
    }

    fn now_us(&self) -> u64 {
        micros(self.epoch.elapsed())
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// V8's callbacks, installed for a record until dropped.
#[derive(Debug)]
pub struct Hooks {
    isolate: Isolate,
    /// Not a box: V8 has a pointer to it, and a box that moves says that it has none.
    target: Arc<Target>,
}

#[derive(Debug)]
struct Target {
    isolate: Isolate,
    record: Arc<Record>,
}

impl Hooks {
    /// Installs them; `None` where V8 does not export the callbacks.
    ///
    /// # Safety
    /// On the isolate's thread; the value is dropped on that thread, before the isolate's end.
    #[must_use]
    pub unsafe fn install(isolate: Isolate, record: Arc<Record>) -> Option<Self> {
        let hooks = Self { isolate, target: Arc::new(Target { isolate, record }) };
        // SAFETY: the target is there until `drop`, which removes the callbacks first.
        let is_there = unsafe {
            gc::add_callbacks(isolate, on_prologue, on_epilogue, hooks.data(), gc::COLLECTIONS)
        };
        is_there.then_some(hooks)
    }

    /// What V8 gives to the callbacks.
    fn data(&self) -> *mut c_void {
        Arc::as_ptr(&self.target).cast_mut().cast()
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        // SAFETY: `install` promises the thread and that the isolate is alive.
        unsafe { gc::remove_callbacks(self.isolate, on_prologue, on_epilogue, self.data()) };
    }
}

unsafe extern "C" fn on_prologue(_: *mut c_void, _: GcType, _: u32, data: *mut c_void) {
    // SAFETY: `data` is the target that `install` gave, alive until the callbacks are removed.
    let target = unsafe { &*data.cast::<Target>() };
    // SAFETY: V8 calls this on the isolate's thread; reading counters allocates nothing.
    target.record.prologue(|| unsafe { HeapStatistics::read(target.isolate) });
}

unsafe extern "C" fn on_epilogue(_: *mut c_void, kind: GcType, _: u32, data: *mut c_void) {
    // SAFETY: as in `on_prologue`.
    let target = unsafe { &*data.cast::<Target>() };
    // SAFETY: as in `on_prologue`.
    target.record.epilogue(kind, || unsafe { HeapStatistics::read(target.isolate) });
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(1);

    fn heap(used: u64) -> HeapStatistics {
        HeapStatistics { total: 100, used, limit: 1000, external: 5 }
    }

    #[test]
    fn allocation_is_what_used_rose_by_between_collections() {
        let record = Record::new(INTERVAL);
        assert_eq!(record.heap(), None);
        record.tick(Some(&heap(10)), f64::NAN, None, 0);
        assert_eq!(record.allocated(), 0, "the heap at the start is not an allocation");
        record.prologue(|| Some(heap(40)));
        record.epilogue(MARK_COMPACT, || Some(heap(12)));
        record.tick(Some(&heap(20)), 0.5, Some(7), 0);
        assert_eq!(record.allocated(), 30 + 8);
        assert_eq!((record.utilisation(), record.requests()), (Some(0.5), Some(7)));
        assert_eq!(record.take_mark_compacts().count(), 1);
    }

    #[test]
    fn most_scavenges_are_counted_unread_with_the_allocation_of_the_last_cycle_that_was() {
        const SCAVENGE: GcType = 1;
        let mut record = Record::new(INTERVAL);
        record.tick(Some(&heap(10)), f64::NAN, None, 0);
        record.prologue(|| Some(heap(40)));
        record.epilogue(MARK_COMPACT, || Some(heap(12)));
        record.tick(Some(&heap(20)), f64::NAN, None, 0);
        record.prologue(|| Some(heap(62)));
        assert_eq!(record.allocated(), 30 + 50, "in two steps");
        let unread = || panic!("V8's figures are not to be read");
        for cycles in 1..=3 {
            record.epilogue(SCAVENGE, unread);
            record.tick(Some(&heap(33)), f64::NAN, None, 0);
            record.prologue(unread);
            assert_eq!(record.allocated(), 80 + cycles * 50);
        }
        assert_eq!(record.take_least_used(), Some(12));
        assert!(!record.is_stale(), "a collection has brought the figures");
        record.epoch -= INTERVAL;
        assert!(record.is_stale());
        record.epilogue(SCAVENGE, unread);
        record.prologue(unread);
        record.epoch -= INTERVAL;
        record.epilogue(SCAVENGE, || Some(heap(5)));
        record.prologue(|| Some(heap(25)));
        assert_eq!(record.allocated(), 280 + 20, "it is measured again");
        assert_eq!(record.take_least_used(), Some(5));
        assert_eq!(record.take_mark_compacts().count(), 1, "a scavenge is no floor");
        assert_eq!(record.collections().0, 6);
    }

    #[test]
    fn without_callbacks_allocation_is_not_known() {
        let record = Record::new(INTERVAL);
        for used in [10, 40, 12, 60] {
            record.tick(Some(&heap(used)), f64::NAN, None, 0);
            record.observed(&heap(used));
        }
        assert_eq!(
            record.allocated(),
            0,
            "a rise between ticks is what the collections left of it"
        );
        assert_eq!(record.mark_compacts().0, 4);
    }

    #[test]
    fn mark_compacts_reach_the_reader_and_a_full_ring_loses_only_descriptions() {
        let record = Record::new(INTERVAL);
        for used in 0..RING as u64 + 9 {
            record.prologue(|| Some(heap(used + 1)));
            record.epilogue(MARK_COMPACT, || Some(heap(used)));
        }
        let used: Vec<u64> = record.take_mark_compacts().map(|c| c.heap.used).collect();
        assert_eq!(used, (0..RING as u64).collect::<Vec<_>>());
        assert_eq!(record.collections().0, RING as u64 + 9);
        record.epilogue(MARK_COMPACT, || Some(heap(3)));
        assert_eq!(record.take_mark_compacts().count(), 1, "there is room again");
    }

    #[test]
    fn callbacks_find_the_record_of_hooks_that_have_moved() {
        const SCAVENGE: GcType = 1;
        let Some(isolate) = Isolate::of_test() else { return };
        let record = Arc::new(Record::new(Duration::from_secs(3600)));
        let target = Arc::new(Target { isolate, record: Arc::clone(&record) });
        let hooks = Hooks { isolate, target };
        let data = hooks.data();
        let moved = Some(hooks);
        // SAFETY: as V8 calls it. Figures that are so new are not read.
        unsafe { on_epilogue(isolate.as_ptr(), SCAVENGE, 0, data) };
        drop(moved);
        assert_eq!(record.collections().0, 1);
    }
}

/// The isolate's thread and the sampler's in each order.
#[cfg(all(test, models))]
mod models {
    use super::*;
    use crate::sync::explore;

    fn heap(used: u64) -> HeapStatistics {
        HeapStatistics { total: 100, used, limit: 1000, external: 5 }
    }

    #[test]
    fn models_of_the_first_figures() {
        explore("the first figures of an isolate", 3, || {
            let record = Arc::new(Record::new(Duration::from_secs(3600)));
            let writer = Arc::clone(&record);
            let isolate = loom::thread::spawn(move || {
                writer.tick(Some(&heap(10)), f64::NAN, None, 0);
            });
            if let Some(heap) = record.heap() {
                assert_eq!((heap.total, heap.used, heap.limit, heap.external), (100, 10, 1000, 5));
            }
            isolate.join().unwrap();
            assert!(record.heap().is_some());
        });
    }

    #[test]
    fn models_of_the_floor_and_the_counts() {
        explore("collections while the sampler asks", 3, || {
            let record = Arc::new(Record::new(Duration::from_secs(3600)));
            let writer = Arc::clone(&record);
            let isolate = loom::thread::spawn(move || {
                for used in [30, 20] {
                    writer.epilogue(MARK_COMPACT, || Some(heap(used)));
                }
            });
            let mut least = [record.take_least_used(), record.take_least_used(), None];
            let mut described = record.take_mark_compacts().count();
            isolate.join().unwrap();
            least[2] = record.take_least_used();
            described += record.take_mark_compacts().count();
            assert_eq!(least.into_iter().flatten().min(), Some(20), "no floor is lost");
            assert_eq!((described, record.collections().0), (2, 2));
        });
    }
}
