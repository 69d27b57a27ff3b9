//! Marking from the roots: nodes in the order in which they are reached, and the edges between them.

use rustc_hash::FxHashMap;

use super::decode::{ImageHeap, Object, target, weak_target};
use super::layout::{NAMES_IN_TABLE, ObjectShape, scope};
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
/// More than this share of targets that are no objects: the image is not what it says.
const REJECTED: f64 = 0.02;
/// The longest string that becomes a name.
const STRING: usize = 1024;

/// Internal types that V8's snapshots count as code.
const CODE: &[&str] = &[
    "AllocationSite",
    "ArrayBoilerplateDescription",
    "BytecodeArray",
    "ClosureFeedbackCellArray",
    "FeedbackCell",
    "FeedbackMetadata",
    "FeedbackVector",
    "InterpreterData",
    "ObjectBoilerplateDescription",
    "PreparseData",
    "RegExpBoilerplateDescription",
    "ScopeInfo",
    "TemplateObjectDescription",
    "UncompiledDataWithPreparseDataAndJob",
    "UncompiledDataWithPreparseData",
    "UncompiledDataWithoutPreparseDataWithJob",
    "UncompiledDataWithoutPreparseData",
];

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
    weak: Vec<WeakEdge>,
    /// Nodes of memory outside of V8's heap.
    stores: FxHashMap<u64, u32>,
    /// Words of the current object that have an edge.
    visited: Vec<bool>,
    rejected: u64,
    reached: u64,
    /// The number of the empty text.
    empty: u32,
}

