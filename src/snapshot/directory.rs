//! The directory of snapshots by its descriptor: what happens to its path after the opening cannot
//! redirect what is written, renamed or removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::os::system::{self, File, SystemCall};

/// An open directory. Names are single components: no path of a caller reaches the kernel.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    handle: File,
}

impl Directory {
    /// Opens `path`; a missing directory is created with mode 0700, since dumps hold secrets.
    ///
    /// # Errors
    /// As `mkdir(2)` and `open(2)`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        system::begin(SystemCall::MakeDirectory, 0)?;
        builder.create(path)?;
        let mut options = fs::OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.custom_flags(libc::O_DIRECTORY);
        }
        system::begin(SystemCall::Open, 0)?;
        Ok(Self { path: path.to_owned(), handle: File::new(options.open(path)?) })
    }

    /// The same directory with a descriptor of its own; both share the lock.
    ///
    /// # Errors
    /// Where no descriptor is left.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { path: self.path.clone(), handle: self.handle.try_clone()? })
    }

    /// The path as it was opened, for messages and results.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open directory.
    #[must_use]
    pub fn handle(&self) -> &File {
        &self.handle
    }

    /// Makes renames durable; some file systems refuse the call.
    ///
    /// # Errors
    /// As `fsync(2)`.
    pub fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }

    /// The names of its entries.
    ///
    /// # Errors
    /// As `readdir(3)`.
    pub fn names(&self) -> io::Result<Vec<String>> {
        system::begin(SystemCall::List, 0)?;
        let entries = self.entries()?;
        Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    #[cfg(target_os = "linux")]
    fn entries(&self) -> io::Result<fs::ReadDir> {
        use std::os::fd::AsRawFd;
        let by_descriptor = fs::read_dir(format!("/proc/self/fd/{}", self.handle.as_raw_fd()));
        // A container may have no /proc.
        by_descriptor.or_else(|_| fs::read_dir(&self.path))
    }

    #[cfg(not(target_os = "linux"))]
    fn entries(&self) -> io::Result<fs::ReadDir> {
        fs::read_dir(&self.path)
    }
}

/// A name that the kernel takes as one component.
fn component(name: &str) -> io::Result<&str> {
    match name {
        "" | "." | ".." => Err(io::ErrorKind::InvalidInput.into()),
        name if name.contains(['/', '\\', '\0']) => Err(io::ErrorKind::InvalidInput.into()),
        name => Ok(name),
    }
}

