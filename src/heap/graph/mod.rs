//! The graph of a snapshot as columns: nodes, edges, their names and sizes.

pub(in crate::heap) mod bits;
pub(in crate::heap) mod columns;
pub(in crate::heap) mod edge_names;
pub(in crate::heap) mod kind;
pub(in crate::heap) mod retainers;
pub(in crate::heap) mod sizes;
pub(in crate::heap) mod strings;