/// Builds the graph.
pub fn build(pages: &Pages) -> HeapResult<ImageGraph> {
    let heap = ImageHeap::new(pages)?;
    let empty = heap.text("");
    let mut builder = Builder {
        heap,
        graph: ImageGraph::default(),
        by_address: FxHashMap::default(),
        objects: Vec::new(),
        tables: FxHashMap::default(),
        weak: Vec::new(),
        stores: FxHashMap::default(),
        visited: Vec::new(),
        rejected: 0,
        reached: 0,
        empty,
    };
    builder.roots(&pages.roots);
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

impl Builder<'_> {
    fn roots(&mut self, roots: &[(RootKind, u64)]) {
        for name in SYNTHETIC.iter().chain(ROOTS.iter().map(|(_, name)| name)) {
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
        let (first, some) = (SYNTHETIC.len(), lists.len());
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
        self.graph.nodes.push(ImageNode { kind, name, size: object.size, edges: 0 });
        self.by_address.insert(object.at, number);
        self.objects.push((object, number));
        let placed = match object.shape {
            ObjectShape::Function => Some(object),
            ObjectShape::Generator => self.heap.field(object.at, 24),
            _ if kind == node::OBJECT && self.heap.layout.is_receiver(object.kind) => {
                self.heap.constructor(object)
            }
            _ => None,
        };
        if let Some((script, line, column)) = placed.and_then(|code| self.heap.position(code)) {
            self.graph.locations.push([number, script, line, column]);
        }
        Some(number)
    }

    fn describe(&self, object: Object) -> (u8, u32) {
        let heap = &self.heap;
        let string = |object: Option<Object>| {
            let string = object.filter(|string| string.shape == ObjectShape::String);
            string.map_or(self.empty, |string| heap.text(&heap.string(string, STRING)))
        };
        match object.shape {
            ObjectShape::String => match object.kind & 7 {
                1 => (node::CONS_STRING, heap.text("(concatenated string)")),
                3 => (node::SLICED_STRING, heap.text("(sliced string)")),
                _ => (node::STRING, string(Some(object))),
            },
            ObjectShape::Context => (node::OBJECT, heap.text("system / Context")),
            ObjectShape::NativeContext => (node::HIDDEN, heap.text("system / NativeContext")),
            ObjectShape::HeapNumber => (node::NUMBER, heap.text("heap number")),
            ObjectShape::BigInt => (node::BIG_INT, heap.text("bigint")),
            ObjectShape::Symbol if heap.word(object.at + 8).unwrap_or(0) >> 32 & 1 == 1 => {
                (node::HIDDEN, heap.text("private symbol"))
            }
            ObjectShape::Symbol => (node::SYMBOL, heap.text("symbol")),
            ObjectShape::Function => (node::CLOSURE, heap.text(&heap.function_name(object))),
            ObjectShape::BoundFunction => (node::CLOSURE, heap.text("native_bind")),
            ObjectShape::SharedFunctionInfo => (node::CODE, heap.text(&heap.shared_name(object))),
            ObjectShape::Script => (node::CODE, string(heap.field(object.at, 16))),
            ObjectShape::RegExp => (node::REGEXP, string(heap.field(object.at, 32))),
            ObjectShape::Code | ObjectShape::InstructionStream => (node::CODE, self.empty),
            ObjectShape::Map if heap.pages.is_constant(object.at) => {
                (node::HIDDEN, heap.text("system / Map"))
            }
            ObjectShape::Map => (node::SHAPE, heap.text("system / Map")),
            ObjectShape::Descriptors => (node::SHAPE, heap.text("system / DescriptorArray")),
            ObjectShape::Transitions => (node::SHAPE, heap.text("system / TransitionArray")),
            ObjectShape::Proxy => (node::HIDDEN, heap.text("system / JSProxy")),
            ObjectShape::PrototypeInfo => (node::SHAPE, heap.text("system / PrototypeInfo")),
            ObjectShape::EnumCache => (node::SHAPE, heap.text("system / EnumCache")),
            ObjectShape::FeedbackMetadata => (node::CODE, heap.text("system / FeedbackMetadata")),
            _ if heap.layout.is_receiver(object.kind) => (node::OBJECT, heap.class_name(object)),
            _ => self.internal(object.kind),
        }
    }

    /// Type and name of an object that only V8 knows.
    fn internal(&self, kind: u16) -> (u8, u32) {
        let (heap, arrays) = (&self.heap, self.heap.pages.layout.types.arrays);
        let name = heap.layout.name(kind);
        if (arrays.0..=arrays.1).contains(&kind)
            || matches!(
                name,
                Some("FixedArray" | "FixedDoubleArray" | "ByteArray" | "TrustedFixedArray")
            )
        {
            return (node::ARRAY, self.empty);
        }
        let name = name.unwrap_or("Internal");
        let is_code = CODE.contains(&name)
            || (heap.pages.layout.are_wrappers_code
                && matches!(name, "BytecodeWrapper" | "CodeWrapper"));
        let of = if is_code { node::CODE } else { node::HIDDEN };
        (of, heap.text(&format!("system / {name}")))
    }

    /// Gives a name to what has none, and a type.
    fn tag(&mut self, word: u64, name: &str, kind: Option<u8>) {
        let Some(object) = target(word).and_then(|at| self.heap.object(at)) else { return };
        if self.is_trivial(object) {
            return;
        }
        let Some(number) = self.reach(object) else { return };
        let name = self.heap.text(name);
        let empty = self.empty;
        if let Some(node) = self.graph.nodes.get_mut(number as usize) {
            if node.name == empty {
                node.name = name;
            }
            node.kind = kind.unwrap_or(node.kind);
        }
    }

    /// V8's own constants, which V8's snapshots have no edges to.
    fn is_trivial(&self, object: Object) -> bool {
        match object.shape {
            ObjectShape::Oddball => true,
            ObjectShape::Array | ObjectShape::WeakArray | ObjectShape::Bytes => {
                object.size == 16 && self.heap.pages.is_constant(object.at)
            }
            ObjectShape::Descriptors => {
                object.size == self.heap.pages.layout.headers.descriptors
                    && self.heap.pages.is_constant(object.at)
            }
            ObjectShape::Map if self.heap.pages.is_constant(object.at) => {
                let kind = (self.heap.word(object.at + 8).unwrap_or(0) >> 32) as u16;
                let types = &self.heap.pages.layout.types;
                kind == types.free_space
                    || kind == types.filler
                    || matches!(
                        self.heap.layout.name(kind),
                        Some("FixedArray" | "Cell" | "PropertyCell" | "SharedFunctionInfo")
                    )
            }
            _ => false,
        }
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

    fn see(&mut self, offset: u64) {
        if let Some(seen) = self.visited.get_mut((offset / 8) as usize) {
            *seen = true;
        }
    }

    /// Named internal edges of fields.
    fn fields(&mut self, object: Object, fields: &[(u64, &str)]) {
        for &(offset, name) in fields {
            let word = self.heap.word(object.at + offset).unwrap_or(0);
            if target(word).is_some() {
                let name = self.heap.text(name);
                self.link(INTERNAL, name, word);
                self.see(offset);
            }
        }
    }

    /// A field that does not retain, whatever its tag.
    fn weak_field(&mut self, object: Object, from: u32, offset: u64, name: &str) {
        let word = self.heap.word(object.at + offset).unwrap_or(0);
        if let Some(to) = target(word) {
            let name = self.heap.text(name);
            self.weak_edge(from, name, to);
        }
        self.see(offset);
    }

    fn tag_fields(&mut self, object: Object, fields: &[(u64, &str)], kind: Option<u8>) {
        for &(offset, name) in fields {
            let word = self.heap.word(object.at + offset).unwrap_or(0);
            self.tag(word, name, kind);
        }
    }

    /// Numbered edges of the words from an offset on.
    fn numbered(&mut self, object: Object, node: u32, from: u64) {
        for (index, offset) in (from..object.size).step_by(8).enumerate() {
            let word = self.heap.word(object.at + offset).unwrap_or(0);
            if let Some(to) = weak_target(word) {
                let name = self.heap.names.borrow_mut().index(index);
                self.weak_edge(node, name, to);
            } else if target(word).is_some() {
                let name = self.heap.names.borrow_mut().index(index);
                self.link(INTERNAL, name, word);
            }
            self.see(offset);
        }
    }

    /// Hidden edges of the words in a range that have none.
    fn rest(&mut self, object: Object, node: u32, from: u64, to: u64) {
        let mut index = 0;
        for offset in (from..to.min(object.size)).step_by(8) {
            if self.visited.get((offset / 8) as usize).copied().unwrap_or(false) {
                continue;
            }
            let word = self.heap.word(object.at + offset).unwrap_or(0);
            if let Some(to) = weak_target(word) {
                let name = self.heap.names.borrow_mut().index(index);
                self.weak_edge(node, name, to);
                index += 1;
            } else if target(word).is_some() {
                self.link(HIDDEN, u32::try_from(index).unwrap_or(u32::MAX), word);
                index += 1;
            }
        }
    }

    fn edges(&mut self, object: Object, node: u32) {
        const ALL: u64 = u64::MAX;
        let layout = self.heap.pages.layout;
        let words = usize::try_from((object.size / 8).min(1 << 32)).unwrap_or(0);
        self.visited.clear();
        self.visited.resize(words.min(1 << 16), false);
        let fields = &layout.fields;
        let (from, to) = match object.shape {
            ObjectShape::String => {
                match object.kind & 7 {
                    1 => self.fields(object, &[(16, "first"), (24, "second")]),
                    3 => self.fields(object, &[(16, "parent")]),
                    5 => self.fields(object, &[(16, "actual")]),
                    _ => {}
                }
                (0, 0)
            }
            ObjectShape::Symbol => {
                self.fields(object, &[(16, "name")]);
                (0, 0)
            }
            ObjectShape::Array if object.kind == layout.types.ephemerons => {
                self.ephemerons(object, node);
                (0, 0)
            }
            ObjectShape::Array if self.tables.contains_key(&object.at) => (0, 0),
            ObjectShape::Array if self.is_fixed_array(object) => {
                self.numbered(object, node, 16);
                (0, 0)
            }
            ObjectShape::WeakArray => {
                self.numbered(object, node, 16);
                (0, 0)
            }
            ObjectShape::WeakList => {
                self.numbered(object, node, 24);
                (8, 24)
            }
            ObjectShape::Descriptors => {
                let first = layout.headers.descriptors;
                self.fields(object, &[(first - 8, "enum_cache")]);
                self.numbered(object, node, first);
                (8, ALL)
            }
            ObjectShape::Context => {
                self.context(object);
                (16, ALL)
            }
            ObjectShape::NativeContext => {
                self.fields(object, &[(16, "scope_info"), (24, "previous"), (32, "extension")]);
                // The last element is the next context of a list that does not retain.
                (16, object.size.saturating_sub(16))
            }
            ObjectShape::Map => {
                self.map(object, node);
                (24, ALL)
            }
            ObjectShape::SharedFunctionInfo => {
                self.tag_fields(object, &[(fields.shared_name, "(function scope info)")], None);
                self.fields(object, fields.shared);
                (8, ALL)
            }
            ObjectShape::Script => {
                self.fields(
                    object,
                    &[(8, "source"), (16, "name"), (40, "context_data"), (56, "line_ends")],
                );
                let tags = [(56, "(script line ends)"), (88, "(shared function infos)")];
                self.tag_fields(object, &tags, Some(node::CODE));
                (8, ALL)
            }
            ObjectShape::Accessors => {
                self.fields(object, &[(8, "getter"), (16, "setter")]);
                (8, ALL)
            }
            ObjectShape::Code => {
                self.fields(object, fields.code);
                self.tag_fields(object, fields.code_tags, Some(node::CODE));
                (8, 40)
            }
            ObjectShape::InstructionStream => {
                self.fields(object, &[(8, "code")]);
                if layout.headers.instructions > 16 {
                    self.fields(object, &[(16, "relocation_info")]);
                    self.tag_fields(object, &[(16, "(code relocation info)")], Some(node::CODE));
                }
                (0, 0)
            }
            ObjectShape::FeedbackVector => {
                for offset in (layout.headers.feedback_vector..object.size).step_by(8) {
                    let list = self.heap.field(object.at, offset).filter(|list| {
                        list.shape == ObjectShape::WeakArray || list.kind == self.heap.layout.array
                    });
                    if let Some(list) = list {
                        self.tag(list.at + 1, "(feedback)", Some(node::CODE));
                    }
                }
                (8, ALL)
            }
            ObjectShape::ArrayBoilerplate => {
                self.fields(object, &[(16, "constant_elements")]);
                self.tag_fields(object, &[(16, "(constant elements)")], Some(node::CODE));
                (8, ALL)
            }
            ObjectShape::ScopeInfo => {
                let parts = scope(self.heap.pages, object.at);
                if let Some(parts) = parts.filter(|parts| parts.locals >= NAMES_IN_TABLE) {
                    let table = [(8 * parts.names, "(context local names)")];
                    self.tag_fields(object, &table, Some(node::CODE));
                }
                (8, ALL)
            }
            ObjectShape::FeedbackCell => {
                self.fields(object, &[(8, "value")]);
                (8, ALL)
            }
            ObjectShape::PropertyCell => {
                self.fields(object, &[(24, "value"), (32, "dependent_code")]);
                self.tag_fields(object, &[(32, "(dependent code)")], None);
                (8, ALL)
            }
            ObjectShape::AllocationSite => {
                self.fields(
                    object,
                    &[(8, "transition_info"), (16, "nested_site"), (24, "dependent_code")],
                );
                self.tag_fields(object, &[(24, "(dependent code)")], Some(node::CODE));
                // The next site of a list that does not retain.
                self.see(40);
                (8, ALL)
            }
            ObjectShape::Bytecode => {
                for &(offset, name) in fields.bytecode_tags {
                    self.tag_fields(object, &[(offset, name)], Some(node::CODE));
                }
                (8, fields.bytecode_end)
            }
            ObjectShape::EnumCache => {
                self.tag_fields(
                    object,
                    &[(8, "(enum cache)"), (16, "(enum cache)")],
                    Some(node::SHAPE),
                );
                (8, ALL)
            }
            ObjectShape::WeakCell => {
                self.weak_field(object, node, 16, "target");
                self.weak_field(object, node, 24, "unregister_token");
                (8, ALL)
            }
            ObjectShape::PreparseData => (object.size.saturating_sub(self.children(object)), ALL),
            ObjectShape::HeapNumber
            | ObjectShape::BigInt
            | ObjectShape::Bytes
            | ObjectShape::Doubles
            | ObjectShape::FeedbackMetadata
            | ObjectShape::FreeSpace
            | ObjectShape::Coverage
            | ObjectShape::Pointers => (0, 0),
            ObjectShape::GlobalProxy => {
                self.fields(object, &[(fields.embedder_header, "native_context")]);
                (8, ALL)
            }
            ObjectShape::ArrayBuffer => {
                self.backing_store(object);
                (8, ALL)
            }
            _ if object.shape != ObjectShape::Proxy
                && self.heap.layout.is_receiver(object.kind) =>
            {
                self.receiver(object, node);
                (8, ALL)
            }
            _ => (8, ALL),
        };
        self.fields(object, &[(0, "map")]);
        self.rest(object, node, from, to);
    }

    /// Whether V8 numbers the elements: subclasses have hidden ones.
    fn is_fixed_array(&self, object: Object) -> bool {
        let arrays = self.heap.pages.layout.types.arrays;
        object.kind == self.heap.layout.array || (arrays.0..=arrays.1).contains(&object.kind)
    }

    /// The bytes of the references of a PreparseData.
    fn children(&self, object: Object) -> u64 {
        8 * (self.heap.word(object.at + 8).unwrap_or(0) >> 32)
    }

    fn ephemerons(&mut self, table: Object, node: u32) {
        for (index, key, value) in self.heap.ephemeron_words(table) {
            for (index, word) in [(index, key), (index + 1, value)] {
                if let Some(to) = target(word) {
                    let index = usize::try_from(index).unwrap_or(0);
                    let name = self.heap.names.borrow_mut().index(index);
                    self.weak_edge(node, name, to);
                }
            }
        }
        self.tables.insert(table.at, node);
    }

    fn map(&mut self, map: Object, node: u32) {
        let word = |offset: u64| self.heap.word(map.at + offset).unwrap_or(0);
        let (transitions, owner) = (word(64), word(32));
        if let Some(to) = weak_target(transitions) {
            let name = self.heap.text("transition");
            self.weak_edge(node, name, to);
            self.see(64);
        } else if let Some(object) = target(transitions).and_then(|at| self.heap.object(at)) {
            let named = match object.shape {
                ObjectShape::Transitions => Some(("(transition array)", "transitions")),
                ObjectShape::Array => Some(("(transition)", "transition")),
                _ if self.heap.is_prototype_map(map.at) => {
                    Some(("prototype_info", "prototype_info"))
                }
                _ => None,
            };
            if let Some((tag, name)) = named {
                self.tag(transitions, tag, None);
                self.fields(map, &[(64, name)]);
            }
        }
        self.tag_fields(map, &[(40, "(map descriptors)")], None);
        self.fields(map, &[(40, "descriptors"), (24, "prototype")]);
        let kind = (self.heap.word(map.at + 8).unwrap_or(0) >> 32) as u16;
        let owner = target(owner).and_then(|at| self.heap.object(at)).map(|owner| owner.kind);
        let name = match owner {
            _ if matches!(
                self.heap.layout.shape(kind),
                ObjectShape::Context | ObjectShape::NativeContext
            ) =>
            {
                "native_context"
            }
            Some(owner) if owner == self.heap.layout.map => "back_pointer",
            Some(owner) if self.heap.layout.name(owner) == Some("FunctionTemplateInfo") => {
                "constructor_function_data"
            }
            _ => "constructor",
        };
        self.fields(map, &[(32, name), (48, "dependent_code")]);
        self.tag_fields(map, &[(48, "(dependent code)")], None);
        self.tag_fields(map, &[(56, "(prototype validity cell)")], Some(node::SHAPE));
    }

    fn context(&mut self, object: Object) {
        for (slot, name) in self.heap.variables(object) {
            let word = self.heap.word(object.at + 16 + 8 * slot).unwrap_or(0);
            self.link(CONTEXT, name, word);
            self.see(16 + 8 * slot);
        }
        self.fields(object, &[(16, "scope_info"), (24, "previous")]);
        let is_seen = self.visited.get(4).copied().unwrap_or(true);
        if !is_seen && object.size > 32 {
            self.fields(object, &[(32, "extension")]);
        }
    }

    fn backing_store(&mut self, buffer: Object) {
        let fields = &self.heap.pages.layout.fields;
        let (length, store) = fields.array_buffer;
        let word = |offset: u64| self.heap.word(buffer.at + offset).unwrap_or(0);
        let (size, store) = (word(length), word(store));
        // A length that no memory has is damage.
        if store == 0 || size == 0 || size >= 1 << 40 {
            return;
        }
        let name = self.heap.text("system / JSArrayBufferData");
        let to = match self.stores.get(&store) {
            Some(&known) => known,
            None => {
                let Ok(number) = u32::try_from(self.graph.nodes.len()) else { return };
                self.graph.nodes.push(ImageNode { kind: node::NATIVE, name, size, edges: 0 });
                self.stores.insert(store, number);
                number
            }
        };
        let name = self.heap.text("backing_store");
        self.graph.edges.push(ImageEdge { kind: INTERNAL, name, to });
    }

    /// The edges that V8 names of an object of JavaScript.
    fn receiver(&mut self, object: Object, node: u32) {
        let fields = &self.heap.pages.layout.fields;
        match object.shape {
            ObjectShape::Collection => self.fields(object, &[(24, "table")]),
            ObjectShape::WeakCollection => {
                if let Some(table) = self.heap.field(object.at, 24)
                    && let Some(node) = self.reach(table)
                {
                    self.tables.insert(table.at, node);
                }
                self.fields(object, &[(24, "table")]);
            }
            ObjectShape::Promise => {
                self.fields(object, &[(fields.embedder_header, "reactions_or_result")]);
            }
            ObjectShape::Generator => self.fields(
                object,
                &[
                    (24, "function"),
                    (32, "context"),
                    (40, "receiver"),
                    (72, "parameters_and_registers"),
                ],
            ),
            ObjectShape::WeakRef => self.weak_field(object, node, 24, "target"),
            _ => {}
        }
        self.properties(object);
        for (index, value) in self.heap.elements(object) {
            self.link(ELEMENT, index, value);
        }
        let prototype = self.heap.word(object.map + 24).unwrap_or(0);
        let name = self.heap.text("__proto__");
        self.link(PROPERTY, name, prototype);
        match object.shape {
            ObjectShape::BoundFunction => self.bound(object),
            ObjectShape::Function => self.function(object),
            ObjectShape::GlobalObject => {
                let at = fields.embedder_header;
                self.fields(object, &[(at, "native_context"), (at + 8, "global_proxy")]);
            }
            ObjectShape::ArrayBufferView => {
                self.fields(object, &[(fields.embedder_header, "buffer")]);
            }
            _ => {}
        }
        let inner = [(8, "(object properties)"), (16, "(object elements)")];
        self.tag_fields(object, &inner, None);
        self.fields(object, &[(8, "properties"), (16, "elements")]);
    }

    fn properties(&mut self, object: Object) {
        for property in self.heap.properties(object) {
            let is_named = property.name != self.empty;
            let kind = if is_named { PROPERTY } else { INTERNAL };
            if property.is_accessor {
                let pair = target(property.value)
                    .and_then(|at| self.heap.object(at))
                    .filter(|pair| pair.shape == ObjectShape::Accessors);
                let Some(pair) = pair else { continue };
                self.link(kind, property.name, property.value);
                let name = self.heap.names.borrow().get(property.name).to_owned();
                for (offset, of) in [(8, "get"), (16, "set")] {
                    let Some(function) = self.heap.field(pair.at, offset) else { continue };
                    if function.shape != ObjectShape::Oddball {
                        let is_symbol = name.starts_with("<symbol");
                        let name = match is_symbol {
                            true => property.name,
                            false => self.heap.text(&format!("{of} {name}")),
                        };
                        self.link(PROPERTY, name, function.at + 1);
                    }
                }
            } else {
                self.link(kind, property.name, property.value);
            }
            if let Some(offset) = property.offset {
                self.see(offset);
            }
        }
    }

    fn function(&mut self, function: Object) {
        let fields = &self.heap.pages.layout.fields;
        if function.size > 56 && self.heap.has_prototype_slot(function.map) {
            let word = self.heap.word(function.at + 56).unwrap_or(0);
            let name = self.heap.text("prototype");
            match self.heap.field(function.at, 56) {
                Some(map) if map.shape == ObjectShape::Map => {
                    let prototype = self.heap.word(map.at + 24).unwrap_or(0);
                    self.link(PROPERTY, name, prototype);
                    self.fields(function, &[(56, "initial_map")]);
                }
                Some(value) if value.shape != ObjectShape::Oddball => {
                    self.link(PROPERTY, name, word);
                    self.see(56);
                }
                _ => {}
            }
        }
        self.tag_fields(function, fields.function_tags, None);
        self.fields(function, fields.function);
    }

    fn bound(&mut self, function: Object) {
        self.tag_fields(function, &[(40, "(bound arguments)")], None);
        self.fields(function, &[(40, "bindings"), (32, "bound_this"), (24, "bound_function")]);
        let Some(arguments) =
            self.heap.field(function.at, 40).filter(|list| list.shape == ObjectShape::Array)
        else {
            return;
        };
        for index in 0..arguments.size.saturating_sub(16) / 8 {
            let word = self.heap.word(arguments.at + 16 + 8 * index).unwrap_or(0);
            if target(word).is_some() {
                let name = self.heap.text(&format!("bound_argument_{index}"));
                self.link(SHORTCUT, name, word);
            }
        }
    }
}

/// The id of a node in the text.
pub fn id(node: usize) -> usize {
    2 * node + 1
}
