//! The child's side: a copy of the service with one thread, which must disturb nobody.

use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::super::error::{Error, Place};
use super::super::output::{Output, Written};
use super::Failure;
use super::parent::Prepared;
use super::workers::Workers;
use crate::os;
use crate::v8::lookup;
use crate::v8::profiler::Profiler;

/// How often the child looks whether it takes the room of others.
const WATCH_INTERVAL: Duration = Duration::from_millis(20);

/// Takes the snapshot and ends the process, without any of its exit handlers.
///
/// # Safety
/// Only in a freshly forked child, on a thread whose isolate may be snapshot (as
/// [`Profiler::take`]), with all signals blocked.
pub unsafe fn run(prepared: &Prepared, workers: &Workers, profiler: &Profiler) -> ! {
    let taken = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller vouches for the state of the process.
        unsafe { take(prepared, workers, profiler) }
    }));
    let result = taken.unwrap_or_else(|_| Err(Failure::Lost("the child panicked".into())));
    report(prepared, &result);
    // SAFETY: ends the process at once; nothing of the service's runs.
    unsafe { libc::_exit(i32::from(result.is_err())) }
}

/// A report fits into the pipe's buffer, so this never blocks.
fn report(prepared: &Prepared, result: &Result<Written, Failure>) {
    if let Ok(text) = serde_json::to_vec(result) {
        let _ = (&prepared.report).write_all(&text);
    }
}

/// # Safety
/// As [`run`].
unsafe fn take(
    prepared: &Prepared,
    workers: &Workers,
    profiler: &Profiler,
) -> Result<Written, Failure> {
    // SAFETY: these only change the child.
    unsafe {
        become_expendable(prepared);
        if workers.queue_is_locked() || collector_is_locked() {
            return Err(Failure::Lost("a lock was held at the instant of the fork".into()));
        }
        workers.forget();
    }
    release_descriptors(prepared).map_err(|error| Failure::Lost(error.to_string()))?;
    watch_room(prepared);
    // SAFETY: the caller vouches for the moment; V8's workers were idle and are forgotten.
    let snapshot =
        unsafe { profiler.take() }.ok_or_else(|| Failure::Lost("no isolate was current".into()))?;
    let written = write(prepared, |out| snapshot.serialize(out)).map_err(Failure::Final)?;
    prepared.partial.publish().map_err(Failure::Final)?;
    // Tens of seconds for a big heap, and the process ends anyway.
    std::mem::forget(snapshot);
    Ok(written)
}

fn write(
    prepared: &Prepared,
    serialize: impl FnOnce(&mut dyn FnMut(&[u8]) -> bool) -> bool,
) -> Result<Written, Error> {
    let mut output: Output = prepared.packing.output(&prepared.partial)?;
    let mut failed = None;
    serialize(&mut |chunk| match output.write(chunk) {
        Ok(()) => true,
        Err(error) => {
            failed = Some(error);
            false
        }
    });
    failed.map_or_else(|| output.finish(), Err)
}

/// A child whose service is gone is watched by nobody: it ends after this many times its processor
/// time.
const ORPHAN: u32 = 8;

/// Last in every queue, first to be killed, gone after its time even where nobody watches.
///
/// # Safety
/// Only in the child.
unsafe fn become_expendable(prepared: &Prepared) {
    let seconds = u32::try_from((prepared.lifetime * ORPHAN).as_secs()).unwrap_or(u32::MAX);
    // SAFETY: each call concerns this process alone, and its failure leaves things as they are.
    unsafe {
        // The service's handlers may not run here; a crash ends the child and nothing else.
        for signal in 1..=libc::SIGRTMAX() {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        libc::alarm(seconds);
        let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core);
        libc::setpriority(libc::PRIO_PROCESS, 0, prepared.nice.into());
        libc::prctl(libc::PR_SET_NAME, c"plimsoll-snap".as_ptr());
    }
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
}

/// Lets go of everything that the service has open: a socket that it closes is closed. Closing
/// would make libuv's and OpenSSL's teardown abort; /dev/null in their place does not.
fn release_descriptors(prepared: &Prepared) -> std::io::Result<()> {
    let [file, lock] = prepared.partial.descriptors();
    let kept = [file, lock, prepared.report.as_raw_fd(), prepared.null.as_raw_fd()];
    let open = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .collect::<Vec<_>>();
    for descriptor in open {
        if !kept.contains(&descriptor) {
            // SAFETY: dup3 replaces what is there, in this process alone. The directory that was
            // read is already closed; its number then opens /dev/null once more.
            unsafe { libc::dup3(prepared.null.as_raw_fd(), descriptor, libc::O_CLOEXEC) };
        }
    }
    Ok(())
}

/// Ends the child before it takes memory that the service may need: what is left for others stays
/// above a reserve.
fn watch_room(prepared: &Prepared) {
    let Ok(report_to) = prepared.report.try_clone() else { return };
    let total = os::memory::total().unwrap_or(0);
    // Without this watch the kernel's own choice (oom_score_adj) is what is left.
    let _ = std::thread::Builder::new().spawn(move || {
        loop {
            let container = os::cgroup::read();
            let tight = container
                .and_then(|c| Some((Place::Container, c.room()?, reserve(c.limit?))))
                .into_iter()
                .chain(os::memory::available().map(|room| (Place::Machine, room, reserve(total))))
                .find(|&(_, room, reserve)| room < reserve);
            if let Some((place, available, reserve)) = tight {
                let needed = os::process::rss().unwrap_or(0).saturating_add(reserve);
                let failure = Failure::Final(Error::NoRoom { place, needed, available });
                if let Ok(text) = serde_json::to_vec(&Err::<Written, _>(failure)) {
                    let _ = (&report_to).write_all(&text);
                }
                // SAFETY: ends the process at once.
                unsafe { libc::_exit(1) };
            }
            std::thread::sleep(WATCH_INTERVAL);
        }
    });
}

/// What is to stay free for the service: a twentieth, within bounds.
fn reserve(limit: u64) -> u64 {
    (limit / 20).clamp(8 << 20, 256 << 20)
}

/// Whether another isolate was inside cppgc's process-wide mutex (exported by Node 18 to 22; where
/// it is not, a child that meets it hangs and is replaced).
///
/// # Safety
/// Only in the child.
unsafe fn collector_is_locked() -> bool {
    const ONCE_DONE: u8 = 2;
    let Some(lazy) = lookup(c"_ZN5cppgc8internal15g_process_mutexE") else { return false };
    // SAFETY: a v8::base::LazyMutex: the state of its initialisation, then (aligned to 8) a
    // pthread_mutex_t, whose first word is the lock.
    unsafe {
        lazy.cast::<u8>().read_volatile() == ONCE_DONE
            && lazy.cast::<u8>().add(8).cast::<u32>().read_unaligned() != 0
    }
}
