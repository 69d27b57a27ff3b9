//! Marking from the roots: nodes in the order in which they are reached, and the edges between them.

mod caches;
mod columns;
mod describe;
mod edges;
mod ephemerons;
mod stack;

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use self::columns::ImageEdge;
pub use self::columns::{EdgeCursor, ImageGraph};
use self::ephemerons::Ephemerons;

use super::decode::{EXTERNAL, ImageHeap, Object, target};
use super::known;
use super::layout::ObjectShape;
use super::pages::{Pages, RootKind, corrupt};
use crate::heap::error::HeapResult;
use crate::heap::graph::kind::{EdgeKind, NodeKind};

/// The root, what hangs on it, and where roots are, as V8 names them.
const SYNTHETIC: [&str; 2] = ["", "(GC roots)"];
const ROOTS: [(RootKind, &str); 4] = [
    (RootKind::Isolate, "(Strong root list)"),
    (RootKind::Global, "(Global handles)"),
    (RootKind::Handle, "(Handle scope)"),
    (RootKind::Stack, "(Stack roots)"),
];
/// The tables of strings, which V8's snapshots show as roots of every string that they have.
const STRING_TABLES: [&str; 2] = ["(Internalized strings)", "(External strings)"];
/// The bit of a string's type that one of the table of internalized strings does not have.
const NOT_INTERNALIZED: u16 = 0x20;
/// More than this share of targets that are no objects: the image is not what it says.
const REJECTED: f64 = 0.02;

/// An edge that counts if something else retains its target.
#[derive(Debug, Clone, Copy)]
struct WeakEdge {
    from: u32,
    name: u32,
    to: u64,
}

struct Builder<'p> {
    heap: ImageHeap<'p>,
    graph: ImageGraph,
    /// The address of each node's object; 0 where there is none.
    addresses: Vec<u64>,
    /// The nodes of objects, by the address.
    by_address: HashTable<u32>,
    /// How many objects there are.
    objects: u64,
    /// Tables of WeakMaps, whose entries are followed by the key.
    tables: Ephemerons,
    /// The names of the code of builtins, by its address.
    builtins: FxHashMap<u64, &'static str>,
    /// The fields of native contexts.
    native_context: Vec<(u64, &'static str)>,
    /// Arrays of constants that were seen.
    constants: FxHashSet<u64>,
    /// What V8 empties at each collection.
    caches: FxHashSet<u64>,
    weak: Vec<WeakEdge>,
    /// Nodes of memory outside of V8's heap.
    stores: FxHashMap<u64, u32>,
    /// Words of the current object that have an edge.
    visited: Vec<bool>,
    rejected: u64,
    reached: u64,
    /// The number of the empty text.
    empty: u32,
    /// The value of a missing element, where it is not an oddball.
    the_hole: u64,
    /// The map of arrays that are not shared by their owners.
    array_map: u64,
}

/// Builds the graph.
pub fn build(pages: &Pages) -> HeapResult<ImageGraph> {
    let heap = ImageHeap::new(pages)?;
    let empty = heap.text("");
    let the_hole = the_hole(&heap, &pages.roots);
    let array_map = array_map(&heap, &pages.roots);
    let caches = caches::of_numbers(&heap, &pages.roots);
    let builtins = known::code_of_builtins(&heap).into_iter().collect();
    let native_context = known::native_context(pages.layout.v8).collect();
    let mut builder = Builder {
        heap,
        graph: ImageGraph::default(),
        addresses: Vec::new(),
        by_address: HashTable::new(),
        objects: 0,
        tables: Ephemerons::default(),
        builtins,
        native_context,
        constants: FxHashSet::default(),
        caches,
        weak: Vec::new(),
        stores: FxHashMap::default(),
        visited: Vec::new(),
        rejected: 0,
        reached: 0,
        empty,
        the_hole,
        array_map,
    };
    let mut roots = pages.roots.clone();
    let of_stack = stack::roots(&builder.heap, pages.stack.0, &pages.stack.1);
    roots.extend(of_stack.into_iter().map(|word| (RootKind::Stack, word)));
    builder.roots(&roots);
    builder.mark()?;
    let Builder { mut graph, heap, rejected, objects, .. } = builder;
    #[allow(clippy::cast_precision_loss, reason = "a share")]
    let share = rejected as f64 / objects.max(1) as f64;
    if objects == 0 || share > REJECTED {
        return Err(corrupt(format!(
            "{rejected} references of {objects} objects of the heap image lead to no object"
        )));
    }
    graph.strings = heap.names.into_inner();
    graph.strings.seal();
    Ok(graph)
}

