//! Limits of this process (getrlimit(2)): `ulimit`, systemd's `LimitAS`, `LimitDATA` and `LimitFSIZE`.

#[cfg(target_os = "linux")]
use super::pseudo_file;

/// What is left below a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The limit in bytes.
    pub limit: u64,
    /// Bytes below it.
    pub available: u64,
}

/// The limits on memory; `None` where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    address_space: Option<u64>,
    data: Option<u64>,
}

impl Memory {
    /// The limits as they are now.
    #[must_use]
    pub fn read() -> Self {
        #[cfg(target_os = "linux")]
        {
            Self { address_space: limit(libc::RLIMIT_AS), data: limit(libc::RLIMIT_DATA) }
        }
        #[cfg(not(target_os = "linux"))]
        Self::default()
    }

    /// The tighter of them; `None` without a limit, or where procfs does not say what is used.
    #[must_use]
    pub fn room(self) -> Option<Room> {
        if self == Self::default() {
            return None;
        }
        #[cfg(target_os = "linux")]
        {
            self.below(&pseudo_file::read("/proc/self/status".as_ref()).ok()?)
        }
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// By the text of `/proc/self/status` (proc(5)): what the kernel compares with the limits.
    #[cfg(any(target_os = "linux", test))]
    fn below(self, status: &str) -> Option<Room> {
        let room = |limit: Option<u64>, field: &str| {
            let limit = limit?;
            Some(Room { limit, available: limit.saturating_sub(bytes(status, field)?) })
        };
        [room(self.address_space, "VmSize:"), room(self.data, "VmData:")]
            .into_iter()
            .flatten()
            .min_by_key(|room| room.available)
    }
}

/// The largest file that this process may write; `None` without a limit.
#[must_use]
pub fn file_size() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        limit(libc::RLIMIT_FSIZE)
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// For a message about a child that crashed: a limit is the likely reason, where there is one.
#[must_use]
pub fn hint() -> &'static str {
    match Memory::read() {
        Memory { address_space: Some(_), .. } => "; its address space is limited (ulimit -v)",
        Memory { data: Some(_), .. } => "; its data is limited (ulimit -d)",
        _ => "",
    }
}

#[cfg(target_os = "linux")]
fn limit(resource: libc::__rlimit_resource_t) -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure outlives the call.
    let answer = unsafe { libc::getrlimit(resource, &raw mut limit) };
    (answer == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

#[cfg(any(target_os = "linux", test))]
fn bytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tnode\nVmPeak:\t 900 kB\nVmSize:\t 800 kB\nVmData:\t 300 kB\n";

    #[test]
    fn the_tighter_limit_decides() {
        let memory = |address_space, data| Memory { address_space, data };
        let room = |limit: u64, available: u64| Some(Room { limit, available });
        assert_eq!(memory(None, None).below(STATUS), None);
        assert_eq!(memory(Some(1 << 20), None).below(STATUS), room(1 << 20, 224 << 10));
        assert_eq!(memory(None, Some(1 << 20)).below(STATUS), room(1 << 20, 724 << 10));
        assert_eq!(
            memory(Some(1 << 20), Some(400 << 10)).below(STATUS),
            room(400 << 10, 100 << 10)
        );
        assert_eq!(memory(Some(1000), None).below(STATUS), room(1000, 0), "it was lowered since");
        assert_eq!(memory(Some(1000), None).below("Name: node"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_says_what_it_uses() {
        let huge = Memory { address_space: Some(u64::MAX), data: Some(u64::MAX - 1) };
        let Room { available, .. } = huge.room().unwrap();
        assert!(available < u64::MAX - (1 << 20) && available > 1 << 60);
    }
}
