//! The time in which the process ran. A stopped process (SIGSTOP, a frozen container, a suspended virtual machine) does
//! no work, so that time is no part of a rate, of a window or of the time watched.
//!
//! The sampler's thread sleeps for an interval and then runs. If it runs late although it did not wait for a processor,
//! the process was stopped. The part of a stop before the thread was due is indistinguishable from its sleep: less than
//! an interval of each stop is counted as time watched.

use std::time::{Duration, Instant};

use crate::background::Run;

/// A thread that runs this late has other reasons: a lock, a page fault.
const LEAST: Duration = Duration::from_millis(50);

/// The clock of one watch.
#[derive(Debug)]
pub(super) struct RunClock {
    interval: Duration,
    /// The last tick, and the one before it.
    last: Tick,
    before: Tick,
    stopped: Duration,
    /// The end of the last stop, and how long it was.
    last_stop: (Instant, Duration),
    waited: Option<Duration>,
}

/// A moment, and how long the process had run by then.
#[derive(Debug, Clone, Copy)]
struct Tick {
    at: Instant,
    ran: Duration,
}

impl RunClock {
    /// A clock that starts at 0.
    pub fn new(interval: Duration, now: Instant) -> Self {
        let start = Tick { at: now, ran: Duration::ZERO };
        let last_stop = (now, Duration::ZERO);
        Self {
            interval,
            last: start,
            before: start,
            stopped: Duration::ZERO,
            last_stop,
            waited: None,
        }
    }

    /// The sampler's thread runs; `waited`: how long it has waited for a processor since it began, if that is known.
    pub fn tick(&mut self, run: Run, waited: Option<Duration>) -> u64 {
        let waits = self.waited.zip(waited).map(|(before, now)| now.saturating_sub(before));
        // Without that figure a thread that is a whole interval late is taken for stopped.
        let least = if waits.is_some() { (self.interval / 4).max(LEAST) } else { self.interval };
        let passed = run.now.saturating_duration_since(self.last.at);
        let late = run.late.saturating_sub(waits.unwrap_or_default()).min(passed);
        let stopped = if late >= least { late } else { Duration::ZERO };
        self.stopped += stopped;
        if stopped > Duration::ZERO {
            self.last_stop = (run.now, stopped);
        }
        self.waited = waited;
        self.before = self.last;
        self.last = Tick { at: run.now, ran: self.last.ran + (passed - stopped) };
        ms(self.last.ran)
    }

    /// How long the process had run at a moment, ms.
    pub fn at(&self, moment: Instant) -> u64 {
        let since = |tick: Tick| moment.saturating_duration_since(tick.at);
        ms(if moment > self.last.at {
            // A stop since the last tick is not known before the next one.
            self.last.ran + since(self.last).min(self.interval)
        } else {
            (self.before.ran + since(self.before)).min(self.last.ran)
        })
    }

    /// How much of the time before a moment the process ran: without the last stop, and without a stop since the last
    /// tick, which is not known before the next one.
    pub fn ran(&self, time: Duration, end: Instant) -> Duration {
        let unknown = end.saturating_duration_since(self.last.at + 2 * self.interval).min(time);
        let (stop_end, stop) = self.last_stop;
        let stop = stop.saturating_sub(stop_end.saturating_duration_since(end));
        let since = time.saturating_sub(end.saturating_duration_since(stop_end));
        time - unknown - stop.min(since).min(time - unknown)
    }

    /// How long it was stopped, ms.
    pub fn stopped_ms(&self) -> u64 {
        ms(self.stopped)
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Ticks as the scheduler gives them: each a second after the last one, or when the process runs again.
    struct Life {
        clock: RunClock,
        now: Instant,
        waited: Option<Duration>,
    }

    impl Life {
        fn new(waited: Option<Duration>) -> Self {
            let now = Instant::now();
            let mut clock = RunClock::new(SECOND, now);
            clock.waited = waited;
            Self { clock, now, waited }
        }

        fn tick(&mut self, late: Duration) -> u64 {
            self.now += SECOND + late;
            self.clock.tick(Run { now: self.now, late }, self.waited)
        }
    }

    #[test]
    fn a_stop_counts_for_nothing() {
        for waited in [None, Some(Duration::ZERO)] {
            let mut life = Life::new(waited);
            assert_eq!(life.tick(Duration::ZERO), 1000);
            assert_eq!(life.tick(SECOND * 3600), 2000);
            assert_eq!(life.tick(Duration::ZERO), 3000);
            assert_eq!(life.clock.stopped_ms(), 3_600_000);
        }
    }

    #[test]
    fn a_busy_machine_is_no_stop() {
        let mut life = Life::new(Some(Duration::ZERO));
        life.waited = Some(SECOND * 5);
        assert_eq!(life.tick(SECOND * 5), 6000, "the thread waited for a processor");
        assert_eq!(life.tick(SECOND * 5), 7000, "and here it did not");
        let mut unknown = Life::new(None);
        assert_eq!(unknown.tick(SECOND / 2), 1500, "less than an interval, where it is not known");
    }

    #[test]
    fn a_moment_between_ticks_lies_between_them() {
        let mut life = Life::new(Some(Duration::ZERO));
        let first = life.now;
        life.tick(SECOND * 100);
        let half = SECOND / 2;
        assert_eq!(life.clock.at(first + half), 500, "before the stop");
        assert_eq!(life.clock.at(life.now - half), 1000, "after it");
        assert_eq!(life.clock.at(life.now + half), 1500);
        assert_eq!(life.clock.at(life.now + SECOND * 100), 2000, "a stop that is not known yet");
    }

    #[test]
    fn what_was_stopped_in_the_middle_ran_for_the_rest() {
        let mut life = Life::new(Some(Duration::ZERO));
        let ran = |life: &Life, time, end| life.clock.ran(time, end);
        assert_eq!(ran(&life, SECOND, life.now + SECOND), SECOND, "no stop is known");
        assert_eq!(ran(&life, SECOND * 3600, life.now + SECOND * 3600), SECOND * 2, "nor this one");
        life.tick(SECOND * 3600);
        let end = life.now + SECOND / 2;
        assert_eq!(ran(&life, SECOND * 3601, end), SECOND, "it began before the stop");
        assert_eq!(ran(&life, SECOND / 4, end), SECOND / 4, "it began after the stop");
        assert_eq!(ran(&life, SECOND * 60, end), SECOND / 2, "it began, as it seems, in the stop");
        let early = life.now - SECOND * 3600;
        assert_eq!(ran(&life, SECOND / 4, early), SECOND / 4, "it ended before the stop");
    }

    proptest! {
        #[test]
        fn time_never_goes_back_and_is_at_most_what_passed(lates in prop::collection::vec((0u64..20_000, 0u64..20_000), 1..40)) {
            let mut life = Life::new(Some(Duration::ZERO));
            let (begun, mut before) = (life.now, 0);
            for (late, waits) in lates {
                life.waited = life.waited.map(|waited| waited + Duration::from_millis(waits));
                let now = life.tick(Duration::from_millis(late));
                let passed = (life.now - begun).as_millis() as u64;
                prop_assert!(now >= before + 1000 && now <= passed);
                prop_assert_eq!(now + life.clock.stopped_ms(), passed);
                before = now;
            }
        }
    }
}
