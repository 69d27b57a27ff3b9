//! The dominator tree, by the semi-NCA algorithm (Georgiadis, "Linear-Time Algorithms for
//! Dominators and Related Problems", 2005).

use super::bits::{BitRow, Bits};
use super::columns::Columns;
use super::depth_first::DepthFirst;

/// Numbers are depth-first preorder numbers, 0 the root's.
pub(super) struct Dominators {
    /// The node of each number.
    pub nodes: Vec<u32>,
    /// The number of each number's immediate dominator; smaller than itself but for the root.
    pub idoms: Vec<u32>,
}

/// Computes the dominator tree. A graph is large: four columns of its nodes and one of the joins
/// are all that is held at a time, so they change hands and meaning.
pub(super) fn dominators(columns: &Columns) -> Dominators {
    let DepthFirst { numbers, nodes, parents, steps, joins, join_counts } =
        DepthFirst::new(columns);
    let joins = Joins::new(columns, numbers, joins, join_counts);
    let (semis, labels) = semidominators(&nodes, parents, joins);
    let idoms = nearest_ancestors(&nodes, &steps, &semis, labels);
    Dominators { nodes, idoms }
}

/// The sources of joins by target.
struct Joins {
    /// For each node where its sources begin, or NONE.
    firsts: Vec<u32>,
    /// Numbers; the last of each target is marked.
    sources: Vec<u32>,
}

const NONE: u32 = u32::MAX;
const LAST: u32 = 1 << 31;

impl Joins {
    fn new(columns: &Columns, numbers: Vec<u32>, joins: Bits, counts: Vec<u32>) -> Self {
        let mut firsts = counts;
        let total: u32 = firsts.iter().sum();
        let mut sources = vec![0; total as usize];
        let mut end = 0;
        for first in &mut firsts {
            end += *first;
            *first = match *first {
                0 => NONE,
                _ => {
                    sources[end as usize - 1] = LAST;
                    end
                }
            };
        }
        // Groups fill from their ends, which so become their starts.
        let mut from = 0;
        for edge in joins.iter() {
            while columns.first_edges[from + 1] as usize <= edge {
                from += 1;
            }
            let first = &mut firsts[columns.targets[edge].node()];
            *first -= 1;
            sources[*first as usize] |= numbers[from];
        }
        Joins { firsts, sources }
    }

    /// Takes a node's sources, in whose place `with`'s result is kept.
    #[inline]
    fn replace(&mut self, node: usize, mut result: u32, mut with: impl FnMut(u32, u32) -> u32) {
        let mut at = self.firsts[node];
        while at != NONE {
            let source = self.sources[at as usize];
            result = with(result, source & !LAST);
            at = if source & LAST == 0 { at + 1 } else { NONE };
        }
        self.firsts[node] = result;
    }
}

/// The semidominators by node, and a column to use again.
fn semidominators(nodes: &[u32], parents: Vec<u32>, mut joins: Joins) -> (Vec<u32>, Vec<u32>) {
    let labels = vec![0; nodes.len()];
    let mut forest = Forest { ancestors: parents, labels, path: Vec::new() };
    for w in (1..nodes.len()).rev() {
        let node = nodes[w] as usize;
        let parent = forest.ancestors[w];
        joins.replace(node, parent, |semi, v| semi.min(forest.least_label(v, w as u32)));
        forest.labels[w] = joins.firsts[node];
    }
    (joins.firsts, forest.labels)
}

/// The part of the tree above the number in hand, with its paths compressed.
struct Forest {
    /// Parents, until a path is compressed.
    ancestors: Vec<u32>,
    /// The least semidominator on the path that a compressed link stands for.
    labels: Vec<u32>,
    path: Vec<u32>,
}

impl Forest {
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

/// Immediate dominators by number: each node's nearest ancestor that is not below its
/// semidominator, found along the dominators of its parent.
fn nearest_ancestors(
    nodes: &[u32],
    steps: &BitRow,
    semis: &[u32],
    mut idoms: Vec<u32>,
) -> Vec<u32> {
    let mut path = Vec::new();
    let mut next = 0;
    for enters in steps.iter() {
        if !enters {
            path.pop();
            continue;
        }
        let mut candidate = path.last().copied().unwrap_or(0);
        let semi = if next == 0 { 0 } else { semis[nodes[next as usize] as usize] };
        while candidate > semi {
            candidate = idoms[candidate as usize];
        }
        idoms[next as usize] = candidate;
        path.push(next);
        next += 1;
    }
    idoms
}
