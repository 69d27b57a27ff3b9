//! A memory of the keys that were evicted lately: two cells of 4 bytes for each, in sets of four.

/// Smallest table.
const SMALLEST: usize = 64;
/// Ticks of the age that fit into a ghost's 16 bits without two being taken for one another.
const TICKS: u32 = 1 << 15;

/// Cells of a set. Direct mapped, a third of the keys of a working set were lost in each pass over it.
const WAYS: usize = 4;

/// Ghosts of evicted keys. A ghost is the upper half of the key's hash beside its age in ticks; a collision forgets the
/// older one, and two keys taken for one cost a little hit ratio, never a wrong answer.
#[derive(Debug, Default)]
pub struct Ghosts {
    table: Box<[u32]>,
    evictions: u32,
    /// An age tick is `1 << shift` evictions, so that ages fit whatever the table's size.
    shift: u32,
}

impl Ghosts {
    /// Makes room for the ghosts of `entries` entries; a table that must grow starts empty.
    pub fn reserve(&mut self, entries: usize) {
        let size = (2 * entries).next_power_of_two().max(SMALLEST);
        if size > self.table.len() {
            self.table = vec![0; size].into();
            self.evictions = 0;
            self.shift = (size as u32 / (TICKS / 4)).max(1).ilog2();
        }
    }

    /// The key with this hash was evicted.
    pub fn remember(&mut self, hash: u32) {
        if self.table.is_empty() {
            return;
        }
        self.evictions = self.evictions.wrapping_add(1);
        let home = self.at(hash);
        let oldest = (0..WAYS).map(|way| home ^ way).max_by_key(|&at| match self.table[at] {
            0 => u32::MAX,
            ghost => self.age_of(ghost),
        });
        self.table[oldest.unwrap_or(home)] = (hash & 0xffff_0000) | self.age();
    }

    /// Whether the key with this hash is among about the last `window` evicted ones; it is forgotten.
    pub fn recall(&mut self, hash: u32, window: usize) -> bool {
        if self.table.is_empty() {
            return false;
        }
        let home = self.at(hash);
        let known = |ghost: u32| ghost != 0 && (ghost ^ hash) & 0xffff_0000 == 0;
        let Some(at) = (0..WAYS).map(|way| home ^ way).find(|&at| known(self.table[at])) else {
            return false;
        };
        let ticks = self.age_of(self.table[at]);
        self.table[at] = 0;
        ((ticks as usize) << self.shift) <= window
    }

    fn age_of(&self, ghost: u32) -> u32 {
        self.age().wrapping_sub(ghost) & 0xffff
    }

    fn at(&self, hash: u32) -> usize {
        // Multiplied, so that the index also depends on the bits that the ghost holds.
        (hash.wrapping_mul(0x9e37_79b1) >> 1) as usize & (self.table.len() - 1)
    }

    fn age(&self) -> u32 {
        (self.evictions >> self.shift) & 0xffff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(key: u32) -> u32 {
        key.wrapping_add(1).wrapping_mul(0x85eb_ca6b).rotate_left(13).wrapping_mul(0xc2b2_ae35)
    }

    #[test]
    fn a_recent_eviction_is_recalled_once() {
        let mut ghosts = Ghosts::default();
        assert!(!ghosts.recall(hash(1), 10), "nothing is known before the first reserve");
        ghosts.reserve(10);
        ghosts.remember(hash(1));
        assert!(!ghosts.recall(hash(2), 10));
        assert!(ghosts.recall(hash(1), 10));
        assert!(!ghosts.recall(hash(1), 10));
    }

    #[test]
    fn beyond_the_window_it_is_forgotten() {
        let mut ghosts = Ghosts::default();
        ghosts.reserve(1 << 18);
        for key in 0..100_000 {
            ghosts.remember(hash(key));
        }
        let recalled = |ghosts: &mut Ghosts, keys: std::ops::Range<u32>| {
            keys.filter(|&key| ghosts.recall(hash(key), 20_000)).count()
        };
        assert!(recalled(&mut ghosts, 82_000..100_000) > 15_000, "most of the window is known");
        assert!(recalled(&mut ghosts, 0..78_000) < 100, "of the rest, at most a few by collision");
    }
}
