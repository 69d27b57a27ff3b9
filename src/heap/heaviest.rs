//! The objects that make up a heap.

use crate::heap::graph::bits::Bits;
use crate::heap::graph::kind::NodeKind;
use crate::heap::snapshot::{Node, Snapshot};

/// An object that retains much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::heap) struct Heavy {
    pub node: Node,
    /// Whether it is the first of a chain of objects of its class, each kept by the one before.
    pub heads_chain: bool,
}

/// How many objects of one class, each kept by the one before, are a chain.
const CHAIN: usize = 8;
/// How far up the dominator tree the next object is looked for: V8's own are few in between.
const REACH: usize = 64;

/// The objects and strings that retain at least `least` bytes, those that retain most first. What is merely around
/// another that makes up more than half of it is left out; a chain is its head.
pub(in crate::heap) fn heaviest(snapshot: &Snapshot, least: u64) -> Vec<Heavy> {
    let is_heavy = |node: &Node| snapshot.retained(*node) >= least && is_thing(snapshot, *node);
    let mut around = Bits::new(snapshot.node_count());
    for node in snapshot.nodes().filter(is_heavy) {
        if let Some(above) = above(snapshot, node)
            && snapshot.retained(node) > snapshot.retained(above) / 2
        {
            around.set(above as usize);
        }
    }
    let mut heavy: Vec<Heavy> = snapshot
        .nodes()
        .filter(|node| is_heavy(node) && !around.has(*node as usize))
        .map(|node| match head(snapshot, node) {
            Some(node) => Heavy { node, heads_chain: true },
            None => Heavy { node, heads_chain: false },
        })
        .collect();
    heavy.sort_by_key(|&Heavy { node, .. }| (std::cmp::Reverse(snapshot.retained(node)), node));
    heavy.dedup();
    heavy
}

/// Whether a program has it in hand: no context, no store, nothing of V8's.
fn is_thing(snapshot: &Snapshot, node: Node) -> bool {
    match snapshot.kind(node) {
        NodeKind::Object => !snapshot.raw_name(node).starts_with(b"system / "),
        NodeKind::String | NodeKind::ConsString | NodeKind::SlicedString => true,
        _ => false,
    }
}

/// The next object up the dominator tree.
fn above(snapshot: &Snapshot, node: Node) -> Option<Node> {
    let mut at = node;
    for _ in 0..REACH {
        let dominator = snapshot.dominator(at);
        if dominator == at {
            return None;
        }
        if is_thing(snapshot, dominator) {
            return Some(dominator);
        }
        at = dominator;
    }
    None
}

/// The first of the chain that a node is a link of.
fn head(snapshot: &Snapshot, node: Node) -> Option<Node> {
    let class = |node| (snapshot.kind(node), snapshot.name_index(node));
    let (mut at, mut links) = (node, 1);
    while let Some(above) = above(snapshot, at).filter(|&above| class(above) == class(node)) {
        at = above;
        links += 1;
    }
    (links >= CHAIN).then_some(at)
}
