//! V8's interrupt: runs a function on the isolate's thread while JS is running there, an endless
//! loop included.

use std::ffi::c_void;
use std::mem::transmute;
use std::sync::OnceLock;

use super::heap_statistics::Isolate;
use super::lookup;

/// `v8::InterruptCallback`.
pub type InterruptCallback = unsafe extern "C" fn(*mut c_void, *mut c_void);

type Request = unsafe extern "C" fn(*mut c_void, InterruptCallback, *mut c_void);

fn function() -> Option<Request> {
    static FUNCTION: OnceLock<Option<Request>> = OnceLock::new();
    *FUNCTION.get_or_init(|| {
        let address = lookup(c"_ZN2v87Isolate16RequestInterruptEPFvPS0_PvES2_")?;
        // SAFETY: the mangled name spells this very signature, `this` first (Itanium ABI).
        Some(unsafe { transmute::<*mut c_void, Request>(address) })
    })
}

/// Whether V8 exports the means.
#[must_use]
pub fn is_available() -> bool {
    function().is_some()
}

/// Asks for `callback` to be called with the isolate and `data`, once; false where V8 does not
/// export the means. While no JS runs, it waits.
///
/// # Safety
/// On any thread, while the isolate is alive; `data` stays valid until the call, which never comes
/// when the isolate ends before it.
#[must_use]
pub unsafe fn request(isolate: Isolate, callback: InterruptCallback, data: *mut c_void) -> bool {
    let Some(function) = function() else { return false };
    // SAFETY: the caller's promise.
    unsafe { function(isolate.as_ptr(), callback, data) };
    true
}
