//! The graph of an image, in the columns of any graph (`crate::heap::graph`): 13 bytes a node and 7 an edge.

use super::super::names::ImageNames;
use crate::heap::error::{HeapError, HeapResult};
use crate::heap::graph::columns::{MAX_EDGES, MAX_NODES, Target};
use crate::heap::graph::edge_names::EdgeNames;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::graph::sizes::Sizes;
use crate::heap::memory::room;

/// The fewest edges for which room is made at once.
const MORE_EDGES: usize = 1024;

/// An edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageEdge {
    pub kind: EdgeKind,
    /// An index, or a string's number.
    pub name: u32,
    pub to: u32,
}

/// The graph of an image.
#[derive(Debug, Default)]
pub struct ImageGraph {
    pub kinds: Vec<NodeKind>,
    pub names: Vec<u32>,
    pub sizes: Sizes,
    /// How many edges each node has.
    pub counts: Vec<u32>,
    targets: Vec<Target>,
    edge_names: EdgeNames,
    /// Edges that were found when those of their node had been written, by node: they follow these.
    late: Vec<(u32, ImageEdge)>,
    /// Node, script, line, column.
    pub locations: Vec<[u32; 4]>,
    pub strings: ImageNames,
    /// What there was no room for.
    failed: Option<HeapError>,
}

impl ImageGraph {
    /// Adds a node without edges; none where there are too many.
    pub fn node(&mut self, kind: NodeKind, name: u32, size: u64) -> Option<u32> {
        let number = self.kinds.len();
        if number as u64 >= MAX_NODES {
            self.fail(HeapError::TooLarge(format!("more than {MAX_NODES} nodes")));
            return None;
        }
        self.kinds.push(kind);
        self.names.push(name);
        let pushed = self.sizes.push(size);
        self.counts.push(0);
        if let Err(error) = pushed {
            self.fail(error);
        }
        u32::try_from(number).ok()
    }

    /// Adds an edge of the node whose edges are written, if there is room for it. Objects that share their elements
    /// have more edges together than the image has words.
    pub fn edge(&mut self, edge: ImageEdge) {
        if !self.has_failed()
            && let Err(error) = self.push_edge(edge)
        {
            self.fail(error);
        }
    }

    fn push_edge(&mut self, edge: ImageEdge) -> HeapResult<()> {
        let count = self.targets.len();
        if count == self.targets.capacity() {
            if count as u64 >= MAX_EDGES {
                return Err(too_many_edges());
            }
            let more = count.max(MORE_EDGES);
            room(&mut self.targets, more)?;
            self.edge_names.reserve(more)?;
        }
        self.edge_names.push(edge.name)?;
        self.targets.push(Target::new(edge.kind, edge.to));
        Ok(())
    }

    /// Whether something did not fit. The graph cannot be completed then.
    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// How many edges were added; those that came late are not counted.
    pub fn edges_added(&self) -> usize {
        self.targets.len()
    }

    /// How many edges there are.
    pub fn edge_count(&self) -> usize {
        self.targets.len() + self.late.len()
    }

    /// Gives the edges that were found late to their nodes. The graph is complete then.
    pub fn complete(&mut self, mut late: Vec<(u32, ImageEdge)>) -> HeapResult<()> {
        late.sort_by_key(|(from, _)| *from);
        self.late = late;
        if u32::try_from(self.edge_count()).is_err() {
            self.fail(too_many_edges());
        }
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        for (from, _) in &self.late {
            self.counts[*from as usize] += 1;
        }
        Ok(())
    }

    /// Frees the columns of nodes but for the counts of their edges.
    pub fn free_nodes(&mut self) {
        (self.kinds, self.names, self.sizes) = Default::default();
    }

    /// Frees the edges.
    pub fn free_edges(&mut self) {
        (self.counts, self.targets, self.edge_names, self.late) = Default::default();
    }

    fn fail(&mut self, error: HeapError) {
        self.failed.get_or_insert(error);
    }
}

fn too_many_edges() -> HeapError {
    HeapError::TooLarge("more than 2^32 edges".into())
}

/// Goes through the edges in the order of their nodes.
#[derive(Debug, Clone, Copy, Default)]
pub struct EdgeCursor {
    /// The next node.
    node: usize,
    /// The next edge of the node in hand, and the end of its edges.
    own: usize,
    end: usize,
    /// The same of its edges that came late.
    late: usize,
    late_end: usize,
}

impl EdgeCursor {
    /// The next edge.
    pub fn next(&mut self, graph: &ImageGraph) -> Option<ImageEdge> {
        loop {
            if self.own < self.end {
                let target = graph.targets[self.own];
                let name = graph.edge_names.get(self.own);
                self.own += 1;
                let to = u32::try_from(target.node()).unwrap_or(0);
                return Some(ImageEdge { kind: target.kind(), name, to });
            }
            if self.late < self.late_end {
                let (_, edge) = graph.late[self.late];
                self.late += 1;
                return Some(edge);
            }
            let count = *graph.counts.get(self.node)? as usize;
            let late = graph.late[self.late..].iter();
            let of_node = late.take_while(|(from, _)| *from as usize == self.node).count();
            self.late_end = self.late + of_node;
            self.end = self.own + count - of_node;
            self.node += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(to: u32) -> ImageEdge {
        ImageEdge { kind: EdgeKind::Weak, name: 7, to }
    }

    #[test]
    fn late_edges_follow_those_of_their_node() {
        let mut graph = ImageGraph::default();
        for own in [2, 0, 1, 0] {
            let node = graph.node(NodeKind::Object, 0, 8).unwrap();
            (0..own).for_each(|at| graph.edge(edge(10 * node + at)));
            graph.counts[node as usize] = own;
        }
        graph.complete(vec![(3, edge(39)), (0, edge(8)), (1, edge(19)), (0, edge(9))]).unwrap();
        assert_eq!((&graph.counts[..], graph.edge_count()), (&[4, 1, 1, 1][..], 7));
        let mut cursor = EdgeCursor::default();
        let all: Vec<u32> = std::iter::from_fn(|| Some(cursor.next(&graph)?.to)).collect();
        assert_eq!(all, [0, 1, 8, 9, 19, 20, 39]);
    }
}
