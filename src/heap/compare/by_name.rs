//! Objects matched by their names and paths, where ids do not tell: along two equal paths stand counterparts.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::FxHashMap;

use crate::heap::compare::entries;
use crate::heap::compare::ids::NONE;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::snapshot::{EdgeName, Node, Snapshot};

/// Of a class that roots hold one in so many may have come or gone, and the rest be known by their order.
const FEW: usize = 8;

/// Walks both graphs in step, breadth first, the program's own objects before V8's roots.
pub(in crate::heap) struct ByName<'a> {
    earlier: &'a Snapshot,
    later: &'a Snapshot,
    found: &'a mut Vec<Node>,
    taken: Vec<bool>,
    visited: Vec<bool>,
    /// The strings of the earlier and of the later snapshot as indexes into the earlier one's table, one index for each
    /// text: where a snapshot was redacted, many of its strings have the same.
    strings: [Vec<u32>; 2],
    /// Names that hold ids (of WeakMap entries): those of the earlier and of the later snapshot.
    entry_names: [Vec<bool>; 2],
    queue: VecDeque<(Node, Node)>,
    roots: VecDeque<(Node, Node)>,
}

/// The nodes that no other one has the key of.
fn lone<K: Eq + std::hash::Hash>(nodes: impl Iterator<Item = (K, Node)>) -> FxHashMap<K, Node> {
    let mut lone: FxHashMap<K, Node> = FxHashMap::default();
    for (key, node) in nodes {
        lone.entry(key).and_modify(|known| *known = NONE).or_insert(node);
    }
    lone.retain(|_, node| *node != NONE);
    lone
}

/// Where a function is declared: script, line and column.
type Declaration = (u32, u32, u32);

/// The functions of which there is only one.
fn lone_functions(snapshot: &Snapshot) -> FxHashMap<Declaration, Node> {
    let functions = snapshot.nodes().filter(|&node| snapshot.kind(node) == NodeKind::Closure);
    lone(functions.filter_map(|node| {
        let location = snapshot.location(node)?;
        Some(((location.script_id, location.line, location.column), node))
    }))
}

/// The states of generators and async functions of which one runs, by their function.
fn lone_generators(
    snapshot: &Snapshot,
    functions: &FxHashMap<Declaration, Node>,
) -> FxHashMap<Declaration, Node> {
    let declarations: FxHashMap<Node, Declaration> =
        functions.iter().map(|(&declaration, &node)| (node, declaration)).collect();
    let generators = snapshot.nodes().filter(|&node| {
        snapshot.kind(node) == NodeKind::Object
            && snapshot.follow(node, EdgeKind::Internal, "parameters_and_registers").is_some()
    });
    lone(generators.filter_map(|node| {
        let function = snapshot.follow(node, EdgeKind::Internal, "function")?;
        Some((*declarations.get(&function)?, node))
    }))
}

/// An edge's name in terms of the earlier snapshot's strings.
type Key = (EdgeKind, bool, u32);

/// An entry of a Map or Set. Small integers have no node.
#[derive(Default)]
struct Row {
    key: Option<Node>,
    value: Option<Node>,
}

/// The table of a Map or Set (v8/src/objects/ordered-hash-table.h): three numbers, a bucket for each two entries, and
/// the entries in the order in which they were added.
struct Table {
    node: Node,
    /// The field at which the entries begin.
    start: u32,
    /// Fields of an entry: 3 in a Map (key, value, chain), 2 in a Set (key, chain).
    stride: u32,
}

impl Table {
    /// The node of a collection's table, and its words. They count for the collection if that alone has it, beside
    /// what else it owns.
    fn size(snapshot: &Snapshot, collection: Node) -> Option<(Node, u64)> {
        const WORD: u64 = 8;
        /// Fields of the collection's object.
        const OWN: u64 = 4;
        let node = snapshot.follow(collection, EdgeKind::Internal, "table")?;
        let words = match snapshot.shallow(node) {
            0 => (snapshot.shallow(collection) / WORD).checked_sub(OWN)?,
            bytes => bytes / WORD,
        };
        Some((node, words))
    }

