//! Promises that never settle, and what waits for them.

use crate::heap::graph::kind::EdgeKind;
use crate::heap::leak::causes::{Cause, Detail};
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::finding::Finding;
use crate::heap::leak::rule::{About, Rule};

pub(in crate::heap) struct Promises;

/// How V8 calls what waits for a promise.
const REACTION: &[u8] = b"system / PromiseReaction";

impl Rule for Promises {
    /// Nothing waits for what a settled promise resolved to: only a reaction counts.
    fn match_step(
        &self,
        evidence: &Evidence,
        at: usize,
        reference: (EdgeKind, &[u8]),
    ) -> Option<Finding> {
        let is_wait = reference == (EdgeKind::Internal, b"reactions_or_result")
            && evidence.snapshot().raw_name(evidence.steps[at].edge.to) == REACTION;
        is_wait.then(|| Finding::at(Cause::Promises, at))
    }

    fn match_thing(&self, evidence: &Evidence) -> Option<Finding> {
        let is_reaction = evidence.snapshot().raw_name(evidence.thing()) == REACTION;
        is_reaction.then(|| Finding::new(Cause::Promises, evidence))
    }

    fn match_contents(&self, evidence: &Evidence) -> Option<Finding> {
        let composition = &evidence.contents().composition;
        composition
            .is_most(composition.promises)
            .then(|| Finding::of_contents(Cause::Promises, evidence))
    }

    fn advice_by_detail(&self, detail: Detail) -> Option<&'static str> {
        (detail == Detail::Resolvers).then_some(
            "settle each promise, after a timeout as well, and delete its entry then: what waits for it is retained until then",
        )
    }

    fn advice(&self, cause: Cause, _about: &About) -> Option<String> {
        (cause == Cause::Promises).then(|| {
            "settle it, or wait for something that can be removed (a listener, a callback in a Set): each await, then and race is retained until it settles".to_owned()
        })
    }
}

/// Whether most of the new objects lead to the functions that settle a promise.
pub(in crate::heap) fn are_resolvers(evidence: &Evidence) -> bool {
    let composition = &evidence.contents().composition;
    composition.is_most(composition.resolvers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::rules::testing::{finding, ids, suspect};

    /// A promise of a variable, with what waits for it or what it resolved to.
    fn promise(waits: &str) -> Graph {
        let mut graph = module();
        let ready = graph.variable("ready", "Promise", 11);
        let waiting = graph.node(if waits == "Array" { "object" } else { "hidden" }, waits, 13, 32);
        graph.edge(ready, "internal", "reactions_or_result", waiting);
        graph.elements(waiting, "Waiter", 1001, 20);
        graph
    }

    #[test]
    fn what_waits_for_a_promise_is_named_by_the_promise() {
        let graph = promise("system / PromiseReaction");
        let found = finding(&graph, 13, &ids(1001, 20));
        assert_eq!((found.cause, found.subject), (Cause::Promises, 1));
        assert!(suspect(&graph, 13, &ids(1001, 20)).unwrap().advice.starts_with("settle it"));
        let result = finding(&promise("Array"), 13, &ids(1001, 20));
        assert_eq!(result.cause, Cause::Array, "it is settled");
    }

    #[test]
    fn a_chain_of_what_waits_is_promises() {
        let mut graph = module();
        let reaction = graph.node("hidden", "system / PromiseReaction", 11, 32);
        graph.edge(2, "context", "reaction", reaction);
        graph.elements(reaction, "Waiter", 1001, 20);
        let found = finding(&graph, 11, &ids(1001, 20));
        assert_eq!((found.cause, found.subject), (Cause::Promises, 1));
    }

    #[test]
    fn promises_that_are_collected_are_pending_ones() {
        let mut graph = module();
        let all = graph.variable("all", "Array", 11);
        let promises = graph.elements(all, "Promise", 1001, 20);
        assert_eq!(finding(&graph, 11, &ids(1001, 20)).cause, Cause::Promises);
        for (at, promise) in promises.into_iter().enumerate() {
            let result = graph.node("object", "Object", 1003 + 100 * at as u32, 32);
            graph.edge(promise, "internal", "reactions_or_result", result);
        }
        assert_eq!(finding(&graph, 11, &ids(1001, 20)).cause, Cause::Array);
    }

    #[test]
    fn a_table_of_what_settles_promises_is_that_table() {
        let mut graph = module();
        let waiting = graph.variable("waiting", "Array", 11);
        for (at, entry) in graph.elements(waiting, "Object", 1001, 20).into_iter().enumerate() {
            let first = 1003 + 100 * at as u32;
            let resolve = graph.node("closure", "", first, 64);
            graph.edge(entry, "property", "resolve", resolve);
            let scope = graph.node("object", "system / Context", first + 2, 40);
            graph.edge(resolve, "internal", "context", scope);
            let promise = graph.node("object", "Promise", first + 4, 56);
            graph.edge(scope, "internal", "extension", promise);
        }
        let found = finding(&graph, 11, &ids(1001, 20));
        assert_eq!((found.cause, found.detail), (Cause::Array, Detail::Resolvers));
        let advice = suspect(&graph, 11, &ids(1001, 20)).unwrap().advice;
        assert!(advice.starts_with("settle each promise, after a timeout"), "{advice}");
    }
}
