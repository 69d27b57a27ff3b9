//! The judgement of one series over time: the phase that its windows raise, confirm and withdraw.

use super::floors::points;
use super::pyramid::{BUCKETS, Pyramid};
use super::rule::{self, FloorPoint, GrowthShape, Thresholds, WindowFinding, headroom};
use super::sawtooth::Sawtooth;
use super::stats::{mann_kendall, median};

/// A window of this share of the projected time to the limit may judge before the full window has passed.
const HURRY: f64 = 1.0 / 5.0;
/// Such a window requires this many times the growth.
const HURRIED: f64 = 2.0;
/// Growth below this share of the rate that raised the phase counts as levelled off.
const LEVELLED: f64 = 0.25;
/// After a withdrawn leak, the next one must exceed its highest value by this factor,
const CREST: f64 = 1.15;
/// or by this share of the headroom that was left, if that is less.
const CREST_LEFT: f64 = 0.25;
/// A fall by this share of the growth between two floors is the end of a sawtooth cycle.
const TOOTH: f64 = 0.5;
/// A bucket with less than this share of its window's median work is idle.
const IDLE: f64 = 0.05;
/// The last floors have no trend if their Mann-Kendall deviate is below this.
const NO_TREND: f64 = 1.0;

/// How far the growth of a series is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum GrowthPhase {
    Quiet,
    Suspect,
    Leak,
}

/// The window that raised the phase.
#[derive(Debug, Clone, Copy)]
struct Raised {
    level: usize,
    /// The last finding of the window that showed growth.
    finding: WindowFinding,
    quiet: u32,
    highest: f64,
    /// Half of the growth at the time of the raise. A leak never falls below it.
    foot: f64,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    finding: WindowFinding,
    suspect: u32,
    leak: u32,
}

/// The judgement of one series.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    thresholds: Thresholds,
    need: u32,
    window: u64,
    /// The time since the first reading that no shortened window judges by itself, ms: that of a start.
    start: u64,
    levels: Vec<Option<Level>>,
    phase: GrowthPhase,
    raised: Option<Raised>,
    /// The highest value of a withdrawn leak. The next leak must exceed it.
    crest: f64,
    sawtooth: Sawtooth,
}

impl Judge {
    /// The most bytes that it allocates.
    #[cfg(test)]
    pub const MOST_BYTES: usize = Pyramid::LEVELS * size_of::<Option<Level>>();

    pub fn new(thresholds: Thresholds, need: u32, window: u64, start: u64) -> Self {
        Self {
            thresholds,
            need,
            window,
            start: start.min(window),
            levels: Vec::with_capacity(Pyramid::LEVELS),
            phase: GrowthPhase::Quiet,
            raised: None,
            crest: 0.0,
            sawtooth: Sawtooth::new(),
        }
    }

    pub fn phase(&self) -> GrowthPhase {
        self.phase
    }

    /// Judges the levels that closed a bucket (bits of `closed`); true where the phase changed.
    ///
    /// `explain` returns the harmless cause of a window's growth, if there is one.
    pub fn judge(
        &mut self,
        series: &Pyramid,
        envelope: Option<&Pyramid>,
        closed: u64,
        observed: u64,
        limit: u64,
        explain: impl Fn(usize, &WindowFinding) -> Option<GrowthShape>,
    ) -> bool {
        let before = self.phase;
        // A window without a new value gives the same finding as before.
        let news = |level: &usize| {
            closed >> level & 1 == 1
                && series.closed(*level).last().is_some_and(|b| b.min().is_some())
        };
        for level in (0..series.depth()).filter(news) {
            let points = points(series, envelope, level);
            let mut finding = rule::judge(&points, series.window(level), limit, &self.thresholds);
            if finding.shape == GrowthShape::Growing {
                let known = self.sawtooth.cover(&finding).then_some(GrowthShape::Flat);
                finding.shape =
                    known.or_else(|| explain(level, &finding)).unwrap_or(GrowthShape::Growing);
            }
            let ripe = self.ripe(series, level, observed, limit, &points, &finding);
            let Some(last) = points.last() else { continue };
            if level == 0 {
                let least = self.thresholds.suspect * headroom(limit as f64, last.value);
                self.sawtooth.observe(series, *last, least.max(self.thresholds.bytes));
            }
            // The windows that must agree would all be about the same work.
            if !is_idle(&points) {
                let hurried = series.window(level) < self.window as f64;
                let beyond = self.beyond_crest(limit as f64, last.value);
                self.record(level, finding, last.value, ripe, hurried, beyond);
            }
            self.settle(level, &points);
        }
        self.phase != before
    }

