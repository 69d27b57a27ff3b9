//! Which object of an earlier snapshot is which of a later one.
//!
//! In snapshots that one process took, an odd id is an identity (v8/src/profiler/heap-snapshot-generator.h,
//! `HeapObjectsMap`). A forked child gives ids of its own to whatever its parent had not numbered, in the order of the
//! heap: equal ids then mean nothing. [`Counterparts::find`] sees up to which id equal ids mean equal objects, and
//! matches the rest by names: along two equal paths stand counterparts.

use crate::heap::compare::by_name::ByName;
use crate::heap::compare::ids::{Agreement, NONE, agreements, common, reliable_prefix};
use crate::heap::snapshot::{Node, Snapshot};

/// For each node of the later snapshot its counterpart in the earlier one, or [`NONE`].
pub(in crate::heap) struct Counterparts {
    pub earlier: Vec<Node>,
    /// Whether all of it was found by ids.
    pub by_id: bool,
}

impl Counterparts {
    /// `identities` are those of the later snapshot, by [`by_odd_id`].
    pub fn find(earlier: &Snapshot, later: &Snapshot, identities: &[Node]) -> Self {
        let mut found = vec![NONE; later.node_count()];
        let common = common(earlier, later, identities);
        let agreements = agreements(earlier, later, &common);
        let reliable = reliable_prefix(&agreements);
        for (&(node, counterpart), agreement) in common.iter().zip(&agreements).take(reliable) {
            if *agreement != Agreement::None {
                found[node as usize] = counterpart;
            }
        }
        let by_id = reliable == common.len() && !common.is_empty();
        if !by_id {
            ByName::new(earlier, later, &mut found).run();
        }
        Counterparts { earlier: found, by_id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::compare::ids::by_odd_id;
    use crate::heap::graphs::{Graph, program};

    /// How many objects that are the same were found, and how many pairs were of different objects.
    fn right_and_wrong(
        earlier: &Snapshot,
        later: &Snapshot,
        found: &Counterparts,
    ) -> (usize, usize) {
        let pairs = later.nodes().filter(|&node| found.earlier[node as usize] != NONE);
        let is_right =
            |node: &Node| later.raw_name(*node) == earlier.raw_name(found.earlier[*node as usize]);
        let (right, wrong): (Vec<Node>, Vec<Node>) = pairs.partition(is_right);
        (right.len(), wrong.len())
    }

    #[test]
    fn ids_of_one_numbering_are_identities() {
        let (earlier, later) = (program(300).snapshot(), program(600).snapshot());
        let found = Counterparts::find(&earlier, &later, &by_odd_id(&later));
        assert!(found.by_id);
        // Everything but the tables and the entries that went.
        assert_eq!(right_and_wrong(&earlier, &later, &found), (5 + 1000 + 600, 0));
    }

    #[test]
    fn nodes_are_in_the_order_of_their_odd_ids_dense_or_not() {
        for gap in [1, 99_999] {
            let mut graph = Graph::new();
            for id in [7, 3, 4, 9, 3, 1] {
                graph.node("object", "Any", if id > 5 { gap * id } else { id }, 8);
            }
            let snapshot = graph.snapshot();
            // The root has the id 1 as well; of those with one id the last counts.
            assert_eq!(by_odd_id(&snapshot), [6, 5, 1, 4], "{gap}");
        }
    }

    #[test]
    fn ids_of_several_numberings_are_not_believed() {
        let (earlier, later) =
            (program(300).renumbered(1).snapshot(), program(600).renumbered(1).snapshot());
        let found = Counterparts::find(&earlier, &later, &by_odd_id(&later));
        let (right, wrong) = right_and_wrong(&earlier, &later, &found);
        assert!(right >= 5 + 1000 + 600, "{right}");
        assert_eq!(wrong, 0);
    }

    /// Sockets that only V8's list of handles leads to, after others in it.
    fn handles(before: usize, sockets: std::ops::Range<usize>) -> Snapshot {
        let mut graph = program(20);
        let list = graph.node("synthetic", "(Global handles)", 1, 0);
        graph.edge(0, "element", "9", list);
        let others = (0..before).map(|_| (graph.node("object", "Timeout", 1, 32), None));
        let mut all: Vec<_> = others.collect();
        all.extend(sockets.map(|n| (graph.node("object", "TCP", 1, 32), Some(n))));
        for (place, (handle, socket)) in all.into_iter().enumerate() {
            graph.edge(list, "internal", &place.to_string(), handle);
            if let Some(n) = socket {
                let socket = graph.node("native", &format!("Socket {n}"), 1, 512);
                graph.edge(handle, "property", "owner", socket);
            }
        }
        graph.renumbered(1 + 1_000_000 * before as u32).snapshot()
    }

    #[test]
    fn handles_are_known_by_their_order_wherever_in_the_list_they_are() {
        let sockets = |earlier: &Snapshot, later: &Snapshot| {
            let found = Counterparts::find(earlier, later, &by_odd_id(later));
            assert_eq!(right_and_wrong(earlier, later, &found).1, 0);
            let is_socket = |node: &Node| later.raw_name(*node).starts_with(b"Socket");
            later
                .nodes()
                .filter(|node| is_socket(node) && found.earlier[*node as usize] != NONE)
                .count()
        };
        assert_eq!(sockets(&handles(7, 0..3), &handles(3, 0..3)), 3);
        assert_eq!(sockets(&handles(7, 0..3), &handles(12, 0..3)), 3);
        assert_eq!(sockets(&handles(30, 0..16), &handles(3, 0..18)), 16, "two have come");
        assert_eq!(sockets(&handles(30, 0..4), &handles(3, 0..8)), 0, "which four?");
    }

    #[derive(Debug, Clone, Copy)]
    enum Keys {
        Texts,
        Redacted,
        Objects,
    }

    /// A Map whose table has so many buckets, with the entries of these numbers at these places; each has a socket.
    fn collection(buckets: u32, entries: &[(u32, usize)], keys: Keys) -> Snapshot {
        let mut graph = program(20);
        let map = graph.node("object", "Map", 600_001, 32);
        graph.edge(0, "property", "sessions", map);
        let size = 16 + 8 * (3 + 7 * u64::from(buckets));
        let table = graph.node("array", "", 600_003, size);
        graph.edge(map, "internal", "table", table);
        for &(place, number) in entries {
            let id = 600_005 + 10 * number as u32;
            let key = match keys {
                Keys::Texts => graph.node("string", &format!("key {number}"), id, 32),
                Keys::Redacted => graph.node("string", "xxx", id, 32),
                Keys::Objects => graph.node("object", "Request", id, 32),
            };
            let field = 3 + buckets + 3 * place;
            graph.edge(table, "internal", &field.to_string(), key);
            let value = graph.node("object", "Session", id + 2, 32);
            graph.edge(table, "internal", &(field + 1).to_string(), value);
            let socket = graph.node("native", &format!("Socket {number}"), id + 4, 512);
            graph.edge(value, "property", "socket", socket);
        }
        graph.renumbered(1 + 1_000_000 * buckets).snapshot()
    }

    #[test]
    fn entries_of_a_map_that_outgrew_its_table_are_the_same() {
        let entries = |numbers: std::ops::Range<usize>, gap: u32| {
            (0..).zip(numbers).map(|(place, number)| (gap + place, number)).collect::<Vec<_>>()
        };
        let sockets = |earlier: &Snapshot, later: &Snapshot| {
            let found = Counterparts::find(earlier, later, &by_odd_id(later));
            assert_eq!(right_and_wrong(earlier, later, &found).1, 0);
            let is_socket = |node: &Node| later.raw_name(*node).starts_with(b"Socket");
            let sockets = later.nodes().filter(is_socket);
            sockets.filter(|&node| found.earlier[node as usize] != NONE).count()
        };
        for keys in [Keys::Texts, Keys::Redacted, Keys::Objects] {
            let before = collection(4, &entries(0..8, 0), keys);
            let after = collection(8, &entries(0..12, 0), keys);
            assert_eq!(sockets(&before, &after), 8, "grown, {keys:?}");
            // The first two were deleted: their places were free, and the new table has none of them.
            let before = collection(4, &entries(2..8, 2), keys);
            let after = collection(8, &entries(2..12, 0), keys);
            assert_eq!(sockets(&before, &after), 6, "deleted before, {keys:?}");
        }
        let before = collection(4, &entries(0..8, 0), Keys::Texts);
        let after = collection(8, &entries(3..12, 0), Keys::Texts);
        assert_eq!(sockets(&before, &after), 5, "deleted since");
    }

    /// A poller that only what runs at the moment leads to: `way` differs, and the poller's state has no name.
    fn poller(way: &str, class: &str, entries: u32) -> Snapshot {
        let mut graph = program(20);
        let waiting = graph.node("object", way, 500_001, 48);
        graph.edge(0, "shortcut", way, waiting);
        let state = graph.node("object", class, 500_003, 32);
        graph.edge(waiting, "property", way, state);
        let function = graph.function("poll", 500_005, 9);
        graph.edge(state, "internal", "function", function);
        let registers = graph.node("array", "", 500_007, 64);
        graph.edge(state, "internal", "parameters_and_registers", registers);
        let map = graph.node("object", "Map", 500_009, 32);
        graph.edge(registers, "internal", "0", map);
        let table = graph.node("array", "", 500_011, u64::from(entries) * 24);
        graph.edge(map, "internal", "table", table);
        graph.renumbered(1 + 2 * entries).snapshot()
    }

    #[test]
    fn the_only_state_of_a_function_and_the_only_instance_of_a_class_are_known_without_a_path() {
        for class in ["Generator", "Poller"] {
            let (earlier, later) = (poller("Timeout", class, 10), poller("Immediate", class, 20));
            let found = Counterparts::find(&earlier, &later, &by_odd_id(&later));
            let counterpart = |name: &[u8]| {
                let node = later.nodes().find(|&node| later.raw_name(node) == name).unwrap();
                found.earlier[node as usize]
            };
            let state = counterpart(class.as_bytes());
            assert_ne!(state, NONE, "{class}");
            assert_eq!(earlier.raw_name(state), class.as_bytes());
            assert_eq!(counterpart(b"Immediate"), NONE);
        }
    }

    #[test]
    fn ids_that_the_parent_gave_are_believed() {
        let (earlier, mut later) = (program(300).snapshot(), program(300));
        // A child's object that has the id of another child's.
        later.rename(204_647, "Other");
        let later = later.snapshot();
        let found = Counterparts::find(&earlier, &later, &by_odd_id(&later));
        assert_eq!(right_and_wrong(&earlier, &later, &found).1, 0);
    }
}
