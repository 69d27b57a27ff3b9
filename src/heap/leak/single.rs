//! What is suspicious in one snapshot: the largest collections, by what holds them. Nothing shows that they grow.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::heap::compare::entries;
use crate::heap::compare::growth::Growth;
use crate::heap::compare::stores::{is_store, owner_of_store};
use crate::heap::compare::survivors::{Survivors, is_within};
use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::context::GrowthContext;
use crate::heap::graph::bits::Bits;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::heaviest::{Heavy, heaviest};
use crate::heap::leak::causes::Unit;
use crate::heap::leak::count::Count;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::handles;
use crate::heap::leak::naming::{MAX_GROWTHS, suspect};
use crate::heap::leak::suspect::Suspect;
use crate::heap::snapshot::{Edge, Node, Snapshot};
use crate::js_source::files;

/// A collection of fewer items is not worth a suspicion.
const MANY: usize = 16;
/// The bytes below which nothing is one, and the share of the heap: a fiftieth.
const LEAST: u64 = 64 << 10;
const LEAST_SHARE: u64 = 50;
/// How many items of a collection are looked at.
const SAMPLE: usize = 2048;

/// The suspects of a snapshot, those that retain most first.
pub(in crate::heap) fn suspects(snapshot: &Snapshot, most: usize) -> Vec<Suspect> {
    let index = CodeIndex::new(snapshot);
    let least = (snapshot.retained(snapshot.root()) / LEAST_SHARE).max(LEAST);
    let mut heavy = heaviest(snapshot, least);
    heavy.truncate(MAX_GROWTHS);
    let mut items = items(snapshot, &heavy);
    let mut found: Vec<(Node, Suspect)> = Vec::new();
    for Heavy { node, heads_chain } in heavy {
        if found.len() == most {
            break;
        }
        let direct = items.remove(&node).unwrap_or_default();
        let items = waits(snapshot, node).unwrap_or(direct);
        let is_collection = items.count >= MANY && !is_code(snapshot, &items.sample);
        if !(is_collection || heads_chain || is_bulk(snapshot, node))
            || is_data_of_module(&index, node)
            || found.iter().any(|(outer, _)| is_within(snapshot, node, *outer))
        {
            continue;
        }
        let entries = entries::count(snapshot, node);
        let count = if heads_chain {
            Count {
                number: entries::links(snapshot, node, Survivors::None),
                unit: Some(Unit::Links),
            }
        } else if entries >= MANY as u64 {
            Count { number: Some(entries), unit: None }
        } else {
            let links = links(snapshot, node, items.count as u64);
            let unit = if links.is_some() { Unit::Links } else { Unit::Objects };
            Count { number: links.or(Some(items.count as u64)), unit: Some(unit) }
        };
        let growth = Growth::of_one(node, snapshot.retained(node), items.sample);
        let context =
            GrowthContext { index: &index, survivors: Survivors::Outside(snapshot, node) };
        let mut evidence = Evidence::new(context, &growth);
        let Some(mut suspect) = suspect(&mut evidence, count) else { continue };
        // What is large may be one field of a cache.
        if let Some(cache) = &suspect.cache {
            let bytes = snapshot.retained(cache.node).max(suspect.weight);
            suspect.weight = bytes;
            suspect.measure(vec![bytes]);
        }
        // What Node itself keeps (its module cache, its tables) is no leak of the program's.
        let is_own = suspect.file.as_deref().is_some_and(|file| !files::is_internal(file));
        let is_new = !found.iter().any(|(_, known)| known.is_same(&suspect));
        if is_own && is_new && !suspect.name.is_empty() {
            found.push((node, suspect));
        }
    }
    let mut suspects: Vec<Suspect> = found.into_iter().map(|(_, suspect)| suspect).collect();
    for suspect in handles::suspects(&index, MANY, least) {
        let is_own = suspect.file.as_deref().is_some_and(|file| !files::is_internal(file));
        if is_own && !suspects.iter().any(|known| known.is_same(&suspect)) {
            suspects.push(suspect);
        }
    }
    // The other end of what a program keeps open is no reason by itself.
    suspects.sort_by_key(|each| (each.is_other_end, std::cmp::Reverse(each.weight)));
    suspects.truncate(most);
    suspects
}

/// What hangs from an object, its stores seen through.
#[derive(Default)]
struct Items {
    count: usize,
    sample: Vec<Node>,
}

impl Items {
    fn add(&mut self, node: Node) {
        self.count += 1;
        if self.sample.len() < SAMPLE {
            self.sample.push(node);
        }
    }
}

