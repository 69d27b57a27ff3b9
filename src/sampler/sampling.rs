//! The sampling of one isolate: each interval its figures go into its trend, and the notices that result wait until
//! the isolate's thread fetches them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use super::borrowed;
use super::figures::{FigureSources, Figures};
use super::kept_state::KeptState;
use super::limits::LimitInputs;
use super::options::{Notice, SamplerOptions};
use super::pressure::{Contained, Pressure, PressureInputs};
use super::published::{
    ContainerFacts, IsolateSummary, MemoryFigures, PublishedSeries, PublishedState,
};
use super::record::Record;
use super::registry;
use super::run_clock::RunClock;
use super::state_file::StateFile;
use crate::background::Run;
use crate::os::{cgroup, malloc};
use crate::trend::{
    BUCKETS, Channel, Collection, CollectionCause, Event, Limits, Reading, Trend, Verdict,
};

/// The last mark-compacts are kept for the report's graph.
const COLLECTIONS_KEPT: usize = 128;
/// Notices kept while the loop is stuck and fetches none; the oldest are dropped.
const NOTICES_KEPT: usize = 64;
/// The container's figures change slowly. They are read once in this many intervals.
const SLOW_READ_EVERY: u64 = 5;
/// The same without a container limit: only a new limit and the machine's available memory are of interest.
const UNLIMITED_READ_EVERY: u64 = 30;
/// A crossed threshold is armed again below this share of it, so that a value that hovers around it is reported once.
const REARM: f64 = 0.9;
/// While free memory of the allocator is discounted, its amount is read at this interval.
const DISCOUNT_READ_EVERY: Duration = Duration::from_secs(2);

/// The state of the sampling of one isolate.
pub(super) struct Sampling {
    trend: Trend,
    options: SamplerOptions,
    clock: RunClock,
    figures: Figures,
    rss_at_start: u64,
    /// Resident bytes that in-process snapshots have left with the allocator, as last known.
    borrowed: u64,
    /// The resident size without them, as last known.
    own_rss: u64,
    /// `own_rss` and `borrowed` when the container was last read.
    at_container: (u64, u64),
    memory: MemoryFigures,
    limits: Limits,
    malloc: malloc::MallocReader,
    malloc_period: Duration,
    intervals: u64,
    cause: CollectionCause,
    collections: VecDeque<Collection>,
    /// The part of their pauses in which the process was stopped.
    stopped_in_collections: Duration,
    notices: VecDeque<Notice>,
    above_threshold: [bool; 2],
    extra: Option<Box<RawValue>>,
    file: Option<StateFile>,
    kept: Option<KeptState>,
    oom_kills: Option<cgroup::OomKills>,
    /// Since when each channel has been a suspect or a leak, ms since the watch began.
    since: [Option<u64>; Channel::ALL.len()],
    ended: bool,
}

impl Sampling {
    pub fn new(
        options: SamplerOptions,
        sources: FigureSources,
        record: &Record,
        now: Instant,
    ) -> Self {
        let unknown = Limits { heap: u64::MAX, external: u64::MAX, native: u64::MAX };
        let window = Duration::from_millis(options.config.window_ms);
        let interval = Duration::from_millis(options.config.interval_ms);
        let mut sampling = Self {
            trend: Trend::new(options.config.clone(), unknown),
            clock: RunClock::new(interval, now),
            figures: Figures::new(sources.files, now),
            rss_at_start: 0,
            borrowed: 0,
            own_rss: 0,
            at_container: (0, 0),
            memory: MemoryFigures::default(),
            limits: Limits { heap: 0, external: 0, native: 0 },
            malloc: malloc::MallocReader::new(sources.malloc),
            malloc_period: window / BUCKETS as u32,
            intervals: 0,
            cause: CollectionCause::Natural,
            collections: VecDeque::new(),
            stopped_in_collections: Duration::ZERO,
            notices: VecDeque::new(),
            above_threshold: [false; 2],
            extra: None,
            file: None,
            kept: None,
            oom_kills: None,
            since: [None; Channel::ALL.len()],
            ended: false,
            options,
        };
        sampling.figures.read_rss(now, record.reported_rss());
        sampling.rss_at_start = sampling.figures.rss();
        sampling.own_rss = sampling.rss_at_start;
        sampling.memory.rss = sampling.rss_at_start;
        sampling.read_slowly(now);
        sampling.set_limits(record);
        sampling
    }