    fn of(snapshot: &Snapshot, collection: Node) -> Option<Table> {
        const HEADER: u64 = 2;
        const NUMBERS: u64 = 3;
        const ENTRIES_OF_BUCKET: u64 = 2;
        let (node, words) = Self::size(snapshot, collection)?;
        let stride = entries::stride(snapshot, collection);
        let fields = words.checked_sub(HEADER + NUMBERS)?;
        // What else the collection owns takes less.
        let buckets = (fields / (1 + ENTRIES_OF_BUCKET * u64::from(stride))).checked_ilog2()?;
        Some(Table { node, start: u32::try_from(NUMBERS + (1 << buckets)).ok()?, stride })
    }

    /// The entries by their place.
    fn rows(&self, snapshot: &Snapshot) -> BTreeMap<u32, Row> {
        let mut rows: BTreeMap<u32, Row> = BTreeMap::new();
        for edge in snapshot.edges(self.node).filter(|edge| edge.kind == EdgeKind::Internal) {
            let field = match edge.name {
                EdgeName::Index(field) => Some(field),
                // Beside the entries there is the table's own class; a WeakMap's have names.
                EdgeName::String(name) => number(snapshot.raw_string(name)),
            };
            let Some(field) = field.and_then(|field| field.checked_sub(self.start)) else {
                continue;
            };
            let row = rows.entry(field / self.stride).or_default();
            match field % self.stride {
                0 => row.key = Some(edge.to),
                1 if self.stride == 3 => row.value = Some(edge.to),
                _ => {}
            }
        }
        rows
    }
}

fn number(name: &[u8]) -> Option<u32> {
    std::str::from_utf8(name).ok()?.parse().ok()
}

impl<'a> ByName<'a> {
    pub fn new(earlier: &'a Snapshot, later: &'a Snapshot, found: &'a mut Vec<Node>) -> Self {
        let index: FxHashMap<&[u8], u32> = (0..earlier.string_count() as u32)
            .map(|string| (earlier.raw_string(string), string))
            .collect();
        let strings = [earlier, later].map(|snapshot| {
            (0..snapshot.string_count() as u32)
                .map(|string| index.get(snapshot.raw_string(string)).copied().unwrap_or(u32::MAX))
                .collect()
        });
        let finder = memchr::memmem::Finder::new(b" / part of key (");
        let entry_names = [earlier, later].map(|snapshot| {
            (0..snapshot.string_count() as u32)
                .map(|string| finder.find(snapshot.raw_string(string)).is_some())
                .collect()
        });
        let mut taken = vec![false; earlier.node_count()];
        for &counterpart in found.iter().filter(|&&counterpart| counterpart != NONE) {
            taken[counterpart as usize] = true;
        }
        let visited = vec![false; later.node_count()];
        let (queue, roots) = (VecDeque::new(), VecDeque::new());
        ByName { earlier, later, found, taken, visited, strings, entry_names, queue, roots }
    }

    pub fn run(mut self) {
        let (earlier, later) = (self.earlier.root(), self.later.root());
        self.found[later as usize] = earlier;
        self.taken[earlier as usize] = true;
        self.pair_lone_objects();
        self.visit(earlier, later);
        while let Some((earlier, later)) = self.queue.pop_front().or_else(|| self.roots.pop_front())
        {
            self.expand(earlier, later);
        }
    }

    /// A function that a program has one of is itself, whatever leads to it: a timer that waits in one snapshot, an
    /// answered request in another. What it keeps is found from it then, by paths that do not change. The same goes for
    /// the state of an async function or generator that runs once, and for the only instance of a class.
    fn pair_lone_objects(&mut self) {
        let (ours, theirs) = (lone_functions(self.earlier), lone_functions(self.later));
        self.pair_equal(&ours, &theirs);
        let running = lone_generators(self.earlier, &ours);
        self.pair_equal(&running, &lone_generators(self.later, &theirs));
        let instances = self.lone_instances(self.earlier, 0);
        self.pair_equal(&instances, &self.lone_instances(self.later, 1));
    }

