//! Which properties' names come from the code rather than from data: those of a shape that many
//! objects have.

use std::collections::HashMap;
use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

/// Objects that make a shape a shared one.
const SHARED: u32 = 100;
/// More properties are a dictionary's.
const MOST_PROPERTIES: usize = 128;

/// Follows the edges, which come in the order of the nodes.
#[derive(Debug, Default)]
pub struct Shapes {
    /// Of each node.
    edge_counts: Vec<u32>,
    /// The node after the one whose edges come now.
    next: usize,
    edges: u32,
    left: u32,
    properties: Vec<u64>,
    /// How many objects have these properties, by their hash.
    seen: HashMap<u64, u32, FxBuildHasher>,
}

impl Shapes {
    /// The next node has so many edges.
    pub fn node(&mut self, edges: u32) {
        self.edge_counts.push(edges);
    }

    /// An edge comes: how many its node has. `None` where no node has it.
    pub fn edge(&mut self) -> Option<u32> {
        while self.left == 0 {
            self.edges = *self.edge_counts.get(self.next)?;
            self.left = self.edges;
            self.next += 1;
        }
        Some(self.edges)
    }

    /// It is a property with this name.
    pub fn property(&mut self, name: u64) {
        self.properties.push(name);
    }

    /// The edge is complete: the names that have become those of a shared shape by it.
    pub fn end_of_edge(&mut self) -> Vec<u64> {
        self.left -= 1;
        if self.left > 0 {
            return Vec::new();
        }
        let properties = std::mem::take(&mut self.properties);
        if properties.is_empty() || properties.len() > MOST_PROPERTIES {
            return Vec::new();
        }
        let count = self.seen.entry(FxBuildHasher.hash_one(&properties)).or_default();
        *count = count.saturating_add(1);
        if *count == SHARED { properties } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Objects with these properties, and an edge that is none to each.
    fn shared(objects: &[&[u64]]) -> Vec<u64> {
        let mut shapes = Shapes::default();
        for properties in objects {
            shapes.node(u32::try_from(properties.len()).unwrap() + 1);
            shapes.node(0);
        }
        let mut found = Vec::new();
        for properties in objects {
            for name in [None].into_iter().chain(properties.iter().map(Some)) {
                assert_eq!(shapes.edge(), Some(u32::try_from(properties.len()).unwrap() + 1));
                if let Some(&name) = name {
                    shapes.property(name);
                }
                found.extend(shapes.end_of_edge());
            }
        }
        assert_eq!(shapes.edge(), None, "no node has another");
        found
    }

    #[test]
    fn many_objects_make_a_shape() {
        let many = SHARED as usize;
        assert_eq!(shared(&vec![&[1, 2][..]; many]), [1, 2]);
        assert_eq!(shared(&vec![&[1, 2][..]; 3 * many]), [1, 2], "reported once");
        assert!(shared(&vec![&[1, 2][..]; many - 1]).is_empty());
        let mixed = [vec![&[1, 2][..]; many - 1], vec![&[2, 1][..]; many - 1]].concat();
        assert!(shared(&mixed).is_empty());
        let dictionary = (0..=MOST_PROPERTIES as u64).collect::<Vec<_>>();
        assert!(shared(&vec![&dictionary[..]; many]).is_empty());
    }
}
