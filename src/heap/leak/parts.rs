//! Suspects that are parts of another one: the timers of a cache, the private fields of one structure, and the
//! listeners that one `pipe()` adds to several events. What Node registers of a suspect's objects is a part of it too.

use crate::heap::compare::attribution::Claim;
use crate::heap::compare::growth::Growth;
use crate::heap::explain::code_index::CodeIndex;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::leak::causes::Cause;
use crate::heap::leak::suspect::Suspect;
use crate::heap::snapshot::{EdgeName, Node, Retainer, Snapshot};

/// So many timers of a growth are looked at.
const TIMERS: usize = 16;
/// So many entries of a registry are looked at.
const ENTRIES: usize = 16;
/// So many holders of an object are looked at.
const HOLDERS: usize = 64;
/// Counts of one structure's fields differ by one in so many at most.
const EQUAL: u64 = 100;

/// Joins suspects with those that they are parts of. `samples` has some of what is new of each.
pub(in crate::heap) fn join(index: &CodeIndex, suspects: &mut Vec<Suspect>, samples: &[&[Node]]) {
    let mut wholes = vec![None; suspects.len()];
    for (at, suspect) in suspects.iter().enumerate() {
        wholes[at] = if suspect.cause == Cause::Timers {
            let caches = suspects.iter().enumerate();
            let mut caches = caches.filter_map(|(at, each)| Some((at, each.cache.as_ref()?.node)));
            caches.find(|&(_, cache)| has_timers(index, cache, samples[at])).map(|(whole, _)| whole)
        } else {
            let owner = |suspect: &Suspect| {
                field_of(index.snapshot, suspect).or_else(|| events_of(index.snapshot, suspect))
            };
            let own = owner(suspect);
            let is_alike = |other: &Suspect| {
                own.is_some() && owner(other) == own && is_as_many(suspect.count, other.count)
            };
            let mut alike = suspects.iter().enumerate().filter(|(_, other)| is_alike(other));
            // The event that the program names says more than those of any stream.
            let named = |&(_, other): &(usize, &Suspect)| !is_of_any_stream(other);
            let first = alike.clone().find(named).or_else(|| alike.next());
            first.map(|(whole, _)| whole).filter(|&whole| whole != at)
        };
    }
    let mut left: Vec<Option<Suspect>> = suspects.drain(..).map(Some).collect();
    for (at, whole) in wholes.into_iter().enumerate() {
        let Some(whole) = whole else { continue };
        if left[whole].is_some()
            && let Some(part) = left[at].take()
            && let Some(whole) = &mut left[whole]
        {
            whole.take_in(part);
        }
    }
    suspects.extend(left.into_iter().flatten());
}

/// Counts what Node's own registries gained for the suspect that has what their entries hold: Node registers each
/// derived AbortSignal, and each of their sources has the same weak references in a Set. An entry stays for as long as
/// its object does, so it is no leak of its own.
pub(in crate::heap) fn join_registries(
    index: &CodeIndex,
    suspects: &mut [Suspect],
    growths: &[Growth],
) {
    let snapshot = index.snapshot;
    for growth in growths.iter().filter(|growth| is_registry_of_node(index, growth.thing)) {
        let is_entry = |&node: &Node| snapshot.raw_name(node) == b"system / WeakCell";
        let entries: Vec<Node> =
            growth.sample.iter().copied().filter(is_entry).take(ENTRIES).collect();
        let has_most = |suspect: &&mut Suspect| {
            thing_of(snapshot, suspect).is_some_and(|thing| {
                let held = entries.iter().filter(|&&entry| has_held(snapshot, thing, entry));
                held.count() * 2 > entries.len()
            })
        };
        let mut claim = Some(Claim::of(growth));
        for suspect in suspects.iter_mut().filter(has_most) {
            suspect.registered = true;
            // It counts for one of them.
            suspect.claim.join(claim.take().unwrap_or_default());
        }
    }
}

