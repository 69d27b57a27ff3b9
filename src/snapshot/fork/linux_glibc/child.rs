//! The child's side: a copy of the service with one thread, which must not disturb any other process.

use std::fs;
use std::io::{PipeWriter, Write};
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use super::lifeline;
use super::task::{ChildTask, Moment};
use crate::os;
use crate::snapshot::error::SnapshotError;
use crate::snapshot::fork::{ForkFailure, UnderWay, conclude};
use crate::snapshot::output::Written;
use crate::snapshot::room::{RoomWatch, Tight};
use crate::v8::profiler::Profiler;

/// How often it is looked whether the end has come that another thread decided.
const END_LOOK: Duration = Duration::from_millis(20);

/// Takes the snapshot and ends the process, without any of its exit handlers.
///
/// # Safety
/// Only in a freshly forked child, on a thread whose isolate may be snapshot (as
/// [`Profiler::take`]), with all signals blocked.
pub unsafe fn run(task: &ChildTask, moment: Moment, profiler: &Profiler) -> ! {
    UnderWay::forget_all();
    let taken = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller vouches for the state of the process.
        unsafe { take(task, moment, profiler) }
    }));
    let written = taken.unwrap_or_else(|_| Err(ForkFailure::Lost("the child panicked".into())));
    end(&task.report, &written, || task.partial.publish().is_ok())
}

/// Reports the result, publishes a complete file, and ends the process with code 0 if the file has its
/// name; no code of the service runs. The first caller decides.
fn end(
    to: &PipeWriter,
    result: &Result<Written, ForkFailure>,
    publish: impl FnOnce() -> bool,
) -> ! {
    while !lifeline::begin_end() {
        std::thread::sleep(END_LOOK);
    }
    // A report fits into the pipe's buffer, so this never blocks.
    let report = |text: &[u8]| drop((&*to).write_all(text));
    let published = conclude(result, report, publish);
    // SAFETY: ends the process at once.
    unsafe { libc::_exit(i32::from(!published)) }
}

/// # Safety
/// As [`run`].
unsafe fn take(
    task: &ChildTask,
    Moment { queue, collector }: Moment,
    profiler: &Profiler,
) -> Result<Written, ForkFailure> {
    // SAFETY: these only change the child.
    unsafe {
        become_expendable(task);
        if !queue.is_at_rest() || collector.is_held() {
            return Err(ForkFailure::Lost("a lock was held at the instant of the fork".into()));
        }
        queue.forget_waiters();
    }
    release_descriptors(task).map_err(|error| {
        ForkFailure::of_io(&error, Path::new("/proc/self/fd"), ForkFailure::Lost)
    })?;
    watch_room(task);
    // SAFETY: the caller vouches for the moment; V8's workers were idle and are forgotten.
    let snapshot = unsafe { profiler.take() }
        .ok_or_else(|| ForkFailure::Lost("no isolate was current".into()))?;
    // Deleting it takes tens of seconds for a big heap, and the process ends anyway.
    let snapshot = ManuallyDrop::new(snapshot);
    let packing = &task.packing;
    packing.write(&task.partial, |out| snapshot.serialize(out)).map_err(ForkFailure::Final)
}

/// The child ends by the clock after this many times its processor time.
const PATIENCE: u32 = 8;

/// Last in every queue, first to be killed; ends by itself after its time, or soon after the service.
///
/// # Safety
/// Only in the child.
unsafe fn become_expendable(task: &ChildTask) {
    // SAFETY: each call concerns this process alone, and its failure leaves things as they are.
    unsafe {
        // The service's handlers may not run here; a crash ends the child and nothing else.
        for signal in 1..=libc::SIGRTMAX() {
            libc::signal(signal, libc::SIG_DFL);
        }
        // The parent may have exited, and a file may have a size limit: the write fails instead.
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        lifeline::attach(&task.partial, task.parent, task.lifetime * PATIENCE);
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        if !task.core {
            let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core);
        }
        libc::setpriority(libc::PRIO_PROCESS, 0, task.nice.into());
        libc::prctl(libc::PR_SET_NAME, c"plimsoll-snap".as_ptr());
    }
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
}

/// Lets go of everything that the service has open: a socket that it closes is closed. Closing
/// would make libuv's and OpenSSL's teardown abort; /dev/null in their place does not.
fn release_descriptors(task: &ChildTask) -> std::io::Result<()> {
    let [file, lock] = task.partial.descriptors();
    let kept = [file, lock, task.report.as_raw_fd(), task.null.as_raw_fd()];
    let open = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .collect::<Vec<_>>();
    for descriptor in open {
        if !kept.contains(&descriptor) {
            // SAFETY: dup3 replaces what is there, in this process alone. The directory that was
            // read is already closed; its number then opens /dev/null once more.
            unsafe { libc::dup3(task.null.as_raw_fd(), descriptor, libc::O_CLOEXEC) };
        }
    }
    Ok(())
}

