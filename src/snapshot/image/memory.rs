//! The memory of the process that an image is taken of, read through the kernel: an address that is not mapped is an
//! answer, not a crash.

use crate::heap_layout::PageHeader;

/// The size and alignment of V8's pages. Large pages have a multiple of it.
pub const PAGE: usize = 1 << 18;
/// The pages of the system.
pub const SYSTEM_PAGE: usize = 4096;
/// How far behind the isolate its heap is at most.
const ISOLATE: usize = 0x2_0000;
/// The words of a page's header that are read.
const HEADER: usize = 12;

/// The kernel refuses to read the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

/// The memory of a process.
#[derive(Debug, Clone, Copy)]
pub struct ProcessMemory {
    /// The process; `None` for the calling one, which a forked child is too.
    pid: Option<libc::pid_t>,
}

/// A page of V8's heap.
#[derive(Debug)]
pub struct Page {
    /// 0 for the read-only heap, which all isolates share.
    pub heap: usize,
    /// Its flags.
    pub flags: usize,
    /// The bytes from the start of the page to the end of its objects.
    pub size: usize,
}

impl ProcessMemory {
    /// That of the calling process.
    pub const OWN: Self = Self { pid: None };

    /// That of another process, which the caller may trace.
    #[cfg(feature = "analyzer")]
    pub fn of(pid: libc::pid_t) -> Self {
        Self { pid: Some(pid) }
    }

    /// Whether it is the calling process's own.
    pub fn is_own(self) -> bool {
        self.pid.is_none()
    }

    /// Fills `to` from an address; `false` if a part of it is not mapped or not readable.
    ///
    /// # Errors
    /// [`Refused`] without the right to read it, and if the process has ended.
    pub fn read(self, from: usize, to: &mut [u8]) -> Result<bool, Refused> {
        let local = libc::iovec { iov_base: to.as_mut_ptr().cast(), iov_len: to.len() };
        let remote = libc::iovec { iov_base: from as *mut _, iov_len: to.len() };
        // SAFETY: the local range is that of the slice; the kernel checks the remote one.
        let copied = unsafe {
            let pid = self.pid.unwrap_or_else(|| libc::getpid());
            libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0)
        };
        if copied < 0 {
            // SAFETY: errno is of this thread.
            return match unsafe { *libc::__errno_location() } {
                libc::EFAULT => Ok(false),
                _ => Err(Refused),
            };
        }
        Ok(usize::try_from(copied) == Ok(to.len()))
    }

    /// Fills `to` from an address; what is not mapped or not readable is zero.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn copy(self, from: usize, to: &mut [u8]) -> Result<(), Refused> {
        if self.read(from, to)? {
            return Ok(());
        }
        let mut at = 0;
        while at < to.len() {
            let length = (SYSTEM_PAGE - (from + at) % SYSTEM_PAGE).min(to.len() - at);
            let piece = &mut to[at..at + length];
            if !self.read(from + at, piece)? {
                piece.fill(0);
            }
            at += length;
        }
        Ok(())
    }

    /// The word at an address; `None` if there is none.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn word(self, at: usize) -> Result<Option<usize>, Refused> {
        let mut bytes = [0; 8];
        Ok(self.read(at, &mut bytes)?.then(|| usize::from_le_bytes(bytes)))
    }

    /// The words at an address; `None` if one of them is missing.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn words(self, at: usize) -> Result<Option<[usize; HEADER]>, Refused> {
        let mut bytes = [0; 8 * HEADER];
        if !self.read(at, &mut bytes)? {
            return Ok(None);
        }
        let mut words = [0; HEADER];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = usize::from_le_bytes(bytes.try_into().unwrap_or_default());
        }
        Ok(Some(words))
    }

    /// Calls `see` with each page of an isolate's heap and of the read-only one.
    ///
    /// # Errors
    /// As [`Self::read`], and those of `see`.
    pub fn each_page<E: From<Refused>>(
        self,
        layout: &PageHeader,
        ranges: &[(usize, usize)],
        isolate: usize,
        mut see: impl FnMut(usize, &Page) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut done = 0;
        for &(start, end) in ranges {
            // A large page may be more than one mapping.
            let mut base = start.next_multiple_of(PAGE).max(done);
            while base < end {
                if let Some(page) = self.page(layout, base, isolate)? {
                    see(base, &page)?;
                    base += page.size.next_multiple_of(PAGE);
                } else {
                    base += PAGE;
                }
                done = base;
            }
        }
        Ok(())
    }

    /// The page at `base`, if it is one of this isolate's heap or of the read-only one.
    fn page(
        self,
        layout: &PageHeader,
        base: usize,
        isolate: usize,
    ) -> Result<Option<Page>, Refused> {
        let Some(own) = self.words(base)? else { return Ok(None) };
        let described = match layout.metadata {
            None => own,
            Some(at) if own[at].is_multiple_of(8) => match self.words(own[at])? {
                Some(words) => words,
                None => return Ok(None),
            },
            Some(_) => return Ok(None),
        };
        let (heap, size) = (described[layout.heap], described[layout.size]);
        let (start, end) = (described[layout.start], described[layout.end]);
        let is_ours = heap == 0 || (heap > isolate && heap - isolate < ISOLATE);
        let is_page = (SYSTEM_PAGE..1 << 36).contains(&size)
            && base < start
            && start <= end
            && end <= base.saturating_add(size)
            && start.is_multiple_of(8);
        let page = || Page { heap, flags: own[layout.flags], size: end - base };
        Ok((is_ours && is_page).then(page))
    }
}

/// Whether a word may be the address of something.
pub fn is_pointer(word: usize) -> bool {
    word.is_multiple_of(8) && (SYSTEM_PAGE..1 << 47).contains(&word)
}
