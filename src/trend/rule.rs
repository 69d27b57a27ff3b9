//! What one window of minima looks like: the rule, without state.

use super::pyramid::BUCKETS;
use super::stats::{chance_of_rising, correlation, curvature, mann_kendall, median, theil_sen};

/// One bucket's minimum as the rule sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FloorPoint {
    /// When the minimum was seen, ms.
    pub t: f64,
    /// The minimum, bytes.
    pub value: f64,
    /// Load while the bucket was open: work per millisecond.
    pub load: f64,
}

/// What is asked of a window before it counts as growth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Fewest points.
    pub points: usize,
    /// Least deviate of the Mann-Kendall test, from ten points on.
    pub z: f64,
    /// Of fewer: how often chance may rise as much at most. That of the deviate.
    pub chance: f64,
    /// Least growth, bytes: below it is noise whatever its share.
    pub bytes: f64,
    /// Growth as a share of the headroom at the window's start from which a channel is suspect.
    pub suspect: f64,
    /// The share from which it leaks.
    pub leak: f64,
}

/// The second half's slope below this share of the first half's: a warm-up that comes to rest.
const DECELERATION: f64 = 0.6;
/// Above it, but below this share, the bend must be beyond chance ([`CERTAIN`]), and lead to rest in time.
const BENDS_DOWN: f64 = 0.9;
/// The same upwards: what fills does not accelerate.
const BENDS_UP: f64 = 1.25;
/// Deviate of the quadratic term from which a bend is beyond chance.
const CERTAIN: f64 = 2.5;
/// Growth that halves from half to half (or by whatever ratio) comes to rest; it must do so with this share
/// of the headroom still free.
const FREE_AT_REST: f64 = 0.5;
/// From this many points on Kendall's S is nearly normal.
const NORMAL: usize = 10;
/// Fewer than this cannot rise beyond chance: they must lie on a rising line,
const RISING: usize = 6;
/// which they do where none is further off than this share of the growth.
const COLLINEAR: f64 = 0.15;
/// The points must cover this share of the window, or a tooth of a sawtooth would do.
const COVER: f64 = 7.0 / BUCKETS as f64;
/// Where this share of the rise came at once, beyond what even growth would show in that time, it is a step: two of
/// them are no trend either.
const STEP: f64 = 0.35;
/// From this many points on a step may hide between two buckets.
const ENOUGH: usize = 8;
/// Two steps leave at most this share of the rise to the other pairs of points, as movement up or down.
const BESIDE_STEPS: f64 = 0.15;
/// From this share of the rise on, one that came at once may hide what the rest does: the table of a large Map doubles.
const AT_ONCE: f64 = 0.12;
/// It stands alone if no other one is this share of it: what leaks in bursts has several.
const ALONE: f64 = 0.6;
/// A rise of the load by this factor may explain growth that correlates with it so much: by much somehow,
/// or by a little closely.
const LOAD: [(f64, f64); 3] = [(1.25, 0.7), (1.1, 0.85), (1.05, 0.95)];
/// The headroom is taken as this share of the limit at least, so that noise just below the limit is not growth.
const LEAST_HEADROOM: f64 = 1.0 / 8.0;

/// What a window looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrowthShape {
    /// Too few points to say.
    Few,
    /// No trend.
    Flat,
    /// A trend that is small beside the headroom.
    Slow,
    /// A trend that comes to rest.
    Warming,
    /// A trend that the load explains.
    FollowsLoad,
    /// A trend that a bounded cache of ours explains.
    Filling,
    /// A trend of what the allocator keeps, not of what is used.
    Fragmentation,
    /// A trend from the suspect share upwards.
    Growing,
}

/// The rule's answer for a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowFinding {
    /// What it looks like.
    pub shape: GrowthShape,
    /// Theil-Sen slope, bytes per ms.
    pub slope: f64,
    /// Slope times span, bytes.
    pub growth: f64,
    /// Growth as a share of the headroom at the window's start.
    pub share: f64,
    /// Time from the first to the last point, ms.
    pub span: f64,
    /// Mann-Kendall deviate.
    pub z: f64,
    /// Whether it grows ever faster, in time and for the work that is done.
    pub accelerates: bool,
}

impl WindowFinding {
    const NONE: Self = Self {
        shape: GrowthShape::Few,
        slope: 0.0,
        growth: 0.0,
        share: 0.0,
        span: 0.0,
        z: 0.0,
        accelerates: false,
    };
}

