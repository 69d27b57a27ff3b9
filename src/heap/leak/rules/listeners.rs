//! Listeners of emitters, event targets, diagnostics channels and abort signals.

use crate::heap::explain::code_index::{CodeIndex, Function};
use crate::heap::explain::context::GrowthContext;
use crate::heap::explain::route::RouteStep;
use crate::heap::explain::sites::{self, Seek};
use crate::heap::graph::kind::EdgeKind;
use crate::heap::leak::causes::{Cause, Detail};
use crate::heap::leak::draft::Draft;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::finding::Finding;
use crate::heap::leak::rule::{About, Rule};
use crate::heap::leak::suspect::Suspect;
use crate::heap::snapshot::{Edge, Node};

pub(in crate::heap) struct Listeners;

/// Where Node keeps the signals that have listeners.
const SIGNALS_OF_NODE: &str = "gcPersistentSignals";

impl Rule for Listeners {
    fn match_step(
        &self,
        evidence: &Evidence,
        at: usize,
        reference: (EdgeKind, &[u8]),
    ) -> Option<Finding> {
        let (index, snapshot) = (evidence.index(), evidence.snapshot());
        let step = &evidence.steps[at];
        let of_listeners = || Finding::at(Cause::Listeners, at);
        let abort = || Some("abort".to_owned());
        Some(match reference {
            (EdgeKind::Property, b"_events") if evidence.remaining(at) <= 4 => {
                let next = evidence.steps.get(at + 1);
                let event = next.map(|step| snapshot.edge_name(&step.edge).into_owned());
                Finding { event, ..of_listeners() }
            }
            (EdgeKind::Property, b"<symbol kEvents>") => {
                let event = match evidence.steps.get(at + 1..) {
                    Some([]) | None => late_event(evidence),
                    Some(steps) => event_of_target(index, steps),
                };
                Finding { event, ..of_listeners() }.with_detail(Detail::EventTarget)
            }
            (EdgeKind::Property, b"_subscribers") if index.is_internal_code(step.from) => {
                let name = index.property(step.from, "name");
                let event = name.and_then(|name| index.text(name));
                Finding { event, ..of_listeners() }.with_detail(Detail::Channel)
            }
            (EdgeKind::Property, b"<symbol kDependantSignals>") => {
                Finding { event: abort(), ..of_listeners() }.with_detail(Detail::DerivedSignals)
            }
            (EdgeKind::Context, name)
                if name == SIGNALS_OF_NODE.as_bytes() && index.is_internal_context(step.from) =>
            {
                let finding = Finding::new(Cause::Listeners, evidence);
                Finding { event: abort(), ..finding }.with_detail(Detail::DerivedSignals)
            }
            _ => return None,
        })
    }

    fn detail(&self, evidence: &Evidence, draft: &mut Draft) {
        if draft.cause != Cause::Listeners {
            return;
        }
        if draft.detail == Detail::Plain && draft.sites.is_empty() {
            draft.detail = Detail::AddedByNode;
            draft.sites = sites::waiting_sites(&evidence.context, evidence.sample());
        }
        if draft.detail == Detail::DerivedSignals
            && let (listened @ 1.., all) = signals(&evidence.context, evidence.sample())
        {
            draft.gained.number = draft.gained.number.map(|number| number * listened / all);
        }
        if let Some(event) = &draft.event {
            draft.name.clone_from(event);
        }
        // The call that adds a listener, not the listener, is what a person has to change.
        if let Some(event) = &draft.event {
            let sources = &evidence.index().sources;
            for (function, _) in &mut draft.sites {
                let Function { script, name, position, .. } = &*function;
                if let Some((place, adder)) = sources.registration(script, event, name, *position) {
                    (function.place, function.name) = (place, adder.unwrap_or_default());
                }
            }
        }
        if let Some((function, _)) = draft.sites.first() {
            draft.place = Some(function.place.clone());
        }
        if draft.path.last() != Some(&draft.name) {
            draft.path.push(draft.name.clone());
        }
    }

