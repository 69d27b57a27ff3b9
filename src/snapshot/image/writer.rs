//! What a heap image is written with: system calls and a prepared compressor, no V8 and, in a forked child, no
//! allocation.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use serde::Serialize;
use zstd::zstd_safe::{CCtx, CParameter, compress_bound};

use super::memory::{PAGE, ProcessMemory, Refused, SYSTEM_PAGE, is_pointer};
use super::sources::ExternalStrings;
use crate::heap_layout::HeapLayout;
use crate::snapshot::error::{Shortage, SnapshotError};
use crate::snapshot::fork::{ForkFailure, become_expendable};

/// What a file begins with, before it is compressed.
const MAGIC: &[u8] = b"plimsoll heap image\n";
/// The flag of a page of the half of the young generation that is not in use.
const FROM_SPACE: usize = 8;
/// The flag of a page of the half that is in use.
const TO_SPACE: usize = 16;
/// Faster than level 1, in files that are half as large again. What a service rewrites until its page is written is
/// copied by the kernel, so a fast child needs less memory.
const LEVEL: i32 = -3;
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
/// More queues of microtasks than a service has: each context may have one of its own.
const MOST_QUEUES: usize = 1 << 12;
/// The smallest buffer of a queue of microtasks, and a larger one than a service has.
const LEAST_QUEUE: usize = 8;
const MOST_TASKS: usize = 1 << 32;
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
    /// Handles of scopes, those that live as long as the isolate, microtasks, and registers.
    pub const HANDLES: u32 = 7;
    /// Line ends of the script at the address, whose source is not in the image: numbers of 32 bits.
    pub const LINES: u32 = 8;
    /// The first characters of the string at the address, which are not on V8's heap.
    pub const TEXT: u32 = 9;
    /// A part of the table that functions have their code from; the address is the offset in the table.
    pub const DISPATCH: u32 = 10;
}

/// The two parts of a ring buffer of microtasks: the first address, and the one behind the last.
type Tasks = [(usize, usize); 2];

/// Why there is no image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The file could not be written: the number of the error.
    Io(i32),
    /// It would be larger than it may be.
    Bound,
    /// No page of the isolate's heap was recognized.
    NoPages,
    /// The kernel does not let the memory be read.
    Refused,
    /// The compressor failed.
    Packing,
}

/// What is added to the number of an error in the exit code of a child; the largest number is 133.
const IO: i32 = 64;

impl Failure {
    /// The exit code of a child.
    fn code(self) -> i32 {
        match self {
            Self::Bound => 11,
            Self::NoPages => 12,
            Self::Refused => 13,
            Self::Packing => 14,
            Self::Io(error) => IO + error,
        }
    }

    /// What an exit code of a child means.
    fn of_code(code: i32) -> Option<Self> {
        match code {
            IO.. => Some(Self::Io(code - IO)),
            _ => [Self::Bound, Self::NoPages, Self::Refused, Self::Packing]
                .into_iter()
                .find(|failure| failure.code() == code),
        }
    }

    /// The error of an image at `path`, of at most `max_bytes`.
    pub fn error(self, path: &Path, max_bytes: u64) -> SnapshotError {
        match self {
            Self::Bound => SnapshotError::NoRoom {
                place: Shortage::ImageBudget,
                needed: max_bytes.saturating_add(1),
                available: max_bytes,
            },
            Self::Io(error) => SnapshotError::io(path, &io::Error::from_raw_os_error(error)),
            Self::NoPages => SnapshotError::Unavailable {
                why: "the pages of V8's heap do not look as expected".into(),
            },
            Self::Refused => {
                SnapshotError::Unavailable { why: "the kernel refuses process_vm_readv".into() }
            }
            Self::Packing => SnapshotError::Failed { what: "the compressor failed".into() },
        }
    }
}

impl From<Refused> for Failure {
    fn from(_: Refused) -> Self {
        Self::Refused
    }
}

/// The stack of a thread, from the current frame to its end.
#[derive(Debug, Clone, Copy)]
pub struct Stack {
    start: usize,
    end: usize,
}

impl Stack {
    /// One that was measured.
    #[cfg(feature = "analyzer")]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// Where the frame begins that runs.
    #[cfg(feature = "analyzer")]
    pub fn start(&self) -> usize {
        self.start
    }

