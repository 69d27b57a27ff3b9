//! What the C allocator keeps of what was freed: `mallinfo2` of glibc 2.33 and later.
//!
//! Looked up at run time, and believed only where it sees an allocation of ours: with another allocator
//! preloaded glibc still has the function, and it counts nothing.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::thread;

/// `struct mallinfo2` (malloc.h).
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Mallinfo2 {
    arena: usize,
    ordblks: usize,
    smblks: usize,
    hblks: usize,
    hblkhd: usize,
    usmblks: usize,
    fsmblks: usize,
    uordblks: usize,
    fordblks: usize,
    keepcost: usize,
}

/// Bytes of all arenas, chunks that were mapped on their own left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malloc {
    /// In the hands of the program.
    pub used: u64,
    /// Free, and kept.
    pub free: u64,
}

/// What the allocator says; `None` where it is not glibc's.
#[must_use]
pub fn read() -> Option<Malloc> {
    function().map(call)
}

type Function = unsafe extern "C" fn() -> Mallinfo2;

fn function() -> Option<Function> {
    static FUNCTION: OnceLock<Option<Function>> = OnceLock::new();
    *FUNCTION.get_or_init(verified)
}

fn call(function: Function) -> Malloc {
    // SAFETY: mallinfo2 takes nothing and locks what it reads.
    let info = unsafe { function() };
    Malloc { used: info.uordblks as u64, free: info.fordblks as u64 }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn verified() -> Option<Function> {
    // SAFETY: dlsym takes any NUL-terminated name; RTLD_DEFAULT needs no handle.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"mallinfo2".as_ptr()) };
    if address.is_null() {
        return None;
    }
    // SAFETY: the name is glibc's alone, and this is its signature.
    let function = unsafe { std::mem::transmute::<*mut libc::c_void, Function>(address) };
    // Other threads may free as much meanwhile: a second and a third look tell.
    (0..3).any(|_| sees_an_allocation(function)).then_some(function)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn verified() -> Option<Function> {
    None
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn sees_an_allocation(function: Function) -> bool {
    const PIECES: usize = 8;
    // Below the threshold from which a chunk is mapped on its own.
    const PIECE: usize = 96 << 10;
    let before = call(function).used;
    let pieces: Vec<Vec<u8>> =
        (0..PIECES).map(|_| std::hint::black_box(Vec::with_capacity(PIECE))).collect();
    let gained = call(function).used.saturating_sub(before);
    drop(pieces);
    (PIECES * PIECE / 2..PIECES * PIECE * 2).contains(&(gained as usize))
}

/// Gives the pages that are free in the arenas back to the kernel. Nothing happens where the allocator is not glibc's.
pub fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if function().is_some() {
        // SAFETY: the function takes the arenas' locks, and any thread may call it.
        unsafe { libc::malloc_trim(0) };
    }
}

/// Readings that take a bounded share of the time: one walks the free chunks of every arena, under its lock.
#[derive(Debug)]
pub struct MallocReader {
    read: fn() -> Option<Malloc>,
    /// When it was last read, and how long it rests then at least.
    last: Option<(Instant, Duration)>,
}

/// A reading waits for so many times the processor time that the last one took.
const REST: u32 = 2000;

impl MallocReader {
    /// Of the allocator by `read`.
    #[must_use]
    pub fn new(read: fn() -> Option<Malloc>) -> Self {
        Self { read, last: None }
    }

    /// A reading, if the last one was a period ago.
    pub fn read(&mut self, now: Instant, period: Duration) -> Option<Malloc> {
        let is_early = |(last, rest): (Instant, Duration)| now < last + rest.max(period);
        if self.last.is_some_and(is_early) {
            return None;
        }
        let begun = thread::cpu_time();
        let malloc = (self.read)();
        let took = thread::cpu_time().saturating_sub(begun);
        self.last = Some((now, took * REST));
        malloc
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    /// Whether the C library's own allocator serves this process. A sanitizer's is in the program itself, one that is
    /// preloaded in another library. Valgrind replaces glibc's in its place.
    fn is_glibcs() -> bool {
        // SAFETY: Dl_info is plain data, for which all zeroes is a value.
        let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
        // SAFETY: the address is that of a function, `info` outlives the call.
        let found = unsafe { libc::dladdr(libc::malloc as *const _, &raw mut info) };
        assert!(found != 0 && !info.dli_fname.is_null());
        // SAFETY: dladdr gave a NUL-terminated name, which lives as long as the library is loaded.
        let file = unsafe { std::ffi::CStr::from_ptr(info.dli_fname) }.to_string_lossy();
        let preloaded = std::env::var("LD_PRELOAD").unwrap_or_default();
        file.contains("libc.so") && !preloaded.contains("vgpreload")
    }

    #[test]
    fn the_figures_are_off_under_another_allocator() {
        assert_eq!(read().is_some(), is_glibcs());
    }

    /// In a process of its own: the figures are of all threads, and other tests allocate meanwhile.
    #[test]
    fn what_is_freed_between_what_stays_is_kept() {
        const ALONE: &str = "TEST_ALONE";
        if std::env::var_os(ALONE).is_none() {
            let (_crate, module) = module_path!().split_once("::").unwrap();
            let test = format!("{module}::what_is_freed_between_what_stays_is_kept");
            let output = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", &test])
                .env(ALONE, "1")
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains("1 passed"), "{said}");
            return;
        }
        if !is_glibcs() {
            return;
        }
        const PIECE: usize = 5000;
        let before = read().unwrap();
        let mut pieces: Vec<Option<Box<[u8]>>> =
            (0..20_000).map(|_| Some(vec![1u8; PIECE].into_boxed_slice())).collect();
        let full = read().unwrap();
        assert!(full.used >= before.used + 15_000 * PIECE as u64, "{before:?} {full:?}");
        pieces.iter_mut().step_by(2).for_each(|piece| *piece = None);
        let half = read().unwrap();
        assert!(half.used + 7_000 * PIECE as u64 <= full.used, "{full:?} {half:?}");
        assert!(half.free >= full.free + 7_000 * PIECE as u64, "{full:?} {half:?}");
    }

    #[test]
    fn a_reading_is_not_repeated_before_its_time() {
        let figures = || Some(Malloc { used: 1, free: 2 });
        let (mut reader, period) = (MallocReader::new(figures), Duration::from_secs(10));
        let now = Instant::now();
        assert!(reader.read(now, period).is_some());
        assert_eq!(reader.read(now + Duration::from_secs(9), period), None);
        assert!(reader.read(now + Duration::from_secs(600), period).is_some());
    }
}
