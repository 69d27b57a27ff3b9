//! Minima of a series over buckets that double in width from level to level.
//!
//! Level `l` has buckets of width `width * 2^l` and keeps the last [`BUCKETS`] of them, so a series
//! of any length costs O(log time) memory and each level is a window of its own length.

use std::collections::VecDeque;

/// Closed buckets that a level keeps: what a window is made of.
pub const BUCKETS: usize = 12;

/// One value at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Milliseconds.
    pub t: u64,
    /// Bytes.
    pub value: u64,
}

/// What a bucket remembers: its lowest value, and the load while it was open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    // A value of NONE stands for "none seen": with an Option the series would not fit their budget.
    sample: Sample,
    work: f32,
    index: u32,
}

const NONE: u64 = u64::MAX;

impl Bucket {
    fn new(index: u32) -> Self {
        Self { sample: Sample { t: 0, value: NONE }, work: 0.0, index }
    }

    /// Its place: it covers `[index * width, (index + 1) * width)` from the pyramid's origin.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The lowest value seen, the earliest of equals; `None` where none was seen.
    #[must_use]
    pub fn min(&self) -> Option<Sample> {
        (self.sample.value != NONE).then_some(self.sample)
    }

    /// Work done while it was open, in a unit of the caller's.
    #[must_use]
    pub fn work(&self) -> f64 {
        f64::from(self.work)
    }

    fn observe(&mut self, sample: Sample) {
        if sample.value < self.sample.value {
            self.sample = sample;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.observe(other.sample);
        self.work += other.work;
    }
}

#[derive(Debug, Clone)]
struct Level {
    closed: VecDeque<Bucket>,
    open: Option<Bucket>,
}

impl Level {
    fn new() -> Self {
        Self { closed: VecDeque::with_capacity(BUCKETS), open: None }
    }

    /// The bucket at `index`; an older one that is still open is closed into `out` first.
    fn open_at(&mut self, index: u32, out: &mut Option<Bucket>) -> &mut Bucket {
        if self.open.is_some_and(|open| open.index < index) {
            *out = self.close();
        }
        self.open.get_or_insert_with(|| Bucket::new(index))
    }

    fn close(&mut self) -> Option<Bucket> {
        let bucket = self.open.take()?;
        while self.closed.front().is_some_and(|old| old.index + BUCKETS as u32 <= bucket.index) {
            self.closed.pop_front();
        }
        self.closed.push_back(bucket);
        Some(bucket)
    }
}

/// The pyramid of bucket minima of one series.
#[derive(Debug, Clone)]
pub struct Pyramid {
    width: u64,
    origin: u64,
    levels: Vec<Level>,
    /// Levels of which an insertion closed a bucket since the last call of `close`.
    untold: u64,
}

impl Pyramid {
    /// Widths double up to here: with buckets of a second the widest window is nine days.
    pub const LEVELS: usize = 17;

    /// A pyramid whose narrowest buckets are `width` ms wide, the first one starting at `origin`.
    #[must_use]
    pub fn new(width: u64, origin: u64) -> Self {
        Self { width: width.max(1), origin, levels: vec![Level::new()], untold: 0 }
    }

    /// Takes a value in. One from before the open bucket counts for the open bucket.
    pub fn insert(&mut self, t: u64, value: u64) {
        self.at(t).observe(Sample { t, value });
    }

    /// Takes in that `work` was done evenly from `from` to `to`: two buckets share it where they meet in between.
    pub fn add_work(&mut self, from: u64, to: u64, work: f64) {
        let border = self.origin + u64::from(self.index(to)) * self.width;
        if self.index(from) + 1 != self.index(to) {
            self.at(to).work += work as f32;
            return;
        }
        let before = work * (border - from) as f64 / (to - from) as f64;
        self.add_late(from, before as f32);
        self.at(to).work += (work - before) as f32;
    }

