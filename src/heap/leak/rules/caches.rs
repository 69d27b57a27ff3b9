//! Bounded caches of any package, recognized by their fields: growth up to the bound is no leak.
//!
//! A snapshot does not have small integers, so a bound that is one (`max`) is not in it. What is allocated for the
//! bound is: columns of links that are typed arrays of one length (lru-cache 7 to 11, mnemonist), and arrays that are
//! filled with `undefined` or `null` in advance. Other bounds are read where the application makes the cache.

use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::heap::compare::entries;
use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::names;
use crate::heap::explain::route::RouteStep;
use crate::heap::graph::kind::{EdgeKind, NodeKind};

use crate::heap::leak::causes::Cause;
use crate::heap::leak::count::Count;
use crate::heap::leak::draft::Draft;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::rule::Rule;
use crate::heap::snapshot::{Node, Retainer, Snapshot};
use crate::js_source::files;

/// How full a bounded cache is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BoundedCache {
    /// Entries that it has.
    pub entries: u64,
    /// Entries that it has room for; absent where that is not known.
    pub max: Option<u64>,
    /// The option that bounds it, where it is known and `max` is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub option: Option<String>,
    /// Whether that option is not given.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unbounded: bool,
    /// Bytes that it allocated for all of its room in advance: they do not grow with its entries.
    pub reserved: u64,
    /// The object that is the cache.
    #[serde(skip)]
    pub(in crate::heap) node: Node,
}

impl BoundedCache {
    fn new(node: Node, entries: u64, max: u64) -> Self {
        BoundedCache { entries, max: Some(max), option: None, unbounded: false, reserved: 0, node }
    }
}

/// How a class keeps its entries.
struct Shape {
    /// The name of the class where its fields are not its own alone.
    class: &'static str,
    /// Fields that it has.
    fields: &'static [&'static str],
    /// So many of them, the first ones, hold the entries; with 0 the largest Map of all fields does.
    stores: usize,
    /// The option of the bound.
    bound: &'static str,
    /// Options that bound it in another way.
    others: &'static [&'static str],
    /// The field that holds the bound. It has a node only where the bound is `Infinity`.
    field: &'static str,
    /// It holds up to so many times the bound.
    generations: u64,
}

const SHAPE: Shape = Shape {
    class: "",
    fields: &[],
    stores: 1,
    bound: "max",
    others: &[],
    field: "",
    generations: 1,
};

/// In place of a class: the variables that functions share.
const FUNCTIONS: &str = "()";

/// Classes of published packages.
const SHAPES: [Shape; 9] = [
    // lru-cache 6
    Shape {
        fields: &["<symbol cache>", "<symbol lruList>"],
        field: "<symbol max>",
        others: &["length"],
        ..SHAPE
    },
    // lru-cache 7 to 11, without columns; the fields of the entries have other names in each
    Shape {
        fields: &["ttlAutopurge", "updateAgeOnGet", "noDisposeOnSet"],
        stores: 0,
        others: &["maxSize"],
        ..SHAPE
    },
    // quick-lru up to 6, and from 7 on
    Shape {
        class: "QuickLRU",
        fields: &["cache", "oldCache"],
        stores: 2,
        bound: "maxSize",
        generations: 2,
        ..SHAPE
    },
    Shape {
        fields: &["#cache", "#oldCache"],
        stores: 2,
        bound: "maxSize",
        generations: 2,
        ..SHAPE
    },
    // tiny-lru
    Shape { class: "LRU", fields: &["items", "first", "last"], ..SHAPE },
    // flru: the variables of its functions
    Shape { class: FUNCTIONS, fields: &["curr", "prev"], stores: 2, generations: 2, ..SHAPE },
    // @isaacs/ttlcache
    Shape { fields: &["data", "expirations", "expirationMap"], field: "max", ..SHAPE },
    // node-cache
    Shape { class: "NodeCache", fields: &["data", "options", "stats"], bound: "maxKeys", ..SHAPE },
    // cacheable
    Shape { class: "CacheableMemory", fields: &["_store", "_lru"], bound: "lruSize", ..SHAPE },
];

