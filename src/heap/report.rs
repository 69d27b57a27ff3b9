//! What `plimsoll analyze` says about one to three snapshots, as the JSON of `lib/cli/analyze.js`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::leak::{Names, Suspect, Suspects, suspects};
use super::summary::{Summary, summary};
use super::{Error, Report, Result, Snapshot};

/// What the caller may choose.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// How many suspects at most; 10 unless given.
    pub top: Option<usize>,
    /// The id of an object in the last snapshot: only the way to it is wanted.
    pub path: Option<u32>,
    /// The channel that grew, where the caller knows it.
    pub channel: Option<Channel>,
}

/// Where memory grew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// V8's heap.
    Heap,
    /// Buffers and what else V8 accounts for outside of its heap.
    External,
    /// Memory that V8 does not know.
    Native,
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
    /// Of the last snapshot.
    summary: Summary,
}

/// An object and the way to it.
#[derive(Debug, Serialize)]
struct Way {
    id: u32,
    name: String,
    shallow: u64,
    retained: u64,
    /// From the module or root down.
    path: Vec<String>,
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
    let Some(last) = snapshots.last() else {
        return Err(Error::Schema("no snapshot was given".to_owned()));
    };
    if let Some(id) = options.path {
        return way(last, id);
    }
    let most = options.top.unwrap_or(10);
    let Suspects { suspects, notes } = suspects(&snapshots, most, options.channel);
    let summary = summary(last, most);
    Ok(serde_json::json!(Analysis { suspects, snapshots: sources, notes, summary }).to_string())
}

fn way(snapshot: &Snapshot, id: u32) -> Result<String> {
    let node = snapshot.by_id(id).ok_or(Error::NoSuchObject(id))?;
    let way = Way {
        id,
        name: snapshot.name(node).into_owned(),
        shallow: snapshot.shallow(node),
        retained: snapshot.retained(node),
        path: Names::new(snapshot).path_to(node),
    };
    Ok(serde_json::json!({ "way": way }).to_string())
}
