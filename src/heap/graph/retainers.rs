//! The edges that lead to each node, in the order of their sources.

use crate::heap::graph::columns::Columns;

/// For each node its incoming edges.
#[derive(Debug)]
pub(in crate::heap) struct Retainers {
    firsts: Vec<u32>,
    edges: Vec<u32>,
}

impl Retainers {
    pub fn new(columns: &Columns) -> Self {
        let mut firsts = vec![0u32; columns.node_count() + 1];
        for target in &columns.targets {
            firsts[target.node() + 1] += 1;
        }
        for node in 1..firsts.len() {
            firsts[node] += firsts[node - 1];
        }
        let mut edges = vec![0u32; columns.targets.len()];
        // Filling moves each start to its end, which is the next one's start.
        for (edge, target) in columns.targets.iter().enumerate() {
            let slot = &mut firsts[target.node()];
            edges[*slot as usize] = edge as u32;
            *slot += 1;
        }
        firsts.rotate_right(1);
        firsts[0] = 0;
        Retainers { firsts, edges }
    }

    /// The indexes of the edges that lead to `node`.
    pub fn of(&self, node: usize) -> &[u32] {
        &self.edges[self.firsts[node] as usize..self.firsts[node + 1] as usize]
    }
}
