//! One attempt at a snapshot, from the checks before it to the retention after it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::converter::Program;
use super::error::{SnapshotError, TurnHolder};
use super::name::Compression;
use super::output::{Output, Written};
use super::redaction::{NameRules, Redactor};
use super::room::{self, Builder, Heap};
use super::store::{Partial, SnapshotStore};
use crate::os::system::{self, File};

/// How the snapshot is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// As [`Method::Fork`] or [`Method::Image`] where that works, else in process.
    Auto,
    /// A heap image by a forked child, of which another process makes a snapshot.
    Fork,
    /// In the service itself.
    InProcess,
    /// A heap image by a forked child.
    Image,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where the file goes.
    pub dir: PathBuf,
    /// The application's identity, which the cooldown goes by.
    pub app: String,
    /// Why it is taken; kept in the state file.
    pub reason: String,
    /// The thread as Node counts them.
    pub thread: u32,
    /// Snapshots of ours to keep.
    pub max_files: usize,
    /// Their bytes in all, and the most that this one may have.
    pub max_bytes: u64,
    /// Milliseconds since the last attempt; 0 for none.
    pub cooldown_ms: u64,
    /// How to take it.
    pub method: Method,
    /// How to pack it.
    pub compression: Compression,
    /// The heap that it is to describe.
    pub heap: Heap,
    /// Memory that it needs as a multiple of the live heap, where the caller knows better.
    pub headroom: Option<f64>,
    /// The niceness of the children, 0 to 19.
    pub nice: u8,
    /// How long a snapshot may be made of an image that can be kept instead; zero: the image is kept. `None` for any
    /// time.
    pub patience: Option<Duration>,
    /// Whether contents are taken out of it.
    pub redact: bool,
    /// Whether a converter that crashes may leave a core file.
    pub core: bool,
    /// What makes a snapshot of an image.
    pub converter: Program,
}

/// A snapshot that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct TakenSnapshot {
    /// The file.
    pub path: PathBuf,
    /// How it was taken; never [`Method::Auto`].
    pub method: Method,
    /// How long the isolate's thread stood still, in milliseconds.
    pub pause_ms: f64,
    /// The size of the file.
    pub bytes: u64,
    /// The nodes of the graph.
    pub nodes: u64,
    /// Why earlier tries of the same call failed.
    pub retries: Vec<String>,
}

/// How the file is written.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Packing {
    compression: Compression,
    max_bytes: u64,
    redact: bool,
}

impl Packing {
    /// The whole text, as it comes.
    #[cfg(test)]
    pub fn plain() -> Self {
        Self { compression: Compression::None, max_bytes: u64::MAX, redact: false }
    }

    /// At most so many bytes.
    #[cfg(test)]
    pub fn bounded(self, max_bytes: u64) -> Self {
        Self { max_bytes, ..self }
    }

    /// Whether contents are taken out.
    #[must_use]
    pub fn redacts(self) -> bool {
        self.redact
    }

    /// The way into the file. The names that are built in so far stay beside those of the scripts, where contents are
    /// taken out.
    ///
    /// # Errors
    /// Where no compressor can be had.
    pub fn output(self, file: File, path: &Path) -> Result<Output, SnapshotError> {
        let redactor = self.redact.then(|| Redactor::new(NameRules::built_in()));
        Output::new(file, self.compression, self.max_bytes, redactor)
            .map_err(|error| SnapshotError::io(path, &error))
    }

    /// Writes the whole file: `serialize` gives its text in pieces until a piece is refused.
    #[cfg(all(test, target_os = "linux"))]
    pub fn write(
        self,
        partial: &Partial,
        serialize: impl FnOnce(&mut dyn FnMut(&[u8]) -> bool) -> bool,
    ) -> Result<Written, SnapshotError> {
        let mut output = self.output(partial.writer()?, &partial.path())?;
        let mut failed = None;
        serialize(&mut |chunk| match output.write(chunk) {
            Ok(()) => true,
            Err(error) => {
                failed = Some(error);
                false
            }
        });
        failed.map_or_else(|| output.finish(), Err)
    }
}

/// The turn of the process: threads and copies of the JS side share it.
#[derive(Debug)]
struct Turn;

static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether the process has given its turn away.
fn taken() -> &'static AtomicBool {
    #[cfg(all(test, target_os = "linux"))]
    if let Some(process) = crate::os::sim::process() {
        return process.turn;
    }
    &TAKEN
}

impl Turn {
    fn take() -> Result<Self, SnapshotError> {
        match taken().swap(true, Ordering::Acquire) {
            false => Ok(Self),
            true => Err(SnapshotError::Busy { by: TurnHolder::Ours }),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        taken().store(false, Ordering::Release);
    }
}

/// An attempt that was allowed to begin.
#[derive(Debug)]
pub struct Session {
    request: Request,
    store: SnapshotStore,
    announced: bool,
    retries: Vec<String>,
    // Last: the turn ends when all else is put away.
    _turn: Turn,
}

impl Session {
    /// Checks everything that may forbid the attempt, except for room.
    ///
    /// # Errors
    /// [`SnapshotError::Busy`], [`SnapshotError::Dir`], [`SnapshotError::Cooldown`].
    pub fn begin(request: Request) -> Result<Self, SnapshotError> {
        let turn = Turn::take()?;
        let store = SnapshotStore::open(&request.dir)?;
        // Services that were killed before they came to it have left more files than there may be.
        let _ = store.retain(request.max_files, request.max_bytes);
        let remaining =
            store.state()?.remaining(&request.app, request.cooldown_ms, epoch_ms(system::now()));
        if remaining > 0 {
            return Err(SnapshotError::Cooldown { remaining_ms: remaining });
        }
        Ok(Self { request, store, announced: false, retries: Vec::new(), _turn: turn })
    }

