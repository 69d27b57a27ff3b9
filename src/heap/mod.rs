//! Reading and understanding V8 heap snapshots.
//!
//! [`Snapshot::open`] reads a `.heapsnapshot` (plain, gzip or zstd; a file, a pipe or standard
//! input) in one pass and computes shallow sizes, dominators and retained sizes by the rules of
//! Chrome DevTools' heap snapshot worker, to the byte. Distances and retainers are computed when
//! first asked for.

mod analysis;
mod compare;
mod error;
mod explain;
mod graph;
#[cfg(test)]
mod graphs;
mod heaviest;
mod image;
mod leak;
mod memory;
#[cfg(test)]
mod model;
mod options;
mod parallel;
mod parse;
mod progress;
mod report;
mod snapshot;
mod spill;
mod summary;

pub use error::{HeapError, HeapResult};
pub use explain::holders::Holder;
pub use explain::instance::Instance;
pub use explain::retaining_path::PathStep;
pub use explain::sites::Site;
pub use graph::kind::{EdgeKind, NodeKind};
pub use leak::BoundedCache;
pub use leak::causes::{Cause, Unit};
pub use leak::suspect::{Suspect, Unexplained};
pub use options::{GrowthChannel, Options};
pub use parse::read::text_of;
pub use progress::{Phase, Progress, Report, unattended};
pub use report::{Findings, analyze, describe};
pub use snapshot::{Edge, EdgeName, Location, Node, Retainer, Snapshot};
pub use spill::Spilling;
pub use summary::{ModuleRow, PackageRow, Row, Shape, Summary};

pub use crate::js_source::files::Package;
