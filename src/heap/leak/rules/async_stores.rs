//! Stores of an AsyncLocalStorage that refer each to the one before: `enterWith({ previous: storage.getStore() })`.
//!
//! No object of the program's holds the newest store: what runs asynchronously does. Node 24 and 26 give each resource
//! an AsyncContextFrame, which is a Map from the AsyncLocalStorage to its store (lib/internal/async_context_frame.js).
//! Node 20 and 22 give it a property by a symbol of the AsyncLocalStorage (lib/internal/async_local_storage).

use crate::heap::compare::entries;
use crate::heap::compare::survivors::Survivors;
use crate::heap::explain::names::{self, Named};
use crate::heap::explain::retaining_path::PathStep;
use crate::heap::explain::route::{self, RouteStep};
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::leak::causes::{Cause, Detail, Unit};
use crate::heap::leak::count::Count;
use crate::heap::leak::draft::Draft;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::rule::Rule;
use crate::heap::snapshot::{Edge, EdgeName, Node, Retainer, Snapshot};

pub(in crate::heap) struct AsyncStores;

/// What the property of a resource that has a store is called, and that of the AsyncLocalStorage which has its symbol.
const STORE: &[u8] = b"<symbol kResourceStore>";
const SYMBOL: &[u8] = b"kResourceStore";
/// Fewer stores may be those of calls within one another.
const LEAST_LINKS: u64 = 8;

impl Rule for AsyncStores {
    /// What the chain hangs from is whatever runs at the moment, which says nothing: the storage and the reference from
    /// store to store are named.
    fn replace_subject(&self, evidence: &Evidence, draft: &mut Draft) {
        if let Some(chain) = Chain::find(evidence, &draft.gained) {
            draft.gained = Count { number: Some(chain.links), unit: Some(Unit::Links) };
            draft.unit = draft.gained.unit;
            draft.detail = Detail::Stores;
            draft.rename(Cause::Object, chain.named(evidence));
        }
    }

    fn advice_by_detail(&self, detail: Detail) -> Option<&'static str> {
        (detail == Detail::Stores).then_some(
            "cut the chain: copy what is needed from the store before, which keeps all that came before it, or call run(), which brings it back by itself, in place of enterWith()",
        )
    }
}

/// Stores of which each leads to the one before.
struct Chain {
    /// The newest store.
    head: Node,
    /// The reference that leads from it to the one before.
    link: Edge,
    /// How many stores are new.
    links: u64,
    storage: Option<Node>,
}

/// The store of an object that runs asynchronously, with the AsyncLocalStorage where the object refers to it.
type Store = (Node, Option<Node>);

impl Chain {
    fn find(evidence: &Evidence, gained: &Count) -> Option<Self> {
        let snapshot = evidence.snapshot();
        let survives = |node| evidence.context.survives(node);
        let is_most = |&(store, _): &Store| snapshot.retained(store) >= evidence.growth.grown() / 2;
        let on_the_way = on_the_way(evidence).into_iter();
        let stores = on_the_way.chain(std::iter::once_with(|| below(evidence, gained)).flatten());
        stores.filter(is_most).find_map(|(head, storage)| {
            // Where objects are matched by their paths, the oldest links are those that are new.
            let chain = entries::chain(snapshot, head, Survivors::None);
            let links = chain.into_iter().filter(|&link| !survives(link)).count() as u64;
            let link = entries::next_link(snapshot, head, &|_| true, &|_| true)?;
            (links >= LEAST_LINKS).then_some(Chain { head, link, links, storage })
        })
    }

    fn named(&self, evidence: &Evidence) -> Named {
        let index = evidence.index();
        let way = self.storage.map(|storage| route::route(&evidence.context, storage));
        let way = way.unwrap_or_default();
        let mut named = names::name(index, &way);
        if named.name.is_empty() {
            named.name = "AsyncLocalStorage".to_owned();
        }
        let step = RouteStep { from: self.head, edge: self.link };
        let (link, place) = names::reference(index, &step, &way);
        named.name = format!("{}.getStore().{link}", named.name);
        named.place = place.or(named.place);
        for (name, node) in [("getStore()", self.head), (link.as_str(), self.link.to)] {
            named.path.push(name.to_owned());
            named.objects.push(PathStep::new(index, name.to_owned(), node));
        }
        named
    }
}

/// The stores of the objects on the way to what grew.
fn on_the_way(evidence: &Evidence) -> Vec<Store> {
    let nodes = evidence.steps.iter().flat_map(|step| [step.from, step.edge.to]);
    nodes.flat_map(|node| stores(evidence.snapshot(), node)).collect()
}