    /// What was asked for.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Goes by other figures of the heap from now on.
    pub fn describe(&mut self, heap: Heap) {
        self.request.heap = heap;
    }

    /// Checks the room and opens the file. From here on the attempt counts for the cooldown,
    /// whatever comes of it: a process that dies of it must not try again at once.
    ///
    /// # Errors
    /// [`SnapshotError::NoRoom`], [`SnapshotError::Dir`], [`SnapshotError::DiskFull`].
    pub fn open(&mut self, builder: Builder) -> Result<Partial, SnapshotError> {
        let Request { thread, compression, heap, headroom, .. } = self.request;
        let compression = match builder {
            Builder::Image => Compression::Image,
            Builder::Converter | Builder::Service => compression,
        };
        room::check(builder, heap, headroom, &self.request.dir, compression)?;
        let now = system::now();
        let partial = self.store.create(now, thread, compression)?;
        let mut state = self.store.state()?;
        if !self.announced {
            state.attempt(&self.request.app, &self.request.reason, epoch_ms(now));
            self.announced = true;
        }
        self.store.announce(&mut state, partial.name(), epoch_ms(now), &self.request.reason)?;
        Ok(partial)
    }

    /// How the file is to be written.
    #[must_use]
    pub fn packing(&self) -> Packing {
        let Request { compression, max_bytes, redact, .. } = self.request;
        Packing { compression, max_bytes, redact }
    }

    /// Remembers why a try failed that is followed by another.
    pub fn retry(&mut self, why: impl Into<String>) {
        self.retries.push(why.into());
    }

    /// What a result says about a file that is complete.
    #[must_use]
    pub fn outcome(
        &mut self,
        path: PathBuf,
        method: Method,
        pause: Duration,
        file: Written,
    ) -> TakenSnapshot {
        TakenSnapshot {
            path,
            method,
            pause_ms: pause.as_secs_f64() * 1000.0,
            bytes: file.bytes,
            nodes: file.nodes,
            retries: std::mem::take(&mut self.retries),
        }
    }

    /// Ends the attempt: older files make place for the new one. A failure here does not take the
    /// snapshot back; the next attempt comes to the same files.
    pub fn end(self) {
        let _ = self.store.retain(self.request.max_files, self.request.max_bytes);
    }
}

fn epoch_ms(now: SystemTime) -> u64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::sim::Simulation;
    use crate::snapshot::testing::{HOUR, TempDir, request};

    #[test]
    fn a_process_takes_one_snapshot_at_a_time_wherever_it_goes() {
        let dir = TempDir::new("session-turn");
        let system = Simulation::begin(1_800_000_000_000, || ());
        let process = system.start(100, "host");
        let ran = system.run(&process, None, || {
            let first = Session::begin(request(dir.0.join("a"))).unwrap();
            let second = Session::begin(request(dir.0.join("b"))).map(drop);
            assert_eq!(second, Err(SnapshotError::Busy { by: TurnHolder::Ours }));
            drop(first);
            assert!(Session::begin(request(dir.0.join("b"))).is_ok());
        });
        assert!(ran.0.is_some());
    }

    #[test]
    fn an_attempt_counts_for_the_cooldown_once_its_file_is_opened() {
        let dir = TempDir::new("session-cooldown");
        let system = Simulation::begin(1_800_000_000_000, || ());
        let process = system.start(100, "host");
        let begin = || Session::begin(request(dir.0.clone()));
        let ran = system.run(&process, None, || {
            drop(begin().unwrap());
            drop(begin().unwrap().open(Builder::Service).unwrap());
            let refused = |remaining_ms| Err(SnapshotError::Cooldown { remaining_ms });
            assert_eq!(begin().map(drop), refused(HOUR));
            system.pass(HOUR - 1);
            assert_eq!(begin().map(drop), refused(1));
            system.pass(1);
            assert_eq!(begin().map(drop), Ok(()));
        });
        assert!(ran.0.is_some());
    }

    #[test]
    fn older_files_make_place_at_the_end_of_an_attempt() {
        let dir = TempDir::new("session-end");
        let system = Simulation::begin(1_800_000_000_000, || ());
        let process = system.start(100, "host");
        let files = || {
            let names = std::fs::read_dir(&dir.0).unwrap().map(|entry| entry.unwrap().file_name());
            names.filter(|name| name.to_string_lossy().ends_with(".heapsnapshot")).count()
        };
        let ran = system.run(&process, None, || {
            for number in 1..=4 {
                let request = Request { max_files: 2, cooldown_ms: 0, ..request(dir.0.clone()) };
                let mut session = Session::begin(request).unwrap();
                session.open(Builder::Service).unwrap().commit().unwrap();
                session.end();
                assert_eq!(files(), number.min(2));
                system.pass(HOUR);
            }
        });
        assert!(ran.0.is_some());
    }
}
