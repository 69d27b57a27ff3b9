//! The settings of a trend: the window, the interval, the thresholds, the budget of its probes.

use super::pyramid::BUCKETS;
use super::rule::Thresholds;

const MB: f64 = 1024.0 * 1024.0;
/// The default share of the event loop's time that forced GCs may take.
pub const PROBE_BUDGET: f64 = 0.005;

/// Why a configuration is refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// The interval is 0.
    #[error("the interval must be at least 1 ms")]
    Interval,
    /// The window is shorter than one bucket for each interval allows; the field is the least window, ms.
    #[error("the window must be at least {BUCKETS} intervals, which is {0} ms")]
    Window(u64),
    /// The probe budget is not a share from 0 to 1.
    #[error("the probe budget must be a share of the loop's time from 0 to 1, not {0}")]
    Budget(f64),
}

/// Settings of a [`Trend`](super::Trend).
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The least time before a verdict, ms. It shrinks where the limit is nearer than five windows.
    pub window_ms: u64,
    /// Time between two readings, ms.
    pub interval_ms: u64,
    /// Share of the loop's time that probe collections may take, in any half an hour (or window, where that is longer);
    /// 0 turns them off.
    pub probe_budget: f64,
    /// How the live heap (used after a mark-compact) is judged.
    pub heap: Thresholds,
    /// How external bytes are judged.
    pub external: Thresholds,
    /// How native bytes are judged: stricter, for a healthy process' rss climbs in its first minutes.
    pub native: Thresholds,
    /// How many windows running must agree.
    pub need: u32,
}

impl Config {
    /// The settings for a window and an interval, in ms.
    ///
    /// # Errors
    /// Where the interval is 0 or the window shorter than 12 intervals.
    pub fn new(window_ms: u64, interval_ms: u64) -> Result<Self, ConfigError> {
        let exact = Thresholds {
            points: 5,
            z: 3.0,
            chance: 0.0014,
            bytes: 2.0 * MB,
            suspect: 0.04,
            leak: 0.08,
        };
        Self {
            window_ms,
            interval_ms,
            probe_budget: PROBE_BUDGET,
            heap: exact,
            external: exact,
            native: Thresholds {
                points: 8,
                z: 3.3,
                chance: 0.0005,
                bytes: 8.0 * MB,
                suspect: 0.05,
                leak: 0.10,
            },
            need: 2,
        }
        .checked()
    }

    /// The same with another probe budget.
    ///
    /// # Errors
    /// Where the budget is not a share from 0 to 1.
    pub fn with_probe_budget(self, probe_budget: f64) -> Result<Self, ConfigError> {
        Self { probe_budget, ..self }.checked()
    }

    fn checked(self) -> Result<Self, ConfigError> {
        let least = self.interval_ms.saturating_mul(BUCKETS as u64);
        if self.interval_ms == 0 {
            Err(ConfigError::Interval)
        } else if self.window_ms < least {
            Err(ConfigError::Window(least))
        } else if !(0.0..=1.0).contains(&self.probe_budget) {
            Err(ConfigError::Budget(self.probe_budget))
        } else {
            Ok(self)
        }
    }

    /// Width of the narrowest buckets, ms: the window's twelfth, halved while it holds an interval.
    ///
    /// The levels below the window's own are for leaks that would reach the limit before it is over.
    pub(super) fn base_width(&self) -> u64 {
        let bucket = self.window_ms.div_ceil(BUCKETS as u64);
        bucket.div_ceil(1 << (bucket / self.interval_ms).ilog2())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused_with_what_to_do() {
        assert_eq!(Config::new(30_000, 0), Err(ConfigError::Interval));
        assert_eq!(Config::new(11_999, 1000), Err(ConfigError::Window(12_000)));
        let budget = Config::new(30_000, 1000).unwrap().with_probe_budget(1.5);
        assert_eq!(budget, Err(ConfigError::Budget(1.5)));
        assert!(Config::new(30_000, 1000).unwrap().with_probe_budget(f64::NAN).is_err());
        assert!(ConfigError::Window(12_000).to_string().contains("12000 ms"));
    }

    #[test]
    fn a_level_has_the_window_within_a_bucket() {
        for (window, interval) in
            [(30_000, 1000), (12_000, 1000), (900_000, 1000), (900_000, 250), (61_001, 777)]
        {
            let base = Config::new(window, interval).unwrap().base_width();
            assert!(base >= interval);
            let level = (window / 12 / base).next_power_of_two();
            let width = base * level;
            assert!(
                width * 12 >= window && width * 12 < window + 12 * level + 12,
                "{window} {interval} {base}"
            );
        }
    }
}
