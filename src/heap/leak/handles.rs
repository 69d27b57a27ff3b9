//! Handles: objects of classes that native code made, whose memory lies outside of the heap for the most part. They are all that
//! a snapshot shows of a leak of native memory.

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::{EdgeKind, Node, NodeKind};
use super::scene::Scene;

/// How many items of a holder are looked into, and how many objects of each.
const ITEMS: usize = 256;
const REACH: usize = 256;
/// An item has a handle of its own, or one of so many has: those that all refer to one hold nothing.
const EACH: usize = 4;
/// How far up a handle's class may be extended in JavaScript.
const ANCESTORS: usize = 4;

/// The handles that new items lead to.
pub(super) struct Handles {
    /// For a hundred items.
    pub percent: u64,
    /// The class of the first of them.
    pub class: String,
}

/// What the items of a holder lead to, where it is handles. Nodes that are not `is_old` are what they consist of.
pub(super) fn handles(
    scene: &Scene,
    items: &[Node],
    is_old: &dyn Fn(Node) -> bool,
) -> Option<Handles> {
    let snapshot = scene.snapshot;
    // By prototype.
    let mut native: FxHashMap<Node, bool> = FxHashMap::default();
    let mut number = 0;
    let mut class: Option<Node> = None;
    let mut seen: FxHashSet<Node> = FxHashSet::default();
    let mut looked_into = 0;
    for &item in items.iter().step_by(items.len().div_ceil(ITEMS).max(1)) {
        looked_into += 1;
        let mut nodes = vec![item];
        let mut next = 0;
        while let Some(&node) = nodes.get(next) {
            next += 1;
            if !seen.insert(node) {
                continue;
            }
            if snapshot.kind(node) == NodeKind::Object
                && let Some(prototype) = scene.property(node, "__proto__")
                && *native.entry(prototype).or_insert_with(|| is_native(scene, prototype))
            {
                number += 1;
                class.get_or_insert(node);
            }
            let is_own = |kind| {
                matches!(
                    kind,
                    EdgeKind::Property | EdgeKind::Element | EdgeKind::Internal | EdgeKind::Context
                )
            };
            let own = snapshot.edges(node).filter(|edge| is_own(edge.kind)).map(|edge| edge.to);
            let new = own.filter(|&node| !is_old(node) && !seen.contains(&node));
            nodes.extend(new.take(REACH.saturating_sub(nodes.len())));
        }
    }
    let class = snapshot.name(class?).into_owned();
    (number * EACH >= looked_into)
        .then_some(Handles { percent: (number * 100 / looked_into) as u64, class })
}

/// Whether a prototype's class, or one that it extends, was made by native code: V8 keeps the template of it.
fn is_native(scene: &Scene, prototype: Node) -> bool {
    let snapshot = scene.snapshot;
    let is_made_from_template = |prototype| {
        scene
            .property(prototype, "constructor")
            .and_then(|constructor| scene.internal(constructor, "shared"))
            .is_some_and(|shared| {
                snapshot
                    .edges(shared)
                    .any(|edge| snapshot.raw_name(edge.to) == b"system / FunctionTemplateInfo")
            })
    };
    std::iter::successors(Some(prototype), |&node| scene.property(node, "__proto__"))
        .take(ANCESTORS)
        .any(is_made_from_template)
}
