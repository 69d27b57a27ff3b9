//! What can be wrong with a snapshot. Every message says what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// The result of reading a snapshot.
pub type HeapResult<T> = Result<T, HeapError>;

/// Why a snapshot could not be read or compared.
#[derive(Debug, thiserror::Error)]
pub enum HeapError {
    /// The file or the stream could not be opened or read.
    #[error("the snapshot could not be read ({0}); check its path and permissions.")]
    Io(#[source] io::Error),
    /// The file has no bytes: the process ended before V8 wrote any.
    #[error(
        "the snapshot is empty: the process ended before V8 wrote it, usually because it ran out of memory. \
         Take another with more free memory (V8 needs several times the size of the heap)."
    )]
    Empty,
    /// It ends in the middle.
    #[error(
        "the snapshot ends in the middle, after {at} bytes: it is still being written, or the process ended or the \
         disk filled up while it was written. Wait until it is complete, or take another."
    )]
    Truncated {
        /// Where in the uncompressed text it ends.
        at: u64,
    },
    /// It is not JSON, or not a heap snapshot.
    #[error(
        "this is not a V8 heap snapshot: byte {at} should be {expected}. Give a .heapsnapshot file, plain or \
         compressed with gzip or zstd."
    )]
    NotJson {
        /// The byte in the uncompressed text.
        at: u64,
        /// What was expected there.
        expected: &'static str,
    },
    /// Its `snapshot.meta` lacks what a heap snapshot must have.
    #[error(
        "the snapshot's schema is not one of V8's: {0}. Give a heap snapshot (not a heap profile or a timeline), or \
         report it with the version of V8 that wrote it."
    )]
    Schema(String),
    /// It is larger than a graph can be here: 2^29 nodes, 2^32 edges, 4 GB of strings.
    #[error("the snapshot is too large: {0}. Take one of a smaller heap.")]
    TooLarge(String),
    /// This process cannot have the memory for it.
    #[error(
        "there is not enough memory to read the snapshot: {} MB more were refused. Raise the limit of this process \
         (ulimit -v, ulimit -d, the container's), or read it on a machine with more memory; if the file is \
         compressed, compare its size with what V8 wrote.",
        .bytes.div_ceil(1 << 20)
    )]
    NoMemory {
        /// The size of the allocation that was refused.
        bytes: u64,
    },
    /// What the graphs take cannot be kept in files of a folder.
    #[error(
        "memory cannot be spilled to {} ({why}). Give a folder on a disk, or read the snapshot on a machine with more \
         memory.",
        .folder.display()
    )]
    NoSpill {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        why: String,
    },
    /// The folder that the analysis spills to takes no more.
    #[error(
        "{} MB more cannot be spilled to {} ({why}): most likely its disk is full, or the folder was removed. Free space \
         there, give a folder on another disk, or read the snapshot on a machine with more memory.",
        .bytes.div_ceil(1 << 20), .folder.display()
    )]
    SpillRefused {
        /// The folder.
        folder: PathBuf,
        /// What the operating system said.
        why: String,
        /// The size of the allocation that was refused.
        bytes: u64,
    },
    /// This process cannot have the memory to decompress it.
    #[error(
        "there is not enough memory to decompress the snapshot. Raise the limit of this process (ulimit -v, ulimit -d, \
         the container's), or read it on a machine with more memory."
    )]
    NoMemoryToDecompress,
    /// Its zstd frame needs a larger window than is accepted.
    #[error(
        "to decompress the snapshot takes a window of more than 128 MB, which no analysis allocates. Decompress it with \
         zstd -d --long=31, or compress it again with --long=27 at most."
    )]
    Window,
    /// It is well-formed and contradicts itself.
    #[error(
        "the snapshot contradicts itself: {0}. It was damaged after it was written: copy it again (compare \
         checksums), or take another."
    )]
    Corrupt(String),
    /// The caller asked to stop.
    #[error("the analysis was cancelled by its caller.")]
    Cancelled,
    /// No object of the snapshot has the id that was asked for.
    #[error(
        "no object of the snapshot has the id {0}; take one from the summary or from DevTools."
    )]
    NoSuchObject(u32),
    /// Two of the snapshots are the same one.
    #[error(
        "{} and {} are the same snapshot: give snapshots of one process that were taken at different times.",
        .paths[0].display(), .paths[1].display()
    )]
    Same {
        /// Their names.
        paths: [PathBuf; 2],
    },
    /// By their names, or by what is in heap images, they are of several processes.
    #[error(
        "the snapshots are of several processes ({}): only snapshots of one process can be compared. \
         Give those of one, or analyze each alone.",
        .pids.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
    )]
    Processes {
        /// The ids of the processes.
        pids: Vec<u64>,
    },
    /// The files' names and V8's object ids give different orders.
    #[error(
        "the times in the names give the order {}, but V8's object ids give {}: these are not snapshots of one process \
         under their original names. Give the original files.",
        listed(.by_names), listed(.by_ids)
    )]
    Order {
        /// The names, by the times in them.
        by_names: Vec<PathBuf>,
        /// The same, by the ids.
        by_ids: Vec<PathBuf>,
    },
    /// One of the snapshots that were given.
    #[error("{}: {error}", .path.display())]
    In {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: Box<HeapError>,
    },
}

