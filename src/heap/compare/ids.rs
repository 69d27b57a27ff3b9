//! What V8's object ids say: which objects of two snapshots are the same, and which snapshot is the later one.

use std::cmp::Ordering;

use crate::heap::graph::kind::NodeKind;
use crate::heap::snapshot::{Node, Snapshot};

/// No counterpart.
pub(in crate::heap) const NONE: Node = Node::MAX;

/// A rope that was flattened and a string are one object.
fn is_same_kind(a: NodeKind, b: NodeKind) -> bool {
    let is_string =
        |kind| matches!(kind, NodeKind::String | NodeKind::ConsString | NodeKind::SlicedString);
    a == b || (is_string(a) && is_string(b))
}

/// How far two objects of one id agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::heap) enum Agreement {
    /// They are different objects.
    None,
    /// They may be one object: the node of a string says less of it once it is a part of a rope.
    Kind,
    /// They have the same kind and name.
    Full,
}

pub(in crate::heap) fn agreements(
    earlier: &Snapshot,
    later: &Snapshot,
    common: &[(Node, Node)],
) -> Vec<Agreement> {
    // The tables of strings differ: for each string of the later one the last of the earlier one that was found to
    // equal it.
    let mut known = vec![u32::MAX; later.string_count()];
    let mut agreement = |&(node, other): &(Node, Node)| {
        let kind = later.kind(node);
        if !is_same_kind(earlier.kind(other), kind) {
            return Agreement::None;
        }
        let (ours, theirs) = (earlier.name_index(other), later.name_index(node));
        let known = &mut known[theirs as usize];
        if *known == ours || earlier.raw_string(ours) == later.raw_string(theirs) {
            *known = ours;
            Agreement::Full
        } else if matches!(kind, NodeKind::Object | NodeKind::Closure) {
            Agreement::None
        } else {
            Agreement::Kind
        }
    };
    common.iter().map(&mut agreement).collect()
}

/// The nodes with odd ids, by ascending id; of several with one id the last.
pub(in crate::heap) fn by_odd_id(snapshot: &Snapshot) -> Vec<Node> {
    let is_odd = |node: &Node| snapshot.id(*node) % 2 == 1;
    let odd = snapshot.nodes().filter(is_odd);
    let highest = odd.map(|node| snapshot.id(node)).max().unwrap_or(0) as usize;
    // Where ids are dense, and they are unless most objects of the process have died, a table takes less time than a
    // sort.
    if highest / 2 <= 8 * snapshot.node_count() + 1024 {
        let mut table = vec![NONE; highest / 2 + 1];
        for node in snapshot.nodes().filter(is_odd) {
            table[snapshot.id(node) as usize / 2] = node;
        }
        table.retain(|&node| node != NONE);
        return table;
    }
    let key = |node: Node| u64::from(snapshot.id(node)) << 32 | u64::from(!node);
    let mut keys: Vec<u64> = snapshot.nodes().filter(is_odd).map(key).collect();
    keys.sort_unstable();
    keys.dedup_by_key(|key| *key >> 32);
    keys.into_iter().map(|key| !(key as Node)).collect()
}

/// The pairs (later, earlier) of one odd id, by ascending id.
pub(in crate::heap) fn common(
    earlier: &Snapshot,
    later: &Snapshot,
    identities: &[Node],
) -> Vec<(Node, Node)> {
    let mut ours = by_odd_id(earlier).into_iter().peekable();
    let pair = |&node: &Node| {
        let id = later.id(node);
        while ours.next_if(|&ours| earlier.id(ours) < id).is_some() {}
        ours.next_if(|&ours| earlier.id(ours) == id).map(|ours| (node, ours))
    };
    identities.iter().filter_map(pair).collect()
}

/// At most about so many objects are compared to find out whether equal ids mean equal objects.
const COMPARED: usize = 8192;

/// A snapshot with its nodes by ascending id.
pub(in crate::heap) struct Numbered<'s> {
    snapshot: &'s Snapshot,
    by_id: Vec<Node>,
}

impl<'s> Numbered<'s> {
    pub fn new(snapshot: &'s Snapshot) -> Self {
        Numbered { snapshot, by_id: by_odd_id(snapshot) }
    }

    /// Whether this snapshot is the earlier one (`Less`) or the later one; `None` where ids do not tell.
    ///
    /// A process assigns ids in ascending order and never twice. So what the later snapshot has below the earlier one's
    /// highest id was alive in the earlier one as well, and some of what the earlier one has has died since. A forked
    /// child that numbers all objects by itself leaves no gaps: then nothing seems to have died, and ids prove nothing.
    pub fn order(&self, other: &Numbered) -> Option<Ordering> {
        let id = |of: &Numbered, at: usize| of.by_id.get(at).map(|&node| of.snapshot.id(node));
        let (mut ours, mut theirs, mut died, mut born) = (0, 0, 0, 0);
        let mut common: Vec<(Node, Node)> = Vec::new();
        while let (Some(one), Some(two)) = (id(self, ours), id(other, theirs)) {
            match one.cmp(&two) {
                Ordering::Less => died += 1,
                Ordering::Greater => born += 1,
                Ordering::Equal => common.push((other.by_id[theirs], self.by_id[ours])),
            }
            ours += usize::from(one <= two);
            theirs += usize::from(two <= one);
        }
        let step = (common.len() / COMPARED).max(1);
        let sample: Vec<(Node, Node)> = common.into_iter().step_by(step).collect();
        let agreements = agreements(self.snapshot, other.snapshot, &sample);
        if reliable_prefix(&agreements) < agreements.len() {
            return None;
        }
        match (died, born) {
            _ if died > FEW_STRAYS * born => Some(Ordering::Less),
            _ if born > FEW_STRAYS * died => Some(Ordering::Greater),
            _ => None,
        }
    }
}

/// An object may leave a snapshot and come back, as one that only V8's compiler held: one among so many that have died.
const FEW_STRAYS: usize = 20;

/// How many of the common ids, from the lowest on, mean the same object.
///
/// Objects of one id that have the same kind and name agree; where ids are identities nearly all do, where they are
/// not, few. The prefix ends where the sum of (agreement - 0.9) is greatest.
pub(in crate::heap) fn reliable_prefix(agreements: &[Agreement]) -> usize {
    let (mut sum, mut best, mut prefix) = (0i64, 0, 0);
    for (index, &agreement) in agreements.iter().enumerate() {
        sum += if agreement == Agreement::Full { 1 } else { -9 };
        if sum >= best {
            (best, prefix) = (sum, index + 1);
        }
    }
    // A rope that was flattened, a class that was renamed: a few at the end do not make ids unreliable.
    let strays = 8 + agreements.len() as i64 / 1000;
    if best - sum <= 9 * strays { agreements.len() } else { prefix }
}
