//! One series watched over time: which window says what, for how long, and what becomes of it.

use super::pyramid::{BUCKETS, Bucket, Pyramid};
use super::rule::{self, Finding, Point, Shape, Thresholds, headroom};
use super::stats::mann_kendall;
use super::teeth::Teeth;

/// A window this share of the projected time to the limit may judge, though the full one is not over.
const HURRY: f64 = 1.0 / 5.0;
/// Such a window needs this many times the growth.
const HURRIED: f64 = 2.0;
/// Growth that fell below this share of the rate it was raised at counts as levelled off.
const LEVELLED: f64 = 0.25;
/// How far beyond the crest of a leak that was taken back another one must go,
const CREST: f64 = 1.15;
/// or this share of the headroom that the crest left, where that is less.
const CREST_LEFT: f64 = 0.25;
/// A fall by this share of the growth at once is a tooth's.
const TOOTH: f64 = 0.5;
/// A tail of floors with a deviate below this has no trend.
const NO_TREND: f64 = 1.0;

/// How far a series' growth has been taken for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Quiet,
    Suspect,
    Leak,
}

/// The window that raised the phase.
#[derive(Debug, Clone, Copy)]
struct Raised {
    level: usize,
    /// What the window last showed as growth.
    finding: Finding,
    quiet: u32,
    highest: f64,
    /// Halfway down what had grown when it was raised: a leak never gives that much back.
    foot: f64,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    finding: Finding,
    suspect: u32,
    leak: u32,
}

/// The state of one series.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    thresholds: Thresholds,
    need: u32,
    window: u64,
    levels: Vec<Option<Level>>,
    phase: Phase,
    raised: Option<Raised>,
    /// The highest value under a leak that was taken back: another one must go beyond it.
    crest: f64,
    teeth: Teeth,
}

impl Watch {
    /// Bytes that it takes on the heap at most.
    #[cfg(test)]
    pub const MOST_BYTES: usize = Pyramid::LEVELS * size_of::<Option<Level>>();

