//! What a variable or a property was given after the first snapshot: a cache that is made at its first use, an event's
//! first listeners, a state that is replaced at each change.

use rustc_hash::FxHashSet;

use crate::heap::compare::entries;
use crate::heap::compare::growth::{Growth, total};
use crate::heap::compare::ids::NONE;
use crate::heap::compare::owners::{Slot, slot_name, slot_target};
use crate::heap::compare::stores::is_store;
use crate::heap::compare::survivors::Survivors;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::snapshot::{Edge, EdgeName, Node, Snapshot};

/// An object of fewer properties may be one of a class.
pub(in crate::heap) const TABLE: u64 = 16;

/// The properties that came after the first snapshot and have grown by themselves since. Entries of a table are many
/// and stay as they were, so one has to have grown by more than all the others together; events are few, and none is an
/// entry. `names` are the holder's in each of the earlier snapshots, `rises` tells whether something grew.
pub(in crate::heap) fn late(
    last: &Snapshot,
    growths: &[Growth],
    names: &[FxHashSet<u64>],
    rises: impl Fn(&Growth) -> bool,
) -> FxHashSet<u64> {
    let [_, later @ ..] = names else { return FxHashSet::default() };
    if later.is_empty() {
        return FxHashSet::default();
    }
    let total = total(growths);
    growths
        .iter()
        .filter(|growth| growth.grown() > total / 2 || is_events(last, growth.slot.holder))
        .filter(|growth| rises(growth))
        .filter_map(|growth| growth.slot.name)
        .filter(|name| later.iter().all(|names| names.contains(name)))
        .collect()
}

/// Whether it is the table of an EventEmitter's events.
fn is_events(snapshot: &Snapshot, node: Node) -> bool {
    let emitter = snapshot.dominator(node);
    snapshot.follow(emitter, EdgeKind::Property, "_events") == Some(node)
}

/// Turns to the collection that has nearly all of what a variable was given, however deep it lies in it, to what stood
/// there before (`counterparts` are the earlier ones of a node of the last snapshot), and to its entries.
pub(in crate::heap) fn look_into(
    snapshots: &[Snapshot],
    growth: &mut Growth,
    counterparts: impl Fn(Node) -> Vec<Node>,
    survivors: Survivors,
) {
    let last = &snapshots[snapshots.len() - 1];
    let Some(thing) = given(last, growth, &counterparts) else { return };
    let is_timer = last.raw_name(thing) == b"Timeout";
    if is_timer && entries::links(last, thing, survivors).is_none() {
        // There is but one: what it keeps grows.
        let is_kept =
            |edge: &Edge| edge.kind == EdgeKind::Property && !is_list_of_timers(last, edge);
        let kept = last.edges(thing).filter(is_kept);
        let heaviest = kept.max_by_key(|edge| last.retained(edge.to));
        growth.thing = heaviest.map_or(thing, |edge| edge.to);
        return;
    }
    // A timer leads to its neighbours in Node's list, and so to collections of theirs.
    let inner = if is_timer { None } else { inner_collection(last, thing) };
    if inner.is_none() && thing != growth.thing {
        return;
    }
    let end = inner.unwrap_or(thing);
    let names = names_between(last, thing, end);
    let first = growth.slot.name;
    let stood = |snapshot: &Snapshot, holder: Node| {
        let mut at = Some(holder).filter(|&holder| holder != NONE)?;
        for name in std::iter::once(first?).chain(names.as_ref()?.iter().copied()) {
            at = slot_target(snapshot, Slot { holder: at, name: Some(name) })?.to;
        }
        // `null` and `undefined` stand for nothing.
        (snapshot.raw_name(at) == last.raw_name(end)).then_some(at)
    };
    growth.before = snapshots
        .iter()
        .zip(counterparts(end))
        .zip(counterparts(growth.slot.holder))
        .map(|((snapshot, same), holder)| match same {
            NONE => stood(snapshot, holder).unwrap_or(NONE),
            same => same,
        })
        .collect();
    let Some(inner) = inner else { return };
    growth.thing = inner;
    let is_part = |edge: &Edge| {
        let is_item = || matches!(last.kind(edge.to), NodeKind::Object | NodeKind::Closure);
        matches!(edge.kind, EdgeKind::Property | EdgeKind::Element | EdgeKind::Internal)
            && !survivors.has(edge.to)
            && (is_store(last, edge.to) || is_item())
    };
    growth.sample = last.edges(inner).filter(is_part).map(|edge| edge.to).collect();
}

/// Whether it is by this that Node's lists of timers are linked.
pub(in crate::heap) fn is_list_of_timers(snapshot: &Snapshot, edge: &Edge) -> bool {
    matches!(edge.name, EdgeName::String(name) if snapshot.raw_string(name).starts_with(b"_idle"))
}

/// The replacement that was assigned to a variable; of a collection the one entry that came after the first snapshot
/// and has nearly all.
fn given(
    last: &Snapshot,
    growth: &Growth,
    counterparts: impl Fn(Node) -> Vec<Node>,
) -> Option<Node> {
    if growth.thing != growth.slot.holder {
        return Some(growth.thing);
    }
    let heaviest = growth.sample.iter().copied().max_by_key(|&node| last.retained(node))?;
    let has_most = last.retained(heaviest) >= growth.grown() / 10 * 8;
    let stays = || counterparts(heaviest).last().is_some_and(|&node| node != NONE);
    (has_most && stays()).then_some(heaviest)
}

