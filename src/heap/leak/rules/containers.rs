//! Collections that keep what is put into them: Maps, Sets, arrays, objects used as tables, chains of objects.

use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::names;
use crate::heap::explain::route::RouteStep;
use crate::heap::graph::kind::EdgeKind;
use crate::heap::leak::causes::{Cause, Detail, Unit};
use crate::heap::leak::composition::container;
use crate::heap::leak::count::Count;
use crate::heap::leak::draft::Draft;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::finding::Finding;
use crate::heap::leak::rule::{About, Rule};
use crate::heap::leak::rules::promises;
use crate::heap::leak::suspect::Suspect;
use crate::heap::snapshot::{Edge, Node};

pub(in crate::heap) struct Containers;

impl Rule for Containers {
    fn match_contents(&self, evidence: &Evidence) -> Option<Finding> {
        let contents = evidence.contents();
        let finding = Finding::of_contents(contents.container, evidence);
        let detail = if !is_table(contents.container) {
            Detail::Plain
        } else if promises::are_resolvers(evidence) {
            Detail::Resolvers
        } else if contents.composition.is_most(contents.composition.slices) {
            Detail::Slices
        } else {
            Detail::Plain
        };
        Some(finding.with_detail(detail))
    }

    /// How a package has built its tree says nothing, and each update may replace the way to the leaves: the
    /// application's variable that has the tree is named.
    fn replace_subject(&self, evidence: &Evidence, draft: &mut Draft) {
        if matches!(draft.cause, Cause::Map | Cause::Object | Cause::Array)
            && evidence.loading.is_none()
            && draft.is_in_package()
            && is_tree(evidence.index(), &evidence.steps)
            && let Some((node, owner)) = names::own(evidence.index(), &evidence.steps)
        {
            draft.gained = Count { number: None, unit: None };
            draft.rename(container(evidence.index(), node), owner);
        }
    }

    fn detail(&self, evidence: &Evidence, draft: &mut Draft) {
        if !is_table(draft.cause) || draft.detail != Detail::Plain {
            return;
        }
        if has_subscribers(evidence) {
            draft.detail = Detail::Subscriptions;
            return;
        }
        match draft.gained.unit {
            Some(Unit::Links) if draft.cause == Cause::Object => {
                draft.detail = Detail::Chain;
                draft.unit = draft.gained.unit;
            }
            Some(Unit::Objects) => draft.unit = draft.gained.unit,
            _ if draft.is_in_node() => draft.detail = Detail::OfNode,
            _ => {}
        }
    }

    /// The entries of performance.getEntriesByType('resource'), one for each fetch: Node keeps 250 of them
    /// (lib/internal/perf/observe.js), so a process that has made fewer only fills the buffer.
    fn is_bounded(&self, _evidence: &Evidence, suspect: &Suspect) -> bool {
        suspect.name == "resourceTimingBuffer"
            && suspect.file.as_deref() == Some("node:internal/perf/observe")
    }

    fn advice_by_detail(&self, detail: Detail) -> Option<&'static str> {
        match detail {
            Detail::Slices => Some(
                "store copies (Buffer.from(slice).toString()), because a slice retains its whole string, and delete what is no longer needed",
            ),
            Detail::Subscriptions => Some(
                "call unsubscribe() of each RxJS subscription when its owner ends, or end the stream with take(), takeUntil() or first()",
            ),
            Detail::Chain => Some(
                "cut the chain: drop its oldest links, or keep only the last ones in a RingBuffer(capacity)",
            ),
            Detail::OfNode => Some(
                "remove what the program creates in this table of Node's: performance.clearMarks() and clearMeasures(), close(), unregister()",
            ),
            _ => None,
        }
    }

    fn advice(&self, cause: Cause, _about: &About) -> Option<String> {
        let advice = match cause {
            Cause::Map => "bound it: new BoundedMap({ max, ttl }) in place of the Map",
            Cause::Set => {
                "delete members that are no longer needed, or keep them in a BoundedMap({ max, ttl })"
            }
            Cause::Object => {
                "use a BoundedMap({ max, ttl }) in place of the object, or delete keys that are no longer needed"
            }
            Cause::Array => {
                "keep only the last items: new RingBuffer(capacity), or remove an item that is no longer needed"
            }
            _ => return None,
        };
        Some(advice.to_owned())
    }
}

/// Whether the new objects are subscribers of RxJS 6 and 7, by their class and a field of it.
fn has_subscribers(evidence: &Evidence) -> bool {
    let index = evidence.index();
    let is_subscriber = |node: &&Node| {
        let class = index.snapshot.raw_name(**node);
        matches!(class, b"Subscriber" | b"SafeSubscriber" | b"OperatorSubscriber")
            && index.property(**node, "destination").is_some()
    };
    let sample = evidence.sample();
    sample.iter().filter(is_subscriber).count() * 2 > sample.len()
}