    /// Signals that only Node's own code (fetch) listens to go when a collection has had what they belong to.
    fn is_bounded(&self, evidence: &Evidence, suspect: &Suspect) -> bool {
        suspect.cause == Cause::Listeners
            && suspect.path.iter().any(|name| name == SIGNALS_OF_NODE)
            && matches!(signals(&evidence.context, evidence.sample()), (0, 1..))
    }

    fn advice_by_detail(&self, detail: Detail) -> Option<&'static str> {
        match detail {
            Detail::AddedByNode => Some(
                "unpipe, destroy or end what is piped or awaited here when its work is done: Node itself adds these listeners",
            ),
            Detail::DerivedSignals => Some(
                "remove the listeners of each AbortSignal.any() or abort it when its work ends, or share one derived signal: Node keeps each while the long-lived signal lives",
            ),
            Detail::Channel => Some(
                "unsubscribe the function when its owner ends (channel.unsubscribe), or share one subscriber",
            ),
            _ => None,
        }
    }

    fn advice(&self, cause: Cause, about: &About) -> Option<String> {
        if cause != Cause::Listeners {
            return None;
        }
        let (off, once) = match about.detail {
            Detail::EventTarget => ("removeEventListener", "{ once: true }"),
            _ => ("off", "once()"),
        };
        let event =
            about.event.map_or("event".to_owned(), |event| format!("'{}'", event.escape_debug()));
        Some(format!(
            "remove the listener when its owner ends: {off}({event}, listener), {once}, or {{ signal }} of an AbortController"
        ))
    }
}

/// How many of the signals among the objects that are new the program's own code listens to, and how many there are:
/// Node keeps those of `AbortSignal.timeout()` that others are made of too.
fn signals(context: &GrowthContext, sample: &[Node]) -> (u64, u64) {
    let snapshot = context.snapshot();
    // On Node 20 they are called as the class that they extend.
    let is_signal =
        |node: &&Node| matches!(snapshot.raw_name(**node), b"AbortSignal" | b"EventTarget");
    let signals = sample.iter().filter(is_signal);
    let has_listener = |&&node: &&Node| sites::code_of(context, Seek::default(), node).is_some();
    (signals.clone().filter(has_listener).count() as u64, signals.count() as u64)
}

/// The listeners of an EventTarget hang in a Map by type.
fn event_of_target(index: &CodeIndex, steps: &[RouteStep]) -> Option<String> {
    steps.iter().find_map(|step| event_of_entry(index, step.from, &step.edge))
}

/// The key stands before the value in a Map's table.
fn event_of_entry(index: &CodeIndex, table: Node, value: &Edge) -> Option<String> {
    let snapshot = index.snapshot;
    let at: u32 = snapshot.edge_name(value).parse().ok()?;
    let key = snapshot
        .edges(table)
        .find(|edge| snapshot.edge_name(edge).parse() == Ok(at.wrapping_sub(1)))?;
    index.text(key.to)
}

