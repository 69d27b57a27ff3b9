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

pub use platform::{PreparedImage, Scene, support, verify};

/// What becomes of a child when the service begins a full collection, which rewrites much of what they share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnCollection {
    /// It is killed: the next child, forked after the collection, takes less memory.
    Kill,
    /// It goes on.
    Continue,
}
