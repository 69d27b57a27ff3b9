//! What an explanation of a growth has at hand.

use crate::heap::compare::survivors::Survivors;
use crate::heap::explain::code_index::CodeIndex;
use crate::heap::snapshot::{Node, Snapshot};

/// The last snapshot with its code, and which of its objects are no part of the growth.
#[derive(Clone, Copy)]
pub(in crate::heap) struct GrowthContext<'c> {
    pub index: &'c CodeIndex<'c>,
    pub survivors: Survivors<'c>,
}

impl<'c> GrowthContext<'c> {
    /// For the way to an object, where nothing grew.
    pub fn of_all(index: &'c CodeIndex<'c>) -> Self {
        GrowthContext { index, survivors: Survivors::All }
    }

    pub fn snapshot(&self) -> &'c Snapshot {
        self.index.snapshot
    }

    /// Whether a node is no part of the growth.
    pub fn survives(&self, node: Node) -> bool {
        self.survivors.has(node)
    }
}
