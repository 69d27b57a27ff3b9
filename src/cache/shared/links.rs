//! Doubly linked lists of slots that share one array of links.

/// No slot.
pub const NONE: u32 = u32::MAX;

/// The neighbours of a slot in the list that holds it.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    prev: u32,
    next: u32,
}

impl Link {
    /// In no list.
    pub const FREE: Self = Self { prev: NONE, next: NONE };
}

/// A list with its ends; a slot is in one list at most.
#[derive(Debug)]
pub struct List {
    head: u32,
    tail: u32,
}

impl List {
    /// No slots.
    pub const EMPTY: Self = Self { head: NONE, tail: NONE };

    /// The slot that was pushed longest ago.
    pub fn head(&self) -> Option<u32> {
        (self.head != NONE).then_some(self.head)
    }

    /// Adds a slot that is in no list at the tail.
    pub fn push(&mut self, links: &mut [Link], slot: u32) {
        links[slot as usize] = Link { prev: self.tail, next: NONE };
        match self.tail {
            NONE => self.head = slot,
            tail => links[tail as usize].next = slot,
        }
        self.tail = slot;
    }

    /// Takes a slot of this list out of it.
    pub fn remove(&mut self, links: &mut [Link], slot: u32) {
        let Link { prev, next } = links[slot as usize];
        match prev {
            NONE => self.head = next,
            prev => links[prev as usize].next = next,
        }
        match next {
            NONE => self.tail = prev,
            next => links[next as usize].prev = prev,
        }
        links[slot as usize] = Link::FREE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn a_list_is_a_queue_that_gives_up_any_of_its_slots(slots in prop::collection::vec(0u32..16, 0..200)) {
            let (mut links, mut list, mut model) = ([Link::FREE; 16], List::EMPTY, VecDeque::new());
            for slot in slots {
                if let Some(at) = model.iter().position(|&held| held == slot) {
                    model.remove(at);
                    list.remove(&mut links, slot);
                } else {
                    model.push_back(slot);
                    list.push(&mut links, slot);
                }
                prop_assert_eq!(list.head(), model.front().copied());
            }
            while let Some(slot) = list.head() {
                prop_assert_eq!(Some(slot), model.pop_front());
                list.remove(&mut links, slot);
            }
            prop_assert!(model.is_empty());
        }
    }
}
