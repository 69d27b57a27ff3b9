//! The way from V8's chunks to the file: redacted, packed, counted, bounded, checked for
//! completeness.

use std::io::{self, Write};
use std::path::Path;

use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::error::{Shortage, SnapshotError};
use super::name::Compression;
use super::redaction::Redactor;
use crate::os::system::File;

/// What messages call the file.
pub const FILE: &str = "the snapshot file";
/// V8 writes the counts within the first kilobytes, after the schema.
const HEAD: usize = 16 * 1024;

/// A snapshot that is being written.
pub struct Output {
    redactor: Option<Redactor>,
    target: Target,
}

/// What the text goes to that may be in the file.
struct Target {
    packer: Packer,
    head: Vec<u8>,
    last: Option<u8>,
}

enum Packer {
    Plain(Bounded),
    Gzip(GzEncoder<Bounded>),
    Zstd(zstd::Encoder<'static, Bounded>),
}

impl Output {
    /// Writes to `file` at most `max_bytes` bytes, and nothing that `redactor` takes out.
    ///
    /// # Errors
    /// Where the compressor cannot be set up.
    pub fn new(
        file: File,
        compression: Compression,
        max_bytes: u64,
        redactor: Option<Redactor>,
    ) -> io::Result<Self> {
        let bounded = Bounded { file, written: 0, max_bytes };
        let packer = match compression {
            Compression::None => Packer::Plain(bounded),
            // Fast levels: the text packs seven to ten times even so.
            Compression::Gzip => Packer::Gzip(GzEncoder::new(bounded, flate2::Compression::fast())),
            Compression::Zstd | Compression::Image => Packer::Zstd(zstd::Encoder::new(bounded, 1)?),
        };
        let target = Target { packer, head: Vec::with_capacity(HEAD), last: None };
        Ok(Self { redactor, target })
    }

    /// Adds a piece of the JSON text.
    ///
    /// # Errors
    /// As writing to the file, or where it would grow past its bound.
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), SnapshotError> {
        let Self { redactor, target } = self;
        match redactor {
            Some(redactor) => redactor.write(chunk, &mut |text| target.write(text)),
            None => target.write(chunk),
        }
    }

    /// Ends the file and makes it durable.
    ///
    /// # Errors
    /// As writing, or where the text is not a whole snapshot.
    pub fn finish(self) -> Result<Written, SnapshotError> {
        let Target { packer, head, last } = self.target;
        let nodes = node_count(&head);
        let whole = self.redactor.is_none_or(|redactor| redactor.is_whole());
        let (Some(nodes), Some(b'}'), true) = (nodes, last, whole) else {
            return Err(SnapshotError::Failed { what: "V8 wrote an incomplete snapshot".into() });
        };
        let bounded = match packer {
            Packer::Plain(out) => Ok(out),
            Packer::Gzip(out) => out.finish(),
            Packer::Zstd(out) => out.finish(),
        };
        let Bounded { file, written, .. } = bounded.map_err(|error| sort(&error))?;
        file.sync_all().map_err(|error| sort(&error))?;
        Ok(Written { bytes: written, nodes })
    }
}

impl Target {
    fn write(&mut self, chunk: &[u8]) -> Result<(), SnapshotError> {
        let room = HEAD - self.head.len();
        self.head.extend_from_slice(&chunk[..room.min(chunk.len())]);
        self.last = chunk.iter().rfind(|byte| !byte.is_ascii_whitespace()).copied().or(self.last);
        let written = match &mut self.packer {
            Packer::Plain(out) => out.write_all(chunk),
            Packer::Gzip(out) => out.write_all(chunk),
            Packer::Zstd(out) => out.write_all(chunk),
        };
        written.map_err(|error| sort(&error))
    }
}

/// A file that is complete and on disk, still under its temporary name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Its size.
    pub bytes: u64,
    /// The nodes of its graph.
    pub nodes: u64,
}

struct Bounded {
    file: File,
    written: u64,
    max_bytes: u64,
}

/// Marks the error that [`Bounded`] raises itself.
#[derive(Debug, thiserror::Error)]
#[error("past the bound")]
struct PastBound {
    needed: u64,
    available: u64,
}

impl Write for Bounded {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        let needed = self.written.saturating_add(chunk.len() as u64);
        if needed > self.max_bytes {
            return Err(io::Error::other(PastBound { needed, available: self.max_bytes }));
        }
        let written = self.file.write(chunk)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn sort(error: &io::Error) -> SnapshotError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<PastBound>()) {
        Some(&PastBound { needed, available }) => {
            SnapshotError::NoRoom { place: Shortage::Budget, needed, available }
        }
        None => SnapshotError::io(Path::new(FILE), error),
    }
}

fn node_count(head: &[u8]) -> Option<u64> {
    const KEY: &[u8] = b"\"node_count\":";
    let digits = &head[memchr::memmem::find(head, KEY)? + KEY.len()..];
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::testing::TempDir;
    use std::fs;
    use std::io::Read;

    const TEXT: &[u8] =
        b"{\"snapshot\":{\"meta\":{},\"node_count\":42,\"edge_count\":7},\"strings\":[]}\n";

    fn write(
        dir: &TempDir,
        compression: Compression,
        max: u64,
        text: &[u8],
    ) -> Result<Written, SnapshotError> {
        let file = File::new(fs::File::create(dir.0.join("f")).unwrap());
        let mut output = Output::new(file, compression, max, None).unwrap();
        for chunk in text.chunks(5) {
            output.write(chunk)?;
        }
        output.finish()
    }

    #[test]
    fn each_packing_reads_back() {
        let dir = TempDir::new("output");
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let written = write(&dir, compression, u64::MAX, TEXT).unwrap();
            let file = fs::File::open(dir.0.join("f")).unwrap();
            assert_eq!(written.bytes, file.metadata().unwrap().len());
            assert_eq!(written.nodes, 42);
            let mut text = Vec::new();
            match compression {
                Compression::None => (&file).read_to_end(&mut text).unwrap(),
                Compression::Gzip => {
                    flate2::read::GzDecoder::new(file).read_to_end(&mut text).unwrap()
                }
                Compression::Zstd | Compression::Image => {
                    zstd::Decoder::new(file).unwrap().read_to_end(&mut text).unwrap()
                }
            };
            assert_eq!(text, TEXT);
        }
    }

    #[test]
    fn every_truncation_is_noticed() {
        let dir = TempDir::new("output-truncated");
        for end in 0..TEXT.len() - 2 {
            // The first closing brace that ends a prefix is that of "meta": no count before it.
            let cut = write(&dir, Compression::None, u64::MAX, &TEXT[..end]);
            let whole = TEXT[..end].ends_with(b"}") && end > 45;
            assert_eq!(cut.is_ok(), whole, "{end}");
        }
    }

    #[test]
    fn the_bound_stops_the_file() {
        let dir = TempDir::new("output-bound");
        let error = write(&dir, Compression::None, 20, TEXT).unwrap_err();
        assert_eq!(
            error,
            SnapshotError::NoRoom { place: Shortage::Budget, needed: 25, available: 20 }
        );
        assert!(dir.0.join("f").metadata().unwrap().len() <= 20);
    }
}
