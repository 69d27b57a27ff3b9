//! One isolate under watch: each interval its figures go into its trend, and what the trend says waits
//! for the isolate's thread to fetch it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use super::borrowed;
use super::limits::Inputs;
use super::monitor::{Notice, Options};
use super::pressure::{self, Pressure};
use super::record::Record;
use super::registry;
use super::state::{ContainerFacts, Memory, Series, State, Summary};
use super::state_file::StateFile;
use crate::os::{cgroup, malloc, memory, process};
use crate::trend::{
    BUCKETS, Channel, Collection, CollectionCause, Event, Limits, Reading, Trend, Verdict,
};

/// The last mark-compacts are kept for the report's graph.
const COLLECTIONS_KEPT: usize = 128;
/// Events that nobody fetched (a loop stuck for hours): the oldest go.
const EVENTS_KEPT: usize = 64;
/// A container's figures move slowly: read every so many intervals.
const SLOW_READ_EVERY: u64 = 5;
/// Where no container has a limit there is little to read: whether it has one now, and the machine's memory.
const UNLIMITED_READ_EVERY: u64 = 30;
/// A threshold that was crossed is armed again below this share of it: a value that hovers says it once.
const REARM: f64 = 0.9;

/// What the sampler's thread keeps of one isolate.
pub(super) struct Watched {
    trend: Trend,
    options: Options,
    start: Instant,
    rss_at_start: u64,
    /// Bytes that in-process snapshots have left with the allocator, as last known.
    borrowed: u64,
    memory: Memory,
    limits: Limits,
    /// And the resident size when it was read.
    container: Option<(cgroup::Container, u64)>,
    cgroup: cgroup::Reader,
    available: Option<u64>,
    malloc: malloc::Reader,
    intervals: u64,
    cause: CollectionCause,
    collections: VecDeque<Collection>,
    notices: VecDeque<Notice>,
    above_threshold: [bool; 2],
    annex: Option<Box<RawValue>>,
    file: Option<StateFile>,
    ended: bool,
}

impl Watched {
    pub fn new(options: Options, record: &Record) -> Self {
        let rss = process::rss().unwrap_or_else(|| record.told_rss());
        let unknown = Limits { heap: u64::MAX, external: u64::MAX, native: u64::MAX };
        let window = Duration::from_millis(options.config.window_ms);
        let mut watched = Self {
            trend: Trend::new(options.config.clone(), unknown),
            start: Instant::now(),
            rss_at_start: rss,
            borrowed: 0,
            memory: Memory { rss, ..Memory::default() },
            limits: Limits { heap: 0, external: 0, native: 0 },
            container: None,
            cgroup: cgroup::Reader::default(),
            available: None,
            malloc: malloc::Reader::new(window / BUCKETS as u32),
            intervals: 0,
            cause: CollectionCause::Natural,
            collections: VecDeque::new(),
            notices: VecDeque::new(),
            above_threshold: [false; 2],
            annex: None,
            file: None,
            ended: false,
            options,
        };
        watched.read_slowly();
        watched.set_limits(record);
        watched
    }

    /// What is done each interval; true where the trend asks for a collection.
    pub fn sample(&mut self, record: &Record, now: Instant) -> bool {
        if self.intervals.is_multiple_of(SLOW_READ_EVERY) {
            if self.is_limited() || self.intervals.is_multiple_of(UNLIMITED_READ_EVERY) {
                self.read_slowly();
            }
            self.set_limits(record);
        }
        self.intervals += 1;
        self.take_collections(record);
        self.read(record, now);
        let t = self.elapsed(now);
        let mut probe = false;
        for event in self.trend.advance(t) {
            let (kind, channel) = match event {
                Event::Suspect(channel) => ("suspect", channel),
                Event::Leak(channel) => ("leak", channel),
                Event::Recovered(channel) => ("recovered", channel),
                Event::Probe => {
                    probe = true;
                    continue;
                }
            };
            self.notify(Notice { kind, channel, t });
        }
        self.check_threshold(record, t);
        probe
    }

    pub fn has_notices(&self) -> bool {
        !self.notices.is_empty()
    }

    pub fn wants_requests(&self) -> bool {
        self.trend.wants_requests()
    }

    pub fn take_notices(&mut self) -> Vec<Notice> {
        self.notices.drain(..).collect()
    }

    pub fn set_cause(&mut self, record: &Record, cause: CollectionCause) {
        // Those that have already ended were of the cause before.
        self.take_collections(record);
        self.cause = cause;
    }

    pub fn set_annex(&mut self, annex: Box<RawValue>) {
        self.annex = Some(annex);
    }

    pub fn verdict(&self) -> Verdict {
        self.trend.verdict_naming(|cache| self.options.caches.name(cache))
    }

    pub fn publish_to(&mut self, record: &Record, file: StateFile) {
        self.file = Some(file);
        self.publish(record);
    }

    pub fn publish(&mut self, record: &Record) {
        let Some(mut file) = self.file.take() else { return };
        if let Ok(json) = serde_json::to_vec(&self.state(record)) {
            file.write(&json);
        }
        self.file = Some(file);
    }

