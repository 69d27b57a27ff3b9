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

/// The threads whose files are kept open.
#[cfg(test)]
pub(super) fn kept() -> Vec<u32> {
    OPEN.lock().iter().map(|&(tid, _)| tid).collect()
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

    /// Two threads that wait, and their ids.
    fn waiting() -> [(u32, std::thread::Thread); 2] {
        [(); 2].map(|()| {
            let (send, receive) = std::sync::mpsc::channel();
            let thread = std::thread::spawn(move || {
                // SAFETY: takes nothing and cannot fail.
                send.send(unsafe { libc::gettid() }.unsigned_abs()).unwrap();
                loop {
                    std::thread::park();
                }
            });
            (receive.recv().unwrap(), thread.thread().clone())
        })
    }

    #[test]
    fn a_file_that_is_kept_shows_its_own_thread() {
        let name = "snapshot::fork::platform::thread_calls::tests::a_file_that_is_kept_shows_its_own_thread";
        if !crate::snapshot::testing::is_alone(name, "") {
            return;
        }
        const FUTEX: usize = 202;
        let calls = |tid| loop {
            if let Some(call) = read(tid) {
                break call;
            }
        };
        let [(first, _), (second, _)] = waiting();
        while [first, second].map(|tid| calls(tid)[0]) != [FUTEX; 2] {
            std::thread::yield_now();
        }
        let words = [first, second].map(|tid| calls(tid)[1]);
        assert_ne!(words[0], words[1], "each waits for its own word");
        keep_open([second, u32::MAX, first].into_iter());
        assert_eq!(kept(), [second, first], "there is no such thread");
        assert_eq!([first, second].map(|tid| calls(tid)[1]), words);
        keep_open([first].into_iter());
        assert_eq!(kept(), [first], "in place of those before");
        assert_eq!([first, second].map(|tid| calls(tid)[1]), words, "one is opened for it");
        release();
        assert_eq!(kept(), [0; 0]);
        assert_eq!([first, second].map(|tid| calls(tid)[1]), words);
    }
}
