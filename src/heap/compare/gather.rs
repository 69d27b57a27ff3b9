//! What grew from the first snapshot to the last, by holder.

use rustc_hash::FxHashMap;

use crate::heap::compare::growth::{Growth, total};
use crate::heap::compare::ids::NONE;
use crate::heap::compare::owners::{Held, Share, Slot, counted, shares, slot_names, slot_target};
use crate::heap::compare::pace::{rises, rises_unevenly};
use crate::heap::compare::series::Series;
use crate::heap::compare::stores::{is_listed, owner_of_store};
use crate::heap::compare::{entries, replaced};
use crate::heap::graph::kind::EdgeKind;
use crate::heap::parallel;
use crate::heap::snapshot::{Node, Snapshot};

/// So many growths are looked into at most: those that have their share of all.
const MOST_LOOKS: u64 = 100;

impl Series<'_> {
    /// All that grew in each interval, the most bytes first; what did not grow evenly comes last. With it, for each
    /// snapshot, what holds its new objects, in terms of the last one.
    pub fn growths(&self) -> (Vec<Growth>, Vec<Held>) {
        let count = self.snapshots.len();
        let mut by_slot: FxHashMap<Slot, Growth> = FxHashMap::default();
        let shares = parallel::map((0..count).collect(), |index| {
            let (shares, held) = shares(&self.snapshots[index], &self.survivors_of_each[index]);
            let mut found: Vec<(Slot, Share)> = shares.into_iter().collect();
            found.sort_unstable_by_key(|(slot, _)| (slot.holder, slot.name));
            (found, held)
        });
        let mut held_by_snapshot = Vec::with_capacity(count);
        for (index, (found, mut held)) in shares.into_iter().enumerate() {
            let to_last = self.to_last(index);
            let owner = |slot: Slot| {
                let holder =
                    to_last.as_ref().map_or(slot.holder, |to_last| to_last[slot.holder as usize]);
                self.owner(Slot { holder, name: slot.name })
            };
            held.slots.iter_mut().for_each(|slot| *slot = owner(*slot));
            held_by_snapshot.push(held);
            for (slot, share) in found {
                let slot = owner(slot);
                let growth = by_slot.entry(slot).or_insert_with(|| Growth::new(slot, count));
                let shared = share.shared.iter();
                let by_others = shared.filter(|&(&first, _)| !is_same_holding(owner(first), slot));
                growth.bytes[index] += share.bytes;
                // What the program holds would be gone if it did not.
                if !is_listed(self.last(), slot.holder) {
                    growth.bytes[index] += by_others.map(|(_, bytes)| bytes).sum::<u64>();
                }
                growth.objects[index] += share.objects;
                if index == count - 1 {
                    growth.sample.extend(share.sample);
                }
            }
        }
        self.add_own_sizes(&mut by_slot);
        let (mut growths, scattered): (Vec<Growth>, Vec<Growth>) = self
            .join_trees(self.gather(by_slot))
            .into_iter()
            .partition(|growth| rises(self, growth));
        let uneven: Vec<Growth> =
            scattered.iter().filter(|growth| rises_unevenly(self, growth)).cloned().collect();
        growths.extend(self.scattered(scattered));
        let mut growths = self.join_tables(growths);
        self.join_lists(&mut growths);
        growths.extend(uneven.into_iter().map(|growth| Growth { even: false, ..growth }));
        let total = total(&growths);
        for growth in &mut growths {
            growth.before = self.stood_before(growth);
            // A look may pass over all nodes, and there may be as many growths as a file has variables.
            if growth.grown() >= total / MOST_LOOKS {
                replaced::look_into(
                    self.snapshots,
                    growth,
                    |node| self.before(node),
                    self.survivors(),
                );
            }
            growth.sample = self.items(std::mem::take(&mut growth.sample));
        }
        growths.sort_by(|one, other| other.even.cmp(&one.even).then_with(|| one.order(other)));
        (growths, held_by_snapshot)
    }

    /// The counterparts of what grew in the earlier snapshots; where a variable was given a new object, what it had.
    fn stood_before(&self, growth: &Growth) -> Vec<Node> {
        let same = self.before(growth.thing);
        if growth.thing == growth.slot.holder {
            return same;
        }
        let holders = self.before(growth.slot.holder);
        let class =
            |snapshot: &Snapshot, node| (snapshot.kind(node), snapshot.raw_name(node).to_vec());
        let stood = |((snapshot, same), holder): ((&Snapshot, Node), Node)| {
            let target =
                || slot_target(snapshot, Slot { holder, ..growth.slot }).map(|edge| edge.to);
            let alike = |&node: &Node| class(snapshot, node) == class(self.last(), growth.thing);
            if same != NONE { same } else { target().filter(alike).unwrap_or(NONE) }
        };
        self.snapshots.iter().zip(same).zip(holders).map(stood).collect()
    }

    /// A backing store's slot belongs to the object that has the store; a chain's to its head.
    fn owner(&self, slot: Slot) -> Slot {
        let last = self.last();
        let holder = owner_of_store(last, slot.holder);
        if holder == slot.holder || !self.is_old(holder) {
            return slot;
        }
        Slot { holder, name: None }
    }

    /// Surviving objects whose own size differs: memory outside of the heap, stores that were made longer.
    fn add_own_sizes(&self, by_slot: &mut FxHashMap<Slot, Growth>) {
        let (last, count) = (self.last(), self.snapshots.len());
        for node in last.nodes().filter(|&node| self.is_old(node)) {
            let now = last.shallow(node);
            let before = || {
                self.counterparts
                    .iter()
                    .zip(self.snapshots)
                    .map(|(of, snapshot)| snapshot.shallow(of.earlier[node as usize]))
            };
            if before().all(|size| size == now) || counted(last, node) == 0 {
                continue;
            }
            let sizes: Vec<u64> = before().chain([now]).collect();
            let least = sizes.iter().copied().min().unwrap_or(0);
            let slot = self.owner(Slot { holder: node, name: None });
            let growth = by_slot.entry(slot).or_insert_with(|| Growth::new(slot, count));
            for (sum, size) in growth.bytes.iter_mut().zip(sizes) {
                *sum += size - least;
            }
        }
    }

    /// One growth for each collection; one for each variable that was given a new object.
    fn gather(&self, by_slot: FxHashMap<Slot, Growth>) -> Vec<Growth> {
        let last = self.last();
        let mut by_holder: FxHashMap<Node, Vec<Growth>> = FxHashMap::default();
        for growth in by_slot.into_values() {
            by_holder.entry(growth.slot.holder).or_default().push(growth);
        }
        let mut gathered = Vec::new();
        for (holder, mut growths) in by_holder {
            growths.sort_by(Growth::order);
            let before = self.before(holder);
            // A property that no earlier snapshot's object had is an entry.
            let old: Vec<_> = before
                .iter()
                .zip(self.snapshots)
                .map(|(&node, snapshot)| slot_names(snapshot, node))
                .collect();
            let late = replaced::late(last, &growths, &old, |growth| rises(self, growth));
            let is_slot =
                |name| late.contains(&name) || old.iter().all(|names| names.contains(&name));
            let (slots, mut entries): (Vec<Growth>, Vec<Growth>) =
                growths.into_iter().partition(|growth| growth.slot.name.is_some_and(is_slot));
            for slot in slots {
                if let Some(edge) = slot_target(last, slot.slot)
                    && !self.is_old(edge.to)
                {
                    gathered.push(Growth { thing: edge.to, ..slot });
                } else {
                    entries.push(slot);
                }
            }
            let merged = entries.into_iter().reduce(|mut all, growth| {
                all.add(growth);
                all
            });
            if let Some(mut merged) = merged {
                merged.slot.name = None;
                gathered.push(merged);
            }
        }
        gathered
    }

    /// Joins what grew at both ends of a list whose links know their neighbours: the object that has its head and its
    /// tail dominates each link, and half of them are nearer to one end.
    fn join_lists(&self, growths: &mut Vec<Growth>) {
        let last = self.last();
        // By what owns the ends, and the class of the links.
        let mut lists: FxHashMap<Slot, Growth> = FxHashMap::default();
        for mut growth in std::mem::take(growths) {
            let thing = growth.thing;
            let owner = last.dominator(thing);
            let objects = growth.objects.last().copied().unwrap_or(0);
            let is_end = growth.slot.name.is_some()
                && objects > 1
                && self.is_old(owner)
                && !replaced::is_collection(last, thing)
                // The chain goes on where the other end's part begins.
                && entries::links(last, thing, self.survivors()).is_some_and(|links| links > objects);
            if !is_end {
                growths.push(growth);
                continue;
            }
            growth.ends.push(thing);
            let key = Slot { holder: owner, name: Some(last.name_index(thing).into()) };
            match lists.get_mut(&key) {
                Some(list) => list.add(growth),
                None => drop(lists.insert(key, growth)),
            }
        }
        for (&Slot { holder: owner, name: class }, list) in &mut lists {
            // A scope is no list, its variables are the ends of one; and timers are known by Node's list that they are
            // in.
            let mut members = last.edges(owner).filter(|edge| edge.kind == EdgeKind::Property);
            let is_list = last.raw_name(owner) != b"TimersList"
                && members.any(|edge| Some(last.name_index(edge.to).into()) == class);
            if list.ends.len() > 1 && is_list {
                list.thing = owner;
                list.slot = Slot { holder: owner, name: None };
            }
        }
        growths.extend(lists.into_values());
    }
}

/// Whether two slots are two ways to one entry: an object's property, and the store that its properties lie in.
fn is_same_holding(one: Slot, other: Slot) -> bool {
    one.holder == other.holder
        && (one.name == other.name || one.name.is_none() || other.name.is_none())
}
