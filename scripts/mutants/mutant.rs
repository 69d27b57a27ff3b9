//! Which mutant runs: `PLIMSOLL_MUTANT` has its number. With `PLIMSOLL_MUTANTS_SEEN`, the numbers of those that a test
//! comes by are added to that file.

use std::ffi::CString;
use std::os::unix::ffi::OsStringExt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const UNKNOWN: u32 = u32::MAX;
const NONE: u32 = u32::MAX - 1;
const MOST: usize = 8192;

static CHOSEN: AtomicU32 = AtomicU32::new(UNKNOWN);
static SEEN: [AtomicBool; MOST] = [const { AtomicBool::new(false) }; MOST];
static FILE: LazyLock<Option<CString>> = LazyLock::new(|| {
    CString::new(std::env::var_os("PLIMSOLL_MUTANTS_SEEN")?.into_vec()).ok()
});

/// Whether this mutant runs.
#[inline]
pub fn is(number: u32) -> bool {
    let chosen = CHOSEN.load(Ordering::Relaxed);
    if chosen == UNKNOWN { look(number) } else { chosen == number }
}

#[cold]
fn look(number: u32) -> bool {
    let Some(file) = FILE.as_ref() else {
        let chosen = std::env::var("PLIMSOLL_MUTANT").ok().and_then(|text| text.parse().ok());
        let chosen = chosen.unwrap_or(NONE);
        CHOSEN.store(chosen, Ordering::Relaxed);
        return chosen == number;
    };
    if !SEEN[number as usize].swap(true, Ordering::Relaxed) {
        note(file, number);
    }
    false
}

/// Adds a number to the file. It may run in a signal handler, and in a forked child that closes what it has open: it
/// allocates nothing, keeps nothing open, and leaves the thread's error number as it is.
fn note(file: &CString, mut number: u32) {
    let mut text = *b"          \n";
    for at in (0..10).rev() {
        text[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_CLOEXEC;
    // SAFETY: the name ends with NUL, and the text is as long as is said.
    unsafe {
        let error = *libc::__errno_location();
        let to = libc::open(file.as_ptr(), flags, 0o600);
        if to >= 0 {
            libc::write(to, text.as_ptr().cast(), text.len());
            libc::close(to);
        }
        *libc::__errno_location() = error;
    }
}