/// The event of an EventTarget that got its first listeners after the first snapshot, and has most of what is new.
fn late_event(evidence: &Evidence) -> Option<String> {
    let (index, snapshot) = (evidence.index(), evidence.snapshot());
    let table = index.internal(evidence.thing(), "table")?;
    let new = || snapshot.edges(table).filter(|edge| !evidence.context.survives(edge.to));
    let total: u64 = new().map(|edge| snapshot.retained(edge.to)).sum();
    let heaviest = new().max_by_key(|edge| snapshot.retained(edge.to))?;
    let is_most = snapshot.retained(heaviest.to) > total / 2;
    is_most.then(|| event_of_entry(index, table, &heaviest)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::rules::testing::{counted, finding, ids, is_bounded, suspect};

    /// An emitter whose listeners of 'data' lie below `depth` objects more than needed.
    fn emitter(depth: u32) -> Graph {
        let mut graph = module();
        let bus = graph.variable("bus", "EventEmitter", 11);
        let mut events = graph.member(bus, "_events", "Object", 13);
        for at in 0..depth {
            events = graph.member(events, "inner", "Object", 15 + 2 * at);
        }
        let list = graph.member(events, "data", "Array", 31);
        graph.elements(list, "Listener", 1001, 20);
        graph
    }

    #[test]
    fn listeners_of_an_emitter_are_those_of_their_event() {
        let found = finding(&emitter(0), 31, &ids(1001, 20));
        assert_eq!(
            (found.cause, found.detail, found.subject),
            (Cause::Listeners, Detail::Plain, 1)
        );
        assert_eq!(found.event.as_deref(), Some("data"));
        assert_eq!(finding(&emitter(3), 31, &ids(1001, 20)).cause, Cause::Array, "too far below");
    }

    #[test]
    fn listeners_without_code_of_the_program_were_added_by_node() {
        let suspect = suspect(&emitter(0), 31, &ids(1001, 20)).unwrap();
        assert_eq!(
            (suspect.name.as_str(), suspect.path.last().unwrap().as_str()),
            ("data", "data")
        );
        assert!(suspect.advice.ends_with("Node itself adds these listeners"), "{}", suspect.advice);
    }

    #[test]
    fn listeners_with_code_are_removed_by_off() {
        let mut graph = emitter(0);
        let script = graph.script("/srv/app/main.js");
        let list = 5;
        for at in 0..20 {
            let listener = graph.function_in(script, "onData", 9001 + 2 * at, 6);
            graph.edge(list, "element", &(100 + at).to_string(), listener);
        }
        let new: Vec<u32> = (0..20).map(|at| 9001 + 2 * at).collect();
        let suspect = suspect(&graph, 31, &new).unwrap();
        assert!(suspect.advice.contains(": off('data', listener)"), "{}", suspect.advice);
        assert_eq!((suspect.file.as_deref(), suspect.line), (Some("/srv/app/main.js"), Some(7)));
    }

    #[test]
    fn listeners_of_an_event_target_lie_in_a_map_by_event() {
        let mut graph = module();
        let target = graph.variable("target", "EventTarget", 11);
        let events = graph.member(target, "<symbol kEvents>", "Map", 13);
        let table = graph.node("array", "", 15, 64);
        graph.edge(events, "internal", "table", table);
        let key = graph.node("string", "abort", 17, 16);
        graph.edge(table, "internal", "7", key);
        let list = graph.node("object", "Object", 19, 32);
        graph.edge(table, "internal", "8", list);
        graph.elements(list, "Listener", 1001, 20);
        let found = finding(&graph, 19, &ids(1001, 20));
        assert_eq!((found.cause, found.detail), (Cause::Listeners, Detail::EventTarget));
        assert_eq!(found.event.as_deref(), Some("abort"));
        let about = About { detail: Detail::EventTarget, event: Some("a'b"), captured: None };
        let advice = Listeners.advice(Cause::Listeners, &about).unwrap();
        assert!(advice.contains("removeEventListener('a\\'b', listener)"), "{advice}");
    }

    #[test]
    fn an_event_that_is_new_is_that_of_most_new_listeners() {
        for (first, second, event) in [(1, 20, Some("message")), (10, 10, None)] {
            let mut graph = module();
            let target = graph.variable("target", "EventTarget", 11);
            let events = graph.member(target, "<symbol kEvents>", "Map", 13);
            let table = graph.node("array", "", 15, 64);
            graph.edge(events, "internal", "table", table);
            let mut new = Vec::new();
            for (at, (name, count)) in
                [("close", first), ("message", second)].into_iter().enumerate()
            {
                let id = 21 + 10 * at as u32;
                let key = graph.node("string", name, id, 16);
                graph.edge(table, "internal", &(7 + 3 * at).to_string(), key);
                let list = graph.node("object", "Object", id + 2, 32);
                graph.edge(table, "internal", &(8 + 3 * at).to_string(), list);
                graph.elements(list, "Listener", 1001 + 10_000 * at as u32, count);
                new.push(id + 2);
            }
            let found = finding(&graph, 13, &new);
            assert_eq!((found.cause, found.event.as_deref()), (Cause::Listeners, event));
        }
    }

    #[test]
    fn subscribers_of_a_diagnostics_channel_are_listeners() {
        for (file, cause) in
            [("node:diagnostics_channel", Cause::Listeners), ("/srv/app.js", Cause::Array)]
        {
            let mut graph = module();
            let script = graph.script(file);
            let channel = graph.variable("channel", "ActiveChannel", 11);
            graph.locate(channel, script, 1);
            let name = graph.node("string", "http.start", 13, 16);
            graph.edge(channel, "property", "name", name);
            let subscribers = graph.member(channel, "_subscribers", "Array", 15);
            graph.elements(subscribers, "Object", 1001, 20);
            let found = finding(&graph, 15, &ids(1001, 20));
            assert_eq!(found.cause, cause);
            let event = (cause == Cause::Listeners).then_some("http.start");
            assert_eq!(found.event.as_deref(), event);
            assert_eq!(found.detail == Detail::Channel, cause == Cause::Listeners);
            if cause == Cause::Listeners {
                let advice = suspect(&graph, 15, &ids(1001, 20)).unwrap().advice;
                assert!(advice.starts_with("unsubscribe the function"), "{advice}");
            }
        }
    }

    /// Signals that Node keeps while something listens to them; the program listens to so many.
    fn signals_of(file: &str, variable: &str, class: &str, listened: usize) -> Graph {
        let mut graph = module();
        graph.in_file(file, 7);
        let script = graph.script("/srv/app.js");
        let kept = graph.variable(variable, "SafeSet", 11);
        let signals = graph.elements(kept, class, 1001, 20);
        for (at, signal) in signals.into_iter().take(listened).enumerate() {
            let listener = graph.function_in(script, "onAbort", 1003 + 100 * at as u32, 6);
            graph.edge(signal, "property", "listener", listener);
        }
        graph
    }

    #[test]
    fn signals_that_node_keeps_are_listeners_of_abort() {
        const FILE: &str = "node:internal/abort_controller";
        for (file, variable, cause) in [
            (FILE, SIGNALS_OF_NODE, Cause::Listeners),
            (FILE, "others", Cause::Object),
            ("/srv/own.js", SIGNALS_OF_NODE, Cause::Object),
        ] {
            let found = finding(&signals_of(file, variable, "AbortSignal", 5), 11, &ids(1001, 20));
            assert_eq!(found.cause, cause, "{file} {variable}");
            let event = (cause == Cause::Listeners).then_some("abort");
            assert_eq!(found.event.as_deref(), event);
        }
        for class in ["AbortSignal", "EventTarget"] {
            let of = |listened| signals_of(FILE, SIGNALS_OF_NODE, class, listened);
            let half = counted(&of(10), 11, &ids(1001, 20), None).unwrap();
            assert_eq!(half.count, Some(10), "as many as the program listens to");
            assert!(half.advice.starts_with("remove the listeners of each AbortSignal.any()"));
            assert_eq!(is_bounded(&of(10), 11, &ids(1001, 20)), Some(false));
            assert_eq!(is_bounded(&of(0), 11, &ids(1001, 20)), Some(true));
        }
        let others = signals_of(FILE, SIGNALS_OF_NODE, "Object", 0);
        assert_eq!(is_bounded(&others, 11, &ids(1001, 20)), Some(false), "no signals");
    }

    #[test]
    fn derived_signals_are_listeners_of_abort() {
        let mut graph = module();
        let signal = graph.variable("signal", "AbortSignal", 11);
        let derived = graph.member(signal, "<symbol kDependantSignals>", "SafeSet", 13);
        graph.elements(derived, "AbortSignal", 1001, 20);
        let found = finding(&graph, 13, &ids(1001, 20));
        assert_eq!((found.cause, found.detail), (Cause::Listeners, Detail::DerivedSignals));
        assert_eq!((found.event.as_deref(), found.subject), (Some("abort"), 1));
    }
}
