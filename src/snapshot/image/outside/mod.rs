//! A heap image of another process, which need not know plimsoll: it is stopped, read with the rights of a debugger,
//! and let go.

use std::path::PathBuf;

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod executable;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod linux;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod stopped;

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
pub use linux::take;

/// An image that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct OutsideImage {
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// How long the process stood still, in milliseconds.
    pub pause_ms: f64,
    /// The major version of Node.
    pub node: u32,
    /// Whether the process was in a collection at each look, so that the image may not be readable.
    pub in_collection: bool,
}

/// Takes no image.
///
/// # Errors
/// Always.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")))]
pub fn take(
    _pid: u32,
    _dir: &std::path::Path,
    _max_bytes: u64,
) -> Result<OutsideImage, crate::snapshot::error::SnapshotError> {
    let why = super::support().err().unwrap_or_default();
    Err(crate::snapshot::error::SnapshotError::Unavailable { why })
}
