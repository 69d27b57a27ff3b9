//! What is computed of a graph: shallow and retained sizes, dominators, distances.

mod depth_first;
pub(in crate::heap) mod distances;
pub(in crate::heap) mod dominators;
mod prefetch;
pub(in crate::heap) mod retained;
pub(in crate::heap) mod shallow;
pub(in crate::heap) mod weak_map;
