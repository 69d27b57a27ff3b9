//! The calls of the operating system that the snapshots' files need, in one place.
//!
//! Each is the call itself. In a test, a thread that takes part in a simulation (`sim`) has it refused, cut short, or
//! ended with its simulated process.

use std::io::{self, Read, Write};
use std::time::{Duration, SystemTime};

#[cfg(all(test, target_os = "linux"))]
use super::sim;

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemCall {
    /// `mkdir(2)`
    MakeDirectory,
    /// `openat(2)`
    Open,
    /// `openat(2)` of a file without a name.
    OpenUnnamed,
    /// `dup(2)`
    Duplicate,
    /// `flock(2)`
    Lock,
    /// `readdir(3)`
    List,
    /// `fstat(2)`, `fstatat(2)`
    Stat,
    /// `unlinkat(2)`
    Remove,
    /// `renameat(2)`
    Rename,
    /// `linkat(2)`
    Link,
    /// `read(2)`
    Read,
    /// `write(2)`
    Write,
    /// `fsync(2)`
    Sync,
}

/// Runs before each call; `length` is what it may move. Returns how much of that it is to move.
#[inline]
pub fn begin(call: SystemCall, length: usize) -> io::Result<usize> {
    #[cfg(all(test, target_os = "linux"))]
    return sim::begin(call, length);
    #[cfg(not(all(test, target_os = "linux")))]
    {
        let _ = call;
        Ok(length)
    }
}

/// The answer of a call that is not negative. One that a signal interrupts is repeated: a network file system may
/// answer `EINTR`.
///
/// # Errors
/// As the call.
#[cfg(unix)]
pub fn answer_of(kind: SystemCall, call: impl Fn() -> libc::c_int) -> io::Result<libc::c_int> {
    let once = || {
        begin(kind, 0)?;
        let answer = call();
        if answer >= 0 { Ok(answer) } else { Err(io::Error::last_os_error()) }
    };
    loop {
        match once() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}

/// An open file.
#[derive(Debug)]
pub struct File(std::fs::File);

impl File {
    /// A file that is open.
    #[must_use]
    pub fn new(file: std::fs::File) -> Self {
        Self(file)
    }

    /// The same file with a descriptor of its own.
    ///
    /// # Errors
    /// Where no descriptor is left.
    pub fn try_clone(&self) -> io::Result<Self> {
        begin(SystemCall::Duplicate, 0)?;
        self.0.try_clone().map(Self)
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    /// As `fsync(2)`.
    pub fn sync_all(&self) -> io::Result<()> {
        begin(SystemCall::Sync, 0)?;
        self.0.sync_all()?;
        #[cfg(all(test, target_os = "linux"))]
        sim::synced(&self.0);
        Ok(())
    }

    /// What the system knows of it.
    ///
    /// # Errors
    /// As `fstat(2)`.
    pub fn metadata(&self) -> io::Result<std::fs::Metadata> {
        begin(SystemCall::Stat, 0)?;
        self.0.metadata()
    }

    /// The file itself.
    #[must_use]
    pub fn get(&self) -> &std::fs::File {
        &self.0
    }

    /// The file itself, for code that makes its own calls.
    #[must_use]
    pub fn into_inner(self) -> std::fs::File {
        self.0
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = begin(SystemCall::Read, buffer.len())?;
        self.0.read(&mut buffer[..most])
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = begin(SystemCall::Write, bytes.len())?;
        #[cfg(all(test, target_os = "linux"))]
        sim::changed(&self.0);
        self.0.write(&bytes[..most])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for File {
    fn as_raw_fd(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

/// The time by the system's clock.
#[must_use]
pub fn now() -> SystemTime {
    #[cfg(all(test, target_os = "linux"))]
    if let Some(now) = sim::now() {
        return now;
    }
    SystemTime::now()
}

/// Waits.
pub fn sleep(time: Duration) {
    #[cfg(all(test, target_os = "linux"))]
    if sim::sleep(time) {
        return;
    }
    std::thread::sleep(time);
}

/// The process.
#[must_use]
pub fn pid() -> u32 {
    #[cfg(all(test, target_os = "linux"))]
    if let Some(process) = sim::process() {
        return process.pid;
    }
    std::process::id()
}

/// Whether a process with this pid is there.
#[must_use]
pub fn exists(pid: u32) -> bool {
    #[cfg(all(test, target_os = "linux"))]
    if let Some(exists) = sim::find(pid, |found| found.is_some()) {
        return exists;
    }
    #[cfg(unix)]
    {
        let Ok(pid) = libc::pid_t::try_from(pid) else { return false };
        // SAFETY: signal 0 only asks whether the process is there.
        let answer = unsafe { libc::kill(pid, 0) };
        answer == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
    }
    #[cfg(not(unix))]
    {
        let _ = pid;
        true
    }
}

/// Clock ticks from boot to the start of a process (proc(5), stat field 22); `None` where there is none, or procfs
/// does not say.
#[must_use]
pub fn start_ticks(pid: u32) -> Option<u64> {
    #[cfg(all(test, target_os = "linux"))]
    if let Some(start) = sim::find(pid, |found| found.map(|process| process.start)) {
        return start;
    }
    parse_start(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name of the machine or the container; empty where procfs does not say.
#[must_use]
pub fn host_name() -> String {
    #[cfg(all(test, target_os = "linux"))]
    if let Some(process) = sim::process() {
        return process.host;
    }
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}

/// The 22nd field; the second one (the name, in brackets) may hold spaces and brackets itself.
fn parse_start(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_is_read_past_a_hostile_name() {
        let stat = "7 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21";
        assert_eq!(parse_start(stat), Some(4242));
        assert_eq!(parse_start("7 (a"), None);
        assert_eq!(parse_start(""), None);
    }
}
