//! What `plimsoll analyze` says about one to three snapshots, as the JSON of `lib/cli/analyze.js`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Report, Result, Snapshot};

/// What the caller may choose.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {}

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
    snapshots: Vec<Source>,
}

/// Reads the snapshots, oldest first, and says what they show, as JSON.
pub fn analyze(paths: &[impl AsRef<Path>], _options: &Options, report: Report) -> Result<String> {
    let mut snapshots = Vec::with_capacity(paths.len());
    for path in paths {
        let path = path.as_ref();
        let snapshot = Snapshot::open(path, report)?;
        snapshots.push(Source {
            path: path.display().to_string(),
            bytes: snapshot.bytes(),
            nodes: snapshot.node_count(),
            edges: snapshot.edge_count(),
        });
    }
    Ok(serde_json::json!(Analysis { snapshots }).to_string())
}
