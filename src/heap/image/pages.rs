//! The memory that an image holds.

use std::io::Read;

use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::heap::error::{HeapError, HeapResult};

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
}

#[derive(Deserialize)]
struct Header {
    format: u32,
    v8: String,
    types: FxHashMap<String, u16>,
}

/// What an image holds.
pub struct Pages {
    /// Instance types by name.
    pub types: FxHashMap<String, u16>,
    pages: FxHashMap<u64, Vec<u64>>,
    /// Words of the isolate and of the stack.
    pub roots: Vec<u64>,
    pub bytes: u64,
}

pub(super) fn corrupt(what: impl Into<String>) -> HeapError {
    HeapError::Corrupt(what.into())
}

impl Pages {
    /// Reads all records.
    pub fn read(mut image: impl Read) -> HeapResult<Self> {
        let mut at = 0;
        let length = u32::from_le_bytes(exact(&mut image, &mut at)?);
        if length > MOST_HEADER {
            return Err(corrupt("the header of the heap image is too long"));
        }
        let mut header = vec![0; length as usize];
        fill(&mut image, &mut header, &mut at)?;
        let Header { format, v8, types } = serde_json::from_slice(&header)
            .map_err(|error| HeapError::Schema(format!("the header of the heap image: {error}")))?;
        if (format, v8.as_str()) != (1, "11.3") {
            return Err(HeapError::Schema(format!(
                "a heap image of format {format} and V8 {v8}; format 1 and V8 11.3 (Node 20) are read"
            )));
        }
        let mut pages = Self { types, pages: FxHashMap::default(), roots: Vec::new(), bytes: 0 };
        let mut bytes = vec![0; PAGE as usize];
        loop {
            let address = u64::from_le_bytes(exact(&mut image, &mut at)?);
            let record = u32::from_le_bytes(exact(&mut image, &mut at)?);
            let length = u32::from_le_bytes(exact(&mut image, &mut at)?) as usize;
            if record == kind::END {
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
            let words = bytes
                .chunks_exact(8)
                .map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()));
            match record {
                kind::PAGE if address % PAGE == 0 => {
                    let mut page = Vec::new();
                    page.try_reserve_exact(length / 8)
                        .map_err(|_| HeapError::NoMemory { bytes: length as u64 })?;
                    page.extend(words);
                    if pages.pages.insert(address, page).is_some() {
                        return Err(corrupt(format!("two pages at {address:#x}")));
                    }
                }
                kind::ISOLATE | kind::STACK => {
                    pages.roots.extend(words.filter(|word| word & 3 == 1));
                }
                _ => return Err(corrupt(format!("a record of kind {record} at {address:#x}"))),
            }
        }
    }

    /// The word at an address.
    pub fn word(&self, at: u64) -> Option<u64> {
        let page = self.pages.get(&(at & !(PAGE - 1)))?;
        page.get((at & (PAGE - 1)) as usize / 8).copied().filter(|_| at.is_multiple_of(8))
    }

    /// The byte at an address.
    pub fn byte(&self, at: u64) -> Option<u8> {
        let word = self.word(at & !7)?;
        Some(word.to_le_bytes()[(at & 7) as usize])
    }
}

fn fill(image: &mut impl Read, to: &mut [u8], at: &mut u64) -> HeapResult<()> {
    image.read_exact(to).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => HeapError::Truncated { at: *at },
        _ => HeapError::Io(error),
    })?;
    *at += to.len() as u64;
    Ok(())
}

fn exact<const N: usize>(image: &mut impl Read, at: &mut u64) -> HeapResult<[u8; N]> {
    let mut bytes = [0; N];
    fill(image, &mut bytes, at)?;
    Ok(bytes)
}
