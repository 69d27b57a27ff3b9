//! `v8::HeapStatistics`, read without the C++ header.
//!
//! The class is a row of machine words in the order of its private members
//! (v8/include/v8-statistics.h). The order is verified against `v8.getHeapStatistics()` of the
//! running Node before anything relies on it.

use std::ffi::c_void;
use std::mem::transmute;
use std::sync::OnceLock;

use super::lookup;

/// An isolate as V8's functions take it: opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isolate(*mut c_void);

// SAFETY: it is only an address; every function that dereferences it says from which thread.
unsafe impl Send for Isolate {}
// SAFETY: as above.
unsafe impl Sync for Isolate {}

impl Isolate {
    /// The address of nothing that V8 knows; `None` where V8 is in this process.
    #[cfg(test)]
    pub fn of_test() -> Option<Self> {
        lookup(c"_ZN2v87Isolate10GetCurrentEv").is_none().then_some(Self(std::ptr::dangling_mut()))
    }

    /// The isolate entered on this thread, where V8 exports the symbol.
    #[must_use]
    pub fn current() -> Option<Self> {
        type GetCurrent = unsafe extern "C" fn() -> *mut c_void;
        static FUNCTION: OnceLock<Option<GetCurrent>> = OnceLock::new();
        let function = (*FUNCTION.get_or_init(|| {
            let address = lookup(c"_ZN2v87Isolate10GetCurrentEv")?;
            // SAFETY: v8::Isolate::GetCurrent is a static member without arguments.
            Some(unsafe { transmute::<*mut c_void, GetCurrent>(address) })
        }))?;
        // SAFETY: it reads a thread-local and may be called on any thread.
        let isolate = unsafe { function() };
        (!isolate.is_null()).then_some(Self(isolate))
    }

    /// None that exists, for models of what does not look into it.
    #[cfg(all(test, models))]
    pub fn dangling() -> Self {
        Self(std::ptr::null_mut())
    }

    /// The address, for the functions of V8 that take an isolate.
    #[must_use]
    pub fn as_ptr(self) -> *mut c_void {
        self.0
    }
}

/// The members that we use, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeapStatistics {
    /// Memory that the heap has committed.
    pub total: u64,
    /// Live and not yet collected objects.
    pub used: u64,
    /// The limit at which V8 gives up.
    pub limit: u64,
    /// Memory outside the heap that objects keep alive (Buffers, WebAssembly memory).
    pub external: u64,
}

/// Words that V8 may write: 14 members on Node 18 to 26, the rest is room for later ones.
const WORDS: usize = 32;
const TOTAL: usize = 0;
const USED: usize = 4;
const LIMIT: usize = 5;
const EXTERNAL: usize = 7;

struct Functions {
    construct: unsafe extern "C" fn(*mut u64),
    get: unsafe extern "C" fn(*mut c_void, *mut u64),
}

fn functions() -> Option<&'static Functions> {
    static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();
    FUNCTIONS
        .get_or_init(|| {
            let construct = lookup(c"_ZN2v814HeapStatisticsC1Ev")?;
            let get = lookup(c"_ZN2v87Isolate17GetHeapStatisticsEPNS_14HeapStatisticsE")?;
            // SAFETY: the constructor takes `this`; the member function takes the isolate as
            // `this` and the statistics. Both follow the Itanium ABI on every unix target.
            Some(unsafe {
                Functions {
                    construct: transmute::<*mut c_void, unsafe extern "C" fn(*mut u64)>(construct),
                    get: transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void, *mut u64)>(get),
                }
            })
        })
        .as_ref()
}

impl HeapStatistics {
    /// Reads them, whether verified or not.
    ///
    /// # Safety
    /// `isolate` is alive and entered on this thread. V8's own collection callbacks may call it.
    #[must_use]
    pub unsafe fn read(isolate: Isolate) -> Option<Self> {
        let functions = functions()?;
        let mut words = [0u64; WORDS];
        // SAFETY: the buffer is larger than the class on every version (checked by `verify`
        // through the members' values), the isolate is the caller's promise.
        unsafe {
            (functions.construct)(words.as_mut_ptr());
            (functions.get)(isolate.as_ptr(), words.as_mut_ptr());
        }
        Some(Self {
            total: words[TOTAL],
            used: words[USED],
            limit: words[LIMIT],
            external: words[EXTERNAL],
        })
    }

    /// Whether these words mean what we think: `node` is what `v8.getHeapStatistics()` gave a
    /// moment ago. The limit is equal; the others may have moved by an allocation or a collection.
    ///
    /// # Errors
    /// The reason, for `plimsoll doctor`.
    pub fn verify(&self, node: &Self) -> Result<(), String> {
        let near = |ours: u64, nodes: u64| ours.abs_diff(nodes) <= nodes / 4 + (4 << 20);
        for (name, ours, nodes, equal) in [
            ("heap_size_limit", self.limit, node.limit, true),
            ("total_heap_size", self.total, node.total, false),
            ("used_heap_size", self.used, node.used, false),
            ("external_memory", self.external, node.external, false),
        ] {
            if if equal { ours != nodes } else { !near(ours, nodes) } {
                return Err(format!(
                    "v8::HeapStatistics has another layout here: {name} reads {ours}, Node says {nodes}"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_layout_does_not_verify() {
        let node =
            HeapStatistics { total: 60 << 20, used: 40 << 20, limit: 2 << 30, external: 2 << 20 };
        assert_eq!(node.verify(&node), Ok(()));
        let moved = HeapStatistics { used: 42 << 20, ..node };
        assert_eq!(moved.verify(&node), Ok(()), "an allocation in between");
        let shifted = HeapStatistics { total: 2 << 30, used: 0, limit: 60 << 20, external: 0 };
        assert!(shifted.verify(&node).unwrap_err().contains("heap_size_limit"));
        let swapped = HeapStatistics { used: 2 << 20, external: 40 << 20, ..node };
        assert!(swapped.verify(&node).is_err());
    }
}
