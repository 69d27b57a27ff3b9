//! What JS sees of the native side, one thin file for each concept.
//!
//! Every `#[napi]` function carries `catch_unwind`: a panic becomes an exception, never an abort.

#[cfg(feature = "service")]
mod allocation;
#[cfg(feature = "analyzer")]
mod analyze;
mod build;
#[cfg(feature = "service")]
mod cache;
#[cfg(feature = "service")]
mod callback;
#[cfg(feature = "service")]
mod canaries;
#[cfg(feature = "analyzer")]
mod convert;
#[cfg(feature = "service")]
mod converter;
#[cfg(feature = "service")]
mod ended;
mod error;
#[cfg(feature = "service")]
mod facts;
#[cfg(feature = "analyzer")]
mod outside;
#[cfg(feature = "service")]
mod process;
#[cfg(feature = "service")]
mod redaction;
#[cfg(feature = "service")]
mod shared_cache;
#[cfg(feature = "service")]
mod snapshot;
#[cfg(feature = "service")]
mod track;
#[cfg(feature = "service")]
mod trend;
#[cfg(feature = "service")]
mod watch;