    /// Publishes the last state: who reads it need not read again.
    pub fn end(&mut self, record: &Record) {
        self.ended = true;
        self.publish(record);
        self.file = None;
    }

    pub fn summary(&self) -> Summary {
        Summary {
            thread_id: self.options.thread_id,
            watched_ms: self.elapsed(Instant::now()),
            verdict: self.verdict(),
            memory: self.memory,
            limits: self.limits,
        }
    }

    pub fn state(&self, record: &Record) -> State<'_> {
        let (collection_count, paused_us) = record.collections();
        State {
            pid: std::process::id(),
            thread_id: self.options.thread_id,
            watched_ms: self.elapsed(Instant::now()),
            verdict: self.verdict(),
            series: Series::from(&self.trend),
            memory: self.memory,
            limits: self.limits,
            pressure: self.pressure(),
            container: self
                .container
                .as_ref()
                .map(|(container, _)| ContainerFacts::from(container)),
            available: self.available,
            collections: &self.collections,
            collection_count,
            collection_ms: paused_us / 1000,
            hooks: self.options.hooks,
            threads: registry::count(),
            ended: self.ended,
            caches: self.options.caches.json().ok(),
            tracked: (self.options.tracked)().ok(),
            annex: self.annex.as_deref(),
        }
    }

    fn elapsed(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.start);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }

    fn is_limited(&self) -> bool {
        self.container.as_ref().is_some_and(|(container, _)| container.limit.is_some())
    }

    fn read_slowly(&mut self) {
        self.container = self.cgroup.read().map(|container| (container, self.memory.rss));
        self.available = memory::available();
    }

    fn set_limits(&mut self, record: &Record) {
        let Some(heap) = record.heap() else { return };
        self.limits = Inputs {
            heap_limit: heap.limit,
            heap_total: heap.total,
            rss: self.memory.rss,
            rss_at_start: self.rss_at_start,
            borrowed: self.borrowed,
            container: self.container.as_ref().and_then(|(container, _)| container.limit),
            available: self.available,
            given: self.options.limit,
        }
        .limits();
        self.trend.set_limits(self.limits);
    }

    fn take_collections(&mut self, record: &Record) {
        for seen in record.take_mark_compacts() {
            let collection = Collection {
                t: self.elapsed(seen.at),
                used: seen.heap.used,
                total: seen.heap.total,
                external: seen.heap.external,
                cause: self.cause,
                pause_us: u32::try_from(seen.pause_us).unwrap_or(u32::MAX),
            };
            self.trend.collection(&collection);
            if self.collections.len() == COLLECTIONS_KEPT {
                self.collections.pop_front();
            }
            self.collections.push_back(collection);
        }
    }

    fn read(&mut self, record: &Record, now: Instant) {
        let Some(heap) = record.heap() else { return };
        let rss = process::rss().unwrap_or_else(|| record.told_rss());
        // One isolate answers for the process: the main thread's.
        let main = self.options.thread_id == 0;
        let native = borrowed::bytes().filter(|_| main).map(|borrowed| {
            self.borrowed = borrowed;
            let (total, external) = registry::heaps();
            // What caches of ours hold there is bounded, and known by name.
            rss.saturating_sub(total)
                .saturating_sub(external)
                .saturating_sub(self.options.caches.shared_bytes())
                .saturating_sub(borrowed)
        });
        self.memory = Memory {
            rss,
            heap_total: heap.total,
            heap_used: heap.used,
            external: heap.external,
            native: native.or(self.memory.native),
            allocated: record.allocated(),
        };
        let t = self.elapsed(now);
        if let Some(used) = record.take_least_used() {
            self.trend.scavenge(t, used);
        }
        self.trend.caches(t, &self.options.caches.fills());
        let malloc = if main { self.malloc.read(now) } else { None };
        self.trend.reading(&Reading {
            t,
            rss,
            heap_total: heap.total,
            heap_used: heap.used,
            external: heap.external,
            native,
            allocated: record.allocated(),
            utilisation: record.utilisation(),
            requests: record.requests(),
            malloc_free: malloc.map(|malloc| malloc.free),
        });
    }

    fn pressure(&self) -> Pressure {
        pressure::Inputs {
            heap_used: self.memory.heap_used,
            heap_limit: self.limits.heap,
            rss: self.memory.rss,
            container: self.container.as_ref().map(|(container, rss)| (container, *rss)),
            given: self.options.limit,
        }
        .pressure()
    }

    /// Says so once each time that a limit's share is crossed upwards; of the process one isolate does.
    fn check_threshold(&mut self, record: &Record, t: u64) {
        let Pressure { heap, process } = self.pressure();
        let process = process.filter(|_| registry::is_first(record)).unwrap_or(0.0);
        for (at, (share, channel)) in
            [(heap, Channel::Heap), (process, Channel::Native)].into_iter().enumerate()
        {
            if share >= self.options.threshold && !self.above_threshold[at] {
                self.above_threshold[at] = true;
                self.notify(Notice { kind: "threshold", channel, t });
            } else if share < self.options.threshold * REARM {
                self.above_threshold[at] = false;
            }
        }
    }

    fn notify(&mut self, notice: Notice) {
        if self.notices.len() == EVENTS_KEPT {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
    }
}
