//! A snapshot under way, as `lib/snapshot/take-snapshot.js` drives it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Buffer, Function, ObjectFinalize};
use napi_derive::napi;

use super::callback::call_once;
use super::canaries;
use super::error::{AddonError, Result, error};
use crate::os::malloc;
use crate::sampler::borrowed::Borrowing;
use crate::snapshot::converter::Program;
use crate::snapshot::emergency::{self, Emergency};
use crate::snapshot::error::SnapshotError;
use crate::snapshot::image;
use crate::snapshot::job::{Job, JobStep};
use crate::snapshot::name::Compression;
use crate::snapshot::redaction::{NameRules, Redactor};
use crate::snapshot::room::Heap;
use crate::snapshot::session::{Method, Request};
use crate::v8;
use crate::v8::profiler::Profiler;

/// What is asked for; the JS side has checked and filled in all of it. Sizes in bytes.
#[napi(object)]
pub struct SnapshotRequest {
    pub dir: String,
    pub app: String,
    pub reason: String,
    pub thread: u32,
    pub max_files: u32,
    pub max_bytes: f64,
    /// Milliseconds.
    pub cooldown: f64,
    /// 'auto' | 'fork' | 'in-process' | 'image'
    pub method: String,
    /// 'none' | 'gzip' | 'zstd'
    pub compress: String,
    pub heap_used: f64,
    pub heap_total: f64,
    pub headroom: Option<f64>,
    /// Of the children, 0 to 19.
    pub nice: u8,
    /// How long a snapshot may be made of an image that can be kept instead, ms; 0: the image is kept.
    pub patience: Option<f64>,
    pub redact: Option<bool>,
    /// Whether a converter that crashes may leave a core file, which holds the service's memory.
    pub core: Option<bool>,
    /// What makes a snapshot of an image: the program and its first arguments, and its environment (`NAME=value`).
    pub converter: Option<Vec<String>>,
    pub environment: Option<Vec<String>>,
}

/// What to do next, and with what result it ended.
#[napi(object, object_from_js = false)]
pub struct SnapshotStep {
    /// 'wait' | 'fork' | 'take' | 'stream' | 'done' | 'failed'
    pub step: &'static str,
    pub outcome: Option<SnapshotOutcome>,
    pub failure: Option<SnapshotFailure>,
}

/// A snapshot that was taken.
#[napi(object, object_from_js = false)]
pub struct SnapshotOutcome {
    pub path: String,
    pub method: &'static str,
    pub pause_ms: f64,
    pub bytes: f64,
    pub nodes: f64,
    /// Why earlier tries of the same call failed.
    pub retries: Vec<String>,
}

/// Why none was taken.
#[napi(object, object_from_js = false)]
pub struct SnapshotFailure {
    pub code: &'static str,
    pub message: String,
    /// Bytes that the snapshot needs, if it was refused because there is no room.
    pub needed: Option<f64>,
    pub available: Option<f64>,
    /// Milliseconds, for a cooldown.
    pub remaining: Option<f64>,
}

/// A snapshot under way on a thread of its own.
#[napi]
pub struct SnapshotJob {
    job: Job,
    /// While it is built in this process.
    borrowing: Option<Borrowing>,
}

#[napi]
impl SnapshotJob {
    /// Begins; what forbids it comes out of `step`.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: &Env, request: SnapshotRequest) -> Result<Self> {
        canaries::verify_layout(*env);
        Job::start(request.try_into()?).map(|job| Self { job, borrowing: None }).map_err(raise)
    }

    /// What to do next.
    #[napi(catch_unwind)]
    pub fn step(&self) -> SnapshotStep {
        self.job.step().into()
    }

    /// Takes the snapshot of the calling isolate, or forks the child that does.
    #[napi(catch_unwind)]
    pub fn take(&mut self) {
        // SAFETY: this is a call from JS, where a collection may happen.
        unsafe { self.job.take() };
    }

    /// Adds a piece of V8's own stream; false when the rest is not wanted.
    #[napi(catch_unwind)]
    pub fn write(&mut self, chunk: Buffer) -> bool {
        self.job.write(&chunk)
    }

    /// V8's own stream has ended, for which the loop stood still so long.
    #[napi(catch_unwind)]
    pub fn end(&mut self, pause_ms: f64) {
        self.job.end(Duration::from_secs_f64(pause_ms.max(0.0) / 1000.0));
    }

    /// From now on memory is taken for it in this process.
    #[napi(catch_unwind)]
    pub fn borrow(&mut self) {
        self.borrowing.get_or_insert_with(Borrowing::begin);
    }

    /// The memory is free again, and the allocator gives back to the kernel what it can.
    #[napi(catch_unwind)]
    pub fn trim(&self) {
        malloc::trim();
    }

    /// No more memory is taken for it; so many bytes outside of V8's heap stay with the allocator.
    #[napi(catch_unwind)]
    pub fn give_back(&mut self, left: f64) {
        if let Some(borrowing) = self.borrowing.take() {
            borrowing.end(whole(left));
        }
    }
}

