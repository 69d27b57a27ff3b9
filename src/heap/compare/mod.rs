//! What differs between snapshots of one process: their order, which objects are the same, what grew and who owns it.

pub(in crate::heap) mod attribution;
mod by_name;
pub(in crate::heap) mod entries;
mod gather;
pub(in crate::heap) mod growth;
pub(in crate::heap) mod ids;
mod matching;
pub(in crate::heap) mod order;
pub(in crate::heap) mod owners;
mod pace;
pub(in crate::heap) mod replaced;
mod scattered;
pub(in crate::heap) mod series;
pub(in crate::heap) mod stores;
pub(in crate::heap) mod survivors;
pub(in crate::heap) mod taken;
#[cfg(test)]
mod tests;
