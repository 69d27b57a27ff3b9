//! V8's callback short before the heap limit, where an answer above the limit avoids the crash.

use std::ffi::c_void;
use std::mem::transmute;
use std::sync::OnceLock;

use super::heap_statistics::Isolate;
use super::{lookup, missing};

/// `v8::NearHeapLimitCallback`: data, the current and the initial limit; answers with the new one.
pub type HeapLimitCallback = unsafe extern "C" fn(*mut c_void, usize, usize) -> usize;

type Add = unsafe extern "C" fn(*mut c_void, HeapLimitCallback, *mut c_void);
type Remove = unsafe extern "C" fn(*mut c_void, HeapLimitCallback, usize);

fn functions() -> Option<(Add, Remove)> {
    static FUNCTIONS: OnceLock<Option<(Add, Remove)>> = OnceLock::new();
    *FUNCTIONS.get_or_init(|| {
        let add = lookup(c"_ZN2v87Isolate24AddNearHeapLimitCallbackEPFmPvmmES1_")?;
        let remove = lookup(c"_ZN2v87Isolate27RemoveNearHeapLimitCallbackEPFmPvmmEm")?;
        // SAFETY: the mangled names spell these very signatures, `this` first (Itanium ABI).
        Some(unsafe {
            (transmute::<*mut c_void, Add>(add), transmute::<*mut c_void, Remove>(remove))
        })
    })
}

/// Why V8 cannot be asked to call.
///
/// # Errors
/// Where it does not export the means.
pub fn support() -> Result<(), String> {
    functions().map(|_| ()).ok_or_else(|| missing("v8::Isolate::AddNearHeapLimitCallback"))
}

/// Calls `callback` before anyone who registered earlier; false where V8 does not export the means.
///
/// # Safety
/// On the isolate's thread; `data` stays valid until [`remove`].
pub unsafe fn add(isolate: Isolate, callback: HeapLimitCallback, data: *mut c_void) -> bool {
    let Some((add, _)) = functions() else { return false };
    // SAFETY: the caller's promise.
    unsafe { add(isolate.as_ptr(), callback, data) };
    true
}

/// Undoes [`add`]; the limit stays as it is.
///
/// # Safety
/// On the isolate's thread, where `callback` is registered (V8 aborts where it is not).
pub unsafe fn remove(isolate: Isolate, callback: HeapLimitCallback) {
    if let Some((_, remove)) = functions() {
        // SAFETY: the caller's promise; 0 restores no limit.
        unsafe { remove(isolate.as_ptr(), callback, 0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_v8_it_says_what_is_missing() {
        assert!(support().is_err_and(|why| why.contains("AddNearHeapLimitCallback")));
    }
}
