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
/// A limit this many times further away than the growth was watched is no leak to wake anybody for.
const FAR: f64 = 60.0;
/// The headroom is taken as this share of the limit at least, so that noise just below the limit is not growth.
const LEAST_HEADROOM: f64 = 1.0 / 8.0;

/// What a window looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrowthShape {
    /// Too few points to say.
    Few,
    /// No trend.
    Flat,
    /// A trend that is small or whose limit is far.
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
    let limit = limit as f64;
    finding.slope = slope(points);
    finding.growth = finding.slope * finding.span;
    finding.share = finding.growth / headroom(limit, first.value);
    finding.z = mann_kendall(&values);
    let bends = bends(points);
    let room = headroom(limit, first.value);
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
    } else if finding.share < thresholds.suspect
        || (limit - last.value) / finding.slope > FAR * finding.span
    {
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
