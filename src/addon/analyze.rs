//! Heap snapshots, analysed on a thread of libuv's pool.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Task};
use napi_derive::napi;

use super::error::{self, error};
use crate::heap::{self, Options, Progress};

/// How much of the snapshot that is being read has been, and how much there is (0: unknown).
static DONE: AtomicU64 = AtomicU64::new(0);
static TOTAL: AtomicU64 = AtomicU64::new(0);

/// One call of `analyzeSnapshots`.
pub struct Analysis {
    paths: Vec<PathBuf>,
    options: Options,
}

impl Task for Analysis {
    /// An expected failure is an output: only `resolve` can make an exception with its code.
    type Output = heap::Result<String>;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let work = || heap::analyze(&self.paths, &self.options, &note);
        // Nothing may unwind into libuv's thread.
        catch_unwind(AssertUnwindSafe(work))
            .map_err(|_| napi::Error::from_reason("the analysis failed; please report it."))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<String> {
        output.map_err(|failure| error::exception(env, error(failure.code(), failure.to_string())))
    }
}

fn note(progress: Progress) -> ControlFlow<()> {
    DONE.store(progress.done, Ordering::Relaxed);
    TOTAL.store(progress.total.unwrap_or(0), Ordering::Relaxed);
    ControlFlow::Continue(())
}

/// Analyses one to three snapshots, oldest first; resolves to the JSON of `heap::analyze`.
#[napi(catch_unwind)]
pub fn analyze_snapshots(
    paths: Vec<String>,
    options: Option<String>,
) -> error::Result<AsyncTask<Analysis>> {
    let options = serde_json::from_str(options.as_deref().unwrap_or("{}")).map_err(|why| {
        error("ERR_PLIMSOLL_INVALID_OPTION", format!("the options are no JSON of ours ({why})."))
    })?;
    let paths = paths.into_iter().map(PathBuf::from).collect();
    Ok(AsyncTask::new(Analysis { paths, options }))
}

/// Where the analysis that runs is: bytes (or nodes) done, and how many there are, 0 if unknown.
#[napi(catch_unwind)]
pub fn analysis_progress() -> Vec<f64> {
    [&DONE, &TOTAL].map(|value| value.load(Ordering::Relaxed) as f64).to_vec()
}
