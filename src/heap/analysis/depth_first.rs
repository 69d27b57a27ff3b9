//! A depth-first spanning tree over the edges that retain, by DevTools' rules for which do
//! (HeapSnapshot.ts: computeIsEssentialEdge, markPageOwnedNodes, hasOnlyWeakRetainers).

use crate::heap::graph::bits::Bits;
use crate::heap::graph::columns::{Columns, Target};
use crate::heap::graph::kind::EdgeKind;

/// The tree and what lies across it. Numbers are preorder numbers; the root's is 0.
pub(in crate::heap) struct DepthFirst {
    /// The number of each node.
    pub numbers: Vec<u32>,
    /// The node of each number.
    pub nodes: Vec<u32>,
    /// The number of each number's parent.
    pub parents: Vec<u32>,
    /// The edges that retain and are not of the tree.
    pub joins: Bits,
    /// For each node how many of `joins` lead to it.
    pub join_counts: Vec<u32>,
}

impl DepthFirst {
    pub fn new(columns: &Columns) -> Self {
        let mut walk = Walk::new(columns);
        walk.page();
        walk.beyond_the_page();
        if walk.tree.nodes.len() < columns.node_count() {
            walk.orphans();
        }
        walk.tree
    }
}

/// The page, as DevTools calls it, is what the root's shortcuts reach: the program's own global
/// objects. What lies beyond it (a debugger's handles, an embedder's) does not retain it.
struct Walk<'a> {
    columns: &'a Columns,
    tree: DepthFirst,
    visited: Bits,
    page: Bits,
    /// The numbers above the one in hand, each with the next of its edges.
    stack: Vec<(u32, u32)>,
    /// Where an edge leads that makes a node part of the page without retaining it.
    loose: Vec<u32>,
}

impl<'a> Walk<'a> {
    fn new(columns: &'a Columns) -> Self {
        let count = columns.node_count();
        let tree = DepthFirst {
            numbers: vec![0; count],
            nodes: Vec::with_capacity(count),
            parents: Vec::with_capacity(count),
            joins: Bits::new(columns.targets.len()),
            join_counts: vec![0; count],
        };
        let visited = Bits::new(count);
        let page = Bits::new(0);
        let mut walk = Walk { columns, tree, visited, page, stack: Vec::new(), loose: Vec::new() };
        walk.number(columns.root as usize, 0);
        walk
    }

    fn number(&mut self, node: usize, parent: u32) -> u32 {
        let number = self.tree.nodes.len() as u32;
        self.tree.numbers[node] = number;
        self.tree.nodes.push(node as u32);
        self.tree.parents.push(parent);
        self.visited.set(node);
        number
    }

    /// What the root's shortcuts retain, and then what else belongs to the page.
    fn page(&mut self) {
        self.descend_from_root::<true>(|kind| kind == EdgeKind::Shortcut);
        self.page = self.visited.clone();
        // The root belongs to the page, with all that it refers to, only where the page leads back.
        let root = self.columns.root as usize;
        self.page.clear(root);
        let mut pending = std::mem::take(&mut self.loose);
        let is_loop = |to: &Target| to.kind() == EdgeKind::Shortcut && to.node() == root;
        if self.tree.join_counts[root] > 0 || self.columns.targets_of(root).iter().any(is_loop) {
            pending.push(root as u32);
        }
        while let Some(node) = pending.pop() {
            if self.page.insert(node as usize) {
                let targets = self.columns.targets_of(node as usize).iter();
                pending.extend(targets.filter(|to| !to.is_weak()).map(|to| to.node() as u32));
            }
        }
    }

    fn beyond_the_page(&mut self) {
        self.descend_from_root::<false>(|kind| kind < EdgeKind::Shortcut);
    }

    fn descend_from_root<const PAGE: bool>(&mut self, retains: impl Fn(EdgeKind) -> bool) {
        let root = self.columns.root as usize;
        for edge in self.columns.edge_range(root) {
            let target = self.columns.targets[edge];
            let to = target.node();
            if !retains(target.kind()) || to == root {
                continue;
            }
            if self.visited.has(to) {
                self.join(edge, to);
            } else {
                self.descend::<PAGE>(to);
            }
        }
    }

    #[inline]
    fn join(&mut self, edge: usize, to: usize) {
        self.tree.joins.set(edge);
        self.tree.join_counts[to] += 1;
    }

    /// Numbers `start`, as a child of the root, and what it retains.
    fn descend<const PAGE: bool>(&mut self, start: usize) {
        let columns = self.columns;
        let (mut node, mut number) = (start, self.number(start, 0));
        let mut edge = columns.first_edges[start];
        let mut end = columns.first_edges[start + 1];
        // Whether this node may retain one of the page.
        let mut inside = PAGE || self.page.has(node);
        loop {
            let mut child = None;
            // An array full of one object joins it once.
            let mut joined = usize::MAX;
            while edge < end {
                let at = edge as usize;
                edge += 1;
                let target = columns.targets[at];
                let to = target.node();
                if !target.is_strong() {
                    if PAGE && !target.is_weak() {
                        self.loose.push(to as u32);
                    }
                } else if self.visited.has(to) {
                    if to != node && to != joined && (inside || !self.page.has(to)) {
                        joined = to;
                        self.join(at, to);
                    }
                } else if inside || !self.page.has(to) {
                    child = Some(to);
                    break;
                }
            }
            if let Some(child) = child {
                self.stack.push((number, edge));
                node = child;
                number = self.number(child, number);
                edge = columns.first_edges[child];
            } else {
                let Some((above, next)) = self.stack.pop() else { return };
                number = above;
                node = self.tree.nodes[above as usize] as usize;
                edge = next;
            }
            end = columns.first_edges[node + 1];
            inside = PAGE || self.page.has(node);
        }
    }

    /// Nodes that nothing retains hang off the root, with what they retain; so does, one by one
    /// and retaining nothing, what is left: cycles.
    fn orphans(&mut self) {
        let columns = self.columns;
        let mut retained = Bits::new(columns.node_count());
        // What a visited node retains is visited.
        for node in (0..columns.node_count()).filter(|node| !self.visited.has(*node)) {
            for target in columns.targets_of(node) {
                let to = target.node();
                if target.is_strong() && to != node && (self.page.has(node) || !self.page.has(to)) {
                    retained.set(to);
                }
            }
        }
        for node in 0..columns.node_count() {
            if !self.visited.has(node) && !retained.has(node) {
                self.descend::<false>(node);
            }
        }
        for node in 0..columns.node_count() {
            if !self.visited.has(node) {
                self.number(node, 0);
            }
        }
    }
}
