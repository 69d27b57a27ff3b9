//! What is told of an isolate: the whole state, as `stats()` and reports have it, and a summary.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::trend::{Limits, Point, Verdict};

/// A mark-compact as the report shows it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CollectionSeen {
    pub(super) t: u64,
    pub(super) used: u64,
    pub(super) external: u64,
    pub(super) pause_us: u64,
    pub(super) cause: &'static str,
}

/// Everything about the isolate and its process at one moment; times are ms since the watch began.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State<'a> {
    pub(super) pid: u32,
    pub(super) thread_id: u32,
    pub(super) watched_ms: u64,
    pub(super) verdict: Verdict,
    pub(super) series: Series,
    pub(super) memory: Memory,
    pub(super) limits: Limits,
    pub(super) container: Option<ContainerFacts>,
    pub(super) available: Option<u64>,
    pub(super) collections: &'a VecDeque<CollectionSeen>,
    pub(super) collection_count: u64,
    pub(super) collection_ms: u64,
    pub(super) hooks: bool,
    pub(super) threads: usize,
    /// The last one: nobody watches the isolate any more.
    pub(super) ended: bool,
    /// `None` where they could not be written as JSON.
    pub(super) caches: Option<Box<RawValue>>,
    /// What JS adds: snapshots, trackers, the facts of the process.
    pub(super) annex: Option<&'a RawValue>,
}

/// What an isolate says for itself beside the others of its process.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub(super) thread_id: u32,
    pub(super) watched_ms: u64,
    pub(super) verdict: Verdict,
    pub(super) memory: Memory,
    pub(super) limits: Limits,
}

#[derive(Debug, Serialize)]
pub(super) struct Series {
    pub(super) heap: Vec<Point>,
    pub(super) external: Vec<Point>,
    pub(super) native: Vec<Point>,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Memory {
    pub(super) rss: u64,
    pub(super) heap_total: u64,
    pub(super) heap_used: u64,
    pub(super) external: u64,
    pub(super) native: Option<u64>,
    pub(super) allocated: u64,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerFacts {
    pub(super) version: u8,
    pub(super) limit: Option<u64>,
    pub(super) usage: u64,
    pub(super) oom_group: bool,
}
