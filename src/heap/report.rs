//! What `plimsoll analyze` says about one to three snapshots, as the JSON of `lib/cli/analyze.js`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::leak::{Suspect, Suspects, suspects};
use super::{Report, Result, Snapshot};

/// What the caller may choose.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// How many suspects at most; 10 unless given.
    pub top: Option<usize>,
}

/// A snapshot that was read.
#[derive(Debug, Serialize)]
struct Source {
    path: String,
    bytes: u64,
    nodes: usize,
    edges: usize,
}

#[derive(Debug, Serialize)]
struct Analysis {
    suspects: Vec<Suspect>,
    snapshots: Vec<Source>,
    notes: Vec<String>,
}

/// Reads the snapshots, oldest first, and says what they show, as JSON.
pub fn analyze(paths: &[impl AsRef<Path>], options: &Options, report: Report) -> Result<String> {
    let mut snapshots = Vec::with_capacity(paths.len());
    let mut sources = Vec::with_capacity(paths.len());
    for path in paths {
        let path = path.as_ref();
        let snapshot = Snapshot::open(path, report)?;
        sources.push(Source {
            path: path.display().to_string(),
            bytes: snapshot.bytes(),
            nodes: snapshot.node_count(),
            edges: snapshot.edge_count(),
        });
        snapshots.push(snapshot);
    }
    let Suspects { suspects, notes } = suspects(&snapshots, options.top.unwrap_or(10));
    Ok(serde_json::json!(Analysis { suspects, snapshots: sources, notes }).to_string())
}
