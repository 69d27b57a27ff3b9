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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trend::rule::GrowthShape;

    const MB: u64 = 1_000_000;

    fn fill(id: u64, held: u64) -> CacheFill {
        CacheFill { id, held, bound: 1000 }
    }

    fn filling() -> Filling {
        Filling::new(Pyramid::new(1000, 0))
    }

    fn grown(growth: f64) -> WindowFinding {
        let shape = GrowthShape::Growing;
        WindowFinding {
            shape,
            slope: 1.0,
            growth,
            share: 0.1,
            span: 1.0,
            z: 4.0,
            accelerates: false,
        }
    }

    /// Whether the growth of `floors` (MB, one each second; none where 0) is explained by caches that hold so much
    /// meanwhile.
    fn explained(
        floors: &[u64],
        held: impl Fn(u64) -> Vec<CacheFill>,
        growth: f64,
        limit: u64,
    ) -> bool {
        let (mut filling, mut floor) = (filling(), Pyramid::new(1000, 0));
        for (second, &value) in (0..).zip(floors) {
            let t = second * 1000;
            filling.observe(t, &held(second));
            if value > 0 {
                floor.insert(t, value * MB);
            }
        }
        let end = floors.len() as u64 * 1000;
        filling.close(end);
        floor.close(end);
        filling.explains(&floor, 0, &grown(growth), limit * MB)
    }

    /// A cache that fills by a tenth each second.
    fn tenths(second: u64) -> Vec<CacheFill> {
        vec![fill(1, 100 * (second + 1))]
    }

    #[test]
    fn the_cache_that_grew_most_of_late_is_named() {
        let mut filling = filling();
        for second in 0..200u64 {
            // The first grows by 500 and rests, then the second grows by 200.
            let (first, second) = ((second * 5).min(500), second.saturating_sub(100) * 2);
            filling.observe(0, &[fill(1, first), fill(2, second)]);
        }
        assert_eq!(filling.cache(), Some((2, 0.198)));
    }

    #[test]
    fn a_cache_that_rests_or_shrinks_is_not_named() {
        let mut resting = filling();
        let mut shrinking = filling();
        for second in 0..20 {
            resting.observe(0, &[fill(1, 300)]);
            shrinking.observe(0, &[fill(1, 900 - second)]);
        }
        assert_eq!((resting.cache(), shrinking.cache()), (None, None));
    }

    #[test]
    fn only_the_oldest_caches_are_looked_at() {
        let last = MOST as u64;
        let growing = |id: u64| {
            let mut filling = filling();
            for second in 0..5 {
                let held = |each: u64| if each == id { second } else { 0 };
                let fills: Vec<CacheFill> = (0..=last).map(|each| fill(each, held(each))).collect();
                filling.observe(0, &fills);
            }
            filling.cache().map(|(id, _)| id)
        };
        assert_eq!((growing(last - 1), growing(last)), (Some(last - 1), None));
    }

    #[test]
    fn growth_that_goes_with_the_filling_and_fits_is_explained() {
        // A tenth each 10 MB: full at 100 MB, which is nine tenths of 111.1 MB.
        let floors = [10, 20, 30, 40];
        assert!(explained(&floors, tenths, 1.0, 112));
        assert!(!explained(&floors, tenths, 1.0, 111), "too little would be free");
        assert!(!explained(&floors, tenths, 0.0, 112), "no growth");
        assert!(!explained(&floors, tenths, -1.0, 112), "a fall");
        assert!(!explained(&floors[..3], tenths, 1.0, 112), "three buckets say nothing");
        assert!(
            !explained(&[10, 40, 10, 40], tenths, 1.0, 1000),
            "it does not go with the filling"
        );
        let falls = |second: u64| vec![fill(1, 900 - 100 * second)];
        assert!(!explained(&[40, 30, 20, 10], falls, 1.0, 1000), "nothing fills");
    }

    #[test]
    fn only_caches_that_grow_have_yet_to_take_their_room() {
        let beside = |second: u64| [tenths(second), vec![fill(2, 0)]].concat();
        assert!(explained(&[10, 20, 30, 40], beside, 1.0, 112), "the empty one takes nothing");
        let both = |second: u64| [tenths(second), vec![fill(2, second)]].concat();
        assert!(!explained(&[10, 20, 30, 40], both, 1.0, 112), "it takes 100 MB too");
    }

    #[test]
    fn a_floor_counts_in_the_bucket_that_saw_both() {
        let floors = [0, 0, 30, 0, 50, 60, 0, 80];
        assert!(explained(&floors, tenths, 1.0, 112));
        assert!(!explained(&[0, 0, 30, 0, 50, 60, 0, 0], tenths, 1.0, 112), "three buckets");
    }
}
