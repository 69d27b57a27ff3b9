//! A heap snapshot as a graph.

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::heap::analysis::distances::{NONE, distances};
use crate::heap::analysis::dominators::dominators;
use crate::heap::analysis::retained::retained;
use crate::heap::analysis::shallow::move_to_owners;
use crate::heap::analysis::weak_map::{WeakMapEntries, entries, mark_tables};
use crate::heap::error::{HeapError, HeapResult};
use crate::heap::graph::columns::{Columns, NodeLocation, Target};
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::graph::retainers::Retainers;
use crate::heap::graph::sizes::Sizes;
use crate::heap::memory::room_for_graph;
use crate::heap::parallel::both;
use crate::heap::parse::json::Scanner;
use crate::heap::parse::read::{Source, decode, open};
use crate::heap::parse::text::parse;
use crate::heap::progress::{Phase, Progress, Report};
use crate::js_source::readable::ReadableFiles;

/// A node: its ordinal in the snapshot, below [`Snapshot::node_count`].
pub type Node = u32;

/// What an edge is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EdgeName {
    /// A string: [`Snapshot::string`] decodes it.
    String(u32),
    /// A number: an element's index or a field's.
    Index(u32),
}

/// A reference from one node to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// How it refers.
    pub kind: EdgeKind,
    /// What it is called.
    pub name: EdgeName,
    /// The node that it leads to.
    pub to: Node,
}

/// An edge seen from its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retainer {
    /// The node that refers.
    pub from: Node,
    /// The edge by which it does.
    pub edge: Edge,
}

/// Where a function, a generator or a script's code stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// V8's id of the script. Its name hangs on the node: closure -shared-> SharedFunctionInfo
    /// -script-> (`script_or_debug_info` on Node 20) Script -name-> string.
    pub script_id: u32,
    /// 0-based.
    pub line: u32,
    /// 0-based.
    pub column: u32,
}

/// A heap snapshot: the graph, shallow and retained sizes and the dominator tree.
///
/// Accessors take a [`Node`] of this snapshot and panic, like an index into a slice, for any
/// other number.
#[derive(Debug)]
pub struct Snapshot {
    columns: Columns,
    weak_maps: WeakMapEntries,
    dominators: Vec<u32>,
    retained: Sizes,
    bytes: u64,
    distances: OnceLock<Vec<i32>>,
    retainers: OnceLock<Retainers>,
    by_id: OnceLock<Vec<Node>>,
    readable: Arc<ReadableFiles>,
}

impl Snapshot {
    /// Reads a file (`-`: standard input): plain, gzip or zstd.
    pub fn open(path: &Path, report: Report) -> HeapResult<Self> {
        Self::load(open(path)?, report)
    }

    /// Reads from anything: a pipe that V8 is still writing to, bytes in memory.
    pub fn read(reader: impl Read + Send, report: Report) -> HeapResult<Self> {
        Self::load(decode(reader)?, report)
    }

    pub(in crate::heap) fn load(source: Source, report: Report) -> HeapResult<Self> {
        let mut scanner = Scanner::new(source, report);
        let mut columns = parse(&mut scanner)?;
        let bytes = scanner.position();
        drop(scanner);
        room_for_graph(columns.node_count(), columns.targets.len())?;
        let progress = Progress {
            phase: Phase::Dominators,
            done: 0,
            total: Some(columns.node_count() as u64),
        };
        if report(progress).is_break() {
            return Err(HeapError::Cancelled);
        }
        let weak_maps = entries(&columns.strings);
        mark_tables(&mut columns, &weak_maps);
        // The tree is made of the graph alone.
        let mut sizes = std::mem::take(&mut columns.sizes);
        let (tree, ()) = both(|| dominators(&columns), || move_to_owners(&columns, &mut sizes));
        columns.sizes = sizes;
        let retained = retained(&columns.sizes, &tree);
        let mut dominators = vec![0; columns.node_count()];
        for (node, idom) in tree.nodes.iter().zip(&tree.idoms) {
            dominators[*node as usize] = tree.nodes[*idom as usize];
        }
        Ok(Snapshot {
            columns,
            weak_maps,
            dominators,
            retained,
            bytes,
            distances: OnceLock::new(),
            retainers: OnceLock::new(),
            by_id: OnceLock::new(),
            readable: Arc::default(),
        })
    }

    /// The same snapshot, whose names are found with these files.
    pub(in crate::heap) fn with_sources(self, readable: &Arc<ReadableFiles>) -> Self {
        Self { readable: Arc::clone(readable), ..self }
    }

    /// The files that may be opened to name what is in it.
    pub(in crate::heap) fn readable(&self) -> &Arc<ReadableFiles> {
        &self.readable
    }

    /// The length of the uncompressed text.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many nodes there are.
    pub fn node_count(&self) -> usize {
        self.columns.node_count()
    }

    /// How many edges there are.
    pub fn edge_count(&self) -> usize {
        self.columns.targets.len()
    }

    /// Every node, in the file's order.
    pub fn nodes(&self) -> std::ops::Range<Node> {
        0..self.node_count() as Node
    }

    /// The root of everything: synthetic, its own dominator.
    pub fn root(&self) -> Node {
        self.columns.root
    }

    /// What a node is.
    pub fn kind(&self, node: Node) -> NodeKind {
        self.columns.kinds[node as usize]
    }

