//! Advisory locks on files and directories (flock(2)).
//!
//! The kernel releases a lock when its owner ends in whatever way. Unlike a pid it is not used again, and it means the
//! same in every pid namespace.

use std::fs::File;
use std::io;

#[cfg(unix)]
use super::system::{self, SystemCall};

/// What is asked of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Takes it alone, or not at all.
    Never,
    /// Shares it, once its owner has released it.
    ForOwner,
}

/// Whether the lock was granted; it is held until the last copy of the descriptor is closed.
///
/// # Errors
/// Where the file system knows no locks.
#[cfg(unix)]
pub fn lock(file: &File, wait: Wait) -> io::Result<bool> {
    use std::os::fd::AsRawFd;
    let how = match wait {
        Wait::Never => libc::LOCK_EX | libc::LOCK_NB,
        Wait::ForOwner => libc::LOCK_SH,
    };
    // SAFETY: a descriptor that is open for as long as the file lives.
    match system::answer_of(SystemCall::Lock, || unsafe { libc::flock(file.as_raw_fd(), how) }) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Only where there is flock.
///
/// # Errors
/// Always, on this platform.
#[cfg(not(unix))]
pub fn lock(_: &File, _: Wait) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}
