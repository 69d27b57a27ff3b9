//! V8's worker threads, which do not exist in a forked child.
//!
//! A child of a busy worker would wait for ever for what that worker was doing, and on glibc before
//! 2.41 even waking an idle one hangs (nobody is there to acknowledge). So the fork happens at a
//! moment when all of them wait for tasks, and the child is told that nobody does.

use std::fs;
use std::io;

/// How glibc lays out `pthread_cond_t` (sysdeps/nptl/bits/thread-shared-types.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CondLayout {
    /// 2.25 to 2.40: two words of signals at 40; a signaller waits for the group before it.
    Quiescing,
    /// From 2.41: the words at 32; a signaller waits for nobody.
    Free,
}

impl CondLayout {
    const SIZE: usize = 48;

    fn signals(self) -> usize {
        match self {
            Self::Quiescing => 40,
            Self::Free => 32,
        }
    }

    /// Where the condition variable begins whose futex word a thread waits on.
    fn base(self, word: usize) -> Option<usize> {
        // Two words of four bytes; the structure is aligned to eight.
        (word & !7).checked_sub(self.signals())
    }
}

/// The workers' ids and the condition variable that idle ones wait on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workers {
    /// The thread of Node's platform that runs delayed tasks; it waits in epoll.
    scheduler: u32,
    workers: Vec<u32>,
    layout: CondLayout,
    /// The address of the condition variable; the mutex of the task queue lies before it.
    tasks_available: usize,
}

const FUTEX: usize = 202;
const EPOLL_WAIT: [usize; 2] = [232, 281];
/// How pthread_cond_wait waits: FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME; before glibc 2.33
/// FUTEX_WAIT | FUTEX_PRIVATE_FLAG, as a mutex does (but that all of them wait for one at once is no idle moment that lasts).
const COND_WAIT: [usize; 2] = [0x189, 0x80];

impl Workers {
    /// Finds the workers. Newer Nodes name them; in older ones they are those that follow the main
    /// thread and the scheduler in the order of creation and wait on one condition variable.
    ///
    /// # Errors
    /// Where procfs does not tell, or the first worker is not idle now.
    pub fn find(layout: CondLayout) -> io::Result<Self> {
        let mut threads = Vec::new();
        // The kernel lists threads in the order of creation.
        for entry in fs::read_dir("/proc/self/task")? {
            if let Some(tid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
                threads.push(tid);
            }
        }
        let named = threads.iter().copied().filter(|&tid| {
            fs::read_to_string(format!("/proc/self/task/{tid}/comm"))
                .is_ok_and(|name| name.contains("V8Worker"))
        });
        Self::among(&threads, &named.collect::<Vec<_>>(), layout, waits_on)
            .ok_or_else(|| io::Error::other("V8's worker threads were not found idle"))
    }

    fn among(
        threads: &[u32],
        named: &[u32],
        layout: CondLayout,
        waits_on: impl Fn(u32) -> Option<usize>,
    ) -> Option<Self> {
        let scheduler = *threads.get(1)?;
        let first = named.first().or(threads.get(2)).copied()?;
        let tasks_available = layout.base(waits_on(first)?)?;
        let same =
            |&tid: &u32| waits_on(tid).and_then(|word| layout.base(word)) == Some(tasks_available);
        let workers = if named.is_empty() {
            let last = threads.iter().rposition(same)?;
            threads[2..=last].to_vec()
        } else {
            named.to_vec()
        };
        Some(Self { scheduler, workers, layout, tasks_available })
    }

    /// Whether all of them wait for tasks at this instant.
    #[must_use]
    pub fn are_idle(&self) -> bool {
        let idle = |&tid: &u32| {
            waits_on(tid).and_then(|word| self.layout.base(word)) == Some(self.tasks_available)
        };
        let scheduler =
            syscall(self.scheduler).is_some_and(|[number, ..]| EPOLL_WAIT.contains(&number));
        scheduler && self.workers.iter().all(idle)
    }

