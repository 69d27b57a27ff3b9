//! Memory that the trackers in JS share with the sampler.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::ArrayBuffer;
use napi_derive::napi;

use super::error::{Result, error};
use crate::track::registry::{self, Table};

/// `rows` rows of tracked counts of this isolate, laid out as `lib/track/counters.js` says. Where external buffers
/// are forbidden (pointer compression) it is a copy that the sampler does not see.
#[napi(catch_unwind)]
pub fn track_table(env: &Env, thread_id: u32, rows: u32) -> Result<ArrayBuffer<'_>> {
    let table = Table::open(thread_id, rows as usize);
    let words = table.words();
    let (data, length) = (words.as_ptr().cast_mut().cast::<u8>(), size_of_val(words));
    // SAFETY: atomics may be written through a shared reference; the buffer's finalizer holds the
    // table, so the memory outlives the buffer, and readers hold it for as long as they read.
    unsafe {
        ArrayBuffer::from_external(env, data, length, table, |_, table: Arc<Table>| drop(table))
    }
    .map_err(|reason| error("ERR_PLIMSOLL_NATIVE", reason.reason.clone()))
}

/// The number of a name or site; the same text has the same number in all isolates.
#[napi(catch_unwind)]
pub fn track_intern(text: String) -> u32 {
    registry::intern(&text)
}

/// The tracked counts of all isolates, as the sampler sees them, as JSON.
#[napi(catch_unwind)]
pub fn track_counts() -> Result<String> {
    serde_json::to_string(&registry::counts())
        .map_err(|reason| error("ERR_PLIMSOLL_NATIVE", reason.to_string()))
}