/// Caches of fewer entries are no matter.
const LEAST: u64 = 64;
/// A cache has no more fields than this.
const FIELDS: usize = 128;
/// So many holders of a function or an object are looked at.
const HOLDERS: usize = 64;
/// How many references lead from a cache to what grows in it.
const NEAR: usize = 2;

pub(in crate::heap) struct BoundedCaches;

impl Rule for BoundedCaches {
    /// Its fields are one suspect: the cache, as the program calls it.
    fn replace_subject(&self, evidence: &Evidence, draft: &mut Draft) {
        let snapshot = evidence.snapshot();
        let steps = &evidence.steps;
        let first = steps.len().saturating_sub(NEAR).max(1);
        let owner = (first..=steps.len()).rev().find_map(|at| {
            let fill = columns(snapshot, steps[at - 1].edge.to)?;
            Some((at, fill))
        });
        let owner = owner.or_else(|| {
            let first = steps.len().saturating_sub(NEAR);
            let known = |at| Some((at, known(evidence.index(), steps, at)?));
            (first..=steps.len()).rev().find_map(known)
        });
        if let Some((at, fill)) = owner {
            let index = evidence.index();
            let named = names::name(index, &made_by(index, fill.node, &steps[..at]));
            if !named.name.is_empty() {
                draft.cache = Some(fill);
                draft.gained = Count { number: None, unit: None };
                draft.rename(Cause::Map, named);
            }
        } else {
            draft.cache = reserved(snapshot, evidence.thing());
        }
    }
}

/// A cache of a class that is known, or that the program declares: the object that the first `at` steps lead to.
fn known(index: &CodeIndex, steps: &[RouteStep], at: usize) -> Option<BoundedCache> {
    let node = match at.checked_sub(1) {
        Some(last) => steps[last].edge.to,
        None => steps.first()?.from,
    };
    let steps = &steps[..at];
    let declared = declared(index, node);
    let shape = SHAPES.iter().find(|shape| shape.is_of(index, node));
    let (stores, bound): (Vec<Node>, String) = match (&declared, shape) {
        (Some((store, bound)), _) => (vec![*store], bound.clone()),
        (None, Some(shape)) => (shape.stores(index, node), shape.bound.to_owned()),
        (None, None) => return None,
    };
    let shape = if declared.is_some() { &SHAPE } else { shape.unwrap_or(&SHAPE) };
    let entries = stores.iter().map(|&store| entries_of(index.snapshot, store)).sum();
    if entries < LEAST {
        return None;
    }
    if let Ok(max) = bound.parse() {
        return Some(BoundedCache::new(node, entries, max));
    }
    let named = names::name(index, &made_by(index, node, steps));
    let own = named.place.filter(|place| files::is_application(&place.file));
    let given = own.and_then(|place| index.sources.given_to(&place)).unwrap_or_default();
    let is_infinite = index.property(node, shape.field).is_some();
    let option = given.option(&bound);
    let max = option.unwrap_or(given.first);
    let is_other = shape.others.iter().any(|other| given.option(other).is_some());
    let missing = given.is_complete && option.is_none() && max.is_none() && !is_other;
    let max = max.filter(|_| !is_infinite && !is_other).map(|max| max * shape.generations);
    Some(BoundedCache {
        entries,
        max,
        unbounded: is_infinite || missing,
        option: Some(bound).filter(|_| max.is_none()),
        reserved: 0,
        node,
    })
}

impl Shape {
    fn is_of(&self, index: &CodeIndex, node: Node) -> bool {
        let is_class = match self.class {
            "" => true,
            FUNCTIONS => index.is_context(node),
            class => index.snapshot.raw_name(node) == class.as_bytes(),
        };
        is_class && self.fields.iter().all(|name| field(index, node, name).is_some())
    }

