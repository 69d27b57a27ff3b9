//! `lib/watch/watcher.js`'s end: one `IsolateWatch` for each watched isolate.

use std::path::Path;
use std::sync::Arc;
use std::thread::ThreadId;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::Function;
use napi_derive::napi;
use serde_json::value::{RawValue, to_raw_value};

use super::callback::call_often;
use super::error::{AddonError, Result, error};
use crate::background;
use crate::cache::registry;
use crate::sampler::figures::FigureSources;
use crate::sampler::isolate::Watching;
use crate::sampler::kept_state::{self, KeptState};
use crate::sampler::options::{Caches, SamplerOptions};
use crate::sampler::record::{Hooks, Record};
use crate::sampler::registry as isolates;
use crate::sampler::state_file::{self, StateFile};
use crate::sampler::stuck::StuckLoop;
use crate::snapshot::emergency;
use crate::snapshot::redaction::shown;
use crate::track::{self, registry::TrackedCount};
use crate::trend::{CacheFill, CollectionCause, Config};
use crate::v8;
use crate::v8::gc::{self, GcPressure};
use crate::v8::heap_statistics::{HeapStatistics, Isolate};
use crate::v8::interrupt;
use crate::v8::out_of_memory;

/// Bits of the answer to [`IsolateWatch::tick`].
pub(super) mod tick {
    pub const NOTICES: u32 = 1;
    pub const PROBE: u32 = 2;
    pub const REQUESTS: u32 = 4;
    pub const EMERGENCY: u32 = 8;
}

/// `v8.getHeapStatistics()` as far as it goes, in bytes.
#[napi(object)]
pub struct NodeHeap {
    pub total: f64,
    pub used: f64,
    pub limit: f64,
    pub external: f64,
}

impl From<&NodeHeap> for HeapStatistics {
    fn from(heap: &NodeHeap) -> Self {
        // Sizes are whole, positive and far below 2^53.
        Self {
            total: heap.total as u64,
            used: heap.used as u64,
            limit: heap.limit as u64,
            external: heap.external as u64,
        }
    }
}

/// The options of a watch, as `lib/options.js` has checked them.
#[napi(object)]
pub struct WatchOptions {
    pub thread_id: u32,
    pub interval_ms: f64,
    pub window_ms: f64,
    pub limit: Option<f64>,
    pub threshold: f64,
    /// Share of the loop's time that probe collections may take.
    pub probe_budget: f64,
}

/// The caches of the isolate on a thread, and of its process.
#[derive(Debug)]
struct CachesOf(ThreadId);

impl Caches for CachesOf {
    fn json(&self) -> serde_json::Result<Box<RawValue>> {
        let mut caches = registry::summary();
        for cache in &mut caches {
            cache.name = shown::cache(std::mem::take(&mut cache.name), cache.named);
        }
        to_raw_value(&caches)
    }

    fn fills(&self) -> Vec<CacheFill> {
        let fill = |registry::Occupancy { id, held, bound }| CacheFill { id, held, bound };
        registry::fills(self.0).into_iter().map(fill).collect()
    }

    fn name(&self, id: u64) -> Option<String> {
        registry::name(self.0, id).map(|(name, named)| shown::cache(name, named))
    }

    fn shared_bytes(&self) -> u64 {
        registry::shared_bytes()
    }
}

/// What is tracked, as the published state has it.
fn tracked() -> Vec<TrackedCount> {
    let mut counts = track::registry::counts();
    for count in &mut counts {
        count.name = shown::label(std::mem::take(&mut count.name));
        count.site = shown::site(std::mem::take(&mut count.site));
    }
    counts
}

/// A watched isolate. Every method is for the thread that made it.
#[napi]
pub struct IsolateWatch {
    record: Arc<Record>,
    isolate: Option<Isolate>,
    // The order matters: the hooks go before the watching that reads what they write.
    hooks: Option<Hooks>,
    watching: Option<Watching>,
    hooks_off: Option<String>,
    stuck: Option<StuckLoop>,
}

#[napi]
impl IsolateWatch {
    /// Begins the watch. `heap` is what `v8.getHeapStatistics()` says now.
    #[napi(constructor, catch_unwind)]
    pub fn new(options: WatchOptions, heap: NodeHeap, rss: f64) -> Result<Self> {
        let config = Config::new(options.window_ms as u64, options.interval_ms as u64)
            .and_then(|config| config.with_probe_budget(options.probe_budget))
            .map_err(|e| error("ERR_PLIMSOLL_OPTION", e.to_string()))?;
        let interval = Duration::from_millis(options.interval_ms as u64);
        let record = Arc::new(Record::new(interval));
        let statistics = HeapStatistics::from(&heap);
        record.tick(Some(&statistics), f64::NAN, None, rss as u64);
        let (isolate, hooks_off) = match usable_isolate(&statistics) {
            Ok(isolate) => (Some(isolate), None),
            Err(reason) => (None, Some(reason)),
        };
        // SAFETY: this is the isolate's thread. `stop` drops the hooks on it, and where that is not
        // called the finalizer does, which Node runs on this thread before the isolate ends.
        let hooks =
            isolate.and_then(|isolate| unsafe { Hooks::install(isolate, Arc::clone(&record)) });
        let watching = Watching::start(
            Arc::clone(&record),
            SamplerOptions {
                thread_id: options.thread_id,
                config,
                limit: options.limit.map(|limit| limit as u64),
                threshold: options.threshold,
                caches: Box::new(CachesOf(std::thread::current().id())),
                tracked: || to_raw_value(&tracked()),
                hooks: hooks.is_some(),
            },
            FigureSources::default(),
        )
        .map_err(|e| {
            error("ERR_PLIMSOLL_THREAD", format!("the sampler's thread did not start: {e}"))
        })?;
        let watching = Some(watching);
        Ok(Self { record, isolate, hooks, watching, hooks_off, stuck: None })
    }

