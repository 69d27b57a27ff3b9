//! The order in which snapshots were taken, whatever the order in which they are given.
//!
//! Three facts tell it, the stronger first: the times in the files' names, V8's object ids, which one process assigns
//! in ascending order, and the times at which the files were last written. A copy changes only the last.

use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;

use crate::heap::compare::ids::Numbered;
use crate::heap::compare::taken;
use crate::heap::error::{HeapError, HeapResult};
use crate::heap::parallel;
use crate::heap::snapshot::Snapshot;

/// What the order was found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::heap) enum Basis {
    /// Nothing: the files are in the order in which they were given.
    Given,
    /// The times in the files' names.
    Names,
    /// V8's object ids.
    Ids,
    /// The times at which the files were last written.
    Mtimes,
}

impl Basis {
    /// What a note calls it.
    pub fn phrase(self) -> &'static str {
        match self {
            Basis::Given => "in the order given",
            Basis::Names => "by the times in their names",
            Basis::Ids => "by V8's object ids",
            Basis::Mtimes => "by the times at which the files were written",
        }
    }
}

/// Refuses two names of one file, and two files of one content: a snapshot does not differ from itself.
pub(in crate::heap) fn refuse_same(paths: &[&Path]) -> HeapResult<()> {
    for (at, one) in paths.iter().enumerate() {
        for other in &paths[at + 1..] {
            if is_same(one, other) {
                return Err(HeapError::Same { paths: [one, other].map(|path| path.to_path_buf()) });
            }
        }
    }
    Ok(())
}

/// False for what cannot be compared: standard input, and files that cannot be read, which are reported when read.
fn is_same(one: &Path, other: &Path) -> bool {
    if one == Path::new("-") || other == Path::new("-") {
        return one == other;
    }
    let both = || Some((fs::metadata(one).ok()?, fs::metadata(other).ok()?));
    let real = || Some((fs::canonicalize(one).ok()?, fs::canonicalize(other).ok()?));
    match both() {
        Some((ours, theirs)) if ours.is_file() && theirs.is_file() => {
            real().is_some_and(|(one, other)| one == other)
                || (ours.len() == theirs.len() && have_same_content(one, other).unwrap_or(false))
        }
        _ => false,
    }
}

fn have_same_content(one: &Path, other: &Path) -> io::Result<bool> {
    let mut readers = [BufReader::new(File::open(one)?), BufReader::new(File::open(other)?)];
    let mut blocks = [[0; 1 << 16], [0; 1 << 16]];
    loop {
        let mut lengths = [0; 2];
        for ((reader, block), length) in readers.iter_mut().zip(&mut blocks).zip(&mut lengths) {
            while *length < block.len() {
                match reader.read(&mut block[*length..])? {
                    0 => break,
                    read => *length += read,
                }
            }
        }
        if blocks[0][..lengths[0]] != blocks[1][..lengths[1]] {
            return Ok(false);
        }
        if lengths[0] == 0 {
            return Ok(true);
        }
    }
}

/// When the files were last written; `None` where that is unknown for one of them.
pub(in crate::heap) fn mtimes(paths: &[&Path]) -> Option<Vec<SystemTime>> {
    paths.iter().map(|path| fs::metadata(path).ok()?.modified().ok()).collect()
}

/// The snapshots' places in the order in which they were taken, and what that was found by.
///
/// # Errors
/// If the names tell another order than the object ids of one process.
pub(in crate::heap) fn order(
    paths: &[&Path],
    snapshots: &[Snapshot],
    mtimes: Option<&[SystemTime]>,
) -> HeapResult<(Vec<usize>, Basis)> {
    let given: Vec<usize> = (0..paths.len()).collect();
    if paths.len() < 2 {
        return Ok((given, Basis::Given));
    }
    let ids = by_ids(snapshots);
    if let Some(named) = ascending(&taken::keys(paths)) {
        return match ids {
            Some(ids) if ids != named => Err(HeapError::Order {
                by_names: named.iter().map(|&at| paths[at].to_owned()).collect(),
                by_ids: ids.iter().map(|&at| paths[at].to_owned()).collect(),
            }),
            _ => Ok((named, Basis::Names)),
        };
    }
    if let Some(ids) = ids {
        return Ok((ids, Basis::Ids));
    }
    let written = mtimes.and_then(|times| ascending(&times.iter().map(Some).collect::<Vec<_>>()));
    Ok(written.map_or((given, Basis::Given), |written| (written, Basis::Mtimes)))
}

/// By object ids, where each pair has an order by them and the orders agree.
fn by_ids(snapshots: &[Snapshot]) -> Option<Vec<usize>> {
    let numbered = parallel::map(snapshots.iter().collect(), Numbered::new);
    let mut places: Vec<usize> = (0..snapshots.len()).collect();
    for end in (1..places.len()).rev() {
        for at in 0..end {
            let (one, other) = (&numbered[places[at]], &numbered[places[at + 1]]);
            if one.order(other)? == Ordering::Greater {
                places.swap(at, at + 1);
            }
        }
    }
    let is_before =
        |pair: &[usize]| numbered[pair[0]].order(&numbered[pair[1]]) == Some(Ordering::Less);
    places.windows(2).all(is_before).then_some(places)
}

