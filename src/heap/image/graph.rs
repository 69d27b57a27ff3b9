//! Marking from the roots: nodes in the order in which they are reached, and the edges between them.

use rustc_hash::FxHashMap;

use super::decode::{ImageHeap, Object, target};
use super::layout::ObjectShape;
use super::pages::{Pages, corrupt};
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

/// The synthetic nodes: the root and what hangs on it.
const SYNTHETIC: [&str; 2] = ["", "(GC roots)"];
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

#[derive(Debug, Clone, Copy)]
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

struct Builder<'p> {
    heap: ImageHeap<'p>,
    graph: ImageGraph,
    by_string: FxHashMap<String, u32>,
    by_address: FxHashMap<u64, u32>,
    objects: Vec<Object>,
    /// Tables of WeakMaps, whose entries are followed by the key.
    tables: FxHashMap<u64, u32>,
    rejected: u64,
    reached: u64,
}

/// Builds the graph.
pub fn build(pages: &Pages) -> HeapResult<ImageGraph> {
    let mut builder = Builder {
        heap: ImageHeap::new(pages)?,
        graph: ImageGraph::default(),
        by_string: FxHashMap::default(),
        by_address: FxHashMap::default(),
        objects: Vec::new(),
        tables: FxHashMap::default(),
        rejected: 0,
        reached: 0,
    };
    builder.roots(&pages.roots);
    builder.mark()?;
    let Builder { graph, rejected, objects, .. } = builder;
    #[allow(clippy::cast_precision_loss, reason = "a share")]
    let share = rejected as f64 / objects.len().max(1) as f64;
    if objects.is_empty() || share > REJECTED {
        return Err(corrupt(format!(
            "{rejected} references of {} objects of the heap image lead to no object",
            objects.len()
        )));
    }
    Ok(graph)
}

