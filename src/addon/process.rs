//! Facts about the build, for `plimsoll doctor` and the version check in `lib/native.js`.

use napi_derive::napi;

use crate::os::{cgroup, memory};

/// The version of the native side; `lib/native.js` refuses a binary of another version.
#[napi(catch_unwind)]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Bytes that may be taken before the container's or the machine's memory ends; null: unknown.
#[napi(catch_unwind)]
pub fn memory_room() -> Option<f64> {
    let container = cgroup::read().and_then(|container| container.room());
    let room = match (container, memory::available()) {
        (Some(container), Some(machine)) => container.min(machine),
        (container, machine) => container.or(machine)?,
    };
    Some(room as f64)
}
