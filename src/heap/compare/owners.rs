//! Who holds what is new.
//!
//! The objects that all snapshots share are the surviving objects. Whatever else a snapshot holds hangs from them: each
//! such object counts for the nearest surviving object that dominates it, or, where several hold it, for those
//! that lead to it by the fewest references. A holder whose share rises from snapshot to snapshot grows; one whose
//! share is merely replaced (a full cache, a pool, a buffer) does not.

use rustc_hash::FxHashMap;
use rustc_hash::FxHashSet;

use crate::heap::compare::ids::NONE;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::snapshot::{Edge, EdgeName, Node, Snapshot};

/// What of a holder holds: the variable or property that points at what is new, or its entries as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::heap) struct Slot {
    pub holder: Node,
    /// The hash of the name of a variable or property.
    pub name: Option<u64>,
}

/// What hangs from a slot in one snapshot.
#[derive(Debug, Default, Clone)]
pub(in crate::heap) struct Share {
    /// Bytes of what it alone leads to.
    pub bytes: u64,
    /// Bytes of what another slot leads to by fewer references, by that slot.
    pub shared: FxHashMap<Slot, u64>,
    /// Objects that hang directly or by new objects from it, each with all that it dominates.
    pub objects: u64,
    /// Some of these objects, the first in the file's order.
    pub sample: Vec<Node>,
}

/// How many of a holder's objects are kept to look at.
const SAMPLE: usize = 2048;
/// A holder with more references than this is a collection: its names are keys.
const MAX_SLOTS: usize = 1024;

/// An uppermost new object, with the slots that lead to it as indexes into [`Held::slots`].
#[derive(Debug, Clone, Copy)]
pub(in crate::heap) struct Top {
    pub node: Node,
    /// The slot that leads to it by the fewest references.
    pub first: u32,
    /// Another one; [`NONE`] if there is none.
    pub second: u32,
}

/// What holds the uppermost new objects of a snapshot.
#[derive(Debug)]
pub(in crate::heap) struct Held {
    pub slots: Vec<Slot>,
    pub tops: Vec<Top>,
}

/// The shares of all slots of a snapshot, and what holds each new object. `survives` says of each node whether all
/// snapshots have it.
pub(in crate::heap) fn shares(
    snapshot: &Snapshot,
    survives: &[bool],
) -> (FxHashMap<Slot, Share>, Held) {
    let tops = Tops::new(snapshot, survives);
    let labels = Labels::new(snapshot, survives, &tops);
    let mut shares: FxHashMap<Slot, Share> = FxHashMap::default();
    for &(node, bytes) in &tops.bytes {
        let (first, second) = labels.of(node);
        if let Some(slot) = first {
            let share = shares.entry(slot).or_default();
            share.bytes += bytes;
            share.objects += 1;
            if share.sample.len() < SAMPLE {
                share.sample.push(node);
            }
        }
        if let (Some(first), Some(slot)) = (first, second) {
            let share = shares.entry(slot).or_default();
            *share.shared.entry(first).or_default() += bytes;
            if share.sample.len() < SAMPLE {
                share.sample.push(node);
            }
        }
    }
    let nodes = tops.bytes.iter().map(|&(node, _)| node).chain(tops.code);
    let held = nodes.map(|node| labels.top(node)).filter(|top| top.first != NONE).collect();
    (shares, Held { slots: labels.slots, tops: held })
}

/// The uppermost objects that do not survive in the dominator tree, and what each dominates there.
struct Tops {
    /// For each node that does not survive its top.
    top: Vec<Node>,
    /// Ascending by node.
    bytes: Vec<(Node, u64)>,
    /// The tops that are code or hidden classes: they were loaded, not leaked, and make no growth.
    code: Vec<Node>,
}

