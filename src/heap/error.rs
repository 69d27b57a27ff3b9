//! What can be wrong with a snapshot. Every message says what to do about it.

use std::path::{Path, PathBuf};
use std::{fmt, io};

/// The result of reading a snapshot.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a snapshot could not be read.
#[derive(Debug)]
pub enum Error {
    /// The file or the stream could not be opened or read.
    Io(io::Error),
    /// There is not one byte in it: the process died before V8 wrote anything.
    Empty,
    /// It ends in the middle.
    Truncated {
        /// Where in the uncompressed text it ends.
        at: u64,
    },
    /// It is not JSON, or not a heap snapshot.
    NotJson {
        /// The byte in the uncompressed text.
        at: u64,
        /// What was expected there.
        expected: &'static str,
    },
    /// Its `snapshot.meta` lacks what a heap snapshot must have.
    Schema(String),
    /// It is larger than a graph can be here: 2^29 nodes, 2^32 edges, 4 GB of strings.
    TooLarge(String),
    /// This process cannot have the memory for it.
    NoMemory {
        /// Wanted at once when it was refused.
        bytes: u64,
    },
    /// It is well-formed and contradicts itself.
    Corrupt(String),
    /// The caller asked to stop.
    Cancelled,
    /// No object of the snapshot has the id that was asked for.
    NoSuchObject(u32),
    /// Two of the snapshots are the same one.
    Same {
        /// Their names.
        paths: [PathBuf; 2],
    },
    /// By their names they are of several processes.
    Processes {
        /// The ids of the processes.
        pids: Vec<u64>,
    },
    /// The files' names tell another order than V8's object ids.
    Order {
        /// The names, by the times in them.
        by_names: Vec<PathBuf>,
        /// The same, by the ids.
        by_ids: Vec<PathBuf>,
    },
    /// One of the snapshots that were given.
    In {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: Box<Error>,
    },
}

impl Error {
    /// The same, said of the snapshot with this path.
    pub(in crate::heap) fn of(self, path: &Path) -> Self {
        match self {
            Error::Cancelled => Error::Cancelled,
            error => Error::In { path: path.to_owned(), error: Box::new(error) },
        }
    }

    /// The `code` that JS sees.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Io(_) => "ERR_PLIMSOLL_SNAPSHOT_IO",
            Error::Empty => "ERR_PLIMSOLL_SNAPSHOT_EMPTY",
            Error::Truncated { .. } => "ERR_PLIMSOLL_SNAPSHOT_TRUNCATED",
            Error::NotJson { .. } => "ERR_PLIMSOLL_SNAPSHOT_NOT_JSON",
            Error::Schema(_) => "ERR_PLIMSOLL_SNAPSHOT_SCHEMA",
            Error::TooLarge(_) => "ERR_PLIMSOLL_SNAPSHOT_TOO_LARGE",
            Error::NoMemory { .. } => "ERR_PLIMSOLL_SNAPSHOT_NO_MEMORY",
            Error::Corrupt(_) => "ERR_PLIMSOLL_SNAPSHOT_CORRUPT",
            Error::Cancelled => "ERR_PLIMSOLL_SNAPSHOT_CANCELLED",
            Error::NoSuchObject(_) | Error::Same { .. } => "ERR_PLIMSOLL_OPTION",
            Error::Order { .. } | Error::Processes { .. } => "ERR_PLIMSOLL_SNAPSHOT_ORDER",
            Error::In { error, .. } => error.code(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::In { path, error } => write!(f, "{}: {error}", path.display()),
            Error::Io(error) => {
                write!(
                    f,
                    "the snapshot could not be read ({error}); check its path and permissions."
                )
            }
            Error::Empty => f.write_str(
                "the snapshot is empty: the process ended before V8 wrote it, most often for want \
                 of memory. Take another with more room (V8 needs several times the heap).",
            ),
            Error::Truncated { at } => write!(
                f,
                "the snapshot ends in the middle, after {at} bytes: it is still being written, or \
                 the process or the disk gave out. Wait for it, or take another.",
            ),
            Error::NotJson { at, expected } => write!(
                f,
                "this is not a V8 heap snapshot: byte {at} should be {expected}. Give a \
                 .heapsnapshot file, plain or compressed with gzip or zstd.",
            ),
            Error::Schema(what) => write!(
                f,
                "the snapshot's schema is not one of V8's: {what}. Give a heap snapshot (not a \
                 heap profile or a timeline), or report it with the version of V8 that wrote it.",
            ),
            Error::TooLarge(what) => {
                write!(f, "the snapshot is too large: {what}. Take one of a smaller heap.")
            }
            Error::NoMemory { bytes } => write!(
                f,
                "there is not enough memory to read the snapshot: {} MB more were refused. Raise the limit of this \
                 process (ulimit -v, ulimit -d, the container's), or read it on a machine with more room; compare the \
                 file's size with what V8 wrote, if it is a compressed one.",
                bytes.div_ceil(1 << 20),
            ),
            Error::Corrupt(what) => write!(
                f,
                "the snapshot contradicts itself: {what}. It was damaged on its way; copy it \
                 again (compare checksums), or take another.",
            ),
            Error::Same { paths: [one, other] } => write!(
                f,
                "{} and {} are the same snapshot: give snapshots of one process that were taken at different times.",
                one.display(),
                other.display(),
            ),
            Error::Processes { pids } => {
                let pids: Vec<String> = pids.iter().map(u64::to_string).collect();
                write!(
                    f,
                    "by their names the snapshots are of several processes ({}): only snapshots of one process can be \
                     compared. Give those of one, or analyze each alone.",
                    pids.join(", "),
                )
            }
            Error::Order { by_names, by_ids } => write!(
                f,
                "the times in the names give the order {}, but V8's object ids give {}: these are not snapshots of \
                 one process under the names that they were written with. Give the original files.",
                listed(by_names),
                listed(by_ids),
            ),
            Error::Cancelled => f.write_str("the analysis was cancelled by its caller."),
            Error::NoSuchObject(id) => {
                write!(
                    f,
                    "no object of the snapshot has the id {id}; take one from the summary or from DevTools."
                )
            }
        }
    }
}

/// The files' names, without their folders.
pub(in crate::heap) fn listed(paths: &[PathBuf]) -> String {
    let name = |path: &PathBuf| path.file_name().unwrap_or(path.as_os_str()).display().to_string();
    paths.iter().map(name).collect::<Vec<_>>().join(", ")
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) => Some(error),
            Error::In { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        // A compressed stream that stops early is as truncated as a plain one.
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::Truncated { at: 0 },
            _ => Error::Io(error),
        }
    }
}
