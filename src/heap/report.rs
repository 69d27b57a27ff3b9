//! What `plimsoll analyze` says about one to three snapshots, as the JSON of `lib/cli/analyze.js`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::heap::compare::order::Basis;
use crate::heap::compare::{order, taken};
use crate::heap::error::{HeapError, HeapResult, listed};
use crate::heap::explain::holders::Names;
use crate::heap::leak::pipeline::suspects;
use crate::heap::leak::suspect::{Suspect, Suspects, Unconfirmed, Unexplained};
use crate::heap::options::Options;
use crate::heap::parallel;
use crate::heap::parallel::both;
use crate::heap::parse::read;
use crate::heap::progress::{Phase, Report, Whole};
use crate::heap::snapshot::Snapshot;
use crate::heap::spill::{SpillEnd, spill_into};
use crate::heap::summary::{Summary, summary};
use crate::js_source::readable::ReadableFiles;

/// A snapshot that was read.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    path: String,
    /// Of the file, as it is compressed; of a pipe the text's. None for a pipe of compressed text.
    bytes: Option<u64>,
    nodes: usize,
    edges: usize,
    /// Whether its contents were taken out.
    redacted: bool,
    /// Bytes of all its objects.
    heap_bytes: u64,
}

/// What is known of a file's size before it is read.
enum FileSize {
    Known(u64),
    /// It is what is read.
    OfText,
    Unknown,
}

impl FileSize {
    fn of(source: &read::Source) -> Self {
        match source.file_size {
            Some(size) => FileSize::Known(size),
            None if source.plain => FileSize::OfText,
            None => FileSize::Unknown,
        }
    }

    fn bytes(&self, snapshot: &Snapshot) -> Option<u64> {
        match self {
            FileSize::Known(size) => Some(*size),
            FileSize::OfText => Some(snapshot.bytes()),
            FileSize::Unknown => None,
        }
    }
}

#[derive(Debug, Serialize)]
struct Analysis {
    suspects: Vec<Suspect>,
    unconfirmed: Vec<Unconfirmed>,
    unexplained: Option<Unexplained>,
    /// The oldest first.
    snapshots: Vec<Source>,
    /// Seconds from each snapshot to the next; empty where the files' names do not tell.
    intervals: Vec<u64>,
    /// What the order was found by.
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

/// Refuses snapshots of more than one process.
fn refuse_others(mut pids: Vec<u64>) -> HeapResult<()> {
    pids.sort_unstable();
    pids.dedup();
    if pids.len() > 1 { Err(HeapError::Processes { pids }) } else { Ok(()) }
}

/// Reads the snapshots, oldest first, and says what they show, as JSON.
pub fn analyze(
    paths: &[impl AsRef<Path>],
    options: &Options,
    report: Report,
) -> HeapResult<String> {
    let given: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
    order::refuse_same(&given)?;
    refuse_others(taken::processes(&given))?;
    let mtimes = order::mtimes(&given);
    if let Some(folder) = &options.spill {
        let refused = |why| HeapError::NoSpill { folder: folder.clone(), why };
        let end = |code| SpillEnd {
            code,
            text: format!(
                "plimsoll: what the analysis takes cannot be spilled to {} any more: most likely its disk is full, or the \
                 folder was removed. Free space there, or give a folder on another disk.",
                folder.display()
            ),
        };
        spill_into(folder, options.spill_exit.map(end)).map_err(refused)?;
    }
    // What is not there is said before anything is read.
    let open = |path: &&Path| read::open(path).map_err(|error| error.of(path));
    let sources = given.iter().map(open).collect::<HeapResult<Vec<_>>>()?;
    let of_images = sources.iter().filter_map(|source| source.process);
    refuse_others(taken::processes(&given).into_iter().chain(of_images).collect())?;
    let lengths: Vec<Option<u64>> = sources.iter().map(|source| source.length).collect();
    let sizes: Vec<FileSize> = sources.iter().map(FileSize::of).collect();
    let whole = Whole::new(report, &lengths);
    let load = |(at, source)| Snapshot::load(source, &|progress| whole.note(at, progress));
    let has_images = sources.iter().any(|source| source.process.is_some());
    let sources: Vec<_> = sources.into_iter().enumerate().collect();
    // An image takes twice its heap while it is decoded, so they are decoded one by one.
    let snapshots: Vec<_> = match has_images {
        true => sources.into_iter().map(load).collect(),
        false => parallel::map(sources, load),
    };
    let whose = |(snapshot, path): (HeapResult<Snapshot>, &&Path)| snapshot.map_err(|e| e.of(path));
    let snapshots = snapshots.into_iter().zip(&given).map(whose).collect::<HeapResult<Vec<_>>>()?;
    let readable = Arc::new(ReadableFiles::below(options.sources.clone()));
    let snapshots: Vec<_> =
        snapshots.into_iter().map(|snapshot| snapshot.with_sources(&readable)).collect();
    let (places, basis) = order::order(&given, &snapshots, mtimes.as_deref())?;
    let (paths, snapshots) = arranged(&given, snapshots, &places);
    let Some(last) = snapshots.last() else {
        return Err(HeapError::Schema("no snapshot was given".to_owned()));
    };
    if let Some(id) = options.path {
        return way(last, id);
    }
    if whole.say(Phase::Comparing).is_break() {
        return Err(HeapError::Cancelled);
    }
    let options = Options { intervals: taken::intervals(&paths), ..options.clone() };
    let Findings { suspects, unconfirmed, unexplained, mut notes, summary } =
        describe(&snapshots, &options);
    notes.extend(order_notes(&given, &paths, basis));
    notes.extend(readable.note());
    let sizes = places.iter().map(|&at| &sizes[at]);
    let read = paths.iter().zip(&snapshots).zip(sizes);
    let snapshots = read.map(|((path, snapshot), size)| Source {
        path: path.display().to_string(),
        bytes: size.bytes(snapshot),
        nodes: snapshot.node_count(),
        edges: snapshot.edge_count(),
        redacted: snapshot.is_redacted(),
        heap_bytes: snapshot.nodes().map(|node| snapshot.shallow(node)).sum(),
    });
    let snapshots = snapshots.collect();
    Ok(serde_json::json!(Analysis {
        suspects,
        unconfirmed,
        unexplained,
        snapshots,
        intervals: options.intervals,
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
        notes.push(format!("the snapshots were sorted {}: {}", basis.phrase(), listed(&names)));
    } else if basis == Basis::Given && given.len() > 1 {
        notes.push("neither file names nor file times nor V8's object ids give the order of the snapshots: the given order is used, the oldest first".to_owned());
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
    /// What grew beside the suspects, or beside what grew unevenly where there are none; none for one snapshot.
    pub unexplained: Option<Unexplained>,
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
    let (Suspects { suspects, unconfirmed, notes, unexplained }, summary) =
        both(|| suspects(snapshots, most, options), || summary(last, most));
    Findings { suspects, unconfirmed, unexplained, notes, summary }
}

fn way(snapshot: &Snapshot, id: u32) -> HeapResult<String> {
    let node = snapshot.by_id(id).ok_or(HeapError::NoSuchObject(id))?;
    let way = Way {
        id,
        name: snapshot.name(node).into_owned(),
        shallow: snapshot.shallow(node),
        retained: snapshot.retained(node),
        path: Names::new(snapshot).path_to(node),
    };
    Ok(serde_json::json!({ "way": way }).to_string())
}
