//! The pages that V8 keeps out of forked children.
//!
//! V8 marks its pages MADV_DONTFORK, which makes `child_process` cheap and leaves a forked heap
//! with holes. For the moment of our fork they are included, and excluded again after it.

use std::fs;
use std::io;

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    start: usize,
    end: usize,
}

/// The mappings as a scan found them. Scanning walks the page tables, so it is done ahead and on
/// another thread; a mapping that appears between the scan and the fork is recognized by its absence here.
#[derive(Debug, Default)]
pub struct Regions {
    /// Every private mapping without a file, ascending, and whether it is left out of children.
    known: Vec<(Range, bool)>,
}

impl Regions {
    /// Reads the flags of all mappings (proc(5), smaps, `VmFlags`).
    ///
    /// # Errors
    /// Where procfs is missing.
    pub fn scan() -> io::Result<Self> {
        Ok(Self::parse(&fs::read_to_string("/proc/self/smaps")?))
    }

    fn parse(smaps: &str) -> Self {
        let mut known = Vec::new();
        let mut current = None;
        for line in smaps.lines() {
            if let Some(flags) = line.strip_prefix("VmFlags:") {
                if let Some(range) = current.take() {
                    known.push((range, flags.split_ascii_whitespace().any(|flag| flag == "dc")));
                }
            } else if line
                .as_bytes()
                .first()
                .is_some_and(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
            {
                current = anonymous(line);
            }
        }
        Self { known }
    }

    /// Includes everything in a child that is forked while the answer lives.
    ///
    /// # Errors
    /// Where procfs is missing or the kernel refuses.
    pub fn include(&self) -> io::Result<Included> {
        let maps = fs::read_to_string("/proc/self/maps")?;
        let mut included = Included { excluded_before: Vec::new(), all: Vec::new() };
        for range in maps.lines().filter_map(anonymous) {
            included.all.push(range);
            let advised = advise(range, libc::MADV_DOFORK);
            match self.lookup(range) {
                // V8 maps a page first and excludes it in a second call, which waits while a scan reads the flags: it
                // may have been excluded since. Some mappings that are not V8's refuse advice.
                Before::Forked => {}
                Before::Excluded => {
                    advised?;
                    included.excluded_before.push(range);
                }
                // New since the scan: perhaps V8's, perhaps a stack or a block of malloc. It is
                // included and stays so; to exclude what is not V8's would harm the next spawn.
                Before::Unknown => advised?,
            }
        }
        Ok(included)
    }

    fn lookup(&self, range: Range) -> Before {
        let first = self.known.partition_point(|(known, _)| known.end <= range.start);
        let mut covered = range.start;
        let mut excluded = false;
        for &(known, is_excluded) in &self.known[first..] {
            if known.start > covered || covered >= range.end {
                break;
            }
            covered = known.end;
            excluded |= is_excluded;
        }
        match (covered >= range.end, excluded) {
            (false, _) => Before::Unknown,
            (true, true) => Before::Excluded,
            (true, false) => Before::Forked,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Before {
    Forked,
    Excluded,
    Unknown,
}

/// Restores what was excluded, when dropped.
#[derive(Debug)]
pub struct Included {
    excluded_before: Vec<Range>,
    all: Vec<Range>,
}

impl Included {
    /// All mappings that a child has and V8 may own, ascending: start and end. A page that is new since the scan is
    /// among them.
    #[must_use]
    pub fn ranges(&self) -> Vec<(usize, usize)> {
        self.all.iter().map(|range| (range.start, range.end)).collect()
    }
}

impl Drop for Included {
    fn drop(&mut self) {
        for &range in &self.excluded_before {
            let _ = advise(range, libc::MADV_DONTFORK);
        }
    }
}

fn advise(range: Range, advice: libc::c_int) -> io::Result<()> {
    // SAFETY: both advices change only what a later fork copies, no content and no protection; a
    // range that is not mapped any more is answered with an error.
    let answer =
        unsafe { libc::madvise(range.start as *mut libc::c_void, range.end - range.start, advice) };
    if answer == 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        // Unmapped by another thread since the list was read.
        error if error.raw_os_error() == Some(libc::ENOMEM) => Ok(()),
        error => Err(error),
    }
}

/// The range of a line of maps, if it is a private mapping without file or name.
fn anonymous(line: &str) -> Option<Range> {
    let mut fields = line.split_ascii_whitespace();
    let (range, flags) = (fields.next()?, fields.next()?);
    let (_offset, _device, inode) = (fields.next()?, fields.next()?, fields.next()?);
    // [heap] and [stack] are never excluded; [vvar] and the like refuse advice. V8 names its own
    // where the kernel allows: [anon:v8].
    let unnamed = fields.next().is_none_or(|name| name.starts_with("[anon:"));
    if inode != "0" || !flags.ends_with('p') || !unnamed {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    Some(Range { start: address(start)?, end: address(end)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
00400000-00500000 r-xp 00000000 08:01 77 /usr/bin/node
Rss: 4 kB
VmFlags: rd ex mr mw me sd
1000000-1040000 rw-p 00000000 00:00 0
Rss: 4 kB
VmFlags: rd wr mr mw me dc nr
1040000-1080000 rw-p 00000000 00:00 0
VmFlags: rd wr mr mw me nr
2000000-2040000 rw-p 00000000 00:00 0 [anon:v8]
VmFlags: rd wr mr mw me dc ac
7f0000-800000 rw-p 00000000 00:00 0 [heap]
VmFlags: rd wr mr mw me ac
7ffd1000-7ffd2000 r--p 00000000 00:00 0 [vvar]
VmFlags: rd mr pf io de dd sd
";

    #[test]
    fn private_mappings_without_a_file_and_their_flags() {
        let regions = Regions::parse(SMAPS);
        assert_eq!(regions.known.len(), 3);
        let lookup = |start, end| regions.lookup(Range { start, end });
        assert_eq!(lookup(0x100_0000, 0x104_0000), Before::Excluded);
        assert_eq!(lookup(0x104_0000, 0x108_0000), Before::Forked);
        assert_eq!(lookup(0x102_0000, 0x108_0000), Before::Excluded, "merged since");
        assert_eq!(lookup(0x108_0000, 0x10c_0000), Before::Unknown);
        assert_eq!(lookup(0x104_0000, 0x10c_0000), Before::Unknown, "grown since");
        assert_eq!(lookup(0x200_0000, 0x204_0000), Before::Excluded);
    }

    /// One test, because each `include` concerns all mappings of the process.
    #[test]
    fn what_is_excluded_is_forked_once() {
        const SIZE: usize = 1 << 20;
        // SAFETY: a new private mapping; nothing else knows its address.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(at, libc::MAP_FAILED);
        let range = Range { start: at as usize, end: at as usize + SIZE };
        let excluded = || Regions::scan().unwrap().lookup(range) == Before::Excluded;

        let regions = Regions::scan().unwrap();
        advise(range, libc::MADV_DONTFORK).unwrap();
        assert!(excluded());
        drop(regions.include().unwrap());
        assert!(!excluded(), "excluded between the scan and the fork");

        advise(range, libc::MADV_DONTFORK).unwrap();
        let regions = Regions::scan().unwrap();
        let included = regions.include().unwrap();
        assert!(!excluded());
        let has = |&(start, end): &(usize, usize)| start <= range.start && range.end <= end;
        assert!(included.ranges().iter().any(has));
        drop(included);
        assert!(excluded());
        // SAFETY: the mapping made above, unused from here on.
        unsafe { libc::munmap(at, SIZE) };
        assert!(advise(range, libc::MADV_DOFORK).is_ok(), "unmapped since the list was read");
        let uneven = Range { start: range.start + 1, ..range };
        assert!(advise(uneven, libc::MADV_DOFORK).is_err());
    }

    #[test]
    fn a_mapping_that_is_shared_or_of_a_file_is_not_v8s() {
        let of = |line: &str| anonymous(line).map(|range| (range.start, range.end));
        assert_eq!(of("1000-2000 rw-p 00000000 00:00 0"), Some((0x1000, 0x2000)));
        assert_eq!(of("1000-2000 rw-s 00000000 00:00 0"), None);
        assert_eq!(of("1000-2000 rw-p 00000000 08:01 77"), None);
        assert_eq!(of("1000-2000 rw-p 00000000 00:00 0 [stack]"), None);
        assert_eq!(of("1000-2000 rw-p 00000000"), None);
    }
}