fn items(snapshot: &Snapshot, heavy: &[Heavy]) -> FxHashMap<Node, Items> {
    let mut items: FxHashMap<Node, Items> = FxHashMap::default();
    let mut is_heavy = Bits::new(snapshot.node_count());
    heavy.iter().for_each(|heavy| is_heavy.set(heavy.node as usize));
    let is_item = |kind| {
        !matches!(
            kind,
            NodeKind::Array
                | NodeKind::Code
                | NodeKind::ObjectShape
                | NodeKind::Synthetic
                | NodeKind::Number
                | NodeKind::Symbol
        )
    };
    for node in snapshot.nodes().filter(|&node| is_item(snapshot.kind(node))) {
        let above = owner_of_store(snapshot, snapshot.dominator(node));
        if is_heavy.has(above as usize) && above != node && !is_store(snapshot, node) {
            items.entry(above).or_default().add(node);
        }
    }
    items
}

/// The links of a list that has two ends, and dominates each: what nearly all of its items are.
fn links(snapshot: &Snapshot, list: Node, items: u64) -> Option<u64> {
    let members = snapshot.edges(list).filter(|edge| edge.kind == EdgeKind::Property);
    let links =
        members.filter_map(|edge| entries::links(snapshot, edge.to, Survivors::None)).max()?;
    (links >= (items / 10 * 9).max(MANY as u64)).then_some(links)
}

/// What waits for a promise: a chain of V8's own objects.
fn waits(snapshot: &Snapshot, promise: Node) -> Option<Items> {
    let next = |node| {
        let is_reaction = |edge: &Edge| {
            matches!(edge.kind, EdgeKind::Internal | EdgeKind::Hidden)
                && snapshot.raw_name(edge.to) == b"system / PromiseReaction"
        };
        snapshot.edges(node).find(is_reaction).map(|edge| edge.to)
    };
    let mut waits = Items::default();
    // A damaged file may have a ring of them.
    let mut seen = FxHashSet::default();
    let mut reaction = Some(next(promise)?);
    while let Some(node) = reaction.filter(|&node| seen.insert(node)) {
        waits.add(node);
        reaction = next(node);
    }
    Some(waits)
}

/// Functions of which each is written elsewhere are a program's code: a namespace, a prototype, a table of handlers.
fn is_code(snapshot: &Snapshot, items: &[Node]) -> bool {
    let places: Vec<_> = items
        .iter()
        .filter(|&&node| snapshot.kind(node) == NodeKind::Closure)
        .filter_map(|&node| snapshot.location(node))
        .map(|location| (location.script_id, location.line, location.column))
        .collect();
    let different: FxHashSet<_> = places.iter().collect();
    places.len() * 2 > items.len() && different.len() * 2 > places.len()
}

/// Whether a module that only contains data exports it, or what it is a part of: such a table is loaded once and is
/// constant.
fn is_data_of_module(index: &CodeIndex, node: Node) -> bool {
    const REACH: usize = 16;
    let snapshot = index.snapshot;
    let is_export = |at: &Node| {
        let holders = snapshot.retainers(*at).take(REACH).filter(|holder| {
            snapshot.raw_name(holder.from) == b"Module"
                && snapshot.edge_name(&holder.edge) == "exports"
        });
        holders
            .filter_map(|holder| index.text(index.property(holder.from, "filename")?))
            .any(|file| file.ends_with(".json"))
    };
    let above = std::iter::successors(Some(node), |&at| {
        Some(owner_of_store(snapshot, snapshot.dominator(at)))
    });
    above.take(REACH).any(|at| is_export(&at))
}

/// One large thing: a string, a buffer.
fn is_bulk(snapshot: &Snapshot, node: Node) -> bool {
    snapshot.kind(node) != NodeKind::Object
        || snapshot.shallow(node) > snapshot.retained(node) / 2
        || snapshot.edges(node).any(|edge| {
            snapshot.kind(edge.to) == NodeKind::Native
                && snapshot.retained(edge.to) > snapshot.retained(node) / 2
        })
}

#[cfg(test)]
mod tests {
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::causes::{Cause, Unit};
    use crate::heap::leak::pipeline;
    use crate::heap::leak::suspect::Suspect;
    use crate::heap::options::Options;

    const KB: u64 = 1024;