#[cfg(unix)]
mod sys {
    use std::ffi::{CString, c_int};
    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd};

    use super::{Directory, component};
    use crate::os::system::{self, File, SystemCall};

    const PRIVATE: libc::c_uint = 0o600;
    /// Of each file: no link is followed, and no process that is started has it.
    const ALWAYS: c_int = libc::O_NOFOLLOW | libc::O_CLOEXEC;
    const NEW: c_int = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | ALWAYS;
    const TO_READ: c_int = libc::O_RDONLY | libc::O_NONBLOCK | ALWAYS;
    #[cfg(target_os = "linux")]
    const UNNAMED: c_int = libc::O_RDWR | libc::O_TMPFILE | libc::O_CLOEXEC;

    fn text(name: &str) -> io::Result<CString> {
        Ok(CString::new(component(name)?)?)
    }

    fn done(kind: SystemCall, call: impl Fn() -> c_int) -> io::Result<()> {
        system::answer_of(kind, call).map(drop)
    }

    impl Directory {
        /// A new file for its owner alone, open for reading and writing; an existing one or a symbolic link is
        /// an error.
        ///
        /// # Errors
        /// As `openat(2)` with `O_CREAT | O_EXCL | O_NOFOLLOW`.
        pub fn create(&self, name: &str) -> io::Result<File> {
            self.open_at(name, NEW)
        }

        /// A new file without a name, open for reading and writing: the kernel removes it with its last
        /// descriptor. `None` where the file system has no such files, or they cannot be given a name.
        #[must_use]
        pub fn create_unnamed(&self) -> Option<File> {
            #[cfg(target_os = "linux")]
            {
                let at = self.handle.as_raw_fd();
                // SAFETY: the directory is open, the name is NUL-terminated and static.
                let open = || unsafe { libc::openat(at, c".".as_ptr(), UNNAMED, PRIVATE) };
                let descriptor = system::answer_of(SystemCall::OpenUnnamed, open).ok()?;
                // SAFETY: the kernel has just given this descriptor to us.
                let file = File::new(unsafe { std::fs::File::from_raw_fd(descriptor) });
                // Without procfs it could not be given a name.
                system::begin(SystemCall::Stat, 0).ok()?;
                std::fs::metadata("/proc/self/fd").is_ok().then_some(file)
            }
            #[cfg(not(target_os = "linux"))]
            None
        }

        /// Gives a file of [`Directory::create_unnamed`] its name, which must be free.
        ///
        /// # Errors
        /// As `linkat(2)`.
        pub fn link_new(&self, file: &File, name: &str) -> io::Result<()> {
            let name = text(name)?;
            let by = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
            let (here, at) = (libc::AT_FDCWD, self.handle.as_raw_fd());
            #[cfg(all(test, target_os = "linux"))]
            if let Ok(metadata) = file.get().metadata() {
                crate::os::sim::named(&metadata, &name.to_string_lossy());
            }
            // SAFETY: as in `open_at`; both names outlive the call.
            done(SystemCall::Link, || unsafe {
                libc::linkat(here, by.as_ptr(), at, name.as_ptr(), libc::AT_SYMLINK_FOLLOW)
            })
        }

        /// A file that exists, open for reading. A pipe put there does not block.
        ///
        /// # Errors
        /// As `openat(2)` with `O_NOFOLLOW`.
        pub fn read(&self, name: &str) -> io::Result<File> {
            self.open_at(name, TO_READ)
        }

        fn open_at(&self, name: &str, flags: c_int) -> io::Result<File> {
            let name = text(name)?;
            let at = self.handle.as_raw_fd();
            // SAFETY: the directory is open, the name is NUL-terminated and outlives the call.
            let open = || unsafe { libc::openat(at, name.as_ptr(), flags, PRIVATE) };
            let descriptor = system::answer_of(SystemCall::Open, open)?;
            // SAFETY: the kernel has just given this descriptor to us.
            Ok(File::new(unsafe { std::fs::File::from_raw_fd(descriptor) }))
        }

        /// The size of an entry; links are not followed.
        ///
        /// # Errors
        /// As `fstatat(2)`.
        pub fn size(&self, name: &str) -> io::Result<u64> {
            let name = text(name)?;
            let mut stat = std::mem::MaybeUninit::<libc::stat>::zeroed();
            let (at, out) = (self.handle.as_raw_fd(), stat.as_mut_ptr());
            // SAFETY: as in `open_at`; `stat` outlives the call.
            done(SystemCall::Stat, || unsafe {
                libc::fstatat(at, name.as_ptr(), out, libc::AT_SYMLINK_NOFOLLOW)
            })?;
            // SAFETY: stat is plain data, for which all zeroes is a value.
            let stat = unsafe { stat.assume_init() };
            Ok(u64::try_from(stat.st_size).unwrap_or(0))
        }

        /// Removes an entry that is not a directory.
        ///
        /// # Errors
        /// As `unlinkat(2)`.
        pub fn remove(&self, name: &str) -> io::Result<()> {
            let name = text(name)?;
            // SAFETY: as in `open_at`.
            done(SystemCall::Remove, || unsafe {
                libc::unlinkat(self.handle.as_raw_fd(), name.as_ptr(), 0)
            })
        }

        /// Renames within the directory and replaces what has the name.
        ///
        /// # Errors
        /// As `renameat(2)`.
        pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
            self.note_name(from, to);
            let (from, to) = (text(from)?, text(to)?);
            let at = self.handle.as_raw_fd();
            // SAFETY: as in `open_at`.
            done(SystemCall::Rename, || unsafe {
                libc::renameat(at, from.as_ptr(), at, to.as_ptr())
            })
        }

        /// Renames within the directory to a name that must be free (renameat2(2),
        /// `RENAME_NOREPLACE`).
        ///
        /// # Errors
        /// As `renameat2(2)`.
        pub fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
            #[cfg(all(target_os = "linux", target_env = "gnu"))]
            {
                self.note_name(from, to);
                let (old, new) = (text(from)?, text(to)?);
                let at = self.handle.as_raw_fd();
                // SAFETY: as in `open_at`.
                let renamed = done(SystemCall::Rename, || unsafe {
                    libc::renameat2(at, old.as_ptr(), at, new.as_ptr(), libc::RENAME_NOREPLACE)
                });
                match renamed {
                    // Network file systems may not know the flag.
                    Err(error)
                        if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) => {}
                    renamed => return renamed,
                }
            }
            self.rename(from, to)
        }

        /// Tells a simulation that a file gets a name.
        #[inline]
        fn note_name(&self, _from: &str, _to: &str) {
            #[cfg(all(test, target_os = "linux"))]
            if let Ok(metadata) = std::fs::symlink_metadata(self.path.join(_from)) {
                crate::os::sim::named(&metadata, _to);
            }
        }
    }
}

#[cfg(not(unix))]
mod sys {
    use std::fs;
    use std::io;

    use super::{Directory, component};
    use crate::os::system::File;