/// The places of the keys in ascending order; `None` where one is unknown or two are equal.
fn ascending<K: Ord>(keys: &[Option<K>]) -> Option<Vec<usize>> {
    if keys.iter().any(Option::is_none) {
        return None;
    }
    let mut places: Vec<usize> = (0..keys.len()).collect();
    places.sort_by(|&a, &b| keys[a].cmp(&keys[b]));
    let is_strict = places.windows(2).all(|pair| keys[pair[0]] != keys[pair[1]]);
    is_strict.then_some(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, program};

    fn places(
        names: &[&str],
        snapshots: &[Snapshot],
        mtimes: Option<&[u64]>,
    ) -> (Vec<usize>, Basis) {
        let paths: Vec<&Path> = names.iter().map(Path::new).collect();
        let at = |&seconds: &u64| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        let mtimes: Option<Vec<SystemTime>> = mtimes.map(|times| times.iter().map(at).collect());
        order(&paths, snapshots, mtimes.as_deref()).unwrap()
    }

    /// As a child numbers all objects by itself: in the order of the heap, without gaps.
    fn forked(turns: [u32; 3]) -> [Snapshot; 3] {
        turns.map(|turns| program(turns).renumbered(1).snapshot())
    }

    const NAMES: [&str; 3] = [
        "Heap.20261121.081939.7.0.001.heapsnapshot",
        "Heap.20261121.081939.7.0.002.heapsnapshot",
        "Heap.20261121.082039.7.0.003.heapsnapshot",
    ];

    #[test]
    fn names_tell_the_order_and_a_counter_tells_it_within_a_second() {
        let [a, b, c] = NAMES;
        let snapshots = forked([400, 200, 300]);
        assert_eq!(places(&[c, a, b], &snapshots, Some(&[1, 2, 3])), (vec![1, 2, 0], Basis::Names));
    }

    #[test]
    fn ids_tell_the_order_of_files_without_times_in_their_names() {
        let snapshots = [400, 200, 300].map(|turns| program(turns).snapshot());
        let names = ["a", "b", "c"];
        assert_eq!(places(&names, &snapshots, Some(&[1, 2, 3])), (vec![1, 2, 0], Basis::Ids));
    }

    #[test]
    fn the_times_of_the_files_tell_it_where_nothing_else_does() {
        let names = ["after", "before", "between"];
        let snapshots = forked([400, 200, 300]);
        assert_eq!(places(&names, &snapshots, Some(&[9, 1, 5])), (vec![1, 2, 0], Basis::Mtimes));
        assert_eq!(places(&names, &snapshots, Some(&[9, 9, 5])), (vec![0, 1, 2], Basis::Given));
        assert_eq!(places(&names, &snapshots, None), (vec![0, 1, 2], Basis::Given));
    }

    #[test]
    fn ids_without_gaps_prove_nothing() {
        let numbered = [400, 390, 380].map(|objects| {
            let mut graph = Graph::new();
            for at in 0..objects {
                let node = graph.node("object", "Item", 3 + 2 * at, 32);
                graph.edge(0, "property", &format!("item{at}"), node);
            }
            graph.snapshot()
        });
        assert_eq!(places(&NAMES, &numbered, None), (vec![0, 1, 2], Basis::Names));
        assert_eq!(places(&["a", "b", "c"], &numbered, None), (vec![0, 1, 2], Basis::Given));
    }

    #[test]
    fn names_that_contradict_the_ids_are_refused() {
        let snapshots = [400, 200, 300].map(|turns| program(turns).snapshot());
        let paths: Vec<&Path> = NAMES.iter().map(Path::new).collect();
        let error = order(&paths, &snapshots, None).unwrap_err();
        assert_eq!(error.code(), "ERR_PLIMSOLL_SNAPSHOT_ORDER");
        assert!(order(&[paths[2], paths[0], paths[1]], &snapshots, None).is_ok());
    }

    #[test]
    fn one_file_by_two_names_and_a_copy_are_the_same() {
        let dir = std::env::temp_dir().join(format!("plimsoll-order-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = |name: &str| dir.join(name);
        fs::write(path("a"), vec![7; 200_000]).unwrap();
        fs::copy(path("a"), path("copy")).unwrap();
        let mut other = vec![7; 200_000];
        other[199_999] = 8;
        fs::write(path("b"), other).unwrap();
        let check = |one: &str, other: &str| refuse_same(&[&path(one), &path(other)]);
        let again = check("a", "./a").map_err(|error| error.code());
        assert_eq!(again, Err("ERR_PLIMSOLL_OPTION"));
        assert!(check("a", "copy").is_err());
        assert!(check("a", "b").is_ok());
        assert!(check("a", "none").is_ok(), "reported when it is read");
        fs::remove_dir_all(&dir).unwrap();
    }
}
