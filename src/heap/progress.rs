//! How a long analysis tells where it is and hears that it should stop.

use std::ops::ControlFlow;

/// A step of the analysis, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Reading and parsing; `done` and `total` are uncompressed bytes.
    Reading,
    /// Dominators and retained sizes.
    Dominators,
}

/// Where the analysis is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// The step that is running.
    pub phase: Phase,
    /// How much of it is done.
    pub done: u64,
    /// How much there is, where that is known: the size of a plain file.
    pub total: Option<u64>,
}

/// Called about once a megabyte and at each phase; `Break` ends the analysis with
/// [`Error::Cancelled`](super::Error::Cancelled).
pub type Report<'a> = &'a (dyn Fn(Progress) -> ControlFlow<()> + Sync);

/// Nobody watches: the analysis runs to its end.
pub fn unattended(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
