//! V8's heap profiler: taking a heap snapshot and writing it out (v8-profiler.h).

use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use super::heap_statistics::Isolate;
use super::{lookup, missing};

type GetProfiler = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
type Take = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_void, bool, bool) -> *mut c_void;
type Serialize = unsafe extern "C" fn(*const c_void, *mut c_void, c_int);
type Delete = unsafe extern "C" fn(*mut c_void);
type GetVersion = unsafe extern "C" fn() -> *const c_char;

/// V8's functions, found in the running executable.
#[derive(Debug)]
pub struct Profiler {
    get_profiler: GetProfiler,
    take: Take,
    serialize: Serialize,
    delete: Delete,
}

/// V8 versions on which the calls below were shown to work: those of Node 20, 22, 24 and 26. The
/// layout of a vtable cannot be verified from within, so another version gets no call from us.
const SHOWN: [(u32, u32); 4] = [(11, 3), (12, 4), (13, 6), (14, 6)];

impl Profiler {
    /// The functions of this process, or why they cannot be used.
    ///
    /// # Errors
    /// Where a symbol is missing or the V8 is one on which they were not shown to work.
    pub fn find() -> Result<&'static Self, String> {
        static FOUND: OnceLock<Result<Profiler, String>> = OnceLock::new();
        FOUND.get_or_init(Self::look_up).as_ref().map_err(Clone::clone)
    }

    fn look_up() -> Result<Self, String> {
        let symbol =
            |name: &'static CStr| lookup(name).ok_or_else(|| missing(&name.to_string_lossy()));
        let take = symbol(
            c"_ZN2v812HeapProfiler16TakeHeapSnapshotEPNS_15ActivityControlEPNS0_18ObjectNameResolverEbb",
        )
        .or_else(|_| {
            symbol(c"_ZN2v812HeapProfiler16TakeHeapSnapshotEPNS_15ActivityControlEPNS0_19ContextNameResolverEbb")
        })?;
        // SAFETY: `Version::GetVersion()` takes nothing and gives a static NUL-terminated text.
        let version = unsafe {
            let get: GetVersion = std::mem::transmute(symbol(c"_ZN2v82V810GetVersionEv")?);
            CStr::from_ptr(get()).to_string_lossy()
        };
        if parse_version(&version).is_none_or(|version| !SHOWN.contains(&version)) {
            return Err(format!("V8 {version} is not one that plimsoll was tested with"));
        }
        // SAFETY: each signature is that of the function that its mangled name declares (the name
        // holds the parameter types): `this` first, pointers, bools, an enum of int size.
        unsafe {
            Ok(Self {
                get_profiler: std::mem::transmute::<*mut c_void, GetProfiler>(symbol(
                    c"_ZN2v87Isolate15GetHeapProfilerEv",
                )?),
                take: std::mem::transmute::<*mut c_void, Take>(take),
                serialize: std::mem::transmute::<*mut c_void, Serialize>(symbol(
                    c"_ZNK2v812HeapSnapshot9SerializeEPNS_12OutputStreamENS0_19SerializationFormatE",
                )?),
                delete: std::mem::transmute::<*mut c_void, Delete>(symbol(
                    c"_ZN2v812HeapSnapshot6DeleteEv",
                )?),
            })
        }
    }

    /// Takes a snapshot of the isolate that is current on this thread, which stands still until it
    /// is done. `None` where no isolate is current.
    ///
    /// # Safety
    /// The thread must be one on which V8 allows a collection: a call from JS, an interrupt, or a
    /// near-heap-limit callback; never from within a collection.
    #[must_use]
    pub unsafe fn take(&self) -> Option<V8Snapshot<'_>> {
        let isolate = Isolate::current()?;
        // SAFETY: the isolate is current on this thread, by which it is alive and ours to use; no
        // control and no name resolver are allowed to be null; the caller vouches for the moment.
        // The flags: expose no internals as Node does by default, no numeric values.
        let snapshot = unsafe {
            let profiler = (self.get_profiler)(isolate.as_ptr());
            (self.take)(profiler, std::ptr::null_mut(), std::ptr::null_mut(), true, false)
        };
        (!snapshot.is_null()).then_some(V8Snapshot {
            functions: self,
            snapshot,
            thread: PhantomData,
        })
    }
}

/// The major and minor version of the running V8.
///
/// # Errors
/// Where the symbol is missing.
pub fn version() -> Result<(u32, u32), String> {
    let symbol = c"_ZN2v82V810GetVersionEv";
    let address = lookup(symbol).ok_or_else(|| missing(&symbol.to_string_lossy()))?;
    // SAFETY: `Version::GetVersion()` takes nothing and gives a static NUL-terminated text.
    let text = unsafe {
        let get = std::mem::transmute::<*mut c_void, GetVersion>(address);
        CStr::from_ptr(get()).to_string_lossy()
    };
    parse_version(&text).ok_or_else(|| format!("V8's version is {text}"))
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// A snapshot in V8's memory; it goes with the value. Not `Send`: deleting it is for its thread.
#[derive(Debug)]
pub struct V8Snapshot<'a> {
    functions: &'a Profiler,
    snapshot: *mut c_void,
    thread: PhantomData<*mut ()>,
}

