//! Reading and understanding V8 heap snapshots.
//!
//! [`Snapshot::open`] reads a `.heapsnapshot` (plain, gzip or zstd; a file, a pipe or standard
//! input) in one pass and computes shallow sizes, dominators and retained sizes by the rules of
//! Chrome DevTools' heap snapshot worker, to the byte. Distances and retainers are computed when
//! first asked for.

mod bits;
mod columns;
mod depth_first;
mod distances;
mod dominators;
mod edge_names;
mod error;
mod heaviest;
mod json;
mod kind;
mod leak;
mod memory;
#[cfg(test)]
mod model;
mod order;
mod parallel;
mod parse;
mod prefetch;
mod progress;
mod read;
mod read_ahead;
mod report;
mod retained;
mod retainers;
mod schema;
mod shallow;
mod sizes;
mod snapshot;
mod strings;
mod summary;
mod taken;
mod weak_map;

pub use error::Error;
pub use kind::{EdgeKind, NodeKind};
pub use leak::{Cause, Holder, Package, Site, Suspect};
pub use progress::{Phase, Progress, Report, unattended};
pub use report::{Channel, Findings, Options, analyze, describe};
pub use snapshot::{Edge, EdgeName, Location, Node, Retainer, Snapshot};
pub use summary::{Row, Shape, Summary};

/// The result of reading a snapshot.
pub type Result<T> = std::result::Result<T, Error>;
