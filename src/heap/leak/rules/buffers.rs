//! Buffers and typed arrays.

use crate::heap::leak::causes::Cause;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::finding::Finding;
use crate::heap::leak::rule::{About, Rule};

pub(in crate::heap) struct Buffers;

pub(in crate::heap) const ADVICE: &str = "drop or bound the buffers; copy small slices (Buffer.from(slice)) so that they do not retain their slab";

impl Rule for Buffers {
    fn match_contents(&self, evidence: &Evidence) -> Option<Finding> {
        let contents = evidence.contents();
        let is_most = contents.composition.is_most(contents.composition.buffers);
        (is_most || contents.container == Cause::Buffers)
            .then(|| Finding::of_contents(Cause::Buffers, evidence))
    }

    fn advice(&self, cause: Cause, _about: &About) -> Option<String> {
        (cause == Cause::Buffers).then(|| ADVICE.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::rules::testing::{finding, ids, suspect};

    /// So many items that have each a buffer of this size.
    fn buffers(bytes: u64) -> Graph {
        let mut graph = module();
        let parts = graph.variable("parts", "Array", 11);
        for (at, part) in graph.elements(parts, "Part", 1001, 20).into_iter().enumerate() {
            let first = 1003 + 100 * at as u32;
            let buffer = graph.member(part, "buffer", "ArrayBuffer", first);
            let memory = graph.node("native", "system / JSArrayBufferData", first + 2, bytes);
            graph.edge(buffer, "internal", "backing_store", memory);
        }
        graph
    }

    #[test]
    fn items_that_are_mostly_buffers_are_buffers() {
        assert_eq!(finding(&buffers(10_000), 11, &ids(1001, 20)).cause, Cause::Buffers);
        assert_eq!(finding(&buffers(10), 11, &ids(1001, 20)).cause, Cause::Array);
        let suspect = suspect(&buffers(10_000), 11, &ids(1001, 20)).unwrap();
        assert_eq!(suspect.name, "parts");
        assert!(suspect.advice.starts_with("drop or bound the buffers"), "{}", suspect.advice);
    }

    #[test]
    fn a_buffer_that_swells_is_one() {
        let mut graph = module();
        graph.variable("log", "ArrayBuffer", 11);
        assert_eq!(finding(&graph, 11, &[]).cause, Cause::Buffers);
    }
}
