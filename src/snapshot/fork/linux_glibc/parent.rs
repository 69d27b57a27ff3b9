//! The parent's side: preparation on the job's thread, the fork on the isolate's, and the watch over
//! the child on the job's again.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io::{self, PipeReader, Read};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::child;
use super::collector::CollectorMutex;
use super::condition::ConditionLayout;
use super::regions::Regions;
use super::task::{ChildTask, Moment};
use super::thread_calls;
use super::workers::Workers;
use crate::os::limits;
use crate::snapshot::error::SnapshotError;
use crate::snapshot::fork::{ForkFailure, UnderWay, take_over};
use crate::snapshot::output::Written;
use crate::snapshot::room::RoomWatch;
use crate::snapshot::session::Session;
use crate::snapshot::store::Partial;
use crate::v8::profiler::Profiler;

/// glibc versions (the minor number of 2.x) on which forked snapshots were shown to work.
const GLIBC: std::ops::RangeInclusive<u32> = 28..=43;
const NULL: &str = "/dev/null";
/// Files that are open at a time while the workers are looked at, and in the child beside what the parent opened.
/// Without them V8's workers would seem to be busy.
const SPARE: usize = 3;
/// How long the isolate's thread waits for V8's workers to be idle.
const IDLE_LIMIT: Duration = Duration::from_millis(50);
/// How often it looks.
const IDLE_LOOK: Duration = Duration::from_micros(100);
/// A child that sleeps for so long without using the processor hangs.
const HANG_LIMIT: Duration = Duration::from_secs(3);
/// A child that is stopped for so long (SIGSTOP, a debugger) is not continued any more.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// Whether snapshots can be forked here, or why not.
///
/// # Errors
/// The reason.
pub fn support() -> Result<(), String> {
    static SUPPORT: OnceLock<Result<(), String>> = OnceLock::new();
    let look = || {
        tested_library()?;
        Profiler::find()?;
        procfs().and_then(|()| layout())?;
        Ok(())
    };
    // Without a descriptor nothing is known, and nothing is remembered. The fork says what it lacks.
    if SUPPORT.get().is_none() && descriptors(1).is_err_and(|error| is_out_of_descriptors(&error)) {
        return Ok(());
    }
    SUPPORT.get_or_init(look).clone()
}

/// Opens so many files and closes them.
fn descriptors(count: usize) -> io::Result<()> {
    (0..count).map(|_| File::open(NULL)).collect::<io::Result<Vec<_>>>().map(drop)
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// Keeps the files open that a fork reads of the workers, while any of these values lives.
#[derive(Debug)]
pub struct ReadableWorkers(());

/// How many there are.
static READERS: Mutex<u32> = Mutex::new(0);

impl ReadableWorkers {
    /// Opens them before the service may change its user: they cannot be opened after that. Where the
    /// workers are not found yet, a fork looks again.
    #[must_use]
    pub fn keep() -> Self {
        let mut readers = READERS.lock();
        *readers += 1;
        if *readers == 1
            && support().is_ok()
            && let Ok(layout) = layout()
            && let Ok(workers) = Workers::find(layout, None)
        {
            workers.keep_readable();
        }
        Self(())
    }
}

impl Drop for ReadableWorkers {
    fn drop(&mut self) {
        let mut readers = READERS.lock();
        *readers -= 1;
        if *readers == 0 {
            thread_calls::release();
        }
    }
}

/// Whether snapshots can be forked on this platform and Node, and this process may not look at its
/// own threads.
#[must_use]
pub fn is_denied() -> bool {
    tested_library().is_ok() && Profiler::find().is_ok() && support().is_err()
}

fn procfs() -> Result<(), String> {
    let looked = fs::read_to_string("/proc/thread-self/syscall")
        .and_then(|_| fs::metadata("/proc/self/smaps"));
    looked.map(|_| ()).map_err(|error| hidden(&error))
}

/// Why the process cannot look at itself.
fn hidden(error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "the process may not read /proc/self/task/*/syscall, because it changed its user before \
             plimsoll started or because its executable has file capabilities (prctl(2), \
             PR_SET_DUMPABLE)"
        }
        io::ErrorKind::NotFound => "there is no /proc",
        _ => "/proc cannot be read",
    };
    format!("snapshots cannot be forked: {why} ({error})")
}

