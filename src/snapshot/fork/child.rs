//! A child of this process, and the watch over it.

use std::fs;
use std::io;
use std::time::Duration;

use super::ForkFailure;
use crate::os::limits;
use crate::snapshot::error::SnapshotError;
use crate::snapshot::room::RoomWatch;

/// A child that sleeps for so long without using the processor hangs.
const HANG_LIMIT: Duration = Duration::from_secs(3);
/// A child that is stopped for so long (SIGSTOP, a debugger) is not continued any more.
const STOP_LIMIT: Duration = Duration::from_secs(60);

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

/// Makes a child the last in every queue and the first to be killed. It ends with the thread that forked it, and runs
/// none of the service's signal handlers. Before it runs another program: once that takes memory, the kernel may kill
/// the service in its place.
///
/// # Safety
/// Only in a freshly forked child, with all signals blocked. It makes calls that a fork allows.
pub(in crate::snapshot) unsafe fn become_expendable(nice: u8, core: bool) {
    // SAFETY: each call concerns this process alone, and its failure leaves things as they are.
    unsafe {
        for signal in 1..=libc::SIGRTMAX() {
            libc::signal(signal, libc::SIG_DFL);
        }
        // A limit on the size of files makes a write fail instead.
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        if !core {
            let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core);
        }
        libc::setpriority(libc::PRIO_PROCESS, 0, nice.into());
        let score = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY);
        libc::write(score, c"1000".as_ptr().cast(), 4);
        libc::close(score);
    }
}

/// A child of this process.
#[derive(Debug)]
pub struct Child {
    /// How long the isolate's thread stood still.
    pub pause: Duration,
    pid: libc::pid_t,
}

impl Child {
    /// A child that was started.
    pub(in crate::snapshot) fn new(pid: libc::pid_t, pause: Duration) -> Self {
        Self { pause, pid }
    }

    /// Waits until the child has ended. It is killed when it hangs, after `lifetime` of processor time, after
    /// `patience`, and once `look` has a failure. Returns whether it ended with code 0, and what its end means
    /// otherwise.
    pub(in crate::snapshot) fn watch(
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
                let what = format!("the child did not end within {patience:?}");
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

/// What the child does.
#[derive(Debug, Default, PartialEq)]
struct Progress {
    /// Of its first thread.
    state: char,
    /// The processor time of all of its threads.
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
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
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

    fn go_on() -> Result<(), ForkFailure> {
        Ok(())
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
        let (is_complete, end) = child.watch(Duration::MAX, patience, go_on);
        assert!(!is_complete);
        assert_eq!(end, ForkFailure::Slow("the child did not end within 45ms".into()));
        assert!(!fs::exists(format!("/proc/{}", child.pid)).unwrap());
    }

    #[test]
    fn a_child_that_leaves_others_no_memory_is_killed_and_reaped() {
        let (_process, child) = run("exec sleep 600");
        let mut looks = 0;
        let full = SnapshotError::NoRoom { place: Shortage::Container, needed: 2, available: 1 };
        let full = ForkFailure::Final(full);
        let (is_complete, end) = child.watch(Duration::MAX, None, || {
            looks += 1;
            if looks < 3 { Ok(()) } else { Err(full.clone()) }
        });
        assert!(!is_complete);
        assert_eq!(end, full);
        assert!(!fs::exists(format!("/proc/{}", child.pid)).unwrap());
    }

    #[test]
    fn a_child_that_works_without_end_is_killed_after_its_processor_time() {
        let (_process, child) = run("while :; do :; done");
        let (is_complete, end) = child.watch(Duration::from_millis(50), None, go_on);
        assert!(!is_complete);
        assert_eq!(end, ForkFailure::Lost("the child took too long and was killed".into()));
        assert!(!fs::exists(format!("/proc/{}", child.pid)).unwrap(), "and reaped");
    }

    #[test]
    fn the_end_of_a_child_is_told_by_its_status() {
        let end = |script: &str| {
            let (_process, child) = run(script);
            child.watch(Duration::MAX, None, go_on)
        };
        assert!(end("exit 0").0);
        assert_eq!(end("exit 7"), (false, ForkFailure::Lost("the child ended with code 7".into())));
        for signal in ["SEGV", "ABRT", "TRAP", "BUS", "XFSZ", "KILL"] {
            let (is_complete, end) = end(&format!("kill -{signal} $$"));
            assert!(!is_complete && matches!(end, ForkFailure::Killed(_)), "{signal}: {end:?}");
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
    fn a_child_whose_end_was_collected_by_other_code_counts_as_killed() {
        let (mut process, child) = run("exit 0");
        process.wait().unwrap();
        let (is_complete, end) = child.watch(Duration::MAX, None, go_on);
        assert!(
            !is_complete && matches!(&end, ForkFailure::Killed(why) if why.contains("collected"))
        );
    }

    #[test]
    fn a_child_that_ends_within_the_patience_is_not_killed() {
        let (_process, child) = run("sleep 0.1");
        assert!(child.watch(Duration::MAX, Some(Duration::from_secs(600)), go_on).0);
    }

    #[test]
    fn processor_time_is_counted_in_ticks() {
        // SAFETY: asks for a constant of the system.
        let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.unsigned_abs();
        let time = |ticks| Progress { state: 'R', ticks, still: Duration::ZERO }.time();
        assert_eq!(time(3 * per_second), Duration::from_secs(3));
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
    fn an_error_of_an_earlier_call_is_not_the_end_of_the_child() {
        let (_process, child) = run("sleep 0.1");
        // SAFETY: errno is of this thread.
        unsafe { *libc::__errno_location() = libc::ECHILD };
        assert!(child.watch(Duration::MAX, None, go_on).0);
    }
}
