//! What must be remembered over restarts: when each application last tried, and which files are
//! ours. Kept in the directory itself, so a service that crashes and restarts meets its own past.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::directory::Directory;
use super::name::{Name, PARTIAL};
use super::process::Owner;

/// The file in the snapshot directory.
pub const FILE: &str = "plimsoll-snapshots.json";
const SCHEMA: &str = "plimsoll.snapshots/1";
/// No larger file is written, and of no file is more read.
const MAX_SIZE: usize = 1 << 20;
/// Characters of a text that a caller gave. The options are bounded as well; this one holds where
/// they are not checked.
const MAX_TEXT: usize = 4096;
/// Applications remembered for one directory; the longest silent is forgotten first.
const MAX_APPS: usize = 256;

/// The content of the state file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    schema: String,
    /// Application identity to its last attempt.
    #[serde(default)]
    apps: BTreeMap<String, Attempt>,
    /// Finished snapshots, oldest first.
    #[serde(default)]
    files: Vec<Kept>,
}

/// The last time that an application began to take a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Milliseconds since the epoch.
    pub at: u64,
    /// Why it was taken.
    #[serde(default)]
    pub reason: String,
}

/// A finished snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The file's name in the directory.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Milliseconds since the epoch.
    pub at: u64,
    /// The process that took it.
    pub owner: Owner,
    /// Why it was taken.
    #[serde(default)]
    pub reason: String,
}

impl Default for State {
    fn default() -> Self {
        Self { schema: SCHEMA.to_owned(), apps: BTreeMap::new(), files: Vec::new() }
    }
}

impl State {
    /// Reads the state of `dir`. Whatever is missing, corrupt or foreign counts as no state: the
    /// cost of that is one snapshot earlier than allowed, that of an error would be none ever.
    ///
    /// # Errors
    /// If the system lacks the resources to read it at the moment. The file may be sound, and writing a new state
    /// would lose its cooldowns and its list of files.
    pub fn read(dir: &Directory) -> io::Result<Self> {
        Self::from_text(read_small(dir))
    }

    fn from_text(text: io::Result<String>) -> io::Result<Self> {
        let text = match text {
            Err(error) if is_shortage(&error) => return Err(error),
            text => text.unwrap_or_default(),
        };
        let parsed = serde_json::from_str::<Self>(&text).ok();
        let mut state = parsed.filter(|state| state.schema == SCHEMA).unwrap_or_default();
        // A name decides what is deleted: nothing but our pattern, so no path and no other file.
        state
            .files
            .retain(|file| Name::parse(&file.name).is_some_and(|n| n.to_string() == file.name));
        Ok(state)
    }

    /// Writes the state by rename, so a crash leaves the old or the new one.
    ///
    /// # Errors
    /// Where the directory is not writable or full.
    pub fn write(&self, dir: &Directory) -> io::Result<()> {
        let partial = partial();
        // What a crash left; a symbolic link planted there is removed, not followed.
        let _ = dir.remove(&partial);
        let written = self.encode().and_then(|text| {
            let mut file = dir.create(&partial)?;
            file.write_all(&text)?;
            file.sync_all()?;
            dir.rename(&partial, FILE)
        });
        if written.is_err() {
            let _ = dir.remove(&partial);
        }
        written
    }

    /// The text of the file, which `read` accepts: a file that it refuses would count as no state,
    /// without cooldown and retention. To fit, the oldest attempts go first, then the reasons, then the
    /// oldest files.
    fn encode(&self) -> io::Result<Vec<u8>> {
        let mut state = self.clone();
        loop {
            let text = serde_json::to_vec_pretty(&state)?;
            if text.len() < MAX_SIZE {
                return Ok(text);
            }
            let without_reason = state.files.iter().all(|file| file.reason.is_empty());
            match (state.apps.len(), without_reason, state.files.len()) {
                (apps @ 2.., ..) => (0..apps / 2).for_each(|_| state.forget_app()),
                (_, false, _) => state.files.iter_mut().for_each(|file| file.reason.clear()),
                (_, true, files @ 1..) => drop(state.files.drain(..files.div_ceil(8))),
                _ => state.apps.clear(),
            }
        }
    }

