//! This process, from procfs.

#[cfg(target_os = "linux")]
use std::io::Read;

/// Resident set size in bytes (`/proc/self/statm`), or `None` where there is no procfs.
#[must_use]
pub fn rss() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        // Seven numbers, which come in one piece: read once an interval, it is most of what the sampler asks of the kernel.
        let mut statm = [0; 256];
        let length = std::fs::File::open("/proc/self/statm").ok()?.read(&mut statm).ok()?;
        parse_statm(std::str::from_utf8(statm.get(..length)?).ok()?, page_size())
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// The second field of statm is the resident pages (proc(5)).
#[cfg(any(target_os = "linux", test))]
fn parse_statm(statm: &str, page_size: u64) -> Option<u64> {
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(page_size)
}

#[cfg(target_os = "linux")]
fn page_size() -> u64 {
    // SAFETY: sysconf has no preconditions; an unknown name gives -1.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).unwrap_or(4096)
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

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_resident() {
        assert!(rss().unwrap() > 100_000);
    }
}