    fn stores(&self, index: &CodeIndex, node: Node) -> Vec<Node> {
        let snapshot = index.snapshot;
        if self.stores > 0 {
            let fields = self.fields.iter().take(self.stores);
            return fields.filter_map(|name| field(index, node, name)).collect();
        }
        let fields = snapshot.edges(node).filter(|edge| edge.kind == EdgeKind::Property);
        let maps = fields.map(|edge| edge.to).filter(|&to| snapshot.raw_name(to) == b"Map");
        maps.max_by_key(|&map| entries::count(snapshot, map)).into_iter().collect()
    }
}

/// A field of an object, or a variable of a scope.
fn field(index: &CodeIndex, node: Node, name: &str) -> Option<Node> {
    let kind = if index.is_context(node) { EdgeKind::Context } else { EdgeKind::Property };
    index.snapshot.follow(node, kind, name)
}

/// The steps to the object that the application has: where the cache is a scope, the object with its functions.
fn made_by(index: &CodeIndex, cache: Node, steps: &[RouteStep]) -> Vec<RouteStep> {
    let by_functions = || {
        if !index.is_context(cache) {
            return None;
        }
        let snapshot = index.snapshot;
        let holders = |node: Node| snapshot.retainers(node).take(HOLDERS);
        let functions = holders(cache).filter(|it| snapshot.kind(it.from) == NodeKind::Closure);
        let objects = functions
            .flat_map(|it| holders(it.from))
            .filter(|it| snapshot.kind(it.from) == NodeKind::Object);
        let variables = objects
            .flat_map(|it| holders(it.from))
            .filter(|it| matches!(it.edge.kind, EdgeKind::Context | EdgeKind::Property));
        let steps = variables.map(|Retainer { from, edge }| RouteStep { from, edge });
        steps.into_iter().find(|step| {
            names::variable(index, step).is_some_and(|it| files::is_application(&it.1.file))
        })
    };
    by_functions().map_or_else(|| steps.to_vec(), |step| vec![step])
}

/// The entries of a collection, or of the collections in an array.
fn entries_of(snapshot: &Snapshot, store: Node) -> u64 {
    if snapshot.raw_name(store) != b"Array" {
        return entries::count(snapshot, store);
    }
    let tables = snapshot
        .edges(store)
        .filter(|edge| edge.kind == EdgeKind::Element && snapshot.raw_name(edge.to) == b"Map");
    tables.map(|edge| entries::count(snapshot, edge.to)).sum()
}

/// What the class of an object declares by `static [Symbol.for('plimsoll.cache')]`: the collection, and the option of
/// the bound or the bound itself.
fn declared(index: &CodeIndex, node: Node) -> Option<(Node, String)> {
    let prototype = index.property(node, "__proto__")?;
    let class = index.property(prototype, "constructor")?;
    let declaration = index.property(class, "<symbol plimsoll.cache>")?;
    let text = |name| index.text(index.property(declaration, name)?);
    let store = index.property(node, &text("entries")?)?;
    Some((store, text("max")?))
}

/// A cache whose entries are linked by columns of one length, and lie in arrays that were made for as many. Columns of
/// a table that grows are longer than what it has, and its arrays have the room that V8 gave them.
fn columns(snapshot: &Snapshot, node: Node) -> Option<BoundedCache> {
    if snapshot.kind(node) != NodeKind::Object || snapshot.edges(node).len() > FIELDS {
        return None;
    }
    let mut lengths: FxHashMap<u64, u32> = FxHashMap::default();
    let mut arrays = Vec::new();
    let mut reserved = 0;
    for edge in snapshot.edges(node).filter(|edge| edge.kind == EdgeKind::Property) {
        if let Some((length, bytes)) = typed_length(snapshot, edge.to) {
            *lengths.entry(length).or_default() += 1;
            reserved += bytes;
        } else if snapshot.raw_name(edge.to) == b"Array" {
            arrays.push(edge.to);
        }
    }
    let (&max, _) = lengths.iter().filter(|&(_, &count)| count > 1).max()?;
    arrays.retain(|&array| has_room(snapshot, array, max));
    reserved += arrays.iter().map(|&array| room(snapshot, array)).sum::<u64>();
    let entries = arrays.iter().map(|&array| elements(snapshot, array).set).max()?;
    let is_cache = max >= LEAST && entries > 0 && entries <= max;
    is_cache.then(|| BoundedCache { reserved, ..BoundedCache::new(node, entries, max) })
}