    /// Milliseconds until `app` may try again; 0 when it may now. An attempt in the future (the clock was set back)
    /// counts if it is less than a cooldown away. One that is further away could forbid for years.
    #[must_use]
    pub fn remaining(&self, app: &str, cooldown_ms: u64, now: u64) -> u64 {
        let attempt = self.apps.get(bounded(app)).map(|attempt| attempt.at);
        let last = attempt.filter(|at| at.saturating_sub(now) < cooldown_ms);
        last.map_or(0, |at| cooldown_ms.saturating_sub(now.saturating_sub(at)))
    }

    /// Remembers that `app` begins an attempt.
    pub fn attempt(&mut self, app: &str, reason: &str, now: u64) {
        let attempt = Attempt { at: now, reason: bounded(reason).to_owned() };
        self.apps.insert(bounded(app).to_owned(), attempt);
        while self.apps.len() > MAX_APPS {
            self.forget_app();
        }
    }

    /// Forgets the application that was silent for longest.
    fn forget_app(&mut self) {
        let oldest = self.apps.iter().min_by_key(|(_, attempt)| attempt.at);
        if let Some(oldest) = oldest.map(|(app, _)| app.clone()) {
            self.apps.remove(&oldest);
        }
    }

    /// Remembers a finished snapshot.
    pub fn keep(&mut self, mut file: Kept) {
        file.reason.truncate(bounded(&file.reason).len());
        self.files.retain(|other| other.name != file.name);
        self.files.push(file);
    }

    /// Takes out of the state what has to go so that at most `max_files` files and `max_bytes`
    /// bytes are left: the oldest first, never the newest one, never one that `keep` holds.
    pub fn excess(
        &mut self,
        max_files: usize,
        max_bytes: u64,
        keep: impl Fn(&Kept) -> bool,
    ) -> Vec<Kept> {
        let mut files = self.files.len();
        let mut bytes = self.files.iter().fold(0u64, |sum, file| sum.saturating_add(file.bytes));
        let newest = self.files.last().map(|file| file.name.clone());
        let mut out = Vec::new();
        self.files.retain(|file| {
            let over = files > max_files || bytes > max_bytes;
            if !over || Some(&file.name) == newest.as_ref() || keep(file) {
                return true;
            }
            files -= 1;
            bytes = bytes.saturating_sub(file.bytes);
            out.push(file.clone());
            false
        });
        out
    }

    /// Reads the sizes of the files from the directory. One that cannot be read keeps the size that is known.
    pub fn measure(&mut self, dir: &Directory) {
        for file in &mut self.files {
            file.bytes = dir.size(&file.name).unwrap_or(file.bytes);
        }
    }

    /// Takes back, as the oldest and in their order, files that could not be deleted.
    pub fn restore(&mut self, files: Vec<Kept>) {
        self.files.splice(0..0, files);
    }

    /// Forgets files that are gone. Where the system cannot say so at the moment, a file is remembered: one that is
    /// forgotten is never deleted.
    pub fn forget_missing(&mut self, dir: &Directory) {
        let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        self.files.retain(|file| !dir.size(&file.name).is_err_and(|error| is_gone(&error)));
    }
}

/// The name of the file while it is being written.
pub(super) fn partial() -> String {
    format!("{FILE}{PARTIAL}")
}

/// As much of a text as is kept.
fn bounded(text: &str) -> &str {
    let end = text.char_indices().nth(MAX_TEXT).map_or(text.len(), |(end, _)| end);
    &text[..end]
}

/// Whether a file could not be read at the moment: descriptors, memory, the device or the network gave out.
fn is_shortage(error: &io::Error) -> bool {
    #[cfg(unix)]
    if let Some(
        libc::EMFILE
        | libc::ENFILE
        | libc::EIO
        | libc::EINTR
        | libc::EAGAIN
        | libc::ESTALE
        | libc::ETIMEDOUT,
    ) = error.raw_os_error()
    {
        return true;
    }
    error.kind() == io::ErrorKind::OutOfMemory
}

