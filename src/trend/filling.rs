//! Bounded caches of ours that are still below their bound: growth which they explain is no leak.

use super::pyramid::{Bucket, Pyramid};
use super::rule::WindowFinding;
use super::stats::{correlation, theil_sen};

/// How full a bounded cache is, in entries or in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheFill {
    /// Which cache, for as long as the isolate lives.
    pub id: u64,
    /// What it holds.
    pub held: u64,
    /// What it may hold, above 0.
    pub bound: u64,
}

impl CacheFill {
    fn share(&self) -> f64 {
        (self.held as f64 / self.bound.max(1) as f64).min(1.0)
    }
}

/// So many caches are looked at, the oldest first: the memory that this takes is bounded too.
const MOST: usize = 64;
/// Parts that a bound is counted in, in the pyramid.
const PARTS: f64 = (1u64 << 32) as f64;
/// What the growth and the filling must correlate by.
const TOGETHER: f64 = 0.9;
/// When all of them are full, this share of the limit may be taken at most.
const FITS: f64 = 0.9;
/// What is remembered of a cache's growth from interval to interval.
const REMEMBERED: f64 = 0.98;

#[derive(Debug, Clone, Copy)]
struct Seen {
    fill: CacheFill,
    /// Recent growth as a share of the bound.
    grew: f64,
}

/// The caches of one isolate: how full they are together, and who fills.
#[derive(Debug)]
pub(super) struct Filling {
    /// The sum of their shares, in [`PARTS`].
    shares: Pyramid,
    seen: Vec<Seen>,
}

impl Filling {
    /// Bytes that the list of caches takes at most.
    #[cfg(test)]
    pub const MOST_BYTES: usize = MOST * size_of::<Seen>();

    pub fn new(shares: Pyramid) -> Self {
        Self { shares, seen: Vec::new() }
    }

    /// Takes in how full the caches are now, in an order that lasts.
    pub fn observe(&mut self, t: u64, fills: &[CacheFill]) {
        let before = std::mem::take(&mut self.seen);
        let seen = fills.iter().take(MOST).map(|fill| {
            let old = before.iter().find(|old| old.fill.id == fill.id);
            let grew =
                old.map_or(0.0, |old| old.grew * REMEMBERED + fill.share() - old.fill.share());
            Seen { fill: *fill, grew }
        });
        self.seen = seen.collect();
        let sum: f64 = self.seen.iter().map(|seen| seen.fill.share()).sum();
        self.shares.insert(t, (sum * PARTS) as u64);
    }

    pub fn close(&mut self, now: u64) {
        self.shares.close(now);
    }

    /// The cache that has grown most of late, and how full it is.
    pub fn cache(&self) -> Option<(u64, f64)> {
        let growing = self.seen.iter().filter(|seen| seen.grew > 0.0);
        let most = growing.max_by(|a, b| a.grew.total_cmp(&b.grew))?;
        Some((most.fill.id, most.fill.share()))
    }

    /// Whether a window's growth went with the filling, and will end below the limit when that does.
    ///
    /// A leak beside a cache that fills is seen half a window after the cache is full, and before where both
    /// together would not fit.
    pub fn explains(
        &self,
        floor: &Pyramid,
        level: usize,
        finding: &WindowFinding,
        limit: u64,
    ) -> bool {
        let pairs = self.pairs(floor, level);
        let (Some(first), Some(last)) = (pairs.first(), pairs.last()) else { return false };
        if pairs.len() < 4 || last.0 <= first.0 {
            return false;
        }
        let (shares, floors): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let growing = self.seen.iter().filter(|seen| seen.grew > 0.0);
        let left: f64 = growing.map(|seen| 1.0 - seen.fill.share()).sum();
        let full = last.1 + theil_sen(&pairs) * left * PARTS;
        finding.growth > 0.0
            && correlation(&shares, &floors) >= TOGETHER
            && full <= FITS * limit as f64
    }

    /// Share and floor of the buckets that saw both.
    fn pairs(&self, floor: &Pyramid, level: usize) -> Vec<(f64, f64)> {
        let value = |bucket: &Bucket| Some((bucket.index(), bucket.min()?.value as f64));
        let mut shares = self.shares.closed(level).filter_map(value).peekable();
        let pair = |(index, floor): (u32, f64)| {
            while shares.next_if(|share| share.0 < index).is_some() {}
            shares.next_if(|share| share.0 == index).map(|share| (share.1, floor))
        };
        floor.closed(level).filter_map(value).filter_map(pair).collect()
    }
}
