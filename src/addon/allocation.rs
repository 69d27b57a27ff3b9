//! Allocation sampling, as `lib/watch/allocation.js` drives it.

use napi_derive::napi;

use crate::v8::sampling_profiler::SamplingProfiler;

/// Starts V8's sampling heap profiler: 'on', 'in-use' where it runs already, 'missing' without it.
#[napi(catch_unwind)]
pub fn start_allocation_sampling(interval: u32, depth: u16) -> &'static str {
    let Ok(profiler) = SamplingProfiler::find() else { return "missing" };
    // SAFETY: this is a call from JS.
    if unsafe { profiler.start(u64::from(interval), depth) } { "on" } else { "in-use" }
}

/// Stops it; only after a start that gave 'on', on the same thread.
#[napi(catch_unwind)]
pub fn stop_allocation_sampling() {
    if let Ok(profiler) = SamplingProfiler::find() {
        // SAFETY: this is a call from JS, and the caller started it.
        unsafe { profiler.stop() };
    }
}
