//! V8's sampling heap profiler: starting and stopping it (v8-profiler.h).
//!
//! Reading it is left to an inspector session, which needs no layout of ours. Starting it is not: the
//! inspector does not show whether another profiler runs it, and it requests a full collection at
//! each read (`kSamplingForceGC`).

use std::ffi::{CStr, c_int, c_void};
use std::sync::OnceLock;

use super::lookup;

type GetIsolate = unsafe extern "C" fn() -> *mut c_void;
type GetProfiler = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
type Start = unsafe extern "C" fn(*mut c_void, u64, c_int, c_int) -> bool;
type Stop = unsafe extern "C" fn(*mut c_void);

/// `HeapProfiler::kSamplingNoFlags`: no collection at a read, dead objects leave the profile.
const NO_FLAGS: c_int = 0;

/// V8's functions, found in the running executable.
#[derive(Debug)]
pub struct SamplingProfiler {
    get_isolate: GetIsolate,
    get_profiler: GetProfiler,
    start: Start,
    stop: Stop,
}

impl SamplingProfiler {
    /// The functions of this process, or the name of one that is missing.
    ///
    /// # Errors
    /// Where a symbol is missing.
    pub fn find() -> Result<&'static Self, &'static str> {
        static FOUND: OnceLock<Result<SamplingProfiler, &'static str>> = OnceLock::new();
        FOUND.get_or_init(Self::look_up).as_ref().map_err(|missing| *missing)
    }

    fn look_up() -> Result<Self, &'static str> {
        let symbol = |name: &'static CStr| lookup(name).ok_or(name.to_str().unwrap_or_default());
        let get_isolate = symbol(c"_ZN2v87Isolate10GetCurrentEv")?;
        let get_profiler = symbol(c"_ZN2v87Isolate15GetHeapProfilerEv")?;
        let start =
            symbol(c"_ZN2v812HeapProfiler25StartSamplingHeapProfilerEmiNS0_13SamplingFlagsE")?;
        let stop = symbol(c"_ZN2v812HeapProfiler24StopSamplingHeapProfilerEv")?;
        // SAFETY: each signature is that of the function which its mangled name declares: `this` first,
        // then unsigned long, int and an enum of int size; `start` gives a bool.
        unsafe {
            Ok(Self {
                get_isolate: std::mem::transmute::<*mut c_void, GetIsolate>(get_isolate),
                get_profiler: std::mem::transmute::<*mut c_void, GetProfiler>(get_profiler),
                start: std::mem::transmute::<*mut c_void, Start>(start),
                stop: std::mem::transmute::<*mut c_void, Stop>(stop),
            })
        }
    }

    /// Starts sampling the isolate of this thread, a sample every `interval` bytes on average with
    /// `depth` frames. False where the isolate's one profiler already runs, or none is current.
    ///
    /// # Safety
    /// The thread must be one on which V8 allows an allocation: a call from JS.
    #[must_use]
    pub unsafe fn start(&self, interval: u64, depth: u16) -> bool {
        // SAFETY: V8 wants an interval above 0; the caller vouches for the moment, `profiler` for the rest.
        self.profiler().is_some_and(|profiler| unsafe {
            (self.start)(profiler, interval.max(1), c_int::from(depth), NO_FLAGS)
        })
    }

    /// Stops it and drops its samples.
    ///
    /// # Safety
    /// As for [`start`](Self::start), on the same thread; only where it was started by us.
    pub unsafe fn stop(&self) {
        if let Some(profiler) = self.profiler() {
            // SAFETY: the caller vouches for the moment; stopping a stopped one does nothing.
            unsafe { (self.stop)(profiler) };
        }
    }

    fn profiler(&self) -> Option<*mut c_void> {
        // SAFETY: takes nothing; gives the isolate of this thread or null.
        let isolate = unsafe { (self.get_isolate)() };
        // SAFETY: a current isolate is alive, and has a heap profiler as long as it lives.
        (!isolate.is_null()).then(|| unsafe { (self.get_profiler)(isolate) })
    }
}
