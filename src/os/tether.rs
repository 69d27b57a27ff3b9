//! The bond between `plimsoll run` and the processes of the run: a lock on the run's directory.

use std::fs::File;
use std::io;
use std::path::Path;

#[cfg(unix)]
use super::lock::{Wait, lock};

/// The directory of a run that is going on; the lock is held until this is dropped.
#[derive(Debug)]
pub struct Owned {
    /// Closed on exec, so that no child holds the lock.
    _directory: File,
}

/// Takes the lock; `None` where another process holds it, or has removed the directory meanwhile.
///
/// # Errors
/// Where the directory cannot be opened or the file system knows no locks.
#[cfg(unix)]
pub fn own(directory: &Path) -> io::Result<Option<Owned>> {
    let file = match open(directory) {
        Ok(file) => file,
        // Another process found it without an owner before this one opened it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !lock(&file, Wait::Never)? {
        return Ok(None);
    }
    // Between the open and the lock another process may have found it without an owner and removed it.
    let is_same = std::fs::symlink_metadata(directory)
        .and_then(|there| Ok(identity(&there) == identity(&file.metadata()?)));
    match is_same {
        Ok(true) => Ok(Some(Owned { _directory: file })),
        Ok(false) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Starts a thread that ends this process once the owner of the directory is gone: by SIGTERM, and by SIGKILL where it
/// is still there after `grace`.
///
/// # Errors
/// Where the directory cannot be opened or the system refuses the thread.
#[cfg(unix)]
pub fn end_with_owner(directory: &Path, grace: std::time::Duration) -> io::Result<()> {
    let file = open(directory)?;
    crate::os::library::pin();
    let thread = std::thread::Builder::new().name("plimsoll-run".into()).stack_size(128 * 1024);
    thread.spawn(move || {
        block_signals();
        // Granted when the owner's is released. Any other answer says nothing about the owner.
        if !matches!(lock(&file, Wait::ForOwner), Ok(true)) {
            return;
        }
        // SAFETY: kill and getpid have no preconditions.
        unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
        std::thread::sleep(grace);
        // SAFETY: as above.
        unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    })?;
    Ok(())
}

#[cfg(unix)]
fn open(directory: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(directory)
}

#[cfg(unix)]
fn identity(metadata: &std::fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// The handlers of the service run on its own threads, whose stacks they were written for.
#[cfg(unix)]
fn block_signals() {
    // SAFETY: the set is ours and initialised by sigfillset; the mask is that of this thread alone.
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
    }
}

/// Only where there is flock.
///
/// # Errors
/// Always, on this platform.
#[cfg(not(unix))]
pub fn own(_: &Path) -> io::Result<Option<Owned>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Only where there is flock.
///
/// # Errors
/// Always, on this platform.
#[cfg(not(unix))]
pub fn end_with_owner(_: &Path, _: std::time::Duration) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn temporary(name: &str) -> std::path::PathBuf {
        let path =
            std::env::temp_dir().join(format!("plimsoll-tether-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        path
    }

    #[test]
    fn a_directory_has_one_owner_at_a_time() {
        let path = temporary("one");
        let first = own(&path).unwrap();
        assert!(first.is_some());
        assert!(own(&path).unwrap().is_none(), "it is held");
        drop(first);
        assert!(own(&path).unwrap().is_some(), "released with its owner");
        std::fs::remove_dir(path).unwrap();
    }

    #[test]
    fn no_link_and_no_file_is_owned() {
        let path = temporary("link");
        let link = path.join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        own(&link).unwrap_err();
        std::fs::write(path.join("file"), "").unwrap();
        own(&path.join("file")).unwrap_err();
        std::fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_directory_that_another_run_has_removed_is_not_owned() {
        let path = temporary("removed");
        std::fs::remove_dir(&path).unwrap();
        assert!(own(&path).unwrap().is_none());
    }
}
