//! A typical object of what grew: what the program put into each entry.
//!
//! A container that grows names the place to change. What its entries retain, a request or a session, tells which code
//! put them there. An entry is often only a wrapper: a listener, whose scope has the request.

use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::heap::compare::stores::{is_store, owner_of_store};
use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::context::GrowthContext;
use crate::heap::explain::names;
use crate::heap::explain::retaining_path::{PathStep, below, class};
use crate::heap::explain::route::RouteStep;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::snapshot::{Edge, Node, Snapshot};

/// A typical object of what grew.
#[derive(Debug, Clone, Serialize)]
pub struct Instance {
    /// Its constructor; `(string)` and the like where it has none.
    #[serde(rename = "type")]
    pub class: String,
    /// V8's id of it.
    pub id: u32,
    /// Its own bytes.
    pub shallow: u64,
    /// What would be freed with it.
    pub retained: u64,
}

/// How many new objects are looked at.
const SAMPLE: usize = 4096;
/// How many objects of a class are looked at to see what holds them.
const FEW: usize = 8;
/// How many references lead from an entry to its instance at most.
const DEEPEST: usize = 8;
/// How many references of one object are looked at.
const WIDEST: usize = 256;
/// Classes whose instances wrap what the program is about.
const WRAPPERS: [&[u8]; 14] = [
    b"",
    b"Object",
    b"Array",
    b"Map",
    b"Set",
    b"WeakRef",
    b"Promise",
    b"Generator",
    b"Timeout",
    b"Immediate",
    b"TimersList",
    b"AsyncResource",
    b"Listener",
    b"Arguments",
];

/// The instance that an object of `sample` leads to, and the steps to it from `thing`, which holds the sample.
pub(in crate::heap) fn typical(
    context: &GrowthContext,
    thing: Node,
    sample: &[Node],
) -> Option<(Vec<PathStep>, Instance)> {
    let index = context.index;
    let snapshot = index.snapshot;
    let entry = typical_entry(context, thing, sample)?;
    let steps = down(context, entry);
    let node = steps.last().map_or(entry, |step| step.edge.to);
    let mut path = vec![PathStep::new(index, entry_name(index, thing, entry), entry)];
    path.extend(below(index, &steps, None));
    // The last reference may be one of V8's.
    if path.last().is_some_and(|last| last.id != snapshot.id(node)) {
        path.push(PathStep::new(index, "…".to_owned(), node));
    }
    let instance = Instance {
        class: class(index, node),
        id: snapshot.id(node),
        shallow: snapshot.shallow(node),
        retained: snapshot.retained(node),
    };
    Some((path, instance))
}

/// Of the class that retains most, the object of median size. A class that the thing itself holds comes first where it
/// retains half as much: an agent before its sockets, which the open connections hold too.
fn typical_entry(context: &GrowthContext, thing: Node, sample: &[Node]) -> Option<Node> {
    let snapshot = context.snapshot();
    let mut classes: FxHashMap<(NodeKind, u32), Vec<Node>> = FxHashMap::default();
    let mut add = |node: Node| {
        let kind = snapshot.kind(node);
        let name = match kind {
            NodeKind::Object | NodeKind::Closure | NodeKind::Native => snapshot.name_index(node),
            _ => u32::MAX,
        };
        classes.entry((kind, name)).or_default().push(node);
    };
    for &node in sample.iter().take(SAMPLE).filter(|&&node| node != thing) {
        if is_store(snapshot, node) {
            let entries = snapshot.edges(node).filter(is_strong).take(SAMPLE);
            let targets = entries.map(|edge| edge.to);
            let is_entry = |&to: &Node| is_of_program(context, to) && !context.survives(to);
            targets.filter(is_entry).for_each(&mut add);
        } else if is_of_program(context, node) {
            add(node);
        }
    }
    let retained = |nodes: &[Node]| nodes.iter().map(|&node| snapshot.retained(node)).sum::<u64>();
    let weight = |nodes: &[Node]| {
        let is_held = nodes.iter().take(FEW).any(|&node| is_entry(snapshot, thing, node));
        retained(nodes) * if is_held { 2 } else { 1 }
    };
    let (_, mut nodes) = classes.into_iter().max_by_key(|(key, nodes)| {
        // Keys of a Map are strings as a rule: they are the entry only where nothing else is.
        (!is_text(key.0), weight(nodes), std::cmp::Reverse(key.1))
    })?;
    nodes.sort_unstable_by_key(|&node| (snapshot.retained(node), snapshot.id(node)));
    nodes.dedup();
    nodes.get(nodes.len() / 2).copied()
}

