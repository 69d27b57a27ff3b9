//! The memory that an image holds.

use std::io::Read;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;

use crate::heap::error::{HeapError, HeapResult};
use crate::heap::memory::room;
use crate::heap_layout::{self, HeapLayout};

/// The size and alignment of V8's pages, and the longest record.
const PAGE: u64 = 1 << 18;
/// The largest header.
const MOST_HEADER: u32 = 1 << 16;
/// The largest heap that is read.
const MOST_BYTES: u64 = 8 << 30;

mod kind {
    pub const PAGE: u32 = 1;
    pub const ISOLATE: u32 = 2;
    pub const STACK: u32 = 3;
    pub const END: u32 = 4;
    pub const GLOBALS: u32 = 5;
    pub const CONSTANTS: u32 = 6;
    pub const HANDLES: u32 = 7;
    pub const LINES: u32 = 8;
    pub const TEXT: u32 = 9;
    pub const DISPATCH: u32 = 10;
}

/// The table of code: how far a function's handle is shifted, and the bytes of an entry. Its second word has the code.
const HANDLE_SHIFT: u64 = 8;
const DISPATCH_ENTRY: u64 = 16;
/// The bits of the entry's word below the address of the code.
const DISPATCH_BITS: u32 = 16;

/// Global handles: words of one, and the state of a strong one in its flags.
const GLOBAL_WORDS: usize = 4;
const STATES: u64 = 3;
const STRONG: u64 = 1;

#[derive(Deserialize)]
struct Header {
    format: u32,
    pid: u64,
    v8: String,
    types: FxHashMap<String, u16>,
}

/// Where roots are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RootKind {
    Isolate,
    Global,
    Handle,
    Stack,
}

/// What an image holds.
pub struct Pages {
    pub layout: &'static HeapLayout,
    /// Instance types by name.
    pub types: FxHashMap<String, u16>,
    /// The number of each page.
    pages: FxHashMap<u64, u32>,
    words: PageWords,
    /// Code by the offset of its entry in the table of code.
    dispatched: FxHashMap<u64, u64>,
    constants: FxHashSet<u64>,
    /// The words of the isolate.
    pub isolate: Vec<u64>,
    /// Words that may refer to objects.
    pub roots: Vec<(RootKind, u64)>,
    /// The address of the thread's stack, and its words.
    pub stack: (u64, Vec<u64>),
    /// Line ends of scripts, by their address, whose source is not in the image.
    pub line_ends: FxHashMap<u64, Vec<u32>>,
    /// The first characters of strings, by their address, whose characters are not on V8's heap.
    pub texts: FxHashMap<u64, Vec<u8>>,
    pub bytes: u64,
}

/// An image whose header is read.
pub struct Begun<R> {
    pages: Pages,
    pid: u64,
    image: R,
    at: u64,
}

impl<R: Read> Begun<R> {
    /// The process that the image is of.
    pub fn pid(&self) -> u64 {
        self.pid
    }

    /// Reads all records.
    pub fn read(self) -> HeapResult<Pages> {
        let Self { mut pages, mut image, mut at, .. } = self;
        let mut bytes = vec![0; PAGE as usize];
        loop {
            let address = u64::from_le_bytes(exact(&mut image, &mut at)?);
            let record = u32::from_le_bytes(exact(&mut image, &mut at)?);
            let length = u32::from_le_bytes(exact(&mut image, &mut at)?) as usize;
            if record == kind::END {
                expect_end(&mut image, at)?;
                return Ok(pages);
            }
            let Some(bytes) = bytes.get_mut(..length).filter(|_| address % 8 == 0) else {
                return Err(corrupt(format!("a record of {length} bytes at {address:#x}")));
            };
            fill(&mut image, bytes, &mut at)?;
            pages.bytes += length as u64;
            if pages.bytes > MOST_BYTES {
                return Err(HeapError::TooLarge(format!("more than {MOST_BYTES} bytes of pages")));
            }
            pages.record(record, address, bytes)?;
        }
    }
}

/// The words of pages, in blocks of the same number of them.
#[derive(Default)]
struct PageWords {
    blocks: Vec<Vec<u64>>,
    lengths: Vec<u32>,
}

impl PageWords {
    const WORDS: usize = PAGE as usize / 8;
    /// Pages of a block.
    const BLOCK: usize = 64;

    /// Adds a page of at most [`PAGE`] bytes.
    fn add(&mut self, words: impl Iterator<Item = u64>) -> HeapResult<u32> {
        let number = self.lengths.len();
        if number.is_multiple_of(Self::BLOCK) {
            let mut block = Vec::new();
            room(&mut block, Self::WORDS * Self::BLOCK)?;
            self.blocks.push(block);
        }
        let mut length = 0;
        if let Some(block) = self.blocks.last_mut() {
            let start = number % Self::BLOCK * Self::WORDS;
            block.resize(start, 0);
            block.extend(words.take(Self::WORDS));
            length = block.len() - start;
        }
        // Both are small: an image has a bound, and so has a page.
        self.lengths.push(u32::try_from(length).unwrap_or(0));
        Ok(u32::try_from(number).unwrap_or(u32::MAX))
    }

    fn get(&self, page: u32, word: usize) -> Option<u64> {
        let page = page as usize;
        if word >= *self.lengths.get(page)? as usize {
            return None;
        }
        let block = self.blocks.get(page / Self::BLOCK)?;
        block.get(page % Self::BLOCK * Self::WORDS + word).copied()
    }
}

pub(super) fn corrupt(what: impl Into<String>) -> HeapError {
    HeapError::Corrupt(what.into())
}