    /// Why V8's callbacks are not used; null where they are.
    #[napi(getter, catch_unwind)]
    pub fn hooks_off(&self) -> Option<String> {
        self.hooks_off.clone()
    }

    /// Brings the figures of this thread; the result has bit 1 for notices, bit 2 for a probe, bit 4 while `requests`
    /// are wanted, bit 8 once something came of an emergency of the process. With the hooks on, `heap` and the loop's
    /// `utilisation` are not needed; `rss` only without procfs.
    #[napi(catch_unwind)]
    pub fn tick(
        &self,
        requests: Option<f64>,
        rss: Option<f64>,
        heap: Option<NodeHeap>,
        utilisation: Option<f64>,
    ) -> u32 {
        let Some(watching) = &self.watching else { return 0 };
        if let Some(stuck) = &self.stuck {
            stuck.turned();
        }
        let heap = match (&heap, self.isolate) {
            (Some(heap), _) => Some(HeapStatistics::from(heap)),
            // SAFETY: this is the isolate's thread, and the isolate runs this very call.
            (None, Some(isolate)) if self.record.is_stale() => unsafe {
                HeapStatistics::read(isolate)
            },
            (None, _) => None,
        };
        let rss = rss.map_or(0, |rss| rss as u64);
        let requests = requests.map(|requests| requests as u64);
        self.record.tick(heap.as_ref(), utilisation.unwrap_or(f64::NAN), requests, rss);
        let notices = if watching.has_notices() { tick::NOTICES } else { 0 };
        let probe = if watching.take_probe() { tick::PROBE } else { 0 };
        let requests = if watching.wants_requests() { tick::REQUESTS } else { 0 };
        let emergency = if emergency::any_settled() { tick::EMERGENCY } else { 0 };
        notices | probe | requests | emergency
    }

    /// There was a mark-compact; `heap` is what there is since. Where the hooks are off.
    #[napi(catch_unwind)]
    pub fn observed(&self, heap: NodeHeap) {
        self.record.observed(&HeapStatistics::from(&heap));
    }

    /// How long the process ran since the watch began, in ms.
    #[napi(catch_unwind)]
    pub fn watched_ms(&self) -> f64 {
        self.watching.as_ref().map_or(0.0, |watching| watching.watched_ms() as f64)
    }

    /// How many mark-compacts there were, and the ms that the loop was stopped for them.
    #[napi(catch_unwind)]
    pub fn mark_compacts(&self) -> Vec<f64> {
        let (count, paused_us) = self.record.mark_compacts();
        vec![count as f64, paused_us as f64 / 1000.0]
    }

    /// The notices as JSON, oldest first.
    #[napi(catch_unwind)]
    pub fn take_notices(&self) -> Result<String> {
        let notices =
            self.watching.as_ref().map(|watching| watching.take_notices()).unwrap_or_default();
        serde_json::to_string(&notices).map_err(internal)
    }

    /// Asks V8 for a collection: incremental marking, or the whole at once. False: no means here.
    #[napi(catch_unwind)]
    pub fn probe(&self, full: bool) -> bool {
        let (Some(isolate), Some(watching)) = (self.isolate, &self.watching) else { return false };
        watching.set_cause(CollectionCause::Probe);
        let pressure = if full { GcPressure::Critical } else { GcPressure::Moderate };
        // SAFETY: this is the isolate's thread, in a call from JS and so in no collection.
        unsafe { gc::request(isolate, pressure) }
    }

    /// Says what causes the collections from now on: `natural`, `probe` or `snapshot`.
    #[napi(catch_unwind)]
    pub fn set_cause(&self, cause: String) {
        let Some(watching) = &self.watching else { return };
        watching.set_cause(match cause.as_str() {
            "probe" => CollectionCause::Probe,
            "snapshot" => CollectionCause::Snapshot,
            _ => CollectionCause::Natural,
        });
    }

    /// The verdict as JSON.
    #[napi(catch_unwind)]
    pub fn verdict(&self) -> Result<String> {
        let watching = self.watching.as_ref().ok_or_else(stopped)?;
        serde_json::to_string(&watching.verdict()).map_err(internal)
    }

