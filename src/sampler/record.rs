//! What one isolate tells the sampler, in words that both threads may touch at any moment.
//!
//! The isolate's thread writes: from V8's collection callbacks, and once an interval from an
//! unreferenced timer. The sampler's thread reads, also while the isolate's loop is stuck.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};

use crate::v8::gc::{self, GcType, MARK_COMPACT};
use crate::v8::heap_statistics::{HeapStatistics, Isolate};

/// More mark-compacts than this in one interval: the later ones are counted, not described.
const RING: usize = 256;

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
    /// Whether the first figures have been stored.
    begun: AtomicBool,
    /// When the running collection began, microseconds since `epoch`.
    prologue_us: AtomicU64,
    epoch: Instant,
    /// Bits of an f64, NaN for unknown.
    utilisation: AtomicU64,
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

impl Default for Record {
    fn default() -> Self {
        Self {
            total: AtomicU64::new(0),
            used: AtomicU64::new(0),
            limit: AtomicU64::new(0),
            external: AtomicU64::new(0),
            allocated: AtomicU64::new(0),
            hooked: AtomicBool::new(false),
            counted: AtomicU64::new(0),
            begun: AtomicBool::new(false),
            prologue_us: AtomicU64::new(0),
            epoch: Instant::now(),
            utilisation: AtomicU64::new(f64::NAN.to_bits()),
            requests: AtomicU64::new(0),
            collections: AtomicU64::new(0),
            paused_us: AtomicU64::new(0),
            mark_compacts: AtomicU64::new(0),
            mark_compact_us: AtomicU64::new(0),
            rss: AtomicU64::new(0),
            least_used: AtomicU64::new(u64::MAX),
            ring: crossbeam_channel::bounded(RING),
        }
    }
}

impl Record {
    /// The latest figures; `None` before the first.
    #[must_use]
    pub fn heap(&self) -> Option<HeapStatistics> {
        self.begun.load(Relaxed).then(|| HeapStatistics {
            total: self.total.load(Relaxed),
            used: self.used.load(Relaxed),
            limit: self.limit.load(Relaxed),
            external: self.external.load(Relaxed),
        })
    }

    /// Bytes allocated on the heap since the watch began; 0 where V8's callbacks are missing.
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

    /// Requests that the process' HTTP servers have begun to answer.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
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

    /// The resident size that JS last told.
    #[must_use]
    pub fn told_rss(&self) -> u64 {
        self.rss.load(Relaxed)
    }

    /// The mark-compacts since the last call. For the sampler's thread.
    pub fn take_mark_compacts(&self) -> impl Iterator<Item = MarkCompact> + '_ {
        self.ring.1.try_iter()
    }

    /// The least used heap that a collection of any kind has left since the last call.
    #[must_use]
    pub fn take_least_used(&self) -> Option<u64> {
        let least = self.least_used.swap(u64::MAX, Relaxed);
        (least != u64::MAX).then_some(least)
    }

    /// What the timer brings. For the isolate's thread.
    pub fn tick(&self, heap: &HeapStatistics, utilisation: f64, requests: u64, rss: u64) {
        self.store(heap);
        self.count(heap.used);
        self.utilisation.store(utilisation.to_bits(), Relaxed);
        self.requests.store(requests, Relaxed);
        self.rss.store(rss, Relaxed);
    }

    /// A collection begins.
    pub fn prologue(&self, heap: &HeapStatistics) {
        self.hooked.store(true, Relaxed);
        self.count(heap.used);
        self.prologue_us.store(self.now_us(), Relaxed);
    }

    /// A collection has ended.
    pub fn epilogue(&self, heap: &HeapStatistics, kind: GcType) {
        self.store(heap);
        self.counted.store(heap.used, Relaxed);
        let pause_us = self.now_us().saturating_sub(self.prologue_us.load(Relaxed));
        self.collected(heap, kind, pause_us);
    }

    /// A collection that only a PerformanceObserver saw, where V8's callbacks are missing.
    pub fn observed(&self, heap: &HeapStatistics, kind: GcType, pause_us: u64) {
        self.store(heap);
        self.collected(heap, kind, pause_us);
    }

    fn collected(&self, heap: &HeapStatistics, kind: GcType, pause_us: u64) {
        self.collections.fetch_add(1, Relaxed);
        self.least_used.fetch_min(heap.used, Relaxed);
        self.paused_us.fetch_add(pause_us, Relaxed);
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
        if !self.begun.swap(true, Relaxed) {
            self.counted.store(heap.used, Relaxed);
        }
    }

    /// What `used` rose by since it was last looked at has been allocated.
    fn count(&self, used: u64) {
        if !self.hooked.load(Relaxed) {
            return;
        }
        let before = self.counted.swap(used, Relaxed);
        self.allocated.fetch_add(used.saturating_sub(before), Relaxed);
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// V8's callbacks, installed for a record until dropped.
#[derive(Debug)]
pub struct Hooks {
    isolate: Isolate,
    target: Box<Target>,
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
        let target = Box::new(Target { isolate, record });
        let data = std::ptr::from_ref(&*target).cast_mut().cast();
        // SAFETY: the box keeps its address until `drop`, which removes the callbacks first.
        unsafe { gc::add_callbacks(isolate, on_prologue, on_epilogue, data) }
            .then_some(Self { isolate, target })
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        let data = std::ptr::from_ref(&*self.target).cast_mut().cast();
        // SAFETY: `install` promises the thread and that the isolate is alive.
        unsafe { gc::remove_callbacks(self.isolate, on_prologue, on_epilogue, data) };
    }
}

