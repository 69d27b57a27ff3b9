//! One isolate under watch: each interval its figures go into its trend, and what the trend says
//! waits for the isolate's thread to fetch it.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;
use serde_json::value::RawValue;

use super::limits::Inputs;
use super::record::Record;
use super::registry;
use super::state::{CollectionSeen, ContainerFacts, Memory, Series, State, Summary};
use super::state_file::StateFile;
use super::thread::{self, JobHandle};
use crate::os::{cgroup, memory, process};
use crate::trend::{
    Channel, Collection, CollectionCause, Config, Event, Limits, Reading, Trend, Verdict,
};
use crate::v8::heap_statistics::HeapStatistics;

/// The last mark-compacts are kept for the report's graph.
const COLLECTIONS_KEPT: usize = 128;
/// Events that nobody fetched (a loop stuck for hours): the oldest go.
const EVENTS_KEPT: usize = 64;
/// The container's limit and the machine's memory move slowly: read every so many intervals.
const SLOW_READ_EVERY: u64 = 5;

/// What a monitor is told at the start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Of the isolate: 0 for the main thread, else the worker's thread id.
    pub thread_id: u32,
    /// The trend's window and interval.
    pub config: Config,
    /// Stands for the container's limit.
    pub limit: Option<u64>,
    /// Share of a limit, 0 to 1, beyond which `threshold` is said.
    pub threshold: f64,
    /// The counters of the process' caches as JSON: read from their own memory, whatever the loop does.
    pub caches: fn() -> serde_json::Result<Box<RawValue>>,
}

/// Something to tell JS.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// `suspect`, `leak`, `recovered`, `threshold`.
    pub kind: &'static str,
    /// Which channel it is about.
    pub channel: Channel,
    /// When, in ms since the watch began.
    pub t: u64,
}

struct Watched {
    trend: Trend,
    options: Options,
    start: Instant,
    rss_at_start: u64,
    /// Bytes that in-process snapshots have left with the allocator.
    borrowed: u64,
    memory: Memory,
    limits: Limits,
    cgroup: cgroup::Reader,
    container: Option<cgroup::Container>,
    available: Option<u64>,
    intervals: u64,
    cause: CollectionCause,
    collections: VecDeque<CollectionSeen>,
    notices: VecDeque<Notice>,
    above_threshold: [bool; 2],
    annex: Option<Box<RawValue>>,
    file: Option<StateFile>,
    hooks: bool,
    ended: bool,
}

/// A watched isolate. Dropping it ends the watch; the thread ends with the last one.
pub struct Monitor {
    shared: Arc<Shared>,
    /// Dropped first: no job runs once the record has left the registry.
    job: Option<JobHandle>,
}

/// What the isolate's thread and the native one both have.
pub(super) struct Shared {
    record: Arc<Record>,
    watched: Mutex<Watched>,
    probe_wanted: AtomicBool,
    notices_waiting: AtomicBool,
}

impl Monitor {
    /// Begins to sample `record` on the native thread.
    ///
    /// # Errors
    /// Where the operating system refuses the thread.
    pub fn start(record: Arc<Record>, options: Options, hooks: bool) -> std::io::Result<Self> {
        let interval = Duration::from_millis(options.config.interval_ms);
        let start = Instant::now();
        let rss = process::rss().unwrap_or_else(|| record.told_rss());
        let mut watched = Watched {
            limits: Limits { heap: 0, external: 0, native: 0 },
            trend: Trend::new(
                options.config.clone(),
                Limits { heap: u64::MAX, external: u64::MAX, native: u64::MAX },
            ),
            options,
            start,
            rss_at_start: rss,
            borrowed: 0,
            memory: Memory { rss, ..Memory::default() },
            cgroup: cgroup::Reader::default(),
            container: None,
            available: None,
            intervals: 0,
            cause: CollectionCause::Natural,
            collections: VecDeque::new(),
            notices: VecDeque::new(),
            above_threshold: [false; 2],
            annex: None,
            file: None,
            hooks,
            ended: false,
        };
        watched.read_slowly(&record);
        let shared = Arc::new(Shared {
            record,
            watched: Mutex::new(watched),
            probe_wanted: AtomicBool::new(false),
            notices_waiting: AtomicBool::new(false),
        });
        registry::add(&shared);
        let for_job = Arc::clone(&shared);
        let job = thread::schedule(
            interval,
            Box::new(move |now| {
                for_job.sample(now);
                ControlFlow::Continue(())
            }),
        );
        match job {
            Ok(job) => Ok(Self { shared, job: Some(job) }),
            Err(error) => {
                registry::remove(&shared);
                Err(error)
            }
        }
    }

