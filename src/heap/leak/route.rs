//! How an object is reached: the way up from it that a person would write down.
//!
//! The shortest retaining path is often through V8's own tables. Here each reference has a cost by how much it says about
//! the program (a variable and a property little, V8's fields more, Node's internals and short-lived objects much), and
//! the cheapest way from the object up to a module's variables, a global or a root is taken (Dijkstra 1959).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use super::super::{Edge, EdgeKind, EdgeName, Node, NodeKind, Retainer};
use super::scene::Scene;

/// A reference on the way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub from: Node,
    pub edge: Edge,
}

/// Looked at no more objects than this: a way that is longer says nothing.
const MAX_VISITED: usize = 200_000;
/// Nobody reads the five-thousandth holder of an object.
const MAX_RETAINERS: usize = 2048;

/// The way from a module, a global or a root down to the object; empty where nothing leads to it.
pub(super) fn route(scene: &Scene, thing: Node, is_old: &dyn Fn(Node) -> bool) -> Vec<Step> {
    let mut costs: FxHashMap<Node, (u32, Option<Step>)> = FxHashMap::default();
    let mut queue = BinaryHeap::from([(Reverse(0u32), thing)]);
    costs.insert(thing, (0, None));
    let mut nearest = None;
    while let Some((Reverse(cost), node)) = queue.pop() {
        if costs.get(&node).is_some_and(|known| known.0 < cost) {
            continue;
        }
        if node != thing && is_top(scene, node) {
            nearest = Some(node);
            break;
        }
        if costs.len() > MAX_VISITED {
            break;
        }
        for Retainer { from, edge } in scene.snapshot.retainers(node).take(MAX_RETAINERS) {
            let Some(step) = step_cost(scene, from, &edge) else { continue };
            let cost = cost + step + if is_old(from) { 0 } else { 40 };
            if costs.get(&from).is_none_or(|known| cost < known.0) {
                costs.insert(from, (cost, Some(Step { from, edge })));
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

/// Whether no name above this node says more.
fn is_top(scene: &Scene, node: Node) -> bool {
    match scene.snapshot.kind(node) {
        NodeKind::Synthetic => true,
        NodeKind::Object if scene.is_context(node) => scene.is_module_context(node),
        _ => is_global(scene, node) || is_module(scene, node),
    }
}

/// The global object: `global` on Node 20 to 24, `global (global*)` on 26.
pub(super) fn is_global(scene: &Scene, node: Node) -> bool {
    let name = scene.snapshot.raw_name(node);
    scene.snapshot.kind(node) == NodeKind::Object
        && (name == b"global"
            || name.starts_with(b"global (")
            || name.starts_with(b"Window")
            || name == b"globalThis")
}

pub(super) fn is_module(scene: &Scene, node: Node) -> bool {
    scene.snapshot.raw_name(node) == b"system / SourceTextModule"
}

fn step_cost(scene: &Scene, from: Node, edge: &Edge) -> Option<u32> {
    let snapshot = scene.snapshot;
    if matches!(edge.kind, EdgeKind::Weak | EdgeKind::Ephemeron | EdgeKind::Shortcut) {
        return None;
    }
    let holder = match snapshot.kind(from) {
        NodeKind::ObjectShape => return None,
        NodeKind::Code if snapshot.raw_name(from) != b"system / Cell" => return None,
        NodeKind::Synthetic => 400,
        NodeKind::Native => 60,
        _ if scene.is_internal_code(from) => 25,
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
        _ => 14,
    };
    Some(holder + reference)
}
