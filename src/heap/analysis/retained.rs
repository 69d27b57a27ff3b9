//! Retained sizes: what would go if a node went, which is its dominator subtree.

use crate::heap::analysis::dominators::Dominators;
use crate::heap::graph::sizes::Sizes;

/// Sums the shallow sizes up the dominator tree.
pub(in crate::heap) fn retained(shallow: &Sizes, tree: &Dominators) -> Sizes {
    let mut retained = shallow.clone();
    // Children have larger numbers than their dominators, so each is complete when it is added.
    for number in (1..tree.nodes.len()).rev() {
        let size = retained.get(tree.nodes[number] as usize);
        retained.add(tree.nodes[tree.idoms[number] as usize] as usize, size);
    }
    retained
}