/// Whether it is a FinalizationRegistry whose callback is Node's own, or an entry of one.
fn is_registry_of_node(index: &CodeIndex, node: Node) -> bool {
    let snapshot = index.snapshot;
    let targets = |node: Node| snapshot.edges(node).map(|edge| edge.to);
    let is_registry = |&node: &Node| {
        snapshot.kind(node) == NodeKind::Object
            && snapshot.raw_name(node).ends_with(b"FinalizationRegistry")
    };
    let registry = match snapshot.raw_name(node) {
        b"system / WeakCell" => targets(node).find(is_registry),
        _ => Some(node).filter(is_registry),
    };
    let is_callback = |node: &Node| snapshot.kind(*node) == NodeKind::Closure;
    let callback = registry.and_then(|registry| targets(registry).find(is_callback));
    callback.is_some_and(|callback| index.is_internal_code(callback))
}

/// Whether an object's collection has what a registry's entry is about, what it holds, or a part of that.
fn has_held(snapshot: &Snapshot, owner: Node, entry: Node) -> bool {
    let strong = |node: Node| {
        let edges = snapshot.edges(node).filter(|edge| edge.kind != EdgeKind::Weak);
        edges.map(|edge| edge.to).filter(|&to| snapshot.kind(to) == NodeKind::Object)
    };
    let is_in = |item: Node| {
        let lists = || snapshot.retainers(item).take(HOLDERS);
        lists().any(|list| list.from == owner) || holds(snapshot, owner, item)
    };
    let registered = snapshot.edges(entry).filter(|edge| edge.kind == EdgeKind::Weak);
    let mut registered = registered.map(|edge| edge.to);
    registered.any(|to| snapshot.kind(to) == NodeKind::Object && is_in(to))
        || strong(entry).any(|held| is_in(held) || strong(held).any(is_in))
}

/// Whether timers are a cache's: it holds them, or its own code made their callbacks, which refer to it.
fn has_timers(index: &CodeIndex, cache: Node, sample: &[Node]) -> bool {
    let snapshot = index.snapshot;
    let is_timer = |&node: &Node| snapshot.raw_name(node) == b"Timeout";
    let timer = |&node: &Node| {
        Some(node).filter(is_timer).or_else(|| index.property(node, "_idleNext").filter(is_timer))
    };
    let timers: Vec<Node> = sample.iter().filter_map(timer).take(TIMERS).collect();
    let own = timers
        .iter()
        .filter(|&&timer| holds(snapshot, cache, timer) || calls(index, cache, timer))
        .count();
    own * 2 > timers.len()
}

/// Whether an object holds another in a collection that is a field of it.
fn holds(snapshot: &Snapshot, owner: Node, item: Node) -> bool {
    let holders = |node: Node| {
        let strong =
            |kind| matches!(kind, EdgeKind::Element | EdgeKind::Property | EdgeKind::Internal);
        snapshot.retainers(node).take(HOLDERS).filter(move |it| strong(it.edge.kind))
    };
    holders(item).any(|list| holders(list.from).any(|field| field.from == owner))
}

/// Whether the code of an object's class made a timer's callback, and its scope has the object.
fn calls(index: &CodeIndex, owner: Node, timer: Node) -> bool {
    let snapshot = index.snapshot;
    let script = |node: Node| snapshot.location(node).map(|location| location.script_id);
    let has = |scope: Node| {
        snapshot.edges(scope).any(|edge| edge.kind == EdgeKind::Context && edge.to == owner)
    };
    let scope = || {
        let callback = index.property(timer, "_onTimeout")?;
        let is_own = script(callback).is_some() && script(callback) == script(owner);
        let scope = index.internal(callback, "context").filter(|_| is_own)?;
        let above = index.internal(scope, "previous");
        Some(has(scope) || above.is_some_and(has))
    };
    scope().unwrap_or(false)
}

/// The object that grew, in the last snapshot.
fn thing_of(snapshot: &Snapshot, suspect: &Suspect) -> Option<Node> {
    suspect.ids.last().copied().flatten().and_then(|id| snapshot.by_id(id))
}

/// Whether it is listeners of an event that Node listens to on whatever it pipes or iterates.
fn is_of_any_stream(suspect: &Suspect) -> bool {
    const EVENTS: [&str; 6] = ["error", "close", "finish", "end", "unpipe", "drain"];
    suspect.is_added_by_node && EVENTS.contains(&suspect.name.as_str())
}

