//! Files that the kernel generates when they are read: procfs, cgroups.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

/// Most of them are shorter.
const USUAL: usize = 4096;
/// None of them is as long.
const MOST: u64 = 16 << 20;

/// Reads such files by path. A test gives one that fails at a read of its choice.
pub trait Files: Debug + Send {
    /// The whole of a file.
    ///
    /// # Errors
    /// As `open(2)` and `read(2)`.
    fn read(&mut self, path: &Path) -> io::Result<String>;

    /// As [`Files::read`]; `None` if the file does not exist, or this process may not read it.
    ///
    /// # Errors
    /// If the file exists and cannot be read now: no descriptor is left (EMFILE, ENFILE), or no memory.
    fn find(&mut self, path: &Path) -> io::Result<Option<String>> {
        match self.read(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The files as this process sees them, by [`read`].
#[derive(Debug, Default, Clone, Copy)]
pub struct System;

impl Files for System {
    fn read(&mut self, path: &Path) -> io::Result<String> {
        read(path)
    }
}

/// Descriptors that stay open: a file that was read once can be read when the process has no descriptor left.
#[derive(Debug)]
struct Kept {
    /// How many watches need them.
    users: usize,
    /// The process that opened them. A forked child shares them, and its own `/proc/self` is another directory.
    pid: u32,
    files: Vec<(PathBuf, File)>,
}

static KEPT: Mutex<Kept> = Mutex::new(Kept { users: 0, pid: 0, files: Vec::new() });

/// While one exists, [`read`] keeps the descriptors of the files that it reads.
#[derive(Debug)]
pub struct Keeping(());

impl Keeping {
    /// Keeps them from now on.
    #[must_use]
    pub fn begin() -> Self {
        let mut kept = KEPT.lock();
        kept.users += 1;
        kept.pid = std::process::id();
        Self(())
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        let mut kept = KEPT.lock();
        kept.users -= 1;
        if kept.users == 0 {
            kept.files = Vec::new();
        }
    }
}

/// The whole of a file.
///
/// # Errors
/// As `open(2)` and `read(2)`.
pub fn read(path: &Path) -> io::Result<String> {
    // Never waits: a thread of the parent may hold the lock for ever in a forked child.
    match KEPT.try_lock() {
        Some(mut kept) if kept.users > 0 && kept.pid == std::process::id() => kept.read(path),
        _ => read_whole(&File::open(path)?),
    }
}

impl Kept {
    fn read(&mut self, path: &Path) -> io::Result<String> {
        let is_it = |(kept, _): &(PathBuf, File)| kept.as_os_str() == path.as_os_str();
        if let Some(at) = self.files.iter().position(is_it) {
            match read_whole(&self.files[at].1) {
                // The cgroup was removed, or the thread has ended: another file is at the path now.
                Err(error) if is_absent(&error) => drop(self.files.swap_remove(at)),
                read => return read,
            }
        }
        let file = File::open(path)?;
        let text = read_whole(&file)?;
        self.files.push((path.to_owned(), file));
        Ok(text)
    }
}

/// The files report a size of 0: the standard library's function would ask for it and then begin with reads of a few
/// bytes.
fn read_whole(mut file: &File) -> io::Result<String> {
    file.rewind()?;
    let mut text = String::with_capacity(USUAL);
    file.take(MOST).read_to_string(&mut text)?;
    Ok(text)
}

fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    // What a descriptor gives whose cgroup was removed, or whose thread has ended.
    #[cfg(unix)]
    if matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ESRCH)) {
        return true;
    }
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied)
}

#[cfg(test)]
pub mod testing {
    //! Files that fail on demand.

    use super::{Files, System};
    use std::io;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// Fails from one read on for a number of reads, as where the process has no descriptor left.
    #[derive(Debug, Default, Clone)]
    pub struct Failing {
        /// Reads so far.
        pub reads: Arc<AtomicUsize>,
        /// The first read that fails, and the first one after it that does not.
        pub failing: std::ops::Range<usize>,
    }

    impl Files for Failing {
        fn read(&mut self, path: &Path) -> io::Result<String> {
            if self.failing.contains(&self.reads.fetch_add(1, Relaxed)) {
                return Err(io::Error::from_raw_os_error(24)); // EMFILE
            }
            System.read(path)
        }
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_of_it() {
        let path = Path::new("/proc/self/limits");
        assert_eq!(read(path).unwrap(), std::fs::read_to_string(path).unwrap());
        let maps = read(Path::new("/proc/self/smaps")).unwrap();
        assert!(maps.len() > USUAL && maps.contains("VmFlags"), "{}", maps.len());
        assert!(read(Path::new("/proc/self/none")).is_err());
    }

    fn kept() -> Kept {
        Kept { users: 1, pid: 0, files: Vec::new() }
    }

    #[test]
    fn a_kept_descriptor_shows_the_figures_of_now() {
        let path = std::env::temp_dir().join(format!("plimsoll-kept-{}", std::process::id()));
        let mut kept = kept();
        for text in ["one, and more", "2"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(kept.read(&path).unwrap(), text);
            assert_eq!(kept.files.len(), 1);
        }
        // Unlinked, as nothing in procfs ever is: the descriptor alone is read.
        std::fs::remove_file(&path).unwrap();
        assert_eq!(kept.read(&path).unwrap(), "2");
    }

    #[test]
    fn a_descriptor_of_a_thread_that_has_ended_is_opened_again() {
        let path = Path::new("/proc/thread-self/comm");
        let mut kept = kept();
        let named = |name: &str, kept: &mut Kept| {
            std::thread::scope(|scope| {
                let read = || kept.read(path).unwrap();
                let thread = std::thread::Builder::new().name(name.into());
                thread.spawn_scoped(scope, read).unwrap().join().unwrap()
            })
        };
        assert_eq!(named("first", &mut kept), "first\n");
        assert_eq!(named("second", &mut kept), "second\n");
    }

    #[test]
    fn only_what_is_not_there_is_absent() {
        let absent = [libc::ENOENT, libc::ENOTDIR, libc::EACCES, libc::ENODEV, libc::ESRCH];
        let failed = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EIO, libc::EINTR];
        let is = |code: &i32| is_absent(&io::Error::from_raw_os_error(*code));
        assert!(absent.iter().all(is));
        assert!(!failed.iter().any(is));
    }
}
