//! The machine's memory (`/proc/meminfo`).

use std::io;
use std::mem::MaybeUninit;

use super::pseudo_file::{Files, System};

/// What the kernel estimates can be allocated without swapping, in bytes (`MemAvailable`).
#[must_use]
pub fn available() -> Option<u64> {
    read_available(&mut System).ok()?
}

/// The machine's memory in bytes (`MemTotal`).
#[must_use]
pub fn total() -> Option<u64> {
    field(&mut System, "MemTotal:").ok()?
}

/// As [`available`]; `None` where there is no procfs.
///
/// # Errors
/// If the file exists and cannot be read now.
pub fn read_available(files: &mut dyn Files) -> io::Result<Option<u64>> {
    field(files, "MemAvailable:")
}

/// Asks for large pages behind memory that is about to be filled, where the system has them on request: a page fault
/// for each 4 KiB takes longer than the copy. Without effect elsewhere.
pub fn prefer_huge_pages(memory: &mut [MaybeUninit<u8>]) {
    #[cfg(target_os = "linux")]
    {
        const HUGE: usize = 2 << 20;
        let range = memory.as_mut_ptr_range();
        let start = (range.start as usize).next_multiple_of(HUGE);
        let end = range.end as usize / HUGE * HUGE;
        if start < end {
            // SAFETY: the pages lie in `memory`, which the caller owns; the advice changes nothing that they hold. A
            // refusal leaves small pages.
            unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = memory;
}

fn field(files: &mut dyn Files, name: &str) -> io::Result<Option<u64>> {
    Ok(files.find("/proc/meminfo".as_ref())?.and_then(|meminfo| parse(&meminfo, name)))
}

fn parse(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_kibibytes() {
        let meminfo = "MemTotal:       24576000 kB\nMemFree: 1 kB\nMemAvailable:   12288000 kB\n";
        assert_eq!(parse(meminfo, "MemTotal:"), Some(24_576_000 * 1024));
        assert_eq!(parse(meminfo, "MemAvailable:"), Some(12_288_000 * 1024));
        assert_eq!(parse(meminfo, "Cached:"), None);
        assert_eq!(parse("MemTotal: many kB", "MemTotal:"), None);
    }
}