/// The table of an emitter's events that has the listeners which grew, if Node itself added them.
fn events_of(snapshot: &Snapshot, suspect: &Suspect) -> Option<Node> {
    let listeners = thing_of(snapshot, suspect).filter(|_| suspect.is_added_by_node)?;
    let is_of_emitter = |it: &Retainer| {
        it.edge.kind == EdgeKind::Property && snapshot.edge_name(&it.edge) == "_events"
    };
    let is_events =
        |&events: &Node| snapshot.retainers(events).take(HOLDERS).any(|it| is_of_emitter(&it));
    let holders = snapshot.retainers(listeners).take(HOLDERS);
    let mut tables = holders.filter(|it| it.edge.kind == EdgeKind::Property).map(|it| it.from);
    tables.find(is_events)
}

/// The object that has what grew as a private field.
fn field_of(snapshot: &Snapshot, suspect: &Suspect) -> Option<Node> {
    let thing = thing_of(snapshot, suspect)?;
    let is_private = |name| matches!(name, EdgeName::String(name) if snapshot.raw_string(name).starts_with(b"#"));
    let mut holders = snapshot.retainers(thing).take(HOLDERS);
    let holder = holders.find(|it| it.edge.kind == EdgeKind::Property && is_private(it.edge.name));
    holder.map(|it| it.from)
}

