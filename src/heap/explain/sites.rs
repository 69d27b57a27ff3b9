//! The code that made what is new: listeners, timers' callbacks, functions that wait, functions that keep data.

use rustc_hash::FxHashMap;

use crate::heap::explain::code_index::{CodeIndex, Function};
use crate::heap::explain::context::GrowthContext;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::snapshot::{EdgeName, Node};
use crate::js_source::files::is_internal;

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

/// What leads to the code of an object, besides the functions that it refers to.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::heap) struct Seek {
    /// The variables of functions.
    pub through_contexts: bool,
    /// The constructor of an instance.
    pub constructors: bool,
}

/// The code behind the objects that are new, the most frequent first.
pub(in crate::heap) fn sites(
    context: &GrowthContext,
    seek: Seek,
    sample: &[Node],
) -> Vec<(Function, f64)> {
    by_frequency(sample.iter().filter_map(|&top| code_of(context, seek, top)))
}

/// The code that waits for what is new: Node's own listeners serve such code (`for await (... of on(emitter, event))`).
pub(in crate::heap) fn waiting_sites(
    context: &GrowthContext,
    sample: &[Node],
) -> Vec<(Function, f64)> {
    by_frequency(sample.iter().filter_map(|&top| waiting(context, top)))
}

/// Each with its share of all.
fn by_frequency(functions: impl Iterator<Item = Function>) -> Vec<(Function, f64)> {
    let mut counts: FxHashMap<Function, usize> = FxHashMap::default();
    let mut total = 0;
    for function in functions {
        *counts.entry(function).or_default() += 1;
        total += 1;
    }
    let mut sites: Vec<(Function, usize)> = counts.into_iter().collect();
    sites.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.position.cmp(&b.0.position)));
    sites.truncate(SHOWN);
    sites.into_iter().map(|(function, count)| (function, count as f64 / f64::from(total))).collect()
}

/// The function of the program's own that waits for what an object leads to.
fn waiting(context: &GrowthContext, top: Node) -> Option<Function> {
    let index = context.index;
    const MAX_NODES: usize = 256;
    let mut nodes = vec![top];
    let mut next = 0;
    while let Some(&node) = nodes.get(next) {
        next += 1;
        if is_frame(index, node)
            && let Some(function) = index.function(node).filter(|code| !is_internal(&code.script))
        {
            return Some(function);
        }
        for edge in index.snapshot.edges(node) {
            let follows = !matches!(edge.kind, EdgeKind::Weak | EdgeKind::Ephemeron)
                && !is_plumbing(index, edge.name)
                && !context.survives(edge.to);
            if follows && nodes.len() < MAX_NODES && !nodes.contains(&edge.to) {
                nodes.push(edge.to);
            }
        }
    }
    None
}

/// Whether it is the frame of a function that awaits or yields.
fn is_frame(index: &CodeIndex, node: Node) -> bool {
    matches!(index.snapshot.raw_name(node), b"Generator" | b"AsyncGenerator" | b"AsyncFunction")
        && index.snapshot.kind(node) == NodeKind::Object
}

/// The first that an object's own new objects answer, breadth first.
pub(in crate::heap) fn nearest<T>(
    context: &GrowthContext,
    top: Node,
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
            context
                .snapshot()
                .edges(node)
                .filter(|edge| edge.kind == EdgeKind::Property && !context.survives(edge.to))
                .map(|edge| edge.to),
        );
    }
    None
}

/// The program's code that an object leads to, by the nearest reference.
pub(in crate::heap) fn code_of(context: &GrowthContext, seek: Seek, top: Node) -> Option<Function> {
    let index = context.index;
    const MAX_NODES: usize = 48;
    let mut nodes = vec![top];
    let mut next = 0;
    while next < nodes.len() {
        let node = nodes[next];
        next += 1;
        if let Some(function) = own_code(index, seek, node) {
            return Some(function);
        }
        for edge in index.snapshot.edges(node) {
            let follows = match edge.kind {
                EdgeKind::Property | EdgeKind::Element | EdgeKind::Hidden => true,
                EdgeKind::Internal => !is_plumbing(index, edge.name),
                // A function's own position says more than what its variables hold.
                EdgeKind::Context => seek.through_contexts,
                _ => false,
            };
            if follows
                && !context.survives(edge.to)
                && nodes.len() < MAX_NODES
                && !nodes.contains(&edge.to)
            {
                nodes.push(edge.to);
            }
        }
    }
    None
}

fn is_plumbing(index: &CodeIndex, name: EdgeName) -> bool {
    matches!(name, EdgeName::String(name)
        if matches!(index.snapshot.raw_string(name), b"map" | b"shared" | b"feedback_cell" | b"code" | b"previous"))
}

/// A function of the program's own, seen through `bind`, `once` and the frames of `await`.
fn own_code(index: &CodeIndex, seek: Seek, node: Node) -> Option<Function> {
    let snapshot = index.snapshot;
    let function = match snapshot.kind(node) {
        NodeKind::Closure => {
            let listener = index.property(node, "listener");
            let bound = index.internal(node, "bound_function");
            index.function(listener.or(bound).unwrap_or(node))
        }
        // An instance's location is its constructor: the code that made it only where nothing calls back.
        NodeKind::Object if is_frame(index, node) => index.function(node),
        NodeKind::Object if seek.constructors => index.function(node),
        _ => None,
    };
    function.filter(|function| !is_internal(&function.script))
}
