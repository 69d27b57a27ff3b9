//! Which mutant runs: `PLIMSOLL_MUTANT` has its number. With `PLIMSOLL_MUTANTS_SEEN`, the numbers of those that a test
//! comes by are added to that file.

use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const UNKNOWN: u32 = u32::MAX;
const NONE: u32 = u32::MAX - 1;
const MOST: usize = 8192;

static CHOSEN: AtomicU32 = AtomicU32::new(UNKNOWN);
static SEEN: [AtomicBool; MOST] = [const { AtomicBool::new(false) }; MOST];
static FILE: LazyLock<Option<std::fs::File>> = LazyLock::new(|| {
    let file = std::env::var_os("PLIMSOLL_MUTANTS_SEEN")?;
    std::fs::OpenOptions::new().create(true).append(true).open(file).ok()
});

/// Whether this mutant runs.
#[inline]
pub fn is(number: u32) -> bool {
    let chosen = CHOSEN.load(Ordering::Relaxed);
    if chosen == UNKNOWN { look(number) } else { chosen == number }
}

#[cold]
fn look(number: u32) -> bool {
    let Some(mut file) = FILE.as_ref() else {
        let chosen = std::env::var("PLIMSOLL_MUTANT").ok().and_then(|text| text.parse().ok());
        let chosen = chosen.unwrap_or(NONE);
        CHOSEN.store(chosen, Ordering::Relaxed);
        return chosen == number;
    };
    if !SEEN[number as usize].swap(true, Ordering::Relaxed) {
        let _ = file.write_all(format!("{number}\n").as_bytes());
    }
    false
}
