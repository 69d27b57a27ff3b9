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
use crate::snapshot::fork::ForkFailure;

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
        unsafe { become_expendable(self.file.as_raw_fd(), nice) };
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
        let file = File::create("/dev/null").unwrap();
        Writer::new(ProcessMemory::OWN, file, 0, 0).unwrap().references(begin, end, end).unwrap()
    }

    #[test]
    fn a_file_that_cannot_be_written_is_reported_as_for_a_snapshot() {
        let path = Path::new("/d/f");
        let file = File::open("/dev/null").unwrap();
        let writer = Writer::new(ProcessMemory::OWN, file, 1 << 30, 0).unwrap();
        let code = |failure: Failure| {
            let code = failure.code();
            let end = ForkFailure::Lost(format!("the child ended with code {code}"));
            SnapshotError::from(writer.explain(path, end)).code()
        };
        assert_eq!(code(Failure::Io(libc::ENOSPC)), "ERR_PLIMSOLL_DISK_FULL");
        assert_eq!(code(Failure::Io(libc::EDQUOT)), "ERR_PLIMSOLL_DISK_FULL");
        assert_eq!(code(Failure::Io(libc::EIO)), "ERR_PLIMSOLL_DIR");
        assert_eq!(code(Failure::Bound), "ERR_PLIMSOLL_NO_ROOM");
        assert_eq!(code(Failure::Refused), "ERR_PLIMSOLL_UNAVAILABLE");
    }

    #[test]
    fn what_is_held_is_written_in_order_and_no_more_than_there_is_room_for() {
        let packed = |room: Option<usize>| {
            let dir = crate::snapshot::testing::TempDir::new("hold");
            let path = dir.0.join("image");
            let mut writer =
                Writer::new(ProcessMemory::OWN, File::create(&path).unwrap(), 1 << 30, 0).unwrap();
            if let Some(room) = room {
                writer.hold(room);
            }
            for n in 0..1000_u32 {
                writer.put(&n.to_le_bytes().repeat(n as usize % 300)).unwrap();
                let held = writer.held.as_ref().map_or(0, |(parts, _)| parts.concat().len());
                assert!(held <= room.unwrap_or(0), "{held}");
            }
            writer.write_held().unwrap();
            std::fs::read(path).unwrap()
        };
        let direct = packed(None);
        for room in [0, 1000, 100_000, usize::MAX] {
            assert_eq!(packed(Some(room)), direct, "{room}");
        }
    }

    /// A queue with this number of microtasks, buffer and first one, alone in its ring.
    fn queue_of(count: usize, start: usize, buffer: &[usize]) -> Box<[usize; 16]> {
        let mut queue = Box::new([0; 16]);
        let at = queue.as_ptr() as usize;
        queue[1..8].copy_from_slice(&[
            count,
            buffer.len(),
            start,
            buffer.as_ptr() as usize,
            7,
            at,
            at,
        ]);
        queue
    }

    fn tasks_of(queue: &[usize; 16]) -> Option<Vec<usize>> {
        let file = File::create("/dev/null").unwrap();
        let writer = Writer::new(ProcessMemory::OWN, file, 0, 0).unwrap();
        let at = queue.as_ptr() as usize;
        let (tasks, next) = writer.queue(at).unwrap()?;
        assert_eq!(next, at);
        let words = tasks.iter().flat_map(|&(begin, end)| (begin..end).step_by(8));
        Some(words.map(|word| writer.memory.word(word).unwrap().unwrap()).collect())
    }

    #[test]
    fn microtasks_are_in_a_ring_buffer_of_a_queue_in_a_ring() {
        let buffer: Vec<usize> = (0..8).map(|at| 0x1000_0001 + 8 * at).collect();
        assert_eq!(tasks_of(&queue_of(2, 3, &buffer)), Some(buffer[3..5].to_vec()));
        let wrapped = [&buffer[6..], &buffer[..3]].concat();
        assert_eq!(tasks_of(&queue_of(5, 6, &buffer)), Some(wrapped));
        assert_eq!(tasks_of(&queue_of(8, 0, &buffer)), Some(buffer.clone()));
        assert_eq!(tasks_of(&queue_of(0, 5, &buffer)), Some(Vec::new()));
        assert_eq!(tasks_of(&queue_of(9, 0, &buffer)), None, "more than there is room for");
        assert_eq!(tasks_of(&queue_of(1, 8, &buffer)), None, "begins behind the buffer");
        assert_eq!(tasks_of(&queue_of(1, 0, &buffer[..7])), None, "no power of two");
        let mut alone = queue_of(1, 0, &buffer);
        alone[7] = 0;
        assert_eq!(tasks_of(&alone), None, "in no ring");
        let mut unused = queue_of(0, 0, &[]);
        unused[4] = 0;
        assert_eq!(tasks_of(&unused), Some(Vec::new()), "without a buffer yet");
    }

    #[test]
    fn kept_objects_are_many_references_and_nothing_else() {
        let mut words = vec![0x1000_0001; 2 * LEAST_KEPT];
        assert!(are_references(&words));
        assert!(!are_references(&words[..LEAST_KEPT - 1]), "too few");
        for place in [0, 1, LEAST_KEPT - 1, LEAST_KEPT, 2 * LEAST_KEPT - 1] {
            let before = std::mem::replace(&mut words[place], 7 << 32);
            assert!(!are_references(&words), "a small integer at {place}");
            words[place] = before;
        }
        assert!(are_references(&words));
    }

    #[test]
    fn the_stack_of_a_thread_reaches_from_its_frame_to_its_end() {
        let local = 0_u64;
        let stack = Stack::here().unwrap();
        let frame = &raw const local as usize;
        assert!(stack.start().is_multiple_of(8) && stack.start().abs_diff(frame) < 0x1_0000);
        let after = std::thread::spawn(|| Stack::here().unwrap()).join().unwrap();
        assert!(after.start() != stack.start(), "each thread has its own");
        // The last byte can be read, and belongs to the same mapping.
        let end = stack.start() + stack.bytes();
        let last = ProcessMemory::OWN.word(end - 8).unwrap();
        assert!(stack.bytes() > 0x100 && last.is_some());
        assert_eq!((Stack::new(24, 8).start(), Stack::new(24, 8).bytes()), (24, 0));
    }

    #[test]
    fn nothing_is_in_the_file_while_it_is_held() {
        let dir = crate::snapshot::testing::TempDir::new("held");
        let path = dir.0.join("image");
        let file = File::create(&path).unwrap();
        let mut writer = Writer::new(ProcessMemory::OWN, file, 1 << 30, 0).unwrap();
        writer.hold(4 * PAGE);
        for at in [0, 64, 128, 192_u8] {
            let bytes: Vec<u8> = (0..PAGE).map(|byte| byte as u8 % 64 + at).collect();
            writer.put(&bytes).unwrap();
            writer.flush().unwrap();
        }
        assert_eq!(writer.file().metadata().unwrap().len(), 0);
        assert!(format!("{writer:?}").contains("written: 0"));
        writer.put(&[1]).unwrap();
        writer.flush().unwrap();
        let text = zstd::decode_all(File::open(&path).unwrap()).unwrap();
        assert_eq!(text.len(), 4 * PAGE + 1, "there is no room for one byte more");
        assert_eq!((text[0], text[PAGE], text[4 * PAGE]), (0, 64, 1));
        let written = writer.file().metadata().unwrap().len();
        assert!(format!("{writer:?}").contains(&format!("written: {written}")));
    }

    #[test]
    fn short_pieces_share_memory() {
        let mut held = Vec::new();
        for byte in 0..=255_u8 {
            hold(&mut held, &[byte; 16]);
        }
        assert_eq!(held.len(), 1, "a page of the system");
        hold(&mut held, &[7; 3 * SYSTEM_PAGE]);
        hold(&mut held, &[8]);
        assert_eq!(held.iter().map(Vec::len).collect::<Vec<_>>(), [4096, 3 * 4096, 1]);
        assert!(held[0].chunks(16).zip(0..=255).all(|(piece, byte)| piece == [byte; 16]));
    }

    #[test]
    fn a_full_device_is_the_reason_that_is_given() {
        let Ok(file) = File::options().write(true).open("/dev/full") else { return };
        let mut writer = Writer::new(ProcessMemory::OWN, file, 1 << 30, 0).unwrap();
        writer.put(&[7; 100]).unwrap();
        assert_eq!(writer.flush(), Err(Failure::Io(libc::ENOSPC)));
    }

    /// The records of what an object at `at` refers to, of an isolate without a heap: kind, address and length.
    fn handles(at: usize, isolate: usize) -> Vec<(u32, usize, usize)> {
        let file = File::create("/dev/null").unwrap();
        let mut writer = Writer::new(ProcessMemory::OWN, file, 0, 0).unwrap();
        writer.hold(1 << 30);
        writer.handles_of(at, isolate, isolate).unwrap();
        let text = writer.held.take().unwrap().0.concat();
        let (mut records, mut rest) = (Vec::new(), &text[..]);
        while !rest.is_empty() {
            let number = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
            let address = usize::from_le_bytes(rest[..8].try_into().unwrap());
            let length = number(12) as usize;
            records.push((number(8), address, length));
            rest = &rest[16 + length..];
        }
        records
    }

    #[test]
    fn eternal_handles_are_a_vector_that_fits_their_number() {
        let block = vec![0_usize; 4 * GLOBAL_BLOCK];
        let first = block.as_ptr() as usize;
        let blocks = [first, first + 8 * GLOBAL_BLOCK, 0, 0];
        let begin = blocks.as_ptr() as usize;
        let of = |count: usize, from: usize, to: usize, room: usize| {
            let mut object = [0; 12];
            object[..4].copy_from_slice(&[count, from, to, room]);
            // The isolate is an address that the object does not have.
            handles(object.as_ptr() as usize, SYSTEM_PAGE)
        };
        let two = [first, first + 2048].map(|at| (kind::HANDLES, at, 2048));
        assert_eq!(of(300, begin, begin + 16, begin + 16), two);
        assert_eq!(of(512, begin, begin + 16, begin + 32), two);
        assert_eq!(of(7 << 32 | 300, begin, begin + 16, begin + 16), two, "a number of 32 bits");
        assert_eq!(of(256, begin, begin + 8, begin + 32), two[..1]);
        assert_eq!(of(256, begin, begin + 16, begin + 16), [], "more blocks than they need");
        assert_eq!(of(513, begin, begin + 16, begin + 16), [], "fewer");
        assert_eq!(of(0, begin, begin, begin), [], "none");
        assert_eq!(of(300, begin, begin + 16, begin + 8), [], "its room ends before it");
        assert_eq!(of(300, begin + 1, begin + 17, begin + 17), [], "no pointer");
        let far = begin + 8 * MOST_BLOCKS;
        assert_eq!(of(300, begin, begin + 16, far), [], "more room than a service has");
        assert_eq!(of(300, begin, begin + 16, far - 8), two);
    }

    #[test]
    fn only_blocks_that_can_be_read_have_handles() {
        let block = vec![0_usize; 2 * GLOBAL_BLOCK];
        let blocks = [0, SYSTEM_PAGE, block.as_ptr() as usize + 4, block.as_ptr() as usize];
        let begin = blocks.as_ptr() as usize;
        let mut object = [0; 12];
        object[..4].copy_from_slice(&[1024, begin, begin + 32, begin + 32]);
        let found = handles(object.as_ptr() as usize, SYSTEM_PAGE);
        assert_eq!(found, [(kind::HANDLES, blocks[3], 2048)]);
    }

    #[test]
    fn an_object_of_the_isolate_without_handles_has_none() {
        let isolate = Box::new([0_usize; 16]);
        let at = isolate.as_ptr() as usize;
        let block = [0_usize; 16];
        let blocks = [block.as_ptr() as usize; 4];
        for words in [
            [at, 0, 4, 2],
            [at, blocks.as_ptr() as usize, 1, 2],
            [at, blocks.as_ptr() as usize, 4, 0],
            [at, blocks.as_ptr() as usize, MOST_BLOCKS, 2],
            // The isolate does not name the end of this block.
            [at, blocks.as_ptr() as usize, 4, 2],
        ] {
            let mut object = [0; 12];
            object[..4].copy_from_slice(&words);
            assert_eq!(handles(object.as_ptr() as usize, at), [], "{words:x?}");
        }
    }

    #[test]
    fn kept_objects_are_a_vector_whose_ends_are_in_order() {
        let words = vec![0x1000_0001_usize; LEAST_KEPT + 1];
        let begin = words.as_ptr() as usize;
        let end = begin + 8 * LEAST_KEPT;
        let file = File::create("/dev/null").unwrap();
        let writer = Writer::new(ProcessMemory::OWN, file, 0, 0).unwrap();
        let is = |begin, end, room| writer.references(begin, end, room).unwrap();
        assert!(is(begin, end, end) && is(begin, end, end + 64));
        assert!(!is(begin, end, end - 8), "its room ends before it");
        assert!(!is(begin, end, end + 4) && !is(begin, end + 4, end + 8), "no pointer");
        assert!(!is(begin + 4, end + 4, end + 8), "begins between two words");
        assert!(!is(end, begin, end + 64), "ends before it begins");
        let far = begin + 8 * GLOBAL_BLOCK * MOST_BLOCKS;
        assert!(is(begin, end, far) && !is(begin, end, far + 8), "more room than V8 takes");
    }

    #[test]
    fn a_file_may_be_as_large_as_its_bound() {
        let flushed = |max_bytes| {
            let file = File::create("/dev/null").unwrap();
            let mut writer = Writer::new(ProcessMemory::OWN, file, max_bytes, 0).unwrap();
            writer.put(&[7; 1000]).unwrap();
            writer.flush().map(|()| writer.written)
        };
        let size = flushed(u64::MAX).unwrap();
        assert_eq!((flushed(size), flushed(size - 1)), (Ok(size), Err(Failure::Bound)));
    }

    #[test]
    fn whole_pages_alone_are_given_back() {
        const SIZE: usize = 3 * SYSTEM_PAGE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: new memory at an address that the kernel chooses, which is mapped until the end of the test.
        let memory = unsafe {
            let at = libc::mmap(std::ptr::null_mut(), SIZE, rights, flags, -1, 0);
            assert_ne!(at, libc::MAP_FAILED);
            std::slice::from_raw_parts_mut(at.cast::<u8>(), SIZE)
        };
        memory.fill(1);
        give_back(memory.as_ptr() as usize, SIZE - SYSTEM_PAGE / 2);
        let left = std::hint::black_box(&*memory).iter().filter(|&&byte| byte == 1).count();
        assert_eq!(left, SYSTEM_PAGE);
        // SAFETY: nothing uses it any more.
        unsafe { libc::munmap(std::ptr::from_mut(memory).cast(), SIZE) };
    }

    #[test]
    fn the_next_free_handle_is_the_word_before_the_end_of_its_block() {
        let file = File::create("/dev/null").unwrap();
        let writer = Writer::new(ProcessMemory::OWN, file, 0, 0).unwrap();
        let (block, mut isolate) = (0x10_0000, vec![0_usize; 1024]);
        let at = isolate.as_ptr() as usize;
        let limit = block + 8 * SCOPE_BLOCK;
        let used = || writer.used(at, at + 8192, block).unwrap();
        assert_eq!(used(), None);
        // An address in the block before another one, and its end after another one.
        isolate[10] = block + 16;
        isolate[20] = limit;
        assert_eq!(used(), None);
        isolate[600] = block + 80;
        isolate[601] = limit;
        assert_eq!(used(), Some(80));
        isolate[600] = limit;
        assert_eq!(used(), Some(8 * SCOPE_BLOCK), "it is full");
        isolate[600] = block;
        assert_eq!(used(), Some(0), "it is empty");
        isolate[600] = block - 8;
        assert_eq!(used(), None);
    }

    #[test]
    fn the_microtasks_of_each_queue_of_a_ring_are_handles() {
        let buffers: [Vec<usize>; 3] =
            std::array::from_fn(|n| (0..8).map(|at| 0x1000_0001 + 64 * n + 8 * at).collect());
        let mut ring: Vec<_> = buffers.iter().map(|buffer| queue_of(2, 3, buffer)).collect();
        let places: Vec<_> = ring.iter().map(|queue| queue.as_ptr() as usize).collect();
        for at in 0..3 {
            ring[at][6] = places[(at + 1) % 3];
            ring[at][7] = places[(at + 2) % 3];
        }
        // The second one has a number among its tasks, and the third one has none.
        let mut second = buffers[1].clone();
        second[4] = 2;
        ring[1][4] = second.as_ptr() as usize;
        ring[2][1] = 0;
        let first = (kind::HANDLES, buffers[0].as_ptr() as usize + 24, 16);
        assert_eq!(handles(places[0], SYSTEM_PAGE), [first]);
        second[4] = second[3];
        let both = [first, (kind::HANDLES, second.as_ptr() as usize + 24, 16)];
        assert_eq!(handles(places[0], SYSTEM_PAGE), both);
        assert_eq!(handles(places[1], SYSTEM_PAGE), [both[1], both[0]]);
    }
}
