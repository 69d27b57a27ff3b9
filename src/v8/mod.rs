//! V8's C++ interface, found at run time.
//!
//! No V8 header is compiled in: each symbol is looked up by its Itanium-mangled name in the running
//! executable, so one binary serves every Node, and a missing symbol only turns a feature off.

pub mod collections;
pub mod gc;
pub mod heap_limit;
pub mod heap_statistics;
pub mod interrupt;
pub mod out_of_memory;
pub mod profiler;
pub mod sampling_profiler;

use std::ffi::{CStr, c_void};
use std::sync::OnceLock;

/// Whether `PLIMSOLL_HOOKS=off` was set at the first look-up: then there is no symbol, as on a platform
/// or a Node that exports none.
fn switched_off() -> bool {
    static OFF: OnceLock<bool> = OnceLock::new();
    *OFF.get_or_init(|| std::env::var_os("PLIMSOLL_HOOKS").is_some_and(|value| value == "off"))
}

/// Why a feature is off whose symbols were not found; `what` says what they are.
#[must_use]
pub fn missing(what: &str) -> String {
    if switched_off() {
        "turned off by PLIMSOLL_HOOKS=off".into()
    } else {
        format!("this Node does not export {what}")
    }
}

/// The address of a symbol that the running executable exports, if it does.
#[must_use]
pub fn lookup(name: &CStr) -> Option<*mut c_void> {
    if switched_off() {
        return None;
    }
    #[cfg(unix)]
    {
        // SAFETY: dlsym takes any NUL-terminated name; RTLD_DEFAULT needs no handle.
        let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        (!address.is_null()).then_some(address)
    }
    #[cfg(not(unix))]
    {
        let _ = name;
        None
    }
}