fn tested_library() -> Result<(), String> {
    // SAFETY: takes nothing, gives a static NUL-terminated text.
    let version = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) }.to_string_lossy();
    tested_version(&version)
}

fn tested_version(version: &str) -> Result<(), String> {
    let minor = version.strip_prefix("2.").and_then(|rest| rest.split('.').next()?.parse().ok());
    match minor {
        Some(minor) if GLIBC.contains(&minor) => Ok(()),
        _ => Err(format!("snapshots are not forked on glibc {version}: not tested there")),
    }
}

fn layout() -> Result<ConditionLayout, String> {
    static LAYOUT: OnceLock<Result<ConditionLayout, String>> = OnceLock::new();
    LAYOUT.get_or_init(|| ConditionLayout::observe().map_err(|error| error.to_string())).clone()
}

/// What the process looks like: looked up off the isolate's thread, short before the fork.
#[derive(Debug)]
pub struct Survey {
    workers: Workers,
    regions: Regions,
    collector: CollectorMutex,
}

impl Survey {
    /// Looks the process over; `pool` is the number of V8's workers, where it was chosen.
    ///
    /// # Errors
    /// [`ForkFailure::NotNow`] where procfs does not tell; [`ForkFailure::Final`] where no descriptor is left.
    pub fn take(pool: Option<usize>) -> Result<Self, ForkFailure> {
        let survey = || {
            descriptors(SPARE)?;
            let layout = layout().map_err(io::Error::other)?;
            Ok(Self {
                workers: Workers::find(layout, pool)?,
                regions: Regions::scan()?,
                collector: CollectorMutex::find(),
            })
        };
        survey().map_err(not_now)
    }
}

fn not_now(error: io::Error) -> ForkFailure {
    ForkFailure::of_io(&error, Path::new("/proc/self"), ForkFailure::NotNow)
}

/// A child that is ready to be forked.
#[derive(Debug)]
pub struct Prepared {
    task: ChildTask,
    answer: PipeReader,
}

impl Prepared {
    /// Opens what the child needs.
    ///
    /// # Errors
    /// [`ForkFailure::Final`] where no descriptor is left.
    pub fn new(session: &Session, partial: Partial) -> Result<Self, ForkFailure> {
        let prepare = || -> io::Result<Self> {
            let (answer, report) = io::pipe()?;
            nonblocking(&answer)?;
            let task = ChildTask {
                partial,
                packing: session.packing(),
                report,
                null: File::options().read(true).write(true).open(NULL)?,
                lifetime: lifetime(session.request().heap.used),
                nice: session.request().nice,
                core: session.request().core,
                parent: std::process::id(),
            };
            Ok(Self { task, answer })
        };
        prepare().map_err(|error| ForkFailure::of_io(&error, Path::new(NULL), ForkFailure::Lost))
    }