    /// How large it is.
    pub fn bytes(&self) -> usize {
        self.end - self.start
    }

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

/// The header: a reader needs nothing else of the process.
#[derive(Debug, Serialize)]
pub struct Header<'a> {
    format: u32,
    pid: u32,
    thread: u32,
    v8: String,
    isolate: u64,
    types: &'a BTreeMap<&'static str, i32>,
}

impl<'a> Header<'a> {
    /// That of an image of a thread's isolate.
    pub fn new(
        pid: u32,
        thread: u32,
        layout: &HeapLayout,
        isolate: usize,
        types: &'a BTreeMap<&'static str, i32>,
    ) -> Self {
        let (major, minor) = layout.v8;
        Self {
            format: 1,
            pid,
            thread,
            v8: format!("{major}.{minor}"),
            isolate: isolate as u64,
            types,
        }
    }

    /// Its text.
    ///
    /// # Errors
    /// Where there is no memory for it.
    pub fn bytes(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }
}

/// Where the isolate is that an image is taken of.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Of its V8.
    pub layout: &'a HeapLayout,
    /// The mappings that V8 may own, ascending.
    pub ranges: &'a [(usize, usize)],
    /// The address of the isolate.
    pub isolate: usize,
    /// The stack of its thread.
    pub stack: Stack,
    /// Registers of the thread, if it was stopped anywhere.
    pub registers: &'a [u64],
}

