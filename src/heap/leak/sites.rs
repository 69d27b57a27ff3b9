//! The code that made what is new: listeners, timers' callbacks, functions that wait, functions that keep data.

use rustc_hash::FxHashMap;

use super::super::{EdgeKind, EdgeName, Node, NodeKind, Retainer};
use super::causes::Cause;
use super::route::Step;
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
    by_frequency(sample.iter().filter_map(|&top| code_of(scene, cause, top, is_old)))
}

/// The code that waits for what is new: Node's own listeners are there for somebody (`for await (... of on(emitter, event))`).
pub(super) fn waiting_sites(
    scene: &Scene,
    sample: &[Node],
    is_old: &dyn Fn(Node) -> bool,
) -> Vec<(Function, f64)> {
    by_frequency(sample.iter().filter_map(|&top| waiting(scene, top, is_old)))
}

/// How many of the signals among the objects that are new the program's own code listens to, and how many there are: Node
/// keeps those of `AbortSignal.timeout()` that others are made of too.
pub(super) fn signals(scene: &Scene, sample: &[Node], is_old: &dyn Fn(Node) -> bool) -> (u64, u64) {
    // On Node 20 they are called as the class that they extend.
    let is_signal =
        |node: &&Node| matches!(scene.snapshot.raw_name(**node), b"AbortSignal" | b"EventTarget");
    let signals = sample.iter().filter(is_signal);
    let has_listener = |&&node: &&Node| code_of(scene, Cause::Listeners, node, is_old).is_some();
    (signals.clone().filter(has_listener).count() as u64, signals.count() as u64)
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
fn waiting(scene: &Scene, top: Node, is_old: &dyn Fn(Node) -> bool) -> Option<Function> {
    const MAX_NODES: usize = 256;
    let mut nodes = vec![top];
    let mut next = 0;
    while let Some(&node) = nodes.get(next) {
        next += 1;
        if is_frame(scene, node)
            && let Some(function) = scene.function(node).filter(|code| !is_internal(&code.script))
        {
            return Some(function);
        }
        for edge in scene.snapshot.edges(node) {
            let follows = !matches!(edge.kind, EdgeKind::Weak | EdgeKind::Ephemeron)
                && !is_plumbing(scene, edge.name)
                && !is_old(edge.to);
            if follows && nodes.len() < MAX_NODES && !nodes.contains(&edge.to) {
                nodes.push(edge.to);
            }
        }
    }
    None
}

/// Whether it is the frame of a function that awaits or yields.
fn is_frame(scene: &Scene, node: Node) -> bool {
    matches!(scene.snapshot.raw_name(node), b"Generator" | b"AsyncGenerator" | b"AsyncFunction")
        && scene.snapshot.kind(node) == NodeKind::Object
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

/// The milliseconds of the list of timers on the way: Node has a table of lists by their delay, and a heap, which is an
/// Array, of those that are due first (lib/internal/timers.js). Redaction leaves the order of magnitude, which is none.
pub(super) fn delay(scene: &Scene, steps: &[Step]) -> Option<u32> {
    let snapshot = scene.snapshot;
    if snapshot.is_redacted() {
        return None;
    }
    let mut nodes = steps.iter().rev().flat_map(|step| [step.edge.to, step.from]);
    let list = nodes.find(|&node| snapshot.raw_name(node) == b"TimersList")?;
    snapshot.retainers(list).find_map(|Retainer { from, edge }| match (edge.kind, edge.name) {
        (EdgeKind::Element, EdgeName::Index(delay)) if snapshot.raw_name(from) != b"Array" => {
            Some(delay)
        }
        _ => None,
    })
}

/// Whether most of the timers among the objects that are new are those of `AbortSignal.timeout()`.
pub(super) fn are_time_limits(scene: &Scene, sample: &[Node]) -> bool {
    let timers = sample.iter().filter(|&&node| start_of(scene, node).is_some());
    let is_limit = |&&timer: &&Node| {
        let callback = scene.property(timer, "_onTimeout");
        callback
            .and_then(|callback| scene.function(callback))
            .is_some_and(|function| function.script == "node:internal/abort_controller")
    };
    timers.clone().filter(is_limit).count() * 2 > timers.count()
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
        NodeKind::Object if is_frame(scene, node) => scene.function(node),
        NodeKind::Object
            if matches!(cause, Cause::Map | Cause::Set | Cause::Object | Cause::Array) =>
        {
            scene.function(node)
        }
        _ => None,
    };
    function.filter(|function| !is_internal(&function.script))
}
