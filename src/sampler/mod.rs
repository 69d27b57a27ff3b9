//! The sampler: the background thread reads the figures of each watched isolate once an interval.

pub mod borrowed;
pub mod clock;
pub mod ended_state;
pub mod figures;
pub mod isolate;
pub mod kept_state;
pub mod limits;
pub mod options;
pub mod pressure;
pub mod published;
pub mod record;
pub mod registry;
mod run_clock;
mod sampling;
pub mod state_file;
pub mod stuck;
mod wishes;

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests;
