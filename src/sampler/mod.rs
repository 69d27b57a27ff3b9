//! The sampler: one native thread, one record for each isolate.

pub mod borrowed;
pub mod clock;
pub mod figures;
pub mod limits;
pub mod monitor;
pub mod pressure;
pub mod record;
pub mod registry;
mod run_clock;
pub mod state;
pub mod state_file;
pub mod thread;
mod watched;

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests;
