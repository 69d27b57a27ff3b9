//! The child's side of a heap image: system calls and a prepared compressor, no V8 and no allocation.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use zstd::zstd_safe::{CCtx, CParameter, compress_bound};

use super::sources::ExternalStrings;
use crate::heap_layout::{HeapLayout, PageHeader};
use crate::snapshot::error::{Shortage, SnapshotError};
use crate::snapshot::fork::ForkFailure;

/// What a file begins with, before it is compressed.
const MAGIC: &[u8] = b"plimsoll heap image\n";
/// The size and alignment of V8's pages. Large pages have a multiple of it.
const PAGE: usize = 1 << 18;
/// How far behind the isolate its heap is at most.
const ISOLATE: usize = 0x2_0000;
/// The words of a page's header that are read.
const HEADER: usize = 12;
/// The flag of a page of the half of the young generation that is not in use.
const FROM_SPACE: usize = 8;
const SYSTEM_PAGE: usize = 4096;
/// How much of the isolate behind the start of its heap is searched for handles.
const BEHIND: usize = 0x4000;
/// Handles of a block of global or eternal handles.
const GLOBAL_BLOCK: usize = 256;
/// The bytes of a global handle.
const GLOBAL: usize = 32;
/// Handles of a block of handle scopes.
const SCOPE_BLOCK: usize = 1022;
/// The cells of a segment of the table of code, its bytes, and the bytes that are kept free for it.
const SEGMENT: usize = 1 << 16;
const DISPATCH_TABLE: usize = 1 << 27;
/// The objects that V8 keeps from its start: more than this, in two vectors next to each other.
const LEAST_KEPT: usize = 512;
/// More blocks than a service has.
const MOST_BLOCKS: usize = 1 << 16;

/// Kinds of records. The reader has the same.
mod kind {
    pub const PAGE: u32 = 1;
    pub const ISOLATE: u32 = 2;
    pub const STACK: u32 = 3;
    pub const END: u32 = 4;
    /// A block of global handles.
    pub const GLOBALS: u32 = 5;
    /// As [`PAGE`], of the read-only heap.
    pub const CONSTANTS: u32 = 6;
    /// Handles of scopes, and those that live as long as the isolate.
    pub const HANDLES: u32 = 7;
    /// Line ends of the script at the address, whose source is not in the image: numbers of 32 bits.
    pub const LINES: u32 = 8;
    /// The first characters of the string at the address, which are not on V8's heap.
    pub const TEXT: u32 = 9;
    /// A part of the table that functions have their code from; the address is the offset in the table.
    pub const DISPATCH: u32 = 10;
}

/// Exit codes of the child.
mod code {
    pub const BOUND: i32 = 11;
    pub const NO_PAGES: i32 = 12;
    pub const REFUSED: i32 = 13;
    /// The compressor failed.
    pub const PACKING: i32 = 14;
    /// The file could not be written. The number of the error is added; the largest is 133.
    pub const IO: i32 = 64;
}

/// The stack of a thread, from the current frame to its end.
#[derive(Debug, Clone, Copy)]
pub struct Stack {
    start: usize,
    end: usize,
}

impl Stack {
    /// That of the calling thread.
    ///
    /// # Errors
    /// Where the C library does not know it.
    pub fn here() -> io::Result<Self> {
        let here = 0_usize;
        // SAFETY: the attributes are filled in by pthread_getattr_np and destroyed once.
        unsafe {
            let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
            let failed = libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes);
            if failed != 0 {
                return Err(io::Error::from_raw_os_error(failed));
            }
            let (mut low, mut size) = (std::ptr::null_mut(), 0);
            libc::pthread_attr_getstack(&raw const attributes, &raw mut low, &raw mut size);
            libc::pthread_attr_destroy(&raw mut attributes);
            let start = &raw const here as usize & !7;
            Ok(Self { start, end: (low as usize).saturating_add(size).max(start) })
        }
    }
}

