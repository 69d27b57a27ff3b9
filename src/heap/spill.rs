//! Spilling to disk: the allocator of the analyzer's process puts large allocations into files that have no name, where
//! the caller has chosen a folder for them. The kernel can then write their pages to the disk where memory is short, as
//! in a container that is almost full of the service. Without a folder, and on other systems than Linux, all memory is
//! anonymous.
//!
//! A file has all of its blocks before it is used, so a disk that fills up later does not end the process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::CString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Allocations of so many bytes and more are in files.
const LARGE: usize = 1 << 20;

/// The folder.
static FOLDER: Mutex<Option<CString>> = Mutex::new(None);
/// Whether there is one: what most allocations look at.
static IS_ON: AtomicBool = AtomicBool::new(false);
/// How the process ends where a file cannot be made.
static END: Mutex<Option<SpillEnd>> = Mutex::new(None);
/// Why the last file could not be made, unless it is a limit on the memory of this process.
static REFUSED: Mutex<Option<String>> = Mutex::new(None);
/// Addresses of the allocations that are in files.
static IN_FILES: Mutex<Vec<usize>> = Mutex::new(Vec::new());

thread_local! {
    /// Whether this thread goes on without the allocation that it asks for.
    static MAY_FAIL: Cell<bool> = const { Cell::new(false) };
}

/// The end of a process that has nowhere to spill to.
#[derive(Debug, Clone)]
pub struct SpillEnd {
    /// Its code.
    pub code: i32,
    /// What its standard error has.
    pub text: String,
}

/// Has this process put large allocations into files of a folder from now on. With an `end`, the process ends so where
/// a file cannot be made for an allocation that cannot fail: nothing unwinds from there.
///
/// # Errors
/// Where this is not Linux, or no file without a name can be made there, as on a file system in memory. The text says
/// why.
pub fn spill_into(folder: &Path, end: Option<SpillEnd>) -> Result<(), String> {
    let name = CString::new(folder.as_os_str().as_encoded_bytes())
        .map_err(|_| "its name has a zero byte".to_owned())?;
    file::check(&name)?;
    *lock(&FOLDER) = Some(name);
    *lock(&END) = end;
    *lock(&REFUSED) = None;
    IS_ON.store(true, Ordering::Relaxed);
    Ok(())
}

/// Runs what goes on without the memory that it asks for.
pub fn fallible<T>(run: impl FnOnce() -> T) -> T {
    let before = MAY_FAIL.replace(true);
    let result = run();
    MAY_FAIL.set(before);
    result
}

/// The folder and why it takes no more, where that is so.
pub fn refusal() -> Option<(PathBuf, String)> {
    let why = lock(&REFUSED).clone()?;
    let folder = lock(&FOLDER).clone()?;
    Some((PathBuf::from(folder.to_string_lossy().into_owned()), why))
}

/// A file could not be made. The process ends if the allocation cannot fail and it is to end so.
#[cold]
fn refuse(error: &io::Error) {
    // What is allocated here is small.
    let is_limit = error.kind() == io::ErrorKind::OutOfMemory;
    *lock(&REFUSED) = (!is_limit).then(|| error.to_string());
    if MAY_FAIL.try_with(Cell::get).unwrap_or(true) {
        return;
    }
    if let Some(SpillEnd { code, text }) = lock(&END).clone() {
        let _ = writeln!(io::stderr(), "{text} ({error})");
        file::exit(code);
    }
}

/// All of them are whole whenever a thread has them.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The system's allocator, and files.
#[derive(Debug)]
pub struct Spilling;

impl Spilling {
    /// Memory in a file; null where the disk is full. Other memory would end a container that has no more of it.
    fn map(bytes: usize) -> *mut u8 {
        let folder = lock(&FOLDER);
        let mapped = folder.as_ref().map(|folder| file::map(folder, bytes));
        drop(folder);
        let at = match mapped {
            Some(Ok(at)) => at,
            Some(Err(error)) => {
                refuse(&error);
                return ptr::null_mut();
            }
            None => return ptr::null_mut(),
        };
        // The list's own allocations are small, so they do not come here.
        lock(&IN_FILES).push(at as usize);
        at
    }

    /// Whether an allocation was in a file, which it no longer is then.
    fn forget(at: *mut u8) -> bool {
        let mut known = lock(&IN_FILES);
        let found = known.iter().rposition(|&address| address == at as usize);
        found.is_some_and(|index| {
            known.swap_remove(index);
            true
        })
    }
}