/// An array that was made for so many elements, of which the end is still free. A list of which some elements are
/// `null` has them anywhere.
fn reserved(snapshot: &Snapshot, node: Node) -> Option<BoundedCache> {
    if snapshot.kind(node) != NodeKind::Object || snapshot.raw_name(node) != b"Array" {
        return None;
    }
    let Elements { set, free, end } = elements(snapshot, node);
    let max = set + free;
    let is_cache = max >= LEAST && set > 0 && end > 0 && end * 2 >= free;
    let reserved = room(snapshot, node);
    (is_cache && has_room(snapshot, node, max))
        .then(|| BoundedCache { reserved, ..BoundedCache::new(node, set, max) })
}

/// The bytes of an array with its elements, those that are free among them. V8's array of elements counts for the
/// object.
fn room(snapshot: &Snapshot, array: Node) -> u64 {
    let store = snapshot.follow(array, EdgeKind::Internal, "elements");
    snapshot.shallow(array) + store.map_or(0, |store| snapshot.shallow(store))
}

/// Whether an array was made for so many elements: beside them it has its own fields.
fn has_room(snapshot: &Snapshot, array: Node, elements: u64) -> bool {
    const ELEMENT: u64 = 8;
    const FIELDS: u64 = 64;
    (elements * ELEMENT..=elements * ELEMENT + FIELDS).contains(&room(snapshot, array))
}

/// The elements of an array.
#[derive(Default)]
struct Elements {
    /// Those that have a value.
    set: u64,
    /// Those that have none.
    free: u64,
    /// Those of them behind the last one that has a value.
    end: u64,
}

fn elements(snapshot: &Snapshot, array: Node) -> Elements {
    let mut found = Elements::default();
    for edge in snapshot.edges(array).filter(|edge| edge.kind == EdgeKind::Element) {
        if is_nothing(snapshot, edge.to) {
            found.free += 1;
            found.end += 1;
        } else {
            found.set += 1;
            found.end = 0;
        }
    }
    found
}

/// `undefined` or `null`. Before Node 24 they are called as `true` and `false` are.
fn is_nothing(snapshot: &Snapshot, node: Node) -> bool {
    snapshot.kind(node) == NodeKind::Hidden
        && matches!(snapshot.raw_name(node), b"system / Oddball" | b"undefined" | b"null")
}

/// The length of a typed array that can hold indexes, and its bytes.
fn typed_length(snapshot: &Snapshot, node: Node) -> Option<(u64, u64)> {
    let width = match snapshot.raw_name(node) {
        b"Uint8Array" => 1,
        b"Uint16Array" => 2,
        b"Uint32Array" | b"Int32Array" => 4,
        b"Float64Array" => 8,
        _ => return None,
    };
    let buffer = snapshot.follow(node, EdgeKind::Internal, "buffer")?;
    let store = snapshot.follow(buffer, EdgeKind::Internal, "backing_store")?;
    let bytes = snapshot.shallow(store).max(snapshot.retained(store));
    Some((bytes / width, bytes))
}

#[cfg(test)]
mod tests {
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::rules::testing::suspect;

    const MAX: u32 = 100;

    /// A cache as lru-cache has it, with so many entries; its columns have `rooms` elements.
    fn cache(entries: u32, rooms: [u64; 2]) -> Graph {
        cache_with("Uint16Array", 2, entries, rooms)
    }

    fn cache_with(class: &str, width: u64, entries: u32, rooms: [u64; 2]) -> Graph {
        cache_of(MAX, class, width, entries, rooms)
    }