    impl Directory {
        /// A new file, open for writing; an existing one is an error.
        ///
        /// # Errors
        /// As [`File::create_new`].
        pub fn create(&self, name: &str) -> io::Result<File> {
            fs::File::create_new(self.path.join(component(name)?)).map(File::new)
        }

        /// `None`: this system has no files without a name.
        #[must_use]
        pub fn create_unnamed(&self) -> Option<File> {
            None
        }

        /// Never succeeds: there is no file to give a name to.
        ///
        /// # Errors
        /// Always.
        pub fn link_new(&self, _: &File, _: &str) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        /// A file that exists, open for reading.
        ///
        /// # Errors
        /// As [`File::open`].
        pub fn read(&self, name: &str) -> io::Result<File> {
            fs::File::open(self.path.join(component(name)?)).map(File::new)
        }

        /// The size of an entry; links are not followed.
        ///
        /// # Errors
        /// As [`fs::symlink_metadata`].
        pub fn size(&self, name: &str) -> io::Result<u64> {
            Ok(fs::symlink_metadata(self.path.join(component(name)?))?.len())
        }

        /// Removes a file.
        ///
        /// # Errors
        /// As [`fs::remove_file`].
        pub fn remove(&self, name: &str) -> io::Result<()> {
            fs::remove_file(self.path.join(component(name)?))
        }

        /// Renames within the directory and replaces what has the name.
        ///
        /// # Errors
        /// As [`fs::rename`].
        pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
            fs::rename(self.path.join(component(from)?), self.path.join(component(to)?))
        }

        /// As [`Directory::rename`]: this system has no other.
        ///
        /// # Errors
        /// As [`fs::rename`].
        pub fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
            self.rename(from, to)
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::snapshot::testing::TempDir;

    #[test]
    fn a_name_is_one_component() {
        let dir = TempDir::new("directory-names");
        let directory = Directory::open(&dir.0).unwrap();
        for name in ["", ".", "..", "a/b", "/etc/passwd", "../x", "a\0b", "a\\b"] {
            let refused = directory.create(name).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{name:?}");
            assert!(directory.remove(name).is_err() && directory.rename(name, "x").is_err());
        }
    }

    #[test]
    fn a_directory_put_in_its_place_is_not_written_to() {
        let dir = TempDir::new("directory-replaced");
        let [path, moved] = ["given", "moved"].map(|name| dir.0.join(name));
        let directory = Directory::open(&path).unwrap();
        fs::rename(&path, &moved).unwrap();
        fs::create_dir(&path).unwrap();
        fs::write(path.join("a"), "theirs").unwrap();
        directory.create("a").unwrap();
        directory.rename_new("a", "b").unwrap();
        assert_eq!(directory.size("b").unwrap(), 0);
        assert_eq!(directory.names().unwrap(), ["b"]);
        assert!(moved.join("b").exists());
        directory.remove("b").unwrap();
        assert!(!moved.join("b").exists());
        assert_eq!(fs::read_to_string(path.join("a")).unwrap(), "theirs");
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    }

    #[test]
    fn a_file_without_a_name_gets_one_that_is_free_or_leaves_nothing() {
        use std::os::unix::fs::PermissionsExt;
        let dir = TempDir::new("directory-unnamed");
        let directory = Directory::open(&dir.0).unwrap();
        let [kept, refused, dropped] = [(); 3].map(|()| directory.create_unnamed().unwrap());
        drop(dropped);
        directory.link_new(&kept, "a").unwrap();
        let mode = dir.0.join("a").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let taken = directory.link_new(&refused, "a").unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        assert!(directory.link_new(&refused, "../a").is_err());
        drop(refused);
        assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 1);
        assert!(Directory::open(Path::new("/proc")).unwrap().create_unnamed().is_none());
    }

    #[test]
    fn links_are_not_followed() {
        let dir = TempDir::new("directory-links");
        let directory = Directory::open(&dir.0).unwrap();
        let victim = dir.0.join("victim");
        std::os::unix::fs::symlink(&victim, dir.0.join("link")).unwrap();
        assert!(directory.create("link").is_err() && directory.read("link").is_err());
        assert!(!victim.exists());
        directory.remove("link").unwrap();
    }

    #[test]
    fn a_pipe_is_opened_without_waiting_for_its_writer() {
        let dir = TempDir::new("directory-pipe");
        let directory = Directory::open(&dir.0).unwrap();
        let path = std::ffi::CString::new(dir.0.join("pipe").to_str().unwrap()).unwrap();
        // SAFETY: the path is NUL-terminated and outlives the call.
        assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
        assert!(!directory.read("pipe").unwrap().metadata().unwrap().is_file());
    }
}