// SAFETY: an allocation is the system's or a mapping of its own of at least its size, whose address is in `IN_FILES`
// from its beginning to its end.
unsafe impl GlobalAlloc for Spilling {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= LARGE && IS_ON.load(Ordering::Relaxed) {
            return Self::map(layout.size());
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= LARGE && IS_ON.load(Ordering::Relaxed) {
            return Self::map(layout.size()); // a new file is zeroes
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let is_large = layout.size() >= LARGE || size >= LARGE;
        if !is_large || !IS_ON.load(Ordering::Relaxed) {
            // SAFETY: the caller's promises are passed on.
            return unsafe { System.realloc(at, layout, size) };
        }
        // SAFETY: the size is the caller's, and not zero; the alignment was one before.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both are allocations of at least these bytes, and different ones.
            unsafe {
                ptr::copy_nonoverlapping(at, new, layout.size().min(size));
                self.dealloc(at, layout);
            }
        }
        new
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if layout.size() >= LARGE && IS_ON.load(Ordering::Relaxed) && Self::forget(at) {
            file::unmap(at, layout.size());
            return;
        }
        // SAFETY: the caller's promises are passed on; it is not in a file.
        unsafe { System.dealloc(at, layout) }
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
mod file {
    use std::ffi::{CStr, CString};
    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    use std::ptr;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// File systems whose files are memory.
    const IN_MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58f6];

    /// Why no file of a folder can have columns.
    pub fn check(folder: &CStr) -> Result<(), String> {
        // SAFETY: plain data, for which all zeroes is a value.
        let mut about: libc::statfs = unsafe { std::mem::zeroed() };
        // SAFETY: a name that ends, and a local that outlives the call.
        if unsafe { libc::statfs(folder.as_ptr(), &raw mut about) } != 0 {
            return Err(io::Error::last_os_error().to_string());
        }
        #[allow(
            clippy::unnecessary_cast,
            clippy::cast_possible_wrap,
            reason = "the type differs between C libraries"
        )]
        let of = about.f_type as i64;
        if IN_MEMORY.contains(&of) {
            return Err("its files are in memory".to_owned());
        }
        let file = nameless(folder).map_err(|error| error.to_string())?;
        reserve(&file, 1).map_err(|error| error.to_string())
    }

    /// A file of a folder that only this process has.
    fn nameless(folder: &CStr) -> io::Result<OwnedFd> {
        let access = libc::O_RDWR | libc::O_EXCL | libc::O_CLOEXEC;
        match open(folder, libc::O_TMPFILE | access) {
            Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR)) => {
                static COUNT: AtomicU64 = AtomicU64::new(0);
                let number = COUNT.fetch_add(1, Ordering::Relaxed);
                let own = format!("/.plimsoll-{}-{number}.spill", std::process::id());
                let path = CString::new([folder.to_bytes(), own.as_bytes()].concat())?;
                let file = open(&path, libc::O_CREAT | libc::O_NOFOLLOW | access)?;
                // SAFETY: a name that ends.
                unsafe { libc::unlink(path.as_ptr()) };
                Ok(file)
            }
            opened => opened,
        }
    }

    fn open(path: &CStr, flags: i32) -> io::Result<OwnedFd> {
        // SAFETY: a name that ends.
        let file = unsafe { libc::open(path.as_ptr(), flags, 0o600) };
        if file < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was opened here.
        Ok(unsafe { OwnedFd::from_raw_fd(file) })
    }

    fn reserve(file: &OwnedFd, bytes: usize) -> io::Result<()> {
        let bytes = libc::off_t::try_from(bytes).map_err(io::Error::other)?;
        // SAFETY: the file is open.
        match unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, bytes) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Zeroes in a file.
    pub fn map(folder: &CString, bytes: usize) -> io::Result<*mut u8> {
        let file = nameless(folder)?;
        reserve(&file, bytes)?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let fd = file.as_raw_fd();
        // SAFETY: a new mapping of an open file, wherever the kernel has room.
        let at = unsafe { libc::mmap(ptr::null_mut(), bytes, access, libc::MAP_SHARED, fd, 0) };
        if at == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(at.cast()) }
    }

    /// Ends the process without its exit handlers: they may wait for the allocation.
    pub fn exit(code: i32) -> ! {
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(code) }
    }

    /// Ends a mapping of [`map`], and with it the file.
    pub fn unmap(at: *mut u8, bytes: usize) {
        // SAFETY: the mapping is whole, and its owner does not use it any more.
        unsafe { libc::munmap(at.cast(), bytes) };
    }
}

/// Miri maps no files: memory of its own stands for them.
#[cfg(miri)]
mod file {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::ffi::{CStr, CString};
    use std::io;

    const PAGE: usize = 4096;

