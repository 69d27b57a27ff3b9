//! The parent's side of a heap image.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::canaries::Canaries;
use super::constants;
use super::memory::ProcessMemory;
use super::verify::read as read_canaries;
use super::writer::{Header, Stack, Subject, Writer};
use super::{Destination, OnCollection};
use crate::heap_layout::{self, HeapLayout};
use crate::snapshot::error::SnapshotError;
use crate::snapshot::fork::{BlockedSignals, Child, ForkFailure, Regions};
use crate::snapshot::room::{Heap, RoomWatch};
use crate::snapshot::session::{Request, Session};
use crate::v8::{self, collections, heap_statistics::Isolate, profiler};

/// The processor time of a child, many times what it needs.
const LIFETIME: Duration = Duration::from_secs(300);

/// The layout of this V8 and its instance types by name.
type Known = (&'static HeapLayout, BTreeMap<&'static str, i32>);

fn known() -> &'static Result<Known, String> {
    static KNOWN: OnceLock<Result<Known, String>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let layout = heap_layout::of(profiler::version()?)?;
        Ok((layout, constants::look_up(layout, constant)?))
    })
}

/// The value of a constant of the running executable.
fn constant(symbol: &str) -> Option<i32> {
    let address = v8::lookup(&CString::new(symbol).ok()?)?;
    // SAFETY: each v8dbg_ symbol is an int of static storage (v8, gen-postmortem-metadata.py).
    Some(unsafe { address.cast::<i32>().read_unaligned() })
}

/// What the canaries of the first isolate that was asked have shown.
static VERIFIED: OnceLock<Result<(), String>> = OnceLock::new();

/// Has the layout verified by canaries, once for the process, and the collections of this isolate watched.
///
/// Call it on the thread of an isolate. Between the return of `make` and the end of the call nothing is allocated on
/// V8's heap.
pub fn verify(make: impl FnOnce() -> Option<Canaries>) {
    let isolate = Isolate::current();
    if let Some(isolate) = isolate {
        crate::os::library::pin();
        // SAFETY: on its thread; the library stays loaded.
        unsafe { collections::watch(isolate) };
    }
    VERIFIED.get_or_init(|| {
        let (layout, types) = known().as_ref().map_err(Clone::clone)?;
        let isolate = isolate.ok_or("no isolate is current")?.as_ptr() as usize;
        let canaries = make().ok_or("the objects that verify the layout could not be made")?;
        read_canaries(ProcessMemory::OWN, layout, types, isolate, &canaries)
    });
}

/// Whether heap images are written here, or why not.
///
/// # Errors
/// The reason.
pub fn support() -> Result<(), String> {
    let off = |why: &str| format!("heap images are off: {why}");
    known().as_ref().map_err(|why| off(why))?;
    match VERIFIED.get() {
        Some(Ok(())) => {}
        Some(Err(why)) => return Err(off(why)),
        None => return Err(off("the layout of V8's heap is not verified yet")),
    }
    mappings().map_err(|error| off(&format!("/proc/self/smaps: {error}")))
}

/// Whether images could be written here, and the process may not read its own mappings.
#[must_use]
pub fn is_denied() -> bool {
    known().is_ok() && matches!(VERIFIED.get(), Some(Ok(()))) && mappings().is_err()
}

