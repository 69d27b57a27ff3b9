//! Heap images: the raw pages of V8's heap, written by a forked child that runs no V8.
//!
//! `docs/heap-images.md` describes the format. `src/heap/image` reads it.

pub mod canaries;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod constants;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod memory;
#[cfg(feature = "analyzer")]
pub mod outside;
#[cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")),
    path = "elsewhere.rs"
)]
#[cfg_attr(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"), path = "linux.rs")]
mod platform;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod sources;
#[cfg(all(feature = "analyzer", target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
#[cfg(test)]
mod tests;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod verify;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod writer;

pub use platform::{PreparedImage, Scene, is_denied, support, verify};

use std::fs::File;
use std::path::PathBuf;

use super::error::SnapshotError;
use super::store::Partial;

fn unredacted() -> SnapshotError {
    SnapshotError::Unavailable { why: "a heap image cannot be redacted; take a snapshot".into() }
}

/// Whether an image may be taken here; one that is kept is not redacted.
///
/// # Errors
/// [`SnapshotError::Unavailable`] with the reason.
pub fn admit(redact: bool) -> Result<(), SnapshotError> {
    support().map_err(|why| SnapshotError::Unavailable { why })?;
    if redact { Err(unredacted()) } else { Ok(()) }
}

/// Where an image is written to.
#[derive(Debug)]
pub enum Destination {
    /// A file of the directory, which may be kept.
    File(Partial),
    /// Memory, for a snapshot in `dir` that is made of the image: nothing that is to be redacted comes to a disk.
    Memory {
        /// A file without a name (`memfd_create(2)`).
        file: File,
        /// For messages.
        dir: PathBuf,
    },
}

impl Destination {
    /// A handle of the file, with an offset that all handles share.
    ///
    /// # Errors
    /// Where no descriptor is left.
    pub fn writer(&self) -> Result<File, SnapshotError> {
        match self {
            Self::File(partial) => partial.writer().map(crate::os::system::File::into_inner),
            Self::Memory { file, dir } => {
                file.try_clone().map_err(|error| SnapshotError::io(dir, &error))
            }
        }
    }

    /// Gives a file its final name.
    ///
    /// # Errors
    /// [`SnapshotError::Dir`].
    pub fn keep(&self) -> Result<PathBuf, SnapshotError> {
        match self {
            Self::File(partial) => partial.commit(),
            Self::Memory { .. } => Err(unredacted()),
        }
    }

    /// The path for messages.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        match self {
            Self::File(partial) => partial.path(),
            Self::Memory { dir, .. } => dir.clone(),
        }
    }
}

/// What becomes of a child when the service begins a full collection, which rewrites much of what they share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnCollection {
    /// It is killed: the next child, forked after the collection, takes less memory.
    Kill,
    /// It goes on.
    Continue,
}
