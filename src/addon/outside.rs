//! Heap images of other processes, on a thread of libuv's pool (`lib/cli/image.js`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Task};
use napi_derive::napi;

use super::error::{error, exception};
use crate::snapshot::error::SnapshotError;
use crate::snapshot::image::outside;

/// An image that was taken.
#[napi(object)]
pub struct TakenImage {
    pub path: String,
    pub bytes: f64,
    /// How long the process stood still.
    pub pause_ms: f64,
    /// The major version of its Node.
    pub node: u32,
    /// Whether it was in a collection at each look.
    pub in_collection: bool,
}

/// One call of `takeImageOf`.
pub struct Taking {
    pid: u32,
    dir: PathBuf,
    max_bytes: u64,
}

impl Task for Taking {
    /// An expected failure is an output: only `resolve` can make an exception with its code.
    type Output = Result<outside::OutsideImage, SnapshotError>;
    type JsValue = TakenImage;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let work = || outside::take(self.pid, &self.dir, self.max_bytes);
        catch_unwind(AssertUnwindSafe(work))
            .map_err(|_| napi::Error::from_reason("the image failed; please report it."))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<TakenImage> {
        let image =
            output.map_err(|failure| exception(env, error(failure.code(), failure.to_string())))?;
        Ok(TakenImage {
            path: image.path.to_string_lossy().into_owned(),
            bytes: image.bytes as f64,
            pause_ms: image.pause_ms,
            node: image.node,
            in_collection: image.in_collection,
        })
    }
}

/// Takes a heap image of another process into `dir`, of at most `max_bytes`.
#[napi(catch_unwind)]
pub fn take_image_of(pid: u32, dir: String, max_bytes: f64) -> AsyncTask<Taking> {
    AsyncTask::new(Taking { pid, dir: PathBuf::from(dir), max_bytes: max_bytes as u64 })
}