/// Whether the thing or its backing store refers to an object.
fn is_entry(snapshot: &Snapshot, thing: Node, node: Node) -> bool {
    let mut retainers = snapshot.retainers(node).take(WIDEST).filter(|by| is_strong(&by.edge));
    retainers.any(|by| by.from == thing || owner_of_store(snapshot, by.from) == thing)
}

fn is_text(kind: NodeKind) -> bool {
    matches!(
        kind,
        NodeKind::String
            | NodeKind::ConsString
            | NodeKind::SlicedString
            | NodeKind::Symbol
            | NodeKind::Number
    )
}

fn is_strong(edge: &Edge) -> bool {
    !matches!(edge.kind, EdgeKind::Weak | EdgeKind::Shortcut)
}

/// Whether an object is the program's, or a scope.
fn is_of_program(context: &GrowthContext, node: Node) -> bool {
    let kind = context.snapshot().kind(node);
    matches!(kind, NodeKind::Object | NodeKind::Closure)
        || (is_text(kind) && !matches!(kind, NodeKind::Symbol | NodeKind::Number))
        || context.index.is_context(node)
}

/// What leads from the thing to an entry.
fn entry_name(index: &CodeIndex, thing: Node, entry: Node) -> String {
    const ENTRY: &str = "(entry)";
    let mut retainers = index.snapshot.retainers(entry).take(WIDEST);
    let direct = retainers.find(|by| by.from == thing && is_strong(&by.edge));
    let label = direct
        .and_then(|by| names::label(index, &RouteStep { from: by.from, edge: by.edge }))
        .filter(|label| !label.starts_with('['));
    label.unwrap_or_else(|| ENTRY.to_owned())
}

/// The way from an entry to the first object whose class says what it is; where there is none, to the first that is no
/// wrapper of V8's.
fn down(context: &GrowthContext, entry: Node) -> Vec<RouteStep> {
    let snapshot = context.snapshot();
    let mut steps: Vec<RouteStep> = Vec::new();
    let mut at = entry;
    while !has_class(snapshot, at) && steps.len() < DEEPEST {
        let Some(step) = heaviest(context, at) else { break };
        if step.edge.to == entry || steps.iter().any(|known| known.from == step.edge.to) {
            break;
        }
        at = step.edge.to;
        steps.push(step);
    }
    if !has_class(snapshot, at) {
        let is_value = |node: Node| {
            !matches!(snapshot.kind(node), NodeKind::Closure | NodeKind::Array)
                && !context.index.is_context(node)
        };
        let value = if is_value(entry) {
            0
        } else {
            steps.iter().position(|step| is_value(step.edge.to)).map_or(0, |at| at + 1)
        };
        steps.truncate(value);
    }
    steps
}

/// Whether the class of an object says what it is.
fn has_class(snapshot: &Snapshot, node: Node) -> bool {
    let name = snapshot.raw_name(node);
    snapshot.kind(node) == NodeKind::Object
        // V8 of Node 24 lists the properties of a plain object in place of its class.
        && !name.starts_with(b"{")
        && !name.starts_with(b"system / ")
        && !WRAPPERS.contains(&name)
}

