//! A holder that grew over a series of snapshots.

use crate::heap::compare::owners::Slot;
use crate::heap::snapshot::Node;

/// A holder that grew, in terms of the last snapshot.
#[derive(Debug, Clone)]
pub(in crate::heap) struct Growth {
    /// The object to name: the one that grew, or the replacement that was assigned to the variable.
    pub thing: Node,
    /// The holder and its variable, where the variable was given a new object.
    pub slot: Slot,
    /// The slots whose shares it adds up.
    pub slots: Vec<Slot>,
    /// The thing's counterparts in the earlier snapshots, or what stood in its place.
    pub before: Vec<Node>,
    /// Bytes that hang from it beyond the surviving objects, by snapshot.
    pub bytes: Vec<u64>,
    /// Objects that hang from it beyond the surviving objects, by snapshot.
    pub objects: Vec<u64>,
    /// Some of what is new in the last snapshot.
    pub sample: Vec<Node>,
    /// Where what is new of a list begins, if that is so at two ends.
    pub ends: Vec<Node>,
    /// Of how many that grew by themselves it consists.
    pub places: u64,
    /// Whether it grew evenly, as a leak does, and not by far more or less from one interval to the next.
    pub even: bool,
}

impl Growth {
    pub fn new(slot: Slot, snapshots: usize) -> Self {
        Growth {
            thing: slot.holder,
            slot,
            slots: vec![slot],
            before: Vec::new(),
            bytes: vec![0; snapshots],
            objects: vec![0; snapshots],
            sample: Vec::new(),
            ends: Vec::new(),
            places: 1,
            even: true,
        }
    }

    /// What one snapshot has: all of it counts.
    pub fn of_one(thing: Node, bytes: u64, sample: Vec<Node>) -> Self {
        let slot = Slot { holder: thing, name: None };
        Growth { bytes: vec![bytes], sample, ..Growth::new(slot, 1) }
    }

    pub fn add(&mut self, other: Growth) {
        self.bytes.iter_mut().zip(&other.bytes).for_each(|(sum, bytes)| *sum += bytes);
        self.objects.iter_mut().zip(&other.objects).for_each(|(sum, objects)| *sum += objects);
        self.slots.extend(other.slots);
        self.sample.extend(other.sample);
        self.ends.extend(other.ends);
    }

    /// The most bytes first.
    pub fn order(&self, other: &Growth) -> std::cmp::Ordering {
        let key = |growth: &Growth| (growth.thing, growth.slot.name);
        other.grown().cmp(&self.grown()).then_with(|| key(self).cmp(&key(other)))
    }

    /// By how many bytes it rose in each interval.
    pub fn steps(&self) -> Vec<u64> {
        self.bytes.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect()
    }

    /// From the first snapshot to the last; from nothing where there is one only.
    pub fn grown(&self) -> u64 {
        match self.bytes.as_slice() {
            [first, .., last] => last.saturating_sub(*first),
            bytes => bytes.iter().sum(),
        }
    }
}

/// What all of them have grown by.
pub(in crate::heap) fn total(growths: &[Growth]) -> u64 {
    growths.iter().map(Growth::grown).fold(0, u64::saturating_add)
}
