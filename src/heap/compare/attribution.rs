//! Which claim each object counts for, so that the figures of a report add up.
//!
//! A claim is what a suspect retains. In each snapshot an object counts for the nearest object of a claim that
//! dominates it. What several objects hold is dominated by none of them: it counts for the slot that leads to it by the
//! fewest references. Each object counts for one claim at most; what counts for none is the rest.
//!
//! An object that is in several snapshots counts for the same claim in each: it did not grow because what else held it
//! let it go.

use rustc_hash::FxHashMap;

use crate::heap::compare::growth::Growth;
use crate::heap::compare::ids::NONE;
use crate::heap::compare::owners::{Held, Slot};
use crate::heap::compare::series::Series;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::parallel;
use crate::heap::snapshot::{Node, Snapshot};

/// What one suspect retains.
#[derive(Debug, Default)]
pub(in crate::heap) struct Claim {
    /// Variables, properties and holders that lead to new objects.
    slots: Vec<Slot>,
    /// Objects with all that they dominate, each by snapshot; [`NONE`] where a snapshot does not have it.
    things: Vec<Vec<Node>>,
}

impl Claim {
    /// What a growth claims.
    pub fn of(growth: &Growth) -> Self {
        let thing = growth.before.iter().copied().chain([growth.thing]).collect();
        Claim { slots: growth.slots.clone(), things: vec![thing] }
    }

    /// Claims an object with all that it dominates; by snapshot.
    pub fn add(&mut self, thing: Vec<Node>) {
        self.things.push(thing);
    }

    /// Claims what another one does as well.
    pub fn join(&mut self, other: Claim) {
        self.slots.extend(other.slots);
        self.things.extend(other.things);
    }
}

/// The bytes of each claim by snapshot.
pub(in crate::heap) struct Attribution {
    /// For each claim, by snapshot.
    pub bytes: Vec<Vec<u64>>,
    /// What of that is native memory of Node's objects, as Node counts it.
    pub natives: Vec<Vec<u64>>,
    /// What counts for no claim, by snapshot.
    pub rest: Vec<Rest>,
}

/// Bytes of one snapshot that count for no claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::heap) struct Rest {
    pub bytes: u64,
    /// Those of code that V8 compiled, and of its hidden classes.
    pub code: u64,
}

struct Sums {
    of_claims: Vec<u64>,
    natives: Vec<u64>,
    rest: Rest,
}

/// Counts each object once. Of two claims to one object, the first has it.
pub(in crate::heap) fn attribute(series: &Series, held: &[Held], claims: &[&Claim]) -> Attribution {
    let mut by_slot: FxHashMap<Slot, u32> = FxHashMap::default();
    for (claim, each) in claims.iter().enumerate() {
        for &slot in &each.slots {
            by_slot.entry(slot).or_insert(claim as u32);
        }
    }
    let rest = claims.len() as u32;
    let snapshots = || series.snapshots.iter().enumerate();
    let mut claims_of_each = parallel::map(snapshots().collect(), |(at, snapshot)| {
        let mut heads = heads(snapshot, claims, at);
        if let Some(held) = held.get(at) {
            add_held(&mut heads, held, &by_slot);
        }
        with_natives(snapshot, heads, rest)
    });
    unite(series, &mut claims_of_each, rest);
    let sums = parallel::map(snapshots().collect(), |(at, snapshot)| {
        sums(snapshot, &claims_of_each[at], claims.len())
    });
    let bytes = |claim: usize| sums.iter().map(|sums| sums.of_claims[claim]).collect();
    let natives = |claim: usize| sums.iter().map(|sums| sums.natives[claim]).collect();
    Attribution {
        bytes: (0..claims.len()).map(bytes).collect(),
        natives: (0..claims.len()).map(natives).collect(),
        rest: sums.iter().map(|sums| sums.rest).collect(),
    }
}

/// The objects that are claimed themselves. V8's roots dominate what is not theirs.
fn heads(snapshot: &Snapshot, claims: &[&Claim], at: usize) -> FxHashMap<Node, u32> {
    let mut heads = FxHashMap::default();
    for (claim, each) in claims.iter().enumerate() {
        for thing in &each.things {
            let node = thing.get(at).copied().unwrap_or(NONE);
            if node != NONE && snapshot.kind(node) != NodeKind::Synthetic {
                heads.entry(node).or_insert(claim as u32);
            }
        }
    }
    heads
}

