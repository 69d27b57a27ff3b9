//! What native code holds in one snapshot: objects of one class that hang from the root of handles. No variable leads
//! to them, so no object of the program retains much.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::heap::compare::attribution::claims_of;
use crate::heap::compare::growth::Growth;
use crate::heap::compare::stores::is_global_handles;
use crate::heap::compare::survivors::Survivors;
use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::context::GrowthContext;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::leak::causes::Unit;
use crate::heap::leak::count::Count;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::naming;
use crate::heap::leak::rules::sockets;
use crate::heap::leak::suspect::Suspect;
use crate::heap::snapshot::{Node, Snapshot};

/// The suspects among the groups of at least `many` objects that retain `least` bytes, those that retain most first.
pub(super) fn suspects(index: &CodeIndex, many: usize, least: u64) -> Vec<Suspect> {
    let snapshot = index.snapshot;
    let mut groups = groups(index);
    groups.retain(|group| group.items.len() >= many && group.bytes >= least);
    groups.sort_by_key(|group| (std::cmp::Reverse(group.bytes), group.items[0]));
    groups.into_iter().filter_map(|group| suspect(index, snapshot, group)).collect()
}

/// Objects of one class below one root.
struct Group {
    root: Node,
    bytes: u64,
    items: Vec<Node>,
}

fn groups(index: &CodeIndex) -> Vec<Group> {
    let snapshot = index.snapshot;
    let mut groups: FxHashMap<_, Group> = FxHashMap::default();
    let is_root = |&node: &Node| {
        snapshot.kind(node) == NodeKind::Synthetic && is_global_handles(snapshot, node)
    };
    let held = |root| {
        let strong = snapshot.edges(root).filter(|edge| edge.kind != EdgeKind::Weak);
        strong.map(move |edge| (root, edge.to))
    };
    let mut seen = FxHashSet::default();
    for (root, node) in snapshot.nodes().filter(is_root).flat_map(held) {
        let above = snapshot.dominator(node);
        if snapshot.kind(node) != NodeKind::Object
            || snapshot.kind(above) != NodeKind::Synthetic
            || !seen.insert(node)
        {
            continue;
        }
        // Of the two ends of a connection only one is what opens it.
        let key = (snapshot.name_index(node), sockets::server_of(index, node));
        let group = groups.entry(key).or_insert(Group { root, bytes: 0, items: Vec::new() });
        group.bytes += snapshot.retained(node);
        group.items.push(node);
    }
    groups.into_values().collect()
}

fn suspect(index: &CodeIndex, snapshot: &Snapshot, group: Group) -> Option<Suspect> {
    let outside = outside(snapshot, &group.items);
    let count = Count { number: Some(group.items.len() as u64), unit: Some(Unit::Objects) };
    let growth = Growth::of_one(group.root, group.bytes, group.items);
    let context = GrowthContext { index, survivors: Survivors::Marked(&outside) };
    naming::suspect(&mut Evidence::new(context, &growth), count)
}

