//! Bounded caches of any package, recognized by their fields: growth up to the bound is no leak.
//!
//! A snapshot does not have small integers, so a bound that is one (`max`) is not in it. What is allocated for the
//! bound is: columns of links that are typed arrays of one length (lru-cache 7 to 11, mnemonist), and arrays that are
//! filled with `undefined` or `null` in advance.

use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::heap::explain::names;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::leak::causes::Cause;
use crate::heap::leak::count::Count;
use crate::heap::leak::draft::Draft;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::rule::Rule;
use crate::heap::snapshot::{Node, Snapshot};

/// How full a bounded cache is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BoundedCache {
    /// Entries that it has.
    pub entries: u64,
    /// Entries that it has room for.
    pub max: u64,
    /// The object that is the cache.
    #[serde(skip)]
    pub(in crate::heap) node: Node,
}

/// Caches of fewer entries are no matter.
const LEAST: u64 = 64;
/// A cache has no more fields than this.
const FIELDS: usize = 128;
/// How many references lead from a cache to what grows in it.
const NEAR: usize = 2;

pub(in crate::heap) struct BoundedCaches;

impl Rule for BoundedCaches {
    /// Its fields are one suspect: the cache, as the program calls it.
    fn replace_subject(&self, evidence: &Evidence, draft: &mut Draft) {
        let snapshot = evidence.snapshot();
        let steps = &evidence.steps;
        let first = steps.len().saturating_sub(NEAR).max(1);
        let owner = (first..steps.len()).rev().find_map(|at| {
            let fill = columns(snapshot, steps[at - 1].edge.to)?;
            Some((at, fill))
        });
        if let Some((at, fill)) = owner {
            draft.cache = Some(fill);
            draft.gained = Count { number: None, unit: None };
            draft.rename(Cause::Map, names::name(evidence.index(), &steps[..at]));
        } else {
            draft.cache = reserved(snapshot, evidence.thing());
        }
    }
}

/// A cache whose entries are linked by columns of one length.
fn columns(snapshot: &Snapshot, node: Node) -> Option<BoundedCache> {
    if snapshot.kind(node) != NodeKind::Object || snapshot.edges(node).len() > FIELDS {
        return None;
    }
    let (mut lengths, mut entries): (FxHashMap<u64, u32>, u64) = (FxHashMap::default(), 0);
    for edge in snapshot.edges(node).filter(|edge| edge.kind == EdgeKind::Property) {
        if let Some(length) = typed_length(snapshot, edge.to) {
            *lengths.entry(length).or_default() += 1;
        } else if snapshot.raw_name(edge.to) == b"Array" {
            entries = entries.max(elements(snapshot, edge.to).0);
        }
    }
    let (&max, _) = lengths.iter().filter(|&(_, &count)| count > 1).max()?;
    (max >= LEAST && entries > 0 && entries <= max).then_some(BoundedCache { entries, max, node })
}

/// An array of which the end is still free.
fn reserved(snapshot: &Snapshot, node: Node) -> Option<BoundedCache> {
    if snapshot.kind(node) != NodeKind::Object || snapshot.raw_name(node) != b"Array" {
        return None;
    }
    let (entries, free, is_last_free) = elements(snapshot, node);
    let max = entries + free;
    (max >= LEAST && entries > 0 && is_last_free).then_some(BoundedCache { entries, max, node })
}

/// The elements of an array that are set, those that are free, and whether the last one is.
fn elements(snapshot: &Snapshot, array: Node) -> (u64, u64, bool) {
    let (mut set, mut free, mut is_last_free) = (0, 0, false);
    for edge in snapshot.edges(array).filter(|edge| edge.kind == EdgeKind::Element) {
        is_last_free = is_nothing(snapshot, edge.to);
        *(if is_last_free { &mut free } else { &mut set }) += 1;
    }
    (set, free, is_last_free)
}

/// `undefined` or `null`. Before Node 24 they are called as `true` and `false` are.
fn is_nothing(snapshot: &Snapshot, node: Node) -> bool {
    snapshot.kind(node) == NodeKind::Hidden
        && matches!(snapshot.raw_name(node), b"system / Oddball" | b"undefined" | b"null")
}

/// The length of a typed array that can hold indexes.
fn typed_length(snapshot: &Snapshot, node: Node) -> Option<u64> {
    let width = match snapshot.raw_name(node) {
        b"Uint8Array" => 1,
        b"Uint16Array" => 2,
        b"Uint32Array" | b"Int32Array" => 4,
        b"Float64Array" => 8,
        _ => return None,
    };
    let buffer = snapshot.follow(node, EdgeKind::Internal, "buffer")?;
    let store = snapshot.follow(buffer, EdgeKind::Internal, "backing_store")?;
    Some(snapshot.shallow(store).max(snapshot.retained(store)) / width)
}

#[cfg(test)]
mod tests {
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::rules::testing::suspect;

    const MAX: u32 = 100;

    /// A cache as lru-cache has it, with so many entries; its columns have `rooms` elements.
    fn cache(entries: u32, rooms: [u64; 2]) -> Graph {
        let mut graph = module();
        let cache = graph.node("object", "C", 11, 100);
        graph.edge(2, "context", "users", cache);
        let nothing = graph.node("hidden", "system / Oddball", 13, 0);
        let list = graph.member(cache, "#values", "Array", 15);
        for at in 0..MAX {
            let is_set = at < entries;
            let node =
                if is_set { graph.node("object", "User", 1001 + 2 * at, 64) } else { nothing };
            graph.edge(list, "element", &at.to_string(), node);
        }
        for (at, room) in rooms.into_iter().enumerate() {
            let id = 17 + 6 * at as u32;
            let column = graph.member(cache, ["#next", "#previous"][at], "Uint16Array", id);
            let buffer = graph.node("object", "ArrayBuffer", id + 2, 88);
            let store = graph.node("native", "system / JSArrayBufferData", id + 4, 2 * room);
            graph.edge(column, "internal", "buffer", buffer);
            graph.edge(buffer, "internal", "backing_store", store);
        }
        graph
    }

    fn found(graph: &Graph) -> (String, Option<(u64, u64)>) {
        let new: Vec<u32> = (0..40).map(|at| 1001 + 2 * at).collect();
        let suspect = suspect(graph, 15, &new).unwrap();
        (suspect.name, suspect.cache.map(|fill| (fill.entries, fill.max)))
    }

    #[test]
    fn a_cache_with_columns_is_one_suspect_that_fills() {
        assert_eq!(found(&cache(40, [100, 100])), ("users".to_owned(), Some((40, 100))));
    }

    #[test]
    fn an_array_that_is_filled_in_advance_has_room() {
        assert_eq!(found(&cache(40, [100, 200])), ("#values".to_owned(), Some((40, 100))));
        assert_eq!(found(&cache(100, [1, 2])).1, None, "it is full");
    }
}