/// The reference to the new object that retains most, if that is most of what the object retains.
fn heaviest(context: &GrowthContext, node: Node) -> Option<RouteStep> {
    let snapshot = context.snapshot();
    let is_text_of_object =
        |to: Node| is_text(snapshot.kind(to)) && !context.index.is_context(node);
    let leads_on = |edge: &Edge| {
        let to = edge.to;
        is_strong(edge)
            && to != node
            && (is_of_program(context, to) || is_store(snapshot, to))
            && !is_text_of_object(to)
            && !context.survives(to)
            && snapshot.edge_name(edge) != "__proto__"
    };
    let edges = snapshot.edges(node).take(WIDEST).filter(leads_on);
    let edge = edges.max_by_key(|edge| (snapshot.retained(edge.to), std::cmp::Reverse(edge.to)))?;
    let own = snapshot.retained(node).saturating_sub(snapshot.shallow(node));
    (snapshot.retained(edge.to) >= own / 2).then_some(RouteStep { from: node, edge })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, program};

    /// What an array of these entries leads to: the names on the way, and the class of the instance.
    fn of_entries(entry: impl Fn(&mut Graph, usize, u32)) -> (Vec<String>, String) {
        let mut graph = program(20);
        let list = graph.variable("list", "Array", 500_001);
        for at in 0..9 {
            entry(&mut graph, list, 600_001 + 100 * at);
        }
        let snapshot = graph.snapshot();
        snapshot.index_retainers();
        let index = CodeIndex::new(&snapshot);
        let thing = snapshot.by_id(500_001).unwrap();
        let sample: Vec<Node> = snapshot
            .edges(thing)
            .filter(|edge| edge.kind == EdgeKind::Element)
            .map(|edge| edge.to)
            .collect();
        let survivors = crate::heap::compare::survivors::Survivors::Outside(&snapshot, thing);
        let context = GrowthContext { index: &index, survivors };
        let (path, instance) = typical(&context, thing, &sample).unwrap();
        assert_eq!(path.last().map(|step| step.id), Some(instance.id));
        (path.into_iter().map(|step| step.name).collect(), instance.class)
    }

    #[test]
    fn a_listener_leads_to_what_its_scope_holds() {
        let (path, class) = of_entries(|graph, list, id| {
            let listener = graph.node("closure", "onConfig", id, 64);
            graph.edge(list, "element", &id.to_string(), listener);
            let scope = graph.node("object", "system / Context", id + 2, 32);
            graph.edge(listener, "internal", "context", scope);
            let response = graph.node("object", "ServerResponse", id + 4, 400);
            graph.edge(scope, "context", "res", response);
        });
        assert_eq!(path, ["(entry)", "onConfig()", "res"]);
        assert_eq!(class, "ServerResponse");
    }

    #[test]
    fn an_object_with_a_class_is_the_instance() {
        let (path, class) = of_entries(|graph, list, id| {
            let session = graph.node("object", "Session", id, 64);
            graph.edge(list, "element", &id.to_string(), session);
            graph.member(session, "cart", "Cart", id + 2);
        });
        assert_eq!((path, class.as_str()), (vec!["(entry)".to_owned()], "Session"));
    }

    #[test]
    fn what_something_else_holds_too_comes_after_the_entries() {
        let mut graph = program(20);
        let list = graph.variable("list", "Array", 500_001);
        for at in 0..9 {
            let agent = graph.node("object", "Agent", 600_001 + 100 * at, 200);
            graph.edge(list, "element", &at.to_string(), agent);
            let socket = graph.node("object", "Socket", 600_003 + 100 * at, 300);
            graph.edge(agent, "property", "socket", socket);
            // As a handle does whose connection is open.
            graph.edge(0, "element", &(90 + at).to_string(), socket);
        }
        let snapshot = graph.snapshot();
        snapshot.index_retainers();
        let index = CodeIndex::new(&snapshot);
        let thing = snapshot.by_id(500_001).unwrap();
        let sample: Vec<Node> = snapshot
            .nodes()
            .filter(|&node| matches!(snapshot.raw_name(node), b"Agent" | b"Socket"))
            .collect();
        let retained = |class: &[u8]| {
            let of_class = sample.iter().filter(|&&node| snapshot.raw_name(node) == class);
            of_class.map(|&node| snapshot.retained(node)).sum::<u64>()
        };
        assert!(retained(b"Socket") > retained(b"Agent"));
        let survivors = crate::heap::compare::survivors::Survivors::Outside(&snapshot, thing);
        let context = GrowthContext { index: &index, survivors };
        let (_, instance) = typical(&context, thing, &sample).unwrap();
        assert_eq!(instance.class, "Agent");
    }

    #[test]
    fn a_plain_object_without_a_class_below_is_the_instance() {
        let (path, class) = of_entries(|graph, list, id| {
            let entry = graph.node("object", "Object", id, 64);
            graph.edge(list, "element", &id.to_string(), entry);
            let text = graph.node("string", "a long text", id + 2, 4000);
            graph.edge(entry, "property", "text", text);
        });
        assert_eq!((path, class.as_str()), (vec!["(entry)".to_owned()], "Object"));
    }

    #[test]
    fn it_ends_where_objects_refer_to_each_other() {
        let (path, class) = of_entries(|graph, list, id| {
            let one = graph.node("object", "Object", id, 64);
            graph.edge(list, "element", &id.to_string(), one);
            let other = graph.member(one, "other", "Object", id + 2);
            graph.edge(other, "property", "one", one);
        });
        assert_eq!((path[0].as_str(), class.as_str()), ("(entry)", "Object"));
    }
}
