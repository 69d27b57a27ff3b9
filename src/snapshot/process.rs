//! Which process something belongs to, and whether that one still lives.

use serde::{Deserialize, Serialize};

use crate::os::system;

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
        let pid = system::pid();
        Self { pid, start: system::start_ticks(pid).unwrap_or(0), host: system::host_name() }
    }

    /// Whether files of this owner are not `me`'s to delete: another process that lives, or one
    /// on another host, of which nothing can be known.
    #[must_use]
    pub fn is_another_alive(&self, me: &Self) -> bool {
        if self.host != me.host {
            return true;
        }
        // Our own pid is us, or (pid 1 after a container's restart) the one whose place we took.
        self.pid != me.pid && system::start_ticks(self.pid).is_some_and(|start| start == self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::system::{exists, start_ticks};

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