impl Tops {
    fn new(snapshot: &Snapshot, survives: &[bool]) -> Self {
        let mut top = vec![NONE; snapshot.node_count()];
        let mut path = Vec::new();
        for node in snapshot.nodes().filter(|&node| !survives[node as usize]) {
            let mut at = node;
            while top[at as usize] == NONE {
                let dominator = snapshot.dominator(at);
                path.push(at);
                if survives[dominator as usize] || dominator == at {
                    top[at as usize] = at;
                } else {
                    at = dominator;
                }
            }
            let found = top[at as usize];
            path.drain(..).for_each(|node| top[node as usize] = found);
        }
        let mut sums: FxHashMap<Node, u64> = FxHashMap::default();
        for node in snapshot.nodes().filter(|&node| !survives[node as usize]) {
            *sums.entry(top[node as usize]).or_default() += counted(snapshot, node);
        }
        let is_code =
            |node: Node| matches!(snapshot.kind(node), NodeKind::Code | NodeKind::ObjectShape);
        let code = sums.keys().copied().filter(|&top| is_code(top)).collect();
        let mut bytes: Vec<(Node, u64)> = sums.into_iter().filter(|sum| !is_code(sum.0)).collect();
        bytes.sort_unstable();
        Tops { top, bytes, code }
    }
}

/// The bytes that a node adds to its holder: none where they are V8's own affair (code, hidden classes, feedback).
pub(in crate::heap) fn counted(snapshot: &Snapshot, node: Node) -> u64 {
    match snapshot.kind(node) {
        NodeKind::Code | NodeKind::ObjectShape | NodeKind::Synthetic => 0,
        NodeKind::Hidden if snapshot.raw_name(node).starts_with(b"system / Feedback") => 0,
        _ => snapshot.shallow(node),
    }
}

/// For each object that does not survive the slot that leads to it by the fewest references.
struct Labels {
    slots: Vec<Slot>,
    /// By node: an index into `slots`.
    first: Vec<u32>,
    /// The other slot that leads to a top.
    second: FxHashMap<Node, u32>,
}

impl Labels {
    fn new(snapshot: &Snapshot, survives: &[bool], tops: &Tops) -> Self {
        let mut labels = Labels {
            slots: Vec::new(),
            first: vec![NONE; snapshot.node_count()],
            second: FxHashMap::default(),
        };
        let mut index: FxHashMap<Slot, u32> = FxHashMap::default();
        // What the program holds comes before what V8 holds, and the dominator before another. Node's native lists of
        // its handles come last.
        let mut queues: [Vec<Node>; 2] = [Vec::new(), Vec::new()];
        let mut listed: Vec<(Node, u32)> = Vec::new();
        let mut seeds: FxHashMap<Node, (u8, u32)> = FxHashMap::default();
        let mut direct: Vec<(Node, u32)> = Vec::new();
        for holder in snapshot.nodes().filter(|&node| survives[node as usize]) {
            let degree = snapshot.edges(holder).len();
            for edge in snapshot.edges(holder) {
                if survives[edge.to as usize] || !leads(&edge) {
                    continue;
                }
                let rank = rank(snapshot, holder, &edge);
                let name = if degree <= MAX_SLOTS { slot_name(snapshot, &edge) } else { None };
                let slot = Slot { holder, name };
                let label = *index.entry(slot).or_insert_with(|| {
                    labels.slots.push(slot);
                    (labels.slots.len() - 1) as u32
                });
                if tops.top[edge.to as usize] == edge.to {
                    direct.push((edge.to, label));
                }
                let seed = seeds.entry(edge.to).or_insert((u8::MAX, label));
                if rank < seed.0 {
                    *seed = (rank, label);
                }
            }
        }
        let mut seeds: Vec<(Node, (u8, u32))> = seeds.into_iter().collect();
        seeds.sort_unstable_by_key(|&(node, (rank, _))| (rank, node));
        for &(node, (rank, label)) in &seeds {
            if rank == NATIVE_RANK {
                listed.push((node, label));
                continue;
            }
            labels.first[node as usize] = label;
            queues[usize::from(rank >= SYSTEM_RANK)].push(node);
        }
        for queue in queues {
            labels.spread(snapshot, survives, queue);
        }
        listed.retain(|&(node, _)| labels.first[node as usize] == NONE);
        for &(node, label) in &listed {
            labels.first[node as usize] = label;
        }
        labels.spread(snapshot, survives, listed.into_iter().map(|(node, _)| node).collect());
        labels.find_seconds(snapshot, survives, tops, &direct);
        labels
    }