/// Whether the flags of the mappings can be read. That there is no descriptor, the image itself says.
fn mappings() -> io::Result<()> {
    match File::open("/proc/self/smaps") {
        Err(error) if !matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// The mappings before the fork.
#[derive(Debug)]
pub struct Scene(Regions);

impl Scene {
    /// Reads the flags of all mappings.
    ///
    /// # Errors
    /// [`ForkFailure::Lost`] where procfs cannot be read; [`ForkFailure::Final`] where no descriptor is left.
    pub fn take() -> Result<Self, ForkFailure> {
        Regions::scan().map(Self).map_err(of_procfs)
    }
}

fn of_procfs(error: io::Error) -> ForkFailure {
    ForkFailure::of_io(&error, Path::new("/proc/self"))
}

/// A child that is ready to be forked, with all the memory that it uses, and the image that it has written.
#[derive(Debug)]
pub struct PreparedImage {
    destination: Destination,
    writer: Mutex<Writer>,
    thread: u32,
    nice: u8,
    heap: Heap,
    headroom: Option<f64>,
    /// [`collections::begun`] at the fork.
    collections: AtomicU64,
}

impl PreparedImage {
    /// Allocates what the child needs.
    ///
    /// # Errors
    /// [`ForkFailure::Final`] where images are off.
    pub fn new(session: &Session, destination: Destination) -> Result<Self, ForkFailure> {
        support().map_err(|why| ForkFailure::Final(SnapshotError::Unavailable { why }))?;
        let request = session.request();
        let file = destination.writer().map_err(ForkFailure::Final)?;
        let script = known().as_ref().ok().and_then(|(_, types)| types.get("Script"));
        let script = script.and_then(|&script| u16::try_from(script).ok()).unwrap_or(0);
        let writer = Writer::new(ProcessMemory::OWN, file, request.max_bytes, script)
            .map_err(|what| ForkFailure::Lost(what.to_owned()))?;
        let &Request { thread, nice, heap, headroom, .. } = request;
        let (writer, collections) = (Mutex::new(writer), AtomicU64::new(0));
        Ok(Self { destination, writer, thread, nice, heap, headroom, collections })
    }

    /// Forks the child, which never returns from here.
    ///
    /// # Errors
    /// [`ForkFailure::Lost`] without a current isolate; [`ForkFailure::Killed`] where the kernel refuses.
    ///
    /// # Safety
    /// On a thread whose isolate is current. Inside a collection an image may not be readable.
    pub unsafe fn fork(&self, scene: &Scene) -> Result<Child, ForkFailure> {
        let begun = Instant::now();
        let nowhere = || ForkFailure::Lost("no isolate is current on this thread".into());
        let isolate = Isolate::current().ok_or_else(nowhere)?.as_ptr() as usize;
        let stack = Stack::here().map_err(of_procfs)?;
        let (layout, types) = known().as_ref().map_err(|why| ForkFailure::Lost(why.clone()))?;
        let header = Header::new(std::process::id(), self.thread, layout, isolate, types)
            .bytes()
            .map_err(|error| ForkFailure::Lost(error.to_string()))?;
        let included = scene.0.include().map_err(of_procfs)?;
        let ranges = included.ranges();
        let mut writer = self.writer.lock();
        let signals = BlockedSignals::new();
        self.collections.store(collections::begun(), Ordering::Relaxed);
        // SAFETY: the child runs `Writer::run` alone, which calls the kernel and the prepared compressor.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let subject = Subject { layout, ranges: &ranges, isolate, stack, registers: &[] };
            // SAFETY: this is the child. The descriptor is open in it.
            unsafe { writer.run(&header, &subject, self.nice) }
        }
        let error = io::Error::last_os_error();
        drop(signals);
        drop(included);
        if pid < 0 {
            return Err(ForkFailure::Killed(format!("the kernel refused the fork: {error}")));
        }
        Ok(Child::new(pid, begun.elapsed()))
    }

    /// Waits for the child and returns the size of the image. Until then, what the service writes to exists twice: the
    /// child is killed before the container or the machine is full, and as `on_collection` says.
    ///
    /// # Errors
    /// What became of it instead.
    pub fn wait(&self, child: &Child, on_collection: OnCollection) -> Result<u64, ForkFailure> {
        // The child has the lowest priority, and may not run while the service uses the memory up: this thread looks.
        let mut room = RoomWatch::of_image(self.heap, self.headroom);
        let forked_at = self.collections.load(Ordering::Relaxed);
        let (is_complete, end) = child.watch(LIFETIME, None, || {
            if on_collection == OnCollection::Kill && collections::begun() != forked_at {
                let why = "V8 began a full collection, which rewrites the heap";
                return Err(ForkFailure::Lost(why.into()));
            }
            room.look().map_err(ForkFailure::Final)
        });
        let writer = self.writer.lock();
        let path = self.destination.path();
        if !is_complete {
            return Err(writer.explain(&path, end));
        }
        let metadata = writer.file().metadata();
        let failed = |error: io::Error| ForkFailure::Final(SnapshotError::io(&path, &error));
        metadata.map(|metadata| metadata.len()).map_err(failed)
    }

    /// Where the image is.
    #[must_use]
    pub fn destination(&self) -> &Destination {
        &self.destination
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_is_a_number_of_the_running_executable() {
        // getopt(3) of the C library: the first argument that it looks at, where a service does not use it.
        assert_eq!(constant("optind"), Some(1));
        assert_eq!(constant("program_invocation_name_of_plimsoll"), None);
        assert_eq!(constant("a\0b"), None);
    }

    #[test]
    fn without_v8_there_are_no_images() {
        let why = support().unwrap_err();
        assert!(why.starts_with("heap images are off: "), "{why}");
    }
}
