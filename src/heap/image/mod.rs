//! Heap images: raw pages of V8's heap (`src/snapshot/image` writes them).
//!
//! An image is decoded into nodes and edges, which reach the rest of the analyzer as the text of a heap snapshot: there
//! is one parser, and what `convert` would write is what is analyzed. `docs/heap-images.md` has the limits.

mod decode;
mod graph;
mod known;
mod layout;
mod names;
mod pages;
#[cfg(test)]
mod tests;
mod text;

use std::io::{self, Read};

use self::pages::{Begun, Pages};
use self::text::Text;
use crate::heap::error::HeapResult;

/// What an image begins with, after decompression.
pub(in crate::heap) const MAGIC: &[u8] = b"plimsoll heap image\n";

/// The text of the heap snapshot that an image stands for, and the process that it is of; `image` has the bytes after
/// [`MAGIC`]. The pages are read and decoded when the text is first read, so that of several images only one has its
/// pages in memory.
pub(in crate::heap) fn as_snapshot<'a>(
    image: impl Read + Send + 'a,
) -> HeapResult<(impl Read + Send + 'a, u64)> {
    let begun = Pages::begin(image)?;
    let pid = begun.pid();
    Ok((Decoding::Waits(begun), pid))
}

enum Decoding<R> {
    Waits(Begun<R>),
    Done(Text),
    Failed,
}

impl<R: Read> Decoding<R> {
    fn decode(&mut self) -> HeapResult<()> {
        if let Self::Waits(begun) = std::mem::replace(self, Self::Failed) {
            let pages = begun.read()?;
            *self = Self::Done(Text::new(graph::build(&pages)?));
        }
        Ok(())
    }
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if matches!(self, Self::Waits(_)) {
            self.decode().map_err(io::Error::other)?;
        }
        match self {
            Self::Done(text) => text.read(to),
            _ => Err(io::Error::other("the heap image could not be decoded")),
        }
    }
}