/// The first of the isolate's roots that stand for nothing is that of a missing element; 0 where it is an oddball.
fn the_hole(heap: &ImageHeap<'_>, roots: &[(RootKind, u64)]) -> u64 {
    let of_isolate = roots.iter().filter(|(of, _)| *of == RootKind::Isolate);
    let mut objects = of_isolate.filter_map(|&(_, word)| heap.object(target(word)?));
    let hole = objects.find(|object| Some(object.kind) == heap.pages.layout.types.hole);
    hole.map_or(0, |hole| hole.at)
}

/// The first of the isolate's roots that is a map of arrays; the one of arrays that are copied when they are written
/// to follows it.
fn array_map(heap: &ImageHeap<'_>, roots: &[(RootKind, u64)]) -> u64 {
    let of_isolate = roots.iter().filter(|(of, _)| *of == RootKind::Isolate);
    let mut maps = of_isolate.filter_map(|&(_, word)| heap.object(target(word)?)).filter(|map| {
        let kind = (heap.word(map.at + 8).unwrap_or(0) >> 32) as u16;
        map.shape == ObjectShape::Map && kind == heap.layout.array
    });
    maps.next().map_or(0, |map| map.at)
}

impl Builder<'_> {
    fn roots(&mut self, roots: &[(RootKind, u64)]) {
        let roots_of = ROOTS.iter().map(|(_, name)| name).chain(&STRING_TABLES);
        for name in SYNTHETIC.iter().chain(roots_of) {
            let name = self.heap.text(name);
            self.node(NodeKind::Synthetic, name, 0, 0);
        }
        let (mut programs, mut lists): (Vec<u32>, _) = (Vec::new(), Vec::new());
        for (kind, _) in ROOTS {
            let mut list: Vec<ImageEdge> = Vec::new();
            for &(_, word) in roots.iter().filter(|(of, _)| *of == kind) {
                let Some(object) = target(word).and_then(|at| self.heap.object(at)) else {
                    continue;
                };
                if object.shape == ObjectShape::FreeSpace {
                    continue;
                }
                let Some(to) = self.reach(object) else { continue };
                if let Some(program) = self.program(object)
                    && !programs.contains(&program)
                {
                    programs.push(program);
                }
                let name = u32::try_from(list.len()).unwrap_or(u32::MAX);
                list.push(ImageEdge { kind: EdgeKind::Element, name, to });
            }
            lists.push(list);
        }
        let own = std::iter::once(ImageEdge { kind: EdgeKind::Element, name: 1, to: 1 });
        let shortcuts = (2..).zip(programs).map(|(number, to)| {
            let name = self.heap.text(&format!("{number}"));
            ImageEdge { kind: EdgeKind::Shortcut, name, to }
        });
        let edges: Vec<_> = own.chain(shortcuts).collect();
        self.edges_of(0, edges);
        let (first, some) = (SYNTHETIC.len(), lists.len() + STRING_TABLES.len());
        let subroots = (first..first + some).filter_map(|at| u32::try_from(at).ok());
        self.edges_of(1, subroots.map(|to| ImageEdge { kind: EdgeKind::Element, name: to, to }));
        for (at, list) in lists.into_iter().enumerate() {
            self.edges_of(first + at, list);
        }
    }

    /// What V8's snapshot has a shortcut to from its root, if this is a root: the global object of a native context,
    /// from V8 14 on the context itself. Distances from the program's own roots begin there.
    fn program(&mut self, root: Object) -> Option<u32> {
        if root.shape != ObjectShape::NativeContext {
            return None;
        }
        if self.heap.pages.layout.v8.0 >= 14 {
            return self.reach(root);
        }
        let global = self.heap.field(root.at, edges::CONTEXT_EXTENSION)?;
        (global.shape == ObjectShape::GlobalObject).then(|| self.reach(global)).flatten()
    }

    fn edges_of(&mut self, node: usize, edges: impl IntoIterator<Item = ImageEdge>) {
        let before = self.graph.edges_added();
        edges.into_iter().for_each(|edge| self.graph.edge(edge));
        self.count_edges(node, before);
    }

    /// What was added since then are the edges of a node.
    fn count_edges(&mut self, node: usize, before: usize) {
        // There are fewer than 2^32 edges, as `complete` sees to.
        self.graph.counts[node] = u32::try_from(self.graph.edges_added() - before).unwrap_or(0);
    }

    fn mark(&mut self) -> HeapResult<()> {
        let mut next = 0;
        let mut late = Vec::new();
        // Nodes without an object, as backing stores, have no edges.
        while !self.graph.has_failed() {
            while let Some(&at) = self.addresses.get(next).filter(|_| !self.graph.has_failed()) {
                if at != 0
                    && let Some(object) = self.heap.object(at)
                    && let Ok(node) = u32::try_from(next)
                {
                    let before = self.graph.edges_added();
                    self.edges(object, node);
                    self.count_edges(next, before);
                }
                next += 1;
            }
            let known = self.objects;
            self.follow_keys(&mut late);
            if self.objects == known {
                break;
            }
        }
        late.sort_unstable();
        late.dedup();
        self.strings(&mut late);
        let weak = std::mem::take(&mut self.weak);
        late.extend(weak.into_iter().filter_map(|WeakEdge { from, name, to }| {
            let to = self.node_at(to)?;
            Some((from, ImageEdge { kind: EdgeKind::Weak, name, to }))
        }));
        self.graph.complete(late)
    }

    /// Edges from the tables of strings to the strings that are reached.
    fn strings(&mut self, late: &mut Vec<(u32, ImageEdge)>) {
        let first = SYNTHETIC.len() + ROOTS.len();
        let mut counts = [0; STRING_TABLES.len()];
        for (&at, to) in self.addresses.iter().zip(0..) {
            let object = Some(at).filter(|&at| at != 0).and_then(|at| self.heap.object(at));
            let is_string = |object: &Object| object.shape == ObjectShape::String;
            let Some(object) = object.filter(is_string) else { continue };
            let is_in = [object.kind & NOT_INTERNALIZED == 0, object.kind & 7 == EXTERNAL];
            for (table, _) in is_in.iter().enumerate().filter(|(_, is_in)| **is_in) {
                let Ok(from) = u32::try_from(first + table) else { continue };
                let name = self.heap.names.borrow_mut().index(counts[table]);
                counts[table] += 1;
                late.push((from, ImageEdge { kind: EdgeKind::Internal, name, to }));
            }
        }
    }

    /// The values of WeakMaps whose keys and tables are reached. Each entry is looked at once, and once more if its key
    /// is reached later: a value may be the key of another entry, along chains that are as long as lists.
    fn follow_keys(&mut self, late: &mut Vec<(u32, ImageEdge)>) {
        for (at, table) in self.tables.take_new() {
            let Some(object) = self.heap.object(at) else { continue };
            for (key, value) in self.heap.ephemerons(object) {
                match self.node_at(key) {
                    Some(from) => self.follow(from, value, table, late),
                    // Nodes without an object have the address 0.
                    None if key != 0 => self.tables.wait(key, value, table),
                    None => {}
                }
            }
        }
        while let Some(&key) = self.addresses.get(self.tables.followed) {
            let from = u32::try_from(self.tables.followed).unwrap_or(u32::MAX);
            self.tables.followed += 1;
            for (value, table) in self.tables.of_key(key) {
                self.follow(from, value, table, late);
            }
        }
    }

    fn follow(&mut self, key: u32, value: u64, table: u32, late: &mut Vec<(u32, ImageEdge)>) {
        let value = self.heap.object(value).filter(|value| value.shape != ObjectShape::Oddball);
        let Some(to) = value.and_then(|value| self.reach(value)) else { return };
        let name = self.pair(key, to, table);
        late.push((key, ImageEdge { kind: EdgeKind::Internal, name, to }));
        late.push((table, ImageEdge { kind: EdgeKind::Internal, name, to }));
    }

    /// The name that V8 gives to the edge from a key of a WeakMap to its value.
    fn pair(&self, key: u32, value: u32, table: u32) -> u32 {
        let of = |at: u32| {
            let name = self.graph.names.get(at as usize).copied().unwrap_or(self.empty);
            (self.heap.names.borrow().get(name).to_owned(), id(at as usize))
        };
        let ((key, key_id), (value, value_id), (_, table)) = (of(key), of(value), of(table));
        self.heap.text(&format!(
            "{value_id} / part of key ({key} @{key_id}) -> value ({value} @{value_id}) pair in WeakMap (table @{table})"
        ))
    }

    /// The node of the object at an address, if it was reached.
    fn node_at(&self, at: u64) -> Option<u32> {
        let is_at = |&node: &u32| self.addresses.get(node as usize) == Some(&at);
        self.by_address.find(FxBuildHasher.hash_one(at), is_at).copied()
    }

    /// Adds a node of the object at an address, or of none at 0.
    fn node(&mut self, kind: NodeKind, name: u32, size: u64, at: u64) -> Option<u32> {
        let number = self.graph.node(kind, name, size)?;
        self.addresses.push(at);
        Some(number)
    }

    /// The node of an object, a new one the first time.
    fn reach(&mut self, object: Object) -> Option<u32> {
        if let Some(known) = self.node_at(object.at) {
            return Some(known);
        }
        self.reached += object.size;
        // Objects do not overlap: those of a damaged image would.
        if self.reached > self.heap.pages.bytes.saturating_mul(2) {
            self.rejected += 1;
            return None;
        }
        let (kind, name) = self.describe(object);
        let size = self.self_size(object);
        let number = self.node(kind, name, size, object.at)?;
        let Self { by_address, addresses, .. } = self;
        by_address.insert_unique(FxBuildHasher.hash_one(object.at), number, |&node| {
            FxBuildHasher.hash_one(addresses.get(node as usize).copied().unwrap_or(0))
        });
        self.objects += 1;
        let placed = match object.shape {
            ObjectShape::Function => Some(object),
            ObjectShape::Generator => self.heap.field(object.at, 24),
            _ if kind == NodeKind::Object && self.heap.layout.is_receiver(object.kind) => {
                self.heap.class(object).constructor
            }
            _ => None,
        };
        if let Some((script, line, column)) = placed.and_then(|code| self.heap.position(code)) {
            self.graph.locations.push([number, script, line, column]);
        }
        Some(number)
    }

    /// The bytes that V8's snapshots count.
    fn self_size(&self, object: Object) -> u64 {
        let Pages { layout, .. } = self.heap.pages;
        if layout.are_constants_free && self.heap.pages.is_constant(object.at) {
            return 0;
        }
        let is_external = object.shape == ObjectShape::String && object.kind & 7 == EXTERNAL;
        if !is_external || !layout.are_texts_counted {
            return object.size;
        }
        let length = self.heap.word(object.at + 8).unwrap_or(0) >> 32;
        object.size + length * if object.kind & 8 == 0 { 2 } else { 1 }
    }

    /// An edge to what a word refers to. V8 has edges of objects, elements and variables to its constants too.
    fn link(&mut self, kind: EdgeKind, name: u32, word: u64) {
        let Some(at) = target(word) else { return };
        let Some(object) = self.heap.object(at) else {
            self.rejected += u64::from(self.heap.word(at).is_some());
            return;
        };
        if matches!(kind, EdgeKind::Internal | EdgeKind::Hidden) && self.is_trivial(object) {
            return;
        }
        if let Some(to) = self.reach(object) {
            self.graph.edge(ImageEdge { kind, name, to });
        }
    }

    fn weak_edge(&mut self, from: u32, name: u32, to: u64) {
        let is_trivial = self.heap.object(to).is_none_or(|object| self.is_trivial(object));
        if !is_trivial {
            self.weak.push(WeakEdge { from, name, to });
        }
    }
}

/// The id of a node in the text. An odd one would be an identity over several snapshots, which its place is not.
pub fn id(node: usize) -> usize {
    2 * node + 2
}
