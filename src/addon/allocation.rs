//! Allocation sampling, as `lib/watch/allocation.js` drives it.

use napi_derive::napi;

use super::error::{Result, error};
use crate::v8;
use crate::v8::sampling_profiler::SamplingProfiler;

/// Starts V8's sampling heap profiler; false where it runs already. Throws where there is none.
#[napi(catch_unwind)]
pub fn start_allocation_sampling(interval: u32, depth: u16) -> Result<bool> {
    let profiler = SamplingProfiler::find().map_err(|_| {
        error("ERR_PLIMSOLL_UNAVAILABLE", v8::missing("the sampling heap profiler"))
    })?;
    // SAFETY: this is a call from JS.
    Ok(unsafe { profiler.start(u64::from(interval), depth) })
}

/// Stops it; only after a start that gave true, on the same thread.
#[napi(catch_unwind)]
pub fn stop_allocation_sampling() {
    if let Ok(profiler) = SamplingProfiler::find() {
        // SAFETY: this is a call from JS, and the caller started it.
        unsafe { profiler.stop() };
    }
}