    /// Forks at a moment when V8's workers are idle. The child takes the snapshot of the isolate
    /// that is current on this thread, and never returns from here.
    ///
    /// # Errors
    /// [`ForkFailure::NotNow`] where that moment did not come, or the kernel refused.
    ///
    /// # Safety
    /// As [`Profiler::take`].
    pub unsafe fn fork(&self, survey: &Survey) -> Result<Child, ForkFailure> {
        let begun = Instant::now();
        let profiler = Profiler::find().map_err(ForkFailure::NotNow)?;
        let included = survey.regions.include().map_err(not_now)?;
        let signals = BlockedSignals::new();
        // Last of all: the instant that was found idle is the one that is forked.
        let queue = loop {
            if let Some(queue) = survey.workers.idle() {
                break queue;
            }
            if begun.elapsed() > IDLE_LIMIT {
                return Err(ForkFailure::NotNow("V8's worker threads are busy".into()));
            }
            // They may be waiting for this processor.
            std::thread::sleep(IDLE_LOOK);
        };
        // SAFETY: the child only runs `child::run`, which is written for a copy of a process with
        // one thread left; the memory allocator is made usable by glibc's own handlers.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: this is the child; the caller vouches for the moment.
            unsafe {
                child::run(&self.task, Moment { queue, collector: survey.collector }, profiler)
            }
        }
        let error = io::Error::last_os_error();
        drop(signals);
        drop(included);
        if pid < 0 {
            // Out of memory or of processes: no moment for more work in the service.
            return Err(ForkFailure::Killed(format!("the kernel refused the fork: {error}")));
        }
        Ok(Child { pid, pause: begun.elapsed() })
    }

    /// Leaves the file to the child without waiting for it.
    pub fn leave(&self) {
        self.task.partial.committed();
    }

    /// Waits for the child and takes over its file; for `patience` at most, where that is given.
    ///
    /// # Errors
    /// What became of it instead.
    pub fn wait(
        &self,
        child: &Child,
        patience: Option<Duration>,
    ) -> Result<(PathBuf, Written), ForkFailure> {
        let _counted = UnderWay::begin();
        let (published, end) = child.watch(self.task.lifetime, patience);
        // The child has ended: what it said is in the pipe, whose end is not waited for, since our
        // own copy of the writing side is open. One read takes all of it.
        let mut answer = [0; 4096];
        let length = (&self.answer).read(&mut answer).unwrap_or(0);
        take_over(&self.task.partial, &answer[..length], published, end)
    }
}

/// The processor time that a child may take, ten times and more what it needs. Not the time by the
/// clock: on a busy machine, at the lowest priority, that may be a hundred times as much.
fn lifetime(heap_used: u64) -> Duration {
    Duration::from_secs(300 + 6 * (heap_used >> 20))
}

/// No signal is delivered to this thread while the value lives: a handler that ran in the child
/// would be the service's.
pub(in crate::snapshot) struct BlockedSignals(libc::sigset_t);

impl BlockedSignals {
    pub fn new() -> Self {
        // SAFETY: sigset_t is plain data that sigfillset and pthread_sigmask fill in.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
            Self(before)
        }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: the set was filled in by pthread_sigmask.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut());
        }
    }
}

/// A child that takes a snapshot.
#[derive(Debug)]
pub struct Child {
    /// How long the isolate's thread stood still.
    pub pause: Duration,
    pid: libc::pid_t,
}

impl Child {
    /// A child that was forked.
    pub(in crate::snapshot) fn new(pid: libc::pid_t, pause: Duration) -> Self {
        Self { pause, pid }
    }

    /// Waits until the child has ended; kills it when it hangs, and after `patience`. Returns whether its end says that
    /// the file has its name, and what the end means where the child left no word.
    pub(in crate::snapshot) fn watch(
        &self,
        lifetime: Duration,
        patience: Option<Duration>,
    ) -> (bool, ForkFailure) {
        self.watch_while(lifetime, patience, || Ok(()))
    }

