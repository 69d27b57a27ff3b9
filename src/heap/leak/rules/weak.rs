//! Values under keys of a WeakMap that live on, held values of a FinalizationRegistry.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use crate::heap::explain::{names, route};
use crate::heap::graph::kind::EdgeKind;
use crate::heap::leak::causes::{Cause, Detail};
use crate::heap::leak::draft::Draft;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::finding::Finding;
use crate::heap::leak::rule::{About, Rule};
use crate::heap::leak::suspect::Suspect;
use crate::heap::snapshot::{Node, Snapshot};

/// The class of an entry of a FinalizationRegistry.
const CELL: &[u8] = b"system / WeakCell";
/// How many of the objects that refer to a held value are looked at.
const HOLDERS: usize = 8;
/// How many entries of a registry's lists are looked at.
const ENTRIES: usize = 1000;

pub(in crate::heap) struct Weak;

impl Rule for Weak {
    /// The value of a WeakMap entry that no variable names.
    fn match_step(
        &self,
        evidence: &Evidence,
        at: usize,
        (kind, name): (EdgeKind, &[u8]),
    ) -> Option<Finding> {
        let is_value = kind == EdgeKind::Internal
            && evidence.remaining(at) <= 1
            && memchr::memmem::find(name, b" / part of key (").is_some();
        is_value.then(|| {
            let weak_map = weak_map_of(evidence.snapshot(), name);
            Finding { weak_map, ..Finding::new(Cause::Weak, evidence) }
        })
    }

    fn match_thing(&self, evidence: &Evidence) -> Option<Finding> {
        let class = evidence.snapshot().raw_name(evidence.thing());
        (class == b"FinalizationRegistry" || class == CELL)
            .then(|| Finding::new(Cause::Weak, evidence).with_detail(Detail::HeldValues))
    }

    /// A value that only a WeakMap's key leads to is called as the WeakMap is.
    fn detail(&self, evidence: &Evidence, draft: &mut Draft) {
        let table = draft
            .weak_map
            .filter(|_| draft.cause == Cause::Weak)
            .map(|node| names::name(evidence.index(), &route::route(&evidence.context, node)))
            .filter(|table| !table.name.is_empty());
        if let Some(table) = table {
            (draft.name, draft.place) = (table.name, table.place);
        }
    }

    /// An entry of a registry waits for its callback after a collection has had its object: as many wait as objects
    /// have died since. Node also takes the entries of its own registries and WeakSets away then. Where the objects
    /// stay, what retains them grows.
    fn is_bounded(&self, evidence: &Evidence, suspect: &Suspect) -> bool {
        let class = evidence.snapshot().raw_name(evidence.thing());
        let is_registry = class.ends_with(b"FinalizationRegistry") || class == CELL;
        let is_weak = is_registry || class.ends_with(b"WeakSet");
        matches!(suspect.cause, Cause::Weak | Cause::Other)
            && is_weak
            && (suspect.is_of_node() || is_registry && do_entries_wait(evidence))
    }

    fn advice_by_detail(&self, detail: Detail) -> Option<&'static str> {
        (detail == Detail::HeldValues).then_some(
            "keep held values small (an id) and without a reference to the target, and call registry.unregister(token): a held value stays until its target is collected",
        )
    }

    fn advice(&self, cause: Cause, _about: &About) -> Option<String> {
        (cause == Cause::Weak).then(|| {
            "drop the key, or bound the value: a WeakMap frees a value only with its key".to_owned()
        })
    }
}

/// Whether most entries of a registry that are new have lost their objects, and wait for their callback. Entries are in
/// a list, of which the beginning is looked at where none is known to be new.
fn do_entries_wait(evidence: &Evidence) -> bool {
    let snapshot = evidence.snapshot();
    let is_entry = |node: Node| snapshot.raw_name(node) == CELL;
    let entry_of = |&node: &Node| {
        let mut holders = snapshot.retainers(node).take(HOLDERS).map(|each| each.from);
        if is_entry(node) { Some(node) } else { holders.find(|&each| is_entry(each)) }
    };
    let mut entries: Vec<Node> = evidence.sample().iter().filter_map(entry_of).collect();
    if entries.is_empty() {
        let next = |node: Node| {
            let targets = snapshot.edges(node).map(|edge| edge.to);
            targets.filter(|&to| is_entry(to)).collect::<Vec<_>>()
        };
        // The first of each list, in turns.
        let mut seen = FxHashSet::default();
        let mut reached = VecDeque::from(next(evidence.thing()));
        while let Some(entry) = reached.pop_front().filter(|_| seen.len() < ENTRIES) {
            if seen.insert(entry) {
                reached.extend(next(entry));
            }
        }
        entries.extend(seen);
    }
    let has_object = |entry: &Node| snapshot.edges(*entry).any(|edge| edge.kind == EdgeKind::Weak);
    entries.iter().filter(|entry| !has_object(entry)).count() * 2 > entries.len()
}