fn read_small(dir: &Directory) -> io::Result<String> {
    let file = dir.read(FILE)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut text = String::new();
    file.take(MAX_SIZE as u64).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::testing::TempDir;
    use proptest::prelude::*;
    use std::fs;

    fn open(dir: &TempDir) -> Directory {
        Directory::open(&dir.0).unwrap()
    }

    fn kept(seq: u32, bytes: u64, pid: u32) -> Kept {
        Kept {
            name: format!("Heap.20261121.081939.{pid}.0.{seq:03}.heapsnapshot"),
            bytes,
            at: u64::from(seq),
            owner: Owner { pid, start: 1, host: "h".into() },
            reason: String::new(),
        }
    }

    #[test]
    fn reads_back_what_it_wrote() {
        let dir = TempDir::new("state-roundtrip");
        let mut state = State::default();
        state.attempt("/app/server.js", "leak", 1000);
        state.keep(kept(1, 10, 7));
        state.write(&open(&dir)).unwrap();
        assert_eq!(State::read(&open(&dir)).unwrap(), state);
    }

    #[test]
    fn what_is_corrupt_or_foreign_counts_as_nothing() {
        let dir = TempDir::new("state-corrupt");
        for text in [
            "",
            "{",
            "null",
            "[]",
            "{\"schema\":\"other/1\",\"apps\":{}}",
            "{\"schema\":\"plimsoll.snapshots/1\",\"apps\":7}",
            "\u{0}\u{0}\u{0}",
        ] {
            fs::write(dir.0.join(FILE), text).unwrap();
            assert_eq!(State::read(&open(&dir)).unwrap(), State::default(), "{text:?}");
        }
        fs::remove_file(dir.0.join(FILE)).unwrap();
        fs::create_dir(dir.0.join(FILE)).unwrap();
        assert_eq!(State::read(&open(&dir)).unwrap(), State::default());
    }

    #[cfg(unix)]
    #[test]
    fn a_state_that_cannot_be_read_at_the_moment_is_not_taken_for_none() {
        let passing = [libc::EINTR, libc::EAGAIN, libc::ESTALE, libc::ETIMEDOUT];
        for code in [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EIO].into_iter().chain(passing)
        {
            let error = State::from_text(Err(io::Error::from_raw_os_error(code))).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(code));
        }
        for code in [libc::ENOENT, libc::EACCES, libc::ELOOP] {
            let none = State::from_text(Err(io::Error::from_raw_os_error(code))).unwrap();
            assert_eq!(none, State::default());
        }
    }

    #[test]
    fn a_file_is_forgotten_only_if_it_is_gone() {
        let dir = TempDir::new("state-missing");
        let mut state = State::default();
        state.keep(kept(1, 10, 7));
        // The kernel refuses the name, which says nothing about a file.
        state.keep(Kept { name: "x".repeat(300), ..kept(2, 20, 7) });
        state.measure(&open(&dir));
        state.forget_missing(&open(&dir));
        assert_eq!(state.files.iter().map(|file| file.bytes).collect::<Vec<_>>(), [20]);
    }

    #[test]
    fn files_that_could_not_be_deleted_come_back_in_their_order() {
        let mut state = State::default();
        for seq in 1..=4 {
            state.keep(kept(seq, 10, 7));
        }
        let before = state.clone();
        let gone = state.excess(1, u64::MAX, |_| false);
        state.restore(gone);
        assert_eq!(state, before);
    }

    #[test]
    fn a_foreign_name_can_never_be_deleted() {
        let dir = TempDir::new("state-names");
        let mut state = State::default();
        for name in
            ["../../etc/passwd", "server.js", "Heap.20261121.081939.7.0.001.heapsnapshot.partial"]
        {
            state.files.push(Kept { name: name.into(), ..kept(1, 10, 7) });
        }
        state.write(&open(&dir)).unwrap();
        assert!(State::read(&open(&dir)).unwrap().files.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_planted_link_is_replaced_and_not_followed() {
        let dir = TempDir::new("state-link");
        let victim = dir.0.join("victim");
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, dir.0.join(FILE)).unwrap();
        std::os::unix::fs::symlink(&victim, dir.0.join(format!("{FILE}.partial"))).unwrap();
        assert_eq!(State::read(&open(&dir)).unwrap(), State::default());
        State::default().write(&open(&dir)).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert!(dir.0.join(FILE).symlink_metadata().unwrap().is_file());
    }

    #[test]
    fn cooldown_by_application_and_over_a_clock_that_is_set_back_a_little() {
        let mut state = State::default();
        state.attempt("a", "leak", 10_000);
        assert_eq!(state.remaining("a", 1000, 10_400), 600);
        assert_eq!(state.remaining("a", 1000, 11_000), 0);
        assert_eq!(state.remaining("b", 1000, 10_400), 0);
        assert_eq!(state.remaining("a", 1000, 9_500), 1000, "the clock was set back");
        assert_eq!(state.remaining("a", 1000, 9_000), 0, "it was set back by a cooldown or more");
        assert_eq!(state.remaining("a", u64::MAX, 10_400), u64::MAX - 400);
    }

    #[test]
    fn applications_are_bounded() {
        let mut state = State::default();
        for n in 0..1000u64 {
            state.attempt(&n.to_string(), "", n);
        }
        assert_eq!(state.apps.len(), MAX_APPS);
        assert!(state.apps.contains_key("999"));
    }

    #[test]
    fn what_is_written_can_be_read_back() {
        let dir = TempDir::new("state-bounded");
        let long = "\u{1}".repeat(1 << 20);
        let mut state = State::default();
        for n in 0..200u64 {
            state.attempt(&format!("{n}{long}"), &long, n);
            let seq = u32::try_from(n).unwrap() + 1;
            state.keep(Kept { reason: long.clone(), ..kept(seq, 10, 7) });
        }
        state.attempt("/app/server.js", &long, 1000);
        assert!(state.files.iter().all(|file| file.reason.len() == MAX_TEXT));
        state.write(&open(&dir)).unwrap();
        let read = State::read(&open(&dir)).unwrap();
        assert_eq!(read.remaining("/app/server.js", 500, 1100), 400);
        assert_eq!(read.files.len(), 200);
        assert_eq!(state.remaining(&format!("199{long}"), 500, 200), 499, "by its bounded name");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn any_state_reads_back(
            apps in prop::collection::vec(("\\PC{0,40}", "[\u{0}-\u{9f}]{0,4000}"), 0..40),
            files in 0u32..5000,
        ) {
            let dir = TempDir::new("state-any");
            let mut state = State::default();
            for (at, (app, reason)) in apps.iter().enumerate() {
                state.attempt(app, reason, at as u64 + 1);
            }
            state.files.extend((0..files).map(|seq| kept(seq + 1, 10, 7)));
            state.write(&open(&dir)).unwrap();
            let read = State::read(&open(&dir)).unwrap();
            if let Some((app, _)) = apps.last() {
                prop_assert!(read.remaining(app, 1000, 500) > 0);
            }
            prop_assert_eq!(read.files.last(), state.files.last());
        }
    }

    proptest! {
        #[test]
        fn retention_keeps_the_newest_and_the_bound(
            sizes in prop::collection::vec(0u64..100, 0..20),
            max_files in 1usize..8,
            max_bytes in 0u64..300,
        ) {
            let mut state = State::default();
            for (seq, &bytes) in sizes.iter().enumerate() {
                state.keep(kept(u32::try_from(seq).unwrap() + 1, bytes, 7));
            }
            let before = state.files.clone();
            let gone = state.excess(max_files, max_bytes, |_| false);
            let total: u64 = state.files.iter().map(|f| f.bytes).sum();
            prop_assert!(state.files.len() <= max_files.max(1));
            prop_assert!(total <= max_bytes || state.files.len() == 1);
            prop_assert_eq!(state.files.last(), before.last());
            // The oldest go first, and none too many: with the last one that went, it was over.
            let all: Vec<_> = gone.iter().chain(&state.files).cloned().collect();
            prop_assert_eq!(all, before);
            if let Some(last) = gone.last() {
                prop_assert!(total + last.bytes > max_bytes || state.files.len() + 1 > max_files);
            }
        }

        #[test]
        fn any_bytes_read_as_a_state(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let dir = TempDir::new("state-fuzz");
            fs::write(dir.0.join(FILE), bytes).unwrap();
            let _ = State::read(&open(&dir)).unwrap();
        }
    }

    #[test]
    fn what_another_process_still_owns_stays() {
        let mut state = State::default();
        state.keep(kept(1, 10, 1));
        state.keep(kept(2, 10, 2));
        state.keep(kept(3, 10, 2));
        let gone = state.excess(1, u64::MAX, |file| file.owner.pid == 1);
        assert_eq!(gone.iter().map(|f| f.at).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn the_oldest_files_go_where_nothing_else_can() {
        let mut state = State::default();
        state.attempt("app", "", 7);
        state
            .files
            .extend((0..20_000).map(|seq| Kept { reason: String::new(), ..kept(seq + 1, 10, 7) }));
        let text = state.encode().unwrap();
        assert!(text.len() < MAX_SIZE);
        let left: State = serde_json::from_slice(&text).unwrap();
        assert_eq!(left.files.last(), state.files.last());
        assert!(left.files.len() > 1000, "an eighth of them at a time: {}", left.files.len());
        assert_eq!(left.apps.len(), 1);
        let first = state.files.len() - left.files.len();
        assert_eq!(left.files, state.files[first..]);
    }
}
