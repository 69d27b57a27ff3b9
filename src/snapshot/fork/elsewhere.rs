//! Platforms on which snapshots are not forked.

use std::path::PathBuf;
use std::time::Duration;

use crate::snapshot::error::SnapshotError;
use crate::snapshot::fork::ForkFailure;
use crate::snapshot::output::Written;
use crate::snapshot::session::Session;
use crate::snapshot::store::Partial;

/// Never made: there is no fork here.
#[derive(Debug)]
pub enum Prepared {}
/// Never made.
#[derive(Debug)]
pub enum Survey {}
/// Never made.
#[derive(Debug)]
pub struct Child {
    /// How long the isolate's thread stood still.
    pub pause: Duration,
    never: Prepared,
}

/// There is nothing to keep open.
#[derive(Debug)]
pub struct ReadableWorkers(());

impl ReadableWorkers {
    /// Does nothing.
    #[must_use]
    pub fn keep() -> Self {
        Self(())
    }
}

/// Why snapshots are not forked here.
///
/// # Errors
/// Always.
pub fn support() -> Result<(), String> {
    Err(format!(
        "snapshots are forked on Linux x64 with glibc alone; this is {} {}{}",
        std::env::consts::OS,
        std::env::consts::ARCH,
        if cfg!(target_env = "musl") { " with musl" } else { "" }
    ))
}

/// Never: this platform has no fork.
#[must_use]
pub fn is_denied() -> bool {
    false
}

impl Child {
    /// Cannot be called.
    pub fn kill(&self) {
        match self.never {}
    }
}

fn unavailable() -> ForkFailure {
    ForkFailure::Final(SnapshotError::Unavailable { why: support().err().unwrap_or_default() })
}

impl Survey {
    /// Never succeeds.
    ///
    /// # Errors
    /// Always.
    pub fn take(_: Option<usize>) -> Result<Self, ForkFailure> {
        Err(unavailable())
    }
}

impl Prepared {
    /// Never succeeds.
    ///
    /// # Errors
    /// Always.
    pub fn new(_: &Session, _: Partial) -> Result<Self, ForkFailure> {
        Err(unavailable())
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// Never returns.
    ///
    /// # Safety
    /// None needed.
    pub unsafe fn fork(&self, _: &Survey) -> Result<Child, ForkFailure> {
        match *self {}
    }

    /// Cannot be called.
    pub fn leave(&self) {
        match *self {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// Never returns.
    pub fn wait(
        &self,
        child: &Child,
        _patience: Option<Duration>,
    ) -> Result<(PathBuf, Written), ForkFailure> {
        match child.never {}
    }
}