/// Judges the points of a window of `window` ms, oldest first, against the limit of their channel.
#[must_use]
pub fn judge(
    points: &[FloorPoint],
    window: f64,
    limit: u64,
    thresholds: &Thresholds,
) -> WindowFinding {
    let mut finding = WindowFinding::NONE;
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return finding };
    finding.span = last.t - first.t;
    if points.len() < thresholds.points.max(3) || finding.span < COVER * window - 1.0 {
        return finding;
    }
    let values: Vec<f64> = points.iter().map(|p| p.value).collect();
    finding.slope = slope(points);
    finding.growth = finding.slope * finding.span;
    let room = headroom(limit as f64, first.value);
    finding.share = finding.growth / room;
    finding.z = mann_kendall(&values);
    let bends = bends(points);
    finding.accelerates = bends.iter().all(|b| b.ratio > BENDS_UP && b.deviate >= CERTAIN);
    finding.shape = if !rises(points, &finding, thresholds)
        || finding.growth < thresholds.bytes
        || !last_third_above(&values)
        || has_step(points, 1)
    {
        GrowthShape::Flat
    } else if bends.iter().all(|bend| bend.comes_to_rest(room)) {
        GrowthShape::Warming
    } else if follows_load(points) {
        GrowthShape::FollowsLoad
    } else if points.len() >= ENOUGH && (has_step(points, 2) || is_two_steps(&values)) {
        // The bucket in which it happened may show a moment between before and after.
        GrowthShape::Flat
    } else if !grows_besides_step(points, &finding, thresholds, room) {
        GrowthShape::Warming
    } else if finding.share < thresholds.suspect {
        GrowthShape::Slow
    } else {
        GrowthShape::Growing
    };
    finding
}

/// The test for a trend.
fn rises(points: &[FloorPoint], finding: &WindowFinding, thresholds: &Thresholds) -> bool {
    if points.len() >= NORMAL {
        return finding.z >= thresholds.z;
    }
    if points.len() >= RISING {
        let values: Vec<f64> = points.iter().map(|p| p.value).collect();
        return chance_of_rising(&values) <= thresholds.chance;
    }
    let mut residuals: Vec<f64> = points.iter().map(|p| p.value - finding.slope * p.t).collect();
    let middle = median(&mut residuals).unwrap_or(0.0);
    points.windows(2).all(|pair| pair[0].value < pair[1].value)
        && residuals.iter().all(|r| (r - middle).abs() <= COLLINEAR * finding.growth)
}

/// The headroom below a limit at a value, never less than a share of the limit.
#[must_use]
pub fn headroom(limit: f64, value: f64) -> f64 {
    (limit - value).max(limit * LEAST_HEADROOM).max(1.0)
}

/// Theil-Sen slope of the points, bytes per ms.
#[must_use]
pub fn slope(points: &[FloorPoint]) -> f64 {
    theil_sen(&over_time(points))
}

/// The minimum of the last third is above every value of the first half: no sawtooth and no burst does
/// that. What lies between may overlap with the last third, for noise overlaps.
fn last_third_above(values: &[f64]) -> bool {
    let last = &values[values.len() - values.len().div_ceil(3)..];
    let lowest = last.iter().copied().fold(f64::INFINITY, f64::min);
    values[..values.len() / 2].iter().all(|&value| value < lowest)
}

/// Much of the rise came from one point to the next, or to one of the next `few`: a step, which a leak would
/// repeat.
fn has_step(points: &[FloorPoint], few: usize) -> bool {
    let (first, last) = (points[0], points[points.len() - 1]);
    let (rise, span) = (last.value - first.value, last.t - first.t);
    let share = |from: &FloorPoint, to: &FloorPoint| {
        (to.value - from.value) / rise - (to.t - from.t) / span
    };
    points.iter().enumerate().any(|(at, from)| {
        points[at + 1..].iter().take(few).any(|to| rise > 0.0 && share(from, to) > STEP)
    })
}