    fn spread(&mut self, snapshot: &Snapshot, survives: &[bool], mut queue: Vec<Node>) {
        let mut next = 0;
        while next < queue.len() {
            let node = queue[next];
            next += 1;
            let label = self.first[node as usize];
            for edge in snapshot.edges(node) {
                let to = edge.to as usize;
                if !survives[to] && self.first[to] == NONE && leads(&edge) {
                    self.first[to] = label;
                    queue.push(edge.to);
                }
            }
        }
    }

    /// A top that objects of two slots refer to counts for both: either of them keeps it.
    fn find_seconds(
        &mut self,
        snapshot: &Snapshot,
        survives: &[bool],
        tops: &Tops,
        direct: &[(Node, u32)],
    ) {
        // A pooled object holds one of many for a while; the holder that has more of them is the one that keeps them.
        let mut held = vec![0_u32; self.slots.len()];
        direct.iter().for_each(|&(_, label)| held[label as usize] += 1);
        for &(top, label) in direct {
            if self.first[top as usize] != label {
                let second = self.second.entry(top).or_insert(label);
                if held[label as usize] > held[*second as usize] {
                    *second = label;
                }
            }
        }
        for node in snapshot.nodes().filter(|&node| !survives[node as usize]) {
            let label = self.first[node as usize];
            if label == NONE {
                continue;
            }
            for edge in snapshot.edges(node).filter(leads) {
                let to = edge.to as usize;
                let is_top =
                    !survives[to] && tops.top[to] == edge.to && tops.top[node as usize] != edge.to;
                if is_top && self.first[to] != label {
                    self.second.entry(edge.to).or_insert(label);
                }
            }
        }
    }

    fn top(&self, node: Node) -> Top {
        let second = self.second.get(&node).copied().unwrap_or(NONE);
        Top { node, first: self.first[node as usize], second }
    }

    fn of(&self, top: Node) -> (Option<Slot>, Option<Slot>) {
        let slot = |label: u32| self.slots.get(label as usize).copied();
        let Top { first, second, .. } = self.top(top);
        (slot(first), slot(second))
    }
}

/// Whether an edge keeps its target alive and says something about who uses it.
fn leads(edge: &Edge) -> bool {
    !matches!(edge.kind, EdgeKind::Weak | EdgeKind::Ephemeron | EdgeKind::Shortcut)
}

const SYSTEM_RANK: u8 = 3;
const NATIVE_RANK: u8 = SYSTEM_RANK + 2;

/// How well a reference from a surviving object says who holds its target; the least is the best.
fn rank(snapshot: &Snapshot, holder: Node, edge: &Edge) -> u8 {
    match snapshot.kind(holder) {
        NodeKind::Synthetic | NodeKind::Code | NodeKind::ObjectShape => SYSTEM_RANK + 1,
        NodeKind::Native => NATIVE_RANK,
        _ if snapshot.dominator(edge.to) == holder => 0,
        _ if edge.kind == EdgeKind::Hidden => 2,
        _ => 1,
    }
}

/// The hash of a variable's or property's name.
pub(in crate::heap) fn slot_name(snapshot: &Snapshot, edge: &Edge) -> Option<u64> {
    match (edge.kind, edge.name) {
        (EdgeKind::Context | EdgeKind::Property, EdgeName::String(name)) => {
            Some(hash(snapshot.raw_string(name)))
        }
        _ => None,
    }
}

/// Names are compared across snapshots, whose string tables differ.
pub(in crate::heap) fn hash(text: &[u8]) -> u64 {
    use std::hash::Hasher;
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write(text);
    hasher.finish()
}

/// The names of an object's variables or properties.
pub(in crate::heap) fn slot_names(snapshot: &Snapshot, node: Node) -> FxHashSet<u64> {
    snapshot.edges(node).filter_map(|edge| slot_name(snapshot, &edge)).collect()
}

/// The object that a slot's name points at.
pub(in crate::heap) fn slot_target(snapshot: &Snapshot, slot: Slot) -> Option<Edge> {
    snapshot
        .edges(slot.holder)
        .find(|edge| slot.name.is_some() && slot_name(snapshot, edge) == slot.name)
}
