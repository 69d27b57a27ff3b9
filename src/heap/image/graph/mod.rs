//! Marking from the roots: nodes in the order in which they are reached, and the edges between them.

mod caches;
mod describe;
mod edges;
mod stack;

use rustc_hash::{FxHashMap, FxHashSet};

use super::decode::{EXTERNAL, ImageHeap, Object, target};
use super::layout::ObjectShape;
use super::pages::{Pages, RootKind, corrupt};
use crate::heap::error::{HeapError, HeapResult};

/// Types of nodes, in the order of the text.
pub const NODE_TYPES: [&str; 15] = [
    "hidden",
    "array",
    "string",
    "object",
    "code",
    "closure",
    "regexp",
    "number",
    "native",
    "synthetic",
    "concatenated string",
    "sliced string",
    "symbol",
    "bigint",
    "object shape",
];
/// Types of edges, in the order of the text.
pub const EDGE_TYPES: [&str; 7] =
    ["context", "element", "property", "internal", "hidden", "shortcut", "weak"];

const CONTEXT: u8 = 0;
const ELEMENT: u8 = 1;
const PROPERTY: u8 = 2;
const INTERNAL: u8 = 3;
const HIDDEN: u8 = 4;
const SHORTCUT: u8 = 5;
const WEAK: u8 = 6;

/// Types of nodes that are used by number.
mod node {
    pub const HIDDEN: u8 = 0;
    pub const ARRAY: u8 = 1;
    pub const STRING: u8 = 2;
    pub const OBJECT: u8 = 3;
    pub const CODE: u8 = 4;
    pub const CLOSURE: u8 = 5;
    pub const REGEXP: u8 = 6;
    pub const NUMBER: u8 = 7;
    pub const NATIVE: u8 = 8;
    pub const SYNTHETIC: u8 = 9;
    pub const CONS_STRING: u8 = 10;
    pub const SLICED_STRING: u8 = 11;
    pub const SYMBOL: u8 = 12;
    pub const BIG_INT: u8 = 13;
    pub const SHAPE: u8 = 14;
}

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

#[derive(Debug, Clone, Copy)]
pub struct ImageNode {
    pub kind: u8,
    pub name: u32,
    pub size: u64,
    /// Edges of this node.
    pub edges: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageEdge {
    pub kind: u8,
    /// An index, or a string's number.
    pub name: u32,
    pub to: u32,
}

/// The graph of an image.
#[derive(Debug, Default)]
pub struct ImageGraph {
    pub nodes: Vec<ImageNode>,
    pub edges: Vec<ImageEdge>,
    /// Node, script, line, column.
    pub locations: Vec<[u32; 4]>,
    pub strings: Vec<String>,
}

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
    by_address: FxHashMap<u64, u32>,
    objects: Vec<(Object, u32)>,
    /// Tables of WeakMaps, whose entries are followed by the key.
    tables: FxHashMap<u64, u32>,
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
}

/// Builds the graph.
pub fn build(pages: &Pages) -> HeapResult<ImageGraph> {
    let heap = ImageHeap::new(pages)?;
    let empty = heap.text("");
    let the_hole = the_hole(&heap, &pages.roots);
    let caches = caches::of_numbers(&heap, &pages.roots);
    let mut builder = Builder {
        heap,
        graph: ImageGraph::default(),
        by_address: FxHashMap::default(),
        objects: Vec::new(),
        tables: FxHashMap::default(),
        caches,
        weak: Vec::new(),
        stores: FxHashMap::default(),
        visited: Vec::new(),
        rejected: 0,
        reached: 0,
        empty,
        the_hole,
    };
    let mut roots = pages.roots.clone();
    let of_stack = stack::roots(&builder.heap, pages.stack.0, &pages.stack.1);
    roots.extend(of_stack.into_iter().map(|word| (RootKind::Stack, word)));
    builder.roots(&roots);
    builder.mark()?;
    let Builder { mut graph, heap, rejected, objects, .. } = builder;
    #[allow(clippy::cast_precision_loss, reason = "a share")]
    let share = rejected as f64 / objects.len().max(1) as f64;
    if objects.is_empty() || share > REJECTED {
        return Err(corrupt(format!(
            "{rejected} references of {} objects of the heap image lead to no object",
            objects.len()
        )));
    }
    graph.strings = heap.names.into_inner().into_list();
    Ok(graph)
}

