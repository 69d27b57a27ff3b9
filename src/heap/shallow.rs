//! Shallow sizes as DevTools shows them: what is V8's own (backing stores, hidden objects, the
//! characters of external strings) counts for the one object that owns it.

use super::columns::Columns;
use super::kind::NodeKind;

const UNOWNED: u32 = u32::MAX;
const SHARED: u32 = u32::MAX - 1;

/// Moves the sizes of owned nodes to their owners.
pub(super) fn move_to_owners(columns: &mut Columns) {
    // Without a user's root the snapshot shows V8's internals, and shows them as they are.
    if !has_user_root(columns) {
        return;
    }
    for (owned, owner) in owners(columns).into_iter().enumerate() {
        let owner = owner as usize;
        if owner == owned || owner >= SHARED as usize {
            continue;
        }
        if columns.kinds[owner] != NodeKind::Synthetic && owner != columns.root as usize {
            let size = columns.sizes.get(owned);
            columns.sizes.set(owned, 0);
            columns.sizes.add(owner, size);
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
pub(super) fn is_user_root(columns: &Columns, node: usize) -> bool {
    columns.kinds[node] != NodeKind::Synthetic
        || columns.strings.raw(columns.names[node]) == b"(Document DOM trees)"
}

/// For each node the one that owns it: itself, UNOWNED or SHARED.
fn owners(columns: &Columns) -> Vec<u32> {
    let ownable = |node: usize| match columns.kinds[node] {
        NodeKind::Hidden | NodeKind::Array => true,
        NodeKind::Native => {
            columns.strings.raw(columns.names[node]) == b"system / ExternalStringData"
        }
        _ => false,
    };
    let mut owners: Vec<u32> = (0..columns.node_count())
        .map(|node| if ownable(node) { UNOWNED } else { node as u32 })
        .collect();
    // Ownership only ever rises, from none over one to several, so the order does not matter.
    let mut pending = Vec::new();
    for start in 0..columns.node_count() {
        if owners[start] != start as u32 {
            continue;
        }
        pending.push(start);
        while let Some(node) = pending.pop() {
            let owner = owners[node];
            for target in columns.targets_of(node) {
                let to = target.node();
                let current = owners[to];
                if current == to as u32 || current == owner || current == SHARED || target.is_weak()
                {
                    continue;
                }
                owners[to] = if current == UNOWNED { owner } else { SHARED };
                pending.push(to);
            }
        }
    }
    owners
}
