//! How an object is reached: the way up from it that a person would write down.
//!
//! The shortest retaining path is often through V8's own tables. Here each reference has a cost by how much it says
//! about the program (a variable and a property little, V8's fields more, Node's internals and short-lived objects
//! much), and the cheapest way from the object up to a module's variables, a global or a root is taken (Dijkstra 1959).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::Hash;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::heap::explain::blocks;
use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::context::GrowthContext;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::snapshot::{Edge, EdgeName, Node, Retainer};

/// A reference on the way.
#[derive(Debug, Clone, Copy)]
pub(in crate::heap) struct RouteStep {
    pub from: Node,
    pub edge: Edge,
}

/// Looked at no more objects than this: a way that is longer says nothing.
const MAX_VISITED: usize = 200_000;
/// The five-thousandth holder of an object says nothing to a reader.
const MAX_RETAINERS: usize = 2048;
/// Nor the three-hundredth of one class: what grew may refer back to what holds it, as each listener does to the scope
/// of its emitter, and what leads to a variable is one among them.
const MAX_ALIKE: usize = 256;

/// The way from a module, a global or a root down to the object; empty where nothing leads to it.
pub(in crate::heap) fn route(context: &GrowthContext, thing: Node) -> Vec<RouteStep> {
    let index = context.index;
    let mut costs: FxHashMap<Node, (u32, Option<RouteStep>)> = FxHashMap::default();
    let mut queue = BinaryHeap::from([(Reverse(0u32), thing)]);
    costs.insert(thing, (0, None));
    let mut nearest = None;
    while let Some((Reverse(cost), node)) = queue.pop() {
        if costs.get(&node).is_some_and(|known| known.0 < cost) {
            continue;
        }
        if node != thing && is_top(index, node) {
            nearest = Some(node);
            break;
        }
        if costs.len() > MAX_VISITED {
            break;
        }
        for (step, Retainer { from, edge }) in holders(context, node) {
            let cost = cost + step;
            if costs.get(&from).is_none_or(|known| cost < known.0) {
                costs.insert(from, (cost, Some(RouteStep { from, edge })));
                queue.push((Reverse(cost), from));
            }
        }
    }
    let mut steps = Vec::new();
    let mut at = nearest;
    while let Some(step) = at.and_then(|node| costs.get(&node)).and_then(|known| known.1) {
        steps.push(step);
        at = Some(step.edge.to);
    }
    steps
}

/// What refers to an object and what that costs: all, or the cheapest of each class.
fn holders(context: &GrowthContext, node: Node) -> Vec<(u32, Retainer)> {
    let index = context.index;
    let priced = |retainer: Retainer| {
        let cost = step_cost(index, retainer.from, &retainer.edge)?;
        Some((cost + if context.survives(retainer.from) { 0 } else { 40 }, retainer))
    };
    // A module's variable is one among the contexts of all calls that refer to the same object.
    let class = |of: &Retainer| {
        let is_module = index.is_context(of.from) && index.is_module_context(of.from);
        (index.snapshot.name_index(of.from), of.edge.kind, is_module)
    };
    let mut holders = Vec::new();
    for retainer in index.snapshot.retainers(node) {
        holders.extend(priced(retainer));
        // There may be millions.
        if holders.len() == 2 * MAX_RETAINERS {
            keep_cheapest(&mut holders, class);
        }
    }
    if holders.len() > MAX_RETAINERS {
        keep_cheapest(&mut holders, class);
    }
    holders
}

/// Keeps the cheapest, and of each class only so many; the earlier of two that cost the same. Done after each part of a
/// list it keeps the same as once for the whole.
fn keep_cheapest<T, C: Hash + Eq>(priced: &mut Vec<(u32, T)>, class: impl Fn(&T) -> C) {
    priced.sort_by_key(|(cost, _)| *cost);
    let mut counts: FxHashMap<C, usize> = FxHashMap::default();
    priced.retain(|(_, thing)| {
        let alike = counts.entry(class(thing)).or_default();
        *alike += 1;
        *alike <= MAX_ALIKE
    });
    priced.truncate(MAX_RETAINERS);
}