/// The smallest collection that has nearly all of what an object alone leads to: the object itself where it is a list.
fn inner_collection(snapshot: &Snapshot, thing: Node) -> Option<Node> {
    const DEEP: usize = 32;
    if is_list(snapshot, thing) {
        return Some(thing);
    }
    let least = snapshot.retained(thing) / 10 * 8;
    let is_within = |node: Node| {
        std::iter::successors(Some(node), |&at| Some(snapshot.dominator(at)))
            .take(DEEP)
            .any(|at| at == thing)
    };
    snapshot
        .nodes()
        .filter(|&node| snapshot.retained(node) >= least && is_collection(snapshot, node))
        .filter(|&node| is_within(node))
        .min_by_key(|&node| snapshot.retained(node))
}

/// The names of the variables and properties that lead from an object down to one that it dominates; none where
/// something without a name stands in between.
fn names_between(snapshot: &Snapshot, thing: Node, inner: Node) -> Option<Vec<u64>> {
    let mut names = Vec::new();
    let mut at = inner;
    while at != thing {
        let above = snapshot.dominator(at);
        let names_it = |edge: &Edge| edge.to == at;
        let mut ways = snapshot.edges(above).filter(names_it);
        names.push(ways.find_map(|edge| slot_name(snapshot, &edge))?);
        at = above;
    }
    names.reverse();
    Some(names)
}

/// An array, a Map, a Set, or an object of many properties.
pub(in crate::heap) fn is_collection(snapshot: &Snapshot, node: Node) -> bool {
    snapshot.kind(node) == NodeKind::Object
        && (is_list(snapshot, node) || entries::count(snapshot, node) >= TABLE)
}

/// An array, a Map or a Set.
fn is_list(snapshot: &Snapshot, node: Node) -> bool {
    snapshot.raw_name(node) == b"Array"
        || snapshot.follow(node, EdgeKind::Internal, "table").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::compare::series::Series;
    use crate::heap::graphs::{Graph, program};

    /// Sessions in an array of this many, below `way` from the module's context.
    fn array(graph: &mut Graph, mut holder: usize, way: &[&str], count: u32, first: u32) {
        for (depth, name) in way.iter().enumerate() {
            let is_last = depth + 1 == way.len();
            let class = if is_last { "Array" } else { "Object" };
            let inner = graph.node("object", class, first + 2 * depth as u32, 32);
            let kind = if holder == 2 { "context" } else { "property" };
            graph.edge(holder, kind, name, inner);
            holder = inner;
        }
        let store = graph.node("array", "", first + 31, u64::from(count) * 8);
        graph.edge(holder, "internal", "elements", store);
        for at in 0..count {
            let session = graph.node("object", "Session", 400_001 + 2 * at, 256);
            graph.edge(holder, "element", &at.to_string(), session);
        }
    }

    /// What grew: the name of what leads to it, and how many entries it had before.
    fn grown(snapshots: &[Snapshot]) -> Vec<(String, Vec<Option<u64>>)> {
        let last = &snapshots[snapshots.len() - 1];
        let named = |growth: &Growth| {
            let retainer = last.retainers(growth.thing).next().unwrap();
            let before = snapshots
                .iter()
                .zip(&growth.before)
                .map(|(snapshot, &node)| (node != NONE).then(|| entries::count(snapshot, node)));
            (last.edge_name(&retainer.edge).into_owned(), before.collect())
        };
        Series::new(snapshots, &[]).growths().0.iter().map(named).collect()
    }

    #[test]
    fn what_came_after_the_first_snapshot_is_called_by_its_own_name() {
        let with = |count: u32| {
            let mut graph = program(20);
            let app = graph.variable("app", "App", 11);
            if count > 0 {
                array(&mut graph, app, &["repo", "rows"], count, 51);
            }
            graph.snapshot()
        };
        assert_eq!(grown(&[0, 100, 200].map(with)), [("rows".to_owned(), vec![None, Some(100)])]);
    }

    #[test]
    fn a_state_that_is_replaced_is_looked_into() {
        let with = |(count, first): (u32, u32)| {
            let mut graph = program(20);
            array(&mut graph, 2, &["state", "items"], count, first);
            graph.snapshot()
        };
        let found = grown(&[(100, 51), (200, 151), (300, 251)].map(with));
        assert_eq!(found, [("items".to_owned(), vec![Some(100), Some(200)])]);
    }

    #[test]
    fn events_that_come_later_are_told_apart() {
        let with = |count: u32| {
            let mut graph = program(20);
            let bus = graph.variable("bus", "EventEmitter", 11);
            let events = graph.node("object", "Object", 13, 32);
            graph.edge(bus, "property", "_events", events);
            for (at, event) in ["close", "data", "error"].into_iter().enumerate() {
                if count > 0 {
                    let listeners = graph.node("object", "Array", 101 + 2 * at as u32, 32);
                    graph.edge(events, "property", event, listeners);
                    for k in 0..count {
                        let id = 400_001 + 2 * (k + 1000 * at as u32);
                        let listener = graph.function("listener", id, 7);
                        graph.edge(listeners, "element", &k.to_string(), listener);
                    }
                }
            }
            graph.snapshot()
        };
        let mut names: Vec<String> =
            grown(&[0, 100, 200].map(with)).into_iter().map(|found| found.0).collect();
        names.sort_unstable();
        assert_eq!(names, ["close", "data", "error"]);
    }

    #[test]
    fn new_entries_of_a_table_are_one_growth() {
        let with = |count: u32| {
            let mut graph = program(20);
            let table = graph.variable("byName", "Object", 11);
            for at in 0..count {
                let user = graph.node("object", "User", 400_001 + 2 * at, 256);
                graph.edge(table, "property", &format!("user {at}"), user);
            }
            graph.snapshot()
        };
        let found = grown(&[0, 100, 200].map(with));
        assert_eq!(found, [("byName".to_owned(), vec![Some(0), Some(100)])]);
    }
}
