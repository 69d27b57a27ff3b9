//! How many entries a collection has.

use rustc_hash::FxHashMap;

use super::super::{EdgeKind, EdgeName, Node, NodeKind, Snapshot};

/// Elements of an array, properties of an object, entries of a Map or Set: those that are objects or strings, since
/// small integers have no node.
pub(super) fn count(snapshot: &Snapshot, node: Node) -> u64 {
    if let Some(table) = snapshot.follow(node, EdgeKind::Internal, "table") {
        return rows(snapshot, table).1;
    }
    let is_entry = |kind| matches!(kind, EdgeKind::Element | EdgeKind::Property);
    match snapshot.kind(node) {
        NodeKind::Object if snapshot.raw_name(node) == b"Array" => {
            snapshot.edges(node).filter(|edge| edge.kind == EdgeKind::Element).count() as u64
        }
        NodeKind::Object => {
            let proto = |name| matches!(name, EdgeName::String(name) if snapshot.raw_string(name) == b"__proto__");
            snapshot.edges(node).filter(|edge| is_entry(edge.kind) && !proto(edge.name)).count()
                as u64
        }
        _ => 0,
    }
}

/// Words of an entry in an ordered hash table: 3 in a Map (key, value, chain), 2 in a Set (key, chain).
pub(super) fn stride(snapshot: &Snapshot, collection: Node) -> u32 {
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

#[cfg(test)]
mod tests {
    use super::super::graphs::{Graph, program};
    use super::*;

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
}