/// The stores of the new objects. What the program holds and counts is not looked into.
fn below(evidence: &Evidence, gained: &Count) -> Vec<Store> {
    const TOPS: usize = 8;
    const MAX_NODES: usize = 128;
    let (index, snapshot) = (evidence.index(), evidence.snapshot());
    let is_of_program = |step: &RouteStep| {
        snapshot.kind(step.from) != NodeKind::Synthetic && !index.is_internal_context(step.from)
    };
    let has_entries = gained.number.is_some() && gained.unit.is_none();
    if has_entries && evidence.steps.first().is_some_and(is_of_program) {
        return Vec::new();
    }
    let mut nodes: Vec<Node> = evidence.sample().iter().copied().take(TOPS).collect();
    let mut found = Vec::new();
    let mut next = 0;
    while let Some(&node) = nodes.get(next) {
        next += 1;
        found.extend(stores(snapshot, node));
        for edge in snapshot.edges(node) {
            let follows = matches!(
                edge.kind,
                EdgeKind::Property
                    | EdgeKind::Internal
                    | EdgeKind::Element
                    | EdgeKind::Context
                    | EdgeKind::Hidden
            );
            if follows
                && nodes.len() < MAX_NODES
                && !evidence.context.survives(edge.to)
                && !nodes.contains(&edge.to)
            {
                nodes.push(edge.to);
            }
        }
    }
    found
}

/// The stores of a resource or of an AsyncContextFrame.
fn stores(snapshot: &Snapshot, node: Node) -> Vec<Store> {
    if snapshot.kind(node) != NodeKind::Object {
        return Vec::new();
    }
    if snapshot.raw_name(node) == b"AsyncContextFrame" {
        return entries_of(snapshot, node);
    }
    let is_store = |edge: &Edge| {
        let of_symbol = |name| snapshot.raw_string(name) == STORE;
        edge.kind == EdgeKind::Property
            && matches!(edge.name, EdgeName::String(name) if of_symbol(name))
    };
    let stores = snapshot.edges(node).filter(is_store).enumerate();
    stores.map(|(at, edge)| (edge.to, storage(snapshot, node, at))).collect()
}

/// The AsyncLocalStorage of a resource's store, which is the `at`-th: the resource's hidden class has the symbols of
/// its properties in their order.
fn storage(snapshot: &Snapshot, resource: Node, at: usize) -> Option<Node> {
    let shape = snapshot.follow(resource, EdgeKind::Internal, "map")?;
    let descriptors = snapshot.follow(shape, EdgeKind::Internal, "descriptors")?;
    let has_symbol = |retainer: &Retainer| {
        let is_symbol = |name| snapshot.raw_string(name) == SYMBOL;
        retainer.edge.kind == EdgeKind::Property
            && matches!(retainer.edge.name, EdgeName::String(name) if is_symbol(name))
    };
    let symbols =
        snapshot.edges(descriptors).filter(|edge| snapshot.kind(edge.to) == NodeKind::Symbol);
    let mut storages = symbols.filter_map(|edge| snapshot.retainers(edge.to).find(has_symbol));
    storages.nth(at).map(|retainer| retainer.from)
}