    /// The finding of the window that raised the phase, or the strongest finding.
    pub fn telling(&self) -> Option<WindowFinding> {
        if let Some(raised) = self.raised {
            return Some(raised.finding);
        }
        let rank = |finding: &WindowFinding| match finding.shape {
            GrowthShape::Few => 0,
            GrowthShape::Flat => 1,
            GrowthShape::Slow => 2,
            GrowthShape::Warming => 3,
            GrowthShape::FollowsLoad
            | GrowthShape::Filling
            | GrowthShape::Fragmentation
            | GrowthShape::Growing => 4,
        };
        self.levels.iter().flatten().map(|level| level.finding).max_by_key(rank)
    }

    /// Whether it is taken for growth, or for growth that the load explains.
    pub fn grows(&self) -> bool {
        let explained = |finding: WindowFinding| finding.shape == GrowthShape::FollowsLoad;
        self.phase != GrowthPhase::Quiet || self.telling().is_some_and(explained)
    }

    /// Width of the buckets that decide now: of the level that raised the phase.
    pub fn raised_level(&self) -> Option<usize> {
        self.raised.map(|raised| raised.level)
    }

    /// Whether this window may judge: it is the full window, or the limit is so near that it must.
    fn ripe(
        &self,
        series: &Pyramid,
        level: usize,
        observed: u64,
        limit: u64,
        points: &[FloorPoint],
        finding: &WindowFinding,
    ) -> bool {
        let span = series.width(level) * BUCKETS as u64;
        let needed = points.last().map_or(self.window, |last| {
            hurried(self.window, limit as f64 - last.value, finding.slope)
        });
        span >= needed && observed >= needed.max(self.start)
    }

    fn beyond_crest(&self, limit: f64, value: f64) -> bool {
        let room = CREST_LEFT * headroom(limit, self.crest);
        value > (self.crest * CREST).min(self.crest + room)
    }

    fn record(
        &mut self,
        level: usize,
        finding: WindowFinding,
        last: f64,
        ripe: bool,
        hurried: bool,
        beyond: bool,
    ) {
        if self.levels.len() <= level {
            self.levels.resize(level + 1, None);
        }
        let before = self.levels[level];
        if !ripe {
            self.levels[level] = None;
            return;
        }
        // A shortened window may see only the rise of a slow sawtooth, so it requires more growth.
        let share = if hurried { HURRIED } else { 1.0 };
        let streak = |least: f64, before: Option<u32>| {
            let grows = finding.shape == GrowthShape::Growing && finding.share >= share * least;
            if grows { before.unwrap_or(0) + 1 } else { 0 }
        };
        let Thresholds { suspect, leak, .. } = self.thresholds;
        let leak = if finding.accelerates { suspect } else { leak };
        let now = Level {
            finding,
            suspect: streak(suspect, before.map(|b| b.suspect)),
            leak: streak(leak, before.map(|b| b.leak)),
        };
        self.levels[level] = Some(now);
        let phase = if now.leak >= self.need && beyond {
            GrowthPhase::Leak
        } else if now.suspect >= self.need {
            GrowthPhase::Suspect
        } else {
            GrowthPhase::Quiet
        };
        if phase > self.phase {
            self.phase = phase;
            self.raised = Some(Raised {
                level,
                finding,
                quiet: 0,
                highest: last,
                foot: last - finding.growth / 2.0,
            });
        } else if let Some(raised) = &mut self.raised
            && raised.level == level
            && finding.shape == GrowthShape::Growing
        {
            raised.finding = finding;
        }
    }

