//! V8's worker threads, which do not exist in a forked child.
//!
//! A child forked while a worker is busy would wait for that worker for ever. On glibc before 2.41 even waking an
//! idle worker hangs, because no thread acknowledges it. So the fork happens at a moment when all workers wait for
//! tasks, and the child resets the count of waiters to 0.

use std::fs;
use std::io;

use super::condition::{CONDITION, ConditionLayout, MUTEX};
use super::thread_calls;

/// The workers' ids, which stay the same for as long as the process lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workers {
    /// The thread of Node's platform that runs delayed tasks; it waits in epoll.
    scheduler: u32,
    workers: Vec<u32>,
    layout: ConditionLayout,
}

/// Where idle workers wait: Node's queue of tasks, by its condition variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskQueue {
    tasks_available: usize,
    workers: usize,
    layout: ConditionLayout,
}

const FUTEX: usize = 202;
const EPOLL_WAIT: [usize; 2] = [232, 281];
/// Workers where `--v8-pool-size` does not say otherwise.
const DEFAULT_POOL: usize = 4;

impl Workers {
    /// Finds the workers. Newer Nodes name them; in older ones they are the `pool` threads that
    /// follow the main one and the scheduler in the order of creation.
    ///
    /// # Errors
    /// Where procfs does not tell, or there are not so many threads.
    pub fn find(layout: ConditionLayout, pool: Option<usize>) -> io::Result<Self> {
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
        let named = named.collect();
        Self::among(&threads, named, layout, pool.unwrap_or(DEFAULT_POOL))
            .ok_or_else(|| io::Error::other("V8's worker threads were not found"))
    }

    fn among(
        threads: &[u32],
        named: Vec<u32>,
        layout: ConditionLayout,
        pool: usize,
    ) -> Option<Self> {
        let scheduler = *threads.get(1)?;
        let workers = match named.as_slice() {
            [] => threads.get(2..pool.checked_add(2)?)?.to_vec(),
            _ => named,
        };
        (!workers.is_empty()).then_some(Self { scheduler, workers, layout })
    }

    /// Keeps the files open that show the system calls of these threads. A process that has changed its user may read
    /// such a file but not open it.
    pub fn keep_readable(&self) {
        let tids = self.workers.iter().copied().chain([self.scheduler]);
        thread_calls::keep_open(tids);
    }

    /// The queue, if all of them wait for tasks at this instant.
    #[must_use]
    pub fn idle(&self) -> Option<TaskQueue> {
        self.idle_by(thread_calls::read)
    }

    fn idle_by(&self, call: impl Fn(u32) -> Option<[usize; 3]>) -> Option<TaskQueue> {
        let Self { scheduler, ref workers, layout } = *self;
        call(scheduler).filter(|[number, ..]| EPOLL_WAIT.contains(number))?;
        let waits_on = |&tid: &u32| match call(tid)? {
            [FUTEX, word, operation] => layout.waited_on(word, operation),
            _ => None,
        };
        let tasks_available = workers.first().and_then(waits_on)?;
        workers.iter().all(|tid| waits_on(tid) == Some(tasks_available)).then_some(TaskQueue {
            tasks_available,
            workers: workers.len(),
            layout,
        })
    }
}

impl TaskQueue {
    /// In the child: whether it was forked at a moment of rest: no task was being queued, and
    /// those workers were waiting that are known, which is also the proof that this is the queue.
    ///
    /// # Safety
    /// Only in a forked child whose parent found the queue in this process.
    #[must_use]
    pub unsafe fn is_at_rest(self) -> bool {
        // SAFETY: Node's task queue declares its mutex right before the condition variable, which
        // is mapped since threads waited on it. The first word is the lock.
        let lock = unsafe { ((self.tasks_available - MUTEX) as *const u32).read_volatile() };
        // SAFETY: as above.
        lock == 0 && unsafe { self.references().read_volatile() } >> 3 == self.workers as u32
    }

    /// In the child: resets the count of threads that wait for tasks to 0.
    ///
    /// # Safety
    /// As [`TaskQueue::is_at_rest`], which has said so.
    pub unsafe fn forget_waiters(self) {
        if !self.layout.quiesces() {
            return;
        }
        // SAFETY: the condition variable is mapped (threads waited on it) and of this size; no
        // other thread exists. The low bits of the references are attributes, not waiters.
        unsafe {
            let attributes = self.references().read() & 7;
            (self.tasks_available as *mut u8).write_bytes(0, CONDITION);
            self.references().write(attributes);
        }
    }

