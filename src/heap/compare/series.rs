//! A series of snapshots of one process, and which of their objects are the same.

use crate::heap::compare::ids::{NONE, by_odd_id};
use crate::heap::compare::matching::Counterparts;
use crate::heap::compare::stores::is_store;
use crate::heap::compare::survivors::Survivors;
use crate::heap::graph::kind::NodeKind;
use crate::heap::parallel;
use crate::heap::snapshot::{Node, Snapshot};

/// The series of snapshots with what corresponds to what.
pub(in crate::heap) struct Series<'s> {
    pub snapshots: &'s [Snapshot],
    /// For each earlier snapshot the counterparts of the last one's nodes.
    pub counterparts: Vec<Counterparts>,
    /// For each snapshot whether a node is in all of them.
    pub survivors_of_each: Vec<Vec<bool>>,
    /// Seconds from each snapshot to the next, where they are known.
    pub intervals: &'s [u64],
}

impl<'s> Series<'s> {
    /// Compares two snapshots or more.
    pub fn new(snapshots: &'s [Snapshot], intervals: &'s [u64]) -> Self {
        let (last, earlier) = (&snapshots[snapshots.len() - 1], &snapshots[..snapshots.len() - 1]);
        let identities = by_odd_id(last);
        let counterparts = parallel::map(earlier.iter().collect(), |snapshot| {
            Counterparts::find(snapshot, last, &identities)
        });
        drop(identities);
        let in_all: Vec<bool> = last
            .nodes()
            .map(|node| {
                counterparts.iter().all(|counterparts| counterparts.earlier[node as usize] != NONE)
            })
            .collect();
        let mut survivors_of_each: Vec<Vec<bool>> =
            earlier.iter().map(|snapshot| vec![false; snapshot.node_count()]).collect();
        for (marked, counterparts) in survivors_of_each.iter_mut().zip(&counterparts) {
            for (node, &counterpart) in counterparts.earlier.iter().enumerate() {
                if in_all[node] {
                    marked[counterpart as usize] = true;
                }
            }
        }
        survivors_of_each.push(in_all);
        Series { snapshots, counterparts, survivors_of_each, intervals }
    }

    /// Whether equal ids meant equal objects in some of the snapshots and not in others.
    pub fn is_mixed(&self) -> bool {
        let by_id = self.counterparts.iter().filter(|counterparts| counterparts.by_id).count();
        by_id > 0 && by_id < self.counterparts.len()
    }

    /// The snapshots, the oldest first.
    pub fn snapshots(&self) -> &'s [Snapshot] {
        self.snapshots
    }

    pub fn last(&self) -> &'s Snapshot {
        &self.snapshots[self.snapshots.len() - 1]
    }

    /// The objects of the last snapshot that all snapshots have.
    pub fn survivors(&self) -> Survivors<'_> {
        self.survivors_of_each.last().map_or(Survivors::None, |marked| Survivors::Marked(marked))
    }

    /// Whether all snapshots have this node of the last one.
    pub fn is_old(&self, node: Node) -> bool {
        self.survivors().has(node)
    }

    /// The counterparts of a node of the last snapshot in the earlier ones.
    pub fn before(&self, node: Node) -> Vec<Node> {
        self.counterparts.iter().map(|counterparts| counterparts.earlier[node as usize]).collect()
    }

    /// From the nodes of a snapshot to those of the last; none for the last itself.
    pub fn to_last(&self, index: usize) -> Option<Vec<Node>> {
        let counterparts = self.counterparts.get(index)?;
        let mut to_last = vec![NONE; self.snapshots[index].node_count()];
        for (node, &counterpart) in counterparts.earlier.iter().enumerate() {
            if counterpart != NONE {
                to_last[counterpart as usize] = node as Node;
            }
        }
        Some(to_last)
    }

    /// What a program put there: a new backing store stands for the objects in it.
    pub fn items(&self, sample: Vec<Node>) -> Vec<Node> {
        const MOST: usize = 2048;
        let last = self.last();
        let mut items = Vec::with_capacity(sample.len());
        for node in sample {
            if items.len() >= MOST {
                break;
            }
            if !is_store(last, node) {
                items.push(node);
                continue;
            }
            let is_item = |node: Node| {
                !self.is_old(node)
                    && matches!(
                        last.kind(node),
                        NodeKind::Object
                            | NodeKind::Closure
                            | NodeKind::Hidden
                            | NodeKind::SlicedString
                    )
            };
            items.extend(
                last.edges(node).map(|edge| edge.to).filter(|&node| is_item(node)).take(MOST),
            );
        }
        items.sort_unstable();
        items.dedup();
        items
    }
}