    /// As [`Self::watch`]. Also kills the child once `look` has a failure, which is then what its end means.
    pub(in crate::snapshot) fn watch_while(
        &self,
        lifetime: Duration,
        patience: Option<Duration>,
        mut look: impl FnMut() -> Result<(), ForkFailure>,
    ) -> (bool, ForkFailure) {
        let mut progress = Progress::default();
        let mut pause = Duration::from_millis(2);
        // By the pauses: time in which the service itself was stopped counts for nothing.
        let mut waited = Duration::ZERO;
        loop {
            let mut status = 0;
            // SAFETY: asks for this child alone; `status` outlives the call.
            let ended = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) };
            if ended == self.pid {
                return (status == 0, describe(status));
            }
            // Reaped by the kernel (SIGCHLD is ignored) or by other code that waits for any child.
            // What it died of is unknown, so it counts as a crash.
            if ended < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ECHILD) {
                let what = "the child's end was collected by other code of this process";
                return (false, ForkFailure::Killed(what.into()));
            }
            if let Some(end) = progress.look(self.pid, pause, lifetime) {
                self.kill();
                return (false, end);
            }
            if let Some(patience) = patience.filter(|patience| waited > *patience) {
                self.kill();
                let what = format!("the child did not end within {} s", patience.as_secs());
                return (false, ForkFailure::Slow(what));
            }
            if let Err(failure) = look() {
                self.kill();
                return (false, failure);
            }
            std::thread::sleep(pause);
            waited += pause;
            pause = (pause * 2).min(RoomWatch::INTERVAL);
        }
    }

    /// Kills the child and waits for its end.
    pub(in crate::snapshot) fn kill(&self) {
        let mut status = 0;
        // SAFETY: the child has not been waited for, so the pid is still its own.
        unsafe {
            // Refused where the service has changed its user since: then there is no end to wait for.
            if libc::kill(self.pid, libc::SIGKILL) == 0 {
                libc::waitpid(self.pid, &raw mut status, 0);
            }
        }
    }
}

/// What the child's first thread does (its watch runs on another).
#[derive(Debug, Default, PartialEq)]
struct Progress {
    state: char,
    /// Its processor time.
    ticks: u64,
    /// For how long it has been in this state without progress, by the pauses between looks: time in
    /// which the service itself was stopped counts for nothing.
    still: Duration,
}

impl Progress {
    /// Why the child is to be killed, if it is; `pause` has passed since the look before.
    fn look(
        &mut self,
        pid: libc::pid_t,
        pause: Duration,
        lifetime: Duration,
    ) -> Option<ForkFailure> {
        let stat = fs::read_to_string(format!("/proc/{pid}/task/{pid}/stat")).ok()?;
        let (state, ticks) = parse_stat(&stat)?;
        self.note(state, ticks, pause);
        let what = match self.state {
            // Runnable but not run, or waiting for the disk, is no hang.
            'S' if self.still > HANG_LIMIT => "hung",
            // Another one may be stopped too, and the work is not done in process: a person does this.
            'T' | 't' if self.still > STOP_LIMIT => {
                let seconds = STOP_LIMIT.as_secs();
                let what = format!("the child was stopped for {seconds} s and was killed");
                return Some(ForkFailure::Killed(what));
            }
            _ if self.time() > lifetime => "took too long",
            _ => return None,
        };
        Some(ForkFailure::Lost(format!("the child {what} and was killed")))
    }

    fn note(&mut self, state: char, ticks: u64, pause: Duration) {
        let same = (state, ticks) == (self.state, self.ticks);
        let still = if same { self.still + pause } else { Duration::ZERO };
        *self = Self { state, ticks, still };
    }

    /// The processor time so far.
    fn time(&self) -> Duration {
        // SAFETY: asks for a constant of the system.
        let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        Duration::from_millis(self.ticks * 1000 / u64::try_from(per_second).unwrap_or(100).max(1))
    }
}

/// State, and user and system time in ticks (proc(5), stat).
fn parse_stat(stat: &str) -> Option<(char, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let mut time = fields.skip(10);
    let (user, system): (u64, u64) = (time.next()?.parse().ok()?, time.next()?.parse().ok()?);
    Some((state, user + system))
}

fn describe(status: libc::c_int) -> ForkFailure {
    if !libc::WIFSIGNALED(status) {
        return ForkFailure::Lost(format!(
            "the child ended with code {}",
            libc::WEXITSTATUS(status)
        ));
    }
    match libc::WTERMSIG(status) {
        libc::SIGKILL => ForkFailure::Killed(
            "the child was killed (signal 9): out of memory, most likely".into(),
        ),
        // The processes of the service are being ended: another child would be unwanted.
        signal @ (libc::SIGTERM | libc::SIGINT | libc::SIGHUP | libc::SIGQUIT) => {
            ForkFailure::Final(SnapshotError::Failed {
                what: format!("the child was ended by signal {signal}"),
            })
        }
        // V8 ends a process that is out of memory by SIGABRT or SIGTRAP.
        signal => {
            ForkFailure::Killed(format!("the child died of signal {signal}{}", limits::hint()))
        }
    }
}

