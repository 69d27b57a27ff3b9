//! The dominator tree, by the semi-NCA algorithm (Georgiadis, "Linear-Time Algorithms for
//! Dominators and Related Problems", 2005).

use crate::heap::analysis::depth_first::DepthFirst;
use crate::heap::analysis::prefetch::prefetch;
use crate::heap::graph::bits::Bits;
use crate::heap::graph::columns::{Columns, MAX_NODES};

/// Numbers are depth-first preorder numbers, 0 the root's.
pub(in crate::heap) struct Dominators {
    /// The node of each number.
    pub nodes: Vec<u32>,
    /// The number of each number's immediate dominator; smaller than itself but for the root.
    pub idoms: Vec<u32>,
}

/// Computes the dominator tree. A graph is large: a few columns of its nodes and one of the joins are all that is held
/// at a time, so they change hands and meaning.
pub(in crate::heap) fn dominators(columns: &Columns) -> Dominators {
    let DepthFirst { numbers, nodes, parents, joins, join_counts } = DepthFirst::new(columns);
    let joins = Joins::new(columns, &numbers, &nodes, joins, join_counts);
    let semis = semidominators(&parents, joins, numbers);
    let idoms = nearest_ancestors(&parents, semis);
    Dominators { nodes, idoms }
}

/// The sources of joins by the number of their target, all as numbers.
struct Joins {
    /// Group after group, each from a source with the bit `FIRST` on.
    sources: Vec<u32>,
    /// The numbers that have a group.
    targets: Bits,
}

/// Above the bits of a number.
const FIRST: u32 = 1 << 31;
const _: () = assert!(MAX_NODES <= FIRST as u64);

impl Joins {
    /// `joins` are edges, `counts` how many of them lead to each node.
    fn new(
        columns: &Columns,
        numbers: &[u32],
        nodes: &[u32],
        joins: Bits,
        counts: Vec<u32>,
    ) -> Self {
        let mut targets = Bits::new(nodes.len());
        let mut ends = counts;
        let mut total = 0;
        for (number, node) in nodes.iter().enumerate() {
            let end = &mut ends[*node as usize];
            if *end > 0 {
                targets.set(number);
            }
            total += *end;
            *end = total;
        }
        let mut sources = vec![0; total as usize];
        // Groups fill from their ends, which so become their starts.
        let mut from = 0;
        for edge in joins.iter() {
            while columns.first_edges[from + 1] as usize <= edge {
                from += 1;
            }
            let end = &mut ends[columns.targets[edge].node()];
            *end -= 1;
            sources[*end as usize] = numbers[from];
        }
        for target in targets.iter() {
            sources[ends[nodes[target] as usize] as usize] |= FIRST;
        }
        Joins { sources, targets }
    }
}

/// How long before it is looked at memory is asked for something.
const AHEAD: usize = 16;

/// The semidominators by number, in a column of which nothing else is used any more.
fn semidominators(parents: &[u32], joins: Joins, mut semis: Vec<u32>) -> Vec<u32> {
    let links = parents.iter().map(|parent| Link { ancestor: *parent, label: 0 }).collect();
    let mut forest = Forest { links, path: Vec::new() };
    let Joins { sources, targets } = joins;
    let mut rest = sources.len();
    for w in (1..parents.len()).rev() {
        let mut semi = parents[w];
        let mut more = targets.has(w);
        while more {
            rest -= 1;
            if let Some(next) = rest.checked_sub(AHEAD) {
                prefetch(&forest.links, (sources[next] & !FIRST) as usize);
            }
            more = sources[rest] & FIRST == 0;
            // Nothing is above the root. What half of the program refers to is there soon.
            if semi > 0 {
                semi = semi.min(forest.least_label(sources[rest] & !FIRST, w as u32));
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