/// Ends the child before it takes memory that the service may need: what is left for others stays
/// above a reserve.
fn watch_room(task: &ChildTask) {
    let Ok(report_to) = task.report.try_clone() else { return };
    let mut room = RoomWatch::own();
    // Without this watch the kernel's own choice (oom_score_adj) is what is left.
    let _ = std::thread::Builder::new().spawn(move || {
        loop {
            if let Some(Tight { place, available, reserve }) = room.tight() {
                let needed = os::process::rss().unwrap_or(0).saturating_add(reserve);
                let failure =
                    ForkFailure::Final(SnapshotError::NoRoom { place, needed, available });
                end(&report_to, &Err(failure), || false);
            }
            std::thread::sleep(RoomWatch::INTERVAL);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::process::{Command, Stdio};
    use std::time::SystemTime;

    use super::*;
    use crate::snapshot::name::Compression;
    use crate::snapshot::session::Packing;
    use crate::snapshot::store::SnapshotStore;
    use crate::snapshot::testing::TempDir;

    /// The exit code of a process that does this in the test `name`, with a directory of its own.
    fn code_of(name: &str, act: impl FnOnce(&Path)) -> Option<i32> {
        const DIRECTORY: &str = "TEST_CHILD";
        if let Some(dir) = std::env::var_os(DIRECTORY) {
            act(dir.as_ref());
            unreachable!("it ends the process");
        }
        let dir = TempDir::new(name);
        let full = format!("snapshot::fork::platform::child::tests::{name}");
        let mut process = Command::new(std::env::current_exe().unwrap());
        let process = process.args(["--exact", &full, "--test-threads", "1"]);
        let process = process.env(DIRECTORY, &dir.0).stdout(Stdio::null()).stderr(Stdio::null());
        process.status().unwrap().code()
    }

    const WRITTEN: Result<Written, ForkFailure> = Ok(Written { bytes: 7, nodes: 3 });

    #[test]
    fn a_child_ends_well_once_its_file_has_its_name() {
        let code = code_of("a_child_ends_well_once_its_file_has_its_name", |_| {
            let (_answer, report) = std::io::pipe().unwrap();
            end(&report, &WRITTEN, || true)
        });
        assert_eq!(code, Some(0));
    }

    #[test]
    fn a_child_whose_file_got_no_name_ends_with_an_error() {
        let code = code_of("a_child_whose_file_got_no_name_ends_with_an_error", |_| {
            let (_answer, report) = std::io::pipe().unwrap();
            end(&report, &WRITTEN, || false)
        });
        assert_eq!(code, Some(1));
    }

    #[test]
    fn the_first_that_ends_the_child_decides() {
        let code = code_of("the_first_that_ends_the_child_decides", |_| {
            assert!(lifeline::begin_end());
            std::thread::spawn(|| {
                let (_answer, report) = std::io::pipe().unwrap();
                end(&report, &WRITTEN, || true)
            });
            std::thread::sleep(END_LOOK * 5);
            // SAFETY: ends this process.
            unsafe { libc::_exit(7) }
        });
        assert_eq!(code, Some(7));
    }

    #[test]
    fn a_child_lets_go_of_what_the_service_has_open() {
        let code = code_of("a_child_lets_go_of_what_the_service_has_open", |dir| {
            let (mut reader, writer) = std::io::pipe().unwrap();
            let (_answer, report) = std::io::pipe().unwrap();
            let store = SnapshotStore::open(dir).unwrap().with_names();
            let task = ChildTask {
                partial: store.create(SystemTime::now(), 0, Compression::None).unwrap(),
                packing: Packing::plain(),
                report,
                null: File::options().read(true).write(true).open("/dev/null").unwrap(),
                lifetime: Duration::from_secs(3600),
                nice: 0,
                core: false,
                parent: std::process::id(),
            };
            release_descriptors(&task).unwrap();
            // Both ends of the pipe are /dev/null now: it has no bytes, and takes any.
            (&writer).write_all(b"lost").unwrap();
            let mut text = [0; 8];
            let is_released = reader.read(&mut text).unwrap() == 0;
            // The pipe of the report has no reader any more, and says so.
            let unread = (&task.report).write_all(b"kept").map_err(|error| error.kind());
            let is_kept = unread == Err(std::io::ErrorKind::BrokenPipe);
            task.partial.writer().unwrap().write_all(b"kept").unwrap();
            let file = fs::metadata(dir.join(task.partial.name().partial())).unwrap();
            let all = is_released && is_kept && file.len() == 4;
            // SAFETY: ends this process.
            unsafe { libc::_exit(if all { 7 } else { 8 }) }
        });
        assert_eq!(code, Some(7));
    }
}