    fn of(graph: &Graph, most: usize) -> Vec<Suspect> {
        let snapshots = [graph.snapshot()];
        let found = pipeline::suspects(&snapshots, most, &Options::default());
        assert!(found.unconfirmed.is_empty() && found.unexplained.is_none());
        assert!(
            found.notes[0].starts_with("one snapshot shows what is large"),
            "{:?}",
            found.notes
        );
        found.suspects
    }

    fn names(graph: &Graph) -> Vec<String> {
        of(graph, 10).into_iter().map(|suspect| suspect.name).collect()
    }

    fn app() -> Graph {
        let mut graph = module();
        graph.in_file("/srv/app.js", 7);
        graph
    }

    /// Large objects in an array, from an id on.
    fn fill(graph: &mut Graph, list: usize, first: u32, count: u32, size: u64) {
        for at in 0..count {
            let item = graph.node("object", "Item", first + 2 * at, size);
            graph.edge(list, "element", &at.to_string(), item);
        }
    }

    /// A program with one variable that has so many items of a size.
    fn list_of(count: u32, size: u64) -> Graph {
        let mut graph = app();
        let list = graph.variable("list", "Array", 11);
        fill(&mut graph, list, 1001, count, size);
        graph
    }

    #[test]
    fn a_large_collection_is_one_and_one_of_few_or_small_things_is_none() {
        let [list] = &of(&list_of(16, 8 * KB), 10)[..] else { panic!("one suspect") };
        assert_eq!((list.cause, list.name.as_str()), (Cause::Array, "list"));
        assert_eq!((list.count, list.unit), (Some(16), None));
        assert!(!list.proven, "nothing shows that it grows");
        assert!(names(&list_of(15, 8 * KB)).is_empty(), "few things");
        assert!(names(&list_of(63, KB)).is_empty(), "less than 64 KB");
        assert_eq!(names(&list_of(64, KB)), ["list"]);
    }

    #[test]
    fn what_is_less_than_a_fiftieth_of_the_heap_is_none() {
        for (size, expected) in [(9 * KB, &["text"][..]), (14 * KB, &["text", "list"])] {
            let mut graph = list_of(16, size);
            let text = graph.node("string", "a long text", 13, 10_000 * KB);
            graph.edge(2, "context", "text", text);
            assert_eq!(names(&graph), expected);
        }
    }

    #[test]
    fn what_retains_most_comes_first_and_no_more_are_given_than_asked_for() {
        let mut graph = list_of(20, 8 * KB);
        for (name, id, size) in [("second", 13, 16 * KB), ("third", 15, 12 * KB)] {
            let list = graph.variable(name, "Set", id);
            fill(&mut graph, list, 1001 + 1000 * id, 20, size);
        }
        assert_eq!(names(&graph), ["second", "third", "list"]);
        let most: Vec<String> = of(&graph, 1).into_iter().map(|suspect| suspect.name).collect();
        assert_eq!(most, ["second"]);
    }

    #[test]
    fn what_is_within_a_suspect_is_no_other_one() {
        let mut graph = app();
        let outer = graph.variable("outer", "Array", 11);
        for at in 0..20 {
            let inner = graph.node("object", "Array", 101 + 2 * at, 32);
            graph.edge(outer, "element", &at.to_string(), inner);
            fill(&mut graph, inner, 1001 + 100 * at, 20, 8 * KB);
        }
        assert_eq!(names(&graph), ["outer"]);
    }

    #[test]
    fn the_entries_of_a_map_are_counted() {
        let mut graph = app();
        let map = graph.variable("sessions", "Map", 11);
        let table = graph.node("array", "", 13, 512);
        graph.edge(map, "internal", "table", table);
        for at in 0..20 {
            let key = graph.node("string", &format!("key {at}"), 101 + 2 * at, 32);
            let value = graph.node("object", "Session", 1001 + 2 * at, 8 * KB);
            graph.edge(table, "internal", &(10 + 3 * at).to_string(), key);
            graph.edge(table, "internal", &(11 + 3 * at).to_string(), value);
        }
        let [map] = &of(&graph, 10)[..] else { panic!("one suspect") };
        assert_eq!((map.cause, map.count, map.unit), (Cause::Map, Some(20), None));
    }

    #[test]
    fn a_chain_is_counted_by_its_links() {
        let mut graph = app();
        let mut link = graph.variable("head", "Link", 11);
        for at in 1..20 {
            let next = graph.node("object", "Link", 101 + 2 * at, 8 * KB);
            graph.edge(link, "property", "next", next);
            link = next;
        }
        let [chain] = &of(&graph, 10)[..] else { panic!("one suspect") };
        assert_eq!((chain.name.as_str(), chain.count), ("head", Some(20)));
        assert_eq!(chain.unit, Some(Unit::Links));
    }