/// The reference that leads from outside to a chain of objects of one class (a linked list, timers, listeners), where
/// the object is a link of one.
pub(in crate::heap) fn chain_head(context: &GrowthContext, link: Node) -> Option<RouteStep> {
    let index = context.index;
    let snapshot = index.snapshot;
    let class = snapshot.name_index(link);
    let is_link =
        |node: Node| snapshot.name_index(node) == class && snapshot.kind(node) == NodeKind::Object;
    let mut links = vec![link];
    let mut seen: FxHashSet<Node> = links.iter().copied().collect();
    let mut best: Option<(u32, RouteStep)> = None;
    let mut next = 0;
    while next < links.len() && links.len() < MAX_VISITED {
        for Retainer { from, edge } in snapshot.retainers(links[next]).take(MAX_RETAINERS) {
            if is_link(from) {
                if edge.kind == EdgeKind::Property && seen.insert(from) {
                    links.push(from);
                }
            } else if let Some(cost) =
                step_cost(index, from, &edge).filter(|_| context.survives(from))
            {
                let is_inner = matches!(edge.kind, EdgeKind::Hidden | EdgeKind::Internal);
                let cost = match snapshot.raw_name(from) {
                    // Who has a timer to clear it has not the others of Node's list.
                    b"TimersList" => 0,
                    _ => cost + if is_inner { 40 } else { 0 },
                };
                if best.is_none_or(|known| cost < known.0) {
                    best = Some((cost, RouteStep { from, edge }));
                }
            }
        }
        next += 1;
    }
    best.map(|found| found.1)
}

/// Ends a route where a chain begins: where its last reference occurs again and again on the way, only the first of
/// them and what is before it says who holds the chain.
pub(in crate::heap) fn before_chain(
    index: &CodeIndex,
    mut steps: Vec<RouteStep>,
) -> Vec<RouteStep> {
    const REPEATS: usize = 4;
    let key =
        |step: &RouteStep| (index.snapshot.name_index(step.from), step.edge.kind, step.edge.name);
    let mut counts: FxHashMap<(u32, EdgeKind, EdgeName), usize> = FxHashMap::default();
    for step in &steps {
        *counts.entry(key(step)).or_default() += 1;
    }
    let repeats = |step: &RouteStep| counts.get(&key(step)).is_some_and(|&count| count >= REPEATS);
    if steps.last().is_some_and(repeats) {
        let first = steps.iter().position(repeats).unwrap_or(0);
        steps.truncate(first.max(1));
    }
    steps
}

/// Whether no name above this node says more.
fn is_top(index: &CodeIndex, node: Node) -> bool {
    match index.snapshot.kind(node) {
        NodeKind::Synthetic => true,
        NodeKind::Object if index.is_context(node) => {
            index.is_module_context(node) && !resolves(index, node)
        }
        _ => is_global(index, node) || is_module(index, node),
    }
}

/// Whether a context is that of the two functions by which V8 settles a promise: their holder is the better name.
fn resolves(index: &CodeIndex, context: Node) -> bool {
    index
        .internal(context, "extension")
        .is_some_and(|promise| index.snapshot.raw_name(promise) == b"Promise")
}

/// The global object: `global` on Node 20 to 24, `global (global*)` on 26.
pub(in crate::heap) fn is_global(index: &CodeIndex, node: Node) -> bool {
    let name = index.snapshot.raw_name(node);
    index.snapshot.kind(node) == NodeKind::Object
        && (name == b"global"
            || name.starts_with(b"global (")
            || name.starts_with(b"Window")
            || name == b"globalThis")
}

pub(in crate::heap) fn is_module(index: &CodeIndex, node: Node) -> bool {
    index.snapshot.raw_name(node) == b"system / SourceTextModule"
}

