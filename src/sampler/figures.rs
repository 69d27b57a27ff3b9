//! Figures of the process from the operating system: resident size, container, available memory.
//!
//! A figure that cannot be read (for example because no descriptor is left) keeps its last value and the time of that
//! reading. It never becomes 0, which would look like freed memory.

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

    /// True if the value is current.
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

/// The sources of the figures.
#[derive(Debug)]
pub struct FigureSources {
    /// Reads procfs and cgroups.
    pub files: Box<dyn Files>,
    /// Reads the allocator's figures.
    pub malloc: fn() -> Option<Malloc>,
}

impl Default for FigureSources {
    /// The sources of the running system.
    fn default() -> Self {
        Self { files: Box::new(System), malloc: malloc::read }
    }
}

/// The figures of one watch.
#[derive(Debug)]
pub(super) struct Figures {
    files: Box<dyn Files>,
    cgroup: cgroup::CgroupReader,
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
            cgroup: cgroup::CgroupReader::default(),
            rss: Figure::unknown(now),
            container: Figure::unknown(now),
            available: Figure::unknown(now),
            _keeping: Keeping::begin(),
        }
    }

    /// Reads the resident size; `reported` is Node's own figure, for systems without procfs. True if the value is
    /// current.
    pub fn read_rss(&mut self, now: Instant, reported: u64) -> bool {
        let reported = (reported > 0).then_some(reported);
        let read = process::read_rss(&mut *self.files)
            .and_then(|rss| rss.or(reported).ok_or_else(|| io::ErrorKind::NotFound.into()))
            .map(Some);
        self.rss.take(now, read)
    }

    /// Reads the container's figures and what the machine can give. True if the container's figures are current.
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

    /// Kills for want of memory in the process' cgroup, read now.
    pub fn oom_kills(&mut self) -> Option<cgroup::OomKills> {
        self.cgroup.oom_kills(&mut *self.files)
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
