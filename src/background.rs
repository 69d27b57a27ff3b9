//! The one native thread of the process, with the jobs that it runs.
//!
//! The thread starts with the first job and ends with the last one. It holds no reference to any
//! Node environment, so it neither keeps the process alive nor cares which worker thread exits.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(not(all(test, models)))]
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex, now, thread};

/// What runs each period; `Break` ends the job. It must not block: other jobs wait for it.
pub type PeriodicJob = Box<dyn FnMut(Run) -> ControlFlow<()> + Send>;

/// One run of a job.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// When it began.
    pub now: Instant,
    /// How long after it was due.
    pub late: Duration,
}

/// Ends its job when dropped. A run that is under way at that moment finishes.
#[derive(Debug)]
pub struct JobHandle(u64);

struct Scheduled {
    id: u64,
    due: Instant,
    period: Duration,
    /// `None` while the thread runs it.
    job: Option<PeriodicJob>,
}

#[derive(Default)]
struct State {
    jobs: Vec<Scheduled>,
    next_id: u64,
    running: bool,
}

#[derive(Default)]
struct Scheduler {
    state: Mutex<State>,
    changed: Condvar,
}

#[cfg(not(all(test, models)))]
fn scheduler() -> &'static Scheduler {
    static SCHEDULER: OnceLock<Scheduler> = OnceLock::new();
    SCHEDULER.get_or_init(Scheduler::default)
}

/// Runs `job` every `period` (at least 1 ms) on the thread, first after one period.
///
/// # Errors
/// Where the operating system refuses the thread.
pub fn schedule(period: Duration, job: PeriodicJob) -> std::io::Result<JobHandle> {
    let scheduler = scheduler();
    let period = period.max(Duration::from_millis(1));
    let mut state = scheduler.state.lock();
    if !state.running {
        crate::os::library::pin();
        thread::Builder::new()
            .name("plimsoll".into())
            .stack_size(512 * 1024)
            .spawn(|| run(scheduler))?;
        state.running = true;
    }
    state.next_id += 1;
    let id = state.next_id;
    state.jobs.push(Scheduled { id, due: now() + period, period, job: Some(job) });
    scheduler.changed.notify_one();
    Ok(JobHandle(id))
}

/// How many jobs are scheduled; 0 means that there is no thread, or that it is about to end.
#[must_use]
pub fn job_count() -> usize {
    scheduler().state.lock().jobs.len()
}

impl Drop for JobHandle {
    fn drop(&mut self) {
        let scheduler = scheduler();
        let mut state = scheduler.state.lock();
        let ended = state.jobs.iter().position(|s| s.id == self.0).map(|i| state.jobs.remove(i));
        scheduler.changed.notify_one();
        // What the job owns may take locks of its own when it is dropped.
        drop(state);
        drop(ended);
    }
}

fn run(scheduler: &Scheduler) {
    let mut state = scheduler.state.lock();
    while let Some(next) = state.jobs.iter_mut().min_by_key(|s| s.due) {
        let now = now();
        if next.due > now {
            let due = next.due;
            scheduler.changed.wait_until(&mut state, due);
            continue;
        }
        let id = next.id;
        let run = Run { now, late: now - next.due };
        next.due = next_due(run, next.period);
        let Some(mut job) = next.job.take() else { continue };
        drop(state);
        // A panic ends the job that raised it, never the thread or the process.
        let flow = catch_unwind(AssertUnwindSafe(|| job(run))).unwrap_or(ControlFlow::Break(()));
        state = scheduler.state.lock();
        match state.jobs.iter().position(|s| s.id == id) {
            Some(at) if flow.is_break() => {
                state.jobs.remove(at);
            }
            Some(at) => {
                state.jobs[at].job = Some(job);
                continue;
            }
            None => {}
        }
        drop(state);
        drop(job);
        state = scheduler.state.lock();
    }
    state.running = false;
}

/// When a job runs next. Periods that a stopped thread (SIGSTOP) has missed are skipped.
fn next_due(run: Run, period: Duration) -> Instant {
    let due = run.now - run.late + period;
    if due > run.now { due } else { run.now + period }
}

