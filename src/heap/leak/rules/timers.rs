//! Intervals and timeouts that stay scheduled.

use crate::heap::compare::{entries, replaced};
use crate::heap::explain::code_index::{CodeIndex, Function};
use crate::heap::explain::context::GrowthContext;
use crate::heap::explain::route::RouteStep;
use crate::heap::explain::{names, sites};
use crate::heap::graph::kind::EdgeKind;
use crate::heap::leak::causes::{Cause, Unit};
use crate::heap::leak::count::Count;
use crate::heap::leak::draft::Draft;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::finding::Finding;
use crate::heap::leak::rule::{About, Rule};
use crate::heap::leak::suspect::Suspect;
use crate::heap::snapshot::{EdgeName, Node, Retainer};
use crate::js_source::files::MODULE_EXPORTS;

pub(in crate::heap) struct Timers;

impl Rule for Timers {
    fn match_step(
        &self,
        evidence: &Evidence,
        at: usize,
        (kind, name): (EdgeKind, &[u8]),
    ) -> Option<Finding> {
        let is_list = matches!(name, b"timerListMap" | b"timerListQueue" | b"immediateQueue");
        if kind != EdgeKind::Context || !is_list {
            return None;
        }
        let code = evidence.index().function_in(evidence.steps[at].from)?;
        let is_timers = code.script.starts_with("node:") && !is_below_timer(evidence, at);
        is_timers.then(|| Finding::new(Cause::Timers, evidence))
    }

    fn match_thing(&self, evidence: &Evidence) -> Option<Finding> {
        let thing = evidence.thing();
        let class = evidence.snapshot().raw_name(thing);
        let is_timer = matches!(class, b"TimersList" | b"Timeout" | b"Immediate");
        (is_timer && evidence.index().is_internal_code(thing))
            .then(|| Finding::new(Cause::Timers, evidence))
    }

    fn match_contents(&self, evidence: &Evidence) -> Option<Finding> {
        let contents = evidence.contents();
        let is_most = contents.composition.is_most(contents.composition.timers);
        (is_most && contents.container == Cause::Other)
            .then(|| Finding::of_contents(Cause::Timers, evidence))
    }

    fn detail(&self, evidence: &Evidence, draft: &mut Draft) {
        if draft.cause != Cause::Timers {
            return;
        }
        let function = draft.sites.first().map(|site| &site.0);
        let name = name(&evidence.context, evidence.sample(), function);
        draft.place = function.map(|function| function.place.clone());
        draft.name = name;
        draft.delay = delay(evidence.index(), &evidence.steps);
    }

    /// The timers of `AbortSignal.timeout()` go when a collection has had the signal.
    fn is_bounded(&self, evidence: &Evidence, suspect: &Suspect) -> bool {
        suspect.cause == Cause::Timers && are_time_limits(evidence.index(), evidence.sample())
    }

    fn advice(&self, cause: Cause, _about: &About) -> Option<String> {
        (cause == Cause::Timers).then(|| {
            "keep the timer and clear it (clearInterval, clearTimeout) when its owner ends"
                .to_owned()
        })
    }
}

/// Goes on from a timer to the first link of the chain that it has: the links say more.
pub(in crate::heap) fn extend_way(evidence: &mut Evidence, count: &Count) {
    let snapshot = evidence.snapshot();
    if let Some(&RouteStep { from, edge }) = evidence.steps.last()
        && count.unit == Some(Unit::Links)
        && snapshot.raw_name(from) == b"Timeout"
        && let Some(next) = entries::next_link(snapshot, edge.to, &|_| true, &|_| true)
    {
        evidence.steps.push(RouteStep { from: edge.to, edge: next });
    }
}

/// Whether a way through Node's lists of timers goes on into one of them: what that one keeps grows, not their number.
fn is_below_timer(evidence: &Evidence, at: usize) -> bool {
    let (index, snapshot) = (evidence.index(), evidence.snapshot());
    evidence.steps[at..].iter().any(|step| {
        matches!(snapshot.raw_name(step.from), b"Timeout" | b"Immediate")
            && index.is_internal_code(step.from)
            && !replaced::is_list_of_timers(snapshot, &step.edge)
    })
}

/// How timers are called: what starts them and the function that they call, or the one that they were started in.
fn name(context: &GrowthContext, sample: &[Node], function: Option<&Function>) -> String {
    let index = context.index;
    let starts = sample
        .iter()
        .find_map(|&top| sites::nearest(context, top, |node| start_of(index, node)))
        .unwrap_or("timer");
    match function {
        Some(function) if !function.name.is_empty() => format!("{starts}({})", function.name),
        Some(function) => {
            match index.sources.enclosing_function(&function.script, function.position) {
                // Each module has one: the file says which.
                Some(outer) if outer == MODULE_EXPORTS => {
                    format!("{starts} in {}", names::short(&function.place.file))
                }
                Some(outer) => format!("{starts} in {outer}"),
                None => starts.to_owned(),
            }
        }
        None => starts.to_owned(),
    }
}