fn step_cost(index: &CodeIndex, from: Node, edge: &Edge) -> Option<u32> {
    let snapshot = index.snapshot;
    if matches!(edge.kind, EdgeKind::Weak | EdgeKind::Ephemeron | EdgeKind::Shortcut) {
        return None;
    }
    let holder = match snapshot.kind(from) {
        NodeKind::ObjectShape => return None,
        NodeKind::Code if snapshot.raw_name(from) != b"system / Cell" => return None,
        NodeKind::Synthetic => 400,
        NodeKind::Native => 60,
        _ if index.is_internal_code(from) || index.is_internal_context(from) => 25,
        _ => 0,
    };
    let name = match edge.name {
        EdgeName::String(name) => snapshot.raw_string(name),
        EdgeName::Index(_) => b"",
    };
    let reference = match edge.kind {
        EdgeKind::Context => 8,
        EdgeKind::Property => match name {
            b"__proto__" | b"prototype" | b"constructor" => 80,
            _ if name.starts_with(b"<symbol") => 14,
            _ => 10,
        },
        EdgeKind::Element => 12,
        EdgeKind::Internal => match name {
            b"map" | b"feedback_cell" | b"shared" | b"code" | b"native_context" => return None,
            b"extension" | b"previous" => 20,
            _ => 6,
        },
        EdgeKind::Hidden if blocks::is_block(index, from) => 8,
        // A promise's resolving functions have one in a context that is no scope of the program's.
        EdgeKind::Hidden if index.is_context(from) => 80,
        _ => 14,
    };
    Some(holder + reference)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::heap::graphs::program;

    #[test]
    fn the_way_to_a_promise_does_not_end_at_what_settles_it() {
        let mut graph = program(20);
        let pool = graph.variable("pool", "Pool", 700_001);
        let resolve = graph.node("closure", "", 700_003, 64);
        graph.edge(pool, "property", "resolve", resolve);
        let state = graph.node("object", "system / Context", 700_005, 40);
        graph.edge(resolve, "internal", "context", state);
        let promise = graph.node("object", "Promise", 700_007, 56);
        graph.edge(state, "internal", "extension", promise);
        let snapshot = graph.snapshot();
        snapshot.index_retainers();
        let promise = snapshot.by_id(700_007).unwrap();
        let steps = route(&GrowthContext::of_all(&CodeIndex::new(&snapshot)), promise);
        let names: Vec<_> = steps.iter().map(|step| snapshot.edge_name(&step.edge)).collect();
        assert_eq!(names, ["pool", "resolve", "context", "extension"]);
    }

    #[test]
    fn a_modules_variable_is_found_among_the_contexts_of_many_calls() {
        let mut graph = program(20);
        let emitter = graph.node("object", "EventEmitter", 700_001, 32);
        for call in 0..3 * MAX_RETAINERS as u32 {
            let context = graph.node("object", "system / Context", 800_001 + 2 * call, 40);
            graph.edge(emitter, "property", &format!("listener{call}"), context);
            graph.edge(context, "internal", "previous", 2);
            graph.edge(context, "context", "emitter", emitter);
        }
        // The module comes last: of what costs the same, the first is kept.
        let module = graph.node("object", "system / Context", 950_001, 40);
        graph.edge(1, "property", "other", module);
        graph.edge(module, "context", "db", emitter);
        let snapshot = graph.snapshot();
        snapshot.index_retainers();
        let emitter = snapshot.by_id(700_001).unwrap();
        let steps = route(&GrowthContext::of_all(&CodeIndex::new(&snapshot)), emitter);
        let names: Vec<_> = steps.iter().map(|step| snapshot.edge_name(&step.edge)).collect();
        assert_eq!(names, ["db"]);
    }

    proptest! {
        #[test]
        fn the_cheapest_of_the_parts_are_those_of_the_whole(
            drawn in prop::collection::vec((0u32..60, 0u8..14), 0..9000), part in MAX_RETAINERS + 1..4 * MAX_RETAINERS,
        ) {
            let all: Vec<(u32, (u8, usize))> =
                drawn.into_iter().enumerate().map(|(at, (cost, class))| (cost, (class, at))).collect();
            let mut whole = all.clone();
            keep_cheapest(&mut whole, |thing| thing.0);
            let mut parts = Vec::new();
            for each in all {
                parts.push(each);
                if parts.len() == part {
                    keep_cheapest(&mut parts, |thing| thing.0);
                }
            }
            keep_cheapest(&mut parts, |thing| thing.0);
            prop_assert!(whole.len() <= MAX_RETAINERS);
            prop_assert_eq!(parts, whole);
        }
    }
}