#[cfg(all(test, models))]
use models::scheduler;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_late_run_keeps_the_rhythm_and_missed_runs_are_skipped() {
        let (now, period) = (Instant::now(), Duration::from_secs(1));
        let next = |late| next_due(Run { now, late: Duration::from_millis(late) }, period) - now;
        assert_eq!(next(0), period);
        assert_eq!(next(300), Duration::from_millis(700));
        assert_eq!(next(5000), period, "not at once for a second time");
    }

    #[test]
    fn jobs_run_until_they_break_or_are_dropped() {
        let (tx, rx) = mpsc::channel();
        let mut left = 3;
        let once = schedule(
            Duration::from_millis(1),
            Box::new(move |_| {
                left -= 1;
                tx.send(left).unwrap();
                if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }),
        )
        .unwrap();
        assert_eq!(rx.iter().collect::<Vec<_>>(), [2, 1, 0], "the sender is dropped with the job");
        drop(once);

        let (tx, rx) = mpsc::channel();
        let handle = schedule(
            Duration::from_millis(1),
            Box::new(move |_| {
                let _ = tx.send(());
                ControlFlow::Continue(())
            }),
        )
        .unwrap();
        rx.recv().unwrap();
        drop(handle);
        assert!(rx.iter().count() < usize::MAX, "the channel closes: the job is gone");
    }

    #[test]
    fn a_panic_ends_only_its_own_job() {
        let (tx, rx) = mpsc::channel();
        let _panics = schedule(Duration::from_millis(1), Box::new(|_| panic!("expected"))).unwrap();
        let _goes_on = schedule(
            Duration::from_millis(1),
            Box::new(move |_| {
                let _ = tx.send(());
                ControlFlow::Continue(())
            }),
        )
        .unwrap();
        for _ in 0..5 {
            rx.recv().unwrap();
        }
    }
}

#[cfg(all(test, models))]
mod models {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

    use super::*;
    use crate::sync::explore;

    const SOON: Duration = Duration::from_millis(1);
    const NEVER: Duration = Duration::from_secs(3600);

    static CURRENT: AtomicPtr<Scheduler> = AtomicPtr::new(std::ptr::null_mut());

    /// The one of this run of a model.
    pub fn scheduler() -> &'static Scheduler {
        // SAFETY: `begin` has leaked it.
        unsafe { &*CURRENT.load(Ordering::Relaxed) }
    }

    fn begin() {
        CURRENT.store(Box::leak(Box::default()), Ordering::Relaxed);
    }

    fn counting(runs: &Arc<AtomicU32>, then: ControlFlow<()>) -> PeriodicJob {
        let runs = Arc::clone(runs);
        Box::new(move |_| {
            runs.fetch_add(1, Ordering::Relaxed);
            then
        })
    }

    // That each of these ends at all says that the thread ends with the last job.

    #[test]
    fn models_of_a_job_that_comes_while_the_thread_waits() {
        explore("a job that is due before the one that is waited for", 3, || {
            begin();
            let runs = Arc::new(AtomicU32::new(0));
            let far = schedule(NEVER, counting(&runs, ControlFlow::Continue(()))).unwrap();
            let near = schedule(SOON, counting(&runs, ControlFlow::Break(()))).unwrap();
            while job_count() > 1 {
                thread::yield_now();
            }
            assert_eq!(runs.load(Ordering::Relaxed), 1);
            drop((far, near));
            assert_eq!(job_count(), 0);
        });
    }

    #[test]
    fn models_of_a_job_that_is_dropped() {
        explore("a job that is dropped while it runs", 3, || {
            begin();
            let runs = Arc::new(AtomicU32::new(0));
            let one = schedule(SOON, counting(&runs, ControlFlow::Break(()))).unwrap();
            drop(one);
            assert_eq!(job_count(), 0);
            // The thread may be about to end: the next job has one nonetheless.
            let next = schedule(SOON, counting(&runs, ControlFlow::Break(()))).unwrap();
            while job_count() > 0 {
                thread::yield_now();
            }
            assert!((1..=2).contains(&runs.load(Ordering::Relaxed)));
            drop(next);
            assert_eq!(Arc::strong_count(&runs), 1, "what the jobs held is dropped");
        });
    }
}
