//! A session on a thread of its own.
//!
//! The job's thread does all that can wait (files, checks, compression); what only the isolate's
//! thread can do it asks for. That side polls [`Job::step`]; nothing calls into it, so an
//! environment that ends in the middle leaves nothing dangling.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::error::SnapshotError;
use super::fork::{self, Child, ForkFailure, Prepared, Survey};
use super::image::{self, PreparedImage, Scene};
use super::room::{Builder, Heap};
use super::session::{Method, Request, Session, TakenSnapshot};
use crate::os::system;
use crate::sync::Mutex;
use crate::v8::gc::{self, GcPressure};
use crate::v8::heap_statistics::{HeapStatistics, Isolate};
use crate::v8::profiler::Profiler;

/// What the isolate's side has to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum JobStep {
    /// Ask again later.
    Wait,
    /// Call [`Job::take`], which forks, or collects garbage to make room for a fork.
    Fork,
    /// Call [`Job::take`], which builds the snapshot here.
    Take,
    /// Give V8's own stream to [`Job::write`], then call [`Job::end`].
    Stream,
    /// It is done.
    Done(TakenSnapshot),
    /// It failed or was refused.
    Failed(SnapshotError),
}

/// How often a busy V8 is asked again, with growing pauses between: ten seconds in all.
const BAD_MOMENTS: u32 = 30;
/// How many children are replaced.
const LOST_CHILDREN: u32 = 4;
/// Pieces of the text on their way to the job's thread; a few, so that memory stays bounded.
const PIECES: usize = 16;

enum Piece {
    Text(Vec<u8>),
    /// The text is complete, and the thread that wrote it stood still for so long.
    End(Duration),
}

enum Phase {
    Working,
    /// To take it here and send the text.
    Asking(SyncSender<Piece>),
    /// To fork, and send the child.
    AskingToFork(Arc<Prepared>, Survey, SyncSender<Result<Child, ForkFailure>>),
    /// To collect the garbage of the heap, and send what is left and how long it took.
    AskingToCollect(SyncSender<(Heap, Duration)>),
    /// To fork the child that writes an image, and send it.
    AskingForImage(Arc<PreparedImage>, Scene, SyncSender<Result<Child, ForkFailure>>),
    Finished(Result<TakenSnapshot, SnapshotError>),
    /// The isolate's side is gone.
    Abandoned,
}

/// A snapshot under way. Dropping it gives up what the isolate's side has not begun.
pub struct Job {
    phase: Arc<Mutex<Phase>>,
    /// Where V8's own stream goes.
    pieces: Option<SyncSender<Piece>>,
}

impl Job {
    /// Starts the job's thread.
    ///
    /// # Errors
    /// [`SnapshotError::Failed`] where the operating system refuses the thread.
    pub fn start(request: Request) -> Result<Self, SnapshotError> {
        crate::os::library::pin();
        let phase = Arc::new(Mutex::new(Phase::Working));
        let theirs = Arc::clone(&phase);
        std::thread::Builder::new()
            .name("plimsoll-snap".into())
            .spawn(move || {
                let result = catch_unwind(AssertUnwindSafe(|| run(request, &theirs)));
                let result = result.unwrap_or_else(|_| {
                    Err(SnapshotError::Failed { what: "an internal error".into() })
                });
                *theirs.lock() = Phase::Finished(result);
            })
            .map_err(|error| SnapshotError::Failed {
                what: format!("no thread for it: {error}"),
            })?;
        Ok(Self { phase, pieces: None })
    }

    /// What there is to do.
    #[must_use]
    pub fn step(&self) -> JobStep {
        match &*self.phase.lock() {
            Phase::Working | Phase::Abandoned => JobStep::Wait,
            Phase::AskingToFork(..) | Phase::AskingForImage(..) | Phase::AskingToCollect(_) => {
                JobStep::Fork
            }
            Phase::Asking(_) if Profiler::find().is_ok() => JobStep::Take,
            Phase::Asking(_) => JobStep::Stream,
            Phase::Finished(Ok(outcome)) => JobStep::Done(outcome.clone()),
            Phase::Finished(Err(error)) => JobStep::Failed(error.clone()),
        }
    }