    /// Retracts the phase where the window that raised it has levelled off, or what grew was given back.
    fn settle(&mut self, level: usize, points: &[FloorPoint]) {
        let Some(raised) = &mut self.raised else { return };
        let (true, Some(last)) = (level <= raised.level, points.last()) else { return };
        raised.highest = raised.highest.max(last.value);
        if last.value >= raised.foot {
            let tail = &points[points.len() / 3..];
            if level < raised.level || tail.len() < 4 {
                return;
            }
            let values: Vec<f64> = tail.iter().map(|p| p.value).collect();
            let rests = mann_kendall(&values) < NO_TREND
                || rule::slope(tail) < LEVELLED * raised.finding.slope;
            let grows = |level: &Level| level.finding.shape == GrowthShape::Growing;
            let above = self.levels.iter().skip(level).flatten().any(grows);
            raised.quiet = if rests && !above { raised.quiet + 1 } else { 0 };
            // A sawtooth cycle within a rise does not end the rise if growth continues after it.
            let drop = TOOTH * raised.finding.growth;
            let fell = values.windows(2).any(|pair| pair[0] - pair[1] > drop);
            if raised.quiet < if fell { BUCKETS as u32 } else { self.need } {
                return;
            }
        }
        if self.phase == GrowthPhase::Leak {
            self.crest = self.crest.max(raised.highest);
        }
        self.phase = GrowthPhase::Quiet;
        self.raised = None;
        self.levels.clear();
    }
}

/// Whether hardly any work was done at the end of a window, beside the work of its other buckets. Such a time neither
/// confirms growth nor refutes it.
fn is_idle(points: &[FloorPoint]) -> bool {
    let mut loads: Vec<f64> = points.iter().map(|point| point.load).collect();
    let last = loads.last().copied();
    last.zip(median(&mut loads)).is_some_and(|(last, usual)| last < IDLE * usual)
}

