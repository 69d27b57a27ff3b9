//! Nodes that are a part of another object, or V8's own.

use crate::heap::graph::kind::NodeKind;
use crate::heap::snapshot::{Node, Snapshot};

/// Whether a node is V8's own and says nothing about who uses it.
pub(in crate::heap) fn is_system(snapshot: &Snapshot, node: Node) -> bool {
    match snapshot.kind(node) {
        // What native code holds, handles that are open among it.
        NodeKind::Synthetic => !is_global_handles(snapshot, node),
        NodeKind::Code | NodeKind::ObjectShape => true,
        NodeKind::Hidden => snapshot.raw_name(node) == b"system / NativeContext",
        _ => false,
    }
}

/// The root that native code holds its objects by.
pub(in crate::heap) fn is_global_handles(snapshot: &Snapshot, node: Node) -> bool {
    snapshot.raw_name(node) == b"(Global handles)"
}

/// Whether native code has lists of what it holds here: its root, and Node's lists of all handles there are (`Node /
/// CleanupQueue`).
pub(in crate::heap) fn is_listed(snapshot: &Snapshot, node: Node) -> bool {
    is_global_handles(snapshot, node) || snapshot.kind(node) == NodeKind::Native
}

/// Whether a node is a part of the object that dominates it, not an object that a program sees.
pub(in crate::heap) fn is_store(snapshot: &Snapshot, node: Node) -> bool {
    match snapshot.kind(node) {
        NodeKind::Array => true,
        NodeKind::Native => snapshot.raw_name(node) == b"system / JSArrayBufferData",
        NodeKind::Hidden => matches!(
            snapshot.raw_name(node),
            b"system / PropertyArray" | b"system / ExternalStringData" | b"system / PropertyCell"
        ),
        _ => false,
    }
}

/// The object that a store is a part of; of anything else itself.
pub(in crate::heap) fn owner_of_store(snapshot: &Snapshot, node: Node) -> Node {
    let mut at = node;
    // The root is its own dominator, whatever a damaged file says that it is.
    while is_store(snapshot, at) && snapshot.dominator(at) != at {
        at = snapshot.dominator(at);
    }
    at
}
