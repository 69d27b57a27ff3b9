//! What edges are called: three bytes each, and a table for the few that do not fit.

use rustc_hash::FxHashMap;

use crate::heap::error::HeapResult;
use crate::heap::memory::{room, room_in};

/// In the column: the name is in the table.
const LARGE: u32 = 0xff_ffff;

/// A column of string indexes and, of edges without a name, of numbers.
#[derive(Debug, Default)]
pub(in crate::heap) struct EdgeNames {
    /// Little-endian.
    small: Vec<[u8; 3]>,
    large: FxHashMap<u32, u32>,
}

impl EdgeNames {
    /// Makes room for so many more.
    pub fn reserve(&mut self, more: usize) -> HeapResult<()> {
        room(&mut self.small, more)
    }

    /// Adds one, for which there is room.
    #[inline]
    pub fn push(&mut self, name: u32) -> HeapResult<()> {
        let [a, b, c, d] = name.to_le_bytes();
        if d == 0 && name != LARGE {
            self.small.push([a, b, c]);
            Ok(())
        } else {
            self.push_large(name)
        }
    }

    #[cold]
    fn push_large(&mut self, name: u32) -> HeapResult<()> {
        room_in(&mut self.large)?;
        self.large.insert(self.small.len() as u32, name);
        self.small.push([0xff; 3]);
        Ok(())
    }

    #[inline]
    pub fn get(&self, edge: usize) -> u32 {
        let [a, b, c] = self.small[edge];
        match u32::from_le_bytes([a, b, c, 0]) {
            LARGE => self.large.get(&(edge as u32)).copied().unwrap_or(LARGE),
            name => name,
        }
    }

    pub fn shrink_to_fit(&mut self) {
        self.small.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_three_bytes_and_of_four() {
        let all = [0, 1, 0x12_3456, LARGE - 1, LARGE, LARGE + 1, u32::MAX];
        let mut names = EdgeNames::default();
        all.iter().for_each(|name| names.push(*name).unwrap());
        let read: Vec<u32> = (0..all.len()).map(|edge| names.get(edge)).collect();
        assert_eq!(read, all);
    }
}