/// The milliseconds of the list of timers on the way: Node has a table of lists by their delay, and a heap, which is an
/// Array, of those that are due first (lib/internal/timers.js). Redaction leaves the order of magnitude, which is none.
fn delay(index: &CodeIndex, steps: &[RouteStep]) -> Option<u32> {
    let snapshot = index.snapshot;
    if snapshot.is_redacted() {
        return None;
    }
    let mut nodes = steps.iter().rev().flat_map(|step| [step.edge.to, step.from]);
    let list = nodes.find(|&node| snapshot.raw_name(node) == b"TimersList")?;
    snapshot.retainers(list).find_map(|Retainer { from, edge }| match (edge.kind, edge.name) {
        (EdgeKind::Element, EdgeName::Index(delay)) if snapshot.raw_name(from) != b"Array" => {
            Some(delay)
        }
        _ => None,
    })
}

/// Whether most of the timers among the objects that are new are those of `AbortSignal.timeout()`.
fn are_time_limits(index: &CodeIndex, sample: &[Node]) -> bool {
    let timers = sample.iter().filter(|&&node| start_of(index, node).is_some());
    let is_limit = |&&timer: &&Node| {
        let callback = index.property(timer, "_onTimeout");
        callback
            .and_then(|callback| index.function(callback))
            .is_some_and(|function| function.script == "node:internal/abort_controller")
    };
    timers.clone().filter(is_limit).count() * 2 > timers.count()
}

