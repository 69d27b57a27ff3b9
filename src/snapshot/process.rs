//! Which process something belongs to, and whether that one still lives.

use serde::{Deserialize, Serialize};

/// A process. Its start time distinguishes it from a later one with the same pid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its pid as it sees itself; 1 in many containers.
    pub pid: u32,
    /// Clock ticks from boot to its start (proc(5), stat field 22); 0 where unknown.
    pub start: u64,
    /// The machine's or the container's host name.
    pub host: String,
}

impl Owner {
    /// This process.
    #[must_use]
    pub fn current() -> Self {
        let pid = std::process::id();
        Self { pid, start: start_ticks(pid).unwrap_or(0), host: host_name() }
    }

    /// Whether files of this owner are not `me`'s to delete: another process that lives, or one
    /// on another host, of which nothing can be known.
    #[must_use]
    pub fn is_another_alive(&self, me: &Self) -> bool {
        if self.host != me.host {
            return true;
        }
        // Our own pid is us, or (pid 1 after a container's restart) the one whose place we took.
        self.pid != me.pid && start_ticks(self.pid).is_some_and(|start| start == self.start)
    }
}

/// Whether a process with this pid is there.
#[must_use]
pub fn exists(pid: u32) -> bool {
    #[cfg(unix)]
    {
        let Ok(pid) = libc::pid_t::try_from(pid) else { return false };
        // SAFETY: signal 0 only asks whether the process is there.
        let answer = unsafe { libc::kill(pid, 0) };
        answer == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
    }
    #[cfg(not(unix))]
    {
        let _ = pid;
        true
    }
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}

fn start_ticks(pid: u32) -> Option<u64> {
    parse_start(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
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

    #[cfg(target_os = "linux")]
    #[test]
    fn the_living_and_the_dead() {
        let me = Owner::current();
        assert!(me.start > 0);
        assert!(!me.is_another_alive(&me));
        assert!(exists(me.pid));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let other =
            Owner { pid: child.id(), start: start_ticks(child.id()).unwrap(), ..me.clone() };
        assert!(other.is_another_alive(&me));
        assert!(!Owner { start: other.start + 1, ..other.clone() }.is_another_alive(&me), "reused");
        assert!(Owner { host: "elsewhere".into(), ..other.clone() }.is_another_alive(&me));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!other.is_another_alive(&me));
        assert!(!exists(other.pid));
    }
}
