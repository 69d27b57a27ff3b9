//! Naming a leak from snapshots of one process: what grew, what retains it, what it is called, where it stands in the
//! code.
//!
//! Three snapshots separate a leak from warm-up: what a process fills once rises from the first to the second, and no
//! more.

mod advice;
pub(in crate::heap) mod causes;
mod composition;
mod count;
mod draft;
mod evidence;
mod finding;
mod handles;
mod naming;
mod parts;
pub(in crate::heap) mod pipeline;
mod rule;
mod rules;
mod single;
pub(in crate::heap) mod suspect;

pub use rules::caches::BoundedCache;
