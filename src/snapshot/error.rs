//! Why a snapshot was refused or failed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::name::Compression;

/// Where the room was missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shortage {
    /// The container's memory limit.
    Container,
    /// The machine's available memory.
    Machine,
    /// The file system of the directory.
    Disk,
    /// The bound `maxBytes` on what may be kept.
    Budget,
    /// The process's own limit on address space or data (`RLIMIT_AS`, `RLIMIT_DATA`).
    Limit,
    /// The process's own limit on the size of a file (`RLIMIT_FSIZE`).
    FileSize,
    /// As [`Shortage::Budget`], for a heap image, which is compressed already.
    ImageBudget,
    /// As [`Shortage::FileSize`], for a heap image.
    ImageSize,
}

const FILE_SIZE: &str =
    "the process's limit on the size of a file (ulimit -f; systemd's LimitFSIZE)";

impl Shortage {
    /// The place and what to do about it, as the message has them.
    fn described(self) -> (&'static str, &'static str) {
        match self {
            Self::Container => ("the container", "raise its memory limit"),
            Self::Machine => ("the machine", "free memory"),
            Self::Disk => ("the disk", "free space or choose another dir"),
            Self::Budget => ("maxBytes", "raise maxBytes or use compress"),
            Self::Limit => (
                "the process's limit on address space or data (ulimit -v, -d; systemd's LimitAS, LimitDATA)",
                "raise that limit",
            ),
            Self::FileSize => (FILE_SIZE, "raise that limit or use compress"),
            Self::ImageBudget => ("maxBytes", "raise maxBytes"),
            Self::ImageSize => (FILE_SIZE, "raise that limit"),
        }
    }
}

/// Who is taking a snapshot already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum TurnHolder {
    /// This process.
    #[error("this process")]
    Ours,
    /// Another one, in the same directory.
    #[error("another process with the same dir")]
    Another,
}

/// A refusal or a failure. In each case no file is left under a final name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum SnapshotError {
    /// Not enough memory or disk for what the snapshot is expected to need (bytes).
    #[error(
        "no room for a heap snapshot: it needs about {}, {} has {}; {}",
        Size(*.needed), .place.described().0, Size(*.available), .place.described().1
    )]
    NoRoom {
        /// Where the room is missing.
        place: Shortage,
        /// Bytes that the snapshot is expected to need.
        needed: u64,
        /// Bytes that there are.
        available: u64,
    },
    /// An earlier attempt of the same application is too recent.
    #[error(
        "the last heap snapshot is too recent: the next one may be taken in {} s (option cooldown)",
        .remaining_ms.div_ceil(1000)
    )]
    Cooldown {
        /// Milliseconds until the next attempt is allowed.
        remaining_ms: u64,
    },
    /// Another snapshot is being taken, by this process or into the same directory.
    #[error("{by} is taking a heap snapshot; try again when it is done")]
    Busy {
        /// Who holds the turn.
        by: TurnHolder,
    },
    /// The directory cannot be used.
    #[error("cannot write heap snapshots to {}: {cause}; choose a writable dir", .path.display())]
    Dir {
        /// The path that failed.
        path: PathBuf,
        /// What the operating system said.
        cause: String,
    },
    /// The process or the system has no descriptor left.
    #[error(
        "no descriptor is left to open {}: {cause}; close files and sockets, or raise the limit (ulimit -n)",
        .path.display()
    )]
    Descriptors {
        /// What was to be opened.
        path: PathBuf,
        /// What the operating system said.
        cause: String,
    },
    /// The file system filled up while the file was written.
    #[error("the disk filled up while {} was written; the part was removed, free some space", .path.display())]
    DiskFull {
        /// Where the file was to be.
        path: PathBuf,
    },
    /// This build, platform or Node cannot do what was asked.
    #[error("{why}")]
    Unavailable {
        /// Why not.
        why: String,
    },
    /// Taking or writing it failed.
    #[error("the heap snapshot failed: {what}")]
    Failed {
        /// What happened.
        what: String,
    },
}

impl SnapshotError {
    /// Whether memory is missing, which a collection of the heap may free. It frees no addresses.
    #[must_use]
    pub fn is_memory(&self) -> bool {
        use Shortage::{Container, Machine};
        matches!(self, Self::NoRoom { place: Container | Machine, .. })
    }