    /// Runs once each interval. True if the trend requests a collection.
    pub fn sample(&mut self, record: &Record, run: Run) -> bool {
        let waited = self.figures.waited();
        let t = self.clock.tick(run, waited);
        self.take_collections(record);
        self.read(record, run.now, t);
        // After the resident size, with which the container's figures are compared.
        if self.intervals.is_multiple_of(SLOW_READ_EVERY) {
            if self.is_limited() || self.intervals.is_multiple_of(UNLIMITED_READ_EVERY) {
                self.read_slowly(run.now);
            }
            self.set_limits(record);
        }
        self.intervals += 1;
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
            self.since[channel as usize] = (kind != "recovered").then_some(t);
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
        // Collections that have already ended belong to the previous cause.
        self.take_collections(record);
        self.cause = cause;
    }

    pub fn set_extra(&mut self, extra: Box<RawValue>) {
        self.extra = Some(extra);
    }

    pub fn watched_ms(&self) -> u64 {
        self.ran_ms(Instant::now())
    }

    /// How long the process had run at a moment, ms.
    pub fn ran_ms(&self, moment: Instant) -> u64 {
        self.clock.at(moment)
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

    /// Keeps the state for a later process.
    pub fn keep_in(&mut self, record: &Record, kept: KeptState) {
        self.kept = Some(kept);
        self.keep(record, Instant::now());
    }

    /// Keeps the state where it is due.
    pub fn keep(&mut self, record: &Record, now: Instant) {
        let Some(mut kept) = self.kept.take() else { return };
        if kept.beat(now) {
            self.oom_kills = self.figures.oom_kills();
            if let Ok(json) = serde_json::to_vec(&self.state(record)) {
                kept.write(&json, now);
            }
        }
        self.kept = Some(kept);
    }

    /// Publishes the last state, marked as the last.
    pub fn end(&mut self, record: &Record) {
        self.ended = true;
        self.publish(record);
        self.file = None;
        if let Some(mut kept) = self.kept.take() {
            if let Ok(json) = serde_json::to_vec(&self.state(record)) {
                kept.write(&json, Instant::now());
            }
            kept.end(self.since.iter().any(Option::is_some));
        }
    }

    pub fn summary(&self) -> IsolateSummary {
        IsolateSummary {
            thread_id: self.options.thread_id,
            watched_ms: self.clock.at(Instant::now()),
            verdict: self.verdict(),
            memory: self.memory,
            limits: self.limits,
        }
    }

    pub fn state(&self, record: &Record) -> PublishedState<'_> {
        let (collection_count, paused_us) = record.collections();
        let now = Instant::now();
        let verdict = self.verdict();
        let watched_ms = self.clock.at(now);
        let since = verdict.channel.and_then(|channel| self.since[channel as usize]);
        PublishedState {
            pid: std::process::id(),
            thread_id: self.options.thread_id,
            watched_ms,
            stopped_ms: self.clock.stopped_ms(),
            verdict,
            verdict_for_ms: since.map(|since| watched_ms.saturating_sub(since)),
            series: PublishedSeries::from(&self.trend),
            memory: self.memory,
            limits: self.limits,
            pressure: self.pressure(),
            stale: self.figures.stale(now),
            container: self.figures.container().map(ContainerFacts::from),
            available: self.figures.available(),
            oom_kills: self.oom_kills.as_ref(),
            collections: &self.collections,
            collection_count,
            collection_ms: (paused_us / 1000)
                .saturating_sub(self.stopped_in_collections.as_millis() as u64),
            hooks: self.options.hooks,
            threads: registry::count(),
            ended: self.ended,
            caches: self.options.caches.json().ok(),
            tracked: (self.options.tracked)().ok(),
            extra: self.extra.as_deref(),
        }
    }