unsafe extern "C" fn on_prologue(_: *mut c_void, _: GcType, _: u32, data: *mut c_void) {
    // SAFETY: `data` is the target that `install` gave, alive until the callbacks are removed.
    let target = unsafe { &*data.cast::<Target>() };
    // SAFETY: V8 calls this on the isolate's thread; reading counters allocates nothing.
    if let Some(heap) = unsafe { HeapStatistics::read(target.isolate) } {
        target.record.prologue(&heap);
    }
}

unsafe extern "C" fn on_epilogue(_: *mut c_void, kind: GcType, _: u32, data: *mut c_void) {
    // SAFETY: as in `on_prologue`.
    let target = unsafe { &*data.cast::<Target>() };
    // SAFETY: as in `on_prologue`.
    if let Some(heap) = unsafe { HeapStatistics::read(target.isolate) } {
        target.record.epilogue(&heap, kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heap(used: u64) -> HeapStatistics {
        HeapStatistics { total: 100, used, limit: 1000, external: 5 }
    }

    #[test]
    fn allocation_is_what_used_rose_by_between_collections() {
        let record = Record::default();
        assert_eq!(record.heap(), None);
        record.tick(&heap(10), f64::NAN, 0, 0);
        assert_eq!(record.allocated(), 0, "the heap at the start is not an allocation");
        record.prologue(&heap(40));
        record.epilogue(&heap(12), 1);
        record.tick(&heap(20), 0.5, 7, 0);
        assert_eq!(record.allocated(), 30 + 8);
        assert_eq!((record.utilisation(), record.requests()), (Some(0.5), 7));
        assert_eq!(record.take_mark_compacts().count(), 0, "a scavenge is no floor");
    }

    #[test]
    fn without_callbacks_allocation_is_not_known() {
        let record = Record::default();
        for used in [10, 40, 12, 60] {
            record.tick(&heap(used), f64::NAN, 0, 0);
            record.observed(&heap(used), MARK_COMPACT, 1);
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
        let record = Record::default();
        for used in 0..RING as u64 + 9 {
            record.prologue(&heap(used + 1));
            record.epilogue(&heap(used), MARK_COMPACT);
        }
        let used: Vec<u64> = record.take_mark_compacts().map(|c| c.heap.used).collect();
        assert_eq!(used, (0..RING as u64).collect::<Vec<_>>());
        assert_eq!(record.collections().0, RING as u64 + 9);
        record.epilogue(&heap(3), MARK_COMPACT);
        assert_eq!(record.take_mark_compacts().count(), 1, "there is room again");
    }
}
