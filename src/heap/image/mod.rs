//! Heap images: raw pages of V8's heap (`src/snapshot/image` writes them).
//!
//! An image is decoded into nodes and edges, which reach the rest of the analyzer as the text of a heap snapshot: there
//! is one parser, and what `convert` would write is what is analyzed. `docs/heap-images.md` has the limits.

mod decode;
mod graph;
mod layout;
mod names;
mod pages;
#[cfg(test)]
mod tests;
mod text;

use std::io::Read;

use crate::heap::error::HeapResult;

/// What an image begins with, after decompression.
pub(in crate::heap) const MAGIC: &[u8] = b"plimsoll heap image\n";

/// The text of the heap snapshot that an image stands for, and the process that it is of; `image` has the bytes after
/// [`MAGIC`].
pub(in crate::heap) fn as_snapshot(image: impl Read) -> HeapResult<(impl Read + Send, u64)> {
    let pages = pages::Pages::read(image)?;
    Ok((text::Text::new(graph::build(&pages)?), pages.pid))
}
