//! Functions that keep large data in their scope.

use crate::heap::leak::causes::{Cause, Detail};
use crate::heap::leak::draft::Draft;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::finding::Finding;
use crate::heap::leak::rule::{About, Rule};
use crate::heap::leak::rules::promises;

pub(in crate::heap) struct Closures;

impl Rule for Closures {
    fn match_contents(&self, evidence: &Evidence) -> Option<Finding> {
        let contents = evidence.contents();
        if !contents.in_scopes && contents.container != Cause::Closure {
            return None;
        }
        let finding = Finding::of_contents(Cause::Closure, evidence);
        if !promises::are_resolvers(evidence) {
            return Some(finding);
        }
        // Functions that settle promises are kept for the promises' sake.
        let finding = finding.with_detail(Detail::Resolvers);
        Some(Finding { cause: Cause::Promises, captured: None, ..finding })
    }

    /// What a package is given, functions of any kind, is taken back from it.
    fn in_package(&self, draft: &mut Draft) {
        if draft.cause == Cause::Closure && draft.package.is_some() {
            draft.cause = draft.collection.unwrap_or(draft.cause);
        }
    }

    fn advice(&self, cause: Cause, about: &About) -> Option<String> {
        let kept =
            about.captured.map_or("their scope".to_owned(), |variable| format!("`{variable}`"));
        (cause == Cause::Closure).then(|| {
            format!(
                "the functions retain {kept}: pass only the part that they need, or drop the functions"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::rules::testing::{finding, ids, suspect};

    /// Functions in an array; each has a variable of this size in its scope.
    fn functions(bytes: u64) -> Graph {
        functions_of(module(), bytes)
    }

    fn functions_of(mut graph: Graph, bytes: u64) -> Graph {
        let hooks = graph.variable("hooks", "Array", 11);
        for at in 0..20 {
            let first = 1001 + 100 * at;
            let hook = graph.function("hook", first, 7);
            graph.edge(hooks, "element", &at.to_string(), hook);
            let scope = graph.node("object", "system / Context", first + 2, 40);
            graph.edge(hook, "internal", "context", scope);
            let body = graph.node("string", "body", first + 4, bytes);
            graph.edge(scope, "context", "body", body);
        }
        graph
    }

    #[test]
    fn functions_that_settle_promises_are_kept_for_the_promises() {
        let mut graph = module();
        let waiting = graph.variable("waiting", "Array", 11);
        for at in 0..20 {
            let first = 1001 + 100 * at;
            let resolve = graph.node("closure", "", first, 64);
            graph.edge(waiting, "element", &at.to_string(), resolve);
            let scope = graph.node("object", "system / Context", first + 2, 40);
            graph.edge(resolve, "internal", "context", scope);
            let promise = graph.node("object", "Promise", first + 4, 56);
            graph.edge(scope, "internal", "extension", promise);
        }
        let found = finding(&graph, 11, &ids(1001, 20));
        assert_eq!((found.cause, found.detail), (Cause::Promises, Detail::Resolvers));
        assert_eq!(found.captured, None);
    }

    #[test]
    fn functions_that_a_package_is_given_are_its_collection() {
        for (file, cause) in
            [("/srv/app.js", Cause::Closure), ("/srv/node_modules/hooks/index.js", Cause::Array)]
        {
            let mut graph = module();
            graph.in_file(file, 21);
            let suspect = suspect(&functions_of(graph, 10_000), 11, &ids(1001, 20)).unwrap();
            assert_eq!(suspect.cause, cause, "{file}");
        }
    }

    #[test]
    fn functions_are_the_cause_if_their_variables_are_more_than_two_thirds() {
        // A function and its scope take 104 bytes beside the variable.
        let cause = |bytes| finding(&functions(bytes), 11, &ids(1001, 20)).cause;
        assert_eq!((cause(208), cause(212)), (Cause::Array, Cause::Closure));
    }

    #[test]
    fn functions_that_keep_data_have_another_cause_than_those_that_keep_little() {
        let found = finding(&functions(10_000), 11, &ids(1001, 20));
        assert_eq!((found.cause, found.captured.as_deref()), (Cause::Closure, Some("body")));
        assert_eq!(found.collection, Some(Cause::Array));
        let small = finding(&functions(16), 11, &ids(1001, 20));
        assert_eq!((small.cause, small.captured), (Cause::Array, None));
        let suspect = suspect(&functions(10_000), 11, &ids(1001, 20)).unwrap();
        assert!(suspect.advice.starts_with("the functions retain `body`"), "{}", suspect.advice);
    }
}
