//! The graph as it is kept: a column for each field, 17 bytes a node and 7 an edge.

use crate::heap::graph::edge_names::EdgeNames;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::graph::sizes::Sizes;
use crate::heap::graph::strings::StringTable;

/// A node is one of 2^29: three bits beside it hold an edge's type.
pub(in crate::heap) const TARGET_BITS: u32 = 29;
/// The most nodes that a graph can have.
pub(in crate::heap) const MAX_NODES: u64 = 1 << TARGET_BITS;
/// The most edges: `first_edges` holds their count.
pub(in crate::heap) const MAX_EDGES: u64 = u32::MAX as u64;

/// An edge's target and type in one word.
#[derive(Debug, Clone, Copy)]
pub(in crate::heap) struct Target(u32);

impl Target {
    pub fn new(kind: EdgeKind, node: u32) -> Self {
        Target((kind as u32) << TARGET_BITS | node)
    }

    #[inline]
    pub fn node(self) -> usize {
        (self.0 & ((1 << TARGET_BITS) - 1)) as usize
    }

    #[inline]
    pub fn kind(self) -> EdgeKind {
        EdgeKind::from_bits(self.0 >> TARGET_BITS)
    }

    /// Retains its target wherever it stands: neither a shortcut, nor weak, nor a table's entry.
    #[inline]
    pub fn is_strong(self) -> bool {
        self.0 >> TARGET_BITS < EdgeKind::Shortcut as u32
    }

    #[inline]
    pub fn is_weak(self) -> bool {
        self.0 >> TARGET_BITS == EdgeKind::Weak as u32
    }
}

/// What a closure's or a script's code says about where it stands.
#[derive(Debug, Clone, Copy)]
pub(in crate::heap) struct NodeLocation {
    pub node: u32,
    pub script: u32,
    pub line: u32,
    pub column: u32,
}

/// The columns. Every index in them is in range: what the file says was checked on reading.
#[derive(Debug)]
pub(in crate::heap) struct Columns {
    pub root: u32,
    pub kinds: Vec<NodeKind>,
    pub names: Vec<u32>,
    pub ids: Vec<u32>,
    /// As in the file until [`crate::heap::analysis::shallow`] has moved backing stores to their owners.
    pub sizes: Sizes,
    /// One more than there are nodes.
    pub first_edges: Vec<u32>,
    pub edge_names: EdgeNames,
    pub targets: Vec<Target>,
    /// In the order of nodes.
    pub locations: Vec<NodeLocation>,
    pub strings: StringTable,
}

impl Columns {
    pub fn node_count(&self) -> usize {
        self.kinds.len()
    }

    /// The range of a node's edges in `targets` and `edge_names`.
    #[inline]
    pub fn edge_range(&self, node: usize) -> std::ops::Range<usize> {
        self.first_edges[node] as usize..self.first_edges[node + 1] as usize
    }

    #[inline]
    pub fn targets_of(&self, node: usize) -> &[Target] {
        &self.targets[self.edge_range(node)]
    }
}