/// Whether it is a collection of JavaScript's.
fn is_table(cause: Cause) -> bool {
    matches!(cause, Cause::Map | Cause::Set | Cause::Object | Cause::Array)
}

/// Whether what grew is a level of a tree, or has one: an array of objects that have each an array under its name.
fn is_tree(index: &CodeIndex, steps: &[RouteStep]) -> bool {
    let edges = |node| index.snapshot.edges(node);
    let is_level = |level: Edge| {
        let is_next = |edge: Edge| (edge.kind, edge.name) == (EdgeKind::Property, level.name);
        let mut entries = edges(level.to).filter(|edge| edge.kind == EdgeKind::Element);
        entries.any(|entry| edges(entry.to).any(is_next))
    };
    let last = steps.last().map(|step| step.edge);
    last.is_some_and(|last| is_level(last) || edges(last.to).any(is_level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::rules::testing::{counted, finding, ids, is_bounded, suspect};

    /// Objects in a thing of this class.
    fn holder(class: &str) -> Graph {
        let mut graph = module();
        let thing = graph.variable("recent", class, 11);
        graph.elements(thing, "Session", 1001, 20);
        graph
    }

    #[test]
    fn a_collection_is_its_own_cause() {
        for (class, cause, advice) in [
            ("Map", Cause::Map, "new BoundedMap({ max, ttl }) in place of the Map"),
            ("Set", Cause::Set, "keep them in a BoundedMap"),
            ("Array", Cause::Array, "new RingBuffer(capacity)"),
            ("Object", Cause::Object, "in place of the object"),
            ("Registry", Cause::Object, "in place of the object"),
        ] {
            let suspect = suspect(&holder(class), 11, &ids(1001, 20)).unwrap();
            assert_eq!((suspect.cause, suspect.name.as_str()), (cause, "recent"), "{class}");
            assert!(suspect.advice.contains(advice), "{class}: {}", suspect.advice);
            assert_eq!((suspect.count, suspect.unit), (Some(20), None));
        }
    }

    #[test]
    fn a_class_that_extends_a_collection_has_its_table() {
        for (fields, cause) in [([10, 11, 13, 14], Cause::Map), ([10, 12, 14, 16], Cause::Set)] {
            let mut graph = module();
            let thing = graph.variable("recent", "Sessions", 11);
            let table = graph.node("array", "", 13, 64);
            graph.edge(thing, "internal", "table", table);
            for field in fields {
                let entry = graph.node("object", "Session", 101 + 2 * field, 32);
                graph.edge(table, "internal", &field.to_string(), entry);
            }
            assert_eq!(finding(&graph, 11, &[]).cause, cause);
        }
    }

    #[test]
    fn links_are_a_chain_and_scattered_objects_are_counted_as_such() {
        let of = |unit| counted(&holder("Object"), 11, &ids(1001, 20), unit).unwrap();
        assert!(of(Some(Unit::Links)).advice.starts_with("cut the chain"));
        assert_eq!(of(Some(Unit::Links)).unit, Some(Unit::Links));
        assert_eq!(of(Some(Unit::Objects)).unit, Some(Unit::Objects));
        assert!(of(Some(Unit::Objects)).advice.contains("BoundedMap"));
    }

    #[test]
    fn only_objects_are_a_chain_and_only_tables_have_a_detail() {
        let of = |class, unit| counted(&holder(class), 11, &ids(1001, 20), Some(unit)).unwrap();
        let links = of("Map", Unit::Links);
        assert!(links.advice.contains("in place of the Map"), "{}", links.advice);
        assert_eq!(links.unit, None);
        let promise = of("Promise", Unit::Objects);
        assert_eq!((promise.cause, promise.unit), (Cause::Promises, None));
    }

    /// A tree of a package's: levels of objects that have their children in an array. A variable of this file has it.
    fn tree(file: &str) -> Graph {
        let mut graph = module();
        graph.in_file(file, 7);
        let script = graph.script("/srv/node_modules/tree/index.js");
        let root = graph.variable("index", "Tree", 11);
        graph.locate(root, script, 1);
        let level = graph.member(root, "children", "Array", 13);
        for (at, entry) in graph.elements(level, "Level", 1001, 20).into_iter().enumerate() {
            graph.member(entry, "children", "Array", 1003 + 100 * at as u32);
        }
        graph
    }

    #[test]
    fn a_tree_of_a_package_is_called_as_the_variable_that_has_it() {
        let named = suspect(&tree("/srv/app.js"), 13, &ids(1001, 20)).unwrap();
        assert_eq!((named.cause, named.name.as_str()), (Cause::Object, "index"));
        assert_eq!((named.file.as_deref(), named.count), (Some("/srv/app.js"), None));
        let own = suspect(&tree("/srv/node_modules/tree/other.js"), 13, &ids(1001, 20)).unwrap();
        assert_eq!((own.cause, own.count), (Cause::Array, Some(20)), "no variable of the program");
    }

    #[test]
    fn only_nodes_buffer_of_resource_timings_is_bounded() {
        const FILE: &str = "node:internal/perf/observe";
        for (file, name, bounded) in [
            (FILE, "resourceTimingBuffer", true),
            (FILE, "markEntryBuffer", false),
            ("/srv/app.js", "resourceTimingBuffer", false),
        ] {
            let mut graph = module();
            graph.in_file(file, 7);
            let buffer = graph.variable(name, "Array", 11);
            graph.elements(buffer, "PerformanceResourceTiming", 1001, 20);
            let found = is_bounded(&graph, 11, &ids(1001, 20));
            assert_eq!(found, Some(bounded), "{file} {name}");
        }
    }

    #[test]
    fn slices_of_large_strings_have_advice_of_their_own() {
        let mut graph = module();
        let thing = graph.variable("recent", "Array", 11);
        for (at, line) in graph.elements(thing, "Line", 1001, 20).into_iter().enumerate() {
            let first = 1003 + 100 * at as u32;
            let slice = graph.node("sliced string", "id", first, 32);
            graph.edge(line, "property", "id", slice);
            let whole = graph.node("string", "id and all else", first + 2, 10_000);
            graph.edge(slice, "internal", "parent", whole);
        }
        let found = finding(&graph, 11, &ids(1001, 20));
        assert_eq!((found.cause, found.detail), (Cause::Array, Detail::Slices));
        let advice = suspect(&graph, 11, &ids(1001, 20)).unwrap().advice;
        assert!(advice.starts_with("store copies"), "{advice}");
    }

    #[test]
    fn subscribers_of_rxjs_are_unsubscribed() {
        for (class, field, expected) in [
            ("SafeSubscriber", "destination", true),
            ("Subscriber", "destination", true),
            ("Subscriber", "socket", false),
            ("Session", "destination", false),
        ] {
            let mut graph = module();
            let observers = graph.variable("observers", "Set", 11);
            for (at, subscriber) in
                graph.elements(observers, class, 1001, 20).into_iter().enumerate()
            {
                graph.member(subscriber, field, "Object", 2001 + 2 * at as u32);
            }
            let suspect = suspect(&graph, 11, &ids(1001, 20)).unwrap();
            assert_eq!((suspect.cause, suspect.name.as_str()), (Cause::Set, "observers"));
            let found = suspect.advice.contains("unsubscribe() of each RxJS subscription");
            assert_eq!(found, expected, "{class}.{field}: {}", suspect.advice);
        }
    }

    #[test]
    fn a_table_of_nodes_is_given_back_to_node() {
        let mut graph = holder("Map");
        graph.in_file("node:internal/perf/performance", 13);
        let suspect = suspect(&graph, 11, &ids(1001, 20)).unwrap();
        assert!(
            suspect.advice.starts_with("remove what the program creates"),
            "{}",
            suspect.advice
        );
    }

    #[test]
    fn an_array_of_a_package_that_is_no_tree_is_what_grew() {
        let mut graph = module();
        graph.in_file("/srv/app.js", 7);
        let script = graph.script("/srv/node_modules/list/index.js");
        let root = graph.variable("index", "List", 11);
        graph.locate(root, script, 1);
        let list = graph.member(root, "items", "Array", 13);
        graph.elements(list, "Item", 1001, 20);
        let named = suspect(&graph, 13, &ids(1001, 20)).unwrap();
        assert_eq!((named.cause, named.count), (Cause::Array, Some(20)));
        assert_eq!(named.name, "items");
    }

    #[test]
    fn a_set_of_which_half_are_subscribers_is_a_set() {
        let with = |subscribers: u32| {
            let mut graph = module();
            let observers = graph.variable("observers", "Set", 11);
            for (at, item) in
                graph.elements(observers, "Subscriber", 1001, 20).into_iter().enumerate()
            {
                if (at as u32) < subscribers {
                    graph.member(item, "destination", "Object", 2001 + 2 * at as u32);
                }
            }
            suspect(&graph, 11, &ids(1001, 20)).unwrap().advice.contains("RxJS")
        };
        assert!(with(11) && !with(10));
    }
}
