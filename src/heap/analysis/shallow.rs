//! Shallow sizes as DevTools shows them: what is V8's own (backing stores, hidden objects, the
//! characters of external strings) counts for the one object that owns it.

use crate::heap::graph::bits::Bits;
use crate::heap::graph::columns::Columns;
use crate::heap::graph::kind::NodeKind;
use crate::heap::graph::sizes::Sizes;

const UNOWNED: u32 = u32::MAX;
const SHARED: u32 = u32::MAX - 1;

/// Moves the sizes of owned nodes, which are apart from the graph, to their owners.
pub(in crate::heap) fn move_to_owners(columns: &Columns, sizes: &mut Sizes) {
    // Without a user's root the snapshot shows V8's internals, and shows them as they are.
    if !has_user_root(columns) {
        return;
    }
    let mut ownable = Bits::new(columns.node_count());
    (0..columns.node_count())
        .filter(|node| is_ownable(columns, *node))
        .for_each(|node| ownable.set(node));
    let owners = owners(columns, &ownable);
    for owned in ownable.iter() {
        let owner = owners[owned] as usize;
        if owner >= SHARED as usize {
            continue;
        }
        if columns.kinds[owner] != NodeKind::Synthetic && owner != columns.root as usize {
            let size = sizes.get(owned);
            sizes.set(owned, 0);
            sizes.add(owner, size);
        }
    }
}

/// Whether the root has a child that is a program's own: the global object, as a rule.
fn has_user_root(columns: &Columns) -> bool {
    columns
        .targets_of(columns.root as usize)
        .iter()
        .any(|target| is_user_root(columns, target.node()))
}

/// Not a grouping of V8's, unless it is that of Chrome's documents.
pub(in crate::heap) fn is_user_root(columns: &Columns, node: usize) -> bool {
    columns.kinds[node] != NodeKind::Synthetic
        || columns.strings.raw(columns.names[node]) == b"(Document DOM trees)"
}

/// Whether a node may count for another: it is V8's own.
#[inline]
fn is_ownable(columns: &Columns, node: usize) -> bool {
    match columns.kinds[node] {
        NodeKind::Hidden | NodeKind::Array => true,
        NodeKind::Native => {
            columns.strings.raw(columns.names[node]) == b"system / ExternalStringData"
        }
        _ => false,
    }
}

/// For each ownable node the one that owns it, UNOWNED or SHARED; others own themselves.
fn owners(columns: &Columns, ownable: &Bits) -> Vec<u32> {
    let mut owners = vec![UNOWNED; columns.node_count()];
    // Ownership only ever rises, from none over one to several, so the order does not matter.
    let mut pending = Vec::new();
    for start in 0..columns.node_count() {
        if ownable.has(start) {
            continue;
        }
        owners[start] = start as u32;
        pending.push(start);
        while let Some(node) = pending.pop() {
            let owner = owners[node];
            for target in columns.targets_of(node) {
                let to = target.node();
                if !ownable.has(to) || target.is_weak() {
                    continue;
                }
                let current = owners[to];
                if current != owner && current != SHARED {
                    owners[to] = if current == UNOWNED { owner } else { SHARED };
                    pending.push(to);
                }
            }
        }
    }
    owners
}
