//! Allocation sampling, as `lib/track/allocation.js` drives it.

use std::cell::Cell;

use napi::Env;
use napi_derive::napi;

use super::error::{Result, error};
use crate::v8;
use crate::v8::sampling_profiler::SamplingProfiler;

thread_local! {
    /// Whether the profiler of this thread's isolate runs because of us.
    static STARTED: Cell<bool> = const { Cell::new(false) };
    static HOOKED: Cell<bool> = const { Cell::new(false) };
}

/// Starts V8's sampling heap profiler; false where it runs already. Throws where there is none.
#[napi(catch_unwind)]
pub fn start_allocation_sampling(env: &Env, interval: u32, depth: u16) -> Result<bool> {
    let profiler = SamplingProfiler::find().map_err(|_| {
        error("ERR_PLIMSOLL_UNAVAILABLE", v8::missing("the sampling heap profiler"))
    })?;
    // Node 24 crashes where an isolate is disposed of with samples in it: they go with the environment, in whatever way
    // that ends.
    if !HOOKED.get() {
        env.add_env_cleanup_hook((), |()| stop_allocation_sampling())
            .map_err(|e| error("ERR_PLIMSOLL_NATIVE", e.reason.clone()))?;
        HOOKED.set(true);
    }
    // SAFETY: this is a call from JS.
    let started = unsafe { profiler.start(u64::from(interval), depth) };
    if started {
        STARTED.set(true);
    }
    Ok(started)
}

/// Stops it; only after a start that gave true, on the same thread.
#[napi(catch_unwind)]
pub fn stop_allocation_sampling() {
    if let (true, Ok(profiler)) = (STARTED.take(), SamplingProfiler::find()) {
        // SAFETY: this is the isolate's thread, in a call from JS or at the end of the environment, and we started it.
        unsafe { profiler.stop() };
    }
}