/// The uppermost new objects that a claimed slot leads to.
fn add_held(heads: &mut FxHashMap<Node, u32>, held: &Held, by_slot: &FxHashMap<Slot, u32>) {
    let claim_of = |label: u32| by_slot.get(held.slots.get(label as usize)?).copied();
    for top in &held.tops {
        if let Some(claim) = claim_of(top.first).or_else(|| claim_of(top.second)) {
            heads.entry(top.node).or_insert(claim);
        }
    }
}

/// The claim of each node: that of the nearest head that dominates it, or `rest`.
pub(in crate::heap) fn claims_of(
    snapshot: &Snapshot,
    heads: &FxHashMap<Node, u32>,
    rest: u32,
) -> Vec<u32> {
    let mut claim_of = vec![NONE; snapshot.node_count()];
    let mut path = Vec::new();
    for node in snapshot.nodes() {
        let mut at = node;
        let claim = loop {
            let known = claim_of[at as usize];
            if known != NONE {
                break known;
            }
            path.push(at);
            if let Some(&claim) = heads.get(&at) {
                break claim;
            }
            let dominator = snapshot.dominator(at);
            if dominator == at {
                break rest;
            }
            at = dominator;
        };
        path.drain(..).for_each(|node| claim_of[node as usize] = claim);
    }
    claim_of
}

/// Objects of Node's in native memory (a TCP handle) that V8's roots dominate, with the claims of the JavaScript
/// objects that they belong to.
fn native_sides(snapshot: &Snapshot, claim_of: &[u32], rest: u32) -> Vec<(Node, u32)> {
    let claim = |node: Node| {
        let object = snapshot.follow(node, EdgeKind::Internal, "native_to_javascript")?;
        Some((node, claim_of[object as usize])).filter(|&(_, claim)| claim != rest)
    };
    let unclaimed = snapshot.nodes().filter(|&node| claim_of[node as usize] == rest);
    unclaimed.filter(|&node| is_of_node(snapshot, node)).filter_map(claim).collect()
}

/// Whether it is native memory of Node's.
pub fn is_of_node(snapshot: &Snapshot, node: Node) -> bool {
    matches!(snapshot.kind(node), NodeKind::Native | NodeKind::Synthetic)
        && snapshot.raw_name(node).starts_with(b"Node / ")
}

/// The claim of each node, memory outside of the heap included.
fn with_natives(snapshot: &Snapshot, mut heads: FxHashMap<Node, u32>, rest: u32) -> Vec<u32> {
    let claim_of = claims_of(snapshot, &heads, rest);
    let natives = native_sides(snapshot, &claim_of, rest);
    if natives.is_empty() {
        return claim_of;
    }
    heads.extend(natives);
    claims_of(snapshot, &heads, rest)
}

/// Gives each object that is in the last snapshot and in earlier ones one claim: that of the last, or else of the
/// first that has one.
fn unite(series: &Series, claims_of_each: &mut [Vec<u32>], rest: u32) {
    let Some((last, earlier)) = claims_of_each.split_last_mut() else { return };
    let pairs = || earlier.iter().zip(&series.counterparts);
    for (node, claim) in last.iter_mut().enumerate().filter(|(_, claim)| **claim == rest) {
        let known = pairs().filter_map(|(claims, of)| claims.get(of.earlier[node] as usize));
        *claim = known.copied().find(|&known| known != rest).unwrap_or(rest);
    }
    for (claims, of) in earlier.iter_mut().zip(&series.counterparts) {
        for (&claim, &counterpart) in last.iter().zip(&of.earlier) {
            if let Some(known) = claims.get_mut(counterpart as usize) {
                *known = claim;
            }
        }
    }
}

