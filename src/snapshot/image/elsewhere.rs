//! Platforms without heap images.

use super::canaries::Canaries;
use super::{Destination, OnCollection};
use crate::snapshot::error::SnapshotError;
use crate::snapshot::fork::{Child, ForkFailure};
use crate::snapshot::session::Session;

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

/// Never: this platform has no images.
#[must_use]
pub fn is_denied() -> bool {
    false
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
    pub fn new(_: &Session, _: Destination) -> Result<Self, ForkFailure> {
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
    pub fn wait(&self, _: &Child, _: OnCollection) -> Result<u64, ForkFailure> {
        match *self {}
    }

    /// Cannot be called.
    #[must_use]
    pub fn destination(&self) -> &Destination {
        match *self {}
    }
}
