//! Byte counts by node: four bytes each, and a table for the few that do not fit.

use rustc_hash::FxHashMap;

use crate::heap::error::HeapResult;
use crate::heap::memory::{room, room_in};

/// In the column: the size is in the table.
const LARGE: u32 = u32::MAX;

/// A column of sizes.
#[derive(Debug, Default, Clone)]
pub(in crate::heap) struct Sizes {
    small: Vec<u32>,
    large: FxHashMap<u32, u64>,
}

impl Sizes {
    /// Makes room for so many more.
    pub fn reserve(&mut self, more: usize) -> HeapResult<()> {
        room(&mut self.small, more)
    }

    /// Adds one, for which there is room.
    #[inline]
    pub fn push(&mut self, size: u64) -> HeapResult<()> {
        if size >= u64::from(LARGE) {
            room_in(&mut self.large)?;
        }
        self.small.push(0);
        self.set(self.small.len() - 1, size);
        Ok(())
    }

    #[inline]
    pub fn get(&self, at: usize) -> u64 {
        match self.small[at] {
            LARGE => self.large.get(&(at as u32)).copied().unwrap_or(0),
            size => u64::from(size),
        }
    }

    #[inline]
    pub fn set(&mut self, at: usize, size: u64) {
        if size < u64::from(LARGE) {
            self.small[at] = size as u32;
        } else {
            self.small[at] = LARGE;
            self.large.insert(at as u32, size);
        }
    }

    #[inline]
    pub fn add(&mut self, at: usize, size: u64) {
        self.set(at, self.get(at).saturating_add(size));
    }

    pub fn shrink_to_fit(&mut self) {
        self.small.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_beyond_four_gigabytes() {
        let mut sizes = Sizes::default();
        for size in [0, 7, u64::from(u32::MAX) - 1, u64::from(u32::MAX), 1 << 40] {
            sizes.push(size).unwrap();
        }
        sizes.add(1, 1 << 33);
        sizes.add(2, 1);
        sizes.set(4, 3);
        let all: Vec<u64> = (0..5).map(|at| sizes.get(at)).collect();
        assert_eq!(all, [0, 7 + (1 << 33), u64::from(u32::MAX), u64::from(u32::MAX), 3]);
    }
}