    fn pair_equal<K: Eq + std::hash::Hash>(
        &mut self,
        earlier: &FxHashMap<K, Node>,
        later: &FxHashMap<K, Node>,
    ) {
        let mut pairs: Vec<(Node, Node)> =
            later.iter().filter_map(|(key, &node)| Some((*earlier.get(key)?, node))).collect();
        pairs.sort_unstable();
        for (earlier, later) in pairs {
            self.pair(earlier, later);
        }
    }

    /// The only objects of their class, by its name; `side` says whose strings the snapshot has.
    fn lone_instances(&self, snapshot: &Snapshot, side: usize) -> FxHashMap<u32, Node> {
        let objects = snapshot.nodes().filter(|&node| {
            snapshot.kind(node) == NodeKind::Object
                && !snapshot.raw_name(node).starts_with(b"system / ")
        });
        let class = |node: Node| self.strings[side][snapshot.name_index(node) as usize];
        let named = objects.map(|node| (class(node), node)).filter(|&(class, _)| class != u32::MAX);
        lone(named)
    }

    fn visit(&mut self, earlier: Node, later: Node) {
        if std::mem::replace(&mut self.visited[later as usize], true) {
            return;
        }
        let is_root = self.later.kind(later) == NodeKind::Synthetic;
        (if is_root { &mut self.roots } else { &mut self.queue }).push_back((earlier, later));
    }

    fn expand(&mut self, earlier: Node, later: Node) {
        self.pair_entries(earlier, later);
        let ours: Vec<(Key, Node)> = self
            .earlier
            .edges(earlier)
            .filter(|edge| !matches!(edge.kind, EdgeKind::Weak | EdgeKind::Ephemeron))
            .map(|edge| match edge.name {
                EdgeName::Index(index) => ((edge.kind, false, index), edge.to),
                EdgeName::String(name) if self.entry_names[0][name as usize] => {
                    ((edge.kind, true, self.earlier_name(edge.to)), edge.to)
                }
                EdgeName::String(name) => {
                    ((edge.kind, false, self.strings[0][name as usize]), edge.to)
                }
            })
            .collect();
        let theirs: Vec<(Key, Node)> = self
            .later
            .edges(later)
            .filter(|edge| !matches!(edge.kind, EdgeKind::Weak | EdgeKind::Ephemeron))
            .filter_map(|edge| {
                let (is_entry, name) = match edge.name {
                    EdgeName::Index(index) => return Some(((edge.kind, false, index), edge.to)),
                    EdgeName::String(name) if self.entry_names[1][name as usize] => {
                        (true, self.later.name_index(edge.to))
                    }
                    EdgeName::String(name) => (false, name),
                };
                let name = self.strings[1][name as usize];
                (name != u32::MAX).then_some(((edge.kind, is_entry, name), edge.to))
            })
            .collect();
        let aligned =
            ours.iter().zip(&theirs).take_while(|(ours, theirs)| ours.0 == theirs.0).count();
        for at in 0..aligned {
            self.pair(ours[at].1, theirs[at].1);
        }
        if aligned < ours.len().min(theirs.len()) {
            let mut by_key: FxHashMap<Key, Node> = FxHashMap::default();
            for &(key, node) in &ours[aligned..] {
                by_key.entry(key).or_insert(node);
            }
            for (key, node) in &theirs[aligned..] {
                if let Some(counterpart) = by_key.remove(key) {
                    self.pair(counterpart, *node);
                }
            }
        }
        if self.later.kind(later) == NodeKind::Synthetic {
            self.pair_in_order(earlier, later);
        }
    }

