//! One watched isolate: the background thread samples it each interval, and the isolate's thread fetches the results.

use std::ops::{ControlFlow, Deref};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::value::RawValue;

use super::figures::FigureSources;
use super::kept_state::KeptState;
use super::options::{Notice, SamplerOptions};
use super::published::IsolateSummary;
use super::record::Record;
use super::registry::{self, Listed};
use super::sampling::Sampling;
use super::state_file::StateFile;
use super::stuck::{Looked, StuckLoop};
use super::wishes::Wishes;
use crate::background::{self, JobHandle, Run};
use crate::trend::{CollectionCause, Verdict};

/// A watched isolate, shared by its own thread and the background thread.
pub struct SampledIsolate {
    record: Arc<Record>,
    sampling: Mutex<Sampling>,
    wishes: Wishes,
    stuck: Mutex<Option<Looked>>,
}

/// Keeps the sampling of an isolate going; dropping it ends the watch.
pub struct Watching {
    isolate: Arc<SampledIsolate>,
    /// Dropped first, so that no job runs after the isolate has left the registry.
    job: Option<JobHandle>,
}

impl Watching {
    /// Starts to sample `record` on the background thread.
    ///
    /// # Errors
    /// If the operating system refuses the thread.
    pub fn start(
        record: Arc<Record>,
        options: SamplerOptions,
        sources: FigureSources,
    ) -> std::io::Result<Self> {
        let interval = Duration::from_millis(options.config.interval_ms);
        let sampling = Sampling::new(options, sources, &record, Instant::now());
        let isolate = Arc::new(SampledIsolate {
            record,
            sampling: Mutex::new(sampling),
            wishes: Wishes::default(),
            stuck: Mutex::new(None),
        });
        registry::add(Arc::clone(&isolate) as Arc<dyn Listed>);
        let for_job = Arc::clone(&isolate);
        let mut watching = Self { isolate, job: None };
        let job = background::schedule(
            interval,
            Box::new(move |run| {
                for_job.sample(run);
                ControlFlow::Continue(())
            }),
        )?;
        watching.job = Some(job);
        Ok(watching)
    }
}

impl Deref for Watching {
    type Target = SampledIsolate;

    fn deref(&self) -> &SampledIsolate {
        &self.isolate
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.job.take());
        registry::remove(&self.isolate.record);
        self.isolate.sampling.lock().end(&self.isolate.record);
    }
}

impl SampledIsolate {
    /// One without a job, for tests.
    #[cfg(test)]
    pub(super) fn without_job(record: Record, sampling: Sampling) -> Self {
        Self {
            record: Arc::new(record),
            sampling: Mutex::new(sampling),
            wishes: Wishes::default(),
            stuck: Mutex::new(None),
        }
    }

    /// Runs `meanwhile` with all that the background thread locks while it samples.
    #[cfg(test)]
    pub(super) fn while_sampling(&self, meanwhile: impl FnOnce()) {
        let (sampling, stuck) = (self.sampling.lock(), self.stuck.lock());
        self.wishes.note(true, true, true);
        meanwhile();
        drop((sampling, stuck));
    }

    /// True if [`SampledIsolate::take_notices`] would return something.
    #[must_use]
    pub fn has_notices(&self) -> bool {
        self.wishes.has_notices()
    }

    /// The notices since the last call, oldest first.
    #[must_use]
    pub fn take_notices(&self) -> Vec<Notice> {
        self.wishes.begin_notices();
        self.sampling.lock().take_notices()
    }

    /// True if the trend has requested a collection since the last call.
    #[must_use]
    pub fn take_probe(&self) -> bool {
        self.wishes.take_probe()
    }

    /// See [`Trend::wants_requests`](crate::trend::Trend::wants_requests).
    #[must_use]
    pub fn wants_requests(&self) -> bool {
        self.wishes.wants_requests()
    }

    /// Sets the cause of the mark-compacts from now on (a probe or a snapshot, then natural again).
    pub fn set_cause(&self, cause: CollectionCause) {
        self.sampling.lock().set_cause(&self.record, cause);
    }

    /// Sets the JSON that JS adds to the state.
    ///
    /// # Errors
    /// If it is not JSON.
    pub fn set_extra(&self, json: String) -> Result<(), serde_json::Error> {
        let extra = RawValue::from_string(json)?;
        self.sampling.lock().set_extra(extra);
        Ok(())
    }

    /// Publishes the state in `file` now and each interval.
    pub fn publish_to(&self, file: StateFile) {
        self.sampling.lock().publish_to(&self.record, file);
    }

    /// Keeps the state for a later process, now and from now on.
    pub fn keep_in(&self, kept: KeptState) {
        self.sampling.lock().keep_in(&self.record, kept);
    }

    /// Looks each interval whether the event loop turns.
    pub fn watch_loop(&self, stuck: &StuckLoop) {
        *self.stuck.lock() = Some(stuck.looked());
    }

    /// Publishes the state now, if there is a file.
    pub fn publish(&self) {
        self.sampling.lock().publish(&self.record);
    }

    /// How long the process has run since the watch began, in ms.
    #[must_use]
    pub fn watched_ms(&self) -> u64 {
        self.sampling.lock().watched_ms()
    }

    /// The verdict alone.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.sampling.lock().verdict()
    }

    /// The state as JSON.
    ///
    /// # Errors
    /// If the state cannot be serialized, which no known input causes.
    pub fn state(&self) -> serde_json::Result<String> {
        serde_json::to_string(&self.sampling.lock().state(&self.record))
    }

    fn sample(&self, run: Run) {
        let mut sampling = self.sampling.lock();
        let probe = sampling.sample(&self.record, run);
        self.wishes.note(probe, sampling.has_notices(), sampling.wants_requests());
        sampling.publish(&self.record);
        sampling.keep(&self.record, run.now);
        let ran_ms = sampling.ran_ms(run.now);
        drop(sampling);
        if let Some(stuck) = self.stuck.lock().as_ref() {
            stuck.look(ran_ms);
        }
    }
}

impl Listed for SampledIsolate {
    fn record(&self) -> &Record {
        &self.record
    }

    fn summary(&self) -> IsolateSummary {
        self.sampling.lock().summary()
    }
}
