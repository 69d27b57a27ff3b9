//! The code that made what is new: listeners, timers' callbacks, functions that wait, functions that keep data.

use rustc_hash::FxHashMap;

use super::super::{EdgeKind, EdgeName, Node, NodeKind};
use super::causes::Cause;
use super::scene::{Function, Scene};
use super::sources::is_internal;

/// A position in the code with its share of what is new.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Site {
    /// The function's name, empty where it has none.
    pub function: String,
    /// An absolute path.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// Of 1.
    pub share: f64,
}

const SHOWN: usize = 5;

/// The code behind the objects that are new, the most frequent first.
pub(super) fn sites(
    scene: &Scene,
    cause: Cause,
    sample: &[Node],
    is_old: &dyn Fn(Node) -> bool,
) -> Vec<(Function, f64)> {
    let mut counts: FxHashMap<Function, u64> = FxHashMap::default();
    let mut total = 0;
    for &top in sample {
        if let Some(function) = code_of(scene, cause, top, is_old) {
            *counts.entry(function).or_default() += 1;
            total += 1;
        }
    }
    let mut sites: Vec<(Function, u64)> = counts.into_iter().collect();
    sites.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.position.cmp(&b.0.position)));
    sites.truncate(SHOWN);
    sites.into_iter().map(|(function, count)| (function, count as f64 / total as f64)).collect()
}

/// How timers are called: what starts them and the function that they call, or the one that they were started in.
pub(super) fn timer_name(
    scene: &Scene,
    sample: &[Node],
    function: Option<&Function>,
    is_old: &dyn Fn(Node) -> bool,
) -> String {
    let starts = sample
        .iter()
        .find_map(|&top| nearest(scene, top, is_old, |node| start_of(scene, node)))
        .unwrap_or("timer");
    match function {
        Some(function) if !function.name.is_empty() => format!("{starts}({})", function.name),
        Some(function) => {
            match scene.sources.enclosing_function(&function.script, function.position) {
                Some(outer) => format!("{starts} in {outer}"),
                None => starts.to_owned(),
            }
        }
        None => starts.to_owned(),
    }
}

/// An interval has no `_repeat` reference (it is a number), a timeout's leads to null.
fn start_of(scene: &Scene, node: Node) -> Option<&'static str> {
    match scene.snapshot.raw_name(node) {
        b"Timeout" if scene.is_internal_code(node) => {
            Some(if scene.property(node, "_repeat").is_some() {
                "setTimeout"
            } else {
                "setInterval"
            })
        }
        b"Immediate" if scene.is_internal_code(node) => Some("setImmediate"),
        _ => None,
    }
}

/// The first that an object's own new objects answer, breadth first.
fn nearest<T>(
    scene: &Scene,
    top: Node,
    is_old: &dyn Fn(Node) -> bool,
    answer: impl Fn(Node) -> Option<T>,
) -> Option<T> {
    let mut nodes = vec![top];
    let mut next = 0;
    while next < nodes.len() && next < 16 {
        let node = nodes[next];
        next += 1;
        if let Some(found) = answer(node) {
            return Some(found);
        }
        nodes.extend(
            scene
                .snapshot
                .edges(node)
                .filter(|edge| edge.kind == EdgeKind::Property && !is_old(edge.to))
                .map(|edge| edge.to),
        );
    }
    None
}

/// The program's code that an object leads to, by the nearest reference.
fn code_of(
    scene: &Scene,
    cause: Cause,
    top: Node,
    is_old: &dyn Fn(Node) -> bool,
) -> Option<Function> {
    const MAX_NODES: usize = 48;
    let mut nodes = vec![top];
    let mut next = 0;
    while next < nodes.len() {
        let node = nodes[next];
        next += 1;
        if let Some(function) = own_code(scene, cause, node) {
            return Some(function);
        }
        for edge in scene.snapshot.edges(node) {
            let follows = match edge.kind {
                EdgeKind::Property | EdgeKind::Element | EdgeKind::Hidden => true,
                EdgeKind::Internal => !is_plumbing(scene, edge.name),
                // A function's own position says more than what its variables hold.
                EdgeKind::Context => cause == Cause::Promises || cause == Cause::Closure,
                _ => false,
            };
            if follows && !is_old(edge.to) && nodes.len() < MAX_NODES && !nodes.contains(&edge.to) {
                nodes.push(edge.to);
            }
        }
    }
    None
}

fn is_plumbing(scene: &Scene, name: EdgeName) -> bool {
    matches!(name, EdgeName::String(name)
        if matches!(scene.snapshot.raw_string(name), b"map" | b"shared" | b"feedback_cell" | b"code" | b"previous"))
}

/// A function of the program's own, seen through `bind`, `once` and the frames of `await`.
fn own_code(scene: &Scene, cause: Cause, node: Node) -> Option<Function> {
    let snapshot = scene.snapshot;
    let function = match snapshot.kind(node) {
        NodeKind::Closure => {
            let listener = scene.property(node, "listener");
            let bound = scene.internal(node, "bound_function");
            scene.function(listener.or(bound).unwrap_or(node))
        }
        // An instance's location is its constructor: the code that made it only where nothing calls back.
        NodeKind::Object
            if matches!(
                snapshot.raw_name(node),
                b"Generator" | b"AsyncGenerator" | b"AsyncFunction"
            ) =>
        {
            scene.function(node)
        }
        NodeKind::Object
            if matches!(cause, Cause::Map | Cause::Set | Cause::Object | Cause::Array) =>
        {
            scene.function(node)
        }
        _ => None,
    };
    function.filter(|function| !is_internal(&function.script))
}
