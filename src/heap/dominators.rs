//! The dominator tree, by the semi-NCA algorithm (Georgiadis, "Linear-Time Algorithms for
//! Dominators and Related Problems", 2005).

use super::columns::Columns;
use super::depth_first::DepthFirst;

/// Numbers are depth-first preorder numbers, 0 the root's.
pub(super) struct Dominators {
    /// The node of each number.
    pub nodes: Vec<u32>,
    /// The number of each number's immediate dominator; smaller than itself but for the root.
    pub idoms: Vec<u32>,
}

/// Computes the dominator tree.
pub(super) fn dominators(columns: &Columns) -> Dominators {
    let DepthFirst { numbers, nodes, parents, joins, join_counts } = DepthFirst::new(columns);
    // Sources of joins, grouped by target: each count becomes its group's end, and each end,
    // as its group fills, its start.
    let mut firsts = join_counts;
    let mut total = 0;
    for first in &mut firsts {
        total += *first;
        *first = total;
    }
    let mut sources = vec![0u32; total as usize];
    let mut from = 0;
    for edge in joins.iter() {
        while columns.first_edges[from + 1] as usize <= edge {
            from += 1;
        }
        let first = &mut firsts[columns.targets[edge].node()];
        *first -= 1;
        sources[*first as usize] = numbers[from];
    }
    drop(joins);
    drop(numbers);
    firsts.push(total);
    let idoms = semi_nca(&nodes, parents, firsts, sources);
    Dominators { nodes, idoms }
}

/// The immediate dominators by number.
fn semi_nca(nodes: &[u32], parents: Vec<u32>, firsts: Vec<u32>, sources: Vec<u32>) -> Vec<u32> {
    let mut semis = parents.clone();
    let mut forest = Forest::new(&parents);
    for w in (1..nodes.len()).rev() {
        let node = nodes[w] as usize;
        let mut semi = parents[w];
        for &v in &sources[firsts[node] as usize..firsts[node + 1] as usize] {
            semi = semi.min(forest.least_label(v, w as u32));
        }
        semis[w] = semi;
        forest.labels[w] = semi;
    }
    drop((forest, firsts, sources));
    // A node's dominator is the nearest ancestor that is not below its semidominator. Those of
    // smaller numbers are final, so dominators take the place of semidominators.
    let mut idoms = semis;
    for w in 1..nodes.len() {
        let mut candidate = parents[w];
        while candidate > idoms[w] {
            candidate = idoms[candidate as usize];
        }
        idoms[w] = candidate;
    }
    idoms
}

/// The part of the tree above the number in hand, with its paths compressed.
struct Forest {
    ancestors: Vec<u32>,
    /// The least semidominator on the path that a compressed link stands for.
    labels: Vec<u32>,
    path: Vec<u32>,
}

impl Forest {
    fn new(parents: &[u32]) -> Self {
        Forest { ancestors: parents.to_vec(), labels: vec![0; parents.len()], path: Vec::new() }
    }

    /// The least semidominator on the tree's path from `v` up to the last number above `w`; `v`
    /// itself where that is below.
    #[inline]
    fn least_label(&mut self, v: u32, w: u32) -> u32 {
        if v < w {
            return v;
        }
        if self.ancestors[v as usize] > w {
            self.compress(v, w);
        }
        self.labels[v as usize]
    }

    fn compress(&mut self, v: u32, w: u32) {
        let mut top = v;
        while self.ancestors[top as usize] > w {
            self.path.push(top);
            top = self.ancestors[top as usize];
        }
        let (mut label, ancestor) = (self.labels[top as usize], self.ancestors[top as usize]);
        while let Some(below) = self.path.pop() {
            let below = below as usize;
            label = label.min(self.labels[below]);
            self.labels[below] = label;
            self.ancestors[below] = ancestor;
        }
    }
}