/// The points without the one rise from a point to the next that is much more than even growth shows in that time. What
/// leaks goes on beside it.
fn without_step(points: &[FloorPoint]) -> Option<Vec<FloorPoint>> {
    let (first, last) = (points[0], points[points.len() - 1]);
    let (rise, span) = (last.value - first.value, last.t - first.t);
    let beyond_even =
        |pair: &[FloorPoint]| pair[1].value - pair[0].value - rise * (pair[1].t - pair[0].t) / span;
    let steps: Vec<f64> = points.windows(2).map(beyond_even).collect();
    let (at, &step) = steps.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
    let is_other = |&(other, &each): &(usize, &f64)| other != at && each >= ALONE * step;
    if step < AT_ONCE * rise || steps.iter().enumerate().any(|other| is_other(&other)) {
        return None;
    }
    let lower = |(index, point): (usize, &FloorPoint)| FloorPoint {
        value: if index > at { point.value - step } else { point.value },
        ..*point
    };
    Some(points.iter().enumerate().map(lower).collect())
}

/// Whether what is left of a window without its step grows too, and goes on.
fn grows_besides_step(
    points: &[FloorPoint],
    finding: &WindowFinding,
    thresholds: &Thresholds,
    headroom: f64,
) -> bool {
    let Some(rest) = without_step(points) else { return true };
    slope(&rest) * finding.span >= thresholds.bytes
        && !bends(&rest).iter().all(|bend| bend.comes_to_rest(headroom))
}

/// The values rise twice, each time from one point to the next but one at most, and rest in between.
fn is_two_steps(values: &[f64]) -> bool {
    if values.len() < NORMAL {
        return false;
    }
    let moves: Vec<f64> = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let steps: Vec<f64> = moves.windows(2).map(|pair| pair[0] + pair[1]).collect();
    let later = |at: usize| steps[at + 2..].iter().copied().fold(0.0, f64::max);
    let most = (0..steps.len() - 2).map(|at| steps[at] + later(at)).fold(0.0, f64::max);
    let rise = values[values.len() - 1] - values[0];
    moves.iter().sum::<f64>() - most <= BESIDE_STEPS * rise
}

fn over_time(points: &[FloorPoint]) -> Vec<(f64, f64)> {
    points.iter().map(|p| (p.t, p.value)).collect()
}

/// The same over the work done so far, where any was: growth that slows down because the load does is no
/// warm-up.
fn over_work(points: &[FloorPoint]) -> Vec<(f64, f64)> {
    let (mut work, mut before) = (0.0, points[0].t);
    let done = |p: &FloorPoint| {
        work += p.load * (p.t - before);
        before = p.t;
        (work, p.value)
    };
    let line: Vec<_> = points.iter().map(done).collect();
    if work > 0.0 { line } else { over_time(points) }
}

/// How the slope changes from the first half of a series to its second.
#[derive(Debug, Clone, Copy)]
struct Bend {
    /// Second half's slope by the first half's.
    ratio: f64,
    /// [`curvature`].
    deviate: f64,
    /// What the first half grew by, bytes.
    first: f64,
}

/// Over time and over the work.
fn bends(points: &[FloorPoint]) -> [Bend; 2] {
    [bend(&over_time(points)), bend(&over_work(points))]
}

fn bend(line: &[(f64, f64)]) -> Bend {
    let middle = line.len() / 2;
    let (first, second) = (theil_sen(&line[..=middle]), theil_sen(&line[middle..]));
    let grown = first * (line[middle].0 - line[0].0);
    // Growth that only begins in the second half accelerates.
    let ratio = if first > 0.0 { second / first } else { f64::INFINITY };
    Bend { ratio, deviate: curvature(line), first: grown }
}

impl Bend {
    /// Half by half the growth shrinks by the ratio: to a level in sight, before too much of the headroom
    /// at the window's start is gone.
    fn comes_to_rest(self, headroom: f64) -> bool {
        if self.ratio < DECELERATION {
            return true;
        }
        let certain = self.ratio < BENDS_DOWN && self.deviate <= -CERTAIN;
        certain && self.first / (1.0 - self.ratio) <= (1.0 - FREE_AT_REST) * headroom
    }
}

