//! Facts about the build, for `plimsoll doctor` and the version check in `lib/native.js`.

use napi_derive::napi;

/// The version of the native side; `lib/native.js` refuses a binary of another version.
#[napi(catch_unwind)]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
