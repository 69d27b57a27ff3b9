//! From the bytes of a snapshot's file to its graph, in one pass.

pub(in crate::heap) mod json;
pub(in crate::heap) mod read;
mod read_ahead;
mod schema;
pub(in crate::heap) mod text;
