//! What ends the child when its service is gone, when its time is up, or by a signal; in each case its
//! unfinished file goes with it.
//!
//! All of it runs in signal handlers, which reach a child that hangs in a lock. They call functions
//! that are safe in one (signal-safety(7)), and nothing else.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};
use std::time::Duration;

use crate::snapshot::store::Partial;

/// How often the child looks for its service.
const TICK: Duration = Duration::from_millis(500);
/// Ticks that a child outlives its service by, to finish a file that is nearly done: with the tick that
/// notices it, less than 3 s.
const GRACE: u32 = 4;

/// Signals that end a process by default. Of these the child removes its file first.
const FATAL: [c_int; 11] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGSEGV,
    libc::SIGSYS,
];

static PARENT: AtomicU32 = AtomicU32::new(0);
static DIRECTORY: AtomicI32 = AtomicI32::new(-1);
static UNFINISHED: AtomicPtr<libc::c_char> = AtomicPtr::new(std::ptr::null_mut());
static TICKS_LEFT: AtomicU32 = AtomicU32::new(u32::MAX);
static ORPHANED: AtomicU32 = AtomicU32::new(0);
static ENDING: AtomicBool = AtomicBool::new(false);

/// Takes the right to end the process; false where it is taken.
pub(super) fn begin_end() -> bool {
    !ENDING.swap(true, Ordering::AcqRel)
}

/// Installs the handlers. The child ends when `lifetime` has gone by, or 3 s after `parent` at the latest.
///
/// # Safety
/// Only in a freshly forked child; `partial` is never dropped there.
pub(super) unsafe fn attach(partial: &Partial, parent: u32, lifetime: Duration) {
    PARENT.store(parent, Ordering::Relaxed);
    // A file without a name goes with its descriptor.
    if let Some((directory, name)) = partial.unfinished() {
        DIRECTORY.store(directory, Ordering::Relaxed);
        UNFINISHED.store(name.as_ptr().cast_mut(), Ordering::Relaxed);
    }
    let ticks = u32::try_from(lifetime.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX);
    TICKS_LEFT.store(ticks, Ordering::Relaxed);
    let microseconds = libc::suseconds_t::try_from(TICK.as_micros()).unwrap_or(500_000);
    let tick = libc::timeval { tv_sec: 0, tv_usec: microseconds };
    let timer = libc::itimerval { it_interval: tick, it_value: tick };
    // SAFETY: the handlers call only what is safe in one; all arguments outlive the calls.
    unsafe {
        for signal in FATAL {
            handle(signal, remove_and_die);
        }
        handle(libc::SIGALRM, look_after_parent);
        libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut());
        // At once where the kernel allows it; the timer holds where it does not (a service that has
        // changed its user). Sent when the thread ends that forked: the handler looks for the process.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGALRM);
    }
}

/// # Safety
/// `handler` is safe in a signal handler.
unsafe fn handle(signal: c_int, handler: extern "C" fn(c_int)) {
    // SAFETY: sigaction is plain data, for which all zeroes is a value; the rest is the caller's promise.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
    }
}

/// Gone already where the file has its name.
fn remove_unfinished() {
    let name = UNFINISHED.load(Ordering::Relaxed);
    if !name.is_null() {
        // SAFETY: `attach` stored a NUL-terminated name that lives as long as the process.
        unsafe { libc::unlinkat(DIRECTORY.load(Ordering::Relaxed), name, 0) };
    }
}