    #[test]
    fn what_waits_for_a_promise_is_counted() {
        let with = |waiting: u32| {
            let mut graph = app();
            let mut last = graph.variable("ready", "Promise", 11);
            for at in 0..waiting {
                let reaction =
                    graph.node("object", "system / PromiseReaction", 101 + 2 * at, 8 * KB);
                let name = if at == 0 { "reactions_or_result" } else { "next" };
                graph.edge(last, "internal", name, reaction);
                last = reaction;
            }
            graph
        };
        let [promise] = &of(&with(20), 10)[..] else { panic!("one suspect") };
        assert_eq!((promise.cause, promise.count), (Cause::Promises, Some(20)));
        assert!(of(&with(15), 10).is_empty(), "few wait");
    }

    #[test]
    fn a_table_of_functions_is_code_and_many_of_one_function_are_not() {
        let with = |line: fn(u32) -> u32| {
            let mut graph = app();
            let script = graph.script("/srv/handlers.js");
            let table = graph.variable("handlers", "Array", 11);
            for at in 0..20 {
                let function = graph.function_in(script, "handle", 1001 + 2 * at, line(at));
                graph.edge(table, "element", &at.to_string(), function);
                let data = graph.node("object", "Data", 2001 + 2 * at, 8 * KB);
                graph.edge(function, "internal", "context", data);
            }
            names(&graph)
        };
        assert!(with(|at| 10 + at).is_empty());
        assert_eq!(with(|_| 10), ["handlers"]);
    }

    #[test]
    fn the_data_of_a_module_are_no_suspect() {
        let with = |file: &str| {
            let mut graph = app();
            let module = graph.variable("loaded", "Module", 11);
            let name = graph.node("string", file, 13, 64);
            graph.edge(module, "property", "filename", name);
            let data = graph.member(module, "exports", "Array", 15);
            fill(&mut graph, data, 1001, 20, 8 * KB);
            of(&graph, 10).len()
        };
        assert_eq!(with("/srv/countries.json"), 0);
        assert_eq!(with("/srv/countries.js"), 1);
    }

    #[test]
    fn what_node_itself_keeps_is_no_suspect() {
        let mut graph = module();
        graph.in_file("node:internal/modules/cjs/loader", 7);
        let list = graph.variable("cache", "Array", 11);
        fill(&mut graph, list, 1001, 20, 8 * KB);
        assert!(names(&graph).is_empty());
    }

    #[test]
    fn one_large_thing_is_a_suspect() {
        let mut graph = app();
        let buffer = graph.variable("image", "ArrayBuffer", 11);
        let data = graph.node("native", "system / JSArrayBufferData", 13, 200 * KB);
        graph.edge(buffer, "internal", "backing_store", data);
        let [image] = &of(&graph, 10)[..] else { panic!("one suspect") };
        assert_eq!((image.cause, image.name.as_str()), (Cause::Buffers, "image"));
        let mut graph = app();
        let wide = graph.node("object", "Wide", 11, 200 * KB);
        graph.edge(2, "context", "wide", wide);
        assert_eq!(names(&graph), ["wide"], "most of it is its own");
    }

    #[test]
    fn a_table_is_code_if_most_of_it_are_functions_and_most_of_them_stand_elsewhere() {
        let is_suspect = |functions: u32, places: u32| {
            let mut graph = app();
            let script = graph.script("/srv/handlers.js");
            let table = graph.variable("handlers", "Array", 11);
            for at in 0..20 {
                let item = if at < functions {
                    graph.function_in(script, "handle", 1001 + 2 * at, 10 + at % places)
                } else {
                    graph.node("object", "Item", 1001 + 2 * at, 64)
                };
                graph.edge(table, "element", &at.to_string(), item);
                let data = graph.node("object", "Data", 2001 + 2 * at, 8 * KB);
                graph.edge(item, "internal", "data", data);
            }
            names(&graph) == ["handlers"]
        };
        assert!(is_suspect(10, 20) && !is_suspect(11, 20), "most are functions");
        assert!(is_suspect(20, 10) && !is_suspect(20, 11), "most stand elsewhere");
    }

