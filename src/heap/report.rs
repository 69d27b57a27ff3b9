//! What `plimsoll analyze` says about one to three snapshots, as the JSON of `lib/cli/analyze.js`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::listed;
use super::leak::{Names, Suspect, Suspects, Unconfirmed, suspects};
use super::order::{self, Basis};
use super::parallel::{self, both};
use super::progress::{Phase, Whole};
use super::summary::{Summary, summary};
use super::{Error, Report, Result, Snapshot, read, taken};

/// What the caller may choose.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// How many suspects at most; 10 unless given.
    pub top: Option<usize>,
    /// The id of an object in the last snapshot: only the way to it is wanted.
    pub path: Option<u32>,
    /// Growth of fewer bytes than this is no suspect; 64 KiB or a hundredth of the live heap, the larger, unless given.
    pub least_growth: Option<u64>,
    /// The channel that grew, where the caller knows it.
    pub channel: Option<Channel>,
    /// Seconds from each snapshot to the next; empty where that is not known.
    #[serde(skip)]
    pub intervals: Vec<u64>,
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
#[serde(rename_all = "camelCase")]
struct Source {
    path: String,
    bytes: u64,
    nodes: usize,
    edges: usize,
    /// Whether its contents were taken out.
    redacted: bool,
    /// Bytes of all its objects.
    heap_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Analysis {
    suspects: Vec<Suspect>,
    unconfirmed: Vec<Unconfirmed>,
    /// The oldest first.
    snapshots: Vec<Source>,
    /// What told which is older.
    order: Basis,
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
    let given: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
    order::refuse_same(&given)?;
    let pids = taken::processes(&given);
    if pids.len() > 1 {
        return Err(Error::Processes { pids });
    }
    let mtimes = order::mtimes(&given);
    // What is not there is said before anything is read.
    let open = |path: &&Path| read::open(path).map_err(|error| error.of(path));
    let sources = given.iter().map(open).collect::<Result<Vec<_>>>()?;
    let lengths: Vec<Option<u64>> = sources.iter().map(|source| source.length).collect();
    let whole = Whole::new(report, &lengths);
    let snapshots = parallel::map(sources.into_iter().enumerate().collect(), |(at, source)| {
        Snapshot::load(source, &|progress| whole.note(at, progress))
    });
    let whose = |(snapshot, path): (Result<Snapshot>, &&Path)| snapshot.map_err(|e| e.of(path));
    let snapshots = snapshots.into_iter().zip(&given).map(whose).collect::<Result<Vec<_>>>()?;
    let (places, basis) = order::order(&given, &snapshots, mtimes.as_deref())?;
    let (paths, snapshots) = arranged(&given, snapshots, &places);
    let Some(last) = snapshots.last() else {
        return Err(Error::Schema("no snapshot was given".to_owned()));
    };
    if let Some(id) = options.path {
        return way(last, id);
    }
    if whole.say(Phase::Comparing).is_break() {
        return Err(Error::Cancelled);
    }
    let options = Options { intervals: taken::intervals(&paths), ..options.clone() };
    let Findings { suspects, unconfirmed, mut notes, summary } = describe(&snapshots, &options);
    notes.extend(order_notes(&given, &paths, basis));
    let snapshots = paths.iter().zip(&snapshots).map(|(path, snapshot)| Source {
        path: path.display().to_string(),
        bytes: snapshot.bytes(),
        nodes: snapshot.node_count(),
        edges: snapshot.edge_count(),
        redacted: snapshot.is_redacted(),
        heap_bytes: snapshot.nodes().map(|node| snapshot.shallow(node)).sum(),
    });
    let snapshots = snapshots.collect();
    Ok(serde_json::json!(Analysis {
        suspects,
        unconfirmed,
        snapshots,
        order: basis,
        notes,
        summary
    })
    .to_string())
}

/// The snapshots with their names, by their places.
fn arranged<'p>(
    paths: &[&'p Path],
    snapshots: Vec<Snapshot>,
    places: &[usize],
) -> (Vec<&'p Path>, Vec<Snapshot>) {
    let mut snapshots: Vec<Option<Snapshot>> = snapshots.into_iter().map(Some).collect();
    let arranged = places.iter().filter_map(|&at| Some((paths[at], snapshots[at].take()?)));
    arranged.unzip()
}

/// What to say of the order, where it is not the one given, or where nothing confirms that.
fn order_notes(given: &[&Path], used: &[&Path], basis: Basis) -> Vec<String> {
    let mut notes = Vec::new();
    let names: Vec<PathBuf> = used.iter().map(|path| path.to_path_buf()).collect();
    if given != used {
        notes.push(format!("the snapshots are put in order {}: {}", basis.words(), listed(&names)));
    } else if basis == Basis::Given && given.len() > 1 {
        notes.push("neither the files' names nor their times nor V8's object ids tell the order of the snapshots: they are taken as given, the oldest first".to_owned());
    }
    notes
}

/// What one snapshot or more show.
#[derive(Debug)]
pub struct Findings {
    /// The likeliest first.
    pub suspects: Vec<Suspect>,
    /// What grew, but by too little or too unevenly to be a suspect.
    pub unconfirmed: Vec<Unconfirmed>,
    /// What was said less for, and why.
    pub notes: Vec<String>,
    /// Of the last snapshot.
    pub summary: Summary,
}

/// Compares snapshots of one process, oldest first, and summarises the last.
///
/// # Panics
/// If there is none.
pub fn describe(snapshots: &[Snapshot], options: &Options) -> Findings {
    let last = &snapshots[snapshots.len() - 1];
    let most = options.top.unwrap_or(10);
    let (Suspects { suspects, unconfirmed, notes }, summary) =
        both(|| suspects(snapshots, most, options), || summary(last, most));
    Findings { suspects, unconfirmed, notes, summary }
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