/// The first of the isolate's roots that stand for nothing is that of a missing element; 0 where it is an oddball.
fn the_hole(heap: &ImageHeap<'_>, roots: &[(RootKind, u64)]) -> u64 {
    let of_isolate = roots.iter().filter(|(of, _)| *of == RootKind::Isolate);
    let mut objects = of_isolate.filter_map(|&(_, word)| heap.object(target(word)?));
    let hole = objects.find(|object| Some(object.kind) == heap.pages.layout.types.hole);
    hole.map_or(0, |hole| hole.at)
}

impl Builder<'_> {
    fn roots(&mut self, roots: &[(RootKind, u64)]) {
        let roots_of = ROOTS.iter().map(|(_, name)| name).chain(&STRING_TABLES);
        for name in SYNTHETIC.iter().chain(roots_of) {
            let name = self.heap.text(name);
            let node = ImageNode { kind: node::SYNTHETIC, name, size: 0, edges: 0 };
            self.graph.nodes.push(node);
        }
        let global = self.heap.text("global");
        let (mut globals, mut lists) = (Vec::new(), Vec::new());
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
                if object.shape == ObjectShape::GlobalObject
                    && !globals.iter().any(|edge: &ImageEdge| edge.to == to)
                {
                    globals.push(ImageEdge { kind: SHORTCUT, name: global, to });
                }
                let name = u32::try_from(list.len()).unwrap_or(u32::MAX);
                list.push(ImageEdge { kind: ELEMENT, name, to });
            }
            lists.push(list);
        }
        let own = std::iter::once(ImageEdge { kind: ELEMENT, name: 1, to: 1 }).chain(globals);
        self.graph.edges.extend(own);
        self.graph.nodes[0].edges = u32::try_from(self.graph.edges.len()).unwrap_or(0);
        let (first, some) = (SYNTHETIC.len(), lists.len() + STRING_TABLES.len());
        let subroots = (first..first + some).filter_map(|at| u32::try_from(at).ok());
        self.graph.edges.extend(subroots.map(|to| ImageEdge { kind: ELEMENT, name: to, to }));
        self.graph.nodes[1].edges = u32::try_from(some).unwrap_or(0);
        for (at, list) in lists.into_iter().enumerate() {
            self.graph.nodes[first + at].edges = u32::try_from(list.len()).unwrap_or(0);
            self.graph.edges.extend(list);
        }
    }

    fn mark(&mut self) -> HeapResult<()> {
        let mut next = 0;
        let mut late = Vec::new();
        // Nodes without an object, as backing stores, have no edges.
        loop {
            while let Some(&(object, node)) = self.objects.get(next) {
                let before = self.graph.edges.len();
                self.edges(object, node);
                self.graph.nodes[node as usize].edges =
                    u32::try_from(self.graph.edges.len() - before)
                        .map_err(|_| HeapError::TooLarge("edges".into()))?;
                next += 1;
            }
            let known = self.objects.len();
            self.follow_keys(&mut late);
            if self.objects.len() == known {
                break;
            }
        }
        self.strings(&mut late);
        let weak = std::mem::take(&mut self.weak);
        late.extend(weak.into_iter().filter_map(|WeakEdge { from, name, to }| {
            let to = *self.by_address.get(&to)?;
            Some((from, ImageEdge { kind: WEAK, name, to }))
        }));
        late.sort_by_key(|(from, _)| *from);
        if u32::try_from(self.graph.edges.len() + late.len()).is_err() {
            return Err(HeapError::TooLarge("more than 2^32 edges".into()));
        }
        self.insert(late);
        Ok(())
    }

    /// Edges from the tables of strings to the strings that are reached.
    fn strings(&mut self, late: &mut Vec<(u32, ImageEdge)>) {
        let first = SYNTHETIC.len() + ROOTS.len();
        let mut counts = [0; STRING_TABLES.len()];
        for &(object, to) in &self.objects {
            if object.shape != ObjectShape::String {
                continue;
            }
            let is_in = [object.kind & NOT_INTERNALIZED == 0, object.kind & 7 == EXTERNAL];
            for (table, _) in is_in.iter().enumerate().filter(|(_, is_in)| **is_in) {
                let Ok(from) = u32::try_from(first + table) else { continue };
                let name = self.heap.names.borrow_mut().index(counts[table]);
                counts[table] += 1;
                late.push((from, ImageEdge { kind: INTERNAL, name, to }));
            }
        }
    }

    /// The values of WeakMaps whose keys and tables are reached.
    fn follow_keys(&mut self, late: &mut Vec<(u32, ImageEdge)>) {
        let tables: Vec<(u64, u32)> = self.tables.drain().collect();
        for (at, table) in tables {
            let Some(object) = self.heap.object(at) else { continue };
            let mut is_done = true;
            for (key, value) in self.heap.ephemerons(object) {
                let Some(&from) = self.by_address.get(&key) else {
                    is_done = false;
                    continue;
                };
                let Some(value) = self.heap.object(value) else { continue };
                if value.shape == ObjectShape::Oddball {
                    continue;
                }
                let Some(to) = self.reach(value) else { continue };
                let name = self.pair(from, to, table);
                late.push((from, ImageEdge { kind: INTERNAL, name, to }));
                late.push((table, ImageEdge { kind: INTERNAL, name, to }));
            }
            if !is_done {
                self.tables.insert(at, table);
            }
        }
        late.sort_unstable();
        late.dedup();
    }

    /// The name that V8 gives to the edge from a key of a WeakMap to its value.
    fn pair(&self, key: u32, value: u32, table: u32) -> u32 {
        let of = |at: u32| {
            let name = self.graph.nodes.get(at as usize).map_or(self.empty, |node| node.name);
            (self.heap.names.borrow().get(name).to_owned(), id(at as usize))
        };
        let ((key, key_id), (value, value_id), (_, table)) = (of(key), of(value), of(table));
        self.heap.text(&format!(
            "{value_id} / part of key ({key} @{key_id}) -> value ({value} @{value_id}) pair in WeakMap (table @{table})"
        ))
    }

    /// Puts edges that were found late at the end of those of their nodes.
    fn insert(&mut self, late: Vec<(u32, ImageEdge)>) {
        let mut edges = Vec::with_capacity(self.graph.edges.len() + late.len());
        let (mut at, mut late) = (0, late.into_iter().peekable());
        for (node, record) in self.graph.nodes.iter_mut().enumerate() {
            let end = at + record.edges as usize;
            edges.extend_from_slice(&self.graph.edges[at..end]);
            at = end;
            while let Some((_, edge)) = late.next_if(|(from, _)| *from as usize == node) {
                edges.push(edge);
                record.edges += 1;
            }
        }
        self.graph.edges = edges;
    }

    /// The node of an object, a new one the first time.
    fn reach(&mut self, object: Object) -> Option<u32> {
        if let Some(&known) = self.by_address.get(&object.at) {
            return Some(known);
        }
        self.reached += object.size;
        // Objects do not overlap: those of a damaged image would.
        if self.reached > self.heap.pages.bytes.saturating_mul(2) {
            self.rejected += 1;
            return None;
        }
        let number = u32::try_from(self.graph.nodes.len()).ok()?;
        let (kind, name) = self.describe(object);
        let size = self.self_size(object);
        self.graph.nodes.push(ImageNode { kind, name, size, edges: 0 });
        self.by_address.insert(object.at, number);
        self.objects.push((object, number));
        let placed = match object.shape {
            ObjectShape::Function => Some(object),
            ObjectShape::Generator => self.heap.field(object.at, 24),
            _ if kind == node::OBJECT && self.heap.layout.is_receiver(object.kind) => {
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
    fn link(&mut self, kind: u8, name: u32, word: u64) {
        let Some(at) = target(word) else { return };
        let Some(object) = self.heap.object(at) else {
            self.rejected += u64::from(self.heap.word(at).is_some());
            return;
        };
        if matches!(kind, INTERNAL | HIDDEN) && self.is_trivial(object) {
            return;
        }
        if let Some(to) = self.reach(object) {
            self.graph.edges.push(ImageEdge { kind, name, to });
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