    /// A list with a reference to each of its links, and with so many other things.
    fn list_with_ends(links: u32, others: u32) -> Graph {
        let mut graph = app();
        let list = graph.variable("queue", "Queue", 11);
        let mut last = graph.member(list, "head", "Link", 1001);
        for at in 1..links {
            let link = graph.node("object", "Link", 1001 + 2 * at, 8 * KB);
            graph.edge(last, "property", "next", link);
            graph.edge(list, "hidden", &at.to_string(), link);
            last = link;
        }
        graph.edge(list, "property", "tail", last);
        for at in 0..others {
            let other = graph.node("object", "Other", 3001 + 2 * at, 64);
            graph.edge(list, "hidden", &(1000 + at).to_string(), other);
        }
        graph
    }

    #[test]
    fn a_list_that_holds_each_of_its_links_is_counted_by_them() {
        let count = |links, others| {
            let found = of(&list_with_ends(links, others), 10);
            let [one] = &found[..] else { panic!("{found:?}") };
            (one.name.clone(), one.count, one.unit)
        };
        let name = || "queue".to_owned();
        assert_eq!(count(20, 0), (name(), Some(20), Some(Unit::Links)));
        assert_eq!(count(20, 20), (name(), Some(40), Some(Unit::Objects)), "half are no links");
    }

    #[test]
    fn only_what_a_module_of_data_exports_is_its_data() {
        let with = |class: &str, field: &str| {
            let mut graph = app();
            let module = graph.variable("loaded", class, 11);
            let name = graph.node("string", "/srv/countries.json", 13, 64);
            graph.edge(module, "property", "filename", name);
            let data = graph.member(module, field, "Array", 15);
            fill(&mut graph, data, 1001, 20, 8 * KB);
            of(&graph, 10).len()
        };
        assert_eq!(with("Module", "exports"), 0);
        assert_eq!((with("Module", "rows"), with("Loaded", "exports")), (1, 1));
    }

    #[test]
    fn half_of_a_thing_does_not_make_it_one_large_thing() {
        let wide = |own: u64, native: u64, others: [u64; 2]| {
            let mut graph = app();
            let wide = graph.node("object", "Wide", 11, own);
            graph.edge(2, "context", "wide", wide);
            let data = graph.node("native", "Data", 13, native);
            graph.edge(wide, "internal", "data", data);
            for (at, size) in (0..).zip(others) {
                let part = graph.node("object", "Part", 15 + 2 * at, size);
                graph.edge(wide, "property", &format!("part{at}"), part);
            }
            !names(&graph).is_empty()
        };
        assert!(wide(60 * KB + 1, 0, [30 * KB, 30 * KB]), "its own bytes");
        assert!(!wide(60 * KB, 0, [30 * KB, 30 * KB]));
        assert!(wide(0, 60 * KB + 2, [30 * KB, 30 * KB]), "those of native memory");
        assert!(!wide(0, 60 * KB, [30 * KB, 30 * KB]));
        assert!(!wide(10 * KB, KB, [50 * KB, 50 * KB]), "a little native memory");
    }

    /// Connections of a client that native code holds, each with a listener of this file.
    fn connections(graph: &mut Graph, file: &str, first: u32) {
        let script = graph.script(file);
        let root = graph.node("synthetic", "(Global handles)", first, 0);
        graph.edge(0, "element", &first.to_string(), root);
        for at in 0..20 {
            let id = |part: u32| first + 100 * (at + 1) + part;
            let handle = graph.node("object", "TCP", id(0), 8 * KB);
            graph.edge(root, "element", &at.to_string(), handle);
            let wrap = graph.node("synthetic", "Node / TCPSocketWrap", 3, 0);
            graph.edge(0, "element", &id(1).to_string(), wrap);
            graph.edge(wrap, "internal", "native_to_javascript", handle);
            let socket = graph.member(handle, "<symbol owner_symbol>", "Socket", id(2));
            graph.member(socket, "_readableState", "ReadableState", id(4));
            let listener = graph.function_in(script, "opened", id(6), 7);
            graph.edge(socket, "property", "_onTimeout", listener);
        }
    }

    #[test]
    fn connections_that_native_code_holds_are_suspects_if_code_of_the_programs_opened_them() {
        let files = |file: &str, least: usize| {
            let mut graph = list_of(20, 8 * KB);
            connections(&mut graph, file, 10_001);
            let found = of(&graph, 10);
            assert!(found.len() >= least, "{found:?}");
            let causes: Vec<_> = found.iter().map(|each| each.cause).collect();
            causes
        };
        assert_eq!(files("/srv/client.js", 2), [Cause::Sockets, Cause::Array]);
        assert_eq!(files("node:internal/client", 1), [Cause::Array]);
    }
}