fn nonblocking(pipe: &PipeReader) -> io::Result<()> {
    // SAFETY: the descriptor is open; the call only changes its flags.
    match unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::error::Shortage;

    #[test]
    fn the_state_of_a_child() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 400 20 0 0 39 19 2 0 4242 5 6";
        assert_eq!(parse_stat(stat), Some(('S', 420)));
        assert_eq!(parse_stat("7 (a) S"), None);
    }

    /// A process of the shell's, which waits or works without end.
    fn run(script: &str) -> (std::process::Child, Child) {
        let process = std::process::Command::new("sh").args(["-c", script]).spawn().unwrap();
        let pid = process.id().cast_signed();
        (process, Child { pid, pause: Duration::ZERO })
    }

    #[test]
    fn a_child_that_sleeps_without_progress_hangs_and_one_that_works_does_not() {
        let (mut sleeping, child) = run("exec sleep 60");
        let looked = |state, ticks, still| {
            let mut progress = Progress { state, ticks, still };
            progress.look(child.pid, Duration::from_millis(1), Duration::MAX)
        };
        assert_eq!(looked('S', u64::MAX, 2 * HANG_LIMIT), None, "it has used the processor since");
        let ticks_in = |wanted| loop {
            let stat = fs::read_to_string(format!("/proc/{}/stat", child.pid)).unwrap();
            if let Some((_, ticks)) = parse_stat(&stat).filter(|&(state, _)| state == wanted) {
                break ticks;
            }
            std::thread::yield_now();
        };
        let ticks = ticks_in('S');
        let pause = Duration::from_millis(1);
        assert_eq!(looked('S', ticks, HANG_LIMIT - pause), None, "not longer than the limit");
        let mut progress = Progress { state: 'S', ticks, still: Duration::ZERO };
        let used = progress.time();
        assert_eq!(progress.look(child.pid, pause, used), None, "not more than its time");
        let hung = ForkFailure::Lost("the child hung and was killed".into());
        assert_eq!(looked('S', ticks, HANG_LIMIT), Some(hung));
        // SAFETY: stops a process that this test has started.
        assert_eq!(unsafe { libc::kill(child.pid, libc::SIGSTOP) }, 0);
        let ticks = ticks_in('T');
        assert_eq!(looked('S', ticks, STOP_LIMIT), None, "it is stopped only now");
        assert_eq!(looked('T', ticks, HANG_LIMIT), None);
        assert_eq!(looked('T', ticks, STOP_LIMIT - pause), None, "not longer than the limit");
        // The work is not done in process after this one.
        assert!(matches!(looked('T', ticks, STOP_LIMIT), Some(ForkFailure::Killed(_))));
        sleeping.kill().unwrap();
        sleeping.wait().unwrap();
    }

    #[test]
    fn a_child_that_is_too_slow_is_killed_and_reaped() {
        let (_process, child) = run("while :; do sleep 0.01; done");
        // No sum of the pauses.
        let patience = Some(Duration::from_millis(45));
        let (published, end) = child.watch(Duration::MAX, patience);
        assert!(!published);
        assert_eq!(end, ForkFailure::Slow("the child did not end within 0 s".into()));
        assert!(!fs::exists(format!("/proc/{}", child.pid)).unwrap());
    }

    #[test]
    fn a_child_that_leaves_others_no_memory_is_killed_and_reaped() {
        let (_process, child) = run("exec sleep 600");
        let mut looks = 0;
        let full = SnapshotError::NoRoom { place: Shortage::Container, needed: 2, available: 1 };
        let full = ForkFailure::Final(full);
        let (published, end) = child.watch_while(Duration::MAX, None, || {
            looks += 1;
            if looks < 3 { Ok(()) } else { Err(full.clone()) }
        });
        assert!(!published);
        assert_eq!(end, full);
        assert!(!fs::exists(format!("/proc/{}", child.pid)).unwrap());
    }

    #[test]
    fn a_child_that_works_without_end_is_killed_after_its_processor_time() {
        let (_process, child) = run("while :; do :; done");
        let (published, end) = child.watch(Duration::from_millis(50), None);
        assert!(!published);
        assert_eq!(end, ForkFailure::Lost("the child took too long and was killed".into()));
        assert!(!fs::exists(format!("/proc/{}", child.pid)).unwrap(), "and reaped");
    }

    #[test]
    fn the_end_of_a_child_is_told_by_its_status() {
        let end = |script: &str| {
            let (_process, child) = run(script);
            child.watch(Duration::MAX, None)
        };
        assert!(end("exit 0").0);
        assert_eq!(end("exit 7"), (false, ForkFailure::Lost("the child ended with code 7".into())));
        for signal in ["SEGV", "ABRT", "TRAP", "BUS", "XFSZ", "KILL"] {
            let (published, end) = end(&format!("kill -{signal} $$"));
            assert!(!published && matches!(end, ForkFailure::Killed(_)), "{signal}: {end:?}");
        }
        for signal in ["TERM", "HUP"] {
            let (_, end) = end(&format!("kill -{signal} $$"));
            assert!(
                matches!(end, ForkFailure::Final(SnapshotError::Failed { .. })),
                "{signal}: {end:?}"
            );
        }
    }

    #[test]
    fn the_c_library_is_one_that_was_tested() {
        tested_library().unwrap();
        layout().unwrap();
    }

    #[test]
    fn a_child_whose_end_was_collected_by_other_code_counts_as_killed() {
        let (mut process, child) = run("exit 0");
        process.wait().unwrap();
        let (published, end) = child.watch(Duration::MAX, None);
        assert!(
            !published && matches!(&end, ForkFailure::Killed(why) if why.contains("collected"))
        );
    }

    #[test]
    fn a_child_that_ends_within_the_patience_is_not_killed() {
        let (_process, child) = run("sleep 0.1");
        assert!(child.watch(Duration::MAX, Some(Duration::from_secs(600))).0);
    }

    #[test]
    fn processor_time_is_counted_in_ticks_and_bounded_by_the_heap() {
        // SAFETY: asks for a constant of the system.
        let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.unsigned_abs();
        let time = |ticks| Progress { state: 'R', ticks, still: Duration::ZERO }.time();
        assert_eq!(time(3 * per_second), Duration::from_secs(3));
        let minutes = |heap: u64| lifetime(heap).as_secs() / 60;
        assert_eq!((minutes(0), minutes(100 << 20)), (5, 15));
    }

    #[test]
    fn signals_wait_while_they_are_blocked() {
        let is_blocked = || {
            // SAFETY: sigset_t is plain data that pthread_sigmask fills in.
            unsafe {
                let mut now: libc::sigset_t = std::mem::zeroed();
                libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut now);
                libc::sigismember(&raw const now, libc::SIGTERM) == 1
            }
        };
        let before = is_blocked();
        let blocked = BlockedSignals::new();
        assert!(is_blocked());
        drop(blocked);
        assert_eq!(is_blocked(), before);
    }

    #[test]
    fn a_pipe_without_an_answer_is_not_waited_for() {
        let (answer, report) = io::pipe().unwrap();
        nonblocking(&answer).unwrap();
        let nothing = (&answer).read(&mut [0; 8]).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        drop(report);
    }

    #[test]
    fn other_versions_of_the_c_library_are_refused() {
        for tested in ["2.28", "2.31", "2.43", "2.36.9000"] {
            assert_eq!(tested_version(tested), Ok(()), "{tested}");
        }
        for other in ["2.27", "2.44", "3.30", "2.", "2.x", "", "30"] {
            let why = tested_version(other).unwrap_err();
            assert!(why.contains(&format!("glibc {other}: not tested")), "{why}");
        }
    }

    #[test]
    fn an_error_of_an_earlier_call_is_not_the_end_of_the_child() {
        let (_process, child) = run("sleep 0.1");
        // SAFETY: errno is of this thread.
        unsafe { *libc::__errno_location() = libc::ECHILD };
        assert!(child.watch(Duration::MAX, None).0);
    }

    #[test]
    fn without_v8_nothing_is_forked_and_nothing_is_denied() {
        assert!(support().is_err() && !is_denied());
    }

    #[test]
    fn files_of_workers_stay_open_while_someone_reads_them() {
        let name = "snapshot::fork::platform::parent::tests::files_of_workers_stay_open_while_someone_reads_them";
        if !crate::snapshot::testing::is_alone(name, "") {
            return;
        }
        let first = ReadableWorkers::keep();
        // SAFETY: takes nothing and cannot fail.
        let own = unsafe { libc::gettid() }.unsigned_abs();
        thread_calls::keep_open([own].into_iter());
        let second = ReadableWorkers::keep();
        drop(first);
        assert_eq!(thread_calls::kept(), [own], "the second one needs them");
        drop(second);
        assert_eq!(thread_calls::kept(), [0; 0]);
        drop(ReadableWorkers::keep());
    }

    #[test]
    fn a_process_that_may_not_look_at_itself_says_why() {
        let name = "snapshot::fork::platform::parent::tests::a_process_that_may_not_look_at_itself_says_why";
        if !crate::snapshot::testing::is_alone(name, "") {
            return;
        }
        assert_eq!(procfs(), Ok(()));
        // SAFETY: they change this process alone, which has nothing else to do. This user has no rights of root's,
        // and what it may not dump belongs to root.
        unsafe {
            libc::setresgid(65534, 65534, 65534);
            libc::setresuid(65534, 65534, 65534);
            libc::prctl(libc::PR_SET_DUMPABLE, 0);
        }
        let Err(why) = procfs() else {
            // A kernel that lets it all the same.
            assert!(fs::read("/proc/thread-self/syscall").is_ok());
            return;
        };
        assert!(why.contains("because it changed its user before plimsoll started"), "{why}");
    }

    #[test]
    fn a_file_that_is_left_to_the_child_stays() {
        use crate::snapshot::name::Compression;
        use crate::snapshot::session::Packing;
        use crate::snapshot::store::SnapshotStore;
        let dir = crate::snapshot::testing::TempDir::new("left-to-the-child");
        let store = SnapshotStore::open(&dir.0).unwrap().with_names();
        let prepared = || {
            let now = std::time::SystemTime::now();
            let (answer, report) = io::pipe().unwrap();
            let task = ChildTask {
                partial: store.create(now, 0, Compression::None).unwrap(),
                packing: Packing::plain(),
                report,
                null: File::open(NULL).unwrap(),
                lifetime: Duration::MAX,
                nice: 0,
                core: false,
                parent: std::process::id(),
            };
            Prepared { task, answer }
        };
        let files = || fs::read_dir(&dir.0).unwrap().count();
        let given_up = prepared();
        assert_eq!(files(), 1);
        drop(given_up);
        assert_eq!(files(), 0);
        let left = prepared();
        left.leave();
        drop(left);
        assert_eq!(files(), 1);
    }

    #[test]
    fn each_reason_why_a_process_cannot_look_at_itself_has_its_words() {
        for (kind, words) in [
            (io::ErrorKind::PermissionDenied, "because it changed its user"),
            (io::ErrorKind::NotFound, ": there is no /proc ("),
            (io::ErrorKind::InvalidInput, ": /proc cannot be read ("),
        ] {
            assert!(hidden(&kind.into()).contains(words), "{kind}");
        }
    }
}
