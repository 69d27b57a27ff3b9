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
use super::image::{self, OnCollection, PreparedImage, Scene};
use super::room::{Builder, Heap, RoomWatch};
use super::session::{Method, Request, Session, TakenSnapshot};
use crate::os::system;
use crate::sync::Mutex;
use crate::v8::collections;
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
/// How many children of an image are ended by full collections.
const ENDED_BY_COLLECTIONS: u32 = 2;
/// How long an image waits for the end of a full collection.
const LONGEST_COLLECTION: Duration = Duration::from_secs(2);
/// How long V8 sweeps after a full collection, on threads of its own.
const SWEEPING: Duration = Duration::from_millis(200);
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

/// Collects garbage, and returns what the heap has then and how long it took; `None` where V8 does not export the
/// means.
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
/// on a busy machine an image takes a small part of it. Without patience the image comes first.
fn automatic(
    session: &mut Session,
    phase: &Mutex<Phase>,
    can_fork: bool,
) -> Result<TakenSnapshot, SnapshotError> {
    let can_image = !session.request().redact && image::support().is_ok();
    let patience = session.request().patience.filter(|_| can_image);
    if patience.is_some_and(|patience| patience.is_zero()) {
        let fork = |session: &mut Session| {
            forked(session, |session| fork_one(session, phase, None)).map_err(Into::into)
        };
        return image_first(session, |session| imaged(session, phase), can_fork.then_some(fork));
    }
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

/// As a heap image. V8's builder needs more memory and a larger disk, and what kills the child of an image kills its
/// child too: it follows only where children are lost in another way.
fn image_first(
    session: &mut Session,
    image: impl FnOnce(&mut Session) -> Result<TakenSnapshot, ForkFailure>,
    fork: Option<impl FnOnce(&mut Session) -> Result<TakenSnapshot, SnapshotError>>,
) -> Result<TakenSnapshot, SnapshotError> {
    match (image(session), fork) {
        (Err(ForkFailure::NotNow(why) | ForkFailure::Lost(why)), Some(fork)) => {
            session.retry(why);
            fork(session)
        }
        (taken, _) => taken.map_err(Into::into),
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
                system::sleep(Duration::from_millis(20) * bad_moments);
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
    let mut children = 0;
    forked(session, |session| {
        await_quiet_heap(collections::quiet_for);
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
        // A service that collects all the time ends the first children only.
        let on_collection = if children < ENDED_BY_COLLECTIONS {
            OnCollection::Kill
        } else {
            OnCollection::Continue
        };
        children += 1;
        match prepared.wait(&child, on_collection) {
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

/// Waits until no full collection is under way and V8 has swept, which writes to most pages; not for long.
fn await_quiet_heap(quiet_for: impl Fn() -> Duration) {
    let mut waited = Duration::ZERO;
    while quiet_for() < SWEEPING && waited < LONGEST_COLLECTION {
        system::sleep(RoomWatch::INTERVAL);
        waited += RoomWatch::INTERVAL;
    }
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

#[cfg(all(target_os = "linux", not(models)))]
#[cfg(test)]
mod tests {
    use std::slice::from_ref;
    use std::sync::mpsc::TryRecvError;

    use super::*;
    use crate::os::sim::Simulation;
    use crate::snapshot::output::Written;
    use crate::snapshot::testing::{self, TempDir};

    const TEXT: &[u8] = b"{\"snapshot\":{\"node_count\":42},\"strings\":[]}";

    fn request(dir: &TempDir, method: Method) -> Request {
        let pool = Some(0);
        Request { cooldown_ms: 0, method, pool, ..testing::request(dir.0.join("snapshots")) }
    }

    /// A job whose thread has put this.
    fn job(phase: Phase) -> Job {
        Job { phase: Arc::new(Mutex::new(phase)), pieces: None }
    }

    fn asking() -> (Job, Receiver<Piece>) {
        let (sender, pieces) = sync_channel(PIECES);
        (job(Phase::Asking(sender)), pieces)
    }

    #[test]
    fn the_text_of_the_stream_goes_to_the_thread_that_asked() {
        let (mut job, pieces) = asking();
        assert_eq!(job.step(), JobStep::Stream, "this process has no V8 that builds snapshots");
        assert!(job.write(b"1") && job.write(b"2"));
        assert_eq!(job.step(), JobStep::Wait);
        job.end(Duration::from_secs(7));
        let texts = [pieces.recv().unwrap(), pieces.recv().unwrap()];
        let texts = texts.map(|piece| match piece {
            Piece::Text(text) => text,
            Piece::End(_) => panic!("there is more"),
        });
        assert_eq!(texts, [b"1", b"2"]);
        assert!(matches!(pieces.recv(), Ok(Piece::End(pause)) if pause.as_secs() == 7));
        assert!(matches!(pieces.try_recv(), Err(TryRecvError::Disconnected)));
    }

    #[test]
    fn text_is_refused_before_it_is_asked_for_and_after_that_side_is_gone() {
        assert!(!job(Phase::Working).write(b"1"));
        let (mut job, pieces) = asking();
        assert!(job.write(b"1"));
        drop(pieces);
        assert!(!job.write(b"2"));
    }

    #[test]
    fn what_came_of_it_is_said_as_often_as_it_is_asked() {
        let mut failed = job(Phase::Finished(Err(unfinished())));
        // SAFETY: nothing is taken: this process has no V8.
        unsafe { failed.take() };
        assert!(!failed.write(b"1"));
        assert_eq!([failed.step(), failed.step()], [(); 2].map(|()| JobStep::Failed(unfinished())));
    }

    #[test]
    fn a_question_is_answered_once() {
        let (mut job, pieces) = asking();
        // SAFETY: nothing is taken: this process has no V8.
        unsafe { job.take() };
        assert!(matches!(pieces.try_recv(), Err(TryRecvError::Disconnected)), "it has no text");
        assert_eq!(job.step(), JobStep::Wait);
    }

    #[test]
    fn an_isolate_that_is_gone_is_asked_nothing() {
        let (job, pieces) = asking();
        let phase = Arc::clone(&job.phase);
        drop(job);
        assert!(matches!(pieces.try_recv(), Err(TryRecvError::Disconnected)));
        let (sender, pieces) = sync_channel(PIECES);
        assert_eq!(ask(&phase, Phase::Asking(sender)), Err(unfinished()));
        assert!(matches!(pieces.try_recv(), Err(TryRecvError::Disconnected)));
    }

    #[test]
    fn the_pieces_are_written_until_the_end_is_said() {
        let write = |pieces: Vec<Piece>, most: usize| {
            let (sender, receiver) = sync_channel(PIECES);
            pieces.into_iter().for_each(|piece| sender.send(piece).unwrap());
            drop(sender);
            let mut text = Vec::new();
            let result = pump(&receiver, |piece| {
                text.extend_from_slice(piece);
                if text.len() > most { Err(unfinished()) } else { Ok(()) }
            });
            (text, result)
        };
        let piece = |text: &[u8]| Piece::Text(text.to_vec());
        let end = || Piece::End(Duration::from_secs(3));
        let whole = write(vec![piece(b"1"), piece(b"23"), end(), piece(b"4")], 9);
        assert_eq!(whole, (b"123".to_vec(), Ok(Duration::from_secs(3))));
        let cut = write(vec![piece(b"1"), piece(b"23")], 9);
        assert_eq!(cut, (b"123".to_vec(), Err(unfinished())), "without an end");
        let full = write(vec![piece(b"1"), piece(b"23"), piece(b"4"), end()], 2);
        assert_eq!(full, (b"123".to_vec(), Err(unfinished())), "what cannot be written ends it");
    }

    /// Waits until there is something to do.
    fn next(job: &Job) -> JobStep {
        loop {
            match job.step() {
                JobStep::Wait => std::thread::yield_now(),
                step => return step,
            }
        }
    }

    #[test]
    fn a_stream_becomes_a_file_and_one_that_ends_early_does_not() {
        // Where children cannot be forked, `auto` takes the snapshot here.
        for method in [Method::InProcess, Method::Auto] {
            let dir = TempDir::new("job-stream");
            let mut job = start(request(&dir, method));
            assert_eq!(next(&job), JobStep::Stream);
            assert!(TEXT.chunks(7).all(|chunk| job.write(chunk)));
            job.end(Duration::from_millis(250));
            let JobStep::Done(taken) = next(&job) else { panic!("{:?}", job.step()) };
            assert_eq!(std::fs::read(&taken.path).unwrap(), TEXT);
            assert_eq!((taken.bytes, taken.nodes), (TEXT.len() as u64, 42));
            assert_eq!((taken.method, taken.pause_ms), (Method::InProcess, 250.0));
            let mut job = start(request(&dir, method));
            assert_eq!(next(&job), JobStep::Stream);
            assert!(job.write(&TEXT[..9]));
            job.pieces = None;
            assert_eq!(next(&job), JobStep::Failed(unfinished()));
            let left = std::fs::read_dir(dir.0.join("snapshots")).unwrap().count();
            assert_eq!(left, 2, "the first snapshot and the state");
        }
    }

    /// The turn of the process is one: the tests that need it wait for it.
    fn start(request: Request) -> Job {
        loop {
            let job = Job::start(request.clone()).unwrap();
            match next(&job) {
                JobStep::Failed(SnapshotError::Busy { .. }) => std::thread::yield_now(),
                _ => return job,
            }
        }
    }

    #[test]
    fn a_method_that_is_not_possible_here_is_refused() {
        for (method, why) in [(Method::Fork, fork::support()), (Method::Image, image::support())] {
            let dir = TempDir::new("job-refused");
            let why = why.unwrap_err();
            let job = start(request(&dir, method));
            assert_eq!(next(&job), JobStep::Failed(SnapshotError::Unavailable { why }));
        }
    }

    #[test]
    fn a_busy_v8_is_asked_thirty_times_in_ten_seconds() {
        let dir = TempDir::new("job-busy");
        let system = Simulation::begin(1_800_000_000_000, || ());
        let process = system.start(100, "host");
        let (result, _) = system.run(&process, None, || {
            let mut session = Session::begin(request(&dir, Method::Fork))?;
            let begun = system.passed();
            let failure = fork_one(&mut session, &Mutex::new(Phase::Working), None).unwrap_err();
            let why = SnapshotError::from(failure.clone());
            assert!(matches!(failure, ForkFailure::NotNow(_)), "{failure:?}");
            let partial = session.open(Builder::Service)?;
            let written = session.packing().write(&partial, |out| out(TEXT))?;
            let taken =
                session.outcome(partial.commit()?, Method::InProcess, Duration::ZERO, written);
            assert_eq!(taken.retries.len(), 30);
            assert!(taken.retries.iter().all(|retry| why.to_string().contains(retry)));
            assert_eq!(system.passed() - begun, (1..=30).map(|at| 20 * at).sum::<u64>());
            Ok::<_, SnapshotError>(())
        });
        assert_eq!(result, Some(Ok(())));
    }

    #[test]
    fn v8s_builder_follows_an_image_only_where_its_children_are_lost() {
        let then = |failure: ForkFailure, can_fork: bool| {
            let dir = TempDir::new("job-image-first");
            let system = Simulation::begin(1_800_000_000_000, || ());
            let process = system.start(100, "host");
            let (result, _) = system.run(&process, None, || {
                let mut session = Session::begin(request(&dir, Method::Auto)).unwrap();
                let fork = |session: &mut Session| {
                    let written = Written { bytes: 1, nodes: 1 };
                    Ok(session.outcome("forked".into(), Method::Fork, Duration::ZERO, written))
                };
                image_first(&mut session, |_| Err(failure.clone()), can_fork.then_some(fork))
            });
            result.unwrap().map(|taken| taken.retries)
        };
        let why = String::from("a lock was held");
        for failure in [ForkFailure::Lost(why.clone()), ForkFailure::NotNow(why.clone())] {
            assert_eq!(then(failure.clone(), true), Ok(vec![why.clone()]));
            assert_eq!(then(failure.clone(), false), Err(failure.into()));
        }
        let full = SnapshotError::DiskFull { path: "/dumps".into() };
        for failure in [ForkFailure::Killed(why), ForkFailure::Final(full)] {
            assert_eq!(then(failure.clone(), true), Err(failure.into()));
        }
    }

    #[test]
    fn an_image_waits_until_the_heap_is_swept_but_not_for_ever() {
        let waited = |collection: u64| {
            let system = Simulation::begin(1_800_000_000_000, || ());
            let process = system.start(100, "host");
            system.run(&process, None, || {
                let end = system.passed().saturating_add(collection);
                let quiet_for = || Duration::from_millis(system.passed().saturating_sub(end));
                await_quiet_heap(quiet_for);
            });
            system.passed()
        };
        assert_eq!((waited(0), waited(500), waited(u64::MAX)), (200, 700, 2000));
        await_quiet_heap(|| Duration::MAX);
    }

    #[test]
    fn a_child_that_is_lost_is_replaced_four_times_and_one_that_is_killed_once() {
        let tries = |failures: &[ForkFailure]| {
            let dir = TempDir::new("job-lost");
            let system = Simulation::begin(1_800_000_000_000, || ());
            let process = system.start(100, "host");
            let mut count = 0;
            let (result, _) = system.run(&process, None, || {
                let mut session = Session::begin(request(&dir, Method::Fork)).unwrap();
                forked(&mut session, |_| {
                    count += 1;
                    Err(failures[(count - 1) % failures.len()].clone())
                })
            });
            (count, system.passed(), result.unwrap().unwrap_err())
        };
        let lost = ForkFailure::Lost("a lock was held".into());
        let killed = ForkFailure::Killed("signal 9".into());
        let last = ForkFailure::NotNow("busy".into());
        assert_eq!(tries(from_ref(&lost)), (5, 1000, lost.clone()), "with growing pauses");
        assert_eq!(tries(from_ref(&killed)), (2, 100, killed.clone()));
        assert_eq!(tries(&[killed.clone(), lost.clone()]), (3, 300, killed));
        assert_eq!(tries(from_ref(&last)), (1, 0, last));
    }
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