    /// Adds work to the newest bucket at `t`, which may be closed by now and part of those above.
    fn add_late(&mut self, t: u64, work: f32) {
        let mut index = self.index(t);
        for level in &mut self.levels {
            if let Some(open) = level.open.as_mut().filter(|open| open.index == index) {
                open.work += work;
                return;
            }
            match level.closed.back_mut().filter(|closed| closed.index == index) {
                Some(closed) => closed.work += work,
                None => return,
            }
            index >>= 1;
        }
    }

    /// Closes the buckets that ended by `now`. Bit `l` of the result is set where level `l` closed one
    /// since the last call.
    pub fn close(&mut self, now: u64) -> u64 {
        let index = self.index(now);
        let mut closed = std::mem::take(&mut self.untold);
        let mut level = 0;
        while level < self.levels.len() {
            let ended = self.levels[level]
                .open
                .is_some_and(|open| open.index < index.wrapping_shr(level as u32));
            if ended && let Some(bucket) = self.levels[level].close() {
                closed |= 1 << level;
                closed |= self.merge_up(level + 1, &bucket);
            }
            level += 1;
        }
        closed
    }

    /// Bytes that a pyramid takes at most, however long it lives.
    #[cfg(test)]
    pub(super) const MOST_BYTES: usize =
        size_of::<Self>() + Self::LEVELS * (size_of::<Level>() + BUCKETS * size_of::<Bucket>());

    /// How many levels there are.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Width of the buckets of a level, ms.
    #[must_use]
    pub fn width(&self, level: usize) -> u64 {
        self.width << level
    }

    /// The time that a level looks back on, ms.
    #[must_use]
    pub fn window(&self, level: usize) -> f64 {
        (self.width(level) * BUCKETS as u64) as f64
    }

    /// The closed buckets of a level, oldest first, none older than [`BUCKETS`] widths; empty above the top.
    pub fn closed(&self, level: usize) -> impl DoubleEndedIterator<Item = &Bucket> {
        self.levels.get(level).into_iter().flat_map(|level| level.closed.iter())
    }

    fn index(&self, t: u64) -> u32 {
        u32::try_from(t.saturating_sub(self.origin) / self.width).unwrap_or(u32::MAX)
    }

    fn at(&mut self, t: u64) -> &mut Bucket {
        let mut index = self.index(t);
        if let Some(open) = self.levels[0].open {
            index = index.max(open.index);
        }
        let mut closed = None;
        self.levels[0].open_at(index, &mut closed);
        if let Some(bucket) = closed {
            self.untold |= 1 | self.merge_up(1, &bucket);
        }
        self.levels[0].open_at(index, &mut None)
    }

