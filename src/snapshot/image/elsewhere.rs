//! Platforms without heap images.

use std::path::PathBuf;

use super::OnCollection;
use super::canaries::Canaries;
use crate::snapshot::error::SnapshotError;
use crate::snapshot::fork::{Child, ForkFailure};
use crate::snapshot::output::Written;
use crate::snapshot::session::Session;
use crate::snapshot::store::Partial;

/// Never made.
#[derive(Debug)]
pub enum PreparedImage {}
/// Never made.
#[derive(Debug)]
pub enum Scene {}

/// Why there are no heap images here.
///
/// # Errors
/// Always.
pub fn support() -> Result<(), String> {
    Err("heap images are written on Linux x64 with glibc only".into())
}

/// There is nothing to verify.
pub fn verify(_: impl FnOnce() -> Option<Canaries>) {}

impl Scene {
    /// Never succeeds.
    ///
    /// # Errors
    /// Always.
    pub fn take() -> Result<Self, ForkFailure> {
        Err(ForkFailure::Final(SnapshotError::Unavailable {
            why: support().err().unwrap_or_default(),
        }))
    }
}

impl PreparedImage {
    /// Never succeeds.
    ///
    /// # Errors
    /// Always.
    pub fn new(_: &Session, _: Partial) -> Result<Self, ForkFailure> {
        Err(ForkFailure::Final(SnapshotError::Unavailable {
            why: support().err().unwrap_or_default(),
        }))
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// Never returns.
    ///
    /// # Safety
    /// None needed.
    pub unsafe fn fork(&self, _: &Scene) -> Result<Child, ForkFailure> {
        match *self {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// Never returns.
    pub fn wait(&self, _: &Child, _: OnCollection) -> Result<(PathBuf, Written), ForkFailure> {
        match *self {}
    }
}
