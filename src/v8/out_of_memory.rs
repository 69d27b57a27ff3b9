//! What V8 calls when it gives up: a heap that cannot grow, or one allocation that does not fit. The
//! process ends after it.
//!
//! Node registers a handler for each isolate, prints the reason in it and aborts. V8 has no way to ask
//! for the present handler, so ours calls Node's by its symbol.

use std::ffi::{c_char, c_void};
use std::mem::transmute;
use std::panic::catch_unwind;
use std::sync::OnceLock;

use parking_lot::Mutex;

use super::heap_statistics::Isolate;
use super::lookup;

/// `v8::OOMErrorCallback`: where V8 gave up, and a `v8::OOMDetails`.
type Handler = unsafe extern "C" fn(*const c_char, *const c_void);
type Register = unsafe extern "C" fn(*mut c_void, Handler);

struct Functions {
    register: Register,
    nodes_own: Handler,
}

fn functions() -> Option<&'static Functions> {
    static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();
    let found = FUNCTIONS.get_or_init(|| {
        let register = lookup(c"_ZN2v87Isolate18SetOOMErrorHandlerEPFvPKcRKNS_10OOMDetailsEE")?;
        let nodes_own = lookup(c"_ZN4node15OOMErrorHandlerEPKcRKN2v810OOMDetailsE")?;
        // SAFETY: the mangled names spell these very signatures, `this` first and references as
        // pointers (Itanium ABI).
        Some(unsafe {
            Functions {
                register: transmute::<*mut c_void, Register>(register),
                nodes_own: transmute::<*mut c_void, Handler>(nodes_own),
            }
        })
    });
    found.as_ref()
}

/// These run before Node's own handler, on the thread that ran out of memory.
static BEFORE: Mutex<Vec<fn()>> = Mutex::new(Vec::new());

/// Calls `before` when `isolate` runs out of memory, each function once, and Node's handler after it. False where V8 or
/// Node does not export the means.
///
/// # Safety
/// On the isolate's thread, in a process whose handler is Node's own.
pub unsafe fn call_before(isolate: Isolate, before: fn()) -> bool {
    let Some(functions) = functions() else { return false };
    let mut all = BEFORE.lock();
    if !all.iter().any(|&known| std::ptr::fn_addr_eq(known, before)) {
        all.push(before);
    }
    drop(all);
    // SAFETY: the caller's promise; `ends` lives as long as the library, which is pinned.
    unsafe { (functions.register)(isolate.as_ptr(), ends) };
    true
}

/// V8 calls this on the isolate's thread.
unsafe extern "C" fn ends(place: *const c_char, details: *const c_void) {
    let all = BEFORE.lock().clone();
    for before in all {
        let _ = catch_unwind(before);
    }
    if let Some(functions) = functions() {
        // SAFETY: V8's own arguments, for a handler of the same type.
        unsafe { (functions.nodes_own)(place, details) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_v8_there_is_no_handler() {
        assert!(functions().is_none());
    }
}
