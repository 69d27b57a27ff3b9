//! The directory of snapshots: one writer at a time, temporary names, retention.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::SystemTime;

use super::directory::Directory;
use super::error::{SnapshotError, TurnHolder};
use super::name::{Compression, Name};
use super::process::Owner;
use super::state::{self, Kept, State};
use crate::os::lock::{self, Wait};
use crate::os::system::{self, File};

/// A directory that this process alone writes snapshots into while the value lives.
#[derive(Debug)]
pub struct SnapshotStore {
    /// Its descriptor holds the lock.
    dir: Directory,
    me: Owner,
    /// Whether files have temporary names also where the file system knows files without a name.
    named: bool,
}

impl SnapshotStore {
    /// Opens `dir`, creates it if it is missing, and removes what crashes left there.
    ///
    /// # Errors
    /// [`SnapshotError::Dir`], or [`SnapshotError::Busy`] while another process writes.
    pub fn open(dir: &Path) -> Result<Self, SnapshotError> {
        let dir = Directory::open(dir).map_err(|error| SnapshotError::io(dir, &error))?;
        let locked = match lock::lock(dir.handle().get(), Wait::Never) {
            Ok(false) => return Err(SnapshotError::Busy { by: TurnHolder::Another }),
            // A file system without locks, or without locks on directories.
            Err(_) => false,
            Ok(true) => true,
        };
        let store = Self { dir, me: Owner::current(), named: false };
        store.sweep(locked);
        Ok(store)
    }

    /// Removes unfinished files. A process that writes one holds the lock, so with the lock all of them are of
    /// processes that have ended. Without locks the pid in the name has to show it.
    fn sweep(&self, locked: bool) {
        if locked {
            let _ = self.dir.remove(&state::partial());
        }
        for file in self.dir.names().unwrap_or_default() {
            let Some(name) = Name::parse(&file) else { continue };
            let gone = locked || name.pid == self.me.pid || !system::exists(name.pid);
            if file == name.partial() && gone {
                let _ = self.dir.remove(&file);
            }
        }
    }

    /// The state as it is now.
    ///
    /// # Errors
    /// [`SnapshotError::Descriptors`] or [`SnapshotError::Dir`] if it cannot be read at the moment.
    pub fn state(&self) -> Result<State, SnapshotError> {
        State::read(&self.dir).map_err(|error| SnapshotError::io(self.dir.path(), &error))
    }

    /// Makes a change to the state durable.
    ///
    /// # Errors
    /// [`SnapshotError::Dir`] or [`SnapshotError::DiskFull`].
    pub fn save(&self, state: &State) -> Result<(), SnapshotError> {
        state.write(&self.dir).map_err(|error| SnapshotError::io(self.dir.path(), &error))
    }

    /// A new file whose final name is free: without a name until it is complete, or under a temporary
    /// one where the file system knows no others.
    ///
    /// # Errors
    /// [`SnapshotError::Dir`] or [`SnapshotError::DiskFull`].
    pub fn create(
        &self,
        now: SystemTime,
        thread: u32,
        compression: Compression,
    ) -> Result<Partial, SnapshotError> {
        self.create_of(system::pid(), now, thread, compression)
    }