    /// The whole state as JSON.
    #[napi(catch_unwind)]
    pub fn state(&self) -> Result<String> {
        self.watching.as_ref().ok_or_else(stopped)?.state().map_err(internal)
    }

    /// JSON that is part of the state from now on.
    #[napi(catch_unwind)]
    pub fn set_extra(&self, json: String) -> Result<()> {
        let Some(watching) = &self.watching else { return Ok(()) };
        watching.set_extra(json).map_err(internal)
    }

    /// Publishes the state to a mapped file each interval.
    #[napi(catch_unwind)]
    pub fn publish_to(&self, path: String) -> Result<()> {
        let watching = self.watching.as_ref().ok_or_else(stopped)?;
        let file = StateFile::open(Path::new(&path)).map_err(|e| {
            error("ERR_PLIMSOLL_STATE_FILE", format!("cannot map the state file {path}: {e}"))
        })?;
        watching.publish_to(file);
        Ok(())
    }

    /// Keeps the state in a file of `directory` from now on, for the process that starts there next; its
    /// path. `stem` is the name of the process in its files.
    #[napi(catch_unwind)]
    pub fn keep_state(&self, directory: String, stem: String, thread: u32) -> Result<String> {
        let watching = self.watching.as_ref().ok_or_else(stopped)?;
        let kept = KeptState::open(Path::new(&directory), &stem, thread).map_err(|e| {
            let message = format!("the state cannot be kept in {directory} ({e})");
            error("ERR_PLIMSOLL_STATE_FILE", message)
        })?;
        let path = kept.path().to_string_lossy().into_owned();
        watching.keep_in(kept);
        if let Some(isolate) = self.isolate {
            // SAFETY: a call from JS is on the isolate's thread; each isolate has the same handler of Node.
            unsafe { out_of_memory::call_before(isolate, kept_state::mark_heap_limit) };
        }
        Ok(path)
    }

    /// Calls `interrupt` in the middle of other JavaScript, on this thread, each `ms` in which `tick` was not called.
    /// False where V8 does not export the means.
    #[napi(catch_unwind, ts_args_type = "ms: number, interrupt: () => void")]
    pub fn when_stuck(
        &mut self,
        env: &Env,
        ms: u32,
        interrupt: Function<'_, (), ()>,
    ) -> Result<bool> {
        let Some(isolate) = self.isolate else { return Ok(false) };
        let call = call_often(*env, &interrupt)
            .map_err(|e| error("ERR_PLIMSOLL_NATIVE", e.reason.clone()))?;
        let period = Duration::from_millis(u64::from(ms));
        // SAFETY: this is the isolate's thread; `stop` or the finalizer drops it before the isolate ends.
        let stuck = unsafe { StuckLoop::new(isolate, period, call) };
        self.watching.as_ref().ok_or_else(stopped)?.watch_loop(&stuck);
        self.stuck = Some(stuck);
        Ok(interrupt::is_available())
    }

    /// Ends what `when_stuck` began.
    #[napi(catch_unwind)]
    pub fn end_stuck(&mut self) {
        self.stuck = None;
    }

    /// Publishes the state now.
    #[napi(catch_unwind)]
    pub fn publish(&self) {
        if let Some(watching) = &self.watching {
            watching.publish();
        }
    }

    /// Ends the watch; a second call does nothing.
    #[napi(catch_unwind)]
    pub fn stop(&mut self) {
        self.stuck = None;
        self.hooks = None;
        self.watching = None;
        self.isolate = None;
    }
}

/// The state that a watched process left in a file; null if it never wrote one.
#[napi(catch_unwind)]
pub fn read_state(path: String) -> Result<Option<String>> {
    let state = state_file::read(Path::new(&path)).map_err(|e| {
        error("ERR_PLIMSOLL_STATE_FILE", format!("cannot read the state file {path}: {e}"))
    })?;
    Ok(state.and_then(|bytes| String::from_utf8(bytes).ok()))
}

/// What each isolate of the process that is under watch says for itself, as JSON.
#[napi(catch_unwind)]
pub fn isolates() -> Result<String> {
    serde_json::to_string(&isolates::summaries()).map_err(internal)
}

/// How many jobs the native thread has; 0 when there is no thread.
#[napi(catch_unwind)]
pub fn job_count() -> u32 {
    u32::try_from(background::job_count()).unwrap_or(u32::MAX)
}

fn usable_isolate(statistics: &HeapStatistics) -> std::result::Result<Isolate, String> {
    let missing = || v8::missing("the V8 functions that the hooks need");
    if !gc::available() {
        return Err(missing());
    }
    let isolate = Isolate::current().ok_or_else(missing)?;
    // SAFETY: this is called from JS, on the isolate's thread.
    let read = unsafe { HeapStatistics::read(isolate) }.ok_or_else(missing)?;
    read.verify(statistics)?;
    Ok(isolate)
}

fn stopped() -> AddonError {
    error("ERR_PLIMSOLL_STOPPED", "this watcher has been stopped; call watch() again")
}

fn internal(e: serde_json::Error) -> AddonError {
    error("ERR_PLIMSOLL_NATIVE", e.to_string())
}
