//! Starting a converter, and waiting for it.

use std::fs::File;
use std::io::{self, PipeReader, Read, Seek};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Conversion, VARIABLE, answer_of};
use crate::snapshot::error::SnapshotError;
use crate::snapshot::fork::{BlockedSignals, Child, ForkFailure, become_expendable};
use crate::snapshot::image::{Destination, PreparedImage};
use crate::snapshot::output::Written;
use crate::snapshot::redaction;
use crate::snapshot::room::RoomWatch;
use crate::snapshot::session::{Request, Session};
use crate::snapshot::store::Partial;

/// The processor time that a converter may take, and more for each byte: many times what it needs.
const LIFETIME: Duration = Duration::from_secs(300);
const BYTES_PER_SECOND: u64 = 1 << 20;
/// What a converter says at most: the pipe has room for more.
const ANSWER: usize = 64 << 10;

/// Memory for an image that no disk is to have.
///
/// # Errors
/// [`ForkFailure::Final`] without a descriptor, [`ForkFailure::Lost`] where the kernel refuses otherwise.
pub fn memory(session: &Session) -> Result<Destination, ForkFailure> {
    let dir = session.request().dir.clone();
    // SAFETY: the name is NUL-terminated and static.
    let descriptor = unsafe { libc::memfd_create(c"plimsoll-image".as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(ForkFailure::of_io(&io::Error::last_os_error(), &dir));
    }
    // SAFETY: the kernel has just given this descriptor to us.
    Ok(Destination::Memory { file: unsafe { File::from_raw_fd(descriptor) }, dir })
}

/// Makes a snapshot of an image, in `partial`, within `patience`.
///
/// # Errors
/// What became of it instead.
pub fn convert(
    image: &PreparedImage,
    partial: &Partial,
    session: &Session,
    patience: Option<Duration>,
) -> Result<Written, ForkFailure> {
    let request = session.request();
    let (child, answer) = start(image, partial, session)?;
    let mut room = RoomWatch::of_converter();
    let lifetime = LIFETIME + Duration::from_secs(request.heap.total / BYTES_PER_SECOND);
    let (_, end) = child.watch(lifetime, patience, || room.look().map_err(ForkFailure::Final));
    let mut said = Vec::new();
    // The converter has ended, and no process has the other end: this ends too, at the latest where nothing is left.
    let _ = answer.take(ANSWER as u64).read_to_end(&mut said);
    outcome(&said, end, &partial.path())
}

/// What the converter said, or what its end means.
fn outcome(said: &[u8], end: ForkFailure, path: &Path) -> Result<Written, ForkFailure> {
    match answer_of(said) {
        Some(Ok(written)) => Ok(written),
        // It does not know the name of the file.
        Some(Err(SnapshotError::DiskFull { .. })) => {
            Err(ForkFailure::Final(SnapshotError::DiskFull { path: path.to_owned() }))
        }
        Some(Err(error)) => Err(ForkFailure::Final(error)),
        None => Err(named(end)),
    }
}

/// Says of a child that it is the converter: the one before it wrote the image.
fn named(end: ForkFailure) -> ForkFailure {
    let of = |what: String| what.replacen("the child", "the converter", 1);
    match end {
        ForkFailure::Lost(what) => ForkFailure::Lost(of(what)),
        ForkFailure::Killed(what) => ForkFailure::Killed(of(what)),
        ForkFailure::Slow(what) => ForkFailure::Slow(of(what)),
        ForkFailure::Final(SnapshotError::Failed { what }) => {
            ForkFailure::Final(SnapshotError::Failed { what: of(what) })
        }
        ForkFailure::Final(error) => ForkFailure::Final(error),
    }
}

/// Starts the process. The answer does not block.
fn start(
    image: &PreparedImage,
    partial: &Partial,
    session: &Session,
) -> Result<(Child, PipeReader), ForkFailure> {
    let Request { converter, nice, core, .. } = session.request();
    let conversion = Conversion {
        packing: session.packing(),
        key: redaction::key(),
        parent: std::process::id(),
    };
    let failed = |what| ForkFailure::Lost(format!("the converter did not start ({what})"));
    let conversion = serde_json::to_string(&conversion).map_err(|why| failed(why.to_string()))?;
    let (program, arguments) = converter.command.split_first().ok_or_else(nothing)?;
    let mut file = image.destination().writer().map_err(ForkFailure::Final)?;
    let output = partial.writer().map_err(ForkFailure::Final)?.into_inner();
    let begin = || -> io::Result<(Child, PipeReader)> {
        file.rewind()?;
        let (answer, report) = io::pipe()?;
        nonblocking(&answer)?;
        let mut command = Command::new(program);
        command.args(arguments);
        command.env_clear();
        command.envs(converter.environment.iter().filter_map(|each| each.split_once('=')));
        command.env(VARIABLE, conversion);
        command.stdin(file).stdout(output).stderr(Stdio::from(report));
        // The working directory may be gone.
        command.current_dir("/");
        let (nice, core) = (*nice, *core);
        // SAFETY: it runs in the child, which has inherited the blocked signals.
        unsafe {
            command.pre_exec(move || {
                become_expendable(nice, core);
                Ok(())
            });
        }
        let signals = BlockedSignals::new();
        let spawned = command.spawn();
        drop(signals);
        let pid = spawned?.id();
        Ok((Child::new(pid.cast_signed(), Duration::ZERO), answer))
    };
    begin().map_err(|error| match ForkFailure::of_io(&error, Path::new(program)) {
        ForkFailure::Lost(what) => failed(what),
        failure => failure,
    })
}

/// Why there is no converter.
fn nothing() -> ForkFailure {
    let why = "no snapshot can be made of a heap image, because no executable of Node is known: process.execPath is \
               not set, or a single executable application; take an image, or a snapshot in process";
    ForkFailure::Final(SnapshotError::Unavailable { why: why.into() })
}

fn nonblocking(pipe: &PipeReader) -> io::Result<()> {
    // SAFETY: the descriptor is open; the call only changes its flags.
    match unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Conversion {
    /// Gives this process, a converter, its name. It ends if its service has.
    pub(super) fn follow_service(&self) {
        // SAFETY: each call concerns this process alone, and its failure leaves things as they are.
        unsafe {
            // Node has reset it: a limit on the size of files makes a write fail instead.
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            // Its service had ended before the signal was set for that.
            if libc::getppid().cast_unsigned() != self.parent {
                libc::_exit(1);
            }
            libc::prctl(libc::PR_SET_NAME, c"plimsoll-snap".as_ptr());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_has_the_name_of_the_file() {
        let full = SnapshotError::DiskFull { path: "the snapshot file".into() };
        let said = serde_json::to_vec(&Err::<Written, _>(full)).unwrap();
        let end = ForkFailure::Lost("the child ended with code 0".into());
        let path = Path::new("/dumps/Heap.heapsnapshot");
        let named = SnapshotError::DiskFull { path: path.to_owned() };
        assert_eq!(outcome(&said, end, path), Err(ForkFailure::Final(named)));
    }

    #[test]
    fn without_an_answer_its_end_is_the_outcome() {
        let killed = || ForkFailure::Killed("the child died of signal 11".into());
        let of = |end| outcome(b"Segmentation fault\n", end, Path::new("/"));
        let named = ForkFailure::Killed("the converter died of signal 11".into());
        assert_eq!(of(killed()), Err(named));
        let written = serde_json::to_vec(&Ok::<_, SnapshotError>(Written { bytes: 7, nodes: 3 }));
        let complete = outcome(&written.unwrap(), killed(), Path::new("/"));
        assert_eq!(complete, Ok(Written { bytes: 7, nodes: 3 }), "the file is complete");
    }

    #[test]
    fn a_pipe_without_an_answer_is_not_waited_for() {
        let (answer, report) = io::pipe().unwrap();
        nonblocking(&answer).unwrap();
        let nothing = (&answer).read(&mut [0; 8]).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        drop(report);
    }
}
