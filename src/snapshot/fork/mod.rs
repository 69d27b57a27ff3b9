//! A snapshot by a forked child: the service stands still for the fork alone.
//!
//! A naive fork of a Node process never works; [`regions`], [`workers`] and [`collector`] say what
//! stands in the way. The child is expendable: whatever happens to it is noticed, and another is tried.

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod child;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod collector;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod condition;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod lifeline;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod parent;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod regions;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod workers;

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
pub use parent::{Child, Prepared, Scene, is_denied, support};

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")))]
pub use elsewhere::{Child, Prepared, Scene, is_denied, support};

use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use super::error::Error;

/// Children of this process that are waited for.
static UNDER_WAY: AtomicU32 = AtomicU32::new(0);

/// Whether a child of this process is taking a snapshot, or its file is being taken over.
#[must_use]
pub fn is_under_way() -> bool {
    UNDER_WAY.load(Ordering::Acquire) > 0
}

/// Counts a child while the value lives.
#[derive(Debug)]
struct UnderWay;

impl UnderWay {
    #[cfg_attr(
        not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")),
        allow(dead_code, reason = "there is no fork here")
    )]
    fn begin() -> Self {
        UNDER_WAY.fetch_add(1, Ordering::AcqRel);
        Self
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Why a fork brought no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// The moment was bad (a V8 worker was busy): nothing was forked.
    NotNow(String),
    /// The child failed in a way that another one may not.
    Lost(String),
    /// The child died in a way in which the service would die if it did the same work: out of memory,
    /// or of a crash. It is replaced once, and the work is never done in process.
    Killed(String),
    /// Another child would fail too.
    Final(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotNow(what) | Failure::Lost(what) | Failure::Killed(what) => {
                Self::Failed { what }
            }
            Failure::Final(error) => error,
        }
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")))]
mod elsewhere {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::super::error::Error;
    use super::super::output::Written;
    use super::super::session::Session;
    use super::super::store::Partial;
    use super::Failure;

    /// Never made: there is no fork here.
    #[derive(Debug)]
    pub enum Prepared {}
    /// Never made.
    #[derive(Debug)]
    pub enum Scene {}
    /// Never made.
    #[derive(Debug)]
    pub struct Child {
        /// How long the isolate's thread stood still.
        pub pause: Duration,
        never: Prepared,
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

    fn unavailable() -> Failure {
        Failure::Final(Error::Unavailable { why: support().err().unwrap_or_default() })
    }

    impl Scene {
        /// Never succeeds.
        ///
        /// # Errors
        /// Always.
        pub fn survey(_: Option<usize>) -> Result<Self, Failure> {
            Err(unavailable())
        }
    }

    impl Prepared {
        /// Never succeeds.
        ///
        /// # Errors
        /// Always.
        pub fn new(_: &Session, _: Partial) -> Result<Self, Failure> {
            Err(unavailable())
        }

        /// Cannot be called.
        ///
        /// # Errors
        /// Never returns.
        ///
        /// # Safety
        /// None needed.
        pub unsafe fn fork(&self, _: &Scene) -> Result<Child, Failure> {
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
        pub fn wait(&self, child: &Child) -> Result<(PathBuf, Written), Failure> {
            match child.never {}
        }
    }
}