    /// In the child: whether a task was being queued at the instant of the fork.
    ///
    /// # Safety
    /// Only in a forked child whose parent found the workers in this process.
    #[must_use]
    pub unsafe fn queue_is_locked(&self) -> bool {
        let mutex = self.tasks_available - size_of::<libc::pthread_mutex_t>();
        // SAFETY: Node's task queue declares its mutex right before the condition variable, which
        // is mapped since a thread waited on it. The first word is the lock.
        unsafe { (mutex as *const u32).read_volatile() != 0 }
    }

    /// In the child: nobody waits for tasks.
    ///
    /// # Safety
    /// As [`Workers::queue_is_locked`].
    pub unsafe fn forget(&self) {
        if self.layout != CondLayout::Quiescing {
            return;
        }
        const WREFS: usize = 36;
        let base = self.tasks_available as *mut u8;
        // SAFETY: the condition variable is mapped (a thread waited on it) and of this size; no
        // other thread exists. The low bits of `__wrefs` are attributes, not waiters.
        unsafe {
            let attributes = base.add(WREFS).cast::<u32>().read_unaligned() & 7;
            base.write_bytes(0, CondLayout::SIZE);
            base.add(WREFS).cast::<u32>().write_unaligned(attributes);
        }
    }
}

/// The futex word that a thread waits on for a condition variable.
fn waits_on(tid: u32) -> Option<usize> {
    condition(syscall(tid))
}

fn condition(call: Option<[usize; 3]>) -> Option<usize> {
    match call {
        Some([FUTEX, word, operation]) if COND_WAIT.contains(&operation) => Some(word),
        _ => None,
    }
}

/// The system call that a thread is in, and its arguments; `None` while it runs.
fn syscall(tid: u32) -> Option<[usize; 3]> {
    parse_syscall(&fs::read_to_string(format!("/proc/self/task/{tid}/syscall")).ok()?)
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
        assert_eq!(condition(parse_syscall(waiting)), Some(0x3faf_6604));
        let older = "202 0x3b99a3a0 0x80 0x0 0x0 0x0 0x7fffbaffaf10 0x7f949bffecd0 0x7f94a0b8fd10";
        assert_eq!(condition(parse_syscall(older)), Some(0x3b99_a3a0), "glibc 2.31");
        assert_eq!(condition(parse_syscall("281 0x9 0x80 0x400")), None);
        assert_eq!(parse_syscall("running\n"), None);
        assert_eq!(parse_syscall("-1 0x7ffc 0x7fbd\n"), None);
        assert_eq!(parse_syscall(""), None);
    }

    #[test]
    fn the_older_nodes_workers_follow_the_scheduler() {
        // Two groups wait: V8's on 0x600, libuv's on 0x900; worker 13 is busy.
        let word = |tid| match tid {
            12 => Some(0x600),
            14 | 15 => Some(0x604),
            20..=23 => Some(0x900),
            _ => None,
        };
        let threads = [10, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23];
        let found = Workers::among(&threads, &[], CondLayout::Quiescing, word).unwrap();
        assert_eq!((found.scheduler, found.workers), (11, vec![12, 13, 14, 15]));
        assert_eq!(found.tasks_available, 0x600 - 40);
        let named = Workers::among(&threads, &[14, 15], CondLayout::Quiescing, word).unwrap();
        assert_eq!(named.workers, [14, 15]);
        let busy = |tid| word(tid).filter(|_| tid != 12);
        assert_eq!(Workers::among(&threads, &[], CondLayout::Quiescing, busy), None);
    }

    #[test]
    fn the_child_forgets_waiters_and_keeps_attributes() {
        let mutex = size_of::<libc::pthread_mutex_t>();
        let mut block = vec![0xffu8; mutex + CondLayout::SIZE].into_boxed_slice();
        block[..mutex].fill(0);
        let at = block.as_mut_ptr();
        let workers = Workers {
            scheduler: 0,
            workers: vec![],
            layout: CondLayout::Quiescing,
            tasks_available: at as usize + mutex,
        };
        // SAFETY: the block stands for the mutex and the condition variable, and is big enough.
        unsafe {
            assert!(!workers.queue_is_locked());
            workers.forget();
            at.write(1);
            assert!(workers.queue_is_locked());
        }
        let mut expected = [0u8; CondLayout::SIZE];
        expected[36] = 7;
        assert_eq!(block[mutex..], expected);
    }
}