/// Writes an image. Everything that it uses is allocated before the fork.
pub struct Writer {
    file: File,
    compressor: CCtx<'static>,
    /// Bytes that wait for compression: each frame but the last has the same size, so that the compressor keeps
    /// its memory.
    pending: Vec<u8>,
    packed: Vec<u8>,
    copy: Vec<u8>,
    sources: ExternalStrings,
    written: u64,
    max_bytes: u64,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("written", &self.written).finish_non_exhaustive()
    }
}

impl Writer {
    /// Allocates the buffers and the compressor's memory.
    ///
    /// # Errors
    /// Where the compressor refuses.
    pub fn new(file: File, max_bytes: u64, script: u16) -> Result<Self, &'static str> {
        let refused = |_| "the compressor cannot be set up";
        let mut compressor = CCtx::try_create().ok_or("the compressor has no memory")?;
        compressor.set_parameter(CParameter::CompressionLevel(1)).map_err(refused)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true)).map_err(refused)?;
        let mut packed = Vec::with_capacity(compress_bound(PAGE));
        let copy = vec![0; PAGE];
        // The first frame allocates. The following ones have its size.
        compressor.compress2(&mut packed, &copy).map_err(refused)?;
        let pending = Vec::with_capacity(PAGE);
        let sources = ExternalStrings::new(script);
        Ok(Self { file, compressor, pending, packed, copy, sources, written: 0, max_bytes })
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// What the end of a child means that wrote no image.
    pub fn explain(&self, path: &Path, end: ForkFailure) -> ForkFailure {
        let ForkFailure::Lost(what) = &end else { return end };
        let code = what.rsplit(' ').next().and_then(|code| code.parse::<i32>().ok());
        match code {
            Some(code::BOUND) => ForkFailure::Final(SnapshotError::NoRoom {
                place: Shortage::Budget,
                needed: self.max_bytes.saturating_add(1),
                available: self.max_bytes,
            }),
            Some(code) if code >= code::IO => {
                let error = io::Error::from_raw_os_error(code - code::IO);
                ForkFailure::Final(SnapshotError::io(path, &error))
            }
            Some(code::NO_PAGES) => ForkFailure::Final(SnapshotError::Unavailable {
                why: "the pages of V8's heap do not look as expected".into(),
            }),
            Some(code::REFUSED) => ForkFailure::Final(SnapshotError::Unavailable {
                why: "the kernel refuses process_vm_readv".into(),
            }),
            _ => end,
        }
    }

    /// Writes the image and ends the process.
    ///
    /// # Safety
    /// Only in a freshly forked child.
    pub unsafe fn run(
        &mut self,
        header: &[u8],
        layout: &HeapLayout,
        ranges: &[(usize, usize)],
        isolate: usize,
        stack: Stack,
        nice: u8,
    ) -> ! {
        // SAFETY: these concern this process alone; a refusal leaves things as they are.
        unsafe { become_expendable(self.file.as_raw_fd(), nice) };
        let code = match self.image(header, layout, ranges, isolate, stack) {
            Ok(()) => 0,
            Err(code) => code,
        };
        // SAFETY: ends the process at once, without its exit handlers.
        unsafe { libc::_exit(code) }
    }

    fn image(
        &mut self,
        header: &[u8],
        layout: &HeapLayout,
        ranges: &[(usize, usize)],
        isolate: usize,
        stack: Stack,
    ) -> Result<(), i32> {
        self.put(MAGIC)?;
        self.put(&u32::try_from(header.len()).unwrap_or(0).to_le_bytes())?;
        self.put(header)?;
        each_page(&layout.page, ranges, isolate, |base, page| {
            if page.heap != 0 {
                return Ok(());
            }
            let length = page.size.min(self.copy.len());
            copy_memory(base, &mut self.copy[..length])?;
            self.sources.find_maps(base, &self.copy[..length])
        })?;
        let (mut heap, mut pages) = (0, 0_u64);
        each_page(&layout.page, ranges, isolate, |base, page| {
            heap = heap.max(page.heap);
            if page.flags & FROM_SPACE == 0 {
                let kind = if page.heap == 0 { kind::CONSTANTS } else { kind::PAGE };
                self.region(kind, base, page.size, true)?;
                pages += 1;
            }
            Ok(())
        })?;
        if heap == 0 {
            return Err(code::NO_PAGES);
        }
        self.region(kind::ISOLATE, isolate, heap - isolate, false)?;
        self.region(kind::STACK, stack.start, stack.end - stack.start, false)?;
        self.handles(isolate, heap)?;
        self.kept(heap)?;
        self.code(layout, ranges, isolate)?;
        self.outside()?;
        self.record(kind::END, usize::try_from(pages).unwrap_or(0), 0)?;
        self.flush()
    }

    /// What names and lines need of the characters that are not on V8's heap.
    fn outside(&mut self) -> Result<(), i32> {
        let mut sources = std::mem::replace(&mut self.sources, ExternalStrings::none());
        let mut copy = std::mem::take(&mut self.copy);
        let mut write = |kind: u32, at: usize, bytes: &[u8]| {
            if bytes.is_empty() {
                return Ok(());
            }
            self.record(kind, at, bytes.len())?;
            self.put(bytes)
        };
        let result = sources
            .texts(&mut copy, |text, characters| write(kind::TEXT, text, characters))
            .and_then(|()| {
                sources.line_ends(&mut copy, |script, ends| write(kind::LINES, script, ends))
            });
        (self.copy, self.sources) = (copy, sources);
        result
    }

    /// The handles that the isolate refers to behind its heap. Each structure is recognized by the pointers that it
    /// has to itself and to the isolate; what is not recognized is missing from the image.
    fn handles(&mut self, isolate: usize, heap: usize) -> Result<(), i32> {
        let mut copy = [0; 4096];
        for at in (heap..heap + BEHIND).step_by(copy.len()) {
            copy_memory(at, &mut copy)?;
            for bytes in copy.chunks_exact(8) {
                let at = usize::from_le_bytes(bytes.try_into().unwrap_or_default());
                if is_pointer(at) {
                    self.handles_of(at, isolate, heap)?;
                }
            }
        }
        Ok(())
    }

    /// Global handles, blocks of handle scopes or eternal handles, if `at` is the object that has them.
    fn handles_of(&mut self, at: usize, isolate: usize, heap: usize) -> Result<(), i32> {
        let Some(object) = words(at)? else { return Ok(()) };
        if object[0] == isolate {
            for &space in object[1..4].iter().filter(|&&space| is_pointer(space)) {
                let Some([owner, block, ..]) = words(space)? else { continue };
                if owner == at {
                    return self.globals(at, space, block);
                }
            }
            // A vector of blocks: its data, its capacity and its size.
            let [_, data, capacity, size, ..] = object;
            if is_pointer(data) && (1..=capacity).contains(&size) && capacity < MOST_BLOCKS {
                let mut last = [0; 8];
                let is_read = read(data + 8 * (size - 1), &mut last)?;
                let last = usize::from_le_bytes(last);
                if is_read && let Some(used) = used(isolate, heap, last)? {
                    self.blocks(data, size - 1, 8 * SCOPE_BLOCK)?;
                    return self.region(kind::HANDLES, last, used, false);
                }
            }
            return Ok(());
        }
        // The number of eternal handles, and a vector of blocks: its begin, its end and its capacity's end.
        let [count, begin, end, room, ..] = object;
        let count = count & 0xffff_ffff;
        let blocks = end.wrapping_sub(begin) / 8;
        let is_vector =
            is_pointer(begin) && begin < end && end <= room && room - begin < 8 * MOST_BLOCKS;
        if is_vector && count > 0 && count.div_ceil(GLOBAL_BLOCK) == blocks {
            return self.blocks(begin, blocks, 8 * GLOBAL_BLOCK);
        }
        Ok(())
    }

    /// The objects that V8 keeps from its start. Two vectors of references next to each other have them.
    fn kept(&mut self, heap: usize) -> Result<(), i32> {
        let mut copy = [0; BEHIND];
        copy_memory(heap, &mut copy)?;
        let words = |at: usize| {
            let bytes = copy[8 * at..].first_chunk().copied().unwrap_or_default();
            usize::from_le_bytes(bytes)
        };
        let mut found = None;
        for at in 0..copy.len() / 8 - 6 {
            let vector = |at| Self::references(words(at), words(at + 1), words(at + 2));
            if vector(at)? && vector(at + 3)? {
                found = Some([at, at + 3]);
            }
        }
        for at in found.into_iter().flatten() {
            self.region(kind::HANDLES, words(at), words(at + 1) - words(at), false)?;
        }
        Ok(())
    }

    /// Whether a vector has references alone, and many of them.
    fn references(begin: usize, end: usize, room: usize) -> Result<bool, i32> {
        let is_vector = is_pointer(begin)
            && is_pointer(end)
            && is_pointer(room)
            && end <= room
            && end.wrapping_sub(begin) >= 8 * LEAST_KEPT
            && room.wrapping_sub(begin) <= 8 * GLOBAL_BLOCK * MOST_BLOCKS;
        if !is_vector || begin > end {
            return Ok(false);
        }
        let mut copy = [0; SYSTEM_PAGE];
        for at in (begin..end).step_by(copy.len()) {
            let piece = &mut copy[..SYSTEM_PAGE.min(end - at)];
            if !read(at, piece)? || piece.iter().step_by(8).any(|byte| byte & 3 != 1) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The table that functions have their code from.
    fn code(
        &mut self,
        layout: &HeapLayout,
        ranges: &[(usize, usize)],
        isolate: usize,
    ) -> Result<(), i32> {
        let Some(offset) = layout.dispatch_table else { return Ok(()) };
        let mut address = [0; 8];
        if !read(isolate + offset, &mut address)? {
            return Ok(());
        }
        let table = usize::from_le_bytes(address);
        if !is_pointer(table) || !table.is_multiple_of(SYSTEM_PAGE) {
            return Ok(());
        }
        let mut copy = std::mem::take(&mut self.copy);
        let mut result = Ok(());
        for &(start, end) in ranges {
            let (start, end) = (start.max(table), end.min(table + DISPATCH_TABLE));
            for at in (start..end).step_by(SEGMENT) {
                let piece = &mut copy[..SEGMENT.min(end - at)];
                // What is only reserved cannot be read.
                result = result.and_then(|()| {
                    if !read(at, piece)? {
                        return Ok(());
                    }
                    self.record(kind::DISPATCH, at - table, piece.len())?;
                    self.put(piece)
                });
            }
        }
        self.copy = copy;
        result
    }

    /// The blocks of global handles, which are a list.
    fn globals(&mut self, globals: usize, space: usize, first: usize) -> Result<(), i32> {
        let mut block = first;
        for _ in 0..MOST_BLOCKS {
            if !is_pointer(block) {
                break;
            }
            let Some([next, owner, own, ..]) = words(block + GLOBAL_BLOCK * GLOBAL)? else { break };
            if (owner, own) != (globals, space) {
                break;
            }
            self.region(kind::GLOBALS, block, GLOBAL_BLOCK * GLOBAL, false)?;
            block = next;
        }
        Ok(())
    }

    /// Blocks of handles, whose addresses are an array at `data`.
    fn blocks(&mut self, data: usize, count: usize, bytes: usize) -> Result<(), i32> {
        let mut address = [0; 8];
        for at in (data..data + 8 * count).step_by(8) {
            if !read(at, &mut address)? {
                break;
            }
            let block = usize::from_le_bytes(address);
            if is_pointer(block) && words(block)?.is_some() {
                self.region(kind::HANDLES, block, bytes, false)?;
            }
        }
        Ok(())
    }

    fn record(&mut self, kind: u32, address: usize, length: usize) -> Result<(), i32> {
        self.put(&(address as u64).to_le_bytes())?;
        self.put(&kind.to_le_bytes())?;
        self.put(&u32::try_from(length).unwrap_or(0).to_le_bytes())
    }

    /// A range of memory, as records of at most a page. What is written is given back.
    fn region(&mut self, kind: u32, from: usize, size: usize, spent: bool) -> Result<(), i32> {
        let mut at = from;
        while at < from + size {
            let length = PAGE.min(from + size - at);
            let mut copy = std::mem::take(&mut self.copy);
            copy_memory(at, &mut copy[..length])?;
            if kind == kind::PAGE {
                self.sources.look(at, &copy[..length]);
            }
            let result = self.record(kind, at, length).and_then(|()| self.put(&copy[..length]));
            self.copy = copy;
            result?;
            if spent {
                // SAFETY: pages of V8's heap, which this process does not use any more.
                unsafe {
                    libc::madvise(at as *mut _, length & !(SYSTEM_PAGE - 1), libc::MADV_DONTNEED);
                }
            }
            at += length;
        }
        Ok(())
    }

    fn put(&mut self, mut bytes: &[u8]) -> Result<(), i32> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PAGE - self.pending.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == PAGE {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), i32> {
        self.packed.clear();
        self.compressor.compress2(&mut self.packed, &self.pending).map_err(|_| code::PACKING)?;
        self.pending.clear();
        self.written += self.packed.len() as u64;
        if self.written > self.max_bytes {
            return Err(code::BOUND);
        }
        let mut rest = &self.packed[..];
        while !rest.is_empty() {
            // SAFETY: the descriptor is open and the buffer is alive.
            let wrote =
                unsafe { libc::write(self.file.as_raw_fd(), rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(wrote) {
                Ok(wrote) if wrote > 0 => rest = &rest[wrote..],
                // SAFETY: errno is of this thread.
                _ => match unsafe { *libc::__errno_location() } {
                    libc::EINTR => {}
                    error => return Err(code::IO + error),
                },
            }
        }
        Ok(())
    }
}

/// A page of V8's heap.
struct Page {
    /// 0 for the read-only heap, which all isolates share.
    heap: usize,
    flags: usize,
    /// The bytes from the start of the page to the end of its objects.
    size: usize,
}

/// Calls `see` with each page of this isolate's heap and of the read-only one.
fn each_page(
    layout: &PageHeader,
    ranges: &[(usize, usize)],
    isolate: usize,
    mut see: impl FnMut(usize, &Page) -> Result<(), i32>,
) -> Result<(), i32> {
    let mut done = 0;
    for &(start, end) in ranges {
        // A large page may be more than one mapping.
        let mut base = start.next_multiple_of(PAGE).max(done);
        while base < end {
            if let Some(page) = page(layout, base, isolate)? {
                see(base, &page)?;
                base += page.size.next_multiple_of(PAGE);
            } else {
                base += PAGE;
            }
            done = base;
        }
    }
    Ok(())
}

/// The page at `base`, if it is one of this isolate's heap or of the read-only one.
fn page(layout: &PageHeader, base: usize, isolate: usize) -> Result<Option<Page>, i32> {
    let Some(own) = words(base)? else { return Ok(None) };
    let described = match layout.metadata {
        None => own,
        Some(at) if own[at].is_multiple_of(8) => match words(own[at])? {
            Some(words) => words,
            None => return Ok(None),
        },
        Some(_) => return Ok(None),
    };
    let (heap, size) = (described[layout.heap], described[layout.size]);
    let (start, end) = (described[layout.start], described[layout.end]);
    let is_ours = heap == 0 || (heap > isolate && heap - isolate < ISOLATE);
    let is_page = (SYSTEM_PAGE..1 << 36).contains(&size)
        && base < start
        && start <= end
        && end <= base.saturating_add(size)
        && start.is_multiple_of(8);
    let page = || Page { heap, flags: own[layout.flags], size: end - base };
    Ok((is_ours && is_page).then(page))
}

fn is_pointer(word: usize) -> bool {
    word.is_multiple_of(8) && (SYSTEM_PAGE..1 << 47).contains(&word)
}

fn words(at: usize) -> Result<Option<[usize; HEADER]>, i32> {
    let mut bytes = [0; 8 * HEADER];
    if !read(at, &mut bytes)? {
        return Ok(None);
    }
    let mut words = [0; HEADER];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = usize::from_le_bytes(bytes.try_into().unwrap_or_default());
    }
    Ok(Some(words))
}

/// The bytes in use of the last block of handle scopes: the isolate has the next free handle and the end of the block.
fn used(isolate: usize, heap: usize, block: usize) -> Result<Option<usize>, i32> {
    let (mut copy, mut before) = ([0; 4096], 0);
    let limit = block.saturating_add(8 * SCOPE_BLOCK);
    for at in (isolate..heap).step_by(copy.len()) {
        copy_memory(at, &mut copy)?;
        for bytes in copy.chunks_exact(8) {
            let word = usize::from_le_bytes(bytes.try_into().unwrap_or_default());
            if word == limit && (block..=limit).contains(&before) {
                return Ok(Some(before - block));
            }
            before = word;
        }
    }
    Ok(None)
}

/// Copies memory; what is not mapped or not readable is zero.
fn copy_memory(from: usize, to: &mut [u8]) -> Result<(), i32> {
    if read(from, to)? {
        return Ok(());
    }
    let mut at = 0;
    while at < to.len() {
        let length = (SYSTEM_PAGE - (from + at) % SYSTEM_PAGE).min(to.len() - at);
        let piece = &mut to[at..at + length];
        if !read(from + at, piece)? {
            piece.fill(0);
        }
        at += length;
    }
    Ok(())
}

/// Reads memory of this process through the kernel: an address that is not mapped is an answer, not a crash.
pub fn read(from: usize, to: &mut [u8]) -> Result<bool, i32> {
    let local = libc::iovec { iov_base: to.as_mut_ptr().cast(), iov_len: to.len() };
    let remote = libc::iovec { iov_base: from as *mut _, iov_len: to.len() };
    // SAFETY: the local range is that of the slice; the kernel checks the remote one.
    let copied = unsafe {
        libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0)
    };
    if copied < 0 {
        // SAFETY: errno is of this thread.
        return match unsafe { *libc::__errno_location() } {
            libc::EFAULT => Ok(false),
            _ => Err(code::REFUSED),
        };
    }
    Ok(usize::try_from(copied) == Ok(to.len()))
}

/// Last in every queue, first to be killed, without the descriptors of the service.
///
/// # Safety
/// Only in the child.
unsafe fn become_expendable(file: i32, nice: u8) {
    // SAFETY: each call concerns this process alone, and its failure leaves things as they are.
    unsafe {
        for signal in 1..=libc::SIGRTMAX() {
            libc::signal(signal, libc::SIG_DFL);
        }
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core);
        libc::setpriority(libc::PRIO_PROCESS, 0, nice.into());
        libc::prctl(libc::PR_SET_NAME, c"plimsoll-image".as_ptr());
        let score = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY);
        libc::write(score, c"1000".as_ptr().cast(), 4);
        // A socket that the service closes is closed, while this process runs.
        libc::syscall(libc::SYS_close_range, 0, file - 1, 0);
        libc::syscall(libc::SYS_close_range, file + 1, u32::MAX, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_references(words: &[usize]) -> bool {
        let begin = words.as_ptr() as usize;
        let end = begin + 8 * words.len();
        Writer::references(begin, end, end).unwrap()
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_as_for_a_snapshot() {
        let path = Path::new("/d/f");
        let writer = Writer::new(File::open("/dev/null").unwrap(), 1 << 30, 0).unwrap();
        let told = |code: i32| {
            let end = ForkFailure::Lost(format!("the child ended with code {code}"));
            SnapshotError::from(writer.explain(path, end)).code()
        };
        assert_eq!(told(code::IO + libc::ENOSPC), "ERR_PLIMSOLL_DISK_FULL");
        assert_eq!(told(code::IO + libc::EDQUOT), "ERR_PLIMSOLL_DISK_FULL");
        assert_eq!(told(code::IO + libc::EIO), "ERR_PLIMSOLL_DIR");
        assert_eq!(told(code::BOUND), "ERR_PLIMSOLL_NO_ROOM");
        assert_eq!(told(code::REFUSED), "ERR_PLIMSOLL_UNAVAILABLE");
    }

    #[test]
    fn kept_objects_are_many_references_and_nothing_else() {
        let mut words = vec![0x1000_0001; 2 * LEAST_KEPT];
        assert!(are_references(&words));
        assert!(!are_references(&words[..LEAST_KEPT - 1]), "too few");
        words[LEAST_KEPT] = 7 << 32;
        assert!(!are_references(&words), "a small integer");
    }
}
