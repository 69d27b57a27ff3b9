//! plimsoll: in-process leak detection for Node.
//!
//! `heap`, `trend`, `cache` and `snapshot` are plain Rust: none of them names Node-API and none
//! imports `addon`. `v8` and `os` are the two rooms below them that know the outside world (V8's
//! exported symbols; procfs, cgroups). `addon` is the only folder that knows Node-API.
//!
//! Two binaries are built of it. A service loads the one with the feature `service`; the analyzer's
//! process loads the one with the feature `analyzer`, which has `heap` and nothing that a service needs.

// Not in unit tests: its functions can only be called from Node.
#[cfg(not(test))]
#[allow(missing_docs, reason = "its public items are the binding, described in index.d.ts")]
mod addon;
pub mod background;
pub mod cache;
#[cfg(feature = "analyzer")]
pub mod heap;
pub mod heap_layout;
pub mod js_source;
pub mod os;
#[cfg(test)]
mod random;
pub mod sampler;
pub mod snapshot;
mod sync;
pub mod track;
pub mod trend;
pub mod v8;

/// The analyzer's process may have to read a heap that is larger than the memory that is free. Tests and fuzz targets
/// have allocators of their own, which refuse or measure.
#[cfg(all(feature = "analyzer", not(test), not(fuzzing)))]
#[global_allocator]
static ALLOCATOR: heap::Spilling = heap::Spilling;