/// The window that a slope deserves: the full one, or a share of the time that is left.
pub(super) fn hurried(window: u64, headroom: f64, slope: f64) -> u64 {
    if slope <= 0.0 {
        return window;
    }
    window.min((HURRY * headroom / slope).max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 1_000_000;
    const THRESHOLDS: Thresholds =
        Thresholds { points: 5, z: 3.0, chance: 0.0014, bytes: 10.0, suspect: 0.05, leak: 0.10 };

    fn judge(window: u64) -> Judge {
        Judge::new(THRESHOLDS, 2, window, 0)
    }

    fn grown(share: f64, slope: f64) -> WindowFinding {
        let shape = GrowthShape::Growing;
        WindowFinding { shape, slope, growth: 100.0, share, span: 11.0, z: 4.0, accelerates: false }
    }

    fn flat() -> WindowFinding {
        WindowFinding { shape: GrowthShape::Flat, ..grown(0.0, 0.0) }
    }

    /// The phase after so many windows of this growth, where those are shortened or not.
    fn phase(share: f64, windows: usize, hurried: bool, beyond: bool) -> GrowthPhase {
        let mut judge = judge(12_000);
        for _ in 0..windows {
            judge.record(0, grown(share, 1.0), 500.0, true, hurried, beyond);
        }
        judge.phase()
    }

    #[test]
    fn two_windows_in_a_row_must_agree() {
        assert_eq!(phase(0.1, 1, false, true), GrowthPhase::Quiet);
        assert_eq!(phase(0.1, 2, false, true), GrowthPhase::Leak);
        assert_eq!(phase(0.05, 2, false, true), GrowthPhase::Suspect);
        assert_eq!(phase(0.099, 2, false, true), GrowthPhase::Suspect);
        assert_eq!(phase(0.049, 9, false, true), GrowthPhase::Quiet);
        assert_eq!(phase(0.1, 9, false, false), GrowthPhase::Suspect, "below an earlier crest");
        let mut broken = judge(12_000);
        for (finding, ripe) in [
            (grown(0.1, 1.0), true),
            (flat(), true),
            (grown(0.1, 1.0), true),
            (grown(0.1, 1.0), false),
            (grown(0.1, 1.0), true),
        ] {
            broken.record(0, finding, 500.0, ripe, false, true);
            assert_eq!(broken.phase(), GrowthPhase::Quiet);
        }
    }

    #[test]
    fn a_shortened_window_must_show_twice_the_growth() {
        assert_eq!(phase(0.199, 2, true, true), GrowthPhase::Suspect);
        assert_eq!(phase(0.2, 2, true, true), GrowthPhase::Leak);
        assert_eq!(phase(0.099, 2, true, true), GrowthPhase::Quiet);
    }

    #[test]
    fn growth_that_accelerates_is_a_leak_from_the_suspect_share_on() {
        let mut judge = judge(12_000);
        for _ in 0..2 {
            let finding = WindowFinding { accelerates: true, ..grown(0.05, 1.0) };
            judge.record(0, finding, 500.0, true, false, true);
        }
        assert_eq!(judge.phase(), GrowthPhase::Leak);
    }

    #[test]
    fn the_window_that_raised_the_phase_gives_the_rate() {
        let mut judge = judge(12_000);
        let mut record = |level, finding| {
            judge.record(level, finding, 500.0, true, false, true);
            (judge.raised_level(), judge.telling().map(|finding| finding.slope))
        };
        record(0, grown(0.1, 1.0));
        assert_eq!(record(0, grown(0.1, 2.0)), (Some(0), Some(2.0)));
        for _ in 0..2 {
            let other = record(1, grown(0.1, 3.0));
            assert_eq!(other, (Some(0), Some(2.0)), "another window, though it leaks as well");
        }
        assert_eq!(record(0, grown(0.1, 4.0)), (Some(0), Some(4.0)));
        assert_eq!(record(0, flat()), (Some(0), Some(4.0)), "the last that showed growth");
    }

    #[test]
    fn a_leak_after_one_that_was_withdrawn_goes_beyond_its_crest() {
        let beyond =
            |crest: f64, value: f64| Judge { crest, ..judge(1) }.beyond_crest(1000.0, value);
        assert!(beyond(100.0, 115.1) && !beyond(100.0, 114.9), "by 15 %");
        // An eighth of the limit counts as headroom: 125, of which a quarter is 31.25.
        assert!(beyond(900.0, 931.3) && !beyond(900.0, 931.25), "or by a quarter of the headroom");
        assert!(beyond(0.0, 1.0));
    }

    /// The phases of a series that has one floor in each bucket, judged with this full window.
    fn course(window: u64, values: impl IntoIterator<Item = f64>) -> Vec<GrowthPhase> {
        let (mut series, mut judge) = (Pyramid::new(1000, 0), judge(window));
        let phases = (1..).zip(values).map(|(end, value)| {
            let now = end * 1000;
            series.insert(now - 1000, value as u64);
            let closed = series.close(now);
            let before = judge.phase();
            let changed = judge.judge(&series, None, closed, now, LIMIT, |_, _| None);
            assert_eq!(changed, judge.phase() != before);
            assert!(
                !judge.judge(&series, None, 0, now, LIMIT, |_, _| None),
                "a window counts once"
            );
            judge.phase()
        });
        phases.collect()
    }

    fn rising(rate: f64, buckets: u32) -> impl Iterator<Item = f64> {
        (0..buckets).map(move |i| 100_000.0 + rate * f64::from(i))
    }

    #[test]
    fn a_full_window_needs_the_growth_once_and_half_of_one_twice() {
        // 160,000 to 190,000 of a headroom that falls from 900,000 on: a share of 0.17 to 0.2 at the end.
        let rise = || rising(15_000.0, 14);
        assert_eq!(course(12_000, rise()).last(), Some(&GrowthPhase::Leak));
        assert_eq!(course(24_000, rise()).last(), Some(&GrowthPhase::Suspect));
    }

    #[test]
    fn the_limit_that_is_a_window_away_shortens_the_window() {
        assert_eq!(hurried(1000, 100.0, 0.0), 1000);
        assert_eq!(hurried(1000, 100.0, 1.0), 20, "a fifth of the time that is left");
        assert_eq!(hurried(1000, 1e9, 1.0), 1000);
        assert_eq!(hurried(1000, -5.0, 1.0), 0);
    }

    /// A judge whose second level raised a leak, which grew by 800 at 8 a ms to 1600, and shows no more growth.
    fn leaking() -> Judge {
        let mut judge = judge(12_000);
        for _ in 0..2 {
            let finding = WindowFinding { growth: 800.0, ..grown(0.1, 8.0) };
            judge.record(1, finding, 1600.0, true, false, true);
        }
        judge.record(1, flat(), 1600.0, true, false, true);
        judge
    }

    fn points_of(values: &[f64]) -> Vec<FloorPoint> {
        let at = |(i, &value): (usize, &f64)| FloorPoint { t: i as f64, value, load: 0.0 };
        values.iter().enumerate().map(at).collect()
    }

    /// How many windows of these points, of a level, withdraw the leak; `None` if twelve do not.
    fn withdrawn(level: usize, values: &[f64]) -> Option<u32> {
        let mut judge = leaking();
        (1..=12).find(|_| {
            judge.settle(level, &points_of(values));
            judge.phase() == GrowthPhase::Quiet
        })
    }

    #[test]
    fn a_leak_whose_last_two_thirds_rest_twice_is_withdrawn() {
        let rise = [1000.0, 1200.0, 1400.0, 1600.0];
        assert_eq!(withdrawn(1, &[&rise[..], &[1600.0; 8]].concat()), Some(2));
        assert_eq!(withdrawn(1, &[1600.0; 12]), Some(2));
        assert_eq!(withdrawn(0, &[1600.0; 12]), None, "a shorter window rests for a while");
        assert_eq!(withdrawn(2, &[1000.0; 12]), None, "a longer one says nothing of it");
        assert_eq!(withdrawn(1, &[1600.0; 5]), Some(2), "four points");
        assert_eq!(withdrawn(1, &[1600.0; 4]), None, "three points");
    }

    #[test]
    fn a_leak_rests_only_if_no_longer_window_grows() {
        let withdrawn = |level| {
            let mut judge = leaking();
            judge.record(level, grown(0.01, 1.0), 1600.0, true, false, true);
            for _ in 0..2 {
                judge.settle(1, &points_of(&[1600.0; 12]));
            }
            judge.phase() == GrowthPhase::Quiet
        };
        assert!(withdrawn(0) && !withdrawn(1) && !withdrawn(2));
    }

    #[test]
    fn growth_at_a_quarter_of_its_rate_goes_on_and_below_it_rests() {
        let line = |rate: f64| (0..12).map(|i| 1600.0 + rate * f64::from(i)).collect::<Vec<_>>();
        assert_eq!(withdrawn(1, &line(2.0)), None);
        assert_eq!(withdrawn(1, &line(3.0)), None);
        assert_eq!(withdrawn(1, &line(1.9)), Some(2));
    }

    #[test]
    fn what_has_no_trend_rests_whatever_its_slope() {
        let noise = [0.0, 30.0, 10.0, 40.0, 5.0, 35.0, 15.0, 33.0];
        let values = [[1600.0; 4].to_vec(), noise.map(|n| 1600.0 + 8.0 * n).to_vec()].concat();
        let tail = &points_of(&values)[4..];
        let deviate = mann_kendall(&values[4..]);
        assert!(rule::slope(tail) > 2.0 && (0.0..NO_TREND).contains(&deviate), "{deviate}");
        assert_eq!(withdrawn(1, &values), Some(2));
    }

    #[test]
    fn a_tooth_within_a_rise_is_waited_for() {
        let fall = |by: f64| [vec![2400.0; 8], vec![2400.0 - by; 4]].concat();
        assert_eq!(withdrawn(1, &fall(390.0)), Some(2));
        assert_eq!(withdrawn(1, &fall(410.0)), Some(12), "more than half of what had grown");
    }

    #[test]
    fn what_falls_to_half_of_the_growth_is_withdrawn_at_once() {
        let ends = |last: f64| [vec![1600.0; 3], vec![last]].concat();
        assert_eq!(withdrawn(1, &ends(1199.0)), Some(1));
        assert_eq!(withdrawn(0, &ends(1199.0)), Some(1), "any shorter window shows it");
        assert_eq!(withdrawn(1, &ends(1200.0)), None);
    }

    #[test]
    fn a_withdrawn_leak_leaves_its_highest_value() {
        let mut judge = leaking();
        judge.settle(1, &points_of(&[2400.0]));
        judge.settle(1, &points_of(&[100.0]));
        assert_eq!((judge.phase(), judge.crest), (GrowthPhase::Quiet, 2400.0));
        let mut suspect = self::judge(1);
        for _ in 0..2 {
            suspect.record(0, grown(0.05, 1.0), 500.0, true, false, true);
        }
        suspect.settle(0, &points_of(&[100.0]));
        assert_eq!((suspect.phase(), suspect.crest), (GrowthPhase::Quiet, 0.0), "no leak");
    }
}