    /// Takes the snapshot of the isolate that is current on this thread, or forks the child that
    /// does.
    ///
    /// # Safety
    /// As [`Profiler::take`].
    pub unsafe fn take(&mut self) {
        match self.question(Phase::is_question) {
            Some(Phase::AskingToFork(prepared, scene, answer)) => {
                // SAFETY: the caller vouches for the moment.
                let _ = answer.send(unsafe { prepared.fork(&scene) });
            }
            Some(Phase::AskingForImage(prepared, scene, answer)) => {
                // SAFETY: as above.
                let _ = answer.send(unsafe { prepared.fork(&scene) });
            }
            Some(Phase::AskingToCollect(answer)) => {
                // SAFETY: as above.
                if let Some(left) = unsafe { collect_here() } {
                    let _ = answer.send(left);
                }
            }
            // SAFETY: as above.
            Some(Phase::Asking(pieces)) => unsafe { take_here(&pieces) },
            _ => {}
        }
    }

    /// A piece of the text of V8's own stream. False: the rest is not wanted.
    pub fn write(&mut self, chunk: &[u8]) -> bool {
        if self.pieces.is_none() {
            self.pieces = self.accept();
        }
        self.pieces.as_ref().is_some_and(|to| to.send(Piece::Text(chunk.to_vec())).is_ok())
    }

    /// V8's own stream has ended, for which the isolate's thread stood still so long.
    pub fn end(&mut self, pause: Duration) {
        if let Some(pieces) = self.pieces.take() {
            let _ = pieces.send(Piece::End(pause));
        }
    }

    fn accept(&self) -> Option<SyncSender<Piece>> {
        match self.question(|phase| matches!(phase, Phase::Asking(_))) {
            Some(Phase::Asking(pieces)) => Some(pieces),
            _ => None,
        }
    }

    /// Takes a question out, where one waits that is `wanted`. The job's thread may put one at any moment.
    fn question(&self, wanted: impl FnOnce(&Phase) -> bool) -> Option<Phase> {
        let mut phase = self.phase.lock();
        wanted(&phase).then(|| std::mem::replace(&mut *phase, Phase::Working))
    }
}

impl Phase {
    fn is_question(&self) -> bool {
        matches!(
            self,
            Self::Asking(_)
                | Self::AskingToFork(..)
                | Self::AskingForImage(..)
                | Self::AskingToCollect(_)
        )
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // A question that waits goes with its sender: the job's thread finds the channel closed.
        *self.phase.lock() = Phase::Abandoned;
    }
}

