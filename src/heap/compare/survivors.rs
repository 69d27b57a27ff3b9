//! Surviving objects: those that what grew does not consist of.

use crate::heap::snapshot::{Node, Snapshot};

/// How far up the dominator tree an object's part is recognised as one.
const REACH: usize = 64;

/// Which objects of the last snapshot are surviving objects.
#[derive(Clone, Copy)]
pub(in crate::heap) enum Survivors<'s> {
    /// All: only the way to an object is asked for.
    All,
    /// None: each object may be a part of what grew.
    None,
    /// Those that each of the snapshots has, by node.
    Marked(&'s [bool]),
    /// With one snapshot only: what this object does not retain.
    Outside(&'s Snapshot, Node),
}

impl Survivors<'_> {
    pub fn has(self, node: Node) -> bool {
        match self {
            Survivors::All => true,
            Survivors::None => false,
            Survivors::Marked(marked) => marked[node as usize],
            Survivors::Outside(snapshot, outer) => !is_within(snapshot, node, outer),
        }
    }
}

/// Whether `node` is `outer`, or retained by it alone.
pub(in crate::heap) fn is_within(snapshot: &Snapshot, node: Node, outer: Node) -> bool {
    let mut at = node;
    (0..REACH).any(|_| {
        let found = at == outer;
        at = snapshot.dominator(at);
        found
    })
}