    /// The same with a list of so many elements.
    fn cache_of(elements: u32, class: &str, width: u64, entries: u32, rooms: [u64; 2]) -> Graph {
        let mut graph = module();
        let cache = graph.node("object", "C", 11, 100);
        graph.edge(2, "context", "users", cache);
        let nothing = graph.node("hidden", "system / Oddball", 13, 0);
        let list = graph.member(cache, "#values", "Array", 15);
        let store = graph.node("array", "", 29, 8 * u64::from(elements) + 16);
        graph.edge(list, "internal", "elements", store);
        for at in 0..elements {
            let is_set = at < entries;
            let node =
                if is_set { graph.node("object", "User", 1001 + 2 * at, 64) } else { nothing };
            graph.edge(list, "element", &at.to_string(), node);
        }
        for (at, room) in rooms.into_iter().enumerate() {
            let id = 17 + 6 * at as u32;
            let column = graph.member(cache, ["#next", "#previous"][at], class, id);
            let buffer = graph.node("object", "ArrayBuffer", id + 2, 88);
            let store = graph.node("native", "system / JSArrayBufferData", id + 4, width * room);
            graph.edge(column, "internal", "buffer", buffer);
            graph.edge(buffer, "internal", "backing_store", store);
        }
        graph
    }

    fn found(graph: &Graph) -> (String, Option<(u64, u64)>) {
        let new: Vec<u32> = (0..40).map(|at| 1001 + 2 * at).collect();
        let suspect = suspect(graph, 15, &new).unwrap();
        (suspect.name, suspect.cache.and_then(|fill| Some((fill.entries, fill.max?))))
    }

    #[test]
    fn a_cache_with_columns_is_one_suspect_that_fills() {
        assert_eq!(found(&cache(40, [100, 100])), ("users".to_owned(), Some((40, 100))));
    }

    #[test]
    fn a_cache_with_columns_may_be_what_grew_itself() {
        let new: Vec<u32> = (0..40).map(|at| 1001 + 2 * at).collect();
        let suspect = suspect(&cache(40, [100, 100]), 11, &new).unwrap();
        let cache = suspect.cache.unwrap();
        assert_eq!((suspect.name.as_str(), cache.entries, cache.max), ("users", 40, Some(100)));
    }

    #[test]
    fn what_is_allocated_in_advance_does_not_grow_with_the_entries() {
        let graph = cache(40, [100, 100]);
        let new: Vec<u32> = (0..40).map(|at| 1001 + 2 * at).collect();
        let suspect = suspect(&graph, 15, &new).unwrap();
        assert_eq!(suspect.cache.unwrap().reserved, 2 * 200 + 32 + 816);
    }

    #[test]
    fn a_table_whose_columns_grow_is_no_cache() {
        // Columns of 128 for 100 rows, in an array that V8 gave room for 100.
        assert_eq!(found(&cache(100, [128, 128])), ("#values".to_owned(), None));
    }

    #[test]
    fn columns_are_of_any_type_that_holds_indexes() {
        for (class, width) in [
            ("Uint8Array", 1),
            ("Uint16Array", 2),
            ("Uint32Array", 4),
            ("Int32Array", 4),
            ("Float64Array", 8),
        ] {
            let graph = cache_with(class, width, 40, [100, 100]);
            assert_eq!(found(&graph), ("users".to_owned(), Some((40, 100))), "{class}");
        }
        let graph = cache_with("Float32Array", 4, 40, [100, 100]);
        assert_eq!(found(&graph).0, "#values");
    }

    #[test]
    fn a_cache_has_64_rooms_at_least_and_no_more_entries_than_rooms() {
        let rooms = |rooms: u32| {
            let columns = [u64::from(rooms); 2];
            found(&cache_of(rooms, "Uint16Array", 2, 40, columns)).0
        };
        assert_eq!((rooms(64), rooms(63)), ("users".to_owned(), "#values".to_owned()));
        assert_eq!(rooms(40), "#values");
        let full = |rooms| found(&cache(100, [rooms, rooms]));
        assert_eq!(full(100), ("users".to_owned(), Some((100, 100))));
        assert_eq!(full(99).0, "#values", "more entries than rooms");
    }