impl HeapError {
    /// The same error, for the snapshot with this path.
    pub(in crate::heap) fn of(self, path: &Path) -> Self {
        match self {
            HeapError::Cancelled => HeapError::Cancelled,
            error => HeapError::In { path: path.to_owned(), error: Box::new(error) },
        }
    }

    /// The `code` of the JS error.
    pub fn code(&self) -> &'static str {
        match self {
            HeapError::Io(_) => "ERR_PLIMSOLL_SNAPSHOT_IO",
            HeapError::Empty => "ERR_PLIMSOLL_SNAPSHOT_EMPTY",
            HeapError::Truncated { .. } => "ERR_PLIMSOLL_SNAPSHOT_TRUNCATED",
            HeapError::NotJson { .. } => "ERR_PLIMSOLL_SNAPSHOT_NOT_JSON",
            HeapError::Schema(_) => "ERR_PLIMSOLL_SNAPSHOT_SCHEMA",
            HeapError::TooLarge(_) => "ERR_PLIMSOLL_SNAPSHOT_TOO_LARGE",
            HeapError::NoMemory { .. }
            | HeapError::NoMemoryToDecompress
            | HeapError::Window
            | HeapError::SpillRefused { .. }
            | HeapError::NoSpill { .. } => "ERR_PLIMSOLL_SNAPSHOT_NO_MEMORY",
            HeapError::Corrupt(_) => "ERR_PLIMSOLL_SNAPSHOT_CORRUPT",
            HeapError::Cancelled => "ERR_PLIMSOLL_SNAPSHOT_CANCELLED",
            HeapError::NoSuchObject(_) | HeapError::Same { .. } => "ERR_PLIMSOLL_OPTION",
            HeapError::Order { .. } | HeapError::Processes { .. } => "ERR_PLIMSOLL_SNAPSHOT_ORDER",
            HeapError::In { error, .. } => error.code(),
        }
    }
}

/// The files' names, without their folders.
pub(in crate::heap) fn listed(paths: &[PathBuf]) -> String {
    let name = |path: &PathBuf| path.file_name().unwrap_or(path.as_os_str()).display().to_string();
    paths.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Codes of zstd's (zstd_errors.h): an allocation failed, and the window is larger than the decoder accepts.
const ZSTD_NO_MEMORY: usize = 64;
const ZSTD_WINDOW: usize = 16;

/// Whether it is an error of zstd's with this code, which is known by its text.
fn is_of_zstd(error: &io::Error, code: usize) -> bool {
    error.to_string() == zstd::zstd_safe::get_error_name(0_usize.wrapping_sub(code))
}

impl HeapError {
    /// What a stream failed with after `at` bytes: the disk's errors have a number, those of a decoder are the file's
    /// fault. A heap image is decoded while its text is read, and its errors are known.
    pub(in crate::heap) fn of_stream(error: io::Error, at: u64) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(own) => return own,
            Err(error) => error,
        };
        match error.kind() {
            io::ErrorKind::UnexpectedEof => HeapError::Truncated { at },
            _ if error.raw_os_error().is_some() => HeapError::Io(error),
            _ if is_of_zstd(&error, ZSTD_NO_MEMORY) => HeapError::NoMemoryToDecompress,
            _ if is_of_zstd(&error, ZSTD_WINDOW) => HeapError::Window,
            _ => HeapError::Corrupt(format!("the compressed stream is damaged ({error})")),
        }
    }
}

impl From<io::Error> for HeapError {
    fn from(error: io::Error) -> Self {
        Self::of_stream(error, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::progress::unattended;
    use crate::heap::snapshot::Snapshot;

    /// The head of a zstd frame whose window is 2^`log` bytes, and an empty block, the last one.
    fn frame(log: u8) -> Vec<u8> {
        vec![0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, 1, 0, 0]
    }

    #[test]
    fn a_window_above_128_megabytes_is_refused_for_its_memory() {
        let read = |log| Snapshot::read(io::Cursor::new(frame(log)), &unattended).err().unwrap();
        assert!(matches!(read(28), HeapError::Window), "{}", read(28));
        assert_eq!(read(28).code(), "ERR_PLIMSOLL_SNAPSHOT_NO_MEMORY");
        assert!(matches!(read(20), HeapError::Empty), "{}", read(20));
    }

    #[test]
    fn memory_that_zstd_does_not_get_is_no_damage() {
        let refused = io::Error::other("Allocation error : not enough memory");
        let error = HeapError::of_stream(refused, 100);
        assert!(matches!(error, HeapError::NoMemoryToDecompress), "{error}");
        let damaged = io::Error::other("Data corruption detected");
        assert!(matches!(HeapError::of_stream(damaged, 100), HeapError::Corrupt(_)));
    }
}
