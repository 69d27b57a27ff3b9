//! Memory that the caches in JS share with the sampler.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::ArrayBuffer;
use napi_derive::napi;

use super::error::{Result, error};
use crate::cache::expiry::{self, Column};
use crate::cache::registry::{self, Arena};
use crate::sampler::clock::{ClockWord, wake};

/// Records for `records` caches: doubles, laid out as `lib/cache/registry.js` says. Where external
/// buffers are forbidden (pointer compression) it is a copy that the sampler does not see.
#[napi(catch_unwind)]
pub fn cache_arena(env: &Env, records: u32) -> Result<ArrayBuffer<'_>> {
    let arena = Arena::open(records as usize);
    let words = arena.words();
    let (data, length) = (words.as_ptr().cast_mut().cast::<u8>(), size_of_val(words));
    // SAFETY: atomics may be written through a shared reference; the buffer's finalizer holds the
    // arena, so the memory outlives the buffer, and the samplers hold it for as long as they read.
    unsafe {
        ArrayBuffer::from_external(env, data, length, arena, |_, arena: Arc<Arena>| drop(arena))
    }
    .map_err(|reason| error("ERR_PLIMSOLL_NATIVE", reason.reason.clone()))
}

/// What the sampler sees of the caches of all isolates, as JSON: for tests and `plimsoll doctor`.
#[napi(catch_unwind)]
pub fn cache_stats() -> Result<String> {
    serde_json::to_string(&registry::sample())
        .map_err(|reason| error("ERR_PLIMSOLL_NATIVE", reason.to_string()))
}

/// Two doubles: milliseconds that only go up, at most 50 ms behind for as long as the buffer is held and the
/// other double is set to 1 with each reading, else NaN.
#[napi(catch_unwind)]
pub fn cache_clock(env: &Env) -> Result<ArrayBuffer<'_>> {
    let word =
        ClockWord::hold().map_err(|reason| error("ERR_PLIMSOLL_NATIVE", reason.to_string()))?;
    let (data, length) = word.as_raw();
    // SAFETY: two atomics of 8 bytes each, which the buffer's finalizer keeps alive.
    unsafe {
        ArrayBuffer::from_external(env, data, length, word, |_, word: Arc<ClockWord>| {
            drop(word);
        })
    }
    .map_err(|reason| error("ERR_PLIMSOLL_NATIVE", reason.reason.clone()))
}

/// Restarts updates of the shared clock words after a period without readers.
#[napi(catch_unwind)]
pub fn cache_clock_wake() {
    wake();
}

/// When the entries of `slots` slots end, in the layout of `lib/cache/expiry-column.js`. Where external buffers are
/// forbidden it is a copy, of which `cacheScan` says `false`.
#[napi(catch_unwind)]
pub fn cache_expiry(env: &Env, slots: u32) -> Result<ArrayBuffer<'_>> {
    let Some(column) = Column::open(slots as usize) else {
        return Err(error(
            "ERR_PLIMSOLL_NATIVE",
            format!("no memory for the ends of {slots} entries"),
        ));
    };
    let words = column.words();
    let (data, length) = (words.as_ptr().cast_mut().cast::<u8>(), size_of_val(words));
    // SAFETY: as for `cache_arena`; the thread that scans holds the column while it does.
    unsafe {
        ArrayBuffer::from_external(env, data, length, column, |_, column: Arc<Column>| drop(column))
    }
    .map_err(|reason| error("ERR_PLIMSOLL_NATIVE", reason.reason.clone()))
}

/// Has the native thread look for what has ended at `now` in a buffer of `cacheExpiry`; `false` where it can not.
#[napi(catch_unwind)]
pub fn cache_scan(column: ArrayBuffer<'_>, now: f64) -> Result<bool> {
    expiry::scan(column.as_ptr().addr(), now)
        .map_err(|reason| error("ERR_PLIMSOLL_NATIVE", reason.to_string()))
}
