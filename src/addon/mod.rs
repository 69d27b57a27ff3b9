//! What JS sees of the native side, one thin file for each concept.
//!
//! Every `#[napi]` function carries `catch_unwind`: a panic becomes an exception, never an abort.

mod error;
mod process;

#[allow(unused_imports, reason = "the first fallible function lands next")]
use error::{Error, Result};
