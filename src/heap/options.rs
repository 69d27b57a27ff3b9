//! What the caller of an analysis may choose.

use std::path::PathBuf;

use serde::Deserialize;

/// What the caller may choose.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// How many suspects at most; 10 unless given.
    pub top: Option<usize>,
    /// The id of an object in the last snapshot: only the way to it is wanted.
    pub path: Option<u32>,
    /// Growth of fewer bytes than this is no suspect; 64 KiB or a hundredth of the live heap, the larger, unless given.
    pub least_growth: Option<u64>,
    /// The channel that grew, where the caller knows it.
    pub channel: Option<GrowthChannel>,
    /// Folders, absolute and without links, whose source may be opened. Without them each file that a snapshot names
    /// is: for snapshots that the caller has taken.
    pub sources: Option<Vec<PathBuf>>,
    /// A folder on a disk: what the graphs take is kept in files there, which the kernel can drop from memory.
    pub spill: Option<PathBuf>,
    /// The code with which the process ends where that folder takes no more and an allocation cannot fail. Without it
    /// the process is aborted.
    pub spill_exit: Option<i32>,
    /// Seconds from each snapshot to the next; empty where that is not known.
    #[serde(skip)]
    pub intervals: Vec<u64>,
}

/// Where memory grew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GrowthChannel {
    /// V8's heap.
    Heap,
    /// Buffers and what else V8 accounts for outside of its heap.
    External,
    /// Memory that V8 does not know.
    Native,
}
