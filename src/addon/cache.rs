//! Memory that the caches in JS share with the sampler.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::ArrayBuffer;
use napi_derive::napi;

use super::error::{Result, error};
use crate::cache::registry::{self, Arena};

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