    pub fn new(thresholds: Thresholds, need: u32, window: u64) -> Self {
        Self {
            thresholds,
            need,
            window,
            levels: Vec::with_capacity(Pyramid::LEVELS),
            phase: Phase::Quiet,
            raised: None,
            crest: 0.0,
            teeth: Teeth::new(),
        }
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Judges the levels that closed a bucket (bits of `closed`); true where the phase changed.
    ///
    /// `explain` may know what the growth of a window is, if it is no leak.
    pub fn judge(
        &mut self,
        series: &Pyramid,
        envelope: Option<&Pyramid>,
        closed: u64,
        observed: u64,
        limit: u64,
        explain: impl Fn(usize, &Finding) -> Option<Shape>,
    ) -> bool {
        let before = self.phase;
        // A window that ends without a new value has nothing new to say.
        let news = |level: &usize| {
            closed >> level & 1 == 1
                && series.closed(*level).last().is_some_and(|b| b.min().is_some())
        };
        for level in (0..series.depth()).filter(news) {
            let points = points(series, envelope, level);
            let mut finding = rule::judge(&points, series.window(level), limit, &self.thresholds);
            if finding.shape == Shape::Growing {
                let known = self.teeth.cover(&finding).then_some(Shape::Flat);
                finding.shape =
                    known.or_else(|| explain(level, &finding)).unwrap_or(Shape::Growing);
            }
            let ripe = self.ripe(series, level, observed, limit, &points, &finding);
            let Some(last) = points.last() else { continue };
            if level == 0 {
                let least = self.thresholds.suspect * headroom(limit as f64, last.value);
                self.teeth.observe(series, *last, least.max(self.thresholds.bytes));
            }
            let hurried = series.window(level) < self.window as f64;
            let beyond = self.beyond_crest(limit as f64, last.value);
            self.record(level, finding, last.value, ripe, hurried, beyond);
            self.settle(level, &points);
        }
        self.phase != before
    }

    /// The finding that explains the phase: that of the window that raised it, or the most telling one.
    pub fn telling(&self) -> Option<Finding> {
        if let Some(raised) = self.raised {
            return Some(raised.finding);
        }
        let rank = |finding: &Finding| match finding.shape {
            Shape::Few => 0,
            Shape::Flat => 1,
            Shape::Slow => 2,
            Shape::Warming => 3,
            Shape::FollowsLoad | Shape::Filling | Shape::Fragmentation | Shape::Growing => 4,
        };
        self.levels.iter().flatten().map(|level| level.finding).max_by_key(rank)
    }

    /// Whether it is taken for growth, or for growth that the load explains.
    pub fn grows(&self) -> bool {
        let explained = |finding: Finding| finding.shape == Shape::FollowsLoad;
        self.phase != Phase::Quiet || self.telling().is_some_and(explained)
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
        points: &[Point],
        finding: &Finding,
    ) -> bool {
        let span = series.width(level) * BUCKETS as u64;
        let needed = points.last().map_or(self.window, |last| {
            hurried(self.window, limit as f64 - last.value, finding.slope)
        });
        span >= needed && observed >= needed
    }

    fn beyond_crest(&self, limit: f64, value: f64) -> bool {
        let room = CREST_LEFT * headroom(limit, self.crest);
        value > (self.crest * CREST).min(self.crest + room)
    }

    fn record(
        &mut self,
        level: usize,
        finding: Finding,
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
        // A window cut short sees one tooth of a slow sawtooth whole: it asks for more.
        let share = if hurried { HURRIED } else { 1.0 };
        let streak = |least: f64, before: Option<u32>| {
            let grows = finding.shape == Shape::Growing && finding.share >= share * least;
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
            Phase::Leak
        } else if now.suspect >= self.need {
            Phase::Suspect
        } else {
            Phase::Quiet
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
            && finding.shape == Shape::Growing
        {
            raised.finding = finding;
        }
    }

    /// Retracts the phase where the window that raised it has levelled off, or what grew was given back.
    fn settle(&mut self, level: usize, points: &[Point]) {
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
            let grows = |level: &Level| level.finding.shape == Shape::Growing;
            let above = self.levels.iter().skip(level).flatten().any(grows);
            raised.quiet = if rests && !above { raised.quiet + 1 } else { 0 };
            // A tooth that falls out of a rise is no rest, if the rise goes on after it.
            let drop = TOOTH * raised.finding.growth;
            let fell = values.windows(2).any(|pair| pair[0] - pair[1] > drop);
            if raised.quiet < if fell { BUCKETS as u32 } else { self.need } {
                return;
            }
        }
        if self.phase == Phase::Leak {
            self.crest = self.crest.max(raised.highest);
        }
        self.phase = Phase::Quiet;
        self.raised = None;
        self.levels.clear();
    }
}

/// The window that a slope deserves: the full one, or a share of the time that is left.
pub(super) fn hurried(window: u64, headroom: f64, slope: f64) -> u64 {
    if slope <= 0.0 {
        return window;
    }
    window.min((HURRY * headroom / slope).max(0.0) as u64)
}

/// The closed buckets of a level that saw a floor, each as low as its envelope shows: what is used is
/// an upper bound of what lives, so a floor that was seen at a sawtooth's top is not taken for its foot.
pub(super) fn points(floor: &Pyramid, envelope: Option<&Pyramid>, level: usize) -> Vec<Point> {
    let width = floor.width(level) as f64;
    let mut seen = envelope.into_iter().flat_map(|e| e.closed(level)).peekable();
    let point = |bucket: &Bucket| {
        let mut min = bucket.min()?;
        while seen.next_if(|below| below.index() < bucket.index()).is_some() {}
        if let Some(below) = seen.next_if(|below| below.index() == bucket.index())
            && let Some(lower) = below.min()
            && lower.value < min.value
        {
            min = lower;
        }
        Some(Point { t: min.t as f64, value: min.value as f64, load: bucket.work() / width })
    };
    floor.closed(level).filter_map(point).collect()
}

/// The finest level that still covers the whole time, or the highest.
pub(super) fn whole(series: &Pyramid) -> Vec<Point> {
    let covers =
        |&level: &usize| series.closed(level).next().is_some_and(|first| first.index() == 0);
    let level = (0..series.depth()).find(covers).unwrap_or(series.depth() - 1);
    points(series, None, level)
}