/// Writes an image. Everything that a child uses is allocated before the fork.
pub struct Writer {
    memory: ProcessMemory,
    file: File,
    compressor: CCtx<'static>,
    /// Bytes that wait for compression: each frame but the last has the same size, so that the compressor keeps
    /// its memory.
    pending: Vec<u8>,
    /// What is to be packed later, in parts, and the bytes that there is still room for.
    held: Option<(Vec<Vec<u8>>, usize)>,
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
    pub fn new(
        memory: ProcessMemory,
        file: File,
        max_bytes: u64,
        script: u16,
    ) -> Result<Self, &'static str> {
        let refused = |_| "the compressor cannot be set up";
        let mut compressor = CCtx::try_create().ok_or("the compressor has no memory")?;
        compressor.set_parameter(CParameter::CompressionLevel(LEVEL)).map_err(refused)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true)).map_err(refused)?;
        let mut packed = Vec::with_capacity(compress_bound(PAGE));
        let copy = vec![0; PAGE];
        // The first frame allocates. The following ones have its size.
        compressor.compress2(&mut packed, &copy).map_err(refused)?;
        let pending = Vec::with_capacity(PAGE);
        let sources = ExternalStrings::new(script);
        let (held, written) = (None, 0);
        Ok(Self {
            memory,
            file,
            compressor,
            pending,
            held,
            packed,
            copy,
            sources,
            written,
            max_bytes,
        })
    }

    /// Has [`Self::image`] keep up to so many bytes in memory, for [`Self::write_held`]. Beyond, it writes at once.
    #[cfg(feature = "analyzer")]
    pub fn hold(&mut self, bytes: usize) {
        self.held = Some((Vec::new(), bytes));
    }

    /// Writes what was kept in memory.
    ///
    /// # Errors
    /// [`Failure::Io`] and [`Failure::Bound`].
    #[cfg(feature = "analyzer")]
    pub fn write_held(&mut self) -> Result<(), Failure> {
        self.put_held()?;
        self.flush()
    }

    fn put_held(&mut self) -> Result<(), Failure> {
        for part in self.held.take().map(|(parts, _)| parts).into_iter().flatten() {
            self.put(&part)?;
        }
        Ok(())
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// What the end of a child means that wrote no image.
    pub fn explain(&self, path: &Path, end: ForkFailure) -> ForkFailure {
        let ForkFailure::Lost(what) = &end else { return end };
        let code = what.rsplit(' ').next().and_then(|code| code.parse::<i32>().ok());
        match code.and_then(Failure::of_code) {
            // The child is replaced once.
            None | Some(Failure::Packing) => end,
            Some(failure) => ForkFailure::Final(failure.error(path, self.max_bytes)),
        }
    }

    /// Writes the image and ends the process.
    ///
    /// # Safety
    /// Only in a freshly forked child.
    pub unsafe fn run(&mut self, header: &[u8], subject: &Subject<'_>, nice: u8) -> ! {
        // SAFETY: these concern this process alone; a refusal leaves things as they are.
        unsafe {
            become_expendable(nice, false);
            release_descriptors(self.file.as_raw_fd());
        }
        let code = match self.image(header, subject) {
            Ok(()) => 0,
            Err(failure) => failure.code(),
        };
        // SAFETY: ends the process at once, without its exit handlers.
        unsafe { libc::_exit(code) }
    }

    /// Writes the image.
    ///
    /// # Errors
    /// Why there is none.
    pub fn image(&mut self, header: &[u8], subject: &Subject<'_>) -> Result<(), Failure> {
        let &Subject { layout, ranges, isolate, stack, registers } = subject;
        let memory = self.memory;
        self.put(MAGIC)?;
        self.put(&u32::try_from(header.len()).unwrap_or(0).to_le_bytes())?;
        self.put(header)?;
        memory.each_page(&layout.page, ranges, isolate, |base, page| {
            if page.heap != 0 {
                if page.flags & FROM_SPACE != 0 && memory.is_own() {
                    give_back(base, page.size);
                }
                return Ok::<_, Failure>(());
            }
            let length = page.size.min(self.copy.len());
            memory.copy(base, &mut self.copy[..length])?;
            Ok(self.sources.find_maps(memory, base, &self.copy[..length])?)
        })?;
        let (mut heap, mut pages) = (0, 0_u64);
        // The service rewrites its young generation first.
        for is_young in [true, false] {
            memory.each_page(&layout.page, ranges, isolate, |base, page| {
                heap = heap.max(page.heap);
                if page.flags & FROM_SPACE == 0 && is_young == (page.flags & TO_SPACE != 0) {
                    let kind = if page.heap == 0 { kind::CONSTANTS } else { kind::PAGE };
                    self.region(kind, base, page.size, memory.is_own())?;
                    pages += 1;
                }
                Ok::<_, Failure>(())
            })?;
        }
        if heap == 0 {
            return Err(Failure::NoPages);
        }
        self.region(kind::ISOLATE, isolate, heap - isolate, false)?;
        self.region(kind::STACK, stack.start, stack.bytes(), false)?;
        if !registers.is_empty() {
            self.record(kind::HANDLES, 0, 8 * registers.len())?;
            for register in registers {
                self.put(&register.to_le_bytes())?;
            }
        }
        self.handles(isolate, heap)?;
        self.kept(heap)?;
        self.code(layout, ranges, isolate)?;
        self.outside()?;
        self.record(kind::END, usize::try_from(pages).unwrap_or(0), 0)?;
        self.flush()
    }

    /// What names and lines need of the characters that are not on V8's heap.
    fn outside(&mut self) -> Result<(), Failure> {
        let mut sources = std::mem::replace(&mut self.sources, ExternalStrings::none());
        let mut copy = std::mem::take(&mut self.copy);
        let memory = self.memory;
        let mut write = |kind: u32, at: usize, bytes: &[u8]| {
            if bytes.is_empty() {
                return Ok(());
            }
            self.record(kind, at, bytes.len())?;
            self.put(bytes)
        };
        let result = sources
            .texts(memory, &mut copy, |text, characters| write(kind::TEXT, text, characters))
            .and_then(|()| {
                sources
                    .line_ends(memory, &mut copy, |script, ends| write(kind::LINES, script, ends))
            });
        (self.copy, self.sources) = (copy, sources);
        result
    }

    /// The handles that the isolate refers to behind its heap. Each structure is recognized by the pointers that it
    /// has to itself and to the isolate; what is not recognized is missing from the image.
    fn handles(&mut self, isolate: usize, heap: usize) -> Result<(), Failure> {
        let mut copy = [0; 4096];
        for at in (heap..heap + BEHIND).step_by(copy.len()) {
            self.memory.copy(at, &mut copy)?;
            for bytes in copy.chunks_exact(8) {
                let at = usize::from_le_bytes(bytes.try_into().unwrap_or_default());
                if is_pointer(at) {
                    self.handles_of(at, isolate, heap)?;
                }
            }
        }
        Ok(())
    }

    /// Global handles, blocks of handle scopes, eternal handles or microtasks, if `at` is the object that has them.
    fn handles_of(&mut self, at: usize, isolate: usize, heap: usize) -> Result<(), Failure> {
        let Some(object) = self.memory.words(at)? else { return Ok(()) };
        if object[0] == isolate {
            for &space in object[1..4].iter().filter(|&&space| is_pointer(space)) {
                let Some([owner, block, ..]) = self.memory.words(space)? else { continue };
                if owner == at {
                    return self.globals(at, space, block);
                }
            }
            // A vector of blocks: its data, its capacity and its size.
            let [_, data, capacity, size, ..] = object;
            if is_pointer(data)
                && (1..=capacity).contains(&size)
                && capacity < MOST_BLOCKS
                && let Some(last) = self.memory.word(data + 8 * (size - 1))?
                && let Some(used) = self.used(isolate, heap, last)?
            {
                self.blocks(data, size - 1, 8 * SCOPE_BLOCK)?;
                return self.region(kind::HANDLES, last, used, false);
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
        self.microtasks(at)
    }

    /// The microtasks of a queue and of those that it is in a ring with.
    fn microtasks(&mut self, first: usize) -> Result<(), Failure> {
        let mut queue = first;
        for _ in 0..MOST_QUEUES {
            let Some((tasks, next)) = self.queue(queue)? else { break };
            for (begin, end) in tasks {
                if begin < end && self.are_references(begin, end)? {
                    self.region(kind::HANDLES, begin, end - begin, false)?;
                }
            }
            queue = next;
            if queue == first {
                break;
            }
        }
        Ok(())
    }

    /// Where a queue of microtasks has them, and the next queue. A queue has their number, the size of the buffer,
    /// which is a power of two, the place of the first one in it, the buffer, and its neighbours in a ring of queues.
    fn queue(&self, at: usize) -> Result<Option<(Tasks, usize)>, Failure> {
        let Some([_, count, size, start, buffer, _, next, before, ..]) = self.memory.words(at)?
        else {
            return Ok(None);
        };
        if !is_pointer(next) || !is_pointer(before) {
            return Ok(None);
        }
        let is_in_ring = self.memory.words(next)?.is_some_and(|next| next[7] == at)
            && self.memory.words(before)?.is_some_and(|before| before[6] == at);
        if !is_in_ring {
            return Ok(None);
        }
        if (count, size, start, buffer) == (0, 0, 0, 0) {
            return Ok(Some(([(0, 0); 2], next)));
        }
        let is_queue = size.is_power_of_two()
            && (LEAST_QUEUE..=MOST_TASKS).contains(&size)
            && count <= size
            && start < size
            && is_pointer(buffer);
        Ok(is_queue.then(|| {
            let end = start + count;
            let place = |index: usize| buffer + 8 * index;
            let tasks =
                [(place(start), place(end.min(size))), (place(0), place(end.saturating_sub(size)))];
            (tasks, next)
        }))
    }

    /// The objects that V8 keeps from its start. Two vectors of references next to each other have them.
    fn kept(&mut self, heap: usize) -> Result<(), Failure> {
        let mut copy = [0; BEHIND];
        self.memory.copy(heap, &mut copy)?;
        let words = |at: usize| {
            let bytes = copy[8 * at..].first_chunk().copied().unwrap_or_default();
            usize::from_le_bytes(bytes)
        };
        let mut found = None;
        for at in 0..copy.len() / 8 - 6 {
            let vector = |at| self.references(words(at), words(at + 1), words(at + 2));
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
    fn references(&self, begin: usize, end: usize, room: usize) -> Result<bool, Failure> {
        let is_vector = is_pointer(begin)
            && is_pointer(end)
            && is_pointer(room)
            && end <= room
            && end.wrapping_sub(begin) >= 8 * LEAST_KEPT
            && room.wrapping_sub(begin) <= 8 * GLOBAL_BLOCK * MOST_BLOCKS;
        Ok(is_vector && begin <= end && self.are_references(begin, end)?)
    }

    /// Whether each word of a range is a reference.
    fn are_references(&self, begin: usize, end: usize) -> Result<bool, Failure> {
        let mut copy = [0; SYSTEM_PAGE];
        for at in (begin..end).step_by(copy.len()) {
            let piece = &mut copy[..SYSTEM_PAGE.min(end - at)];
            if !self.memory.read(at, piece)? || piece.iter().step_by(8).any(|byte| byte & 3 != 1) {
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
    ) -> Result<(), Failure> {
        let Some(offset) = layout.dispatch_table else { return Ok(()) };
        let Some(table) = self.memory.word(isolate + offset)? else { return Ok(()) };
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
                    if !self.memory.read(at, piece)? {
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
    fn globals(&mut self, globals: usize, space: usize, first: usize) -> Result<(), Failure> {
        let mut block = first;
        for _ in 0..MOST_BLOCKS {
            if !is_pointer(block) {
                break;
            }
            let Some([next, owner, own, ..]) = self.memory.words(block + GLOBAL_BLOCK * GLOBAL)?
            else {
                break;
            };
            if (owner, own) != (globals, space) {
                break;
            }
            self.region(kind::GLOBALS, block, GLOBAL_BLOCK * GLOBAL, false)?;
            block = next;
        }
        Ok(())
    }

    /// Blocks of handles, whose addresses are an array at `data`.
    fn blocks(&mut self, data: usize, count: usize, bytes: usize) -> Result<(), Failure> {
        for at in (data..data + 8 * count).step_by(8) {
            let Some(block) = self.memory.word(at)? else { break };
            if is_pointer(block) && self.memory.words(block)?.is_some() {
                self.region(kind::HANDLES, block, bytes, false)?;
            }
        }
        Ok(())
    }

    fn record(&mut self, kind: u32, address: usize, length: usize) -> Result<(), Failure> {
        self.put(&(address as u64).to_le_bytes())?;
        self.put(&kind.to_le_bytes())?;
        self.put(&u32::try_from(length).unwrap_or(0).to_le_bytes())
    }

    /// A range of memory, as records of at most a page. What is written is given back.
    fn region(&mut self, kind: u32, from: usize, size: usize, spent: bool) -> Result<(), Failure> {
        let mut at = from;
        while at < from + size {
            let length = PAGE.min(from + size - at);
            let mut copy = std::mem::take(&mut self.copy);
            self.memory.copy(at, &mut copy[..length])?;
            if kind == kind::PAGE {
                self.sources.look(at, &copy[..length]);
            }
            let result = self.record(kind, at, length).and_then(|()| self.put(&copy[..length]));
            self.copy = copy;
            result?;
            if spent {
                give_back(at, length);
            }
            at += length;
        }
        Ok(())
    }

    /// The bytes in use of the last block of handle scopes: the isolate has the next free handle and the end of the
    /// block.
    fn used(&self, isolate: usize, heap: usize, block: usize) -> Result<Option<usize>, Failure> {
        let (mut copy, mut before) = ([0; 4096], 0);
        let limit = block.saturating_add(8 * SCOPE_BLOCK);
        for at in (isolate..heap).step_by(copy.len()) {
            self.memory.copy(at, &mut copy)?;
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

    fn put(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        match &mut self.held {
            Some((parts, left)) if bytes.len() <= *left => {
                *left -= bytes.len();
                hold(parts, bytes);
                return Ok(());
            }
            Some(_) => self.put_held()?,
            None => {}
        }
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

    fn flush(&mut self) -> Result<(), Failure> {
        if self.held.is_some() {
            return Ok(());
        }
        self.packed.clear();
        self.compressor.compress2(&mut self.packed, &self.pending).map_err(|_| Failure::Packing)?;
        self.pending.clear();
        self.written += self.packed.len() as u64;
        if self.written > self.max_bytes {
            return Err(Failure::Bound);
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
                    error => return Err(Failure::Io(error)),
                },
            }
        }
        Ok(())
    }
}

/// Gives memory of V8's heap back to the kernel, in a child, which does not use it any more.
fn give_back(at: usize, length: usize) {
    // SAFETY: the pages are V8's, and V8 does not run in this process.
    unsafe {
        libc::madvise(at as *mut _, length & !(SYSTEM_PAGE - 1), libc::MADV_DONTNEED);
    }
}

/// Keeps bytes: what is short in the part before, if it has room.
fn hold(held: &mut Vec<Vec<u8>>, bytes: &[u8]) {
    match held.last_mut() {
        Some(part) if part.capacity() - part.len() >= bytes.len() => part.extend_from_slice(bytes),
        _ => {
            let mut part = Vec::with_capacity(bytes.len().max(SYSTEM_PAGE));
            part.extend_from_slice(bytes);
            held.push(part);
        }
    }
}

/// Gives the child its name, and lets go of the descriptors of the service: a socket that it closes is closed, while
/// the child runs.
///
/// # Safety
/// Only in the child.
unsafe fn release_descriptors(file: i32) {
    // SAFETY: each call concerns this process alone, and its failure leaves things as they are.
    unsafe {
        libc::prctl(libc::PR_SET_NAME, c"plimsoll-image".as_ptr());
        libc::syscall(libc::SYS_close_range, 0, file - 1, 0);
        libc::syscall(libc::SYS_close_range, file + 1, u32::MAX, 0);
    }
}

#[cfg(test)]
mod tests;
