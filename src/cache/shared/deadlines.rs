//! The ends of the entries' lives: a binary heap that knows where each slot stands, so that any can be moved or
//! removed.

use super::links::NONE;

/// A heap of (deadline, slot), the earliest first. It costs memory only for slots that have a deadline.
#[derive(Debug, Default)]
pub struct Deadlines {
    heap: Vec<(u64, u32)>,
    /// Slot -> place in `heap`, or `NONE`. Empty until the first deadline.
    places: Vec<u32>,
}

impl Deadlines {
    /// The earliest deadline with its slot.
    pub fn first(&self) -> Option<(u64, u32)> {
        self.heap.first().copied()
    }

    /// The deadline of a slot; `u64::MAX` where it has none.
    pub fn of(&self, slot: u32) -> u64 {
        self.place(slot).map_or(u64::MAX, |place| self.heap[place].0)
    }

    /// Gives the slot a deadline, in place of the one that it had; `u64::MAX` is none.
    pub fn set(&mut self, slot: u32, deadline: u64) {
        match (self.place(slot), deadline) {
            (None, u64::MAX) => {}
            (Some(_), u64::MAX) => self.remove(slot),
            (Some(place), _) => {
                self.heap[place].0 = deadline;
                self.settle(place);
            }
            (None, _) => {
                if self.places.len() <= slot as usize {
                    self.places.resize(slot as usize + 1, NONE);
                }
                self.places[slot as usize] = self.heap.len() as u32;
                self.heap.push((deadline, slot));
                self.settle(self.heap.len() - 1);
            }
        }
    }

    /// Takes the slot's deadline away, if it has one.
    pub fn remove(&mut self, slot: u32) {
        let Some(place) = self.place(slot) else { return };
        self.heap.swap_remove(place);
        self.places[slot as usize] = NONE;
        if let Some(&(_, moved)) = self.heap.get(place) {
            self.places[moved as usize] = place as u32;
            self.settle(place);
        }
    }

    fn place(&self, slot: u32) -> Option<usize> {
        self.places.get(slot as usize).filter(|&&place| place != NONE).map(|&place| place as usize)
    }

    /// Moves the item at `place` up or down to where it belongs.
    fn settle(&mut self, mut place: usize) {
        while place > 0 && self.heap[place].0 < self.heap[(place - 1) / 2].0 {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        loop {
            let children = place * 2 + 1..(place * 2 + 3).min(self.heap.len());
            let Some(least) = children.min_by_key(|&child| self.heap[child].0) else { return };
            if self.heap[place].0 <= self.heap[least].0 {
                return;
            }
            self.swap(place, least);
            place = least;
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.places[self.heap[a].1 as usize] = a as u32;
        self.places[self.heap[b].1 as usize] = b as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_agrees_with_a_map_of_deadlines(
            operations in prop::collection::vec((0u32..24, prop_oneof![3 => (0u64..50).prop_map(Some), 1 => Just(Some(u64::MAX)), 2 => Just(None)]), 0..300)
        ) {
            let (mut deadlines, mut model) = (Deadlines::default(), BTreeMap::new());
            for (slot, deadline) in operations {
                match deadline {
                    Some(u64::MAX) | None => { model.remove(&slot); }
                    Some(deadline) => { model.insert(slot, deadline); }
                }
                match deadline {
                    Some(deadline) => deadlines.set(slot, deadline),
                    None => deadlines.remove(slot),
                }
                prop_assert_eq!(deadlines.first().map(|(deadline, _)| deadline), model.values().min().copied());
                for slot in 0..24 {
                    prop_assert_eq!(deadlines.of(slot), model.get(&slot).copied().unwrap_or(u64::MAX));
                }
            }
            while let Some((deadline, slot)) = deadlines.first() {
                prop_assert_eq!(model.remove(&slot), Some(deadline));
                prop_assert!(model.values().all(|&later| later >= deadline));
                deadlines.remove(slot);
            }
            prop_assert!(model.is_empty());
        }
    }
}