    /// Whether [`Monitor::take_notices`] has something.
    #[must_use]
    pub fn has_notices(&self) -> bool {
        self.shared.notices_waiting.load(Ordering::Relaxed)
    }

    /// What has happened since the last call, oldest first.
    #[must_use]
    pub fn take_notices(&self) -> Vec<Notice> {
        self.shared.notices_waiting.store(false, Ordering::Relaxed);
        self.shared.watched.lock().notices.drain(..).collect()
    }

    /// Whether the trend asks for a collection; asking is forgotten by the call.
    #[must_use]
    pub fn take_probe(&self) -> bool {
        self.shared.probe_wanted.swap(false, Ordering::Relaxed)
    }

    /// The mark-compacts from now on are of this cause (a probe or a snapshot, then natural again).
    pub fn set_cause(&self, cause: CollectionCause) {
        let mut watched = self.shared.watched.lock();
        // Those that have already ended were of the cause before.
        watched.take_collections(&self.shared.record);
        watched.cause = cause;
    }

    /// Pages that an in-process snapshot left with the allocator are no leak.
    pub fn rebase_native(&self, delta: i64) {
        let mut watched = self.shared.watched.lock();
        let now = watched.elapsed(Instant::now());
        watched.trend.rebase_native(now, delta);
        watched.borrowed = watched.borrowed.saturating_add_signed(delta);
    }

    /// JSON that JS adds to the state.
    pub fn set_annex(&self, json: String) -> Result<(), serde_json::Error> {
        let annex = RawValue::from_string(json)?;
        self.shared.watched.lock().annex = Some(annex);
        Ok(())
    }

    /// Publishes the state in `file` each interval, and now.
    pub fn publish_to(&self, file: StateFile) {
        let mut watched = self.shared.watched.lock();
        watched.file = Some(file);
        watched.publish(&self.shared.record);
    }

    /// Publishes the state now, where a file was given.
    pub fn publish(&self) {
        self.shared.watched.lock().publish(&self.shared.record);
    }

    /// The verdict alone.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.shared.watched.lock().trend.verdict()
    }

    /// The state as JSON.
    ///
    /// # Errors
    /// None that we know of; serialising is fallible by its type.
    pub fn state(&self) -> serde_json::Result<String> {
        serde_json::to_string(&self.shared.watched.lock().state(&self.shared.record))
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        drop(self.job.take());
        registry::remove(&self.shared);
        self.shared.watched.lock().end(&self.shared.record);
    }
}

impl Shared {
    pub(super) fn heap(&self) -> Option<HeapStatistics> {
        self.record.heap()
    }

    pub(super) fn summary(&self) -> Summary {
        let watched = self.watched.lock();
        Summary {
            thread_id: watched.options.thread_id,
            watched_ms: watched.elapsed(Instant::now()),
            verdict: watched.trend.verdict(),
            memory: watched.memory,
            limits: watched.limits,
        }
    }

    fn sample(&self, now: Instant) {
        let mut watched = self.watched.lock();
        if watched.intervals.is_multiple_of(SLOW_READ_EVERY) {
            watched.read_slowly(&self.record);
        }
        watched.intervals += 1;
        watched.take_collections(&self.record);
        watched.read(&self.record, now);
        let t = watched.elapsed(now);
        for event in watched.trend.advance(t) {
            let (kind, channel) = match event {
                Event::Suspect(channel) => ("suspect", channel),
                Event::Leak(channel) => ("leak", channel),
                Event::Recovered(channel) => ("recovered", channel),
                Event::Probe => {
                    self.probe_wanted.store(true, Ordering::Relaxed);
                    continue;
                }
            };
            watched.notify(Notice { kind, channel, t });
        }
        watched.check_threshold(t);
        if !watched.notices.is_empty() {
            self.notices_waiting.store(true, Ordering::Relaxed);
        }
        watched.publish(&self.record);
    }
}