    /// The same for a snapshot of another process.
    ///
    /// # Errors
    /// As [`SnapshotStore::create`].
    pub fn create_of(
        &self,
        pid: u32,
        now: SystemTime,
        thread: u32,
        compression: Compression,
    ) -> Result<Partial, SnapshotError> {
        static SEQUENCE: AtomicU32 = AtomicU32::new(1);
        // Before there is a file: an error after its creation would leave it behind.
        let dir =
            self.dir.try_clone().map_err(|error| SnapshotError::io(self.dir.path(), &error))?;
        loop {
            let seq = SEQUENCE.fetch_add(1, Ordering::Relaxed);
            let name = Name { pid, ..Name::new(now, thread, seq, compression) };
            // Node counts its own files from 1 too.
            if self.dir.size(&name.to_string()).is_ok() {
                continue;
            }
            let failed = |error| SnapshotError::io(&self.dir.path().join(name.partial()), &error);
            let opened = match self.dir.create_unnamed().filter(|_| !self.named) {
                Some(file) => Ok((file, false)),
                None => self.dir.create(&name.partial()).map(|file| (file, true)),
            };
            match opened {
                Ok((file, named)) => {
                    let armed = AtomicBool::new(true);
                    return Ok(Partial { dir, name, named, file, armed });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// Notes that `name` is ours, before it exists: a crash may not orphan it.
    ///
    /// # Errors
    /// As [`SnapshotStore::save`].
    pub fn announce(
        &self,
        state: &mut State,
        name: &Name,
        at: u64,
        reason: &str,
    ) -> Result<(), SnapshotError> {
        state.forget_missing(&self.dir);
        state.keep(Kept {
            name: name.to_string(),
            bytes: 0,
            at,
            owner: self.me.clone(),
            reason: reason.to_owned(),
        });
        self.save(state)
    }

    /// Deletes the oldest snapshots of ours until the bounds hold.
    ///
    /// # Errors
    /// As [`SnapshotStore::save`].
    pub fn retain(&self, max_files: usize, max_bytes: u64) -> Result<(), SnapshotError> {
        let before = self.state()?;
        let mut state = before.clone();
        state.forget_missing(&self.dir);
        state.measure(&self.dir);
        let mut gone =
            state.excess(max_files, max_bytes, |file| file.owner.is_another_alive(&self.me));
        gone.retain(|file| {
            let removed = self.dir.remove(&file.name);
            removed.is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
        });
        state.restore(gone);
        if state == before { Ok(()) } else { self.save(&state) }
    }
}

/// A file that is being written; dropped without [`Partial::commit`], it is removed.
#[derive(Debug)]
pub struct Partial {
    dir: Directory,
    name: Name,
    /// Whether it has a temporary name.
    named: bool,
    file: File,
    armed: AtomicBool,
}

impl Partial {
    /// The name that it will have.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The path that it will have.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.dir.path().join(self.name.to_string())
    }

    /// A handle to write with.
    ///
    /// # Errors
    /// Where no descriptor is left.
    pub fn writer(&self) -> Result<File, SnapshotError> {
        self.file.try_clone().map_err(|error| SnapshotError::io(self.dir.path(), &error))
    }

    /// Gives the complete file its final name.
    ///
    /// # Errors
    /// [`SnapshotError::Dir`]; the file is removed.
    pub fn commit(&self) -> Result<PathBuf, SnapshotError> {
        self.name_it().map_err(|error| SnapshotError::io(&self.path(), &error))?;
        self.armed.store(false, Ordering::Relaxed);
        Ok(self.path())
    }

    fn name_it(&self) -> io::Result<()> {
        let name = self.name.to_string();
        if self.named {
            self.dir.rename_new(&self.name.partial(), &name)?;
        } else {
            self.dir.link_new(&self.file, &name)?;
        }
        // Only a crash of the machine can lose the name now; some file systems refuse the call.
        let _ = self.dir.sync();
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if *self.armed.get_mut() && self.named {
            let _ = self.dir.remove(&self.name.partial());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::testing::TempDir;
    use std::fs;
    use std::io::Write;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn take(store: &SnapshotStore, bytes: usize) -> PathBuf {
        let mut state = store.state().unwrap();
        let partial = store.create(SystemTime::now(), 0, Compression::None).unwrap();
        store.announce(&mut state, partial.name(), 0, "test").unwrap();
        partial.writer().unwrap().write_all(&vec![b'x'; bytes]).unwrap();
        partial.commit().unwrap()
    }

    /// A store whose files have temporary names, and on Linux one whose files have none.
    fn stores(dir: &TempDir) -> impl Iterator<Item = SnapshotStore> {
        let ways: &[bool] = if cfg!(target_os = "linux") { &[true, false] } else { &[true] };
        ways.iter().map(|&named| SnapshotStore { named, ..SnapshotStore::open(&dir.0).unwrap() })
    }

    #[test]
    fn a_file_appears_whole_and_private_or_not_at_all() {
        let dir = TempDir::new("store-commit");
        for store in stores(&dir) {
            let partial = store.create(SystemTime::now(), 3, Compression::None).unwrap();
            let temporary = if store.named { vec![partial.name().partial()] } else { Vec::new() };
            assert_eq!(names(&dir.0), temporary);
            drop(partial);
            assert_eq!(names(&dir.0), Vec::<String>::new());
            let path = take(&store, 5);
            assert_eq!(fs::read(&path).unwrap(), b"xxxxx");
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            }
            for name in names(&dir.0) {
                fs::remove_file(dir.0.join(name)).unwrap();
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_final_name_is_never_overwritten() {
        let dir = TempDir::new("store-noreplace");
        for store in stores(&dir) {
            let partial = store.create(SystemTime::now(), 0, Compression::None).unwrap();
            let path = partial.path();
            fs::write(&path, "Node's own").unwrap();
            assert_eq!(partial.commit().unwrap_err().code(), "ERR_PLIMSOLL_DIR");
            drop(partial);
            assert_eq!(fs::read(&path).unwrap(), b"Node's own");
            assert_eq!(names(&dir.0).len(), 1, "the partial is gone");
            fs::remove_file(&path).unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn one_writer_at_a_time() {
        let dir = TempDir::new("store-lock");
        let store = SnapshotStore::open(&dir.0).unwrap();
        assert_eq!(SnapshotStore::open(&dir.0).unwrap_err().code(), "ERR_PLIMSOLL_BUSY");
        drop(store);
        SnapshotStore::open(&dir.0).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn leftovers_of_the_dead_are_swept_and_nothing_else() {
        let dir = TempDir::new("store-sweep");
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let living = format!("Heap.20261121.081939.{}.0.001.heapsnapshot.partial", child.id());
        let dead = "Heap.20261121.081939.4194304.0.001.heapsnapshot.partial";
        let ours =
            format!("Heap.20261121.081939.{}.0.001.heapsnapshot.partial", std::process::id());
        let whole = "Heap.20261121.081939.4194304.0.002.heapsnapshot";
        let make = || {
            for file in [living.as_str(), dead, &ours, whole, "other.partial"] {
                fs::write(dir.0.join(file), "").unwrap();
            }
        };
        make();
        let store = SnapshotStore::open(&dir.0).unwrap();
        assert_eq!(names(&dir.0), [whole, "other.partial"], "with the lock no process writes");
        make();
        store.sweep(false);
        let mut expected = vec![living, whole.to_owned(), "other.partial".to_owned()];
        expected.sort();
        assert_eq!(names(&dir.0), expected, "without locks a living process may");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn retention_deletes_ours_alone() {
        let dir = TempDir::new("store-retain");
        let store = SnapshotStore::open(&dir.0).unwrap();
        let foreign = dir.0.join("Heap.20200101.000000.4194304.0.001.heapsnapshot");
        fs::write(&foreign, "by hand").unwrap();
        let files: Vec<_> = (0..5).map(|_| take(&store, 10)).collect();
        store.retain(3, u64::MAX).unwrap();
        let left = |n: usize| files.iter().filter(|f| f.exists()).count() == n;
        assert!(left(3) && !files[1].exists() && files[2].exists());
        store.retain(3, 25).unwrap();
        assert!(left(2) && foreign.exists());
        store.retain(1, 0).unwrap();
        assert!(left(1) && files[4].exists(), "the newest stays whatever its size");
    }

    #[test]
    fn an_unusable_directory_is_said() {
        let dir = TempDir::new("store-dir");
        let file = dir.0.join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(
            SnapshotStore::open(&file.join("below")).unwrap_err().code(),
            "ERR_PLIMSOLL_DIR"
        );
        assert_eq!(SnapshotStore::open(&file).unwrap_err().code(), "ERR_PLIMSOLL_DIR");
    }

    #[test]
    fn what_cannot_be_deleted_stays_known() {
        let dir = TempDir::new("store-undeleted");
        let store = SnapshotStore::open(&dir.0).unwrap();
        let [first, second] = [5, 6].map(|bytes| take(&store, bytes));
        fs::remove_file(&first).unwrap();
        fs::create_dir(&first).unwrap();
        store.retain(1, u64::MAX).unwrap();
        assert!(first.exists() && second.exists());
        fs::remove_dir(&first).unwrap();
        fs::write(&first, "x").unwrap();
        store.retain(1, u64::MAX).unwrap();
        assert!(!first.exists() && second.exists(), "the next attempt deletes it");
    }
}
