//! The sampler: one native thread, one record for each isolate.

pub mod borrowed;
pub mod clock;
pub mod limits;
pub mod monitor;
pub mod pressure;
pub mod record;
pub mod registry;
pub mod state;
pub mod state_file;
pub mod thread;
mod watched;
