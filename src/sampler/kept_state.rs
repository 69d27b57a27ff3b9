//! The state of a watch in the user's directory, for the process that starts there next.
//!
//! The file is locked for as long as its process lives. A later process that is granted the lock reads how the earlier
//! one ended (`ended_state`).

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::ended_state::{End, PREFIX};
use super::state_file::{ALIVE_WORD, END_WORD, Mapping, StateFile};
use crate::os::lock::{Wait, lock};

/// The state is written once in this time; when its writer was last alive, each interval.
const WRITE_EVERY: Duration = Duration::from_secs(5);

/// How often a file is created that other processes claim.
const MOST_ATTEMPTS: u32 = 10;

/// A state file of this process.
#[derive(Debug)]
pub struct KeptState {
    path: PathBuf,
    file: StateFile,
    /// Closed last: the lock is released when nothing is written any more.
    lock: File,
    written: Option<Instant>,
}

/// The pages of all state files of the process, whose end is written by any thread.
static OPEN: Mutex<Vec<(u32, Arc<Mapping>)>> = Mutex::new(Vec::new());
/// Files of watches that have ended, and whose process has not: they stay locked.
static LEFT: Mutex<Vec<KeptState>> = Mutex::new(Vec::new());

impl KeptState {
    /// Creates the file, or takes the one that an earlier watch of this thread has left. `stem` is the process' name,
    /// the same in all its files.
    ///
    /// # Errors
    /// Where the file cannot be created, locked or mapped.
    pub fn open(directory: &Path, stem: &str, thread: u32) -> io::Result<Self> {
        let path = directory.join(format!("{PREFIX}{stem}-{thread}"));
        let mut left = LEFT.lock();
        if let Some(at) = left.iter().position(|kept| kept.path == path) {
            return Ok(left.swap_remove(at));
        }
        drop(left);
        let mut attempts = 1;
        let (file, lock) = loop {
            match create(&path) {
                // The lock is a claim of another process, which found the file before it was locked.
                Err(error) if is_claimed(&error) && attempts < MOST_ATTEMPTS => attempts += 1,
                created => break created?,
            }
        };
        OPEN.lock().push((std::process::id(), file.mapping()));
        Ok(Self { path, file, lock, written: None })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Notes that the process is alive. True if the state is due.
    pub fn beat(&mut self, now: Instant) -> bool {
        self.word(ALIVE_WORD, now_ms());
        self.written.is_none_or(|written| now.saturating_duration_since(written) >= WRITE_EVERY)
    }

    /// Replaces the state.
    pub fn write(&mut self, state: &[u8], now: Instant) {
        if self.file.write(state) {
            self.written = Some(now);
        }
    }

    /// The watch ends. The file is removed, unless there is something to say to a later process.
    pub fn end(self, matters: bool) {
        let failed = End::of(self.file.mapping().word(END_WORD).load(Ordering::Relaxed))
            .is_some_and(|end| end != End::Exit(0));
        if matters || failed {
            LEFT.lock().push(self);
            return;
        }
        let mapping = self.file.mapping();
        OPEN.lock().retain(|(_, open)| !Arc::ptr_eq(open, &mapping));
        let _ = fs::remove_file(&self.path);
        drop(self.lock);
    }

    fn word(&self, index: usize, value: u64) {
        self.file.mapping().word(index).store(value, Ordering::Relaxed);
    }
}

/// Writes how the process ends into all its files; the first that is written stays.
pub fn mark(end: End) {
    let now = now_ms();
    for (pid, mapping) in OPEN.lock().iter() {
        // A forked child has the same pages.
        if *pid == std::process::id() {
            let word = mapping.word(END_WORD);
            let first =
                word.compare_exchange(0, end.word(), Ordering::Relaxed, Ordering::Relaxed).is_ok();
            if first {
                mapping.word(ALIVE_WORD).store(now, Ordering::Relaxed);
            }
        }
    }
}

/// V8 has reached its heap limit and ends the process.
pub fn mark_heap_limit() {
    mark(End::HeapLimit);
}

/// Milliseconds since the epoch.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A new file, mapped and locked. It is removed if it cannot be.
fn create(path: &Path) -> io::Result<(StateFile, File)> {
    let file = open_own(path, true)?;
    // A mapping holds a lock of its descriptor, also in a forked child, so the lock has a descriptor of its own.
    let locked = open_own(path, false).and_then(|locked| {
        if !lock(&locked, Wait::Never)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok((StateFile::map(&file)?, locked))
    });
    if locked.is_err() {
        let _ = fs::remove_file(path);
    }
    locked
}

fn is_claimed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotFound)
}

fn open_own(path: &Path, is_new: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(is_new);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
    }
    options.open(path)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::super::ended_state::EndedState;
    use super::*;

    fn temporary(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("plimsoll-kept-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        path
    }

    #[test]
    fn no_other_claims_it_before_its_owner_ends() {
        let dir = temporary("owner");
        let mut kept = KeptState::open(&dir, "20261121T081939123Z-7", 0).unwrap();
        assert!(kept.beat(Instant::now()), "nothing has been written");
        kept.write(b"{}", Instant::now());
        assert!(!kept.beat(Instant::now()));
        assert!(EndedState::claim(kept.path()).unwrap().is_none(), "its process lives");
        let path = kept.path().to_owned();
        drop(kept);
        let mut ended = EndedState::claim(&path).unwrap().unwrap();
        assert_eq!(ended.state().unwrap().unwrap(), b"{}");
        assert_eq!(ended.end().unwrap(), None);
        fs::remove_dir_all(dir).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_claim_before_the_file_is_locked_does_no_harm() {
        use crate::os::sim::{Fault, Plan, Simulation};
        let dir = temporary("claimed");
        let system = Simulation::begin(0, || ());
        let process = system.start(9, "host");
        let open = |fault| {
            let open = || KeptState::open(&dir, "20261121T081939123Z-9", 0);
            system.run(&process, Some(Plan { at: 0, fault }), open).0.unwrap()
        };
        assert!(open(Fault::Ever(libc::EAGAIN)).is_err(), "another process has the lock for ever");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        let kept = open(Fault::Once(libc::EAGAIN)).unwrap();
        assert!(EndedState::claim(kept.path()).unwrap().is_none(), "its process lives");
        kept.end(false);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_watch_without_findings_leaves_nothing() {
        let dir = temporary("quiet");
        let kept = KeptState::open(&dir, "20261121T081939123Z-8", 0).unwrap();
        kept.end(false);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        let kept = KeptState::open(&dir, "20261121T081939123Z-8", 0).unwrap();
        let path = kept.path().to_owned();
        kept.end(true);
        assert!(EndedState::claim(&path).unwrap().is_none(), "the process lives");
        let again = KeptState::open(&dir, "20261121T081939123Z-8", 0).unwrap();
        again.end(false);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        fs::remove_dir_all(dir).unwrap();
    }
}
