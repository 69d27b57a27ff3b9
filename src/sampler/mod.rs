//! The sampler: one native thread, one record for each isolate.

pub mod thread;