    /// An instance of a class whose first field has so many entries.
    fn instance(class: &str, fields: &[&str], entries: u32) -> (Graph, usize) {
        let mut graph = module();
        let cache = graph.node("object", class, 11, 100);
        graph.edge(2, "context", "users", cache);
        for (at, field) in fields.iter().enumerate() {
            graph.member(cache, field, "Object", 15 + 2 * at as u32);
        }
        let store = cache + 1;
        for at in 0..entries {
            let user = graph.node("object", "User", 1001 + 2 * at, 64);
            graph.edge(store, "property", &format!("k{at}"), user);
        }
        (graph, cache)
    }

    fn known(graph: &Graph) -> Option<(String, u64, Option<u64>, bool)> {
        let new: Vec<u32> = (0..40).map(|at| 1001 + 2 * at).collect();
        let suspect = suspect(graph, 15, &new).unwrap();
        let cache = suspect.cache?;
        Some((suspect.name, cache.entries, cache.max, cache.unbounded))
    }

    #[test]
    fn a_class_of_a_package_is_one_suspect_though_its_bound_is_not_known() {
        let ttl = ["data", "expirations", "expirationMap"];
        let (graph, _) = instance("TTLCache", &ttl, 90);
        assert_eq!(known(&graph), Some(("users".to_owned(), 90, None, false)));
        let (graph, _) = instance("TTLCache", &["data", "expirations", "expirationMap", "max"], 90);
        assert_eq!(known(&graph), Some(("users".to_owned(), 90, None, true)), "Infinity");
        let (graph, _) = instance("TTLCache", &ttl, 64);
        assert_eq!(known(&graph), Some(("users".to_owned(), 64, None, false)));
        let (graph, _) = instance("TTLCache", &ttl, 63);
        assert_eq!(known(&graph), None, "too few entries");
        let (graph, _) = instance("Report", &["data", "options", "stats"], 90);
        assert_eq!(known(&graph), None, "another class with the fields of node-cache");
    }

    #[test]
    fn a_class_may_declare_its_entries_and_its_bound() {
        let (mut graph, cache) = instance("Sessions", &["byId"], 90);
        let prototype = graph.node("object", "Object", 501, 20);
        graph.edge(cache, "property", "__proto__", prototype);
        let class = graph.node("closure", "Sessions", 503, 20);
        graph.edge(prototype, "property", "constructor", class);
        let declaration = graph.member(class, "<symbol plimsoll.cache>", "Object", 505);
        for (name, text, id) in [("entries", "byId", 507), ("max", "5000", 509)] {
            let node = graph.node("string", text, id, 20);
            graph.edge(declaration, "property", name, node);
        }
        assert_eq!(known(&graph), Some(("users".to_owned(), 90, Some(5000), false)));
    }

    #[test]
    fn an_array_that_is_filled_in_advance_has_room() {
        assert_eq!(found(&cache(40, [100, 200])), ("#values".to_owned(), Some((40, 100))));
        assert_eq!(found(&cache(100, [1, 2])).1, None, "it is full");
        let mut list = cache(40, [1, 2]);
        list.resize(29, 8 * 160);
        assert_eq!(found(&list).1, None, "it has grown");
    }

    #[test]
    fn an_object_of_more_than_128_fields_is_no_cache() {
        let with = |more: u32| {
            let mut graph = cache(40, [100, 100]);
            for at in 0..more {
                graph.member(2 + 1, &format!("field{at}"), "Object", 50_001 + 2 * at);
            }
            found(&graph).0
        };
        assert_eq!((with(125), with(126)), ("users".to_owned(), "#values".to_owned()));
    }

    #[test]
    fn one_column_is_no_list_of_links() {
        assert_eq!(found(&cache(40, [100, 50])).0, "#values");
    }

