//! The published state of an isolate, for `stats()` and reports, and its summary.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::value::RawValue;

use super::figures::Stale;
use super::pressure::Pressure;
use crate::os::cgroup;
use crate::trend::{Channel, Collection, Limits, Point, Trend, Verdict};

/// The state at one moment; times are ms since the watch began.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PublishedState<'a> {
    pub pid: u32,
    pub thread_id: u32,
    /// Without `stopped_ms`, the time in which the process was stopped.
    pub watched_ms: u64,
    pub stopped_ms: u64,
    pub verdict: Verdict,
    /// How long the verdict's channel has been a suspect or a leak.
    pub verdict_for_ms: Option<u64>,
    pub series: PublishedSeries,
    pub memory: MemoryFigures,
    pub limits: Limits,
    pub pressure: Pressure,
    /// Figures whose last reading failed.
    pub stale: Vec<Stale>,
    pub container: Option<ContainerFacts>,
    pub available: Option<u64>,
    /// Kills in the cgroup when the state was last kept for a later process.
    pub oom_kills: Option<&'a cgroup::OomKills>,
    pub collections: &'a VecDeque<Collection>,
    pub collection_count: u64,
    pub collection_ms: u64,
    pub hooks: bool,
    pub threads: usize,
    /// True in the last state that is published.
    pub ended: bool,
    /// `None` if they could not be serialized.
    pub caches: Option<Box<RawValue>>,
    pub tracked: Option<Box<RawValue>>,
    /// JSON that JS adds: snapshots, trackers, the facts of the process.
    pub extra: Option<&'a RawValue>,
}

/// The verdict and memory of one isolate of several.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IsolateSummary {
    pub(super) thread_id: u32,
    pub(super) watched_ms: u64,
    pub(super) verdict: Verdict,
    pub(super) memory: MemoryFigures,
    pub(super) limits: Limits,
}

#[derive(Debug, Serialize)]
pub(super) struct PublishedSeries {
    heap: Vec<Point>,
    external: Vec<Point>,
    native: Vec<Point>,
}

impl From<&Trend> for PublishedSeries {
    fn from(trend: &Trend) -> Self {
        let [heap, external, native] = Channel::ALL.map(|channel| trend.series(channel));
        Self { heap, external, native }
    }
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MemoryFigures {
    pub rss: u64,
    pub heap_total: u64,
    pub heap_used: u64,
    pub external: u64,
    /// Without the bytes that shared caches hold.
    pub native: Option<u64>,
    pub allocated: u64,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerFacts {
    version: u8,
    limit: Option<u64>,
    usage: u64,
    oom_group: bool,
}

impl From<&cgroup::Container> for ContainerFacts {
    fn from(container: &cgroup::Container) -> Self {
        let version = match container.version {
            cgroup::Version::V1 => 1,
            cgroup::Version::V2 => 2,
        };
        let &cgroup::Container { limit, usage, oom_group, .. } = container;
        Self { version, limit, usage, oom_group }
    }
}
