//! How many entries a collection has, and how many links a chain.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::heap::compare::survivors::Survivors;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::snapshot::{Edge, EdgeName, Node, Snapshot};

/// Elements of an array, properties of an object or a function, entries of a Map or Set: those that are objects or
/// strings, since small integers have no node.
pub(in crate::heap) fn count(snapshot: &Snapshot, node: Node) -> u64 {
    if let Some(table) = snapshot.follow(node, EdgeKind::Internal, "table") {
        return rows(snapshot, table).1;
    }
    let is_entry = |kind| matches!(kind, EdgeKind::Element | EdgeKind::Property);
    match snapshot.kind(node) {
        NodeKind::Object if snapshot.raw_name(node) == b"Array" => {
            snapshot.edges(node).filter(|edge| edge.kind == EdgeKind::Element).count() as u64
        }
        NodeKind::Object | NodeKind::Closure => {
            let is_function = snapshot.kind(node) == NodeKind::Closure;
            let is_of_class = |name| match name {
                EdgeName::String(name) => match snapshot.raw_string(name) {
                    b"__proto__" => true,
                    b"prototype" => is_function,
                    _ => false,
                },
                EdgeName::Index(_) => false,
            };
            let entries = snapshot.edges(node).filter(|edge| is_entry(edge.kind));
            entries.filter(|edge| !is_of_class(edge.name)).count() as u64
        }
        _ => 0,
    }
}

/// Words of an entry in an ordered hash table: 3 in a Map (key, value, chain), 2 in a Set (key, chain).
pub(in crate::heap) fn stride(snapshot: &Snapshot, collection: Node) -> u32 {
    snapshot
        .follow(collection, EdgeKind::Internal, "table")
        .map_or(0, |table| rows(snapshot, table).0)
}

/// The stride of a table's entries and how many there are (v8/src/objects/ordered-hash-table.h).
fn rows(snapshot: &Snapshot, table: Node) -> (u32, u64) {
    let fields: Vec<u32> = snapshot
        .edges(table)
        .filter(|edge| matches!(edge.kind, EdgeKind::Internal | EdgeKind::Hidden))
        .filter_map(|edge| match edge.name {
            EdgeName::Index(index) => Some(index),
            EdgeName::String(name) => {
                std::str::from_utf8(snapshot.raw_string(name)).ok()?.parse().ok()
            }
        })
        .collect();
    let by_residue = |stride: u32| {
        let mut counts: FxHashMap<u32, u64> = FxHashMap::default();
        fields.iter().for_each(|field| *counts.entry(field % stride).or_default() += 1);
        counts.into_values().collect::<Vec<_>>()
    };
    // In a Set all fields have one residue modulo 2; in a Map keys and values alternate.
    let of_two = by_residue(2);
    if of_two.len() <= 1 {
        return (2, fields.len() as u64);
    }
    (3, by_residue(3).into_iter().max().unwrap_or(0))
}

/// How many objects of `head`'s class follow one another from it, each by a reference of one name: the links of a list,
/// the listeners of an EventTarget, what waits for a promise. The parts of a rope are no links, and one object is no
/// chain.
pub(in crate::heap) fn links(snapshot: &Snapshot, head: Node, survivors: Survivors) -> Option<u64> {
    let links = chain(snapshot, head, survivors).len();
    (links > 1).then_some(links as u64)
}

/// The links of the chain that `head` is the first of, without those that survive.
pub(in crate::heap) fn chain(snapshot: &Snapshot, head: Node, survivors: Survivors) -> Vec<Node> {
    let mut links = vec![head];
    if snapshot.kind(head) == NodeKind::ConsString {
        return links;
    }
    let mut seen = FxHashSet::from_iter([head]);
    let is_ahead = |edge: &Edge, seen: &FxHashSet<Node>| {
        !matches!(edge.kind, EdgeKind::Weak | EdgeKind::Ephemeron)
            && !survivors.has(edge.to)
            && !seen.contains(&edge.to)
    };
    let mut link = next_link(snapshot, head, &|edge| is_ahead(edge, &seen), &|_| true);
    while let Some(edge) = link {
        seen.insert(edge.to);
        links.push(edge.to);
        let is_alike = |other: &Edge| (other.kind, other.name) == (edge.kind, edge.name);
        link = next_link(snapshot, edge.to, &|edge| is_ahead(edge, &seen), &is_alike);
    }
    links
}

