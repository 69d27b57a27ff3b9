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