/// Takes a heap image of the calling isolate where JS cannot ask for one: in an endless loop, or when
/// V8 is about to give up. With 'fork' or `redact` a snapshot is made of it, which takes longer. Each of them takes any
/// number in loops, as the cooldown allows, and one at the heap's limit.
#[napi(custom_finalize)]
pub struct SnapshotEmergency(Arc<Emergency>);

#[napi]
impl SnapshotEmergency {
    /// `request.method` is 'auto', 'fork' or 'image'.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: &Env, request: SnapshotRequest) -> Result<Self> {
        canaries::verify_layout(*env);
        let emergency = Emergency::new(request.try_into()?);
        let missing = || error("ERR_PLIMSOLL_UNAVAILABLE", v8::missing("its isolate"));
        emergency.map(Self).ok_or_else(missing)
    }

    /// At the heap's limit: snapshot, raise the limit by `raise` bytes or what the container can
    /// spare, go on. `evidence` is called once meanwhile, in the middle of any other JS. False where
    /// V8 does not export the means.
    #[napi(catch_unwind, ts_args_type = "raise: number, evidence?: () => void")]
    pub fn watch_heap_limit(
        &self,
        env: &Env,
        raise: f64,
        evidence: Option<Function<'_, (), ()>>,
    ) -> Result<bool> {
        let failed = |e: napi::Error| error("ERR_PLIMSOLL_NATIVE", e.reason.clone());
        let evidence = evidence.map(|evidence| call_once(*env, &evidence)).transpose();
        let evidence = evidence.map_err(failed)?;
        // SAFETY: a call from JS is on the isolate's thread.
        Ok(unsafe { self.0.watch_heap_limit(whole(raise), evidence) })
    }

    /// Interrupts JS `ms` from now unless called again before: a turn of the event loop puts it
    /// off, a stuck one does not.
    #[napi(catch_unwind)]
    pub fn interrupt_in(&self, ms: f64) -> Result<()> {
        let after = Duration::from_millis(whole(ms));
        self.0.interrupt_in(after).map_err(|e| error("ERR_PLIMSOLL_NATIVE", e.to_string()))
    }

    /// What came of the last one: 'wait', 'done' or 'failed'.
    #[napi(catch_unwind)]
    pub fn step(&self) -> SnapshotStep {
        self.0.step().into()
    }

    /// Takes none from here on.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        // SAFETY: a call from JS is on the isolate's thread.
        unsafe { self.0.close() };
    }
}

impl ObjectFinalize for SnapshotEmergency {
    fn finalize(self, _: Env) -> napi::Result<()> {
        // SAFETY: finalizers run on the isolate's thread, at the latest when its environment ends.
        unsafe { self.0.close() };
        Ok(())
    }
}

/// Takes the contents out of a snapshot that comes in pieces from elsewhere (`plimsoll attach`).
#[napi]
pub struct SnapshotRedactor(Redactor);

#[napi]
impl SnapshotRedactor {
    /// Keeps the identifiers of Node's own code that were given so far.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default, reason = "made by JS alone")]
    pub fn new() -> Self {
        Self(Redactor::new(NameRules::built_in()))
    }

    /// What may be written of the text so far.
    #[napi(catch_unwind)]
    pub fn write(&mut self, chunk: String) -> Result<Buffer> {
        let mut out = Vec::with_capacity(chunk.len());
        let mut sink = |text: &[u8]| {
            out.extend_from_slice(text);
            Ok(())
        };
        self.0.write(chunk.as_bytes(), &mut sink).map_err(raise)?;
        Ok(out.into())
    }

    /// Whether the text was complete.
    #[napi(catch_unwind)]
    pub fn is_whole(&self) -> bool {
        self.0.is_whole()
    }
}