impl Pages {
    /// Reads the header.
    pub fn begin<R: Read>(mut image: R) -> HeapResult<Begun<R>> {
        let mut at = 0;
        let length = u32::from_le_bytes(exact(&mut image, &mut at)?);
        if length > MOST_HEADER {
            return Err(corrupt("the header of the heap image is too long"));
        }
        let mut header = vec![0; length as usize];
        fill(&mut image, &mut header, &mut at)?;
        let Header { format, pid, v8, types } = serde_json::from_slice(&header)
            .map_err(|error| HeapError::Schema(format!("the header of the heap image: {error}")))?;
        if format != 1 {
            return Err(HeapError::Schema(format!("a heap image of format {format}, not 1")));
        }
        let layout = version(&v8)
            .ok_or_else(|| format!("no version of V8: {v8:?}"))
            .and_then(heap_layout::of)
            .map_err(|why| HeapError::Schema(format!("a heap image: {why}")))?;
        let pages = Self {
            layout,
            types,
            pages: FxHashMap::default(),
            words: PageWords::default(),
            dispatched: FxHashMap::default(),
            constants: FxHashSet::default(),
            isolate: Vec::new(),
            roots: Vec::new(),
            stack: (0, Vec::new()),
            line_ends: FxHashMap::default(),
            texts: FxHashMap::default(),
            bytes: 0,
        };
        Ok(Begun { pages, pid, image, at })
    }

    fn record(&mut self, record: u32, address: u64, bytes: &[u8]) -> HeapResult<()> {
        let words = bytes
            .chunks_exact(8)
            .map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()));
        let of = match record {
            kind::PAGE | kind::CONSTANTS if address.is_multiple_of(PAGE) => {
                let page = self.words.add(words)?;
                if self.pages.insert(address, page).is_some() {
                    return Err(corrupt(format!("two pages at {address:#x}")));
                }
                if record == kind::CONSTANTS {
                    self.constants.insert(address);
                }
                return Ok(());
            }
            kind::GLOBALS => {
                let words: Vec<u64> = words.collect();
                let strong = words.chunks_exact(GLOBAL_WORDS).filter(|global| {
                    // The object, then its class (16 bits), its index (8) and its flags (8).
                    global[1] >> 24 & STATES == STRONG && global[0] & 3 == 1
                });
                self.roots.extend(strong.map(|global| (RootKind::Global, global[0])));
                return Ok(());
            }
            kind::TEXT => {
                self.texts.insert(address, bytes.to_vec());
                return Ok(());
            }
            kind::LINES => {
                let ends = bytes
                    .chunks_exact(4)
                    .map(|end| u32::from_le_bytes(end.try_into().unwrap_or_default()));
                self.line_ends.entry(address).or_default().extend(ends);
                return Ok(());
            }
            kind::DISPATCH => {
                let words: Vec<u64> = words.collect();
                let places = (0..).map(|entry| address.wrapping_add(DISPATCH_ENTRY * entry));
                let entries = words.chunks_exact(2).zip(places);
                let used = entries.map(|(entry, at)| (at, entry[1] >> DISPATCH_BITS & !7));
                self.dispatched.extend(used.filter(|(_, code)| *code != 0));
                return Ok(());
            }
            kind::STACK => {
                if self.stack.1.is_empty() {
                    self.stack.0 = address;
                }
                self.stack.1.extend(words);
                return Ok(());
            }
            kind::ISOLATE => {
                self.isolate.extend(words.clone());
                RootKind::Isolate
            }
            kind::HANDLES => RootKind::Handle,
            _ => return Err(corrupt(format!("a record of kind {record} at {address:#x}"))),
        };
        self.roots.extend(words.filter(|word| word & 3 == 1).map(|word| (of, word)));
        Ok(())
    }

    /// Whether an address is of the read-only heap.
    pub fn is_constant(&self, at: u64) -> bool {
        self.constants.contains(&(at & !(PAGE - 1)))
    }

    /// The address of the code of a handle.
    pub fn dispatched(&self, handle: u64) -> Option<u64> {
        self.dispatched.get(&((handle >> HANDLE_SHIFT) * DISPATCH_ENTRY)).copied()
    }

    /// The word at an address.
    pub fn word(&self, at: u64) -> Option<u64> {
        let page = *self.pages.get(&(at & !(PAGE - 1)))?;
        self.words.get(page, (at & (PAGE - 1)) as usize / 8).filter(|_| at.is_multiple_of(8))
    }

    /// The 32 bits at an address.
    pub fn half(&self, at: u64) -> Option<u64> {
        let word = self.word(at & !7)?;
        Some(if at & 4 == 0 { word & 0xffff_ffff } else { word >> 32 })
    }

    /// The byte at an address.
    pub fn byte(&self, at: u64) -> Option<u8> {
        let word = self.word(at & !7)?;
        Some(word.to_le_bytes()[(at & 7) as usize])
    }
}

fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn fill(image: &mut impl Read, to: &mut [u8], at: &mut u64) -> HeapResult<()> {
    image.read_exact(to).map_err(|error| HeapError::of_stream(error, *at))?;
    *at += to.len() as u64;
    Ok(())
}

/// Reads on behind the last record: only there is the checksum of what was read.
fn expect_end(image: &mut impl Read, at: u64) -> HeapResult<()> {
    let mut rest = Vec::new();
    // A call that a signal interrupts is repeated.
    image.take(1).read_to_end(&mut rest).map_err(|error| HeapError::of_stream(error, at))?;
    if rest.is_empty() {
        return Ok(());
    }
    Err(corrupt("there are bytes behind the end of the heap image"))
}

fn exact<const N: usize>(image: &mut impl Read, at: &mut u64) -> HeapResult<[u8; N]> {
    let mut bytes = [0; N];
    fill(image, &mut bytes, at)?;
    Ok(bytes)
}
