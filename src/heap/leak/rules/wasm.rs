//! Memory of WebAssembly, whose size a snapshot may not contain. Objects of it are `Buffers`; these functions find
//! those that are likely to have grown unseen.

use crate::heap::compare::attribution::Claim;
use crate::heap::compare::series::Series;
use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::context::GrowthContext;
use crate::heap::explain::{names, route};
use crate::heap::graph::kind::NodeKind;
use crate::heap::leak::advice;
use crate::heap::leak::causes::{Cause, Detail};
use crate::heap::leak::rules::buffers;
use crate::heap::leak::suspect::Suspect;
use crate::heap::snapshot::{Node, Snapshot};
use crate::js_source::files;

/// What buffers gain in a leak outside of the heap at least: half of what the trend calls a growth (2 MB), as the
/// snapshots may span only a part of it.
const LEAST_GROWTH: u64 = 1 << 20;

/// So many memories are listed at most.
const MOST: usize = 64;

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

/// From Node 26 on a WebAssembly memory shows its size only while a program looks at its buffer. Where memory outside
/// of the heap grows and no buffer does, it is likely to be one of these.
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
                retaining_path: Vec::new(),
                instance: None,
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
                native_bytes: None,
                registered: false,
                ids: Vec::new(),
                is_other_end: false,
                is_added_by_node: false,
                weight: 0,
                claim: Claim::default(),
                path,
                holder: named.holder,
                captured: None,
                cache: None,
                unit: None,
                package,
                sites: Vec::new(),
                adder: None,
                delay: None,
                handles: 0,
            },
        );
        notes.push("these snapshots do not contain the size of WebAssembly memory: it is listed because memory outside of the heap grew and no buffer did".to_owned());
    }
    notes.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::module;

    /// Three snapshots of a module with a memory, which the last ones have.
    fn memories(class: &str, proto: &str, file: &str, is_new: bool) -> Vec<Snapshot> {
        let graph = |has_memory: bool| {
            let mut graph = module();
            graph.in_file(file, 21);
            if has_memory {
                let memory = graph.variable("memory", class, 11);
                let prototype = graph.node("object", proto, 13, 32);
                graph.edge(memory, "property", "__proto__", prototype);
            }
            graph.snapshot()
        };
        vec![graph(!is_new), graph(true), graph(true)]
    }

    fn listed(snapshots: &[Snapshot]) -> (Vec<Suspect>, Vec<String>) {
        let last = &snapshots[snapshots.len() - 1];
        last.index_retainers();
        let series = Series::new(snapshots, &[]);
        let (mut suspects, mut notes) = (Vec::new(), Vec::new());
        add_memories(&CodeIndex::new(last), &series, &mut suspects, &mut notes);
        (suspects, notes)
    }

    #[test]
    fn memories_of_the_program_that_stay_are_listed() {
        let memory = |file, is_new| memories("Memory", "WebAssembly.Memory", file, is_new);
        let (suspects, notes) = listed(&memory("/srv/app.js", false));
        let [suspect] = suspects.as_slice() else { panic!("{suspects:?}") };
        assert_eq!((suspect.cause, suspect.name.as_str()), (Cause::Buffers, "memory"));
        assert_eq!(suspect.path.last().map(String::as_str), Some("WebAssembly.Memory"));
        assert_eq!(notes.len(), 1);
        for (what, snapshots) in [
            ("new", memory("/srv/app.js", true)),
            ("Node's", memory("node:internal/wasm", false)),
            ("of another class", memories("Mem", "WebAssembly.Memory", "/srv/app.js", false)),
            ("another prototype's", memories("Memory", "Memory", "/srv/app.js", false)),
        ] {
            let (suspects, notes) = listed(&snapshots);
            assert!(suspects.is_empty() && notes.is_empty(), "{what}: {suspects:?}");
        }
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
