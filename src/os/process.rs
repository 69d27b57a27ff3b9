//! This process, from procfs.

use std::io;
use std::time::Duration;

use super::pseudo_file::{Files, System};

/// Resident set size in bytes (`/proc/self/statm`), or `None` where there is no procfs.
#[must_use]
pub fn rss() -> Option<u64> {
    read_rss(&mut System).ok()?
}

/// As [`rss`].
///
/// # Errors
/// If the file exists and cannot be read now.
pub fn read_rss(files: &mut dyn Files) -> io::Result<Option<u64>> {
    let statm = files.find("/proc/self/statm".as_ref())?;
    Ok(statm.and_then(|statm| parse_statm(&statm, page_size())))
}

/// How long the calling thread was ready to run and waited for a processor, since it began
/// (`/proc/thread-self/schedstat`); `None` where the kernel does not count it.
pub fn waited(files: &mut dyn Files) -> Option<Duration> {
    let schedstat = files.read("/proc/thread-self/schedstat".as_ref()).ok()?;
    parse_schedstat(&schedstat)
}

/// Time on a processor, time waiting for one, in nanoseconds, and the number of time slices
/// (Documentation/scheduler/sched-stats.rst).
fn parse_schedstat(schedstat: &str) -> Option<Duration> {
    schedstat.split_ascii_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

/// The second field of statm is the resident pages (proc(5)).
fn parse_statm(statm: &str, page_size: u64) -> Option<u64> {
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(page_size)
}

fn page_size() -> u64 {
    #[cfg(unix)]
    {
        // SAFETY: sysconf has no preconditions; an unknown name gives -1.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        u64::try_from(size).unwrap_or(4096)
    }
    #[cfg(not(unix))]
    4096
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_pages_are_the_second_field() {
        assert_eq!(parse_statm("1000 25 7 1 0 300 0\n", 4096), Some(25 * 4096));
        assert_eq!(parse_statm("1000", 4096), None);
        assert_eq!(parse_statm("", 4096), None);
        assert_eq!(parse_statm("1 18446744073709551615", 4096), None, "no overflow");
    }

    #[test]
    fn the_wait_for_a_processor_is_the_second_field() {
        assert_eq!(parse_schedstat("8123 1500 77\n"), Some(Duration::from_nanos(1500)));
        assert_eq!(parse_schedstat(""), None);
        assert_eq!(parse_schedstat("1 x 2"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_resident() {
        assert!(rss().unwrap() > 100_000);
    }
}
