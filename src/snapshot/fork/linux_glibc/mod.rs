//! Forked snapshots on Linux x64 with glibc.

mod child;
mod collector;
mod condition;
mod lifeline;
mod parent;
mod regions;
mod task;
mod thread_calls;
mod workers;

pub use parent::{Child, Prepared, ReadableWorkers, Survey, is_denied, support};
