//! What the operating system says of the process: resident size, container, available memory.
//!
//! A figure that cannot be read (no descriptor is left, say) keeps its last value, with the time of that reading. It is
//! never taken for 0, which would look as if the memory had been freed.

use std::io;
use std::time::Instant;

use serde::Serialize;

use crate::os::cgroup::{self, Container};
use crate::os::malloc::{self, Malloc};
use crate::os::pseudo_file::{Files, Keeping, System};
use crate::os::{memory, process};

/// A value and the time when it was read.
#[derive(Debug)]
struct Figure<T> {
    value: Option<T>,
    read: Instant,
    failed: bool,
}

impl<T> Figure<T> {
    fn unknown(now: Instant) -> Self {
        Self { value: None, read: now, failed: false }
    }

    /// Whether it is a value of now.
    fn take(&mut self, now: Instant, read: io::Result<Option<T>>) -> bool {
        self.failed = read.is_err();
        if let Ok(value) = read {
            (self.value, self.read) = (value, now);
        }
        !self.failed
    }

    fn stale(&self, figure: &'static str, now: Instant) -> Option<Stale> {
        // A figure that was never read is missing, not old.
        let old = self.failed && self.value.is_some();
        let age = now.saturating_duration_since(self.read).as_millis();
        old.then(|| Stale { figure, age_ms: u64::try_from(age).unwrap_or(u64::MAX) })
    }
}

/// A figure whose last reading failed, so that an older value stands for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stale {
    /// `rss`, `container` or `available`.
    pub figure: &'static str,
    /// Age of the value, ms.
    pub age_ms: u64,
}

/// Where the figures come from.
#[derive(Debug)]
pub struct Sources {
    /// Reads procfs and cgroups.
    pub files: Box<dyn Files>,
    /// What the allocator says.
    pub malloc: fn() -> Option<Malloc>,
}

impl Default for Sources {
    /// The system's.
    fn default() -> Self {
        Self { files: Box::new(System), malloc: malloc::read }
    }
}

/// The figures of one watch.
#[derive(Debug)]
pub(super) struct Figures {
    files: Box<dyn Files>,
    cgroup: cgroup::Reader,
    rss: Figure<u64>,
    container: Figure<Container>,
    available: Figure<u64>,
    /// Last: the descriptors are closed when no figure is read any more.
    _keeping: Keeping,
}

impl Figures {
    pub fn new(files: Box<dyn Files>, now: Instant) -> Self {
        Self {
            files,
            cgroup: cgroup::Reader::default(),
            rss: Figure::unknown(now),
            container: Figure::unknown(now),
            available: Figure::unknown(now),
            _keeping: Keeping::begin(),
        }
    }

    /// Reads the resident size; `told` is what Node said, for systems without procfs. True if it is of now.
    pub fn read_rss(&mut self, now: Instant, told: u64) -> bool {
        let told = (told > 0).then_some(told);
        let read = process::read_rss(&mut *self.files)
            .and_then(|rss| rss.or(told).ok_or_else(|| io::ErrorKind::NotFound.into()))
            .map(Some);
        self.rss.take(now, read)
    }

    /// Reads the container's figures and what the machine can give. True if the container's are of now.
    pub fn read_slowly(&mut self, now: Instant) -> bool {
        let available = memory::read_available(&mut *self.files);
        self.available.take(now, available);
        let container = self.cgroup.read(&mut *self.files);
        self.container.take(now, container)
    }

    /// How long the calling thread has waited for a processor since it began.
    pub fn waited(&mut self) -> Option<std::time::Duration> {
        process::waited(&mut *self.files)
    }

    pub fn rss(&self) -> u64 {
        self.rss.value.unwrap_or(0)
    }

    pub fn container(&self) -> Option<&Container> {
        self.container.value.as_ref()
    }

    pub fn available(&self) -> Option<u64> {
        self.available.value
    }

    /// The figures that are older than their last reading.
    pub fn stale(&self, now: Instant) -> Vec<Stale> {
        [
            self.rss.stale("rss", now),
            self.container.stale("container", now),
            self.available.stale("available", now),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