/// An interval has no `_repeat` reference (it is a number), a timeout's leads to null.
fn start_of(index: &CodeIndex, node: Node) -> Option<&'static str> {
    match index.snapshot.raw_name(node) {
        b"Timeout" if index.is_internal_code(node) => {
            Some(if index.property(node, "_repeat").is_some() {
                "setTimeout"
            } else {
                "setInterval"
            })
        }
        b"Immediate" if index.is_internal_code(node) => Some("setImmediate"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::causes::Detail;
    use crate::heap::leak::rules::testing::{counted, finding, ids, is_bounded, suspect};

    /// Timers in a list of Node's, which a variable of its timers module leads to.
    fn timers() -> (Graph, usize) {
        let mut graph = module();
        let node = graph.script("node:internal/timers");
        let scope = graph.node("object", "system / Context", 11, 32);
        graph.edge(0, "property", "timers", scope);
        let code = graph.function_in(node, "setTimeout", 13, 4);
        graph.edge(code, "internal", "context", scope);
        graph.edge(0, "property", "setTimeout", code);
        let lists = graph.node("object", "Object", 15, 32);
        graph.edge(scope, "context", "timerListMap", lists);
        let list = graph.node("object", "TimersList", 17, 32);
        graph.edge(lists, "element", "250", list);
        graph.locate(list, node, 1);
        let timer = graph.member(list, "_idleNext", "Timeout", 19);
        graph.locate(timer, node, 1);
        graph.member(timer, "_repeat", "Object", 21);
        (graph, timer)
    }

    #[test]
    fn timers_of_nodes_lists_are_called_by_what_started_them_and_their_delay() {
        let (graph, _) = timers();
        let found = finding(&graph, 17, &[19]);
        assert_eq!((found.cause, found.detail), (Cause::Timers, Detail::Plain));
        let suspect = suspect(&graph, 19, &[19]).unwrap();
        assert_eq!((suspect.name.as_str(), suspect.delay), ("setTimeout", Some(250)));
        assert!(suspect.advice.contains("clearTimeout"), "{}", suspect.advice);
    }

    #[test]
    fn what_a_timer_keeps_is_no_timer() {
        let (mut graph, timer) = timers();
        let list = graph.member(timer, "queue", "Array", 31);
        graph.elements(list, "Job", 1001, 20);
        assert_eq!(finding(&graph, 31, &ids(1001, 20)).cause, Cause::Array);
    }

    #[test]
    fn an_object_of_the_programs_that_is_called_timeout_is_none() {
        let mut graph = module();
        let timeouts = graph.variable("timeouts", "Timeout", 11);
        graph.elements(timeouts, "Job", 1001, 20);
        assert_eq!(finding(&graph, 11, &ids(1001, 20)).cause, Cause::Object);
    }

    #[test]
    fn timers_are_called_by_what_starts_them() {
        for (class, repeats, name) in [
            ("Timeout", false, "setTimeout"),
            ("Timeout", true, "setInterval"),
            ("Immediate", false, "setImmediate"),
        ] {
            let mut graph = module();
            let node = graph.script("node:internal/timers");
            let root = graph.node("hidden", "system / Managed", 11, 32);
            graph.edge(2, "context", "queue", root);
            for (at, timer) in graph.elements(root, class, 1001, 20).into_iter().enumerate() {
                graph.locate(timer, node, 1);
                if !repeats {
                    graph.member(timer, "_repeat", "Object", 1003 + 100 * at as u32);
                }
            }
            let found = finding(&graph, 11, &ids(1001, 20));
            assert_eq!(found.cause, Cause::Timers, "{class}");
            let suspect = suspect(&graph, 11, &ids(1001, 20)).unwrap();
            assert_eq!((suspect.name.as_str(), suspect.delay), (name, None));
        }
    }

    #[test]
    fn timers_in_a_collection_of_the_programs_are_that_collection() {
        let mut graph = module();
        let node = graph.script("node:internal/timers");
        let pending = graph.variable("pending", "Array", 11);
        for timer in graph.elements(pending, "Timeout", 1001, 20) {
            graph.locate(timer, node, 1);
        }
        assert_eq!(finding(&graph, 11, &ids(1001, 20)).cause, Cause::Array);
    }

    #[test]
    fn time_limits_of_abort_signals_are_bounded() {
        for (script, bounded) in [("node:internal/abort_controller", true), ("/srv/a.js", false)] {
            let (mut graph, timer) = timers();
            let script = graph.script(script);
            let callback = graph.function_in(script, "clear", 41, 3);
            graph.edge(timer, "property", "_onTimeout", callback);
            assert_eq!(is_bounded(&graph, 19, &[19]), Some(bounded));
        }
    }

    #[test]
    fn nodes_tables_of_timers_and_lists_elsewhere_are_timers() {
        let (mut graph, _) = timers();
        let queue = graph.member(8 + 1, "queue", "Object", 51);
        graph.elements(queue, "Job", 1001, 20);
        let found = finding(&graph, 15, &[17]);
        assert_eq!((found.cause, found.detail), (Cause::Timers, Detail::Plain));
        let mut graph = module();
        let node = graph.script("node:internal/timers");
        let list = graph.variable("list", "TimersList", 11);
        graph.locate(list, node, 1);
        graph.elements(list, "Job", 1001, 20);
        assert_eq!(finding(&graph, 11, &ids(1001, 20)).cause, Cause::Timers);
    }

    /// A timer of Node's lists that calls a function of the program's.
    fn calling(class: &str, located: bool, function: &str) -> String {
        let mut graph = module();
        let node = graph.script("node:internal/timers");
        let app = graph.script("/srv/app.js");
        let list = graph.variable("list", "TimersList", 11);
        graph.locate(list, node, 1);
        let timer = graph.member(list, "_idleNext", class, 19);
        if located {
            graph.locate(timer, node, 1);
        }
        let callback = graph.function_in(app, function, 21, 3);
        graph.edge(timer, "property", "_onTimeout", callback);
        suspect(&graph, 11, &[19]).unwrap().name
    }

    #[test]
    fn timers_are_called_by_the_function_that_they_call() {
        assert_eq!(calling("Timeout", true, "poll"), "setInterval(poll)");
        assert_eq!(calling("Timeout", true, ""), "setInterval");
        assert_eq!(calling("Immediate", true, "poll"), "setImmediate(poll)");
        assert_eq!(calling("Timeout", false, "poll"), "timer(poll)", "a class of the program's");
        assert_eq!(calling("Immediate", false, "poll"), "timer(poll)");
    }

    #[test]
    fn the_place_of_a_list_among_those_that_are_due_first_is_no_delay() {
        let mut graph = module();
        let node = graph.script("node:internal/timers");
        let queue = graph.variable("queue", "Array", 11);
        let lists = graph.variable("lists", "Object", 13);
        let list = graph.node("object", "TimersList", 17, 32);
        graph.locate(list, node, 1);
        graph.edge(queue, "element", "1", list);
        graph.edge(lists, "element", "250", list);
        graph.elements(list, "Job", 1001, 20);
        let suspect = suspect(&graph, 17, &ids(1001, 20)).unwrap();
        assert_eq!((suspect.cause, suspect.delay), (Cause::Timers, Some(250)));
    }

    #[test]
    fn timers_of_which_half_are_time_limits_are_not_bounded() {
        for (limits, bounded) in [(1, false), (2, true)] {
            let mut graph = module();
            let node = graph.script("node:internal/timers");
            let abort = graph.script("node:internal/abort_controller");
            let list = graph.variable("list", "TimersList", 11);
            graph.locate(list, node, 1);
            for (at, timer) in
                graph.elements(list, "Timeout", 1001, 1 + limits).into_iter().enumerate()
            {
                graph.locate(timer, node, 1);
                let script = if at == 0 { node } else { abort };
                let callback = graph.function_in(script, "clear", 41 + 2 * at as u32, 3);
                graph.edge(timer, "property", "_onTimeout", callback);
            }
            assert_eq!(is_bounded(&graph, 11, &ids(1001, 1 + limits)), Some(bounded));
        }
    }

    #[test]
    fn a_chain_below_a_timer_is_named_by_its_link() {
        let (mut graph, timer) = timers();
        let head = graph.member(timer, "head", "Link", 31);
        let link = graph.member(head, "following", "Link", 33);
        graph.member(link, "following", "Link", 35);
        let path = |unit| counted(&graph, 31, &[33], Some(unit)).unwrap().path.join(".");
        assert!(path(Unit::Links).ends_with("following"), "{}", path(Unit::Links));
        assert!(path(Unit::Objects).ends_with("head"), "{}", path(Unit::Objects));
    }
}