    fn references(self) -> *mut u32 {
        (self.tasks_available + self.layout.references()) as *mut u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: usize = 0x189;
    const LAYOUT: ConditionLayout = ConditionLayout { signals: 40, wait: WAIT };

    #[test]
    fn the_older_nodes_workers_follow_the_scheduler() {
        let threads = [10, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23];
        let among = |named: &[u32], pool| Workers::among(&threads, named.to_vec(), LAYOUT, pool);
        let found = among(&[], 4).unwrap();
        assert_eq!((found.scheduler, found.workers), (11, vec![12, 13, 14, 15]));
        assert_eq!(among(&[14, 15], 4).unwrap().workers, [14, 15]);
        assert_eq!(among(&[], 9).unwrap().workers.len(), 9);
        assert_eq!(among(&[], 10), None, "not so many threads");
        assert_eq!(among(&[], 0), None);
        assert_eq!(among(&[], usize::MAX), None);
    }

    #[test]
    fn idle_is_each_worker_at_the_one_queue_and_the_scheduler_in_its_loop() {
        let threads = [10, 11, 12, 13, 14, 15, 16];
        let workers = Workers::among(&threads, vec![], LAYOUT, 4).unwrap();
        let at_rest = |tid| match tid {
            11 => Some([281, 9, 0x7fff]),
            12 => Some([FUTEX, 0x600, WAIT]),
            13..=15 => Some([FUTEX, 0x604, WAIT]),
            _ => None,
        };
        let queue = TaskQueue { tasks_available: 0x600 - 40, workers: 4, layout: LAYOUT };
        assert_eq!(workers.idle_by(at_rest), Some(queue));
        // The last one too: it must not be taken for the end of the pool.
        for busy in 11..=15 {
            for call in
                [None, Some([FUTEX, 0x900, WAIT]), Some([FUTEX, 0x600, 0x80]), Some([0, 5, 6])]
            {
                let one_busy = |tid| if tid == busy { call } else { at_rest(tid) };
                assert_eq!(workers.idle_by(one_busy), None, "{busy} {call:?}");
            }
        }
    }

    #[test]
    fn the_child_forgets_waiters_and_keeps_attributes() {
        for (signals, references, forgets) in [(40, 36, true), (32, 28, false)] {
            let layout = ConditionLayout { signals, wait: WAIT };
            // Stands for the mutex and the condition variable: three waiters, and the clock.
            let mut block = [0u64; (MUTEX + CONDITION) / 8];
            let at = block.as_mut_ptr() as usize;
            let tasks_available = at + MUTEX;
            let queue = TaskQueue { tasks_available, workers: 3, layout };
            // SAFETY: all of it is within the block, which is aligned as both are.
            unsafe {
                let waiters = (tasks_available + references) as *mut u32;
                let groups = tasks_available as *mut u32;
                waiters.write(3 << 3 | 2);
                groups.write(7);
                assert!(queue.is_at_rest());
                assert!(!TaskQueue { workers: 2, ..queue }.is_at_rest(), "one is not known");
                assert!(!TaskQueue { workers: 4, ..queue }.is_at_rest(), "one is not there");
                (at as *mut u32).write(1);
                assert!(!queue.is_at_rest(), "a task is being queued");
                queue.forget_waiters();
                let left = [groups.read(), waiters.read()];
                assert_eq!(left, if forgets { [0, 2] } else { [7, 3 << 3 | 2] });
            }
        }
    }

    /// A thread that waits in a call, and its id.
    fn thread(wait: impl FnOnce() + Send + 'static) -> u32 {
        let (send, receive) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            // SAFETY: takes nothing and cannot fail.
            send.send(unsafe { libc::gettid() }.unsigned_abs()).unwrap();
            wait();
        });
        receive.recv().unwrap()
    }

    #[test]
    fn threads_of_this_process_are_seen_at_rest() {
        let name =
            "snapshot::fork::platform::workers::tests::threads_of_this_process_are_seen_at_rest";
        if !crate::snapshot::testing::is_alone(name, "") {
            return;
        }
        let scheduler = thread(|| {
            // SAFETY: waits for ever; the event is written by the kernel alone.
            unsafe {
                let epoll = libc::epoll_create1(0);
                let mut event: libc::epoll_event = std::mem::zeroed();
                libc::epoll_wait(epoll, &raw mut event, 1, -1);
            }
        });
        let worker = thread(|| {
            loop {
                std::thread::park();
            }
        });
        let call = |number| loop {
            let read = thread_calls::read(worker).filter(|call| call[0] == number);
            if let Some([_, word, operation]) = read {
                break (word, operation);
            }
            std::thread::yield_now();
        };
        let (word, wait) = call(FUTEX);
        let layout = ConditionLayout { signals: 40, wait };
        let workers = Workers { scheduler, workers: vec![worker], layout };
        let queue = loop {
            if let Some(queue) = workers.idle() {
                break queue;
            }
            std::thread::yield_now();
        };
        assert_eq!((queue.tasks_available, queue.workers), ((word & !7) - 40, 1));
        workers.keep_readable();
        assert_eq!(thread_calls::kept(), [worker, scheduler]);
        assert_eq!(workers.idle(), Some(queue));
    }
}
