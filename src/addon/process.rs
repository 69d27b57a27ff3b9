//! This process: the room that the machine and the container leave it, and the run of `plimsoll run` that it belongs
//! to.

use std::path::Path;
use std::time::Duration;

use napi_derive::napi;

use super::error::{AddonError, Result, error};
use crate::os::{cgroup, memory, process, tether};

/// Resident bytes of this process; null without procfs, or where it cannot be read now.
#[napi(catch_unwind)]
pub fn resident_bytes() -> Option<f64> {
    process::rss().map(|bytes| bytes as f64)
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

/// The lock of `plimsoll run` on its state directory, held until `release` or the end of the process.
#[napi]
pub struct RunLock(Option<tether::Owned>);

#[napi]
impl RunLock {
    /// Null where another run holds it.
    #[napi(catch_unwind)]
    pub fn take(directory: String) -> Result<Option<Self>> {
        let owned = tether::own(Path::new(&directory)).map_err(|e| cannot_lock(&directory, &e))?;
        Ok(owned.map(|owned| Self(Some(owned))))
    }

    /// A second call does nothing.
    #[napi(catch_unwind)]
    pub fn release(&mut self) {
        self.0 = None;
    }
}

/// Ends this process by SIGTERM, and after `grace_ms` by SIGKILL, once no run holds this state directory any more.
#[napi(catch_unwind)]
pub fn end_with_run(directory: String, grace_ms: u32) -> Result<()> {
    let grace = Duration::from_millis(u64::from(grace_ms));
    tether::end_with_owner(Path::new(&directory), grace).map_err(|e| cannot_lock(&directory, &e))
}

fn cannot_lock(directory: &str, cause: &std::io::Error) -> AddonError {
    let message = format!(
        "the state directory {directory} cannot be locked ({cause}); set TMPDIR to a local directory."
    );
    error("ERR_PLIMSOLL_STATE_DIR", message)
}
