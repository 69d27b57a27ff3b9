//! What a child gets from the service that forks it.

use std::fs::File;
use std::io::PipeWriter;
use std::time::Duration;

use super::collector::CollectorMutex;
use super::workers::TaskQueue;
use crate::snapshot::session::Packing;
use crate::snapshot::store::Partial;

/// The file that a child writes, and the limits that it keeps.
#[derive(Debug)]
pub(super) struct ChildTask {
    pub partial: Partial,
    pub packing: Packing,
    pub report: PipeWriter,
    pub null: File,
    pub lifetime: Duration,
    pub nice: u8,
    /// True if a crash of the child may leave a core file, which holds the service's memory.
    pub core: bool,
    /// The service's process id, as its child sees it.
    pub parent: u32,
}

/// The state of the process at the moment of the fork.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub queue: TaskQueue,
    pub collector: CollectorMutex,
}