/// The reference to the nearest object of a link's class; of several to the one that retains most, since it has the
/// rest of the chain behind it.
pub(in crate::heap) fn next_link(
    snapshot: &Snapshot,
    link: Node,
    is_ahead: &dyn Fn(&Edge) -> bool,
    is_alike: &dyn Fn(&Edge) -> bool,
) -> Option<Edge> {
    /// How many objects may stand between two links, and how many references of each are looked at.
    const BETWEEN: usize = 32;
    let class = |node| (snapshot.kind(node), snapshot.name_index(node));
    let (mut near, mut seen) = (vec![link], 1);
    while !near.is_empty() && seen < BETWEEN {
        let edges = near.iter().flat_map(|&node| snapshot.edges(node).take(BETWEEN));
        let ahead: Vec<Edge> = edges.filter(|edge| is_ahead(edge)).collect();
        let links = ahead.iter().filter(|edge| class(edge.to) == class(link) && is_alike(edge));
        if let Some(next) = links.max_by_key(|edge| snapshot.retained(edge.to)) {
            return Some(*next);
        }
        seen += ahead.len();
        near = ahead.into_iter().map(|edge| edge.to).collect();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, program};

    #[test]
    fn entries_of_a_map_are_its_keys() {
        let snapshot = program(40).snapshot();
        let map = snapshot.by_id(7).unwrap();
        assert_eq!((stride(&snapshot, map), count(&snapshot, map)), (3, 40));
        assert_eq!(count(&snapshot, snapshot.by_id(9).unwrap()), 16);
    }

    #[test]
    fn entries_of_a_set_are_its_members() {
        let mut graph = Graph::new();
        let set = graph.node("object", "Set", 3, 32);
        let table = graph.node("array", "", 5, 64);
        graph.edge(0, "property", "set", set);
        graph.edge(set, "internal", "table", table);
        for at in 0..5 {
            let member = graph.node("object", "Session", 7 + 2 * at, 64);
            graph.edge(table, "internal", &(5 + 2 * at).to_string(), member);
        }
        let snapshot = graph.snapshot();
        let set = snapshot.by_id(3).unwrap();
        assert_eq!((stride(&snapshot, set), count(&snapshot, set)), (2, 5));
    }

    #[test]
    fn links_of_a_chain_are_counted_whatever_stands_between_them() {
        let mut graph = Graph::new();
        let mut before = 0;
        for at in 0..50 {
            let link = graph.node("object", "Listener", 3 + 6 * at, 64);
            let value = graph.node("object", "Listener", 5 + 6 * at, 16);
            let between = graph.node("object", "Pair", 7 + 6 * at, 16);
            graph.edge(before, "property", "next", link);
            graph.edge(link, "property", "previous", before);
            graph.edge(link, "property", "value", value);
            graph.edge(link, "property", "pair", between);
            before = if at % 2 == 0 { link } else { between };
        }
        let snapshot = graph.snapshot();
        let head = snapshot.by_id(3).unwrap();
        assert_eq!(links(&snapshot, head, Survivors::None), Some(50));
        let marked = |survives: &dyn Fn(Node) -> bool| -> Vec<bool> {
            snapshot.nodes().map(survives).collect()
        };
        let late = marked(&|node| snapshot.id(node) > 60);
        assert_eq!(links(&snapshot, head, Survivors::Marked(&late)), Some(10));
        let others = marked(&|node| node != head);
        assert_eq!(links(&snapshot, head, Survivors::Marked(&others)), None);
    }
}
