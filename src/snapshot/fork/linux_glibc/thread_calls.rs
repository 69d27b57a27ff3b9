//! The system calls that threads of this process are in, from `/proc/self/task/*/syscall`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use parking_lot::Mutex;

/// The files of threads that live as long as the process.
static OPEN: Mutex<Vec<(u32, File)>> = Mutex::new(Vec::new());

fn open(tid: u32) -> io::Result<File> {
    File::open(format!("/proc/self/task/{tid}/syscall"))
}

/// Keeps the files of these threads open, in place of those that were kept before.
pub(super) fn keep_open(tids: impl Iterator<Item = u32>) {
    *OPEN.lock() = tids.filter_map(|tid| Some((tid, open(tid).ok()?))).collect();
}

/// Closes the files that were kept open.
pub(super) fn release() {
    OPEN.lock().clear();
}

/// The number of the system call that a thread is in, and its first arguments; `None` while it runs.
pub(super) fn read(tid: u32) -> Option<[usize; 3]> {
    let kept = OPEN.lock();
    let opened;
    let file = match kept.iter().find(|&&(known, _)| known == tid) {
        Some((_, file)) => file,
        None => {
            opened = open(tid).ok()?;
            &opened
        }
    };
    // Nine numbers, which come in one piece.
    let mut text = [0; 256];
    let length = file.read_at(&mut text, 0).ok()?;
    parse_syscall(std::str::from_utf8(text.get(..length)?).ok()?)
}

fn parse_syscall(text: &str) -> Option<[usize; 3]> {
    let mut fields = text.split_ascii_whitespace();
    let number = fields.next()?.parse().ok()?;
    let mut argument = || usize::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok();
    Some([number, argument()?, argument()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_calls() {
        let waiting = "202 0x3faf6604 0x189 0x0 0x0 0x0 0xffffffff 0x7fbd2301bc70 0x7fbd238a3f16";
        assert_eq!(parse_syscall(waiting), Some([202, 0x3faf_6604, 0x189]));
        assert_eq!(parse_syscall("running\n"), None);
        assert_eq!(parse_syscall("-1 0x7ffc 0x7fbd\n"), None);
        assert_eq!(parse_syscall(""), None);
    }
}