/// The load rose, the values went with it, and they grew less than in proportion to it.
fn follows_load(points: &[FloorPoint]) -> bool {
    let third = points.len() / 3;
    let mean = |part: &[FloorPoint], of: fn(&FloorPoint) -> f64| {
        part.iter().map(of).sum::<f64>() / part.len() as f64
    };
    let rise = |of: fn(&FloorPoint) -> f64| {
        mean(&points[points.len() - third..], of)
            / mean(&points[..third], of).max(f64::MIN_POSITIVE)
    };
    let loads: Vec<f64> = points.iter().map(|p| p.load).collect();
    let values: Vec<f64> = points.iter().map(|p| p.value).collect();
    let load_rise = rise(|p| p.load);
    let together = correlation(&loads, &values);
    load_rise.is_finite()
        && rise(|p| p.value) <= load_rise
        && LOAD.iter().any(|(least, close)| load_rise > *least && together > *close)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MB: f64 = 1024.0 * 1024.0;
    const WINDOW: f64 = 30_000.0;
    const LIMIT: u64 = 256 << 20;
    const HEAP: Thresholds = Thresholds {
        points: 5,
        z: 3.0,
        chance: 0.0014,
        bytes: 2.0 * MB,
        suspect: 0.04,
        leak: 0.08,
    };

    fn points(values: impl IntoIterator<Item = f64>) -> Vec<FloorPoint> {
        values
            .into_iter()
            .enumerate()
            .map(|(i, mb)| FloorPoint { t: i as f64 * 2500.0, value: mb * MB, load: 1.0 })
            .collect()
    }

    fn shape(values: &[f64]) -> GrowthShape {
        judge(&points(values.iter().copied()), WINDOW, LIMIT, &HEAP).shape
    }

    #[test]
    fn a_steady_climb_grows() {
        let climb: Vec<f64> = (0..12).map(|i| 10.0 + 2.5 * f64::from(i)).collect();
        let finding = judge(&points(climb), WINDOW, LIMIT, &HEAP);
        assert_eq!(finding.shape, GrowthShape::Growing);
        assert!((finding.slope * 1000.0 / MB - 1.0).abs() < 1e-9);
        assert!((finding.share - 27.5 / 246.0).abs() < 1e-9);
    }

    #[test]
    fn two_steps_with_a_point_between_their_levels_are_no_growth() {
        let steps =
            [70.0, 70.0, 80.9, 102.8, 102.8, 102.8, 102.8, 108.3, 137.9, 137.9, 137.9, 137.9];
        assert_eq!(shape(&steps), GrowthShape::Flat);
        let three = [70.0, 70.0, 80.9, 92.8, 92.8, 97.3, 117.3, 117.3, 122.9, 137.9, 137.9, 137.9];
        assert_eq!(shape(&three), GrowthShape::Growing);
    }

    #[test]
    fn what_is_no_growth() {
        assert_eq!(shape(&[10.0; 4]), GrowthShape::Few);
        assert_eq!(shape(&[10.0; 12]), GrowthShape::Flat);
        assert_eq!(
            shape(&[9.0, 12.0, 15.0, 18.0, 9.0, 12.0, 15.0, 18.0, 9.0, 12.0, 15.0, 18.0]),
            GrowthShape::Flat
        );
        assert_eq!(
            shape(&[9.0, 9.1, 9.2, 9.1, 9.3, 9.2, 80.0, 60.0, 9.3, 9.4, 9.5, 9.6]),
            GrowthShape::Flat
        );
        let step = [9.0, 9.1, 9.2, 9.3, 9.4, 9.5, 40.0, 40.1, 40.2, 40.3, 40.4, 40.5];
        assert_eq!(shape(&step), GrowthShape::Flat);
        let between = [9.0, 9.1, 9.2, 9.3, 9.4, 9.5, 25.0, 40.1, 40.2, 40.3, 40.4, 40.5];
        assert_eq!(
            shape(&between),
            GrowthShape::Flat,
            "a bucket may show a moment within the step"
        );
        let two = [9.0, 9.1, 9.2, 9.3, 24.4, 24.5, 24.6, 24.7, 40.2, 40.3, 40.4, 40.5];
        assert_eq!(shape(&two), GrowthShape::Flat);
        let four = [9.0, 9.1, 9.2, 17.3, 17.4, 17.5, 25.0, 25.1, 25.2, 33.3, 33.4, 33.5];
        assert_eq!(shape(&four), GrowthShape::Growing, "a step that repeats");
        let rest: Vec<f64> = (0..12).map(|i| 40.0 - 30.0 * 0.7f64.powi(i)).collect();
        assert_eq!(shape(&rest), GrowthShape::Warming);
        let slow: Vec<f64> = (0..12).map(|i| 10.0 + 0.3 * f64::from(i)).collect();
        assert_eq!(shape(&slow), GrowthShape::Slow);
    }

    #[test]
    fn a_slow_bend_warms_up_where_it_leads_to_a_level_in_sight() {
        let towards = |level: f64| -> Vec<f64> {
            (0..12).map(|i| 10.0 + level * (1.0 - 0.95f64.powi(i))).collect()
        };
        assert_eq!(shape(&towards(60.0)), GrowthShape::Warming);
        assert_eq!(
            shape(&towards(200.0)),
            GrowthShape::Growing,
            "at rest too little would be free"
        );
        let mut noisy = towards(60.0);
        for (at, value) in noisy.iter_mut().enumerate() {
            *value += if at % 2 == 0 { 1.2 } else { -1.2 };
        }
        assert_eq!(shape(&noisy), GrowthShape::Growing, "the bend is within the noise");
    }

    #[test]
    fn a_table_that_doubles_does_not_hide_what_the_rest_does() {
        let shape = |of: fn(i32) -> f64, at: i32, step: f64| {
            let values = (0..12).map(|i| of(i) + if i >= at { step } else { 0.0 });
            judge(&points(values), WINDOW, 48 << 20, &HEAP).shape
        };
        let rests = |i| 16.0 - 6.0 * 0.93f64.powi(i);
        assert_eq!(shape(rests, 8, 0.0), GrowthShape::Warming);
        assert_eq!(shape(rests, 8, 0.8), GrowthShape::Warming);
        assert_eq!(shape(|i| 10.0 + f64::from(i), 8, 2.5), GrowthShape::Growing);
        let climbs = |i| 10.0 + 0.15 * f64::from(i);
        assert_eq!(shape(climbs, 6, 0.8), GrowthShape::Warming, "less than 2 MB besides it");
        let climbs = |i| 10.0 + 0.25 * f64::from(i);
        assert_eq!(shape(climbs, 6, 0.8), GrowthShape::Growing);
    }

    #[test]
    fn a_leak_that_slows_because_the_load_does_is_no_warm_up() {
        let mut value = 10.0 * MB;
        let points: Vec<FloorPoint> = (0..12)
            .map(|i| {
                let load = 1.0 / f64::from(i + 3);
                value += 20.0 * MB * load;
                FloorPoint { t: f64::from(i) * 2500.0, value, load }
            })
            .collect();
        assert_eq!(judge(&points, WINDOW, LIMIT, &HEAP).shape, GrowthShape::Growing);
    }

    #[test]
    fn what_grows_ever_faster_is_told() {
        let squares: Vec<f64> = (0..12).map(|i| 10.0 + 0.2 * f64::from(i * i)).collect();
        let line: Vec<f64> = (0..12).map(|i| 10.0 + 2.2 * f64::from(i)).collect();
        assert!(judge(&points(squares), WINDOW, LIMIT, &HEAP).accelerates);
        assert!(!judge(&points(line), WINDOW, LIMIT, &HEAP).accelerates);
    }

    #[test]
    fn growth_with_the_load_follows_it_and_growth_beyond_it_does_not() {
        let loaded = |gain: f64, rise: f64, noise: f64| {
            let points: Vec<FloorPoint> = (0..12)
                .map(|i| {
                    let load = 1.0 + rise * f64::from(i);
                    let noisy = load + noise * f64::from(i * 7 % 5 - 2);
                    let value = 100.0 * (1.0 + (load - 1.0) * gain) * MB;
                    FloorPoint { t: f64::from(i) * 2500.0, value, load: noisy }
                })
                .collect();
            judge(&points, WINDOW, LIMIT, &HEAP).shape
        };
        assert_eq!(loaded(0.9, 0.1, 0.05), GrowthShape::FollowsLoad);
        assert_eq!(loaded(1.6, 0.1, 0.05), GrowthShape::Growing);
        assert_eq!(loaded(0.9, 0.015, 0.001), GrowthShape::FollowsLoad, "a little, but closely");
        assert_eq!(loaded(0.9, 0.015, 0.05), GrowthShape::Growing, "a little, and not closely");
    }

    /// Points some time after the start, two units of time apart.
    fn units(values: &[f64]) -> Vec<FloorPoint> {
        let at =
            |(i, &value): (usize, &f64)| FloorPoint { t: 60.0 + 2.0 * i as f64, value, load: 1.0 };
        values.iter().enumerate().map(at).collect()
    }

    /// Values from 50 on, by what each is above the one before.
    fn by_moves(moves: &[f64]) -> Vec<f64> {
        let sums = moves.iter().scan(50.0, |value, step| {
            *value += step;
            Some(*value)
        });
        std::iter::once(50.0).chain(sums).collect()
    }

    #[test]
    fn points_cover_seven_twelfths_of_the_window_or_are_few() {
        let spanning = |span: f64| {
            let point = |i| FloorPoint {
                t: span * f64::from(i) / 7.0,
                value: f64::from(10 + 3 * i) * MB,
                load: 1.0,
            };
            judge(&(0..8).map(point).collect::<Vec<_>>(), WINDOW, LIMIT, &HEAP).shape
        };
        assert_eq!(spanning(17_500.0), GrowthShape::Growing);
        assert_eq!(spanning(17_498.0), GrowthShape::Few);
    }

    #[test]
    fn five_points_are_enough_and_four_are_few() {
        let line = [10.0, 20.0, 30.0, 40.0, 50.0];
        let shape =
            |values: &[f64]| judge(&points(values.iter().copied()), 1.0, LIMIT, &HEAP).shape;
        assert_eq!((shape(&line), shape(&line[..4])), (GrowthShape::Growing, GrowthShape::Few));
    }

    #[test]
    fn growth_counts_from_the_least_growth_on() {
        // A MB each 1024 ms: the slope and the growth of eleven MB are exact.
        let point =
            |i| FloorPoint { t: f64::from(i) * 1024.0, value: f64::from(10 + i) * MB, load: 1.0 };
        let points: Vec<FloorPoint> = (0..12).map(point).collect();
        let shape = |bytes| judge(&points, 1.0, LIMIT, &Thresholds { bytes, ..HEAP }).shape;
        assert_eq!(shape(11.0 * MB), GrowthShape::Growing);
        assert_eq!(shape(11.0 * MB + 1.0), GrowthShape::Flat);
    }

    #[test]
    fn acceleration_is_beyond_chance_and_more_than_a_quarter() {
        let accelerates = |value: fn(f64) -> f64| {
            judge(&points((0..12).map(|i| value(f64::from(i)))), WINDOW, LIMIT, &HEAP).accelerates
        };
        assert!(accelerates(|i| 10.0 + 2.0 * i + 0.2 * i * i));
        assert!(!accelerates(|i| 10.0 + 2.0 * i + 0.02 * i * i), "certain, but slight");
        let noisy = |i: f64| {
            10.0 + 2.0 * i + 0.2 * i * i + if (i as u32).is_multiple_of(2) { 6.0 } else { -6.0 }
        };
        assert!(!accelerates(noisy), "strong, but not certain");
    }

    #[test]
    fn the_number_of_points_decides_how_a_rise_is_tested() {
        let rises = |n: usize, z: f64, chance: f64| {
            let line = units(&by_moves(&vec![1.0; n - 1]));
            let asked = Thresholds { z, chance, bytes: 0.0, ..HEAP };
            rises(&line, &judge(&line, 1.0, LIMIT, &asked), &asked)
        };
        let (always, never) = ((0.0, 1.0), (100.0, 0.0));
        assert!(rises(10, always.0, never.1) && !rises(10, never.0, always.1), "the deviate");
        for n in [6, 9] {
            assert!(rises(n, never.0, always.1) && !rises(n, always.0, never.1), "{n}: chance");
        }
        assert!(rises(5, never.0, never.1), "the line alone");
        // Of the 720 orders of six values one rises.
        assert!(rises(6, never.0, 1.0 / 720.0) && !rises(6, never.0, 1.0 / 721.0));
    }

    #[test]
    fn few_points_rise_where_they_lie_on_a_line() {
        let rises = |values: [f64; 5]| {
            let points = units(&values);
            rises(&points, &judge(&points, 1.0, LIMIT, &HEAP), &HEAP)
        };
        // The growth is 4: one may be off by 0.6.
        for off in [-0.59, 0.0, 0.59] {
            assert!(rises([50.0, 51.0, 52.0 + off, 53.0, 54.0]), "{off}");
        }
        for off in [-0.61, 0.61] {
            assert!(!rises([50.0, 51.0, 52.0 + off, 53.0, 54.0]), "{off}");
        }
        assert!(!rises([50.0, 51.0, 52.45, 52.45, 54.0]), "near the line, but not rising");
    }

    #[test]
    fn the_last_third_is_above_the_first_half_whatever_lies_between() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 99.0, 99.0, 7.0, 8.0, 9.0, 10.0];
        assert!(last_third_above(&values));
        for at in [0, 5] {
            let mut reached = values;
            reached[at] = 7.0;
            assert!(!last_third_above(&reached), "{at}");
        }
        let mut low = values;
        low[11] = 6.0;
        assert!(!last_third_above(&low));
    }

    #[test]
    fn a_step_is_more_than_a_third_of_the_rise_beyond_even_growth() {
        // A rise of 100 in ten moves: even growth is 10 for each.
        let with = |at: usize, steps: &[f64]| {
            let rest = (100.0 - steps.iter().sum::<f64>()) / (10 - steps.len()) as f64;
            let mut moves = [rest; 10];
            moves[at..at + steps.len()].copy_from_slice(steps);
            units(&by_moves(&moves))
        };
        for at in [0, 4, 9] {
            assert!(has_step(&with(at, &[45.5]), 1), "{at}");
            assert!(!has_step(&with(at, &[44.5]), 1), "{at}");
        }
        assert!(has_step(&with(4, &[28.0, 28.0]), 2));
        assert!(!has_step(&with(4, &[28.0, 28.0]), 1), "no one of both is a step");
        assert!(!has_step(&with(4, &[27.0, 27.0]), 2));
        let fall: Vec<FloorPoint> =
            with(4, &[60.0]).iter().map(|p| FloorPoint { value: -p.value, ..*p }).collect();
        assert!(!has_step(&fall, 2), "a fall has none");
    }

    #[test]
    fn a_window_without_its_step_goes_on_with_what_even_growth_shows() {
        let rest = |moves: &[f64]| -> Option<Vec<f64>> {
            let rest = without_step(&units(&by_moves(moves)))?;
            Some(rest.iter().map(|p| p.value).collect())
        };
        let mut moves = [8.0; 10];
        moves[3] = 28.0;
        let even = [50.0, 58.0, 66.0, 74.0, 84.0, 92.0, 100.0, 108.0, 116.0, 124.0, 132.0];
        assert_eq!(rest(&moves), Some(even.to_vec()));
        let mut small = [9.0; 10];
        small[3] = 19.0;
        assert_eq!(rest(&small), None, "9 of 100 at once");
        // The second is 12 beyond even growth, which is more than 0.6 of the first's 18; 10 is less.
        let mut two = [6.25; 10];
        (two[3], two[7]) = (28.0, 22.0);
        assert_eq!(rest(&two), None, "several");
        let mut one = [6.5; 10];
        (one[3], one[7]) = (28.0, 20.0);
        let found = rest(&one).unwrap();
        assert!((found[10] - (found[0] + 100.0 - 18.0)).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn two_steps_leave_little_of_the_rise_to_the_rest() {
        // Rises of 4 and 6, and so much movement beside them.
        for (first, second, other) in [(2, 5, 9), (1, 10, 5), (7, 10, 3)] {
            let steps = |beside: f64| {
                let mut moves = [0.0; 11];
                (moves[first], moves[second], moves[other]) = (4.0, 6.0, beside);
                is_two_steps(&by_moves(&moves))
            };
            assert!(steps(0.0) && steps(1.4) && !steps(2.0), "{first} {second}");
        }
        assert!(!is_two_steps(&by_moves(&[0.0, 5.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0])), "nine points");
        assert!(is_two_steps(&by_moves(&[0.0, 5.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0])));
    }

    #[test]
    fn the_work_done_so_far_takes_the_place_of_time_where_there_is_any() {
        let loaded = |loads: [f64; 3]| -> Vec<(f64, f64)> {
            let at = |(i, load): (usize, f64)| FloorPoint {
                t: 10.0 + 2.0 * i as f64,
                value: i as f64,
                load,
            };
            over_work(&loads.into_iter().enumerate().map(at).collect::<Vec<_>>())
        };
        assert_eq!(loaded([7.0, 3.0, 5.0]), [(0.0, 0.0), (6.0, 1.0), (16.0, 2.0)]);
        assert_eq!(loaded([0.0; 3]), [(10.0, 0.0), (12.0, 1.0), (14.0, 2.0)]);
    }

    #[test]
    fn growth_comes_to_rest_where_it_slows_down_in_time() {
        let rests = |ratio, deviate| Bend { ratio, deviate, first: 1.0 }.comes_to_rest(8.0);
        assert!(rests(0.59, 0.0), "by much");
        assert!(!rests(DECELERATION, 0.0), "not by enough without certainty");
        assert!(!rests(0.75, -2.4));
        // 1 + 3/4 + 9/16 + ... is 4, half of the headroom.
        assert!(rests(0.75, -CERTAIN));
        assert!(!Bend { ratio: 0.75, deviate: -3.0, first: 1.01 }.comes_to_rest(8.0), "too far");
        assert!(!Bend { ratio: BENDS_DOWN, deviate: -3.0, first: 0.1 }.comes_to_rest(8.0));
        assert!(!rests(1.5, 9.0));
    }

    #[test]
    fn the_load_is_compared_by_the_first_and_the_last_third() {
        let follows = |load: fn(usize) -> f64, gain: f64| {
            let at =
                |i: usize| FloorPoint { t: i as f64, value: 10.0 + gain * i as f64, load: load(i) };
            follows_load(&(0..12).map(at).collect::<Vec<_>>())
        };
        // Three times the load in the last third; the values by (10 + 9.5 gain) / (10 + 1.5 gain).
        let late = |i: usize| if i >= 8 { 3.0 } else { 1.0 };
        assert!(follows(late, 3.6), "2.9 times");
        assert!(!follows(late, 4.2), "3.1 times");
        assert!(!follows(|_| 0.0, 0.1), "no load explains nothing");
        assert!(!follows(|i| 20.0 - i as f64, 0.1), "a load that falls");
    }

    proptest! {
        #[test]
        fn any_series_with_a_late_value_as_low_as_an_early_one_is_flat(
            mut values in prop::collection::vec(10.0f64..200.0, 8..=12), early in 0usize..5, late in 0usize..2,
        ) {
            let n = values.len();
            values[n - 1 - late] = values[early];
            prop_assert_ne!(shape(&values), GrowthShape::Growing);
        }

        #[test]
        fn a_constant_leak_is_found_under_noise_below_its_step(
            rate in 1.2f64..8.0, noise in prop::collection::vec(-0.4f64..0.4, 12), base in 5.0f64..100.0,
        ) {
            // Noise may bend a line down so that it seems to come to rest, but its mirror image does not.
            let under = |sign: f64| -> GrowthShape {
                let value = |(i, n): (usize, &f64)| base + rate * (i as f64 + sign * n);
                shape(&noise.iter().enumerate().map(value).collect::<Vec<_>>())
            };
            let shapes = [under(1.0), under(-1.0)];
            prop_assert!(shapes.contains(&GrowthShape::Growing), "{shapes:?}");
            prop_assert!(shapes.iter().all(|s| matches!(s, GrowthShape::Growing | GrowthShape::Warming)), "{shapes:?}");
        }

        #[test]
        fn scaling_values_and_limit_together_changes_nothing(
            values in prop::collection::vec(1.0f64..250.0, 8..=12), factor in 2u32..9,
        ) {
            let plain = judge(&points(values.iter().copied()), WINDOW, LIMIT, &HEAP);
            let scaled = judge(
                &points(values.iter().map(|v| v * f64::from(factor))), WINDOW, LIMIT * u64::from(factor),
                &Thresholds { bytes: HEAP.bytes * f64::from(factor), ..HEAP },
            );
            prop_assert_eq!(plain.shape, scaled.shape);
            prop_assert!((plain.share - scaled.share).abs() < 1e-9);
        }

        #[test]
        fn time_stretched_scales_the_slope_only(
            values in prop::collection::vec(1.0f64..250.0, 8..=12), factor in 2u32..9,
        ) {
            let plain = judge(&points(values.iter().copied()), WINDOW, LIMIT, &HEAP);
            let slowed: Vec<FloorPoint> = points(values.iter().copied()).into_iter()
                .map(|p| FloorPoint { t: p.t * f64::from(factor), ..p }).collect();
            let slowed = judge(&slowed, WINDOW * f64::from(factor), LIMIT, &HEAP);
            prop_assert_eq!(plain.shape, slowed.shape);
            prop_assert!((plain.growth - slowed.growth).abs() < 1e-3);
        }
    }
}