    /// A node's name: an object's constructor, a closure's function, a string's beginning.
    pub fn name(&self, node: Node) -> Cow<'_, str> {
        self.string(self.name_index(node))
    }

    /// A node's name as it stands in the file, in JSON's escapes: fit for comparison.
    pub fn raw_name(&self, node: Node) -> &[u8] {
        self.raw_string(self.name_index(node))
    }

    /// The index of a node's name in the string table: equal names have equal indexes.
    pub fn name_index(&self, node: Node) -> u32 {
        self.columns.names[node as usize]
    }

    /// A string of the table, decoded; a lone surrogate becomes U+FFFD.
    pub fn string(&self, index: u32) -> Cow<'_, str> {
        self.columns.strings.get(index)
    }

    /// A string of the table in JSON's escapes.
    pub fn raw_string(&self, index: u32) -> &[u8] {
        self.columns.strings.raw(index)
    }

    /// Whether its contents were replaced as `redact` does (src/snapshot/redaction): then large indexes are no longer
    /// what they were.
    pub(in crate::heap) fn is_redacted(&self) -> bool {
        self.columns.strings.containing(b"redacted-").next().is_some()
    }

    /// How many strings the table has.
    pub fn string_count(&self) -> usize {
        self.columns.strings.len()
    }

    /// V8's id of the object: the same in all snapshots of one process if it is odd. Even ids are
    /// of the embedder's objects, and not stable.
    pub fn id(&self, node: Node) -> u32 {
        self.columns.ids[node as usize]
    }

    /// The node with an id; the first where a damaged file has several.
    pub fn by_id(&self, id: u32) -> Option<Node> {
        let ids = &self.columns.ids;
        let order = self.by_id.get_or_init(|| {
            let mut order: Vec<Node> = self.nodes().collect();
            order.sort_unstable_by_key(|node| (ids[*node as usize], *node));
            order
        });
        let at = order.partition_point(|node| ids[*node as usize] < id);
        order.get(at).copied().filter(|node| ids[*node as usize] == id)
    }

    /// The bytes of the object itself and of the backing stores that it alone owns, as DevTools
    /// counts them; 0 for such a backing store.
    pub fn shallow(&self, node: Node) -> u64 {
        self.columns.sizes.get(node as usize)
    }

    /// The bytes that would be freed if the object were.
    pub fn retained(&self, node: Node) -> u64 {
        self.retained.get(node as usize)
    }

    /// The nearest node without which this one would be garbage.
    pub fn dominator(&self, node: Node) -> Node {
        self.dominators[node as usize]
    }

    /// How many edges away from the program's own roots a node is; from 100,000,000 on it is only
    /// V8 that holds it. None where nothing but weak references lead there.
    pub fn distance(&self, node: Node) -> Option<u32> {
        let distance = self.raw_distances()[node as usize];
        (distance != NONE).then_some(distance as u32)
    }

    fn raw_distances(&self) -> &[i32] {
        self.distances.get_or_init(|| distances(&self.columns, &self.weak_maps))
    }

    /// What a node refers to.
    pub fn edges(&self, node: Node) -> impl ExactSizeIterator<Item = Edge> + '_ {
        self.columns.edge_range(node as usize).map(|edge| self.edge(edge))
    }

    /// What refers to a node, weakly or not, in the file's order.
    pub fn retainers(&self, node: Node) -> impl ExactSizeIterator<Item = Retainer> + '_ {
        self.index_retainers().of(node as usize).iter().map(|edge| {
            let edge = *edge as usize;
            let from =
                self.columns.first_edges.partition_point(|first| *first as usize <= edge) - 1;
            Retainer { from: from as Node, edge: self.edge(edge) }
        })
    }

    /// Sorts edges by their targets: [`Snapshot::retainers`] does it when it is first asked.
    pub(in crate::heap) fn index_retainers(&self) -> &Retainers {
        self.retainers.get_or_init(|| Retainers::new(&self.columns))
    }

    fn edge(&self, edge: usize) -> Edge {
        let target: Target = self.columns.targets[edge];
        let name = self.columns.edge_names.get(edge);
        let kind = target.kind();
        Edge {
            kind,
            name: if kind.is_indexed() { EdgeName::Index(name) } else { EdgeName::String(name) },
            to: target.node() as Node,
        }
    }

    /// What an edge is called, as text.
    pub fn edge_name(&self, edge: &Edge) -> Cow<'_, str> {
        match edge.name {
            EdgeName::String(index) => self.string(index),
            EdgeName::Index(index) => Cow::Owned(index.to_string()),
        }
    }

    /// The target of the first edge of that kind and (raw) name.
    pub fn follow(&self, node: Node, kind: EdgeKind, name: &str) -> Option<Node> {
        let named = |edge: &Edge| match edge.name {
            EdgeName::String(index) => self.raw_string(index) == name.as_bytes(),
            EdgeName::Index(_) => false,
        };
        self.edges(node).find(|edge| edge.kind == kind && named(edge)).map(|edge| edge.to)
    }

    /// The nodes that have a place in the code, ascending, each with its place.
    pub fn locations(&self) -> impl Iterator<Item = (Node, Location)> + '_ {
        self.columns.locations.iter().map(|location| {
            let NodeLocation { node, script, line, column } = *location;
            (node, Location { script_id: script, line, column })
        })
    }

    /// Where a closure, a generator or a script's code stands.
    pub fn location(&self, node: Node) -> Option<Location> {
        let locations = &self.columns.locations;
        let at = locations.partition_point(|location| location.node < node);
        locations.get(at).filter(|location| location.node == node).map(|location| Location {
            script_id: location.script,
            line: location.line,
            column: location.column,
        })
    }
}