extern "C" fn remove_and_die(signal: c_int) {
    remove_unfinished();
    // SAFETY: both may be called in a handler. The signal is blocked until it returns, and then ends
    // the process as it would have without us.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

/// Whether the child ends now. `begin` takes the right to end it: a file that is about to get its name has it, and gets
/// one tick more.
fn is_over(ticks_left: u32, orphaned: u32, begin: impl FnOnce() -> bool) -> bool {
    let is_late = ticks_left == 0 || orphaned > GRACE;
    is_late && (begin() || orphaned > GRACE + 1)
}

extern "C" fn look_after_parent(_: c_int) {
    // SAFETY: errno is this thread's own, and what was interrupted may be about to read it.
    let errno = unsafe { *libc::__errno_location() };
    let ticks_left = TICKS_LEFT.load(Ordering::Relaxed).saturating_sub(1);
    TICKS_LEFT.store(ticks_left, Ordering::Relaxed);
    // SAFETY: takes nothing and cannot fail.
    let parent = unsafe { libc::getppid() }.cast_unsigned();
    let orphaned = if parent == PARENT.load(Ordering::Relaxed) {
        0
    } else {
        ORPHANED.load(Ordering::Relaxed) + 1
    };
    ORPHANED.store(orphaned, Ordering::Relaxed);
    if is_over(ticks_left, orphaned, begin_end) {
        remove_unfinished();
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(1) };
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{ExitStatusExt, parent_id};
    use std::process::{Command, ExitStatus, Stdio};
    use std::time::SystemTime;

    use super::*;
    use crate::snapshot::name::Compression;
    use crate::snapshot::store::SnapshotStore;
    use crate::snapshot::testing::TempDir;

    const HOUR: Duration = Duration::from_secs(3600);

    /// The end of a process that has an unfinished file and does this in the test `name`, and whether the file is left.
    fn end_of(name: &str, act: impl FnOnce(&Partial)) -> (ExitStatus, bool) {
        const DIRECTORY: &str = "TEST_LIFELINE";
        if let Some(dir) = std::env::var_os(DIRECTORY) {
            let store = SnapshotStore::open(dir.as_ref()).unwrap().with_names();
            let partial = store.create(SystemTime::now(), 0, Compression::None).unwrap();
            act(&partial);
            loop {
                std::thread::park();
            }
        }
        let dir = TempDir::new(name);
        let full = format!("snapshot::fork::platform::lifeline::tests::{name}");
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &full, "--test-threads", "1"])
            .env(DIRECTORY, &dir.0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        (status, std::fs::read_dir(&dir.0).unwrap().count() > 0)
    }

    #[test]
    fn a_signal_ends_the_child_and_its_file() {
        let (end, is_left) = end_of("a_signal_ends_the_child_and_its_file", |partial| {
            // SAFETY: this process has nothing else to do.
            unsafe {
                attach(partial, parent_id(), HOUR);
                libc::raise(libc::SIGSEGV);
            }
        });
        assert_eq!((end.signal(), is_left), (Some(libc::SIGSEGV), false));
    }

    #[test]
    fn a_child_whose_time_is_up_ends_with_its_file() {
        let (end, is_left) = end_of("a_child_whose_time_is_up_ends_with_its_file", |partial| {
            // SAFETY: as above.
            unsafe { attach(partial, parent_id(), Duration::from_secs(1)) };
        });
        assert_eq!((end.code(), is_left), (Some(1), false));
    }

    #[test]
    fn a_child_without_its_service_ends_with_its_file() {
        let (end, is_left) = end_of("a_child_without_its_service_ends_with_its_file", |partial| {
            // SAFETY: as above.
            unsafe { attach(partial, parent_id() + 1, HOUR) };
        });
        assert_eq!((end.code(), is_left), (Some(1), false));
    }

    #[test]
    fn a_child_that_finishes_its_file_or_has_its_service_goes_on() {
        let name = "a_child_that_finishes_its_file_or_has_its_service_goes_on";
        let (end, is_left) = end_of(name, |partial| {
            let goes_on = |lifetime: Duration, ticks: u32| {
                // SAFETY: as above.
                unsafe { attach(partial, parent_id(), lifetime) };
                let last = TICKS_LEFT.load(Ordering::Relaxed).saturating_sub(ticks);
                while TICKS_LEFT.load(Ordering::Relaxed) > last {
                    std::thread::sleep(Duration::from_millis(50));
                }
            };
            goes_on(HOUR, GRACE + 3);
            // It is about to give the file its name.
            assert!(begin_end() && !begin_end());
            goes_on(TICK * 2, 2);
            std::thread::sleep(TICK * 2);
            // SAFETY: ends this process.
            unsafe { libc::_exit(7) };
        });
        assert_eq!((end.code(), is_left), (Some(7), true));
    }

    #[test]
    fn a_child_outlives_its_service_by_a_few_ticks() {
        let asked = |ticks_left, orphaned, may: bool| {
            let mut asks = 0;
            let is_over = is_over(ticks_left, orphaned, || {
                asks += 1;
                may
            });
            (is_over, asks)
        };
        for may in [true, false] {
            assert_eq!(asked(1, 0, may), (false, 0), "nothing is taken before its time");
            assert_eq!(asked(1, GRACE, may), (false, 0));
            assert_eq!(asked(1, GRACE + 1, may), (may, 1));
            assert_eq!(asked(1, GRACE + 2, may), (true, 1));
            assert_eq!(asked(0, 0, may), (may, 1), "its time is up");
        }
    }
}
