//! What grew in small heaps.

use crate::heap::compare::growth::Growth;
use crate::heap::compare::series::Series;
use crate::heap::graphs::{Graph, program};
use crate::heap::snapshot::Snapshot;

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
    series.growths().0.iter().filter(|growth| growth.even).map(named).collect()
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

/// A Map of so many sessions of 4 KB, in a table of V8's size for them: three numbers, a bucket for each two entries,
/// and three fields an entry.
fn sessions(count: u32) -> Graph {
    let mut graph = program(20);
    let map = graph.variable("sessions", "Map", 11);
    let capacity = count.next_power_of_two();
    let buckets = capacity / 2;
    let size = 16 + 8 * u64::from(3 + buckets + 3 * capacity);
    let table = graph.node("array", "", 13, size);
    graph.edge(map, "internal", "table", table);
    for at in 0..count {
        let field = 3 + buckets + 3 * at;
        let key = graph.node("string", &format!("session {at}"), 400_001 + 4 * at, 32);
        graph.edge(table, "internal", &field.to_string(), key);
        let value = graph.node("object", "Session", 400_003 + 4 * at, 4096);
        graph.edge(table, "internal", &(field + 1).to_string(), value);
    }
    graph
}

#[test]
fn a_map_that_outgrows_its_table_grows_by_its_new_entries() {
    for counts in [[26, 28, 30], [28, 30, 34], [31, 34, 37]] {
        let found = growths(
            &counts.map(|count| sessions(count).renumbered(1 + 1_000_000 * count).snapshot()),
        );
        let names: Vec<&str> = found.iter().map(|growth| growth.0.as_str()).collect();
        assert_eq!(names, ["sessions"], "{counts:?}");
        let new = u64::from(counts[2] - counts[0]);
        assert!((new..=new + 1).contains(&(found[0].1 / (32 + 4096))), "{counts:?}: {found:?}");
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
        let growths = Series::new(&snapshots, &[]).growths().0;
        let found: Vec<(bool, bool)> =
            growths.iter().map(|growth| (growth.even, growth.grown() > 400 * 100)).collect();
        assert_eq!(found, [(false, true)], "{turns:?}");
    }
    let once = [200, 600, 600].map(|turns| program(turns).snapshot());
    assert!(Series::new(&once, &[]).growths().0.is_empty(), "it grew in one interval only");
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

/// Sessions that a Map and an array hold.
fn shared(count: u32) -> Graph {
    let mut graph = program(20);
    let holders = [("byId", 11, "Map"), ("all", 13, "Array")].map(|(name, id, class)| {
        let holder = graph.node("object", class, id, 32);
        graph.edge(2, "context", name, holder);
        let store = graph.node("array", "", 300_000 + 4 * count + id, u64::from(count) * 8);
        graph.edge(holder, "internal", if class == "Map" { "table" } else { "elements" }, store);
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

/// A binary tree as `tree`, of objects that are large: what hangs from one place is a growth of its own size.
fn heavy_tree(count: u32) -> Graph {
    let mut graph = program(20);
    let mut nodes = Vec::new();
    for at in 0..count {
        let node = graph.node("object", "Branch", 400_001 + 4 * at, 40);
        let blob = graph.node("object", "Session", 400_003 + 4 * at, 3000);
        graph.edge(node, "property", "value", blob);
        nodes.push(node);
    }
    graph.edge(2, "context", "index", nodes[0]);
    for (at, &node) in nodes.iter().enumerate().skip(1) {
        graph.edge(nodes[(at - 1) / 2], "property", ["left", "right"][at % 2], node);
    }
    graph
}

#[test]
fn what_a_tree_gains_is_its_roots_however_much_hangs_from_one_place() {
    for renumbered in [false, true] {
        // The places below a node of the first snapshot gain 9 to 12 KB each.
        let snapshots = [100, 300, 500].map(|count| {
            let graph = heavy_tree(count);
            if renumbered { graph.renumbered(1) } else { graph }.snapshot()
        });
        let found = growths(&snapshots);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].0.as_str(), found[0].1), ("index", 400 * 3040));
    }
}

#[test]
fn one_node_that_gains_most_is_named_by_itself() {
    let with = |count: u32| {
        let mut graph = tree(300, 0);
        let branch = 4 + 2 * 40;
        let kept = graph.node("object", "Array", 900_001, 32);
        graph.edge(branch, "property", "kept", kept);
        for at in 0..count {
            let item = graph.node("object", "Item", 900_003 + 2 * at, 500);
            graph.edge(kept, "element", &at.to_string(), item);
        }
        graph.snapshot()
    };
    let found = growths(&[100, 200, 300].map(with));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].0.as_str(), found[0].1), ("kept", 200 * 500));
}

/// A table of users, each of whom has a list of a few events.
fn lists(count: u32) -> Graph {
    let mut graph = program(20);
    let users = graph.variable("users", "Object", 11);
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
    let by_day = graph.variable("byDay", "Object", 11);
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
    let growths = Series::new(&snapshots, &[]).growths().0;
    assert_eq!(growths[0].objects, [160, 400, 640]);
}

/// As V8 writes an array: its elements are named, and their store with what lies in it.
fn array(count: u32) -> Graph {
    let mut graph = program(20);
    let array = graph.variable("recent", "Array", 11);
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
fn a_surviving_object_that_swells_grows() {
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