/// The values of a Map with their keys: a value's field comes after the key's.
fn entries_of(snapshot: &Snapshot, map: Node) -> Vec<Store> {
    let Some(table) = snapshot.follow(map, EdgeKind::Internal, "table") else {
        return Vec::new();
    };
    let field = |edge: Edge| {
        let field = snapshot.edge_name(&edge).parse::<u32>().ok()?;
        (snapshot.kind(edge.to) == NodeKind::Object).then_some((field, edge.to))
    };
    let fields: Vec<(u32, Node)> = snapshot.edges(table).filter_map(field).collect();
    let key = |of: u32| fields.iter().find(|(field, _)| field + 1 == of).map(|&(_, key)| key);
    fields.iter().filter_map(|&(field, value)| Some((value, Some(key(field)?)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::rules::testing::{counted, ids, suspect};

    /// An AsyncLocalStorage in a variable `requests`, and its stores, each with the one before under `previous`.
    fn stores(count: u32) -> (Graph, usize, usize) {
        stores_of(count, 64)
    }

    fn stores_of(count: u32, size: u64) -> (Graph, usize, usize) {
        let mut graph = module();
        let storage = graph.variable("requests", "AsyncLocalStorage", 11);
        let mut newest = None;
        for at in 0..count {
            let store = graph.node("object", "Object", 2001 + 2 * at, size);
            if let Some(newest) = newest {
                graph.edge(store, "property", "previous", newest);
            }
            newest = Some(store);
        }
        (graph, storage, newest.unwrap())
    }

    /// A variable of Node's that has a resource.
    fn resource(graph: &mut Graph) -> usize {
        let node = graph.script("node:internal/timers");
        let scope = graph.node("object", "system / Context", 21, 32);
        graph.edge(0, "property", "timers", scope);
        let code = graph.function_in(node, "setTimeout", 23, 4);
        graph.edge(code, "internal", "context", scope);
        graph.edge(0, "property", "setTimeout", code);
        let resource = graph.node("object", "Timeout", 1001, 32);
        graph.edge(scope, "context", "queue", resource);
        resource
    }

    fn is_named(graph: &Graph, newest: u32) -> bool {
        let found = suspect(graph, 1001, &[1001, newest]).unwrap();
        let is_named = found.name == "requests.getStore().previous";
        if is_named {
            assert_eq!((found.cause, found.unit), (Cause::Object, Some(Unit::Links)));
            assert_eq!(found.path[1..], ["requests", "getStore()", "previous"]);
            assert!(found.advice.starts_with("cut the chain"), "{}", found.advice);
        }
        is_named
    }

    #[test]
    fn a_chain_of_stores_in_frames_is_its_storages() {
        for (count, named) in [(30, true), (3, false)] {
            let (mut graph, storage, newest) = stores(count);
            let timer = resource(&mut graph);
            let frame = graph.member(timer, "<symbol kAsyncContextFrame>", "AsyncContextFrame", 31);
            let table = graph.node("array", "", 33, 64);
            graph.edge(frame, "internal", "table", table);
            graph.edge(table, "internal", "5", storage);
            graph.edge(table, "internal", "6", newest);
            assert_eq!(is_named(&graph, 1999 + 2 * count), named, "{count}");
        }
    }

    #[test]
    fn a_chain_of_stores_in_properties_is_that_of_the_propertys_symbol() {
        let (mut graph, storage, newest) = stores(30);
        let other = graph.variable("tenants", "AsyncLocalStorage", 13);
        let timer = resource(&mut graph);
        graph.member(timer, "<symbol kResourceStore>", "Object", 41);
        graph.edge(timer, "property", "<symbol kResourceStore>", newest);
        let shape = graph.node("hidden", "system / Map", 43, 72);
        graph.edge(timer, "internal", "map", shape);
        let keys = graph.node("hidden", "system / DescriptorArray", 45, 72);
        graph.edge(shape, "internal", "descriptors", keys);
        for (at, owner) in [other, storage].into_iter().enumerate() {
            let symbol = graph.node("symbol", "symbol", 47 + 2 * at as u32, 24);
            graph.edge(keys, "internal", &(3 * at).to_string(), symbol);
            graph.edge(owner, "property", "kResourceStore", symbol);
        }
        assert!(is_named(&graph, 2059));
    }

    #[test]
    fn one_thing_of_the_programs_may_have_the_newest_store() {
        let (mut graph, storage, newest) = stores(30);
        let agent = graph.variable("agent", "Agent", 15);
        let handle = graph.member(agent, "handle", "TCP", 1001);
        let frame = graph.member(handle, "<symbol kAsyncContextFrame>", "AsyncContextFrame", 31);
        let table = graph.node("array", "", 33, 64);
        graph.edge(frame, "internal", "table", table);
        graph.edge(table, "internal", "5", storage);
        graph.edge(table, "internal", "6", newest);
        let found = counted(&graph, 1001, &[1001, 2059], Some(Unit::Links)).unwrap();
        assert_eq!(found.name, "requests.getStore().previous");
    }

    /// A resource that is not new, with the newest of so many stores of this size; what is new is the stores alone.
    fn set(count: u32, size: u64) -> String {
        let (mut graph, _, newest) = stores_of(count, size);
        let timer = resource(&mut graph);
        graph.edge(timer, "property", "<symbol kResourceStore>", newest);
        suspect(&graph, 1001, &[1999 + 2 * count]).unwrap().name
    }

    #[test]
    fn the_newest_store_may_be_that_of_what_is_on_the_way() {
        assert_eq!(set(30, 64), "AsyncLocalStorage.getStore().previous");
    }

    #[test]
    fn a_chain_is_named_if_it_has_half_of_the_bytes_and_eight_stores() {
        // A thousand bytes are new.
        let chain = "AsyncLocalStorage.getStore().previous";
        assert_eq!(set(8, 63), chain);
        assert_ne!(set(8, 62), chain, "less than half of the bytes");
        assert_ne!(set(7, 100), chain, "seven stores");
    }

    #[test]
    fn what_the_program_collects_is_its_collection() {
        let (mut graph, _, newest) = stores(30);
        let jobs = graph.variable("jobs", "Array", 15);
        for job in graph.elements(jobs, "Job", 100_001, 20) {
            graph.edge(job, "property", "<symbol kResourceStore>", newest);
        }
        let found = suspect(&graph, 15, &ids(100_001, 20)).unwrap();
        assert_eq!((found.cause, found.name.as_str()), (Cause::Array, "jobs"));
    }
}