impl Builder<'_> {
    fn roots(&mut self, roots: &[u64]) {
        for name in SYNTHETIC {
            let name = self.text(name);
            self.graph.nodes.push(ImageNode { kind: 9, name, size: 0, edges: 0 });
        }
        let global = self.text("global");
        let (mut globals, mut first) = (Vec::new(), Vec::new());
        for &word in roots {
            let Some(object) = target(word).and_then(|at| self.heap.object(at)) else { continue };
            let Some(to) = self.reach(object) else { continue };
            if object.shape == ObjectShape::GlobalObject {
                globals.push(ImageEdge { kind: SHORTCUT, name: global, to });
            }
            let name = u32::try_from(first.len()).unwrap_or(u32::MAX);
            first.push(ImageEdge { kind: ELEMENT, name, to });
        }
        let own = std::iter::once(ImageEdge { kind: ELEMENT, name: 1, to: 1 }).chain(globals);
        self.graph.edges.extend(own);
        self.graph.nodes[0].edges = u32::try_from(self.graph.edges.len()).unwrap_or(0);
        self.graph.nodes[1].edges = u32::try_from(first.len()).unwrap_or(0);
        self.graph.edges.extend(first);
    }

    fn mark(&mut self) -> HeapResult<()> {
        let mut next = 0;
        let mut late = Vec::new();
        loop {
            while let Some(&object) = self.objects.get(next) {
                let before = self.graph.edges.len();
                self.edges(object);
                let node = next + SYNTHETIC.len();
                self.graph.nodes[node].edges = u32::try_from(self.graph.edges.len() - before)
                    .map_err(|_| HeapError::TooLarge("edges".into()))?;
                next += 1;
            }
            let known = self.objects.len();
            self.follow_keys(&mut late);
            if self.objects.len() == known {
                break;
            }
        }
        if u32::try_from(self.graph.edges.len() + late.len()).is_err() {
            return Err(HeapError::TooLarge("more than 2^32 edges".into()));
        }
        self.insert(late);
        Ok(())
    }

    /// The values of WeakMaps whose keys and tables are reached.
    fn follow_keys(&mut self, late: &mut Vec<(u32, ImageEdge)>) {
        let tables: Vec<(u64, u32)> = self.tables.drain().collect();
        let mut waiting = FxHashMap::default();
        for (at, node) in tables {
            let Some(table) = self.heap.object(at) else { continue };
            let mut is_done = true;
            for (key, value) in self.heap.ephemerons(table) {
                let Some(&from) = self.by_address.get(&key) else {
                    is_done = false;
                    continue;
                };
                let Some(value) = self.heap.object(value) else { continue };
                if self.by_address.contains_key(&value.at) && value.shape == ObjectShape::Oddball {
                    continue;
                }
                let Some(to) = self.reach(value) else { continue };
                let name = self.text(&format!(
                    "{from} / part of key -> value pair in WeakMap (table @{node})"
                ));
                late.push((from, ImageEdge { kind: INTERNAL, name, to }));
            }
            if !is_done {
                waiting.insert(at, node);
            }
        }
        late.sort_by_key(|(from, edge)| (*from, edge.to, edge.name));
        late.dedup_by_key(|(from, edge)| (*from, edge.to, edge.name));
        self.tables = waiting;
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

    fn text(&mut self, text: &str) -> u32 {
        if let Some(&known) = self.by_string.get(text) {
            return known;
        }
        let number = u32::try_from(self.graph.strings.len()).unwrap_or(0);
        self.graph.strings.push(text.to_owned());
        self.by_string.insert(text.to_owned(), number);
        number
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
        let node = u32::try_from(self.graph.nodes.len()).ok()?;
        let (kind, name) = self.describe(object);
        let name = self.text(&name);
        self.graph.nodes.push(ImageNode { kind, name, size: object.size, edges: 0 });
        self.by_address.insert(object.at, node);
        self.objects.push(object);
        let placed = match object.shape {
            ObjectShape::Function => Some(object),
            ObjectShape::Generator => self.heap.field(object.at, 24),
            ObjectShape::Object => self.heap.constructor(object),
            _ => None,
        };
        if let Some((script, line, column)) = placed.and_then(|code| self.heap.position(code)) {
            self.graph.locations.push([node, script, line, column]);
        }
        Some(node)
    }

    fn describe(&self, object: Object) -> (u8, String) {
        let heap = &self.heap;
        let system = |name: &str| (0, format!("system / {name}"));
        match object.shape {
            ObjectShape::String => {
                let kind = match object.kind & 7 {
                    1 => 10,
                    3 => 11,
                    _ => 2,
                };
                (kind, heap.string(object, 1024))
            }
            ObjectShape::Array
            | ObjectShape::Doubles
            | ObjectShape::WeakList
            | ObjectShape::SloppyArguments => (1, String::new()),
            ObjectShape::Context => (3, "system / Context".into()),
            ObjectShape::NativeContext => system("NativeContext"),
            ObjectShape::Map | ObjectShape::Descriptors => (14, "system / Map".into()),
            ObjectShape::Oddball => system("Oddball"),
            ObjectShape::HeapNumber => (7, "heap number".into()),
            ObjectShape::BigInt => (13, "bigint".into()),
            ObjectShape::Symbol => (
                12,
                heap.field(object.at, 16).map(|name| heap.string(name, 1024)).unwrap_or_default(),
            ),
            ObjectShape::Function => (5, heap.function_name(object)),
            ObjectShape::SharedFunctionInfo => (4, heap.shared_name(object)),
            ObjectShape::Script => {
                let name =
                    heap.field(object.at, 16).filter(|name| name.shape == ObjectShape::String);
                (4, name.map(|name| heap.string(name, 1024)).unwrap_or_default())
            }
            ObjectShape::GlobalObject => (3, "global".into()),
            ObjectShape::Object if object.kind == heap.layout.js_regexp => {
                let source =
                    heap.field(object.at, 32).filter(|source| source.shape == ObjectShape::String);
                (6, source.map(|source| heap.string(source, 1024)).unwrap_or_default())
            }
            ObjectShape::Generator => (3, "Generator".into()),
            ObjectShape::Object
            | ObjectShape::Collection
            | ObjectShape::WeakCollection
            | ObjectShape::WeakRef => (3, heap.class_name(object)),
            ObjectShape::PropertyArray => system("PropertyArray"),
            ObjectShape::PropertyCell => system("PropertyCell"),
            ObjectShape::ScopeInfo
            | ObjectShape::UncompiledData
            | ObjectShape::Code
            | ObjectShape::InstructionStream
            | ObjectShape::FeedbackVector
            | ObjectShape::Bytes
            | ObjectShape::Bytecode
            | ObjectShape::FeedbackMetadata
            | ObjectShape::PreparseData => (4, format!("system / {:?}", object.shape)),
            ObjectShape::WeakCell | ObjectShape::FreeSpace | ObjectShape::Other => system("Other"),
        }
    }

    /// An edge to what a word refers to; constants of V8 have none.
    fn link(&mut self, kind: u8, name: u32, word: u64) {
        let Some(at) = target(word) else { return };
        let Some(object) = self.heap.object(at) else {
            self.rejected += u64::from(self.heap.word(at).is_some());
            return;
        };
        if object.shape == ObjectShape::Oddball {
            return;
        }
        if let Some(to) = self.reach(object) {
            self.graph.edges.push(ImageEdge { kind, name, to });
        }
    }

    fn named(&mut self, kind: u8, name: &str, word: u64) {
        if target(word).is_some() {
            let name = self.text(name);
            self.link(kind, name, word);
        }
    }

    /// The words of an object from an offset on.
    fn rest(&mut self, object: Object, from: u64, as_array: bool) {
        for offset in (from..object.size).step_by(8) {
            let word = self.heap.word(object.at + offset).unwrap_or(0);
            if target(word).is_none() {
                continue;
            }
            let index = u32::try_from((offset - from) / 8).unwrap_or(u32::MAX);
            match as_array {
                true => self.named(INTERNAL, &index.to_string(), word),
                false => self.link(HIDDEN, index, word),
            }
        }
    }

    fn fields(&mut self, object: Object, fields: &[(u64, &str)]) {
        for &(offset, name) in fields {
            let word = self.heap.word(object.at + offset).unwrap_or(0);
            self.named(INTERNAL, name, word);
        }
    }

    fn edges(&mut self, object: Object) {
        self.fields(object, &[(0, "map")]);
        match object.shape {
            ObjectShape::String => match object.kind & 7 {
                1 => self.fields(object, &[(16, "first"), (24, "second")]),
                3 => self.fields(object, &[(16, "parent")]),
                5 => self.fields(object, &[(16, "actual")]),
                _ => {}
            },
            ObjectShape::Array if self.tables.contains_key(&object.at) => {}
            ObjectShape::Array => self.rest(object, 16, true),
            ObjectShape::PropertyArray
            | ObjectShape::NativeContext
            | ObjectShape::SloppyArguments => {
                self.rest(object, 16, true);
            }
            ObjectShape::Context => self.context(object),
            ObjectShape::Script => self.script(object),
            ObjectShape::SharedFunctionInfo => {
                let names = [
                    (8, "function_data"),
                    (16, "name_or_scope_info"),
                    (24, "outer_scope_info"),
                    (32, "script_or_debug_info"),
                ];
                self.fields(object, &names);
            }
            ObjectShape::Function => {
                let names = [
                    (24, "shared"),
                    (32, "context"),
                    (40, "feedback_cell"),
                    (48, "code"),
                    (56, "prototype_or_initial_map"),
                ];
                self.fields(object, &names);
                self.receiver(object, 64);
            }
            ObjectShape::Generator => {
                self.fields(
                    object,
                    &[
                        (24, "function"),
                        (32, "context"),
                        (40, "receiver"),
                        (72, "parameters_and_registers"),
                    ],
                );
                self.receiver(object, 80);
            }
            ObjectShape::Collection => {
                self.fields(object, &[(24, "table")]);
                self.receiver(object, 32);
            }
            ObjectShape::WeakCollection => {
                if let Some(table) = self.heap.field(object.at, 24)
                    && let Some(node) = self.reach(table)
                {
                    self.tables.insert(table.at, node);
                }
                self.fields(object, &[(24, "table")]);
                self.receiver(object, 32);
            }
            ObjectShape::WeakRef => self.receiver(object, object.size),
            ObjectShape::Object | ObjectShape::GlobalObject => self.receiver(object, 24),
            ObjectShape::Map => self.fields(
                object,
                &[
                    (24, "prototype"),
                    (32, "constructor"),
                    (40, "descriptors"),
                    (48, "dependent_code"),
                ],
            ),
            ObjectShape::WeakCell => {
                self.fields(object, &[(8, "finalization_registry"), (32, "holdings")]);
            }
            ObjectShape::ScopeInfo
            | ObjectShape::Descriptors
            | ObjectShape::WeakList
            | ObjectShape::Code => {
                self.rest(object, 16, false);
            }
            ObjectShape::FeedbackVector => self.rest(object, 8, false),
            ObjectShape::Bytecode => self.bytecode(object),
            ObjectShape::PropertyCell
            | ObjectShape::Other
            | ObjectShape::UncompiledData
            | ObjectShape::Symbol => {
                self.rest(object, 8, false);
            }
            _ => {}
        }
    }

    fn bytecode(&mut self, object: Object) {
        self.fields(
            object,
            &[(16, "constant_pool"), (24, "handler_table"), (32, "source_positions")],
        );
    }

    fn script(&mut self, object: Object) {
        self.fields(object, &[(8, "source"), (16, "name")]);
        self.rest(object, 24, false);
    }

    fn context(&mut self, object: Object) {
        self.fields(object, &[(16, "scope_info"), (24, "previous")]);
        let names: FxHashMap<u64, String> = self.heap.variables(object).into_iter().collect();
        for slot in 2..object.size.saturating_sub(16) / 8 {
            let word = self.heap.word(object.at + 16 + 8 * slot).unwrap_or(0);
            match names.get(&slot) {
                Some(name) => self.named(CONTEXT, name, word),
                None => self.named(INTERNAL, "extension", word),
            }
        }
    }

    /// What every receiver has; the words from `from` on that hold no property are hidden.
    fn receiver(&mut self, object: Object, from: u64) {
        let prototype = self.heap.word(object.map + 24).unwrap_or(0);
        self.named(PROPERTY, "__proto__", prototype);
        let properties = self.heap.properties(object);
        for property in &properties {
            self.named(PROPERTY, &property.name, property.value);
        }
        self.fields(object, &[(8, "properties"), (16, "elements")]);
        if let Some(elements) = self.heap.field(object.at, 16)
            && elements.kind == self.heap.layout.array
        {
            for index in 0..elements.size.saturating_sub(16) / 8 {
                let word = self.heap.word(elements.at + 16 + 8 * index).unwrap_or(0);
                self.link(ELEMENT, u32::try_from(index).unwrap_or(u32::MAX), word);
            }
        }
        for offset in (from..object.size).step_by(8) {
            let word = self.heap.word(object.at + offset).unwrap_or(0);
            if !properties.iter().any(|property| property.value == word) {
                self.link(HIDDEN, u32::try_from(offset / 8).unwrap_or(0), word);
            }
        }
    }
}