    pub fn check(_: &CStr) -> Result<(), String> {
        Ok(())
    }

    pub fn map(folder: &CString, bytes: usize) -> io::Result<*mut u8> {
        std::fs::metadata(folder.to_string_lossy().as_ref())?;
        let layout = Layout::from_size_align(bytes, PAGE).map_err(io::Error::other)?;
        // SAFETY: the size is that of a large allocation.
        Ok(unsafe { System.alloc_zeroed(layout) })
    }

    pub fn exit(code: i32) -> ! {
        std::process::exit(code)
    }

    pub fn unmap(at: *mut u8, bytes: usize) {
        // SAFETY: as `map` allocated it.
        unsafe { System.dealloc(at, Layout::from_size_align_unchecked(bytes, PAGE)) };
    }
}

#[cfg(all(not(target_os = "linux"), not(miri)))]
mod file {
    use std::ffi::{CStr, CString};
    use std::io;

    pub fn check(_: &CStr) -> Result<(), String> {
        Err("memory is kept in files on Linux only".to_owned())
    }

    pub fn map(_: &CString, _: usize) -> io::Result<*mut u8> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn exit(code: i32) -> ! {
        std::process::exit(code)
    }

    pub fn unmap(_: *mut u8, _: usize) {}
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes, 16).unwrap()
    }

    /// Whether an address is of a file of the folder, as the kernel lists it.
    fn is_in_file(at: *mut u8, folder: &Path) -> bool {
        if cfg!(miri) {
            return lock(&IN_FILES).contains(&(at as usize));
        }
        let start = format!("{:x}-", at as usize);
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.starts_with(&start));
        line.is_some_and(|line| line.contains(folder.to_str().unwrap()))
    }

    /// Whether an allocation begins with so many bytes of a value.
    ///
    /// # Safety
    /// It has them.
    unsafe fn has(at: *const u8, bytes: usize, value: u8) -> bool {
        const PIECE: usize = 4096;
        // SAFETY: the caller's promise.
        let all = unsafe { std::slice::from_raw_parts(at, bytes) };
        all.chunks(PIECE).all(|piece| piece == &[value; PIECE][..piece.len()])
    }

    #[test]
    fn large_allocations_are_in_files_and_keep_what_they_hold() {
        let dir = std::env::temp_dir().join(format!("plimsoll-spill-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let folder = std::fs::canonicalize(&dir).unwrap();
        // The first one is made before there is a folder, as what the process begins with.
        // SAFETY: each allocation is used within its size, until it is freed or moved.
        unsafe {
            let before = Spilling.alloc(layout(2 * LARGE));
            before.write_bytes(7, 2 * LARGE);
            spill_into(&folder, None).unwrap();
            let zeroes = Spilling.alloc_zeroed(layout(LARGE));
            assert!(is_in_file(zeroes, &folder));
            assert!(has(zeroes, LARGE, 0));
            zeroes.write_bytes(3, LARGE);
            let grown = Spilling.realloc(zeroes, layout(LARGE), 3 * LARGE + 5);
            assert!(is_in_file(grown, &folder) && !is_in_file(zeroes, &folder));
            let shrunk = Spilling.realloc(grown, layout(3 * LARGE + 5), 100);
            assert!(!is_in_file(shrunk, &folder));
            assert!(has(shrunk, 100, 3));
            let small = Spilling.alloc(layout(LARGE - 1));
            assert!(!is_in_file(small, &folder));
            let moved = Spilling.realloc(before, layout(2 * LARGE), 4 * LARGE);
            assert!(is_in_file(moved, &folder));
            assert!(has(moved, 2 * LARGE, 7));
            Spilling.dealloc(moved, layout(4 * LARGE));
            Spilling.dealloc(small, layout(LARGE - 1));
            Spilling.dealloc(shrunk, layout(100));
        }
        assert_eq!(*lock(&IN_FILES), [0_usize; 0]);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "they have no name");
        // A folder that is gone, or full, has no memory.
        std::fs::remove_dir(&folder).unwrap();
        assert_eq!(refusal(), None);
        // SAFETY: nothing is allocated.
        assert!(unsafe { Spilling.alloc(layout(LARGE)) }.is_null());
        let (at, why) = refusal().unwrap();
        assert_eq!(at, folder);
        assert!(why.contains("No such file"), "{why}");
    }

    #[test]
    fn memory_is_no_place_to_spill_to() {
        assert!(spill_into(Path::new("/dev/shm"), None).unwrap_err().contains("in memory"));
        assert!(spill_into(Path::new("/nowhere"), None).is_err());
        assert!(spill_into(Path::new("/pro\0c"), None).is_err());
    }
}
