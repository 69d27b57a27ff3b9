//! What processes that have ended left in a directory, as `lib/postmortem/` reads it.

use std::path::Path;
use std::sync::OnceLock;

use napi_derive::napi;

use super::error::{AddonError, Result, error};
use crate::os::cgroup;
use crate::sampler::ended_state::{self, End, EndedState, Stage};
use crate::sampler::kept_state;

/// How a process ended: its `code`, or the number of its `signal`; V8's heap limit otherwise.
#[napi(object)]
pub struct ProcessEnd {
    pub kind: String,
    pub value: Option<u32>,
}

/// What has been done about an ended process.
#[napi(object)]
pub struct PostMortemStage {
    pub reported: bool,
    pub done: bool,
    pub attempts: u32,
}

/// The name of this process in its files: the first that was given, in whichever thread.
#[napi(catch_unwind)]
pub fn process_stem(proposed: String) -> String {
    static STEM: OnceLock<String> = OnceLock::new();
    STEM.get_or_init(|| proposed).clone()
}

/// Notes in the kept states of this process that it exits with `code`.
#[napi(catch_unwind)]
pub fn mark_exit(code: u32) {
    kept_state::mark(End::Exit(code as u8));
}

/// Notes in the state of a process that has ended its signal or else its exit code, unless that is known.
#[napi(catch_unwind)]
pub fn mark_ended(path: String, code: Option<u32>, signal: Option<u32>) -> Result<()> {
    let end = match (signal, code) {
        (Some(signal), _) => End::Signal(signal as u8),
        (None, code) => End::Exit(code.unwrap_or(0) as u8),
    };
    ended_state::mark(Path::new(&path), end).map_err(|e| unreadable(&path, &e))
}

/// Kills for want of memory in this process' cgroup; null where they are not counted.
#[napi(object)]
pub struct CgroupKills {
    pub group: String,
    pub count: f64,
}

/// See [`CgroupKills`].
#[napi(catch_unwind)]
pub fn oom_kills() -> Option<CgroupKills> {
    cgroup::oom_kills().map(|kills| CgroupKills { group: kills.group, count: kills.count as f64 })
}

/// The state of a process that has ended, claimed until `release` or the end of this process.
#[napi]
pub struct ClaimedState {
    path: String,
    claimed: Option<EndedState>,
}

#[napi]
impl ClaimedState {
    /// Null where the process lives, another one has claimed the state, or it is gone.
    #[napi(catch_unwind)]
    pub fn take(path: String) -> Result<Option<Self>> {
        let claimed = EndedState::claim(Path::new(&path)).map_err(|e| unreadable(&path, &e))?;
        Ok(claimed.map(|claimed| Self { path, claimed: Some(claimed) }))
    }

    /// The last state as JSON; null where none was written.
    #[napi(catch_unwind)]
    pub fn state(&mut self) -> Result<Option<String>> {
        let state = self.with(EndedState::state)?;
        Ok(state.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// When the process was last alive, ms since the epoch.
    #[napi(catch_unwind)]
    pub fn alive_at(&mut self) -> Result<Option<f64>> {
        Ok(self.with(EndedState::alive_at)?.map(|at| at as f64))
    }

    /// How it ended, as far as that was written.
    #[napi(catch_unwind)]
    pub fn end(&mut self) -> Result<Option<ProcessEnd>> {
        let end = self.with(EndedState::end)?;
        Ok(end.map(|end| {
            let (kind, value) = match end {
                End::Exit(code) => ("exit", Some(code)),
                End::HeapLimit => ("heap-limit", None),
                End::Signal(signal) => ("signal", Some(signal)),
            };
            ProcessEnd { kind: kind.into(), value: value.map(u32::from) }
        }))
    }

    /// What has been done about it.
    #[napi(catch_unwind)]
    pub fn stage(&mut self) -> Result<PostMortemStage> {
        let Stage { reported, done, attempts } = self.with(EndedState::stage)?;
        Ok(PostMortemStage { reported, done, attempts: u32::from(attempts) })
    }

    /// Notes what has been done about it.
    #[napi(catch_unwind)]
    pub fn set_stage(&mut self, stage: PostMortemStage) -> Result<()> {
        let PostMortemStage { reported, done, attempts } = stage;
        let attempts = u8::try_from(attempts).unwrap_or(u8::MAX);
        self.with(|claimed| claimed.set_stage(Stage { reported, done, attempts }))
    }

    /// Removes the file and ends the claim.
    #[napi(catch_unwind)]
    pub fn remove(&mut self) -> Result<()> {
        match self.claimed.take() {
            Some(claimed) => claimed.remove().map_err(|e| unreadable(&self.path, &e)),
            None => Ok(()),
        }
    }

    /// Ends the claim; a second call does nothing.
    #[napi(catch_unwind)]
    pub fn release(&mut self) {
        self.claimed = None;
    }

    fn with<T>(&mut self, read: impl FnOnce(&mut EndedState) -> std::io::Result<T>) -> Result<T> {
        let released = || error("ERR_PLIMSOLL_STATE_FILE", "the claim was released");
        let claimed = self.claimed.as_mut().ok_or_else(released)?;
        read(claimed).map_err(|e| unreadable(&self.path, &e))
    }
}

fn unreadable(path: &str, cause: &std::io::Error) -> AddonError {
    error("ERR_PLIMSOLL_STATE_FILE", format!("the state file {path} cannot be used ({cause})"))
}