impl Watched {
    fn elapsed(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.start);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }

    fn read_slowly(&mut self, record: &Record) {
        self.container = self.cgroup.read();
        self.available = memory::available();
        let Some(heap) = record.heap() else { return };
        self.limits = Inputs {
            heap_limit: heap.limit,
            heap_total: heap.total,
            rss: self.memory.rss,
            rss_at_start: self.rss_at_start,
            borrowed: self.borrowed,
            container: self.container.as_ref().and_then(|container| container.limit),
            available: self.available,
            given: self.options.limit,
        }
        .limits();
        self.trend.set_limits(self.limits);
    }

    fn take_collections(&mut self, record: &Record) {
        for seen in record.take_mark_compacts() {
            let t = self.elapsed(seen.at);
            self.trend.collection(&Collection {
                t,
                used: seen.heap.used,
                total: seen.heap.total,
                external: seen.heap.external,
                cause: self.cause,
                pause_us: u32::try_from(seen.pause_us).unwrap_or(u32::MAX),
            });
            if self.collections.len() == COLLECTIONS_KEPT {
                self.collections.pop_front();
            }
            self.collections.push_back(CollectionSeen {
                t,
                used: seen.heap.used,
                external: seen.heap.external,
                pause_us: seen.pause_us,
                cause: match self.cause {
                    CollectionCause::Natural => "natural",
                    CollectionCause::Probe => "probe",
                    CollectionCause::Snapshot => "snapshot",
                },
            });
        }
    }

    fn read(&mut self, record: &Record, now: Instant) {
        let Some(heap) = record.heap() else { return };
        let rss = process::rss().unwrap_or_else(|| record.told_rss());
        // One isolate answers for the process: the main thread's.
        let native = (self.options.thread_id == 0).then(|| {
            let (total, external) = registry::heaps();
            rss.saturating_sub(total).saturating_sub(external)
        });
        self.memory = Memory {
            rss,
            heap_total: heap.total,
            heap_used: heap.used,
            external: heap.external,
            native,
            allocated: record.allocated(),
        };
        let t = self.elapsed(now);
        if let Some(used) = record.take_least_used() {
            self.trend.scavenge(t, used);
        }
        self.trend.reading(&Reading {
            t,
            rss,
            heap_total: heap.total,
            heap_used: heap.used,
            external: heap.external,
            native,
            allocated: record.allocated(),
            utilisation: record.utilisation(),
            requests: Some(record.requests()),
        });
    }

    /// Says so once each time that a limit's share is crossed upwards.
    fn check_threshold(&mut self, t: u64) {
        let share = |used: u64, limit: u64| used as f64 / limit.max(1) as f64;
        let heap = share(self.memory.heap_used, self.limits.heap);
        let process = match self.container.as_ref().and_then(|c| c.limit).or(self.options.limit) {
            Some(limit) => share(self.memory.rss, limit),
            None => 0.0,
        };
        for (at, (share, channel)) in
            [(heap, Channel::Heap), (process, Channel::Native)].into_iter().enumerate()
        {
            let above = self.limits.heap > 0 && share >= self.options.threshold;
            // Nine tenths of the threshold re-arm it: a value that hovers says it once.
            if above && !self.above_threshold[at] {
                self.above_threshold[at] = true;
                self.notify(Notice { kind: "threshold", channel, t });
            } else if share < self.options.threshold * 0.9 {
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

    fn state(&self, record: &Record) -> State<'_> {
        let (collection_count, paused_us) = record.collections();
        State {
            pid: std::process::id(),
            thread_id: self.options.thread_id,
            watched_ms: self.elapsed(Instant::now()),
            verdict: self.trend.verdict(),
            series: Series {
                heap: self.trend.series(Channel::Heap),
                external: self.trend.series(Channel::External),
                native: self.trend.series(Channel::Native),
            },
            memory: self.memory,
            limits: self.limits,
            container: self.container.as_ref().map(|container| ContainerFacts {
                version: match container.version {
                    cgroup::Version::V1 => 1,
                    cgroup::Version::V2 => 2,
                },
                limit: container.limit,
                usage: container.usage,
                oom_group: container.oom_group,
            }),
            available: self.available,
            collections: &self.collections,
            collection_count,
            collection_ms: paused_us / 1000,
            hooks: self.hooks,
            threads: registry::count(),
            ended: self.ended,
            caches: (self.options.caches)().ok(),
            annex: self.annex.as_deref(),
        }
    }

    fn publish(&mut self, record: &Record) {
        let Some(mut file) = self.file.take() else { return };
        if let Ok(json) = serde_json::to_vec(&self.state(record)) {
            file.write(&json);
        }
        self.file = Some(file);
    }

    /// Publishes the last state: who reads it need not read again.
    fn end(&mut self, record: &Record) {
        self.ended = true;
        self.publish(record);
        self.file = None;
    }
}
