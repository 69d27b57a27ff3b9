//! The state that a process has left in the user's directory, and what a later one does about it.
//!
//! The lock on the file is the claim: one process at a time has it, and the kernel releases it if that process ends
//! before it is done. What is done is a word of the file itself, so nothing is reported twice.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::state_file::{self, ALIVE_WORD, END_WORD, STAGE_WORD};
use crate::os::lock::{Wait, lock};

/// What the names of the files begin with.
pub const PREFIX: &str = ".plimsoll-state-";

/// How a process ended, as far as it or its parent could write it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with a code.
    Exit(u8),
    /// V8 reached its heap limit.
    HeapLimit,
    /// By a signal, as its parent has seen.
    Signal(u8),
}

impl End {
    pub(super) fn word(self) -> u64 {
        match self {
            Self::Exit(code) => 1 | u64::from(code) << 8,
            Self::HeapLimit => 2,
            Self::Signal(signal) => 3 | u64::from(signal) << 8,
        }
    }

    pub(super) fn of(word: u64) -> Option<Self> {
        let value = (word >> 8) as u8;
        match word & 0xff {
            1 => Some(Self::Exit(value)),
            2 => Some(Self::HeapLimit),
            3 => Some(Self::Signal(value)),
            _ => None,
        }
    }
}

/// What has been done about an ended process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stage {
    /// Its end was reported.
    pub reported: bool,
    /// Its snapshots were analyzed, or never will be.
    pub done: bool,
    /// How often an analysis was begun.
    pub attempts: u8,
}

impl Stage {
    fn word(self) -> u64 {
        u64::from(self.reported) | u64::from(self.done) << 1 | u64::from(self.attempts) << 8
    }

    fn of(word: u64) -> Self {
        Self { reported: word & 1 != 0, done: word & 2 != 0, attempts: (word >> 8) as u8 }
    }
}

/// A claimed state; the claim ends when this is dropped.
#[derive(Debug)]
pub struct EndedState {
    path: PathBuf,
    file: File,
}

impl EndedState {
    /// Claims the state; `None` where its process lives, another process has claimed it, or it is gone.
    ///
    /// # Errors
    /// Where the file cannot be opened or locked.
    pub fn claim(path: &Path) -> io::Result<Option<Self>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(
            &mut options,
            libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK,
        );
        let file = match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // What is only read is on a read-only file system, or a copy.
            Err(error) if is_refused(&error) => options.write(false).open(path)?,
            opened => opened?,
        };
        if !lock(&file, Wait::Never)? {
            return Ok(None);
        }
        // Another process may have removed it between the open and the lock.
        Ok(path.exists().then(|| Self { path: path.to_owned(), file }))
    }

    /// The last state; `None` where none was written.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn state(&mut self) -> io::Result<Option<Vec<u8>>> {
        state_file::read_from(&mut self.file)
    }

    /// When the process was last alive, ms since the epoch.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn alive_at(&mut self) -> io::Result<Option<u64>> {
        Ok(state_file::word(&mut self.file, ALIVE_WORD)?.filter(|&at| at > 0))
    }

    /// How it ended, as far as that was written.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn end(&mut self) -> io::Result<Option<End>> {
        Ok(state_file::word(&mut self.file, END_WORD)?.and_then(End::of))
    }

    /// What has been done about it.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn stage(&mut self) -> io::Result<Stage> {
        Ok(state_file::word(&mut self.file, STAGE_WORD)?.map_or_else(Stage::default, Stage::of))
    }

    /// Notes what has been done about it.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn set_stage(&mut self, stage: Stage) -> io::Result<()> {
        state_file::set_word(&mut self.file, STAGE_WORD, stage.word())?;
        self.file.sync_data()
    }

    /// Removes the file and ends the claim.
    ///
    /// # Errors
    /// As `unlink(2)`.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// Writes how a process ended into its state, unless that is known. For its parent: it needs no claim.
///
/// # Errors
/// Where the file cannot be opened, read or written.
pub fn mark(path: &Path, end: End) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK,
    );
    let mut file = options.open(path)?;
    match state_file::word(&mut file, END_WORD)? {
        Some(0) => state_file::set_word(&mut file, END_WORD, end.word()),
        _ => Ok(()),
    }
}

fn is_refused(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::super::state_file::StateFile;
    use super::*;

    #[test]
    fn ends_and_stages_survive_their_words() {
        for end in [End::Exit(0), End::Exit(255), End::HeapLimit, End::Signal(9)] {
            assert_eq!(End::of(end.word()), Some(end));
        }
        assert_eq!(End::of(0), None);
        for attempts in [0, 1, 255] {
            let stage = Stage { reported: true, done: false, attempts };
            assert_eq!(Stage::of(stage.word()), stage);
        }
    }

    #[test]
    fn a_claim_is_exclusive_and_what_was_done_stays() {
        let path = std::env::temp_dir().join(format!("plimsoll-ended-{}", std::process::id()));
        drop(StateFile::open(&path).unwrap());
        let mut first = EndedState::claim(&path).unwrap().unwrap();
        assert!(EndedState::claim(&path).unwrap().is_none(), "it is claimed");
        assert_eq!(first.stage().unwrap(), Stage::default());
        let stage = Stage { reported: true, done: false, attempts: 1 };
        first.set_stage(stage).unwrap();
        mark(&path, End::Signal(9)).unwrap();
        mark(&path, End::Exit(0)).unwrap();
        drop(first);
        let mut second = EndedState::claim(&path).unwrap().unwrap();
        assert_eq!(second.stage().unwrap(), stage);
        assert_eq!(second.end().unwrap(), Some(End::Signal(9)), "the first stays");
        assert_eq!(second.state().unwrap(), None);
        second.remove().unwrap();
        assert!(EndedState::claim(&path).unwrap().is_none(), "it is gone");
    }
}