fn is_as_many(one: Option<u64>, other: Option<u64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.abs_diff(other) * EQUAL <= one.max(other),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, module, program};
    use crate::heap::leak::pipeline;
    use crate::heap::options::Options;

    fn suspects(with: impl Fn(u32) -> Graph) -> Vec<Suspect> {
        let snapshots = [0, 1000, 2000].map(|count| with(count).snapshot());
        pipeline::suspects(&snapshots, 10, &Options::default()).suspects
    }

    /// A class whose private fields have so many entries each.
    fn store(names: &[&str], counts: &[u32]) -> Graph {
        let mut graph = program(20);
        let store = graph.variable("store", "Store", 500_001);
        for (at, (name, &count)) in names.iter().zip(counts).enumerate() {
            let list = graph.member(store, name, "Array", 500_003 + 2 * at as u32);
            graph.elements(list, "Item", 600_001 + 400_000 * at as u32, count);
        }
        graph
    }

    #[test]
    fn private_fields_that_gain_as_many_entries_are_one_suspect() {
        let one = suspects(|count| store(&["#keys", "#values", "#links"], &[count, count, count]));
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].bytes, 3 * 2000 * 64, "it has the bytes of all");
        assert_eq!(one[0].count, Some(2000));
        let two = suspects(|count| store(&["#keys", "#values"], &[count, count / 2]));
        assert_eq!(two.len(), 2, "of different numbers");
        let two = suspects(|count| store(&["keys", "values"], &[count, count]));
        assert_eq!(two.len(), 2, "fields that anyone may fill");
    }

    /// Two events of an emitter, or one of each of two, with so many listeners each; `by_node`: of Node's own code.
    fn piped(events: [&str; 2], by_node: bool, one_emitter: bool, count: u32) -> Graph {
        let mut graph = program(20);
        graph.in_file("/srv/app/main.js", 9);
        let node = graph.script("node:internal/streams/readable");
        let own = graph.script("/srv/app/lib.js");
        let emitters = ["mixer", "other"].map(|name| {
            let id = if name == "mixer" { 500_001 } else { 500_003 };
            let emitter = graph.variable(name, "PassThrough", id);
            graph.member(emitter, "_events", "Object", id + 100)
        });
        for (at, event) in (0u32..).zip(events) {
            let events = emitters[if one_emitter { 0 } else { at as usize }];
            let list = graph.member(events, event, "Array", 500_301 + 2 * at);
            for item in 0..count {
                let id = 600_001 + 400_000 * at + 100 * item;
                let script = if by_node { node } else { own };
                let listener = graph.function_in(script, "onclose", id, 7);
                graph.edge(list, "element", &item.to_string(), listener);
            }
        }
        graph
    }

    /// What the entries of a registry have of a collection.
    #[derive(Clone, Copy)]
    enum Shared {
        Held,
        Target,
        Nothing,
    }

    /// A Set of weak references, and a registry with an entry for each: with the callback of Node or not.
    fn registered(by_node: bool, shared: Shared, count: u32) -> Graph {
        let mut graph = program(20);
        graph.in_file("/srv/app/main.js", 9);
        let script = graph.script(if by_node { "node:internal/abort" } else { "/srv/app/lib.js" });
        let references = graph.variable("references", "Set", 500_001);
        let table = graph.node("array", "", 500_003, 64);
        graph.edge(references, "internal", "table", table);
        let registry = graph.node("object", "FinalizationRegistry", 500_005, 32);
        let callback = graph.function_in(script, "cleanup", 500_007, 7);
        let module = graph.node("object", "system / Context", 500_009, 32);
        graph.edge(1, "property", "cleanup", callback);
        graph.edge(callback, "internal", "context", module);
        graph.edge(module, "context", "registry", registry);
        graph.edge(registry, "hidden", "3", callback);
        for item in 0..count {
            let id = 600_001 + 100 * item;
            let reference = graph.node("object", "WeakRef", id, 32);
            graph.edge(table, "internal", &(2 + item).to_string(), reference);
            let entry = graph.node("hidden", "system / WeakCell", id + 2, 72);
            graph.edge(registry, "hidden", &(100 + item).to_string(), entry);
            graph.edge(entry, "hidden", "0", registry);
            let held = graph.member(entry, "held", "Object", id + 4);
            match shared {
                Shared::Held => graph.edge(held, "property", "reference", reference),
                Shared::Target => graph.edge(entry, "weak", "target", reference),
                Shared::Nothing => {}
            }
            if !matches!(shared, Shared::Target) {
                graph.edge(entry, "weak", "target", callback);
            }
        }
        graph
    }

    #[test]
    fn what_a_registry_of_node_gains_counts_for_the_suspect_whose_objects_it_holds() {
        let of = |by_node, shared| {
            let snapshots =
                [0, 2000, 4000].map(|count| registered(by_node, shared, count).snapshot());
            let found = pipeline::suspects(&snapshots, 10, &Options::default());
            let rest = found.unexplained.unwrap().bytes;
            let all =
                found.suspects.into_iter().map(|each| (each.name, each.bytes, each.registered));
            (all.collect::<Vec<_>>(), rest)
        };
        let entries = 4000 * (72 + 32);
        let references = 4000 * 32;
        let one = |bytes, registered| vec![("references".to_owned(), bytes, registered)];
        assert_eq!(of(true, Shared::Held), (one(references + entries, true), 0));
        assert_eq!(of(true, Shared::Target), (one(references + entries, true), 0));
        let others = (one(references, false), entries);
        assert_eq!(of(true, Shared::Nothing), others, "it is about others");
        let own = of(false, Shared::Held);
        assert_eq!(own.0.len(), 2, "a registry of the program's own is a suspect: {own:?}");
    }

    #[test]
    fn listeners_that_node_adds_to_several_events_of_an_emitter_are_one_suspect() {
        let events = ["close", "finish"];
        let of =
            |by_node, one_emitter| suspects(|count| piped(events, by_node, one_emitter, count));
        let one = of(true, true);
        assert_eq!(one.iter().map(|each| each.cause).collect::<Vec<_>>(), [Cause::Listeners]);
        assert_eq!((one[0].count, one[0].bytes >= 2 * 2000 * 64), (Some(2000), true));
        assert_eq!(of(true, false).len(), 2, "of two emitters");
        let one = suspects(|count| piped(["error", "placed"], true, true, count));
        assert_eq!((one.len(), one[0].name.as_str()), (1, "placed"), "the program's own name");
        assert_eq!(of(false, true).len(), 2, "the program's own");
    }

    #[test]
    fn counts_that_differ_by_a_hundredth_are_as_many() {
        assert!(is_as_many(Some(1000), Some(1000)));
        assert!(is_as_many(Some(1000), Some(990)) && is_as_many(Some(990), Some(1000)));
        assert!(!is_as_many(Some(1000), Some(989)) && !is_as_many(Some(989), Some(1000)));
        assert!(
            !is_as_many(None, Some(1)) && !is_as_many(Some(1), None) && !is_as_many(None, None)
        );
    }

    /// A cache `owner` and a timer, which a list of the owner's holds, or whose callback's scope has the owner.
    fn timer(in_list: bool, in_scope: Option<bool>, script_of_callback: &str) -> (bool, bool) {
        let mut graph = module();
        let script = graph.script("/srv/cache.js");
        let other = graph.script("/srv/other.js");
        let owner = graph.variable("owner", "Cache", 11);
        graph.locate(owner, script, 3);
        let timer = graph.node("object", "Timeout", 13, 64);
        graph.edge(0, "element", "7", timer);
        if in_list {
            let list = graph.member(owner, "timers", "Array", 15);
            graph.edge(list, "element", "0", timer);
        }
        let by = if script_of_callback == "own" { script } else { other };
        let callback = graph.function_in(by, "expire", 17, 9);
        graph.edge(timer, "property", "_onTimeout", callback);
        if let Some(directly) = in_scope {
            let scope = graph.node("object", "system / Context", 19, 32);
            graph.edge(callback, "internal", "context", scope);
            if directly {
                graph.edge(scope, "context", "cache", owner);
            } else {
                let above = graph.node("object", "system / Context", 21, 32);
                graph.edge(scope, "internal", "previous", above);
                graph.edge(above, "context", "cache", owner);
            }
        }
        let snapshot = graph.snapshot();
        snapshot.index_retainers();
        let index = CodeIndex::new(&snapshot);
        let [owner, timer] = [11, 13].map(|id| snapshot.by_id(id).unwrap());
        let is_held = holds(&snapshot, owner, timer);
        assert_eq!(has_timers(&index, owner, &[timer]), is_held || calls(&index, owner, timer));
        (is_held, calls(&index, owner, timer))
    }

    #[test]
    fn a_timer_is_a_caches_if_it_holds_it_or_made_its_callback() {
        assert_eq!(timer(true, None, "other"), (true, false));
        assert_eq!(timer(false, None, "own"), (false, false));
        assert_eq!(timer(false, Some(true), "own"), (false, true));
        assert_eq!(timer(false, Some(false), "own"), (false, true), "one scope further out");
        assert_eq!(timer(false, Some(true), "other"), (false, false), "other code refers to it");
    }

    /// Timers of a cache's own code, of which the scopes of the first ones have the cache, those of the others another
    /// object.
    #[test]
    fn timers_are_a_caches_if_more_than_half_of_them_refer_to_it() {
        let is_of_cache = |own: u32, others: u32| {
            let mut graph = module();
            let script = graph.script("/srv/cache.js");
            let objects = ["cache", "other"].map(|name| {
                let object = graph.variable(name, "Cache", if name == "cache" { 11 } else { 13 });
                graph.locate(object, script, 3);
                object
            });
            for at in 0..own + others {
                let id = |part: u32| 1001 + 100 * at + part;
                let timer = graph.node("object", "Timeout", id(0), 64);
                graph.edge(0, "element", &(50 + at).to_string(), timer);
                let callback = graph.function_in(script, "expire", id(2), 9);
                graph.edge(timer, "property", "_onTimeout", callback);
                let scope = graph.node("object", "system / Context", id(4), 32);
                graph.edge(callback, "internal", "context", scope);
                graph.edge(scope, "context", "it", objects[usize::from(at >= own)]);
            }
            let snapshot = graph.snapshot();
            snapshot.index_retainers();
            let node = |id| snapshot.by_id(id).unwrap();
            let sample: Vec<Node> = (0..own + others).map(|at| node(1001 + 100 * at)).collect();
            has_timers(&CodeIndex::new(&snapshot), node(11), &sample)
        };
        assert!(is_of_cache(1, 0) && is_of_cache(3, 2));
        assert!(!is_of_cache(2, 2) && !is_of_cache(0, 3) && !is_of_cache(0, 0));
    }
}
