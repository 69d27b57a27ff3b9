//! This process: the room that the machine and the container leave it, and the run of `plimsoll run` that it belongs
//! to.

use std::path::Path;
use std::time::Duration;

use napi_derive::napi;

use super::error::{AddonError, Result, error};
use crate::os::{cgroup, memory, namespace, process, tether};

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

/// The network of another process, in which this thread opens its sockets until `leave`.
#[napi]
pub struct EnteredNetwork(Option<namespace::Entered>);

#[napi]
impl EnteredNetwork {
    /// Throws where this process may not.
    #[napi(catch_unwind)]
    pub fn enter(pid: u32) -> Result<Self> {
        let entered = namespace::enter_network(pid);
        entered.map(|entered| Self(Some(entered))).map_err(|e| {
            error("ERR_PLIMSOLL_NAMESPACE", format!("its network cannot be entered ({e})"))
        })
    }

    /// A second call does nothing.
    #[napi(catch_unwind)]
    pub fn leave(&mut self) {
        if let Some(entered) = self.0.take() {
            // The process ends soon; what it opens from here on is of no interest.
            let _ = entered.leave();
        }
    }
}

fn cannot_lock(directory: &str, cause: &std::io::Error) -> AddonError {
    let message = format!(
        "the state directory {directory} cannot be locked ({cause}); set TMPDIR to a local directory."
    );
    error("ERR_PLIMSOLL_STATE_DIR", message)
}