impl V8Snapshot<'_> {
    /// Writes the snapshot as JSON, piece by piece, until `write` says false. True when all of it
    /// was written.
    pub fn serialize(&self, write: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let mut stream = Stream { vtable: &raw const VTABLE.drop_complete, write, ended: false };
        // SAFETY: `stream` is laid out as a v8::OutputStream (see `VTable`) and outlives the call,
        // during which alone V8 uses it; 0 is kJSON.
        unsafe { (self.functions.serialize)(self.snapshot, (&raw mut stream).cast(), 0) };
        stream.ended
    }
}

impl Drop for V8Snapshot<'_> {
    fn drop(&mut self) {
        // SAFETY: nothing uses the snapshot any more, and this is the thread that made it.
        unsafe { (self.functions.delete)(self.snapshot) };
    }
}

/// A `v8::OutputStream`: the pointer to its virtual functions, then what is ours.
#[repr(C)]
struct Stream<'a> {
    vtable: *const extern "C" fn(*mut Stream<'static>),
    write: &'a mut dyn FnMut(&[u8]) -> bool,
    ended: bool,
}

/// The virtual table by the Itanium C++ ABI, 2.5.2: offset to top, type information (V8 is built
/// without), then the functions in the order in which v8-profiler.h declares them. An object
/// points to the first function.
#[repr(C)]
struct VTable {
    offset_to_top: isize,
    type_information: usize,
    drop_complete: extern "C" fn(*mut Stream<'static>),
    drop_deleting: extern "C" fn(*mut Stream<'static>),
    end_of_stream: unsafe extern "C" fn(*mut Stream<'static>),
    get_chunk_size: extern "C" fn(*mut Stream<'static>) -> c_int,
    write_ascii_chunk: unsafe extern "C" fn(*mut Stream<'static>, *const u8, c_int) -> c_int,
    write_heap_stats_chunk: extern "C" fn(*mut Stream<'static>, *mut c_void, c_int) -> c_int,
}

static VTABLE: VTable = VTable {
    offset_to_top: 0,
    type_information: 0,
    // V8 never owns the stream: the destructors have nothing to do.
    drop_complete: ignore,
    drop_deleting: ignore,
    end_of_stream,
    get_chunk_size,
    write_ascii_chunk,
    write_heap_stats_chunk,
};

const CONTINUE: c_int = 0;
const ABORT: c_int = 1;

extern "C" fn ignore(_: *mut Stream<'static>) {}

unsafe extern "C" fn end_of_stream(stream: *mut Stream<'static>) {
    // SAFETY: V8 passes the object that `serialize` gave it, which is still borrowed there.
    unsafe { (*stream).ended = true };
}

extern "C" fn get_chunk_size(_: *mut Stream<'static>) -> c_int {
    256 * 1024
}

unsafe extern "C" fn write_ascii_chunk(
    stream: *mut Stream<'static>,
    data: *const u8,
    size: c_int,
) -> c_int {
    // SAFETY: as above; V8 holds no other reference while it waits for the answer.
    let stream = unsafe { &mut *stream };
    let size = usize::try_from(size).unwrap_or(0);
    // SAFETY: V8 passes `size` bytes that it has written.
    let chunk = unsafe { std::slice::from_raw_parts(data, size) };
    // A panic must not unwind into C++.
    match catch_unwind(AssertUnwindSafe(|| (stream.write)(chunk))) {
        Ok(true) => CONTINUE,
        _ => ABORT,
    }
}

extern "C" fn write_heap_stats_chunk(_: *mut Stream<'static>, _: *mut c_void, _: c_int) -> c_int {
    ABORT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(parse_version("11.3.244.8-node.33"), Some((11, 3)));
        assert_eq!(parse_version("14"), None);
        assert_eq!(parse_version(""), None);
    }

    #[test]
    fn without_v8_there_is_a_reason() {
        assert!(Profiler::find().unwrap_err().contains("does not export"));
    }

    #[test]
    fn the_stream_answers_through_its_table() {
        let mut text = Vec::new();
        let mut write = |chunk: &[u8]| {
            text.extend_from_slice(chunk);
            assert!(chunk != b"panic", "expected");
            chunk != b"stop"
        };
        let mut stream =
            Stream { vtable: &raw const VTABLE.drop_complete, write: &mut write, ended: false };
        let this: *mut Stream<'static> = (&raw mut stream).cast();
        let call = |chunk: &[u8]| {
            // SAFETY: as V8 calls it: a stream that lives, and as many bytes as it says.
            unsafe {
                write_ascii_chunk(this, chunk.as_ptr(), c_int::try_from(chunk.len()).unwrap())
            }
        };
        assert_eq!(call(b"a"), CONTINUE);
        assert_eq!(call(b"stop"), ABORT);
        assert_eq!(call(b"panic"), ABORT);
        // SAFETY: as above.
        unsafe { end_of_stream(this) };
        assert!(stream.ended);
        assert_eq!(text, b"astoppanic");
    }
}
