//! Caches of bytes for all threads of the process, off the JS heap.
//!
//! [`registry::open`] gives the [`store::SharedStore`] of a name. A store is a number of [`shard`]s, each behind its
//! lock, with a [`policy`] of its own; what they hold together is bounded exactly. No lock is held while anything but
//! this module's code runs, so a thread that ends leaves nothing behind but the computations that it led ([`lease`]).

mod clock;
mod deadlines;
mod discarded;
mod ghosts;
pub mod lease;
mod links;
pub mod mailbox;
pub mod participant;
pub mod policy;
pub mod registry;
mod shard;
pub mod store;
pub mod text;

pub use shard::{Counters, ENTRY_BYTES};
