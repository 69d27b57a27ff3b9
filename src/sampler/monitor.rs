//! The two ends of a watch over one isolate: a job on the sampler's thread, and what the isolate's thread
//! fetches from it.

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;
use serde_json::value::RawValue;

use super::figures::Sources;
use super::record::Record;
use super::registry;
use super::state::Summary;
use super::state_file::StateFile;
use super::thread::{self, JobHandle, Run};
use super::watched::Watched;
use crate::trend::{Channel, CollectionCause, Config, Fill, Verdict};
use crate::v8::heap_statistics::HeapStatistics;

/// The caches of the process, which the sampler reads from their own memory, whatever the loop does.
pub trait Caches: Debug + Send {
    /// The counters of all of them as JSON.
    ///
    /// # Errors
    /// None that we know of; serialising is fallible by its type.
    fn json(&self) -> serde_json::Result<Box<RawValue>>;
    /// How full those of the isolate are, in an order that lasts.
    fn fills(&self) -> Vec<Fill>;
    /// What one of them is called.
    fn name(&self, id: u64) -> Option<String>;
    /// Bytes that those of all threads hold outside of any V8 heap.
    fn shared_bytes(&self) -> u64;
}

/// What a monitor is told at the start.
#[derive(Debug)]
pub struct Options {
    /// Of the isolate: 0 for the main thread, else the worker's thread id.
    pub thread_id: u32,
    /// The trend's window and interval.
    pub config: Config,
    /// Stands for the container's limit.
    pub limit: Option<u64>,
    /// Share of a limit, 0 to 1, beyond which `threshold` is said.
    pub threshold: f64,
    /// The caches of the process.
    pub caches: Box<dyn Caches>,
    /// What the trackers of the process count as JSON, read in the same way.
    pub tracked: fn() -> serde_json::Result<Box<RawValue>>,
    /// Whether V8's collection callbacks bring the collections.
    pub hooks: bool,
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
    requests_wanted: AtomicBool,
}

impl Monitor {
    /// Begins to sample `record` on the native thread.
    ///
    /// # Errors
    /// Where the operating system refuses the thread.
    pub fn start(record: Arc<Record>, options: Options, sources: Sources) -> std::io::Result<Self> {
        let interval = Duration::from_millis(options.config.interval_ms);
        let watched = Watched::new(options, sources, &record, Instant::now());
        let shared = Arc::new(Shared {
            record,
            watched: Mutex::new(watched),
            probe_wanted: AtomicBool::new(false),
            notices_waiting: AtomicBool::new(false),
            requests_wanted: AtomicBool::new(false),
        });
        registry::add(&shared);
        let for_job = Arc::clone(&shared);
        let job = thread::schedule(
            interval,
            Box::new(move |run| {
                for_job.sample(run);
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
        self.shared.watched.lock().take_notices()
    }

    /// Whether the trend asks for a collection; asking is forgotten by the call.
    #[must_use]
    pub fn take_probe(&self) -> bool {
        self.shared.probe_wanted.swap(false, Ordering::Relaxed)
    }

    /// Whether [`Trend::wants_requests`](crate::trend::Trend::wants_requests).
    #[must_use]
    pub fn wants_requests(&self) -> bool {
        self.shared.requests_wanted.load(Ordering::Relaxed)
    }

    /// The mark-compacts from now on are of this cause (a probe or a snapshot, then natural again).
    pub fn set_cause(&self, cause: CollectionCause) {
        self.shared.watched.lock().set_cause(&self.shared.record, cause);
    }

    /// JSON that JS adds to the state.
    pub fn set_annex(&self, json: String) -> Result<(), serde_json::Error> {
        let annex = RawValue::from_string(json)?;
        self.shared.watched.lock().set_annex(annex);
        Ok(())
    }

    /// Publishes the state in `file` each interval, and now.
    pub fn publish_to(&self, file: StateFile) {
        self.shared.watched.lock().publish_to(&self.shared.record, file);
    }

    /// Publishes the state now, where a file was given.
    pub fn publish(&self) {
        self.shared.watched.lock().publish(&self.shared.record);
    }

    /// How long the process ran since the watch began, in ms.
    #[must_use]
    pub fn watched_ms(&self) -> u64 {
        self.shared.watched.lock().watched_ms()
    }

    /// The verdict alone.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.shared.watched.lock().verdict()
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
        self.watched.lock().summary()
    }

    /// Whether this is the isolate of that record.
    pub(super) fn has(&self, record: &Record) -> bool {
        std::ptr::eq(Arc::as_ptr(&self.record), record)
    }

    fn sample(&self, run: Run) {
        let mut watched = self.watched.lock();
        if watched.sample(&self.record, run) {
            self.probe_wanted.store(true, Ordering::Relaxed);
        }
        if watched.has_notices() {
            self.notices_waiting.store(true, Ordering::Relaxed);
        }
        self.requests_wanted.store(watched.wants_requests(), Ordering::Relaxed);
        watched.publish(&self.record);
    }
}