/// For each node whether none of the items retains it.
fn outside(snapshot: &Snapshot, items: &[Node]) -> Vec<bool> {
    const INSIDE: u32 = 0;
    const OUTSIDE: u32 = 1;
    let heads = items.iter().map(|&item| (item, INSIDE)).collect();
    claims_of(snapshot, &heads, OUTSIDE).into_iter().map(|claim| claim == OUTSIDE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::causes::Cause;

    /// Connections that native code holds, each with a listener of one file; `accepted`: by a server of the program.
    fn connections(accepted: bool) -> Graph {
        connections_below("(Global handles)", accepted, 1)
    }

    /// The same below a root of this name, which refers so often to each.
    fn connections_below(root: &str, accepted: bool, times: u32) -> Graph {
        let mut graph = module();
        let script = graph.script("/app/node_modules/client/index.js");
        let server = graph.variable("server", "Server", 9);
        let root = graph.node("synthetic", root, 11, 0);
        graph.edge(0, "element", "9", root);
        for (at, handle) in graph.elements(root, "TCP", 1001, 20).into_iter().enumerate() {
            let wrap = graph.node("synthetic", "Node / TCPSocketWrap", 3, 0);
            graph.edge(0, "element", &format!("{}", 20 + at), wrap);
            graph.edge(wrap, "internal", "native_to_javascript", handle);
            for time in 1..times {
                graph.edge(root, "element", &(100 * time + at as u32).to_string(), handle);
            }
            let id = |part: u32| 1001 + 100 * at as u32 + part;
            let socket = graph.member(handle, "<symbol owner_symbol>", "Socket", id(2));
            graph.member(socket, "_readableState", "ReadableState", id(4));
            let listener = graph.function_in(script, "opened", id(6), 7);
            graph.edge(socket, "property", "_onTimeout", listener);
            if accepted {
                graph.edge(socket, "property", "_server", server);
            }
        }
        graph
    }

    fn of(graph: &Graph, many: usize, least: u64) -> Vec<Suspect> {
        let snapshot = graph.snapshot();
        snapshot.index_retainers();
        suspects(&CodeIndex::new(&snapshot), many, least)
    }

    #[test]
    fn connections_that_no_variable_holds_are_named_by_the_code_that_opened_them() {
        let [found] = &of(&connections(false), 16, 1000)[..] else { panic!("one suspect") };
        assert_eq!((found.cause, found.count), (Cause::Sockets, Some(20)));
        assert_eq!(found.file.as_deref(), Some("/app/node_modules/client/index.js"));
        assert!(!found.is_other_end);
    }

    #[test]
    fn a_server_that_only_timers_of_its_connections_lead_to_has_no_name() {
        let mut graph = Graph::new();
        let module = graph.node("object", "system / Context", 3, 32);
        graph.edge(0, "property", "timers", module);
        let script = graph.script("node:internal/timers");
        let code = graph.function_in(script, "setTimeout", 5, 4);
        graph.edge(code, "internal", "context", module);
        graph.edge(0, "property", "setTimeout", code);
        let lists = graph.node("object", "Object", 7, 32);
        graph.edge(module, "context", "timerListMap", lists);
        let list = graph.node("object", "TimersList", 9, 32);
        graph.edge(lists, "element", "30000", list);
        let timer = graph.member(list, "_idlePrev", "Timeout", 11);
        let callback = graph.member(timer, "_onTimeout", "native_bind", 13);
        let server = graph.node("object", "Server", 15, 32);
        graph.edge(callback, "internal", "bound_this", server);
        let root = graph.node("synthetic", "(Global handles)", 17, 0);
        graph.edge(0, "element", "9", root);
        let opened = graph.script("/app/node_modules/client/index.js");
        for (at, handle) in graph.elements(root, "TCP", 1001, 20).into_iter().enumerate() {
            let wrap = graph.node("synthetic", "Node / TCPSocketWrap", 3, 0);
            graph.edge(0, "element", &format!("{}", 20 + at), wrap);
            graph.edge(wrap, "internal", "native_to_javascript", handle);
            let id = |part: u32| 1001 + 100 * at as u32 + part;
            let socket = graph.member(handle, "<symbol owner_symbol>", "Socket", id(2));
            graph.member(socket, "_readableState", "ReadableState", id(4));
            let listener = graph.function_in(opened, "opened", id(6), 7);
            graph.edge(socket, "property", "_onTimeout", listener);
            graph.edge(socket, "property", "_server", server);
        }
        let found = of(&graph, 16, 1000);
        let named: Vec<_> = found.iter().map(|each| (each.cause, each.name.as_str())).collect();
        assert_eq!(named, [(Cause::Sockets, "")], "{:?}", found[0].path);
        assert_eq!(found[0].path[0], "module node:internal/timers");
    }

    #[test]
    fn connections_that_a_server_accepted_are_the_other_end() {
        let found = of(&connections(true), 16, 1000);
        assert!(found.iter().all(|each| each.is_other_end), "{}", found.len());
    }

    #[test]
    fn each_object_counts_once_and_only_below_the_root_of_handles() {
        let [found] = &of(&connections_below("(Global handles)", false, 2), 16, 1000)[..] else {
            panic!("one suspect")
        };
        assert_eq!(found.count, Some(20));
        assert!(of(&connections_below("(Stack roots)", false, 1), 16, 1000).is_empty());
    }

    #[test]
    fn only_objects_are_what_native_code_holds() {
        let mut graph = module();
        let root = graph.node("synthetic", "(Global handles)", 11, 0);
        graph.edge(0, "element", "9", root);
        for at in 0..20 {
            let text = graph.node("string", "a text", 1001 + 2 * at, 1000);
            graph.edge(root, "element", &at.to_string(), text);
        }
        let snapshot = graph.snapshot();
        snapshot.index_retainers();
        assert!(groups(&CodeIndex::new(&snapshot)).is_empty());
    }

    #[test]
    fn few_or_small_ones_are_no_suspects() {
        assert!(of(&connections(false), 21, 1000).is_empty());
        assert!(of(&connections(false), 16, 1 << 20).is_empty());
    }
}
