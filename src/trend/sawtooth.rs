//! Sawtooth cycles: rises of a series that came down without a restart. A later rise of the same length and height is
//! no leak.

use super::floors::points;
use super::pyramid::Pyramid;
use super::rule::{FloorPoint, WindowFinding};

/// Growth must last this many times as long as an earlier cycle to count as growth,
const LONGER: f64 = 1.5;
/// or rise this many times as high.
const HIGHER: f64 = 2.0;
/// A cycle begins where the series was last as low as the value it fell to, within this share of its height.
const AS_LOW: f64 = 0.1;

/// A rise that came down.
#[derive(Debug, Clone, Copy, Default)]
struct Cycle {
    /// Milliseconds.
    lasted: f64,
    /// Bytes.
    height: f64,
}

impl Cycle {
    fn covers(&self, finding: &WindowFinding) -> bool {
        finding.span < LONGER * self.lasted && finding.growth < HIGHER * self.height
    }
}

/// The current direction of the series.
#[derive(Debug, Clone, Copy)]
enum Course {
    Rising,
    /// When the fall began, and the lowest value since.
    Fallen {
        since: f64,
        low: f64,
    },
}

/// The sawtooth cycles of one series: the longest and highest for each doubling of their length.
#[derive(Debug, Clone)]
pub(super) struct Sawtooth {
    high: FloorPoint,
    course: Course,
    known: [Cycle; Pyramid::LEVELS],
}

impl Sawtooth {
    pub fn new() -> Self {
        let high = FloorPoint { t: 0.0, value: 0.0, load: 0.0 };
        Self { high, course: Course::Rising, known: [Cycle::default(); Pyramid::LEVELS] }
    }

    /// Adds a floor of the series. A fall by less than `least` bytes is ignored.
    pub fn observe(&mut self, series: &Pyramid, floor: FloorPoint, least: f64) {
        match self.course {
            Course::Rising if floor.value >= self.high.value => self.high = floor,
            Course::Rising if self.high.value - floor.value >= least => {
                self.fall(series, floor.t, floor.value);
            }
            Course::Fallen { since, low } if floor.value < low => {
                self.fall(series, since, floor.value);
            }
            Course::Fallen { low, .. } if floor.value - low >= least => {
                (self.high, self.course) = (floor, Course::Rising);
            }
            _ => {}
        }
    }

    /// Whether a window shows no more than what has come down before.
    pub fn cover(&self, finding: &WindowFinding) -> bool {
        self.known.iter().any(|cycle| cycle.covers(finding))
    }

