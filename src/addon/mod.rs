//! What JS sees of the native side, one thin file for each concept.
//!
//! Every `#[napi]` function carries `catch_unwind`: a panic becomes an exception, never an abort.

mod allocation;
mod analyze;
mod cache;
mod error;
mod process;
mod shared_cache;
mod snapshot;
mod track;
mod trend;
mod watch;
