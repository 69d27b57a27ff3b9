//! Heap snapshots, analysed on a thread of libuv's pool.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Task};
use napi_derive::napi;

use super::error::{self, error, exception};
use crate::heap::{self, Options, Progress};

/// The phase, how many bytes have been read, and how many there are (0: unknown).
static PROGRESS: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// One call of `analyzeSnapshots`.
pub struct Analysis {
    paths: Vec<PathBuf>,
    options: Options,
}

impl Task for Analysis {
    /// An expected failure is an output: only `resolve` can make an exception with its code.
    type Output = heap::HeapResult<String>;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let work = || heap::analyze(&self.paths, &self.options, &note);
        // Nothing may unwind into libuv's thread.
        catch_unwind(AssertUnwindSafe(work))
            .map_err(|_| napi::Error::from_reason("the analysis failed; please report it."))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<String> {
        output.map_err(|failure| exception(env, error(failure.code(), failure.to_string())))
    }
}

fn note(progress: Progress) -> ControlFlow<()> {
    let figures = [progress.phase as u64, progress.done, progress.total.unwrap_or(0)];
    PROGRESS.iter().zip(figures).for_each(|(word, figure)| word.store(figure, Ordering::Relaxed));
    ControlFlow::Continue(())
}

/// Analyses one to three snapshots, oldest first; resolves to the JSON of `heap::analyze`.
#[napi(catch_unwind)]
pub fn analyze_snapshots(
    paths: Vec<String>,
    options: Option<String>,
) -> error::Result<AsyncTask<Analysis>> {
    let options = serde_json::from_str(options.as_deref().unwrap_or("{}")).map_err(|why| {
        error(
            "ERR_PLIMSOLL_OPTION",
            format!("the options must be JSON that plimsoll wrote; they are not ({why})."),
        )
    })?;
    let paths = paths.into_iter().map(PathBuf::from).collect();
    Ok(AsyncTask::new(Analysis { paths, options }))
}

/// The causes and units of the analyzer as JSON, so that a test can compare them with `lib/vocabulary.js`.
#[napi(catch_unwind)]
pub fn analyzer_vocabulary() -> String {
    serde_json::json!({ "causes": heap::Cause::ALL, "units": heap::Unit::ALL }).to_string()
}

/// Where the analysis that runs is: its phase (0 reading, 1 dominators, 2 comparing), bytes read, and bytes in all, 0
/// if that is not known.
#[napi(catch_unwind)]
pub fn analysis_progress() -> Vec<f64> {
    PROGRESS.iter().map(|word| word.load(Ordering::Relaxed) as f64).collect()
}