/// Which ways of taking snapshots are on, and why not.
#[napi(object, object_from_js = false)]
pub struct SnapshotSupport {
    /// Why V8's profiler is not called directly; null when it is.
    pub profiler: Option<String>,
    /// Why heap images are off, and snapshots made of them; null when they can be taken.
    pub image: Option<String>,
    /// Whether they could be taken on this system, and this process lacks the rights: then an automatic
    /// snapshot is not taken in process either.
    pub fork_denied: bool,
    /// Why nothing is taken near the heap's limit; null when it is.
    pub near_limit: Option<String>,
    /// Why V8 does not call near the heap's limit at all; null when it does.
    pub limit_calls: Option<String>,
}

/// What works here, for `plimsoll doctor`.
#[napi(catch_unwind)]
pub fn snapshot_support(env: &Env) -> SnapshotSupport {
    canaries::verify_layout(*env);
    SnapshotSupport {
        profiler: Profiler::find().err(),
        image: image::support().err(),
        fork_denied: image::is_denied(),
        near_limit: emergency::near_limit_support().err(),
        limit_calls: emergency::limit_support().err(),
    }
}

impl TryFrom<SnapshotRequest> for Request {
    type Error = AddonError;

    fn try_from(request: SnapshotRequest) -> Result<Self> {
        let unknown = |what: &str| error("ERR_PLIMSOLL_OPTION", format!("unknown {what}"));
        Ok(Self {
            dir: PathBuf::from(request.dir),
            app: request.app,
            reason: request.reason,
            thread: request.thread,
            max_files: request.max_files as usize,
            max_bytes: whole(request.max_bytes),
            cooldown_ms: whole(request.cooldown),
            method: match request.method.as_str() {
                "auto" => Method::Auto,
                "fork" => Method::Fork,
                "in-process" => Method::InProcess,
                "image" => Method::Image,
                _ => return Err(unknown("method")),
            },
            compression: match request.compress.as_str() {
                "none" => Compression::None,
                "gzip" => Compression::Gzip,
                "zstd" => Compression::Zstd,
                _ => return Err(unknown("compress")),
            },
            heap: Heap { used: whole(request.heap_used), total: whole(request.heap_total) },
            headroom: request.headroom,
            nice: request.nice.min(19),
            patience: request.patience.map(|ms| Duration::from_millis(whole(ms))),
            redact: request.redact.unwrap_or(false),
            core: request.core.unwrap_or(false),
            converter: Program {
                command: request.converter.unwrap_or_default(),
                environment: request.environment.unwrap_or_default(),
            },
        })
    }
}

impl From<JobStep> for SnapshotStep {
    fn from(step: JobStep) -> Self {
        let named = |step| SnapshotStep { step, outcome: None, failure: None };
        match step {
            JobStep::Wait => named("wait"),
            JobStep::Fork => named("fork"),
            JobStep::Take => named("take"),
            JobStep::Stream => named("stream"),
            JobStep::Done(outcome) => SnapshotStep {
                outcome: Some(SnapshotOutcome {
                    path: outcome.path.to_string_lossy().into_owned(),
                    method: match outcome.method {
                        Method::Image => "image",
                        Method::Fork => "fork",
                        Method::Auto | Method::InProcess => "in-process",
                    },
                    pause_ms: outcome.pause_ms,
                    bytes: number(outcome.bytes),
                    nodes: number(outcome.nodes),
                    retries: outcome.retries,
                }),
                ..named("done")
            },
            JobStep::Failed(refusal) => {
                SnapshotStep { failure: Some((&refusal).into()), ..named("failed") }
            }
        }
    }
}

impl From<&SnapshotError> for SnapshotFailure {
    fn from(refusal: &SnapshotError) -> Self {
        let (mut needed, mut available, mut remaining) = (None, None, None);
        match refusal {
            SnapshotError::NoRoom { needed: n, available: a, .. } => {
                (needed, available) = (Some(number(*n)), Some(number(*a)));
            }
            SnapshotError::Cooldown { remaining_ms } => remaining = Some(number(*remaining_ms)),
            _ => {}
        }
        Self { code: refusal.code(), message: refusal.to_string(), needed, available, remaining }
    }
}

fn raise(refusal: SnapshotError) -> AddonError {
    error(refusal.code(), refusal.to_string())
}

#[allow(clippy::cast_precision_loss, reason = "bytes and nodes stay far below 2^53")]
fn number(value: u64) -> f64 {
    value as f64
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates: infinity is no bound"
)]
fn whole(value: f64) -> u64 {
    value as u64
}
