//! The settings of the sampling of one isolate, and the notices that it raises.

use std::fmt::Debug;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::trend::{CacheFill, Channel, Config};

/// The caches of the process. The sampler reads them from their own memory, also while the event loop is stuck.
pub trait Caches: Debug + Send {
    /// The counters of all caches as JSON.
    ///
    /// # Errors
    /// If the counters cannot be serialized, which no known input causes.
    fn json(&self) -> serde_json::Result<Box<RawValue>>;
    /// How full the caches of the isolate are, in a stable order.
    fn fills(&self) -> Vec<CacheFill>;
    /// The name of a cache.
    fn name(&self, id: u64) -> Option<String>;
    /// Bytes that the shared caches of all threads hold outside of any V8 heap.
    fn shared_bytes(&self) -> u64;
}

/// Settings of the sampling of one isolate.
#[derive(Debug)]
pub struct SamplerOptions {
    /// 0 for the main thread, else the worker's thread id.
    pub thread_id: u32,
    /// The trend's window and interval.
    pub config: Config,
    /// Replaces the container's limit.
    pub limit: Option<u64>,
    /// Share of a limit, 0 to 1, above which a `threshold` notice is raised.
    pub threshold: f64,
    /// The caches of the process.
    pub caches: Box<dyn Caches>,
    /// The counts of the trackers of the process as JSON.
    pub tracked: fn() -> serde_json::Result<Box<RawValue>>,
    /// True if V8's collection callbacks report the collections.
    pub hooks: bool,
}

/// An event for JS.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// `suspect`, `leak`, `recovered` or `threshold`.
    pub kind: &'static str,
    /// The channel that the event is about.
    pub channel: Channel,
    /// ms since the watch began.
    pub t: u64,
}
