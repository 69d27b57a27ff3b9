//! The room that the machine and the container leave.

use napi_derive::napi;

use crate::os::{cgroup, memory};

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