    fn is_limited(&self) -> bool {
        self.figures.container().is_some_and(|container| container.limit.is_some())
    }

    fn read_slowly(&mut self, now: Instant) {
        // While a snapshot is built in this process, its memory is part of the container's usage.
        if !borrowed::is_running() && self.figures.read_slowly(now) {
            self.at_container = (self.own_rss, self.borrowed);
        }
    }

    fn set_limits(&mut self, record: &Record) {
        let Some(heap) = record.heap() else { return };
        self.limits = LimitInputs {
            heap_limit: heap.limit,
            heap_total: heap.total,
            rss: self.memory.rss,
            rss_at_start: self.rss_at_start,
            borrowed: self.borrowed,
            container: self.figures.container().and_then(|container| container.limit),
            available: self.figures.available(),
            given: self.options.limit,
        }
        .limits();
        self.trend.set_limits(self.limits);
    }

    fn take_collections(&mut self, record: &Record) {
        for seen in record.take_mark_compacts() {
            let pause = Duration::from_micros(seen.pause_us);
            let ran = self.clock.ran(pause, seen.at);
            self.stopped_in_collections += pause - ran;
            let collection = Collection {
                t: self.clock.at(seen.at),
                used: seen.heap.used,
                total: seen.heap.total,
                external: seen.heap.external,
                cause: self.cause,
                pause_us: u32::try_from(ran.as_micros()).unwrap_or(u32::MAX),
            };
            self.trend.collection(&collection);
            if self.collections.len() == COLLECTIONS_KEPT {
                self.collections.pop_front();
            }
            self.collections.push_back(collection);
        }
    }

    fn read(&mut self, record: &Record, now: Instant, t: u64) {
        let Some(heap) = record.heap() else { return };
        let is_read = self.figures.read_rss(now, record.reported_rss());
        let rss = self.figures.rss();
        if self.rss_at_start == 0 && is_read {
            // It could not be read when the watch began.
            self.rss_at_start = rss;
        }
        // The main thread's isolate reports native memory for the process.
        let main = self.options.thread_id == 0;
        let malloc = if main { self.malloc.read(now, self.malloc_period()) } else { None };
        if let Some(malloc) = malloc {
            borrowed::set_free(malloc.free);
        }
        let native = if is_read { self.read_native(rss) } else { None }.filter(|_| main);
        self.memory = MemoryFigures {
            rss,
            heap_total: heap.total,
            heap_used: heap.used,
            external: heap.external,
            native: native.or(self.memory.native),
            allocated: record.allocated(),
        };
        if let Some(used) = record.take_least_used() {
            self.trend.scavenge(t, used);
        }
        self.trend.caches(t, &self.options.caches.fills());
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

    /// Resident bytes of the service outside of V8's heaps; `None` while a snapshot is built in the process.
    fn read_native(&mut self, rss: u64) -> Option<u64> {
        let (total, external) = registry::heaps();
        let outside = rss.saturating_sub(total).saturating_sub(external);
        self.borrowed = borrowed::discount(outside)?;
        self.own_rss = rss - self.borrowed;
        // plimsoll's own caches are bounded and reported by name.
        Some(outside.saturating_sub(self.options.caches.shared_bytes() + self.borrowed))
    }

    fn malloc_period(&self) -> Duration {
        if borrowed::is_left() {
            self.malloc_period.min(DISCOUNT_READ_EVERY)
        } else {
            self.malloc_period
        }
    }

    fn pressure(&self) -> Pressure {
        let (rss, borrowed) = self.at_container;
        let contained = |container| Contained { container, rss, borrowed };
        PressureInputs {
            heap_used: self.memory.heap_used,
            heap_limit: self.limits.heap,
            rss: self.own_rss,
            container: self.figures.container().map(contained),
            given: self.options.limit,
        }
        .pressure()
    }

    /// Raises a notice each time that a limit's share is crossed upwards. One isolate does so for the process.
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
        if self.notices.len() == NOTICES_KEPT {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
    }
}
