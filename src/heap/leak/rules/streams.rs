//! Streams that are not read, or written to faster than they drain.

use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::route::RouteStep;
use crate::heap::graph::kind::EdgeKind;
use crate::heap::leak::causes::{Cause, Unit};
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::finding::Finding;
use crate::heap::leak::rule::{About, Rule};
use crate::heap::snapshot::Node;

pub(in crate::heap) struct Streams;

impl Rule for Streams {
    fn match_step(
        &self,
        evidence: &Evidence,
        at: usize,
        reference: (EdgeKind, &[u8]),
    ) -> Option<Finding> {
        let (index, member) = (evidence.index(), evidence.steps.get(at + 1));
        let holds_chunks = match reference {
            (EdgeKind::Property, b"_readableState" | b"_writableState")
                if evidence.remaining(at) <= 6 =>
            {
                holds_chunks(index, member)
            }
            // A stream of the web's has its chunks in its controller.
            (EdgeKind::Property, b"<symbol kState>")
                if is_web_stream(index, evidence.steps[at].from) =>
            {
                member.is_some_and(|step| index.snapshot.edge_name(&step.edge) == "queue")
            }
            _ => return None,
        };
        let unit = holds_chunks.then_some(Unit::Chunks);
        Some(Finding { unit, ..Finding::at(Cause::Streams, at) })
    }

    fn match_contents(&self, evidence: &Evidence) -> Option<Finding> {
        let composition = &evidence.contents().composition;
        composition
            .is_most(composition.streams)
            .then(|| Finding::of_contents(Cause::Streams, evidence))
    }

    fn advice(&self, cause: Cause, _about: &About) -> Option<String> {
        (cause == Cause::Streams).then(|| {
            "consume it (pipeline, resume), and wait for 'drain' when write() returns false, or destroy the stream".to_owned()
        })
    }
}

fn is_web_stream(index: &CodeIndex, node: Node) -> bool {
    let class = index.snapshot.raw_name(node);
    index.is_internal_code(node)
        && (class.starts_with(b"Readable") || class.starts_with(b"Writable"))
}

/// Whether this member of a stream's state is where its chunks wait (`buffer`, `buffered`, `kBufferedValue`).
fn holds_chunks(index: &CodeIndex, member: Option<&RouteStep>) -> bool {
    member.is_some_and(|step| {
        index.snapshot.edge_name(&step.edge).to_ascii_lowercase().contains("buffer")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::rules::testing::{finding, ids, suspect};

    fn stream(state: &str, member: &str) -> Graph {
        let mut graph = module();
        let stream = graph.variable("upload", "Upload", 11);
        let state = graph.member(stream, state, "State", 13);
        let list = graph.member(state, member, "Array", 15);
        graph.elements(list, "Chunk", 1001, 20);
        graph
    }

    #[test]
    fn chunks_that_wait_in_a_stream_are_counted_as_such() {
        for (state, member, unit) in [
            ("_readableState", "buffer", Some(Unit::Chunks)),
            ("_writableState", "<symbol kBufferedValue>", Some(Unit::Chunks)),
            ("_writableState", "pipes", None),
        ] {
            let found = finding(&stream(state, member), 15, &ids(1001, 20));
            assert_eq!((found.cause, found.unit, found.subject), (Cause::Streams, unit, 1));
        }
        assert_eq!(finding(&stream("state", "buffer"), 15, &ids(1001, 20)).cause, Cause::Array);
    }

    #[test]
    fn what_lies_far_below_a_stream_is_not_waiting_in_it() {
        for (depth, cause) in [(3, Cause::Streams), (5, Cause::Array)] {
            let mut graph = module();
            let stream = graph.variable("upload", "Upload", 11);
            let mut at = graph.member(stream, "_readableState", "State", 13);
            for level in 0..depth {
                at = graph.member(at, "inner", "Object", 15 + 2 * level);
            }
            let list = graph.member(at, "list", "Array", 31);
            graph.elements(list, "Chunk", 1001, 20);
            assert_eq!(finding(&graph, 31, &ids(1001, 20)).cause, cause, "{depth}");
        }
    }

    #[test]
    fn a_stream_of_the_web_is_one_of_nodes_own_classes() {
        for (script, cause) in
            [("node:internal/webstreams", Cause::Streams), ("/a.js", Cause::Array)]
        {
            let mut graph = module();
            let script = graph.script(script);
            let stream = graph.variable("controller", "ReadableStreamDefaultController", 11);
            graph.locate(stream, script, 1);
            let state = graph.member(stream, "<symbol kState>", "Object", 13);
            let queue = graph.member(state, "queue", "Array", 15);
            graph.elements(queue, "Object", 1001, 20);
            let found = finding(&graph, 15, &ids(1001, 20));
            assert_eq!(found.cause, cause);
            assert_eq!(found.unit.is_some(), cause == Cause::Streams);
        }
    }

    #[test]
    fn streams_that_are_collected_are_streams() {
        let mut graph = module();
        let open = graph.variable("open", "Set", 11);
        for (at, stream) in graph.elements(open, "Upload", 1001, 20).into_iter().enumerate() {
            graph.member(stream, "_writableState", "WritableState", 1003 + 100 * at as u32);
        }
        let suspect = suspect(&graph, 11, &ids(1001, 20)).unwrap();
        assert_eq!((suspect.cause, suspect.name.as_str()), (Cause::Streams, "open"));
        assert!(suspect.advice.contains("'drain'"), "{}", suspect.advice);
    }
}
