//! V8's collection callbacks, and the means to ask for a collection.

use std::ffi::c_void;
use std::mem::transmute;
use std::sync::OnceLock;

use super::heap_statistics::Isolate;
use super::lookup;

/// `v8::GCType` (v8-callbacks.h): a bit for each kind.
pub type GcType = u32;
/// `kGCTypeMarkSweepCompact`, with this value on every supported version.
pub const MARK_COMPACT: GcType = 4;
/// `kGCTypeAll` for the kinds that move `used`: scavenges (1), minor mark-sweeps (2) and
/// mark-compacts (4).
pub const COLLECTIONS: GcType = 1 | 2 | MARK_COMPACT;
/// Mark-compacts and the start of incremental marking (`kGCTypeIncrementalMarking`).
pub const FULL_COLLECTION: GcType = 8 | MARK_COMPACT;

/// `v8::Isolate::GCCallbackWithData`.
pub type GcCallback = unsafe extern "C" fn(*mut c_void, GcType, u32, *mut c_void);

type Add = unsafe extern "C" fn(*mut c_void, GcCallback, *mut c_void, GcType);
type Remove = unsafe extern "C" fn(*mut c_void, GcCallback, *mut c_void);

struct Functions {
    add_prologue: Add,
    add_epilogue: Add,
    remove_prologue: Remove,
    remove_epilogue: Remove,
}

fn functions() -> Option<&'static Functions> {
    static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();
    FUNCTIONS
        .get_or_init(|| {
            let add_prologue = lookup(
                c"_ZN2v87Isolate21AddGCPrologueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_S2_",
            )?;
            let add_epilogue = lookup(
                c"_ZN2v87Isolate21AddGCEpilogueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_S2_",
            )?;
            let remove_prologue = lookup(
                c"_ZN2v87Isolate24RemoveGCPrologueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_",
            )?;
            let remove_epilogue = lookup(
                c"_ZN2v87Isolate24RemoveGCEpilogueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_",
            )?;
            // SAFETY: the mangled names spell these very signatures, `this` first (Itanium ABI).
            Some(unsafe {
                Functions {
                    add_prologue: transmute::<*mut c_void, Add>(add_prologue),
                    add_epilogue: transmute::<*mut c_void, Add>(add_epilogue),
                    remove_prologue: transmute::<*mut c_void, Remove>(remove_prologue),
                    remove_epilogue: transmute::<*mut c_void, Remove>(remove_epilogue),
                }
            })
        })
        .as_ref()
}

/// Whether the running Node exports the callbacks.
#[must_use]
pub fn available() -> bool {
    functions().is_some()
}

/// Calls `prologue` and `epilogue` around every collection of `isolate` that is of one of the `kinds`, on its thread.
///
/// # Safety
/// On the isolate's thread; `data` stays valid until [`remove_callbacks`] with the same arguments
/// or the isolate's end.
pub unsafe fn add_callbacks(
    isolate: Isolate,
    prologue: GcCallback,
    epilogue: GcCallback,
    data: *mut c_void,
    kinds: GcType,
) -> bool {
    let Some(functions) = functions() else { return false };
    // SAFETY: the caller's promise.
    unsafe {
        (functions.add_prologue)(isolate.as_ptr(), prologue, data, kinds);
        (functions.add_epilogue)(isolate.as_ptr(), epilogue, data, kinds);
    }
    true
}

/// Undoes [`add_callbacks`].
///
/// # Safety
/// On the isolate's thread, while the isolate is alive.
pub unsafe fn remove_callbacks(
    isolate: Isolate,
    prologue: GcCallback,
    epilogue: GcCallback,
    data: *mut c_void,
) {
    let Some(functions) = functions() else { return };
    // SAFETY: the caller's promise; V8 ignores a pair that it does not have.
    unsafe {
        (functions.remove_prologue)(isolate.as_ptr(), prologue, data);
        (functions.remove_epilogue)(isolate.as_ptr(), epilogue, data);
    }
}

/// How hard to ask for a collection: `v8::MemoryPressureLevel` (v8-isolate.h).
///
/// `LowMemoryNotification` is no better: it collects up to seven times running, to the last bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GcPressure {
    /// `kModerate`: V8 starts incremental marking, in small steps.
    Moderate = 1,
    /// `kCritical`: a full collection at once, with the pause that it takes.
    Critical = 2,
}

/// Asks for a collection; false where V8 does not export the means.
///
/// # Safety
/// On the isolate's thread, outside of any collection callback.
#[must_use]
pub unsafe fn request(isolate: Isolate, pressure: GcPressure) -> bool {
    type Notify = unsafe extern "C" fn(*mut c_void, i32);
    const NONE: i32 = 0;
    let Some(address) =
        lookup(c"_ZN2v87Isolate26MemoryPressureNotificationENS_19MemoryPressureLevelE")
    else {
        return false;
    };
    // SAFETY: the mangled name spells the signature; the isolate is the caller's promise.
    unsafe {
        let notify = transmute::<*mut c_void, Notify>(address);
        notify(isolate.as_ptr(), pressure as i32);
        // The level stays until it is lowered, and V8 acts only on a rise.
        notify(isolate.as_ptr(), NONE);
    }
    true
}