    #[test]
    fn an_array_has_room_if_at_least_half_of_what_is_free_is_its_end() {
        let with = |last: u32| {
            let mut graph = cache_of(MAX, "Uint16Array", 2, 39, [1, 2]);
            let user = graph.node("object", "User", 1001 + 2 * 39, 64);
            graph.edge(4 + 1, "element", "200", user);
            let nothing = graph.node("hidden", "undefined", 33, 0);
            for at in 0..last {
                graph.edge(5, "element", &(201 + at).to_string(), nothing);
            }
            graph.resize(29, 8 * u64::from(MAX + 1 + last) + 16);
            found(&graph).1
        };
        // 61 are free before the last user.
        assert_eq!((with(61), with(60)), (Some((40, 162)), None));
    }

    #[test]
    fn an_array_with_room_is_an_array_of_64_at_least_and_its_bytes_are_reserved() {
        let with = |elements| cache_of(elements, "Uint16Array", 2, 40, [1, 2]);
        assert_eq!(found(&with(63)).1, None);
        assert_eq!(found(&with(64)).1, Some((40, 64)));
        let mut other = with(100);
        other.rename(15, "List");
        assert_eq!(found(&other).1, None, "no array");
        let mut other = with(100);
        other.rename(13, "system / Managed");
        assert_eq!(found(&other).1, None, "what V8 keeps there is something");
        let new: Vec<u32> = (0..40).map(|at| 1001 + 2 * at).collect();
        assert_eq!(suspect(&with(100), 15, &new).unwrap().cache.unwrap().reserved, 32 + 816);
    }

