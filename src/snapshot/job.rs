//! A session on a thread of its own.
//!
//! The job's thread does all that can wait (files, checks, compression); what only the isolate's
//! thread can do it asks for. That side polls [`Job::step`]; nothing calls into it, so an
//! environment that ends in the middle leaves nothing dangling.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::error::Error;
use super::room::Builder;
use super::session::{Method, Outcome, Request, Session};
use crate::v8::profiler::Profiler;

/// What the isolate's side has to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Ask again later.
    Wait,
    /// Call [`Job::take`].
    Take,
    /// Give V8's own stream to [`Job::write`], then call [`Job::end`].
    Stream,
    /// It is done.
    Done(Outcome),
    /// It failed or was refused.
    Failed(Error),
}

/// Pieces of the text on their way to the job's thread; a few, so that memory stays bounded.
const PIECES: usize = 16;

enum Piece {
    Text(Vec<u8>),
    /// The text is complete, and the thread that wrote it stood still for so long.
    End(Duration),
}

enum Phase {
    Working,
    Asking(SyncSender<Piece>),
    Finished(Result<Outcome, Error>),
    /// The isolate's side is gone.
    Abandoned,
}

/// A snapshot under way. Dropping it gives up what the isolate's side has not begun.
pub struct Job {
    phase: Arc<Mutex<Phase>>,
    /// Where V8's own stream goes.
    pieces: Option<SyncSender<Piece>>,
    started: Instant,
}

impl Job {
    /// Starts the job's thread.
    ///
    /// # Errors
    /// [`Error::Failed`] where the operating system refuses the thread.
    pub fn start(request: Request) -> Result<Self, Error> {
        crate::os::library::pin();
        let phase = Arc::new(Mutex::new(Phase::Working));
        let theirs = Arc::clone(&phase);
        std::thread::Builder::new()
            .name("plimsoll-snap".into())
            .spawn(move || {
                let result = catch_unwind(AssertUnwindSafe(|| run(request, &theirs)));
                let result = result
                    .unwrap_or_else(|_| Err(Error::Failed { what: "an internal error".into() }));
                *theirs.lock() = Phase::Finished(result);
            })
            .map_err(|error| Error::Failed { what: format!("no thread for it: {error}") })?;
        Ok(Self { phase, pieces: None, started: Instant::now() })
    }

    /// What there is to do.
    #[must_use]
    pub fn step(&self) -> Step {
        match &*self.phase.lock() {
            Phase::Working | Phase::Abandoned => Step::Wait,
            Phase::Asking(_) if Profiler::find().is_ok() => Step::Take,
            Phase::Asking(_) => Step::Stream,
            Phase::Finished(Ok(outcome)) => Step::Done(outcome.clone()),
            Phase::Finished(Err(error)) => Step::Failed(error.clone()),
        }
    }

    /// Takes the snapshot of the isolate that is current on this thread.
    ///
    /// # Safety
    /// As [`Profiler::take`].
    pub unsafe fn take(&mut self) {
        let Some(pieces) = self.accept() else { return };
        let Ok(profiler) = Profiler::find() else { return };
        let begun = Instant::now();
        // SAFETY: the caller vouches for the moment.
        let Some(snapshot) = (unsafe { profiler.take() }) else { return };
        let mut send = |chunk: &[u8]| pieces.send(Piece::Text(chunk.to_vec())).is_ok();
        let whole = snapshot.serialize(&mut send);
        drop(snapshot);
        if whole {
            let _ = pieces.send(Piece::End(begun.elapsed()));
        }
    }

    /// A piece of the text of V8's own stream. False: the rest is not wanted.
    pub fn write(&mut self, chunk: &[u8]) -> bool {
        if self.pieces.is_none() {
            self.started = Instant::now();
            self.pieces = self.accept();
        }
        self.pieces.as_ref().is_some_and(|to| to.send(Piece::Text(chunk.to_vec())).is_ok())
    }

    /// V8's own stream has ended.
    pub fn end(&mut self) {
        if let Some(pieces) = self.pieces.take() {
            let _ = pieces.send(Piece::End(self.started.elapsed()));
        }
    }

    fn accept(&self) -> Option<SyncSender<Piece>> {
        let mut phase = self.phase.lock();
        match std::mem::replace(&mut *phase, Phase::Working) {
            Phase::Asking(pieces) => Some(pieces),
            other => {
                *phase = other;
                None
            }
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // A question that waits goes with its sender: the job's thread finds the channel closed.
        *self.phase.lock() = Phase::Abandoned;
    }
}

fn run(request: Request, phase: &Mutex<Phase>) -> Result<Outcome, Error> {
    let mut session = Session::begin(request)?;
    if session.request().method == Method::Fork {
        return Err(Error::Unavailable { why: "this build cannot fork a snapshot".into() });
    }
    let outcome = in_process(&mut session, phase)?;
    session.end();
    Ok(outcome)
}

fn in_process(session: &mut Session, phase: &Mutex<Phase>) -> Result<Outcome, Error> {
    let partial = session.open(Builder::Service)?;
    let mut output = session.output(&partial)?;
    let (sender, pieces) = sync_channel(PIECES);
    ask(phase, Phase::Asking(sender))?;
    let pause = pump(&pieces, |text| output.write(text))?;
    let written = output.finish()?;
    Ok(Outcome {
        path: partial.commit()?,
        forked: false,
        pause_ms: pause.as_secs_f64() * 1000.0,
        bytes: written.bytes,
        nodes: written.nodes,
    })
}

/// Puts a question to the isolate's side, unless that is gone.
fn ask(phase: &Mutex<Phase>, question: Phase) -> Result<(), Error> {
    let mut phase = phase.lock();
    if matches!(*phase, Phase::Abandoned) {
        return Err(unfinished());
    }
    *phase = question;
    Ok(())
}

/// Hands the pieces on until the last one. An error here closes the channel, which stops V8.
fn pump(
    pieces: &Receiver<Piece>,
    mut write: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<Duration, Error> {
    for piece in pieces {
        match piece {
            Piece::Text(text) => write(&text)?,
            Piece::End(pause) => return Ok(pause),
        }
    }
    Err(unfinished())
}

fn unfinished() -> Error {
    Error::Failed { what: "the thread that was to take it has ended".into() }
}
