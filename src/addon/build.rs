//! The version of a binary, which the package compares with its own.

use napi_derive::napi;

/// The version of this binary; `lib/native.js` and `lib/analyzer.js` refuse another one than the package's.
#[napi(catch_unwind)]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