/// Takes the snapshot on this thread and sends its text.
///
/// # Safety
/// As [`Profiler::take`].
unsafe fn take_here(pieces: &SyncSender<Piece>) {
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

/// Collects garbage, and returns what the heap has then and how long it took; `None` where V8 does not export the means.
///
/// # Safety
/// On the isolate's thread, in a call from JS.
unsafe fn collect_here() -> Option<(Heap, Duration)> {
    let begun = Instant::now();
    let isolate = Isolate::current()?;
    // SAFETY: the caller's promise.
    let left = unsafe {
        gc::request(isolate, GcPressure::Critical).then(|| HeapStatistics::read(isolate))??
    };
    Some((Heap { used: left.used, total: left.total }, begun.elapsed()))
}

fn run(request: Request, phase: &Mutex<Phase>) -> Result<TakenSnapshot, SnapshotError> {
    let method = request.method;
    let mut session = Session::begin(request)?;
    let outcome = match (method, fork::support()) {
        (Method::Image, _) => imaged(&mut session, phase).map_err(Into::into),
        (Method::InProcess, _) => in_process(&mut session, phase),
        (Method::Fork, Err(why)) => Err(SnapshotError::Unavailable { why }),
        (Method::Fork, Ok(())) => {
            forked(&mut session, |session| fork_one(session, phase, None)).map_err(Into::into)
        }
        (Method::Auto, support) => automatic(&mut session, phase, support.is_ok()),
    }?;
    session.end();
    Ok(outcome)
}

/// By a fork if that is possible, else in process. A heap image where V8's builder has not the memory, or not the time:
/// on a busy machine an image takes a small part of it.
fn automatic(
    session: &mut Session,
    phase: &Mutex<Phase>,
    can_fork: bool,
) -> Result<TakenSnapshot, SnapshotError> {
    let can_image = !session.request().redact && image::support().is_ok();
    let patience = session.request().patience.filter(|_| can_image);
    let by_fork = |session: &mut Session, patience| {
        forked(session, |session| fork_one(session, phase, patience))
    };
    let built = match can_fork.then(|| by_fork(session, patience)) {
        None => in_process(session, phase),
        Some(Err(ForkFailure::Slow(why))) => {
            session.retry(why);
            imaged(session, phase).or_else(|failure| {
                session.retry(SnapshotError::from(failure).to_string());
                by_fork(session, None).map_err(Into::into)
            })
        }
        Some(Err(ForkFailure::NotNow(why) | ForkFailure::Lost(why))) => {
            session.retry(why);
            in_process(session, phase)
        }
        Some(other) => other.map_err(Into::into),
    };
    match built {
        Err(error) if error.is_memory() && can_image => {
            session.retry(error.to_string());
            imaged(session, phase).map_err(|failure| match failure {
                ForkFailure::Final(SnapshotError::NoRoom { .. }) => failure.into(),
                _ => error,
            })
        }
        built => built,
    }
}

/// Tries children until one succeeds or none ever will; `fork` tries one.
pub(super) fn forked(
    session: &mut Session,
    mut fork: impl FnMut(&mut Session) -> Result<TakenSnapshot, ForkFailure>,
) -> Result<TakenSnapshot, ForkFailure> {
    let mut lost = 0;
    let mut killed = false;
    loop {
        match fork(session) {
            Err(ForkFailure::Lost(why)) if lost < LOST_CHILDREN => session.retry(why),
            Err(ForkFailure::Killed(why)) if !killed => {
                killed = true;
                session.retry(why);
            }
            result => return result,
        }
        lost += 1;
        system::sleep(Duration::from_millis(100) * lost);
    }
}

fn fork_one(
    session: &mut Session,
    phase: &Mutex<Phase>,
    patience: Option<Duration>,
) -> Result<TakenSnapshot, ForkFailure> {
    let partial = session.open(Builder::Child).map_err(ForkFailure::Final)?;
    let prepared = Arc::new(Prepared::new(session, partial)?);
    let mut bad_moments = 0;
    let child = loop {
        match fork_now(&prepared, session.request().pool, phase) {
            Err(ForkFailure::NotNow(why)) if bad_moments < BAD_MOMENTS => {
                bad_moments += 1;
                session.retry(why);
                std::thread::sleep(Duration::from_millis(20) * bad_moments);
            }
            result => break result?,
        }
    };
    let (path, written) = prepared.wait(&child, patience)?;
    Ok(session.outcome(path, Method::Fork, child.pause, written))
}

fn fork_now(
    prepared: &Arc<Prepared>,
    pool: Option<usize>,
    phase: &Mutex<Phase>,
) -> Result<Child, ForkFailure> {
    let scene = Survey::take(pool)?;
    let (sender, answer) = sync_channel(1);
    let question = Phase::AskingToFork(Arc::clone(prepared), scene, sender);
    ask(phase, question).map_err(ForkFailure::Final)?;
    answer.recv().map_err(|_| ForkFailure::Final(unfinished()))?
}

/// Tries children until one succeeds or none ever will.
fn imaged(session: &mut Session, phase: &Mutex<Phase>) -> Result<TakenSnapshot, ForkFailure> {
    image::support().map_err(|why| ForkFailure::Final(SnapshotError::Unavailable { why }))?;
    let mut was_short = false;
    let mut collecting = None;
    forked(session, |session| {
        let (prepared, child) = match fork_image(session, phase) {
            // Garbage counts like what is live, until a collection.
            Err(ForkFailure::Final(error)) if error.is_memory() && collecting.is_none() => {
                let took = collect(session, phase)?;
                collecting = Some(took);
                return Err(match took {
                    Some(_) => ForkFailure::Lost(error.to_string()),
                    None => ForkFailure::Final(error),
                });
            }
            forked => forked?,
        };
        match prepared.wait(&child) {
            Ok((path, written)) => {
                let pause = child.pause + collecting.flatten().unwrap_or_default();
                Ok(session.outcome(path, Method::Image, pause, written))
            }
            // A collection of the whole heap rewrites most of it, once: the next child may fit.
            Err(ForkFailure::Final(error)) if error.is_memory() && !was_short => {
                was_short = true;
                Err(ForkFailure::Lost(error.to_string()))
            }
            Err(failure) => Err(failure),
        }
    })
}

/// Has garbage collected, and the session go by what is left. How long JavaScript stood still for it; `None` where V8
/// does not export the means.
fn collect(session: &mut Session, phase: &Mutex<Phase>) -> Result<Option<Duration>, ForkFailure> {
    let (sender, answer) = sync_channel(1);
    ask(phase, Phase::AskingToCollect(sender)).map_err(ForkFailure::Final)?;
    Ok(answer.recv().ok().map(|(heap, took)| {
        session.describe(heap);
        took
    }))
}

fn fork_image(
    session: &mut Session,
    phase: &Mutex<Phase>,
) -> Result<(Arc<PreparedImage>, Child), ForkFailure> {
    let partial = session.open(Builder::Image).map_err(ForkFailure::Final)?;
    let prepared = Arc::new(PreparedImage::new(session, partial)?);
    let soon = |failure| match failure {
        ForkFailure::NotNow(why) => ForkFailure::Lost(why),
        failure => failure,
    };
    let scene = Scene::take().map_err(soon)?;
    let (sender, answer) = sync_channel(1);
    let question = Phase::AskingForImage(Arc::clone(&prepared), scene, sender);
    ask(phase, question).map_err(ForkFailure::Final)?;
    let child = answer.recv().map_err(|_| ForkFailure::Final(unfinished()))?.map_err(soon)?;
    Ok((prepared, child))
}

fn in_process(session: &mut Session, phase: &Mutex<Phase>) -> Result<TakenSnapshot, SnapshotError> {
    let partial = session.open(Builder::Service)?;
    let mut output = session.packing().output(&partial)?;
    let (sender, pieces) = sync_channel(PIECES);
    ask(phase, Phase::Asking(sender))?;
    let pause = pump(&pieces, |text| output.write(text))?;
    let written = output.finish()?;
    Ok(session.outcome(partial.commit()?, Method::InProcess, pause, written))
}

/// Puts a question to the isolate's side, unless that is gone.
fn ask(phase: &Mutex<Phase>, question: Phase) -> Result<(), SnapshotError> {
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
    mut write: impl FnMut(&[u8]) -> Result<(), SnapshotError>,
) -> Result<Duration, SnapshotError> {
    for piece in pieces {
        match piece {
            Piece::Text(text) => write(&text)?,
            Piece::End(pause) => return Ok(pause),
        }
    }
    Err(unfinished())
}

fn unfinished() -> SnapshotError {
    SnapshotError::Failed { what: "the thread that was to take it has ended".into() }
}

#[cfg(all(test, models))]
mod models {
    use std::sync::mpsc::TryRecvError;

    use super::*;
    use crate::sync::explore;

    fn job() -> (Job, Arc<Mutex<Phase>>) {
        let phase = Arc::new(Mutex::new(Phase::Working));
        (Job { phase: Arc::clone(&phase), pieces: None }, phase)
    }

    #[test]
    fn models_of_a_question() {
        explore("a question while the isolate's side looks for one", 3, || {
            let (mut job, phase) = job();
            let (sender, pieces) = sync_channel(PIECES);
            let asks = loom::thread::spawn(move || ask(&phase, Phase::Asking(sender)));
            let first = job.write(b"1");
            // SAFETY: nothing is taken: this process has no V8.
            unsafe { job.take() };
            asks.join().unwrap().unwrap();
            match pieces.try_recv() {
                Ok(Piece::Text(text)) => assert!(first && text == b"1"),
                Ok(Piece::End(_)) => panic!("nothing has ended"),
                // It was taken before it was put, and waits; or `take` has answered it.
                Err(TryRecvError::Empty) => assert_eq!(job.step(), JobStep::Stream),
                Err(TryRecvError::Disconnected) => assert!(!first && job.step() == JobStep::Wait),
            }
        });
    }

    #[test]
    fn models_of_a_question_that_no_one_looks_for() {
        explore("no question is lost by looking too early", 3, || {
            let (job, phase) = job();
            let (sender, _pieces) = sync_channel(PIECES);
            let asks = loom::thread::spawn(move || ask(&phase, Phase::Asking(sender)));
            let taken = job.question(Phase::is_question);
            asks.join().unwrap().unwrap();
            assert_eq!(taken.is_some(), job.step() == JobStep::Wait);
        });
    }

    #[test]
    fn models_of_an_isolate_that_ends() {
        explore("the isolate's side ends while it is asked", 3, || {
            let (job, phase) = job();
            let (sender, pieces) = sync_channel(PIECES);
            let asks = loom::thread::spawn({
                let phase = Arc::clone(&phase);
                move || ask(&phase, Phase::Asking(sender))
            });
            drop(job);
            let asked = asks.join().unwrap();
            // No thread waits for an answer that cannot come.
            assert!(matches!(pieces.try_recv(), Err(TryRecvError::Disconnected)), "{asked:?}");
            assert!(matches!(*phase.lock(), Phase::Abandoned));
        });
    }
}
