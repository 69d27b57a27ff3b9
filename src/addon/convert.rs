//! The text of a snapshot or a heap image, piece by piece (`lib/report/convert.js`).

use std::io::Read;
use std::path::PathBuf;

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use super::error::{Result, error};
use crate::heap;

/// How much one call reads.
const PIECE: usize = 1 << 20;

/// A snapshot as V8 writes it: what is compressed is decompressed, a heap image is decoded.
#[napi]
pub struct SnapshotText(Box<dyn Read + Send>);

#[napi]
impl SnapshotText {
    /// Opens a file.
    #[napi(constructor, catch_unwind)]
    pub fn new(path: String) -> Result<Self> {
        heap::text_of(&PathBuf::from(path)).map(Self).map_err(raise)
    }

    /// The next piece; empty at the end. An image is decoded by the first call, which takes a while.
    #[napi(catch_unwind)]
    pub fn read(&mut self) -> Result<Buffer> {
        let mut piece = Vec::with_capacity(PIECE);
        let most = PIECE as u64;
        self.0.by_ref().take(most).read_to_end(&mut piece).map_err(|why| raise(why.into()))?;
        Ok(piece.into())
    }
}

fn raise(failure: heap::HeapError) -> super::error::AddonError {
    error(failure.code(), failure.to_string())
}
