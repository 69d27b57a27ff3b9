//! Memory of WebAssembly, whose size a snapshot may not tell.

use super::super::{Node, NodeKind, Snapshot};
use super::causes::{Cause, Detail};
use super::growth::Series;
use super::scene::Scene;
use super::{MAX_GROWTHS, Suspect, advice, names, route, sources};

/// What buffers gain in a leak outside of the heap at least: half of what the trend calls a growth (2 MB), as the snapshots
/// may span only a part of it.
const LEAST_GROWTH: u64 = 1 << 20;

/// Whether the memory of buffers, whoever holds them, grew: then that is what grew outside of the heap.
pub(super) fn buffers_grew(snapshots: &[Snapshot]) -> bool {
    let bytes = |snapshot: &Snapshot| -> u64 {
        let is_memory = |&node: &Node| {
            snapshot.kind(node) == NodeKind::Native
                && snapshot.raw_name(node) == b"system / JSArrayBufferData"
        };
        snapshot.nodes().filter(is_memory).map(|node| snapshot.shallow(node)).sum()
    };
    let (Some(first), Some(last)) = (snapshots.first(), snapshots.last()) else { return false };
    bytes(last) >= bytes(first) + LEAST_GROWTH
}

/// From Node 26 on a WebAssembly memory shows its size only while a program looks at its buffer. Where memory outside of
/// the heap grows and no buffer does, it is likely to be one of these.
pub(super) fn add_memories(
    scene: &Scene,
    series: &Series,
    suspects: &mut Vec<Suspect>,
    notes: &mut Vec<String>,
) {
    let snapshot = scene.snapshot;
    let is_memory = |&node: &Node| {
        snapshot.raw_name(node) == b"Memory"
            && series.is_old(node)
            && scene
                .property(node, "__proto__")
                .is_some_and(|proto| snapshot.raw_name(proto) == b"WebAssembly.Memory")
    };
    for node in snapshot.nodes().filter(is_memory).take(MAX_GROWTHS) {
        let steps = route::route(scene, node, &|node| series.is_old(node));
        let named = names::name(scene, &steps);
        let Some(place) = named.place.filter(|place| !sources::is_internal(&place.file)) else {
            continue;
        };
        let package = sources::package_of(&place.file);
        let mut path = named.path;
        path.push("WebAssembly.Memory".to_owned());
        suspects.insert(
            0,
            Suspect {
                cause: Cause::Buffers,
                advice: advice::advice(
                    Cause::Buffers,
                    Detail::Plain,
                    None,
                    None,
                    package.as_ref().map(|package| (package, None)),
                ),
                name: named.name,
                file: Some(place.file),
                line: Some(place.line),
                column: Some(place.column),
                proven: false,
                bytes: 0,
                count: None,
                growth: Vec::new(),
                path,
                holder: named.holder,
                captured: None,
                unit: None,
                package,
                sites: Vec::new(),
                delay: None,
                handles: 0,
            },
        );
        notes.push("these snapshots do not tell the size of WebAssembly memory: it is listed because memory outside of the heap grew and no buffer did".to_owned());
    }
    notes.dedup();
}
