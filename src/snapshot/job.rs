//! A session on a thread of its own.
//!
//! The job's thread does all that can wait (files, checks, compression); what only the isolate's
//! thread can do it asks for. That side polls [`Job::step`]; nothing calls into it, so an
//! environment that ends in the middle leaves nothing dangling.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::converter;
use super::error::SnapshotError;
use super::fork::{Child, ForkFailure, UnderWay};
use super::image::{self, Destination, OnCollection, PreparedImage, Scene};
use super::output::Written;
use super::room::{Builder, Heap, RoomWatch};
use super::session::{Method, Request, Session, TakenSnapshot};
use super::store::Partial;
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
            Phase::AskingForImage(..) | Phase::AskingToCollect(_) => JobStep::Fork,
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
            Some(Phase::AskingForImage(prepared, scene, answer)) => {
                // SAFETY: the caller vouches for the moment.
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
        matches!(self, Self::Asking(_) | Self::AskingForImage(..) | Self::AskingToCollect(_))
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
    let outcome = match method {
        Method::Image => {
            image::admit(session.request().redact)?;
            let image = imaged(&mut session, phase, Place::Directory)?;
            keep(&mut session, &image)
        }
        Method::InProcess => in_process(&mut session, phase),
        Method::Fork => {
            image::admit(false)?;
            built(&mut session, phase).map_err(Into::into)
        }
        Method::Auto => automatic(&mut session, phase),
    }?;
    session.end();
    Ok(outcome)
}

/// As an image, of which a snapshot is made if there is room and time for it; in process if there are no images, or if
/// their children are lost in another way than by being killed.
fn automatic(session: &mut Session, phase: &Mutex<Phase>) -> Result<TakenSnapshot, SnapshotError> {
    if image::support().is_err() {
        return in_process(session, phase);
    }
    let patience = session.request().patience;
    let is_urgent = patience.is_some_and(|patience| patience.is_zero());
    let taken = if session.request().redact {
        built(session, phase)
    } else {
        imaged(session, phase, Place::Directory).and_then(|image| {
            if !is_urgent {
                let partial = session.open(Builder::Converter).map_err(ForkFailure::Final);
                match partial.and_then(|partial| convert(session, &image, &partial, patience)) {
                    Ok(taken) => return Ok(taken),
                    Err(failure) => session.retry(SnapshotError::from(failure).to_string()),
                }
            }
            keep(session, &image).map_err(ForkFailure::Final)
        })
    };
    match taken {
        Err(ForkFailure::Lost(why)) if !is_urgent => {
            session.retry(why);
            in_process(session, phase)
        }
        taken => taken.map_err(Into::into),
    }
}

/// As a snapshot of an image that no directory has.
fn built(session: &mut Session, phase: &Mutex<Phase>) -> Result<TakenSnapshot, ForkFailure> {
    // Ahead: without room for the snapshot no child is forked.
    let partial = session.open(Builder::Converter).map_err(ForkFailure::Final)?;
    let image = imaged(session, phase, Place::Memory)?;
    convert(session, &image, &partial, None)
}

/// Makes a snapshot of an image, in `partial`.
fn convert(
    session: &mut Session,
    image: &Imaged,
    partial: &Partial,
    patience: Option<Duration>,
) -> Result<TakenSnapshot, ForkFailure> {
    let written = converter::convert(&image.prepared, partial, session, patience)?;
    let path = partial.commit().map_err(ForkFailure::Final)?;
    Ok(session.outcome(path, Method::Fork, image.pause, written))
}

/// Keeps an image as it is.
fn keep(session: &mut Session, image: &Imaged) -> Result<TakenSnapshot, SnapshotError> {
    let path = image.prepared.destination().keep()?;
    Ok(session.outcome(path, Method::Image, image.pause, image.written))
}

/// Tries children until one succeeds or none ever will; `fork` tries one.
pub(super) fn forked<T>(
    session: &mut Session,
    mut fork: impl FnMut(&mut Session) -> Result<T, ForkFailure>,
) -> Result<T, ForkFailure> {
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

/// Where an image goes.
#[derive(Debug, Clone, Copy)]
enum Place {
    Directory,
    Memory,
}

/// An image that a child has written.
struct Imaged {
    prepared: Arc<PreparedImage>,
    written: Written,
    pause: Duration,
    _counted: UnderWay,
}

/// Tries children until one has written an image, or none ever will.
fn imaged(
    session: &mut Session,
    phase: &Mutex<Phase>,
    place: Place,
) -> Result<Imaged, ForkFailure> {
    let mut was_short = false;
    let mut collecting = None;
    let mut children = 0;
    forked(session, |session| {
        await_quiet_heap(collections::quiet_for);
        let (prepared, child) = match fork_image(session, phase, place) {
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
        let counted = UnderWay::begin();
        // A service that collects all the time ends the first children only.
        let on_collection = if children < ENDED_BY_COLLECTIONS {
            OnCollection::Kill
        } else {
            OnCollection::Continue
        };
        children += 1;
        match prepared.wait(&child, on_collection) {
            Ok(bytes) => {
                let pause = child.pause + collecting.flatten().unwrap_or_default();
                let written = Written { bytes, nodes: 0 };
                Ok(Imaged { prepared, written, pause, _counted: counted })
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
    place: Place,
) -> Result<(Arc<PreparedImage>, Child), ForkFailure> {
    let destination = match place {
        Place::Directory => {
            Destination::File(session.open(Builder::Image).map_err(ForkFailure::Final)?)
        }
        Place::Memory => converter::memory(session)?,
    };
    let prepared = Arc::new(PreparedImage::new(session, destination)?);
    let scene = Scene::take()?;
    let (sender, answer) = sync_channel(1);
    let question = Phase::AskingForImage(Arc::clone(&prepared), scene, sender);
    ask(phase, question).map_err(ForkFailure::Final)?;
    let child = answer.recv().map_err(|_| ForkFailure::Final(unfinished()))??;
    Ok((prepared, child))
}

fn in_process(session: &mut Session, phase: &Mutex<Phase>) -> Result<TakenSnapshot, SnapshotError> {
    let partial = session.open(Builder::Service)?;
    let mut output = session.packing().output(partial.writer()?, &partial.path())?;
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
    use crate::snapshot::testing::{self, TempDir};

    const TEXT: &[u8] = b"{\"snapshot\":{\"node_count\":42},\"strings\":[]}";

    fn request(dir: &TempDir, method: Method) -> Request {
        Request { cooldown_ms: 0, method, ..testing::request(dir.0.join("snapshots")) }
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
        for method in [Method::Fork, Method::Image] {
            let dir = TempDir::new("job-refused");
            let why = image::support().unwrap_err();
            let job = start(request(&dir, method));
            assert_eq!(next(&job), JobStep::Failed(SnapshotError::Unavailable { why }));
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
                forked(&mut session, |_| -> Result<(), _> {
                    count += 1;
                    Err(failures[(count - 1) % failures.len()].clone())
                })
            });
            (count, system.passed(), result.unwrap().unwrap_err())
        };
        let lost = ForkFailure::Lost("a lock was held".into());
        let killed = ForkFailure::Killed("signal 9".into());
        let last = ForkFailure::Slow("late".into());
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
