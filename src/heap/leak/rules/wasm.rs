//! Memory of WebAssembly, whose size a snapshot may not tell.

use crate::heap::compare::attribution::Claim;
use crate::heap::compare::series::Series;
use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::context::GrowthContext;
use crate::heap::explain::{names, route};
use crate::heap::graph::kind::NodeKind;
use crate::heap::leak::advice;
use crate::heap::leak::causes::{Cause, Detail};
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::finding::Finding;
use crate::heap::leak::rule::Rule;
use crate::heap::leak::rules::buffers;
use crate::heap::leak::suspect::Suspect;
use crate::heap::snapshot::{Node, Snapshot};
use crate::js_source::files;

/// What buffers gain in a leak outside of the heap at least: half of what the trend calls a growth (2 MB), as the snapshots
/// may span only a part of it.
const LEAST_GROWTH: u64 = 1 << 20;

/// So many memories are listed at most.
const MOST: usize = 64;

pub(in crate::heap) struct Wasm;

impl Rule for Wasm {
    fn match_contents(&self, evidence: &Evidence) -> Option<Finding> {
        let (snapshot, thing) = (evidence.snapshot(), evidence.thing());
        let is_memory = snapshot.kind(thing) == NodeKind::WasmObject
            || (snapshot.kind(thing) == NodeKind::Object && snapshot.raw_name(thing) == b"Memory");
        is_memory.then(|| Finding::of_contents(Cause::Buffers, evidence))
    }
}

/// Whether the memory of buffers grew, whatever retains them: then that is what grew outside of the heap.
pub(in crate::heap) fn buffers_grew(snapshots: &[Snapshot]) -> bool {
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
pub(in crate::heap) fn add_memories(
    index: &CodeIndex,
    series: &Series,
    suspects: &mut Vec<Suspect>,
    notes: &mut Vec<String>,
) {
    let snapshot = index.snapshot;
    let context = GrowthContext { index, survivors: series.survivors() };
    let is_memory = |&node: &Node| {
        snapshot.raw_name(node) == b"Memory"
            && series.is_old(node)
            && index
                .property(node, "__proto__")
                .is_some_and(|proto| snapshot.raw_name(proto) == b"WebAssembly.Memory")
    };
    for node in snapshot.nodes().filter(is_memory).take(MOST) {
        let steps = route::route(&context, node);
        let named = names::name(index, &steps);
        let Some(place) = named.place.filter(|place| !files::is_internal(&place.file)) else {
            continue;
        };
        let package = files::package_of(&place.file, snapshot.readable());
        let mut path = named.path;
        path.push("WebAssembly.Memory".to_owned());
        suspects.insert(
            0,
            Suspect {
                cause: Cause::Buffers,
                advice: advice::advice(
                    Cause::Buffers,
                    Detail::Plain,
                    buffers::ADVICE.to_owned(),
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
                retained: Vec::new(),
                ids: Vec::new(),
                is_other_end: false,
                weight: 0,
                claim: Claim::default(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::module;
    use crate::heap::leak::rules::testing::finding;

    #[test]
    fn memory_of_webassembly_is_buffers() {
        let mut graph = module();
        let memory = graph.node("object", "Memory", 11, 32);
        graph.edge(2, "context", "memory", memory);
        let finding = finding(&graph, 11, &[]);
        assert_eq!((finding.cause, finding.detail), (Cause::Buffers, Detail::Plain));
    }

    #[test]
    fn only_what_grows_by_a_megabyte_is_the_growth_of_buffers() {
        let with = |size: u64| {
            let mut graph = module();
            let memory = graph.node("native", "system / JSArrayBufferData", 11, size);
            graph.edge(2, "context", "memory", memory);
            graph.snapshot()
        };
        assert!(buffers_grew(&[with(100), with(100 + LEAST_GROWTH)]));
        assert!(!buffers_grew(&[with(100), with(99 + LEAST_GROWTH)]));
        assert!(!buffers_grew(&[]));
    }
}