    /// The `code` of the JS error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRoom { place: Shortage::Disk, .. } | Self::DiskFull { .. } => {
                "ERR_PLIMSOLL_DISK_FULL"
            }
            Self::NoRoom { .. } => "ERR_PLIMSOLL_NO_ROOM",
            Self::Cooldown { .. } => "ERR_PLIMSOLL_COOLDOWN",
            Self::Busy { .. } => "ERR_PLIMSOLL_BUSY",
            Self::Dir { .. } => "ERR_PLIMSOLL_DIR",
            Self::Descriptors { .. } => "ERR_PLIMSOLL_DESCRIPTORS",
            Self::Unavailable { .. } => "ERR_PLIMSOLL_UNAVAILABLE",
            Self::Failed { .. } => "ERR_PLIMSOLL_SNAPSHOT",
        }
    }

    /// An input or output error on `path`, sorted into what the caller can act on.
    #[must_use]
    pub fn io(path: &Path, error: &io::Error) -> Self {
        #[cfg(unix)]
        if let Some(libc::EMFILE | libc::ENFILE) = error.raw_os_error() {
            return Self::Descriptors { path: path.to_owned(), cause: error.to_string() };
        }
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path: path.to_owned() }
            }
            io::ErrorKind::FileTooLarge => {
                // A heap image is compressed already.
                let is_image = path.to_string_lossy().contains(Compression::Image.suffix());
                let what = format!(
                    "{} grew past the limit on the size of a file (ulimit -f); raise that limit{}",
                    path.display(),
                    if is_image { "" } else { " or use compress" }
                );
                Self::Failed { what }
            }
            _ => Self::Dir { path: path.to_owned(), cause: error.to_string() },
        }
    }
}

/// Bytes for people.
struct Size(u64);

impl fmt::Display for Size {
    #[allow(clippy::cast_precision_loss, reason = "rounded for people anyway")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n < 1 << 20 => write!(f, "{} KB", n.div_ceil(1 << 10)),
            n if n < 10 << 30 => write!(f, "{} MB", n.div_ceil(1 << 20)),
            n => write!(f, "{:.1} GB", n as f64 / (1u64 << 30) as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_how_much_and_what_to_do() {
        let error = SnapshotError::NoRoom {
            place: Shortage::Container,
            needed: 300 << 20,
            available: 20 << 20,
        };
        assert_eq!(error.code(), "ERR_PLIMSOLL_NO_ROOM");
        assert_eq!(
            error.to_string(),
            "no room for a heap snapshot: it needs about 300 MB, the container has 20 MB; raise its memory limit"
        );
    }

    #[test]
    fn a_heap_image_is_not_to_be_compressed() {
        for place in [Shortage::ImageBudget, Shortage::ImageSize] {
            let error = SnapshotError::NoRoom { place, needed: 2, available: 1 };
            assert_eq!(error.code(), "ERR_PLIMSOLL_NO_ROOM");
            assert!(!error.to_string().contains("compress"), "{error}");
        }
        let large = io::Error::from_raw_os_error(libc::EFBIG);
        let of = |name| SnapshotError::io(Path::new(name), &large).to_string();
        assert!(of("/d/Heap.1.heapsnapshot.partial").ends_with("raise that limit or use compress"));
        assert!(of("/d/Heap.1.heapimage.partial").ends_with("raise that limit"));
    }

    #[test]
    fn a_full_disk_has_another_code_than_an_unwritable_one() {
        let full =
            SnapshotError::io(Path::new("/d/f"), &io::Error::from_raw_os_error(libc::ENOSPC));
        assert_eq!(full.code(), "ERR_PLIMSOLL_DISK_FULL");
        let denied =
            SnapshotError::io(Path::new("/d/f"), &io::Error::from_raw_os_error(libc::EACCES));
        assert_eq!(denied.code(), "ERR_PLIMSOLL_DIR");
        for code in [libc::EMFILE, libc::ENFILE] {
            let none = SnapshotError::io(Path::new("/d/f"), &io::Error::from_raw_os_error(code));
            assert_eq!(none.code(), "ERR_PLIMSOLL_DESCRIPTORS");
            assert!(none.to_string().contains("ulimit -n"), "{none}");
        }
    }

    #[test]
    fn sizes_are_rounded_up_for_people() {
        let said = |bytes: u64| Size(bytes).to_string();
        assert_eq!([said(0), said(1), said(1025)], ["0 KB", "1 KB", "2 KB"]);
        assert_eq!([said((1 << 20) - 1), said(1 << 20)], ["1024 KB", "1 MB"]);
        assert_eq!([said((1 << 20) + 1), said((10 << 30) - 1)], ["2 MB", "10240 MB"]);
        assert_eq!([said(10 << 30), said(25 << 29)], ["10.0 GB", "12.5 GB"]);
    }

    #[test]
    fn a_file_past_the_limit_of_its_size_says_which_limit() {
        let error =
            SnapshotError::io(Path::new("/d/f"), &io::Error::from_raw_os_error(libc::EFBIG));
        assert_eq!(error.code(), "ERR_PLIMSOLL_SNAPSHOT");
        assert!(error.to_string().contains("ulimit -f"), "{error}");
    }

    #[test]
    fn only_memory_may_be_garbage() {
        use Shortage::{Budget, Container, Disk, FileSize, Limit, Machine};
        let of = |place| SnapshotError::NoRoom { place, needed: 2, available: 1 }.is_memory();
        assert_eq!([Container, Machine].map(of), [true; 2]);
        assert_eq!([Limit, Budget, Disk, FileSize].map(of), [false; 4]);
        assert!(!SnapshotError::Busy { by: TurnHolder::Ours }.is_memory());
    }
}
