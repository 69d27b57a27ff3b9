//! What grew from the first snapshot to the last, by holder.

use rustc_hash::FxHashMap;

use super::super::{EdgeKind, Node, NodeKind, Snapshot, parallel};
use super::diff::{Counterparts, NONE, by_odd_id};
use super::owners::{Share, Slot, shares, slot_names, slot_target};
use super::{anew, entries};

/// So many growths are looked into at most: those that have their share of all.
const MOST_LOOKS: u64 = 100;

/// A holder that grew, in terms of the last snapshot.
#[derive(Debug, Clone)]
pub(super) struct Growth {
    /// The object that grew, or the one that a variable was given anew: what is to be named.
    pub thing: Node,
    /// The holder and its variable, where the variable was given a new object.
    pub slot: Slot,
    /// The thing's counterparts in the earlier snapshots, or what stood in its place.
    pub before: Vec<Node>,
    /// Bytes that hang from it beyond the skeleton, by snapshot.
    pub bytes: Vec<u64>,
    /// Objects that hang from it beyond the skeleton, by snapshot.
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
    fn new(slot: Slot, snapshots: usize) -> Self {
        Growth {
            thing: slot.holder,
            slot,
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

    fn add(&mut self, other: Growth) {
        self.bytes.iter_mut().zip(&other.bytes).for_each(|(sum, bytes)| *sum += bytes);
        self.objects.iter_mut().zip(&other.objects).for_each(|(sum, objects)| *sum += objects);
        self.sample.extend(other.sample);
        self.ends.extend(other.ends);
    }

    /// The most bytes first.
    fn order(&self, other: &Growth) -> std::cmp::Ordering {
        let key = |growth: &Growth| (growth.thing, growth.slot.name);
        other.grown().cmp(&self.grown()).then_with(|| key(self).cmp(&key(other)))
    }

    /// By how many bytes it rose in each interval.
    fn steps(&self) -> Vec<u64> {
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
pub(super) fn total(growths: &[Growth]) -> u64 {
    growths.iter().map(Growth::grown).fold(0, u64::saturating_add)
}

/// The series of snapshots with what corresponds to what.
pub(super) struct Series<'s> {
    snapshots: &'s [Snapshot],
    /// For each earlier snapshot the counterparts of the last one's nodes.
    counterparts: Vec<Counterparts>,
    /// For each snapshot whether a node is in all of them.
    skeletons: Vec<Vec<bool>>,
    /// Seconds from each snapshot to the next, where they are known.
    intervals: &'s [u64],
}

impl<'s> Series<'s> {
    /// Compares two snapshots or more.
    pub fn new(snapshots: &'s [Snapshot], intervals: &'s [u64]) -> Self {
        let (last, earlier) = (&snapshots[snapshots.len() - 1], &snapshots[..snapshots.len() - 1]);
        let identities = by_odd_id(last);
        let counterparts = parallel::map(earlier.iter().collect(), |snapshot| {
            Counterparts::find(snapshot, last, &identities)
        });
        drop(identities);
        let in_all: Vec<bool> = last
            .nodes()
            .map(|node| {
                counterparts.iter().all(|counterparts| counterparts.earlier[node as usize] != NONE)
            })
            .collect();
        let mut skeletons: Vec<Vec<bool>> =
            earlier.iter().map(|snapshot| vec![false; snapshot.node_count()]).collect();
        for (skeleton, counterparts) in skeletons.iter_mut().zip(&counterparts) {
            for (node, &counterpart) in counterparts.earlier.iter().enumerate() {
                if in_all[node] {
                    skeleton[counterpart as usize] = true;
                }
            }
        }
        skeletons.push(in_all);
        Series { snapshots, counterparts, skeletons, intervals }
    }

    /// Whether equal ids meant equal objects in some of the snapshots and not in others.
    pub fn is_mixed(&self) -> bool {
        let by_id = self.counterparts.iter().filter(|counterparts| counterparts.by_id).count();
        by_id > 0 && by_id < self.counterparts.len()
    }

    /// The snapshots, the oldest first.
    pub fn snapshots(&self) -> &'s [Snapshot] {
        self.snapshots
    }

    fn last(&self) -> &'s Snapshot {
        &self.snapshots[self.snapshots.len() - 1]
    }

    /// Whether all snapshots have this node of the last one.
    pub fn is_old(&self, node: Node) -> bool {
        self.skeletons.last().is_some_and(|skeleton| skeleton[node as usize])
    }

    /// The counterparts of a node of the last snapshot in the earlier ones.
    pub fn before(&self, node: Node) -> Vec<Node> {
        self.counterparts.iter().map(|counterparts| counterparts.earlier[node as usize]).collect()
    }

    /// All that grew in each interval, the most bytes first; what did not grow evenly comes last.
    pub fn growths(&self) -> Vec<Growth> {
        let count = self.snapshots.len();
        let mut by_slot: FxHashMap<Slot, Growth> = FxHashMap::default();
        let shares = parallel::map((0..count).collect(), |index| {
            let mut found: Vec<(Slot, Share)> =
                shares(&self.snapshots[index], &self.skeletons[index]).into_iter().collect();
            found.sort_unstable_by_key(|(slot, _)| (slot.holder, slot.name));
            found
        });
        for (index, found) in shares.into_iter().enumerate() {
            let to_last = self.to_last(index);
            let owner = |slot: Slot| {
                let holder =
                    to_last.as_ref().map_or(slot.holder, |to_last| to_last[slot.holder as usize]);
                self.owner(Slot { holder, name: slot.name })
            };
            for (slot, share) in found {
                let slot = owner(slot);
                let growth = by_slot.entry(slot).or_insert_with(|| Growth::new(slot, count));
                let shared = share.shared.iter();
                let by_others = shared.filter(|&(&first, _)| !is_same_holding(owner(first), slot));
                growth.bytes[index] += share.bytes;
                // What the program holds would be gone if it did not.
                if !is_global_handles(self.last(), slot.holder) {
                    growth.bytes[index] += by_others.map(|(_, bytes)| bytes).sum::<u64>();
                }
                growth.objects[index] += share.objects;
                if index == count - 1 {
                    growth.sample.extend(share.sample);
                }
            }
        }
        self.add_own_sizes(&mut by_slot);
        let (mut growths, scattered): (Vec<Growth>, Vec<Growth>) =
            self.gather(by_slot).into_iter().partition(|growth| self.rises(growth));
        let uneven: Vec<Growth> =
            scattered.iter().filter(|growth| self.rises_unevenly(growth)).cloned().collect();
        growths.extend(self.scattered(scattered));
        let mut growths = self.join_tables(growths);
        self.join_lists(&mut growths);
        growths.extend(uneven.into_iter().map(|growth| Growth { even: false, ..growth }));
        let total = total(&growths);
        for growth in &mut growths {
            growth.before = self.before(growth.thing);
            // A look may pass over all nodes, and there may be as many growths as a file has variables.
            if growth.grown() >= total / MOST_LOOKS {
                anew::look_into(
                    self.snapshots,
                    growth,
                    |node| self.before(node),
                    |node| self.is_old(node),
                );
            }
            growth.sample = self.items(std::mem::take(&mut growth.sample));
        }
        growths.sort_by(|one, other| other.even.cmp(&one.even).then_with(|| one.order(other)));
        growths
    }

    /// From the nodes of a snapshot to those of the last; none for the last itself.
    fn to_last(&self, index: usize) -> Option<Vec<Node>> {
        let counterparts = self.counterparts.get(index)?;
        let mut to_last = vec![NONE; self.snapshots[index].node_count()];
        for (node, &counterpart) in counterparts.earlier.iter().enumerate() {
            if counterpart != NONE {
                to_last[counterpart as usize] = node as Node;
            }
        }
        Some(to_last)
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

    /// Objects of the skeleton whose own size differs: memory outside of the heap, stores that were made longer.
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
            if before().all(|size| size == now) || super::owners::counted(last, node) == 0 {
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
            let late = anew::late(last, &growths, &old, |growth| self.rises(growth));
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

    /// Joins what grew at both ends of a list whose links know their neighbours: the object that has its head and its tail
    /// dominates each link, and half of them are nearer to one end.
    fn join_lists(&self, growths: &mut Vec<Growth>) {
        let last = self.last();
        let is_old = |node| self.is_old(node);
        // By what owns the ends, and the class of the links.
        let mut lists: FxHashMap<Slot, Growth> = FxHashMap::default();
        for mut growth in std::mem::take(growths) {
            let thing = growth.thing;
            let owner = last.dominator(thing);
            let objects = growth.objects.last().copied().unwrap_or(0);
            let is_end = growth.slot.name.is_some()
                && objects > 1
                && self.is_old(owner)
                && !anew::is_collection(last, thing)
                // The chain goes on where the other end's part begins.
                && entries::links(last, thing, &is_old).is_some_and(|links| links > objects);
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
            // A scope is no list, its variables are the ends of one; and timers are known by Node's list that they are in.
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

    /// What a program put there: a new backing store stands for the objects in it.
    fn items(&self, sample: Vec<Node>) -> Vec<Node> {
        const MOST: usize = 2048;
        let last = self.last();
        let mut items = Vec::with_capacity(sample.len());
        for node in sample {
            if items.len() >= MOST {
                break;
            }
            if !is_store(last, node) {
                items.push(node);
                continue;
            }
            let is_item = |node: Node| {
                !self.is_old(node)
                    && matches!(
                        last.kind(node),
                        NodeKind::Object
                            | NodeKind::Closure
                            | NodeKind::Hidden
                            | NodeKind::SlicedString
                    )
            };
            items.extend(
                last.edges(node).map(|edge| edge.to).filter(|&node| is_item(node)).take(MOST),
            );
        }
        items.sort_unstable();
        items.dedup();
        items
    }

    /// What grows by little at each of many places: a tree at its leaves and wherever it is balanced anew, the lists of many users.
    /// It is the growth of the lowest object that has enough of them: the tree's root, the table of the users.
    fn scattered(&self, mut level: Vec<Growth>) -> Vec<Growth> {
        let mut found = Vec::new();
        level.retain(|growth| !is_system(self.last(), growth.thing));
        // First by place, for an object may have several variables that grew.
        for at in 0..=LEVELS {
            let mut by_root: FxHashMap<Node, Vec<Growth>> = FxHashMap::default();
            for growth in level.drain(..) {
                let holder = growth.slot.holder;
                let root = if at == 0 { holder } else { self.root_of_tree(holder) };
                by_root.entry(root).or_default().push(growth);
            }
            for (root, growths) in by_root {
                let mut all = self.joined(root, growths);
                if at == 0 {
                    all.places = 1;
                }
                if all.places >= PLACES && all.grown() >= PLACES * NOISE && self.rises(&all) {
                    found.push(all);
                } else if at == 0 {
                    level.push(all);
                } else if let Some(parent) = self.parent(root) {
                    all.slot.holder = parent;
                    level.push(all);
                }
            }
        }
        found
    }

    /// One growth, which is its holder's.
    fn joined(&self, holder: Node, growths: Vec<Growth>) -> Growth {
        let mut all = Growth::new(Slot { holder, name: None }, self.snapshots.len());
        all.places = growths.iter().map(|growth| growth.places).sum();
        growths.into_iter().for_each(|growth| all.add(growth));
        all
    }

    /// Joins the tables that one object has by key (`byDay[day][hour]`): those that hold objects of one shape.
    fn join_tables(&self, growths: Vec<Growth>) -> Vec<Growth> {
        let mut by_shape: FxHashMap<Node, Vec<Growth>> = FxHashMap::default();
        for growth in growths {
            by_shape.entry(self.shape(&growth)).or_default().push(growth);
        }
        let mut joined = by_shape.remove(&NONE).unwrap_or_default();
        for tables in by_shape.into_values() {
            let mut places: FxHashMap<Node, u64> = FxHashMap::default();
            for table in &tables {
                for node in self.above(table) {
                    *places.entry(node).or_default() += table.places;
                }
            }
            // The lowest that has the most of them.
            let size = |node| std::cmp::Reverse((self.last().retained(node), node));
            let root = places.into_iter().max_by_key(|&(node, places)| (places, size(node)));
            let Some((root, PLACES..)) = root else {
                joined.extend(tables);
                continue;
            };
            let mut within = Vec::new();
            for mut table in tables {
                if !self.above(&table).contains(&root) {
                    joined.push(table);
                    continue;
                }
                if table.places == 1 {
                    table.objects = self.entries(table.thing);
                }
                within.push(table);
            }
            joined.push(self.joined(root, within));
        }
        joined
    }

    /// What may have a table by key, the lowest first; what many have made grow counts as well.
    fn above(&self, table: &Growth) -> Vec<Node> {
        let itself = Some(table.thing).filter(|_| table.places > 1);
        let first = itself.or_else(|| self.parent(table.thing));
        // An instance has its tables by field, and each is known by its declaration.
        let is_plain =
            |&at: &Node| matches!(self.last().raw_name(at), b"Object" | b"Array" | b"Map");
        let above = std::iter::successors(first, |&at| self.parent(at));
        above.take_while(is_plain).take(LEVELS).collect()
    }

    /// How many entries a table has, by snapshot.
    fn entries(&self, table: Node) -> Vec<u64> {
        let same = self.before(table).into_iter().chain([table]);
        let count =
            |(snapshot, node)| if node == NONE { 0 } else { entries::count(snapshot, node) };
        self.snapshots.iter().zip(same).map(count).collect()
    }

    /// The shape of the objects that a table holds.
    fn shape(&self, table: &Growth) -> Node {
        let last = self.last();
        let is_table = table.places > 1 || anew::is_collection(last, table.thing);
        let mut items = self.items(table.sample.clone()).into_iter().filter(|_| is_table);
        let item = items.find(|&item| last.kind(item) == NodeKind::Object);
        item.and_then(|item| last.follow(item, EdgeKind::Internal, "map")).unwrap_or(NONE)
    }

    /// The object of the program that dominates another.
    fn parent(&self, node: Node) -> Option<Node> {
        let last = self.last();
        let parent = owner_of_store(last, last.dominator(node));
        let is_object = last.kind(parent) == NodeKind::Object
            && !last.raw_name(parent).starts_with(b"system / ");
        (is_object && parent != node && self.is_old(parent)).then_some(parent)
    }

    /// The uppermost, within reach, of the objects of one class, or made alike, that dominate one another down to this one.
    fn root_of_tree(&self, node: Node) -> Node {
        const DEEPEST: usize = 64;
        let last = self.last();
        let class = |node| match last.raw_name(node) {
            b"Object" => last.follow(node, EdgeKind::Internal, "map").unwrap_or(NONE),
            _ => last.name_index(node),
        };
        let is_alike = |&parent: &Node| {
            last.raw_name(parent) == last.raw_name(node) && class(parent) == class(node)
        };
        let above = |&at: &Node| self.parent(at).filter(is_alike);
        std::iter::successors(Some(node), above).take(DEEPEST).last().unwrap_or(node)
    }

    /// Goes on rising, and by more than what is replaced at the same time.
    fn rises(&self, growth: &Growth) -> bool {
        self.is_large(growth) && goes_on(&growth.steps(), self.intervals)
    }

    /// Rises in each interval, but by too little or too much in the last one for a leak under even load.
    fn rises_unevenly(&self, growth: &Growth) -> bool {
        let steps = growth.steps();
        self.is_large(growth)
            && steps.iter().all(|&step| step > 0)
            && !goes_on(&steps, self.intervals)
    }

    /// Whether it is the program's, and more than what is replaced at the same time.
    fn is_large(&self, growth: &Growth) -> bool {
        let grown = growth.grown();
        let last = growth.bytes.last().copied().unwrap_or(0);
        !is_system(self.last(), growth.thing)
            && grown >= NOISE
            && grown as f64 >= 0.25 * last as f64
    }
}

/// Rises in each interval: by no less in the last than two fifths of the one before, since warm-up slows down; by no
/// more than eight times of it, since a leak does not leap. Where an interval is known to be far shorter or longer than
/// the one before, so much less or more is enough.
fn goes_on(steps: &[u64], intervals: &[u64]) -> bool {
    steps.iter().all(|&step| step > 0)
        && steps.windows(2).enumerate().all(|(at, pair)| {
            let ratio = intervals.get(at..at + 2).map_or(1.0, |pair| uneven(pair[0], pair[1]));
            pair[1] as f64 >= 0.4 * ratio.min(1.0) * pair[0] as f64
                && pair[0] as f64 * ratio.max(1.0) >= (pair[1] / 8) as f64
        })
}

/// How much longer the second interval is, seconds; 1 where they are near enough, or too short to say.
fn uneven(first: u64, second: u64) -> f64 {
    const SHORTEST: u64 = 60;
    const NEAR: f64 = 2.0;
    const FURTHEST: f64 = 10.0;
    if first.min(second) < SHORTEST {
        return 1.0;
    }
    let ratio = second as f64 / first as f64;
    if ratio.max(1.0 / ratio) < NEAR { 1.0 } else { ratio.clamp(1.0 / FURTHEST, FURTHEST) }
}

/// Whether two slots are two ways to one entry: an object's property, and the store that its properties lie in.
fn is_same_holding(one: Slot, other: Slot) -> bool {
    one.holder == other.holder
        && (one.name == other.name || one.name.is_none() || other.name.is_none())
}

/// Growth below this many bytes is not told from what a process does anyway.
const NOISE: u64 = 4096;

/// At fewer places what grew is not scattered; each has its noise.
const PLACES: u64 = 8;
/// How far up from a place that object may be: trees count once.
const LEVELS: usize = 4;

/// Whether a node is V8's own and says nothing about who uses it.
fn is_system(snapshot: &Snapshot, node: Node) -> bool {
    match snapshot.kind(node) {
        // What native code holds, handles that are open among it.
        NodeKind::Synthetic => !is_global_handles(snapshot, node),
        NodeKind::Code | NodeKind::ObjectShape => true,
        NodeKind::Hidden => snapshot.raw_name(node) == b"system / NativeContext",
        _ => false,
    }
}

/// The root that native code holds its objects by.
fn is_global_handles(snapshot: &Snapshot, node: Node) -> bool {
    snapshot.raw_name(node) == b"(Global handles)"
}

/// Whether a node is a part of the object that dominates it, not an object that a program sees.
pub(super) fn is_store(snapshot: &Snapshot, node: Node) -> bool {
    match snapshot.kind(node) {
        NodeKind::Array => true,
        NodeKind::Native => snapshot.raw_name(node) == b"system / JSArrayBufferData",
        NodeKind::Hidden => matches!(
            snapshot.raw_name(node),
            b"system / PropertyArray" | b"system / ExternalStringData" | b"system / PropertyCell"
        ),
        _ => false,
    }
}

/// The object that a store is a part of; of anything else itself.
pub(super) fn owner_of_store(snapshot: &Snapshot, node: Node) -> Node {
    let mut at = node;
    // The root is its own dominator, whatever a damaged file says that it is.
    while is_store(snapshot, at) && snapshot.dominator(at) != at {
        at = snapshot.dominator(at);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::graphs::{Graph, program};
    use super::*;

    fn growths(snapshots: &[Snapshot]) -> Vec<(String, u64, Vec<u64>)> {
        growths_within(snapshots, &[])
    }

    fn growths_within(snapshots: &[Snapshot], intervals: &[u64]) -> Vec<(String, u64, Vec<u64>)> {
        let series = Series::new(snapshots, intervals);
        let last = &snapshots[snapshots.len() - 1];
        let named = |growth: &Growth| {
            let variable = last.retainers(growth.thing).next().unwrap();
            (last.edge_name(&variable.edge).into_owned(), growth.grown(), growth.bytes.clone())
        };
        series.growths().iter().filter(|growth| growth.even).map(named).collect()
    }

    #[test]
    fn the_map_that_keeps_all_grows_and_the_full_one_does_not() {
        for renumbered in [false, true] {
            let snapshots = [200, 300, 400].map(|turns| {
                let graph = program(turns);
                if renumbered { graph.renumbered(1) } else { graph }.snapshot()
            });
            let found = growths(&snapshots);
            assert_eq!(found.len(), 1, "{found:?}");
            // 200 more entries: a key of 32 bytes, a value of 96, and 24 in the table.
            assert_eq!((found[0].0.as_str(), found[0].1), ("kept", 200 * (32 + 96 + 24)));
        }
    }

    #[test]
    fn warm_up_is_no_growth() {
        let turns = [[200, 400, 400], [200, 400, 440], [200, 205, 400], [400, 300, 200]];
        for turns in turns {
            let found = growths(&turns.map(|turns| program(turns).snapshot()));
            assert!(found.is_empty(), "{turns:?}: {found:?}");
        }
        assert_eq!(growths(&[200, 400, 500].map(|turns| program(turns).snapshot())).len(), 1);
    }

    #[test]
    fn uneven_growth_is_found_and_marked() {
        for turns in [[200, 600, 650], [200, 220, 620]] {
            let snapshots = turns.map(|turns| program(turns).snapshot());
            let growths = Series::new(&snapshots, &[]).growths();
            let found: Vec<(bool, bool)> =
                growths.iter().map(|growth| (growth.even, growth.grown() > 400 * 100)).collect();
            assert_eq!(found, [(false, true)], "{turns:?}");
        }
        let once = [200, 600, 600].map(|turns| program(turns).snapshot());
        assert!(Series::new(&once, &[]).growths().is_empty(), "it grew in one interval only");
    }

    #[test]
    fn snapshots_that_were_taken_unevenly_are_no_warm_up() {
        let late = [200, 600, 650].map(|turns| program(turns).snapshot());
        assert!(growths(&late).is_empty());
        assert_eq!(growths_within(&late, &[2400, 300]).len(), 1);
        let early = [200, 220, 620].map(|turns| program(turns).snapshot());
        assert!(growths(&early).is_empty());
        assert_eq!(growths_within(&early, &[120, 2400]).len(), 1);
    }

    #[test]
    fn intervals_only_excuse_what_they_explain() {
        assert!(!goes_on(&[100, 10], &[2400, 2400]), "even ones excuse nothing");
        assert!(!goes_on(&[100, 30], &[2400, 1300]), "nor do those that are nearly so");
        assert!(!goes_on(&[100, 10], &[50, 5]), "nor those of seconds, which names tell roughly");
        assert!(!goes_on(&[1000, 30], &[86_400, 60]), "a day's warm-up has its last minute");
        assert!(goes_on(&[100, 60], &[300, 3000]), "a leak slows down with its load");
        assert!(!goes_on(&[100, 0], &[2400, 300]));
    }

    /// Sessions that a Map and an array hold.
    fn shared(count: u32) -> Graph {
        let mut graph = program(20);
        let holders = [("byId", 11, "Map"), ("all", 13, "Array")].map(|(name, id, class)| {
            let holder = graph.node("object", class, id, 32);
            graph.edge(2, "context", name, holder);
            let store = graph.node("array", "", 300_000 + 4 * count + id, u64::from(count) * 8);
            graph.edge(
                holder,
                "internal",
                if class == "Map" { "table" } else { "elements" },
                store,
            );
            store
        });
        for at in 0..count {
            let session = graph.node("object", "Session", 400_001 + 2 * at, 256);
            for store in holders {
                graph.edge(store, "internal", &at.to_string(), session);
            }
        }
        graph
    }

    #[test]
    fn what_two_hold_counts_for_both() {
        let found = growths(&[100, 200, 300].map(|count| shared(count).snapshot()));
        let mut names: Vec<&str> = found.iter().map(|growth| growth.0.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["all", "byId"]);
        assert!(found.iter().all(|growth| growth.1 >= 200 * 256));
    }

    /// A binary tree of sessions; `shift`: how it was balanced, which changes what hangs from where.
    fn tree(count: u32, shift: u32) -> Graph {
        let mut graph = program(20);
        let nodes: Vec<usize> =
            (0..count).map(|at| graph.node("object", "Branch", 400_001 + 4 * at, 40)).collect();
        graph.edge(2, "context", "index", nodes[0]);
        for (at, &node) in nodes.iter().enumerate().skip(1) {
            graph.edge(nodes[(at - 1) / 2], "property", ["left", "right"][at % 2], node);
            let size = 100 + 100 * u64::from((at as u32 + shift).is_multiple_of(3));
            let session = graph.node("object", "Session", 400_003 + 4 * at as u32, size);
            graph.edge(node, "property", "value", session);
        }
        graph
    }

    #[test]
    fn what_a_tree_gains_at_its_leaves_is_its_roots() {
        for renumbered in [false, true] {
            let snapshots = [300, 700, 1100].map(|count| {
                let graph = tree(count, count / 200);
                if renumbered { graph.renumbered(1) } else { graph }.snapshot()
            });
            let found = growths(&snapshots);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].0, "index");
            assert!(found[0].1 >= 800 * 140, "{found:?}");
        }
        let steady = [0, 1, 2].map(|shift| tree(1000, shift).snapshot());
        assert!(growths(&steady).is_empty());
    }

    /// A table of users, each of whom has a list of a few events.
    fn lists(count: u32) -> Graph {
        let mut graph = program(20);
        let users = graph.node("object", "Object", 11, 32);
        graph.edge(2, "context", "users", users);
        for at in 0..100 {
            let user = graph.node("object", "User", 1_000_001 + 10 * at, 40);
            graph.edge(users, "property", &format!("user{at}"), user);
            let list = graph.node("object", "Array", 1_000_003 + 10 * at, 32);
            graph.edge(user, "property", "events", list);
            let store = graph.node("array", "", 2_000_001 + 200 * at + 2 * count, 80);
            graph.edge(list, "internal", "elements", store);
            for event in 0..count {
                let id = 3_000_001 + 200 * at + 2 * event;
                let node = graph.node("object", "Event", id, 256);
                graph.edge(store, "internal", &event.to_string(), node);
            }
        }
        graph
    }

    #[test]
    fn what_many_gain_by_little_is_their_tables() {
        for renumbered in [false, true] {
            let snapshots = [2, 4, 6].map(|count| {
                if renumbered { lists(count).renumbered(1) } else { lists(count) }.snapshot()
            });
            let found = growths(&snapshots);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!((found[0].0.as_str(), found[0].1), ("users", 400 * 256));
        }
        assert!(growths(&[4, 4, 4].map(|count| lists(count).snapshot())).is_empty());
        assert!(growths(&[2, 6, 6].map(|count| lists(count).snapshot())).is_empty(), "warm-up");
    }

    /// What is counted by day and hour.
    fn tables(count: u32) -> Graph {
        let mut graph = program(20);
        let by_day = graph.node("object", "Object", 11, 32);
        graph.edge(2, "context", "byDay", by_day);
        let [shape, other] = [13, 15].map(|id| graph.node("hidden", "system / Map", id, 80));
        for day in 0..3 {
            let hours = graph.node("object", "Object", 1_001 + 2 * day, 32);
            graph.edge(by_day, "property", &format!("day{day}"), hours);
            for hour in 0..4 {
                let id = 10_000 * (1 + hour + 4 * day) + 1;
                let hits = graph.node("object", "Object", id, 32);
                graph.edge(hours, "property", &format!("hour{hour}"), hits);
                for at in 0..count {
                    let hit = graph.node("object", "Object", id + 2 * (1 + at), 256);
                    graph.edge(hit, "internal", "map", if day < 2 { shape } else { other });
                    graph.edge(hits, "property", &format!("hit{at}"), hit);
                }
            }
        }
        graph
    }

    #[test]
    fn tables_by_key_are_one_where_they_hold_objects_of_one_shape() {
        let snapshots = [20, 50, 80].map(|count| tables(count).snapshot());
        let found = growths(&snapshots);
        let names: Vec<&str> = found.iter().map(|growth| growth.0.as_str()).collect();
        assert_eq!(names, ["byDay", "hour0", "hour1", "hour2", "hour3"]);
        let growths = Series::new(&snapshots, &[]).growths();
        assert_eq!(growths[0].objects, [160, 400, 640]);
    }

    /// As V8 writes an array: its elements are named, and their store with what lies in it.
    fn array(count: u32) -> Graph {
        let mut graph = program(20);
        let array = graph.node("object", "Array", 11, 32);
        graph.edge(2, "context", "recent", array);
        let store = graph.node("array", "", 13, 800);
        graph.edge(array, "internal", "elements", store);
        for at in 0..count {
            let order = graph.node("object", "Order", 400_001 + 2 * at, 256);
            graph.edge(array, "element", &at.to_string(), order);
            graph.edge(store, "internal", &at.to_string(), order);
        }
        graph
    }

    #[test]
    fn an_entry_and_its_place_in_the_store_count_once() {
        let found = growths(&[10, 30, 50].map(|count| array(count).snapshot()));
        assert_eq!(found, [("recent".to_owned(), 40 * 256, vec![0, 20 * 256, 40 * 256])]);
    }

    #[test]
    fn an_object_of_the_skeleton_that_swells_grows() {
        let with_memory = |size| {
            let mut graph = program(20);
            let memory = graph.node("native", "system / JSArrayBufferData", 15, size);
            let buffer = graph.node("object", "ArrayBuffer", 17, 96);
            graph.edge(2, "context", "memory", buffer);
            graph.edge(buffer, "internal", "backing_store", memory);
            graph.snapshot()
        };
        let found = growths(&[1 << 16, 2 << 16, 3 << 16].map(with_memory));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].0.as_str(), found[0].1), ("memory", 2 << 16));
    }

    /// The only way to the cache is through what the event loop holds at that moment, which differs.
    #[test]
    fn what_a_function_keeps_is_found_by_whichever_way_it_is_reached() {
        let at_rest_in = |way: &'static str, entries: u32| {
            let mut graph = program(20);
            let waiting = graph.node("object", way, 500_001, 48);
            graph.edge(0, "shortcut", way, waiting);
            let lookup = graph.function("lookup", 500_003, 7);
            graph.edge(waiting, "property", way, lookup);
            let context = graph.node("object", "system / Context", 500_005, 32);
            graph.edge(lookup, "internal", "context", context);
            let map = graph.node("object", "Map", 500_007, 32);
            graph.edge(context, "context", "cache", map);
            let table = graph.node("array", "", 500_009, u64::from(entries) * 24);
            graph.edge(map, "internal", "table", table);
            for at in 0..entries {
                let user = graph.node("object", "User", 600_001 + 2 * at, 128);
                graph.edge(table, "internal", &(10 + 3 * at).to_string(), user);
            }
            graph.renumbered(1 + 2 * entries).snapshot()
        };
        let found = growths(&[
            at_rest_in("Timeout", 100),
            at_rest_in("Immediate", 200),
            at_rest_in("Socket", 300),
        ]);
        let names: Vec<&str> = found.iter().map(|growth| growth.0.as_str()).collect();
        assert_eq!(names, ["cache"], "{found:?}");
    }
}