    fn fall(&mut self, series: &Pyramid, since: f64, low: f64) {
        self.course = Course::Fallen { since, low };
        let height = self.high.value - low;
        let mut seen: Vec<FloorPoint> =
            (0..series.depth()).flat_map(|level| points(series, None, level)).collect();
        seen.sort_unstable_by(|a, b| a.t.total_cmp(&b.t));
        let before = seen.iter().rev().skip_while(|p| p.t >= self.high.t);
        let foot = before.take_while(|p| p.value > low + AS_LOW * height).last();
        let lasted = since - foot.map_or(self.high.t, |foot| foot.t);
        let doublings = (lasted / series.width(0) as f64).max(1.0).log2() as usize;
        let cycle = &mut self.known[doublings.min(Pyramid::LEVELS - 1)];
        cycle.lasted = cycle.lasted.max(lasted);
        cycle.height = cycle.height.max(height);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trend::rule::{self, Thresholds};

    const LEAST: f64 = 10.0;

    /// The sawtooth of a course, a floor each second.
    fn seen(course: impl IntoIterator<Item = u64>) -> Sawtooth {
        let (mut series, mut sawtooth) = (Pyramid::new(1000, 0), Sawtooth::new());
        for (t, value) in (0..).step_by(1000).zip(course) {
            series.insert(t, value);
            series.close(t + 1000);
            sawtooth.observe(
                &series,
                FloorPoint { t: t as f64, value: value as f64, load: 0.0 },
                LEAST,
            );
        }
        sawtooth
    }

    /// A window that grows by `height` in `seconds`.
    fn growth(seconds: f64, height: f64) -> WindowFinding {
        let point = |i| {
            let share = f64::from(i) / 11.0;
            FloorPoint { t: share * seconds * 1000.0, value: share * height, load: 0.0 }
        };
        let points: Vec<FloorPoint> = (0..12).map(point).collect();
        let none =
            Thresholds { points: 5, z: 0.0, chance: 1.0, bytes: 0.0, suspect: 0.0, leak: 0.0 };
        rule::judge(&points, seconds * 1000.0, u64::MAX, &none)
    }

    #[test]
    fn what_came_down_is_known_again_and_what_goes_beyond_it_is_not() {
        let sawtooth = seen((0..60).map(|t| 5 + t % 20 * 5));
        assert!(sawtooth.cover(&growth(19.0, 95.0)));
        assert!(sawtooth.cover(&growth(19.0, 150.0)));
        assert!(!sawtooth.cover(&growth(35.0, 95.0)), "longer");
        assert!(!sawtooth.cover(&growth(19.0, 200.0)), "higher");
    }

    #[test]
    fn a_long_low_tooth_and_a_short_high_one_are_two() {
        let long = (0..60).map(|t| 5 + t);
        let short = (0..10).map(|t| 5 + t * 50);
        let sawtooth = seen(long.chain(short).chain([5]));
        assert!(sawtooth.cover(&growth(59.0, 60.0)));
        assert!(sawtooth.cover(&growth(9.0, 450.0)));
        assert!(!sawtooth.cover(&growth(59.0, 450.0)));
    }

    #[test]
    fn noise_has_no_teeth_and_neither_has_growth() {
        for sawtooth in [seen((0..60).map(|t| 50 + t % 2 * 9)), seen((0..60).map(|t| t * 10))] {
            assert!(!sawtooth.cover(&growth(1.0, 1.0)));
        }
    }

    #[test]
    fn a_rise_begins_where_it_was_last_as_low_not_where_the_watch_did() {
        let level = std::iter::repeat_n(50, 40);
        let sawtooth = seen(level.clone().chain((0..10).map(|t| 50 + t * 10)).chain(level));
        assert!(sawtooth.cover(&growth(10.0, 90.0)));
        assert!(!sawtooth.cover(&growth(20.0, 90.0)), "the level before it is no part of it");
    }

    #[test]
    fn a_rise_within_a_tenth_of_the_foot_is_no_part_of_it_and_one_above_is() {
        let from = |start: u64| {
            let level = std::iter::repeat_n(start, 40);
            let rise = (0..10).map(move |t| start + t * (149 - start) / 9);
            seen(level.chain(rise).chain([50]))
        };
        // Of a height of 100: from 58 on, and from 62.
        let (within, above) = (from(58), from(62));
        assert!(within.cover(&growth(12.0, 90.0)) && !within.cover(&growth(30.0, 90.0)));
        assert!(above.cover(&growth(30.0, 90.0)));
    }

    #[test]
    fn a_small_rise_within_a_fall_does_not_end_it() {
        let up = (0..20).map(|t| 5 + t * 5);
        let sawtooth = seen(up.chain([60, 69, 5]));
        assert!(sawtooth.cover(&growth(19.0, 180.0)), "one fall by 95");
        let high = seen(
            (0..20)
                .map(|t| 100 + t * 5)
                .chain([100])
                .chain((0..40).map(|t| 100 + t * 9))
                .chain([100]),
        );
        assert!(high.cover(&growth(39.0, 600.0)), "a rise by less than its foot is a rise");
    }

    #[test]
    fn growth_covers_an_earlier_rise_below_half_as_long_again_and_twice_as_high() {
        let cycle = Cycle { lasted: 20.0, height: 10.0 };
        let covers =
            |span, growth| cycle.covers(&WindowFinding { span, growth, ..self::growth(1.0, 1.0) });
        assert!(covers(29.0, 19.0));
        assert!(!covers(30.0, 19.0) && !covers(29.0, 20.0));
    }

    #[test]
    fn a_rise_that_lasts_longer_than_all_levels_is_known() {
        let (mut series, mut sawtooth) = (Pyramid::new(1, 0), Sawtooth::new());
        let end = 1u64 << (Pyramid::LEVELS + 2);
        for t in (0..=end).step_by(1000) {
            let value = if t + 1000 > end { 0 } else { t };
            series.insert(t, value);
            series.close(t + 1);
            sawtooth.observe(
                &series,
                FloorPoint { t: t as f64, value: value as f64, load: 0.0 },
                LEAST,
            );
        }
        assert!(sawtooth.cover(&growth(end as f64 / 1000.0, end as f64)));
    }

    #[test]
    fn a_fall_in_steps_is_one_fall() {
        let up = (0..20).map(|t| t * 5);
        let down = (0..20).map(|t| 95 - t * 5);
        let sawtooth = seen(up.chain(down));
        assert!(sawtooth.cover(&growth(19.0, 180.0)));
        assert!(!sawtooth.cover(&growth(35.0, 180.0)), "the way down is no part of the rise");
    }
}