    /// A Map in a field, with so many entries from an id on.
    fn map(graph: &mut Graph, of: usize, edge: (&'static str, &str), id: u32, entries: u32) {
        let map = graph.node("object", "Map", id, 32);
        graph.edge(of, edge.0, edge.1, map);
        let table = graph.node("array", "", id + 1, 512);
        graph.edge(map, "internal", "table", table);
        for at in 0..entries {
            let key = graph.node("string", "key", 100 * id + 4 * at, 32);
            let user = graph.node("object", "User", 100 * id + 4 * at + 1, 64);
            graph.edge(table, "internal", &(10 + 3 * at).to_string(), key);
            graph.edge(table, "internal", &(11 + 3 * at).to_string(), user);
        }
    }

    fn filled(graph: &Graph, thing: u32, new: u32) -> Option<(String, u64)> {
        let new: Vec<u32> = (0..20).map(|at| new + 4 * at).collect();
        let suspect = suspect(graph, thing, &new).unwrap();
        Some((suspect.name, suspect.cache?.entries))
    }

    #[test]
    fn the_largest_map_of_lru_cache_has_its_entries() {
        let (mut graph, cache) =
            instance("LRUCache", &["ttlAutopurge", "updateAgeOnGet", "noDisposeOnSet"], 0);
        map(&mut graph, cache, ("property", "#small"), 101, 10);
        map(&mut graph, cache, ("property", "#keys"), 201, 90);
        map(&mut graph, cache, ("internal", "hidden"), 401, 95);
        assert_eq!(filled(&graph, 201, 20_101), Some(("users".to_owned(), 90)));
    }

    #[test]
    fn both_generations_of_quick_lru_are_its_entries() {
        let mut graph = module();
        let cache = graph.variable("users", "QuickLRU", 11);
        map(&mut graph, cache, ("property", "cache"), 101, 40);
        map(&mut graph, cache, ("property", "oldCache"), 301, 50);
        assert_eq!(filled(&graph, 101, 10_101), Some(("users".to_owned(), 90)));
    }

    #[test]
    fn the_maps_in_the_array_of_cacheable_have_its_entries() {
        let mut graph = module();
        let cache = graph.variable("users", "CacheableMemory", 11);
        let store = graph.member(cache, "_store", "Array", 13);
        graph.member(cache, "_lru", "Object", 15);
        map(&mut graph, store, ("element", "0"), 101, 40);
        map(&mut graph, store, ("element", "1"), 301, 50);
        map(&mut graph, store, ("property", "other"), 501, 70);
        let other = graph.node("object", "Row", 21, 32);
        graph.edge(store, "element", "2", other);
        for at in 0..5 {
            graph.member(other, &format!("field{at}"), "Object", 23 + 2 * at);
        }
        assert_eq!(filled(&graph, 101, 10_101), Some(("users".to_owned(), 90)));
    }

    #[test]
    fn a_cache_that_is_a_scope_is_called_as_the_object_with_its_functions() {
        let mut graph = module();
        graph.in_file("/srv/app.js", 7);
        let script = graph.script("/srv/node_modules/flru/index.js");
        let users = graph.variable("users", "Object", 11);
        let scope = graph.node("object", "system / Context", 13, 32);
        for (name, id) in [("get", 15), ("set", 17)] {
            let function = graph.function_in(script, name, id, 3);
            graph.edge(users, "property", name, function);
            graph.edge(function, "internal", "context", scope);
        }
        let current = graph.node("object", "Object", 19, 32);
        graph.edge(scope, "context", "curr", current);
        let before = graph.node("object", "Object", 21, 32);
        graph.edge(scope, "context", "prev", before);
        for at in 0..90 {
            graph.member(current, &format!("k{at}"), "User", 1001 + 4 * at);
        }
        assert_eq!(filled(&graph, 19, 1001), Some(("users".to_owned(), 90)));
    }

    /// The bound of a cache in a variable `users`, by the source of the program, and whether it has none.
    fn bound(class: &str, fields: &[&str], source: &str) -> (Option<u64>, Option<String>, bool) {
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let file = format!("plimsoll-caches-{}-{number}.js", std::process::id());
        let file = std::env::temp_dir().join(file);
        // Its function stands in the fifth line.
        let text = format!("'use strict';\nconst users = {source};\n\n\nfunction main() {{}}\n");
        std::fs::write(&file, text).unwrap();
        let (mut graph, _) = instance(class, fields, 90);
        graph.in_file(file.to_str().unwrap(), 7);
        let new: Vec<u32> = (0..40).map(|at| 1001 + 2 * at).collect();
        let cache = suspect(&graph, 15, &new).unwrap().cache.unwrap();
        std::fs::remove_file(file).unwrap();
        (cache.max, cache.option, cache.unbounded)
    }

    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

    #[test]
    fn the_bound_is_what_the_program_gives_to_the_cache() {
        let ttl = |source| bound("TTLCache", &["data", "expirations", "expirationMap"], source);
        let option = || Some("max".to_owned());
        assert_eq!(ttl("new TTLCache({ ttl: 1000, max: 60 * 100 })"), (Some(6000), None, false));
        assert_eq!(ttl("new TTLCache({ ttl: 1000 })"), (None, option(), true), "it has none");
        assert_eq!(ttl("new TTLCache()"), (None, option(), true));
        assert_eq!(ttl("new TTLCache({ ttl: 1000, ...more })"), (None, option(), false));
        assert_eq!(ttl("new TTLCache({ max: LARGEST })"), (None, option(), false), "not known");
        let lru = |source| bound("LRU", &["<symbol cache>", "<symbol lruList>"], source);
        assert_eq!(lru("new LRU(500)"), (Some(500), None, false));
        assert_eq!(lru("new LRU({ max: 500, length })"), (None, option(), false), "of other units");
        let tiny = |source| bound("LRU", &["items", "first", "last"], source);
        assert_eq!(tiny("lru({ max: 70 })"), (Some(70), None, false));
        let (quick, store) = (|source| bound("QuickLRU", &["cache", "oldCache"], source), 2);
        let twice = (Some(store * 300), None, false);
        assert_eq!(quick("new QuickLRU({ maxSize: 300 })"), twice, "each generation has as many");
        let infinite = ["data", "expirations", "expirationMap", "max"];
        let infinite = bound("TTLCache", &infinite, "new TTLCache({ max: 5 })");
        assert_eq!(infinite, (None, option(), true), "the field says Infinity");
    }
}
