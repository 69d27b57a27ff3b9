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

pub(in crate::snapshot) use parent::BlockedSignals;
pub(in crate::snapshot) use regions::Regions;

pub use parent::{Child, Prepared, ReadableWorkers, Survey, is_denied, support};