    /// A Map or Set that has outgrown its table has another one, with its entries in the same order, but at other
    /// places and without the deleted ones. Strings are known by their text, unless several have it, and other keys by
    /// their order.
    fn pair_entries(&mut self, earlier: Node, later: Node) {
        if self.later.kind(later) != NodeKind::Object {
            return;
        }
        let sizes = (Table::size(self.earlier, earlier), Table::size(self.later, later));
        let (Some((_, ours)), Some((_, theirs))) = sizes else { return };
        if ours == theirs {
            return;
        }
        let tables = (Table::of(self.earlier, earlier), Table::of(self.later, later));
        let (Some(ours), Some(theirs)) = tables else { return };
        if ours.start == theirs.start {
            return;
        }
        let (before, after) = (ours.rows(self.earlier), theirs.rows(self.later));
        if before.is_empty() || after.is_empty() {
            return;
        }
        // Its references have other numbers.
        self.visited[theirs.node as usize] = true;
        let ours = lone(self.texts(self.earlier, &before, 0));
        let theirs = lone(self.texts(self.later, &after, 1));
        let texts: FxHashMap<Node, u32> =
            self.texts(self.later, &after, 1).map(|(text, at)| (at, text)).collect();
        let in_order: Vec<&Row> = before.values().collect();
        let mut pairs = Vec::new();
        for (at, row) in (0..).zip(after.values()) {
            let known = match texts.get(&at) {
                Some(&u32::MAX) => None,
                Some(text) if theirs.contains_key(text) => {
                    ours.get(text).map(|&at| in_order[at as usize])
                }
                _ => in_order.get(at as usize).copied(),
            };
            if let Some(known) = known {
                pairs.extend(known.key.zip(row.key));
                pairs.extend(known.value.zip(row.value));
            }
        }
        for (earlier, later) in pairs {
            self.pair(earlier, later);
        }
    }

    /// The texts of the keys that are strings, with the entries' places in the order.
    fn texts<'r>(
        &'r self,
        snapshot: &'r Snapshot,
        rows: &'r BTreeMap<u32, Row>,
        side: usize,
    ) -> impl Iterator<Item = (u32, u32)> + 'r {
        (0..).zip(rows.values()).filter_map(move |(at, row)| {
            let key = row.key.filter(|&key| snapshot.kind(key) == NodeKind::String)?;
            Some((self.strings[side][snapshot.name_index(key) as usize], at))
        })
    }

    /// What V8's roots hold (its handles, of sockets say) is numbered by its place in a list, and whatever comes or
    /// goes before it moves it: the rest of each class is paired in the order of the list, if it is about as many.
    fn pair_in_order(&mut self, earlier: Node, later: Node) {
        let held = |snapshot: &Snapshot, root: Node| -> Vec<Node> {
            let edges = snapshot.edges(root).filter(|edge| edge.kind != EdgeKind::Weak);
            edges.map(|edge| edge.to).collect()
        };
        let mut classes: FxHashMap<(NodeKind, u32), [Vec<Node>; 2]> = FxHashMap::default();
        for node in held(self.earlier, earlier) {
            if !self.taken[node as usize] {
                let class = (self.earlier.kind(node), self.earlier_name(node));
                classes.entry(class).or_default()[0].push(node);
            }
        }
        for node in held(self.later, later) {
            let name = self.strings[1][self.later.name_index(node) as usize];
            if self.found[node as usize] == NONE
                && let Some(alike) = classes.get_mut(&(self.later.kind(node), name))
            {
                alike[1].push(node);
            }
        }
        let mut classes: Vec<[Vec<Node>; 2]> = classes.into_values().collect();
        classes.sort_unstable();
        for [ours, theirs] in classes {
            if ours.len().abs_diff(theirs.len()) * FEW <= ours.len() {
                for (earlier, later) in ours.into_iter().zip(theirs) {
                    self.pair(earlier, later);
                }
            }
        }
    }

    fn earlier_name(&self, node: Node) -> u32 {
        self.strings[0][self.earlier.name_index(node) as usize]
    }

    fn pair(&mut self, earlier: Node, later: Node) {
        let found = self.found[later as usize];
        if found != NONE {
            // Known already, by id or by another path: only a walk in step goes on.
            if found == earlier {
                self.visit(earlier, later);
            }
        } else if !self.taken[earlier as usize] && self.is_alike(earlier, later) {
            self.found[later as usize] = earlier;
            self.taken[earlier as usize] = true;
            self.visit(earlier, later);
        }
    }

    fn is_alike(&self, earlier: Node, later: Node) -> bool {
        self.earlier.kind(earlier) == self.later.kind(later)
            && self.strings[1][self.later.name_index(later) as usize] == self.earlier_name(earlier)
            && self.earlier.location(earlier) == self.later.location(later)
    }
}