/// The WeakMap of an entry: V8 writes its table's id into the name of the edge.
fn weak_map_of(snapshot: &Snapshot, entry: &[u8]) -> Option<Node> {
    let entry = std::str::from_utf8(entry).ok()?;
    let id = entry.rsplit_once("(table @")?.1.trim_end_matches(')').parse().ok()?;
    let table = snapshot.by_id(id)?;
    snapshot
        .retainers(table)
        .find(|retainer| snapshot.edge_name(&retainer.edge) == "table")
        .map(|retainer| retainer.from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::rules::testing::{finding, ids, is_bounded, suspect};

    #[test]
    fn a_value_under_a_key_of_a_weak_map_is_called_as_the_map() {
        let mut graph = module();
        let sessions = graph.variable("sessions", "WeakMap", 11);
        let table = graph.node("array", "", 13, 64);
        graph.edge(sessions, "internal", "table", table);
        let key = graph.variable("server", "Server", 15);
        let value = graph.node("object", "Object", 17, 32);
        let name = "7 / part of key (Server @15) -> value (Object @17) pair in WeakMap (table @13)";
        graph.edge(key, "internal", name, value);
        graph.elements(value, "Session", 1001, 20);
        let found = finding(&graph, 17, &ids(1001, 20));
        assert_eq!((found.cause, found.weak_map.is_some()), (Cause::Weak, true));
        let suspect = suspect(&graph, 17, &ids(1001, 20)).unwrap();
        assert_eq!((suspect.cause, suspect.name.as_str()), (Cause::Weak, "sessions"));
        assert!(suspect.advice.ends_with("frees a value only with its key"), "{}", suspect.advice);
    }

    #[test]
    fn held_values_are_those_of_a_registry() {
        let mut graph = module();
        let registry = graph.variable("registry", "FinalizationRegistry", 11);
        graph.elements(registry, "Cell", 1001, 20);
        let found = finding(&graph, 11, &ids(1001, 20));
        assert_eq!((found.cause, found.detail), (Cause::Weak, Detail::HeldValues));
        assert_eq!(is_bounded(&graph, 11, &ids(1001, 20)), Some(false));
        let advice = suspect(&graph, 11, &ids(1001, 20)).unwrap().advice;
        assert!(advice.starts_with("keep held values small"), "{advice}");
    }

    #[test]
    fn of_nodes_own_only_weak_sets_and_cells_are_bounded_beside_registries() {
        for (class, bounded) in [("WeakSet", true), ("system / WeakCell", true), ("WeakMap", false)]
        {
            let mut graph = module();
            graph.in_file("node:internal/abort_controller", 13);
            let thing = graph.variable("registry", class, 11);
            graph.elements(thing, "Cell", 1001, 20);
            assert_eq!(is_bounded(&graph, 11, &ids(1001, 20)), Some(bounded), "{class}");
        }
    }

    /// A registry with an entry for each of 20 objects, the entries or what they hold being new.
    fn entries(with_objects: u32, are_values: bool) -> (Graph, Vec<u32>) {
        let mut graph = module();
        let registry = graph.variable("registry", "FinalizationRegistry", 11);
        let objects = graph.variable("objects", "Array", 13);
        let mut new = Vec::new();
        for item in 0..20 {
            let id = 1001 + 10 * item;
            let entry = graph.node("hidden", "system / WeakCell", id, 72);
            graph.edge(registry, "hidden", &(100 + item).to_string(), entry);
            graph.member(entry, "holdings", "Object", id + 2);
            let object = graph.member(objects, &item.to_string(), "Object", id + 4);
            if item < with_objects {
                graph.edge(entry, "weak", "target", object);
            }
            new.push(if are_values { id + 2 } else { id });
        }
        (graph, new)
    }

    #[test]
    fn entries_that_wait_for_their_callback_are_bounded() {
        for are_values in [false, true] {
            let bounded = |with_objects| {
                let (graph, new) = entries(with_objects, are_values);
                is_bounded(&graph, 11, &new)
            };
            assert_eq!(bounded(0), Some(true), "{are_values}");
            assert_eq!(bounded(9), Some(true), "{are_values}");
            assert_eq!(bounded(10), Some(false), "{are_values}");
            assert_eq!(bounded(20), Some(false), "{are_values}");
        }
    }

    #[test]
    fn where_no_entry_is_new_the_list_of_the_registry_counts() {
        let bounded = |has_objects: bool| {
            let mut graph = module();
            let registry = graph.variable("registry", "FinalizationRegistry", 11);
            let mut last = registry;
            for id in (1001..2001).step_by(10) {
                let entry = graph.node("hidden", "system / WeakCell", id, 72);
                graph.edge(last, "hidden", "4", entry);
                if last != registry {
                    graph.edge(entry, "hidden", "5", last);
                }
                if has_objects {
                    graph.edge(entry, "weak", "target", 1);
                }
                last = entry;
            }
            is_bounded(&graph, 11, &[])
        };
        assert_eq!((bounded(false), bounded(true)), (Some(true), Some(false)));
    }

    #[test]
    fn a_registry_of_nodes_own_is_bounded() {
        let mut graph = module();
        graph.in_file("node:internal/abort_controller", 13);
        let registry = graph.variable("registry", "FinalizationRegistry", 11);
        graph.elements(registry, "Cell", 1001, 20);
        assert_eq!(is_bounded(&graph, 11, &ids(1001, 20)), Some(true));
    }

    #[test]
    fn what_grows_further_below_a_value_is_named_by_itself() {
        let mut graph = module();
        let key = graph.variable("server", "Server", 15);
        let value = graph.node("object", "Object", 17, 32);
        let name = "7 / part of key (Server @15) -> value (Object @17) pair in WeakMap (table @13)";
        graph.edge(key, "internal", name, value);
        let state = graph.member(value, "state", "State", 19);
        let list = graph.member(state, "list", "Array", 21);
        graph.elements(list, "Session", 1001, 20);
        assert_eq!(finding(&graph, 21, &ids(1001, 20)).cause, Cause::Array);
    }
}