    /// Adds a bucket that level `level - 1` closed to `level`, and so on up.
    fn merge_up(&mut self, level: usize, bucket: &Bucket) -> u64 {
        if level >= Self::LEVELS {
            return 0;
        }
        if level == self.levels.len() {
            self.levels.push(Level::new());
        }
        let mut closed = None;
        self.levels[level].open_at(bucket.index >> 1, &mut closed).merge(bucket);
        closed.map_or(0, |closed| (1 << level) | self.merge_up(level + 1, &closed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn minima(pyramid: &Pyramid, level: usize) -> Vec<(u32, Option<u64>)> {
        pyramid.closed(level).map(|b| (b.index, b.min().map(|m| m.value))).collect()
    }

    #[test]
    fn two_buckets_make_one_above() {
        let mut pyramid = Pyramid::new(10, 100);
        for (t, value) in [(100, 5), (109, 3), (110, 4), (125, 9), (131, 1)] {
            pyramid.insert(t, value);
        }
        assert_eq!(pyramid.close(140) & 0b11, 0b11);
        assert_eq!(minima(&pyramid, 0), [(0, Some(3)), (1, Some(4)), (2, Some(9)), (3, Some(1))]);
        assert_eq!(minima(&pyramid, 1), [(0, Some(3)), (1, Some(1))]);
        assert_eq!(minima(&pyramid, 9), []);
    }

    #[test]
    fn a_bucket_that_an_insertion_closed_is_told() {
        let mut pyramid = Pyramid::new(10, 0);
        for t in [5, 15, 25] {
            pyramid.insert(t, 1);
        }
        assert_eq!(pyramid.close(25), 0b11);
        assert_eq!(pyramid.close(25), 0);
    }

    #[test]
    fn buckets_of_each_level_that_insertions_closed_are_told() {
        let told = |times: &[u64]| {
            let mut pyramid = Pyramid::new(10, 0);
            times.iter().for_each(|&t| pyramid.insert(t, 1));
            pyramid.close(times[times.len() - 1])
        };
        assert_eq!(told(&[5, 15]), 0b1);
        assert_eq!(told(&[5, 25, 35]), 0b11, "35 closes 20 to 30, and that 0 to 20");
        assert_eq!(told(&[5, 45, 65, 75]), 0b111, "and 75 closes 0 to 40");
    }

    #[test]
    fn of_equal_minima_the_earliest_counts() {
        let mut pyramid = Pyramid::new(10, 0);
        for (t, value) in [(1, 7), (3, 5), (6, 5), (9, 8)] {
            pyramid.insert(t, value);
        }
        pyramid.close(10);
        let min = pyramid.closed(0).next().and_then(Bucket::min);
        assert_eq!(min, Some(Sample { t: 3, value: 5 }));
    }

    #[test]
    fn work_over_a_border_is_shared() {
        let mut pyramid = Pyramid::new(10, 100);
        pyramid.add_work(100, 107, 7.0);
        pyramid.add_work(107, 117, 10.0);
        pyramid.add_work(117, 141, 24.0);
        pyramid.insert(155, 9);
        pyramid.add_work(141, 156, 15.0);
        pyramid.close(160);
        let work = |level| pyramid.closed(level).map(Bucket::work).collect::<Vec<f64>>();
        assert_eq!(
            work(0),
            [10.0, 7.0, 33.0, 6.0],
            "what took longer than a bucket counts where it ended"
        );
        assert_eq!(work(1), [17.0, 39.0]);
    }

    #[test]
    fn ten_years_fit_into_a_few_kilobytes() {
        let mut pyramid = Pyramid::new(1000, 0);
        let hour = 3_600_000;
        for i in 0..24 * 365 * 10 {
            pyramid.insert(i * hour, i);
            pyramid.close(i * hour);
        }
        let buckets: usize = (0..pyramid.depth()).map(|l| pyramid.closed(l).count()).sum();
        assert!(pyramid.depth() <= Pyramid::LEVELS);
        assert!(buckets <= BUCKETS * pyramid.depth());
    }

    proptest! {
        #[test]
        fn minima_and_work_equal_brute_force(
            steps in prop::collection::vec((0u64..40, 0u64..1000, any::<bool>()), 1..400),
            width in 1u64..20, origin in 0u64..50,
        ) {
            let mut pyramid = Pyramid::new(width, origin);
            let mut samples = Vec::new();
            let mut t = origin;
            for (gap, value, close) in steps {
                t += gap;
                pyramid.insert(t, value);
                pyramid.add_work(t, t, value as f64);
                samples.push((t, value));
                if close {
                    pyramid.close(t);
                }
            }
            pyramid.close(t);
            for level in 0..pyramid.depth() {
                let place = |t: u64| ((t - origin) / width) as u32 >> level;
                let newest = pyramid.closed(level).last().map_or(0, |b| b.index);
                let mut expected = std::collections::BTreeMap::new();
                for &(at, value) in &samples {
                    if place(at) < place(t) && place(at) + BUCKETS as u32 > newest {
                        let entry = expected.entry(place(at)).or_insert((u64::MAX, 0.0));
                        entry.0 = entry.0.min(value);
                        entry.1 += value as f64;
                    }
                }
                let found: Vec<_> =
                    pyramid.closed(level).map(|b| (b.index, (b.min().unwrap().value, b.work()))).collect();
                prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
            }
        }
    }
}
