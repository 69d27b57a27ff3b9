//! The dominator tree, by the semi-NCA algorithm (Georgiadis, "Linear-Time Algorithms for
//! Dominators and Related Problems", 2005).

use super::bits::Bits;
use super::columns::Columns;
use super::depth_first::DepthFirst;
use super::prefetch::prefetch;

/// Numbers are depth-first preorder numbers, 0 the root's.
pub(super) struct Dominators {
    /// The node of each number.
    pub nodes: Vec<u32>,
    /// The number of each number's immediate dominator; smaller than itself but for the root.
    pub idoms: Vec<u32>,
}

/// Computes the dominator tree. A graph is large: a few columns of its nodes and one of the joins are all that is held at a
/// time, so they change hands and meaning.
pub(super) fn dominators(columns: &Columns) -> Dominators {
    let DepthFirst { numbers, nodes, parents, joins, join_counts } = DepthFirst::new(columns);
    let joins = Joins::new(columns, &numbers, &joins, join_counts);
    let semis = semidominators(&nodes, &parents, &joins, numbers);
    drop(joins);
    let idoms = nearest_ancestors(&parents, semis);
    Dominators { nodes, idoms }
}

/// The sources of joins, as numbers, by target.
struct Joins {
    /// For each node where its sources begin; they end where the next one's begin.
    firsts: Vec<u32>,
    sources: Vec<u32>,
}

impl Joins {
    fn new(columns: &Columns, numbers: &[u32], joins: &Bits, counts: Vec<u32>) -> Self {
        let mut firsts = counts;
        let mut total = 0;
        for first in &mut firsts {
            total += *first;
            *first = total;
        }
        firsts.push(total);
        let mut sources = vec![0; total as usize];
        // Groups fill from their ends, which so become their starts.
        let mut from = 0;
        for edge in joins.iter() {
            while columns.first_edges[from + 1] as usize <= edge {
                from += 1;
            }
            let first = &mut firsts[columns.targets[edge].node()];
            *first -= 1;
            sources[*first as usize] = numbers[from];
        }
        Joins { firsts, sources }
    }

    /// The sources that lead to a node.
    #[inline]
    fn of(&self, node: usize) -> &[u32] {
        &self.sources[self.firsts[node] as usize..self.firsts[node + 1] as usize]
    }
}

/// How long before it is looked at memory is asked for something.
const AHEAD: usize = 8;

/// The semidominators by number, in a column of which nothing else is used any more.
fn semidominators(nodes: &[u32], parents: &[u32], joins: &Joins, mut semis: Vec<u32>) -> Vec<u32> {
    let links = parents.iter().map(|parent| Link { ancestor: *parent, label: 0 }).collect();
    let mut forest = Forest { links, path: Vec::new() };
    for w in (1..nodes.len()).rev() {
        // What the numbers that follow need is asked for step by step.
        if let Some(next) = w.checked_sub(3 * AHEAD) {
            let node = |steps: usize| nodes[next + steps * AHEAD] as usize;
            prefetch(&joins.firsts, node(0));
            prefetch(&joins.sources, joins.firsts[node(1)] as usize);
            joins.of(node(2)).first().inspect(|v| prefetch(&forest.links, **v as usize));
        }
        let mut semi = parents[w];
        let sources = joins.of(nodes[w] as usize);
        for (at, v) in sources.iter().enumerate() {
            if let Some(next) = sources.get(at + AHEAD) {
                prefetch(&forest.links, *next as usize);
            }
            semi = semi.min(forest.least_label(*v, w as u32));
            // Nothing is above the root. What half of the program refers to is there soon.
            if semi == 0 {
                break;
            }
        }
        forest.links[w].label = semi;
        semis[w] = semi;
    }
    semis[0] = 0;
    semis
}

/// A number's way up the tree. One look at memory gives all of it.
#[derive(Debug, Clone, Copy)]
struct Link {
    /// The parent, until a path is compressed.
    ancestor: u32,
    /// The least semidominator on the path that a compressed link stands for.
    label: u32,
}

/// The part of the tree above the number in hand, with its paths compressed.
struct Forest {
    links: Vec<Link>,
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
        let link = self.links[v as usize];
        if link.ancestor > w { self.compress(v, w) } else { link.label }
    }

    fn compress(&mut self, v: u32, w: u32) -> u32 {
        let mut top = v;
        let mut link = self.links[top as usize];
        while link.ancestor > w {
            self.path.push(top);
            top = link.ancestor;
            link = self.links[top as usize];
        }
        while let Some(below) = self.path.pop() {
            let below = &mut self.links[below as usize];
            link.label = link.label.min(below.label);
            *below = link;
        }
        link.label
    }
}

/// Immediate dominators by number: each number's nearest ancestor that is not below its
/// semidominator, found along the dominators of its parent. They take the semidominators' places.
fn nearest_ancestors(parents: &[u32], semis: Vec<u32>) -> Vec<u32> {
    let mut idoms = semis;
    for (number, parent) in parents.iter().enumerate() {
        let (mut candidate, semi) = (*parent, idoms[number]);
        while candidate > semi {
            candidate = idoms[candidate as usize];
        }
        idoms[number] = candidate;
    }
    idoms
}
