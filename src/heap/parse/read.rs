//! One source of bytes, whatever the snapshot comes in: a file, a pipe, gzip or zstd.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use crate::heap::error::HeapResult;
use crate::heap::image::{MAGIC, as_snapshot};
use crate::heap::parse::read_ahead::ReadAhead;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// 128 MB, the most that zstd's own tool accepts without being asked; a frame's window is memory.
const ZSTD_WINDOW_LOG: u32 = 27;

/// The uncompressed text of a snapshot.
pub(in crate::heap) struct Source<'a> {
    pub reader: Box<dyn Read + Send + 'a>,
    /// Its length, known for a plain regular file only.
    pub length: Option<u64>,
    /// The bytes of the file that it comes from, known for a regular file only.
    pub file_size: Option<u64>,
    /// The process that it is of, as a heap image has it.
    pub process: Option<u64>,
    /// Whether it comes as it is, neither compressed nor as a heap image.
    pub plain: bool,
}

/// Opens a file, or standard input for `-`.
pub(in crate::heap) fn open(path: &Path) -> HeapResult<Source<'static>> {
    let source = if path == Path::new("-") {
        decode(io::stdin())?
    } else {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let source = decode(file)?;
        let file_size = metadata.is_file().then_some(metadata.len());
        Source { length: file_size.filter(|_| source.plain), file_size, ..source }
    };
    // A plain file the kernel itself reads ahead.
    if source.plain {
        return Ok(source);
    }
    Ok(Source { reader: Box::new(ReadAhead::new(source.reader)), ..source })
}

/// The uncompressed text of a snapshot; of a heap image, the text of the snapshot that it stands for.
///
/// # Errors
/// If the file cannot be read. An image is decoded when its text is first read.
pub fn text_of(path: &Path) -> HeapResult<Box<dyn Read + Send>> {
    Ok(open(path)?.reader)
}

/// What zstd packs is a snapshot or a heap image.
fn image_or_text<'a>(mut reader: Box<dyn Read + Send + 'a>) -> HeapResult<Source<'a>> {
    let mut start = Vec::with_capacity(MAGIC.len());
    Read::by_ref(&mut reader).take(MAGIC.len() as u64).read_to_end(&mut start)?;
    let (reader, process): (Box<dyn Read + Send + 'a>, _) = if start == MAGIC {
        let (text, process) = as_snapshot(reader)?;
        (Box::new(text), Some(process))
    } else {
        (Box::new(Cursor::new(start).chain(reader)), None)
    };
    Ok(Source { reader, length: None, file_size: None, process, plain: false })
}

/// Looks at the first bytes and puts a decoder in front where one is needed.
pub(in crate::heap) fn decode<'a>(mut reader: impl Read + Send + 'a) -> HeapResult<Source<'a>> {
    let mut magic = Vec::with_capacity(ZSTD.len());
    Read::by_ref(&mut reader).take(ZSTD.len() as u64).read_to_end(&mut magic)?;
    let (gzip, zstd) = (magic.starts_with(GZIP), magic.starts_with(ZSTD));
    let whole = Cursor::new(magic).chain(reader);
    let reader: Box<dyn Read + Send + 'a> = if gzip {
        Box::new(flate2::read::MultiGzDecoder::new(whole))
    } else if zstd {
        let mut decoder = zstd::stream::read::Decoder::new(whole)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG)?;
        Box::new(decoder)
    } else {
        Box::new(whole)
    };
    if zstd {
        return image_or_text(reader);
    }
    Ok(Source { reader, length: None, file_size: None, process: None, plain: !gzip })
}