/// The bytes of each claim, and those of none.
fn sums(snapshot: &Snapshot, claim_of: &[u32], claims: usize) -> Sums {
    let mut sums =
        Sums { of_claims: vec![0; claims], natives: vec![0; claims], rest: Rest::default() };
    for node in snapshot.nodes() {
        let bytes = snapshot.shallow(node);
        let claim = claim_of[node as usize] as usize;
        match sums.of_claims.get_mut(claim) {
            Some(sum) => {
                *sum += bytes;
                sums.natives[claim] += if is_of_node(snapshot, node) { bytes } else { 0 };
            }
            None => {
                let is_code = matches!(snapshot.kind(node), NodeKind::Code | NodeKind::ObjectShape);
                sums.rest.bytes += bytes;
                sums.rest.code += if is_code { bytes } else { 0 };
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::heap::graphs::{Graph, program};

    /// A heap after so many turns: a tree of objects that all snapshots have, each below an earlier one, and new ones,
    /// each held by one or two of them.
    fn heap(old: &[usize], new: &[(usize, usize, u8)]) -> Graph {
        let mut graph = program(20);
        let mut nodes = vec![2];
        for (at, above) in old.iter().enumerate() {
            let node = graph.node("object", "Old", 500_001 + 2 * at as u32, 100 + at as u64);
            graph.edge(nodes[above % nodes.len()], "property", &format!("old{at}"), node);
            nodes.push(node);
        }
        for (at, &(one, other, kind)) in new.iter().enumerate() {
            let kind = ["object", "string", "code", "closure"][usize::from(kind) % 4];
            let node = graph.node(kind, "New", 600_001 + 2 * at as u32, 1000 + at as u64);
            graph.edge(nodes[one % nodes.len()], "property", &format!("one{at}"), node);
            graph.edge(nodes[other % nodes.len()], "property", &format!("other{at}"), node);
            nodes.push(node);
        }
        graph
    }

    /// The same by brute force: the claims of the heads that dominate a node, the nearest first.
    fn nearest(snapshot: &Snapshot, heads: &FxHashMap<Node, u32>, node: Node) -> Option<u32> {
        let above = |&at: &Node| Some(snapshot.dominator(at)).filter(|&up| up != at);
        std::iter::successors(Some(node), above).find_map(|at| heads.get(&at).copied())
    }

    proptest! {
        #[test]
        fn each_object_counts_once(
            old in prop::collection::vec(0usize..50, 1..30),
            new in prop::collection::vec((0usize..80, 0usize..80, 0u8..8), 0..60),
            claimed in prop::collection::vec((0usize..50, 0usize..100), 0..8),
        ) {
            let snapshots = [0, new.len() / 2, new.len()].map(|count| heap(&old, &new[..count]).snapshot());
            let series = Series::new(&snapshots, &[]);
            let (_, held) = series.growths();
            let last = series.last();
            let claims: Vec<Claim> = claimed
                .iter()
                .map(|&(thing, slot)| {
                    let node = last.by_id(500_001 + 2 * (thing % old.len()) as u32).unwrap();
                    let slots = &held[2].slots;
                    let slots = slots.get(slot % slots.len().max(1)).copied().into_iter().collect();
                    let things = vec![series.before(node).into_iter().chain([node]).collect()];
                    Claim { slots, things }
                })
                .collect();
            let claims: Vec<&Claim> = claims.iter().collect();
            let found = attribute(&series, &held, &claims);
            for (at, snapshot) in snapshots.iter().enumerate() {
                let all: u64 = snapshot.nodes().map(|node| snapshot.shallow(node)).sum();
                let explained: u64 = found.bytes.iter().map(|bytes| bytes[at]).sum();
                prop_assert_eq!(explained + found.rest[at].bytes, all);
                prop_assert!(found.rest[at].code <= found.rest[at].bytes);
                // Without what several hold, it is the nearest dominator's.
                let heads = heads(snapshot, &claims, at);
                let sums = sums(snapshot, &with_natives(snapshot, heads.clone(), claims.len() as u32), claims.len());
                for claim in 0..claims.len() {
                    let own = snapshot.nodes().filter(|&node| nearest(snapshot, &heads, node) == Some(claim as u32));
                    let expected: u64 = own.map(|node| snapshot.shallow(node)).sum();
                    prop_assert_eq!(sums.of_claims[claim], expected);
                }
            }
        }
    }

    #[test]
    fn what_two_hold_counts_for_one() {
        let with = |count: usize| {
            let shared: Vec<_> = (0..count).map(|_| (1, 2, 0)).collect();
            heap(&[0, 0], &shared).snapshot()
        };
        let snapshots = [0, 50, 100].map(with);
        let series = Series::new(&snapshots, &[]);
        let (growths, held) = series.growths();
        let claims: Vec<Claim> = growths.iter().map(Claim::of).collect();
        let claims: Vec<&Claim> = claims.iter().collect();
        assert_eq!(claims.len(), 2, "both grow");
        let found = attribute(&series, &held, &claims);
        let gained = |bytes: &[u64]| bytes[2] - bytes[0];
        let each: u64 = (0..100).map(|at| 1000 + at).sum();
        assert_eq!(found.bytes.iter().map(|bytes| gained(bytes)).sum::<u64>(), each);
        assert_eq!(found.rest[0], found.rest[2]);
    }

    /// What a list holds and a pool of another owner holds for a while.
    #[test]
    fn an_object_that_another_one_lets_go_did_not_grow() {
        let with = |count: u32, pooled: std::ops::Range<u32>| {
            let mut graph = program(20);
            let list = graph.variable("list", "Array", 500_001);
            let pool = graph.variable("pool", "Array", 500_003);
            let items = graph.elements(list, "Item", 600_001, count);
            for (at, item) in items.into_iter().enumerate() {
                if pooled.contains(&(at as u32)) {
                    graph.edge(pool, "element", &at.to_string(), item);
                }
            }
            graph.snapshot()
        };
        let snapshots = [with(50, 0..50), with(100, 50..100), with(150, 100..150)];
        let series = Series::new(&snapshots, &[]);
        let (growths, held) = series.growths();
        let list =
            growths.iter().find(|growth| growth.thing == series.last().by_id(500_001).unwrap());
        let found = attribute(&series, &held, &[&Claim::of(list.unwrap())]);
        let gained =
            found.bytes[0].iter().map(|bytes| bytes - found.bytes[0][0]).collect::<Vec<_>>();
        assert_eq!(gained, [0, 50 * 64, 100 * 64]);
        assert_eq!(found.rest[0], found.rest[2]);
    }

    /// A pool whose objects are older, as Node's parsers, each holding the newest of a list for a while.
    #[test]
    fn what_pooled_objects_hold_counts_for_the_list_that_has_all() {
        let with = |count: u32| {
            let mut graph = program(20);
            let pool = graph.variable("pool", "Array", 500_001);
            let parsers = graph.elements(pool, "Parser", 500_101, 100);
            let stores: Vec<_> = (0..100)
                .map(|at| graph.member(parsers[at], "data", "Object", 700_001 + 2 * at as u32))
                .collect();
            let list = graph.variable("list", "Array", 500_003);
            let items = graph.elements(list, "Item", 600_001, count);
            for (at, item) in items.into_iter().enumerate() {
                graph.edge(parsers[at % 100], "property", "socket", item);
                graph.edge(stores[at % 100], "property", "socket", item);
            }
            graph.snapshot()
        };
        let snapshots = [0, 50, 100].map(with);
        let series = Series::new(&snapshots, &[]);
        let (growths, held) = series.growths();
        let list =
            growths.iter().find(|growth| growth.thing == series.last().by_id(500_003).unwrap());
        let list = list.expect("the list grows");
        assert_eq!(list.bytes[2] - list.bytes[0], 100 * 64);
        let found = attribute(&series, &held, &[&Claim::of(list)]);
        assert_eq!(found.bytes[0][2] - found.bytes[0][0], 100 * 64);
    }

    #[test]
    fn the_native_side_counts_for_its_object() {
        let with = |count: u32| {
            let mut graph = program(20);
            let open = graph.variable("open", "Array", 500_001);
            for (at, handle) in graph.elements(open, "TCP", 600_001, count).into_iter().enumerate()
            {
                let native = graph.node("native", "Node / TCPSocketWrap", 2 + 2 * at as u32, 400);
                graph.edge(0, "element", &at.to_string(), native);
                graph.edge(native, "internal", "native_to_javascript", handle);
            }
            graph.snapshot()
        };
        let snapshots = [0, 50, 100].map(with);
        let series = Series::new(&snapshots, &[]);
        let (growths, held) = series.growths();
        let claims: Vec<Claim> = growths.iter().map(Claim::of).collect();
        let found = attribute(&series, &held, &claims.iter().collect::<Vec<_>>());
        assert_eq!(found.bytes[0][2] - found.bytes[0][0], 100 * (64 + 400));
        assert_eq!(found.natives[0], [0, 50 * 400, 100 * 400]);
    }
}
