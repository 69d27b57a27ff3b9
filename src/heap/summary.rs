//! What one snapshot shows: who holds most, and shapes that are often a mistake.

use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::heap::explain::holders::{Holder, Names};
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::heaviest::heaviest;
use crate::heap::snapshot::{EdgeName, Node, Snapshot};
use crate::js_source::files;

/// The largest of a kind, by retained bytes.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What they are called.
    pub name: String,
    /// How many there are.
    pub count: u64,
    /// Their own bytes.
    pub shallow: u64,
    /// What would be freed with them; nested ones count once.
    pub retained: u64,
}

/// Objects by package: their own bytes, which count once.
#[derive(Debug, Serialize)]
pub struct PackageRow {
    /// `name@version`, `(application)`, `(node)` or `(v8)`.
    pub name: String,
    /// How many objects there are.
    pub count: u64,
    /// Their own bytes.
    pub shallow: u64,
    /// The same: nothing is counted twice.
    pub retained: u64,
    /// Its modules, the largest first; small ones are left out.
    pub modules: Vec<ModuleRow>,
}

/// Objects by module.
#[derive(Debug, Serialize)]
pub struct ModuleRow {
    /// The script as V8 names it: an absolute path or `node:internal/...`.
    pub file: String,
    /// How many objects there are.
    pub count: u64,
    /// Their own bytes.
    pub shallow: u64,
}

/// A shape that is often a mistake.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Shape {
    /// The same text many times over.
    DuplicatedString {
        /// Its beginning.
        text: String,
        /// How many copies there are.
        count: u64,
        /// What all but one of them take.
        bytes: u64,
    },
    /// A backing store with far more room than elements.
    SparseArray {
        /// The node's id.
        id: u32,
        /// The variable or property that holds it; empty where none does.
        name: String,
        /// Where that is declared.
        file: Option<String>,
        /// From 1.
        line: Option<u32>,
        /// Elements that are there.
        elements: u64,
        /// Elements that there is room for.
        capacity: u64,
        /// Bytes of the store.
        bytes: u64,
    },
    /// A function that keeps much alive in its scope.
    HugeClosure {
        /// The node's id.
        id: u32,
        /// The function.
        name: String,
        /// Where it stands.
        file: Option<String>,
        /// From 1.
        line: Option<u32>,
        /// What its scope alone keeps.
        bytes: u64,
    },
    /// A global of a context (vm, frame) that nothing runs in any more.
    DetachedContext {
        /// The node's id.
        id: u32,
        /// What it keeps.
        bytes: u64,
    },
    /// A timer that was cleared or has fired and is still kept, with what it would have called.
    ZombieTimer {
        /// How many there are.
        count: u64,
        /// What they keep.
        bytes: u64,
    },
}

/// A summary of one snapshot.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// All bytes in it.
    pub bytes: u64,
    /// By constructor.
    pub constructors: Vec<Row>,
    /// By variable or property that holds them.
    pub holders: Vec<Holder>,
    /// By package in node_modules; the program's own code is `(application)`, Node's `(node)`.
    pub packages: Vec<PackageRow>,
    /// What is suspicious, the largest first.
    pub shapes: Vec<Shape>,
}

/// Bytes below which nothing is worth a line.
const WORTH: u64 = 16 << 10;

/// Summarises a snapshot: at most `most` rows of each kind.
pub fn summary(snapshot: &Snapshot, most: usize) -> Summary {
    let names = Names::new(snapshot);
    let heaviest: Vec<Node> =
        heaviest(snapshot, WORTH).iter().map(|heavy| heavy.node).take(8 * most).collect();
    Summary {
        bytes: snapshot.retained(snapshot.root()),
        constructors: constructors(snapshot, most),
        holders: names.holders(&heaviest, most),
        packages: packages(snapshot, &names, most),
        shapes: shapes(snapshot, &names, most),
    }
}

fn is_listed(kind: NodeKind) -> bool {
    !matches!(
        kind,
        NodeKind::Synthetic
            | NodeKind::Hidden
            | NodeKind::Code
            | NodeKind::ObjectShape
            | NodeKind::Number
    )
}

/// How far up the dominators are looked at: chains of one class end at the first, all else is shallow.
const DEEPEST: usize = 64;

/// Rows by name; `retained` counts a node only where no dominator of it has the same name.
fn constructors(snapshot: &Snapshot, most: usize) -> Vec<Row> {
    let mut rows: FxHashMap<(NodeKind, u32), (u64, u64, u64)> = FxHashMap::default();
    // Strings, numbers and the like have no constructor: their kind stands for it.
    let key = |node: Node| match snapshot.kind(node) {
        kind @ (NodeKind::Object | NodeKind::Closure | NodeKind::Native | NodeKind::WasmObject) => {
            (kind, snapshot.name_index(node))
        }
        kind => (kind, u32::MAX),
    };
    for node in snapshot.nodes().filter(|&node| is_listed(snapshot.kind(node))) {
        let row = rows.entry(key(node)).or_default();
        row.0 += 1;
        row.1 += snapshot.shallow(node);
        let own = key(node);
        let above = std::iter::successors(Some(node), |&at| {
            Some(snapshot.dominator(at)).filter(|&dominator| dominator != at)
        });
        if !above.skip(1).take(DEEPEST).any(|dominator| key(dominator) == own) {
            row.2 = row.2.saturating_add(snapshot.retained(node));
        }
    }
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_unstable_by_key(|&((_, name), (_, _, retained))| (std::cmp::Reverse(retained), name));
    rows.truncate(most);
    rows.into_iter()
        .map(|((kind, name), (count, shallow, retained))| {
            let name = match kind {
                NodeKind::Closure => {
                    format!("function {}", snapshot.string(name)).trim_end().to_owned()
                }
                _ if name == u32::MAX => format!("({})", kind.name()),
                _ => snapshot.string(name).into_owned(),
            };
            Row { name, count, shallow, retained }
        })
        .collect()
}

/// What no function or instance of a script retains.
const OF_V8: &str = "(v8)";
/// Modules of a package at most.
const MODULES: usize = 12;

/// Each object counts for the module of the nearest function, scope or instance above it in the dominator tree.
fn packages(snapshot: &Snapshot, names: &Names, most: usize) -> Vec<PackageRow> {
    let (scripts, sums) = by_script(snapshot, names);
    let mut packages: FxHashMap<String, PackageRow> = FxHashMap::default();
    for (script, (count, shallow)) in scripts.into_iter().zip(sums) {
        let name = script.map_or_else(|| OF_V8.to_owned(), |script| names.package(script));
        let package = packages.entry(name.clone()).or_insert_with(|| PackageRow {
            name,
            count: 0,
            shallow: 0,
            retained: 0,
            modules: Vec::new(),
        });
        package.count += count;
        package.shallow += shallow;
        package.retained += shallow;
        if let Some(script) = script {
            package.modules.push(ModuleRow { file: files::path_of(script), count, shallow });
        }
    }
    let mut rows: Vec<PackageRow> =
        packages.into_values().filter(|package| package.count > 0).collect();
    rows.sort_by(|a, b| b.shallow.cmp(&a.shallow).then_with(|| a.name.cmp(&b.name)));
    rows.truncate(most);
    for row in &mut rows {
        row.modules.sort_by(|a, b| b.shallow.cmp(&a.shallow).then_with(|| a.file.cmp(&b.file)));
        row.modules.truncate(MODULES);
    }
    rows
}

/// Objects and bytes by script; those of no script come first.
fn by_script<'n>(snapshot: &Snapshot, names: &'n Names) -> (Vec<Option<&'n str>>, Vec<(u64, u64)>) {
    let mut known: Vec<Option<u32>> = vec![None; snapshot.node_count()];
    let mut scripts: Vec<Option<&str>> = vec![None];
    let mut of_script: FxHashMap<&str, u32> = FxHashMap::default();
    for (node, _) in snapshot.locations() {
        let Some(script) = names.script(node) else { continue };
        let at = *of_script.entry(script).or_insert_with(|| {
            scripts.push(Some(script));
            (scripts.len() - 1) as u32
        });
        known[node as usize] = Some(at);
        // The variables of a module, which no function retains alone.
        let scope = snapshot
            .follow(node, EdgeKind::Internal, "context")
            .filter(|&scope| snapshot.raw_name(scope).starts_with(b"system / Context"));
        if let Some(scope) = scope {
            known[scope as usize].get_or_insert(at);
        }
    }
    let mut path = Vec::new();
    let mut sums = vec![(0u64, 0u64); scripts.len()];
    for node in snapshot.nodes() {
        let mut at = node;
        let found = loop {
            if let Some(script) = known[at as usize] {
                break script;
            }
            path.push(at);
            let dominator = snapshot.dominator(at);
            if dominator == at {
                break 0;
            }
            at = dominator;
        };
        path.drain(..).for_each(|node| known[node as usize] = Some(found));
        let sum = &mut sums[found as usize];
        *sum = (sum.0 + 1, sum.1 + snapshot.shallow(node));
    }
    (scripts, sums)
}

fn shapes(snapshot: &Snapshot, names: &Names, most: usize) -> Vec<Shape> {
    let mut shapes = duplicated_strings(snapshot, most);
    let (mut zombies, mut zombie_bytes) = (0, 0);
    for node in snapshot.nodes() {
        match snapshot.kind(node) {
            NodeKind::Object if snapshot.raw_name(node) == b"Array" => {
                shapes.extend(sparse_array(snapshot, node));
            }
            NodeKind::Object
                if snapshot.raw_name(node) == b"Timeout" && is_zombie(snapshot, node) =>
            {
                zombies += 1;
                zombie_bytes = snapshot.retained(node).saturating_add(zombie_bytes);
            }
            NodeKind::Closure => shapes.extend(huge_closure(snapshot, node)),
            NodeKind::Hidden | NodeKind::Object if is_detached_context(snapshot, node) => {
                shapes.push(Shape::DetachedContext {
                    id: snapshot.id(node),
                    bytes: snapshot.retained(node),
                });
            }
            _ => {}
        }
    }
    if zombie_bytes >= WORTH {
        shapes.push(Shape::ZombieTimer { count: zombies, bytes: zombie_bytes });
    }
    shapes.sort_by_key(|shape| std::cmp::Reverse(shape.bytes()));
    shapes.truncate(most);
    shapes.iter_mut().for_each(|shape| shape.find(snapshot, names));
    shapes
}

impl Shape {
    /// Says where it is in the program.
    fn find(&mut self, snapshot: &Snapshot, names: &Names) {
        match self {
            Shape::SparseArray { id, name, file, line, .. } => {
                let holders = snapshot.by_id(*id).map(|node| names.holders(&[node], 1));
                if let Some(holder) = holders.and_then(|mut holders| holders.pop()) {
                    (*name, *file, *line) = (holder.name, holder.file, holder.line);
                }
            }
            Shape::HugeClosure { id, file, line, .. } => {
                if let Some(place) = snapshot.by_id(*id).and_then(|node| names.place(node)) {
                    (*file, *line) = (Some(place.file), Some(place.line));
                }
            }
            _ => {}
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Shape::DuplicatedString { bytes, .. }
            | Shape::SparseArray { bytes, .. }
            | Shape::HugeClosure { bytes, .. }
            | Shape::DetachedContext { bytes, .. }
            | Shape::ZombieTimer { bytes, .. } => *bytes,
        }
    }
}

/// Texts that the file cuts off (at 1024 characters) differ by their size.
fn duplicated_strings(snapshot: &Snapshot, most: usize) -> Vec<Shape> {
    let mut copies: FxHashMap<(u32, u64), u64> = FxHashMap::default();
    for node in snapshot.nodes().filter(|&node| snapshot.kind(node) == NodeKind::String) {
        *copies.entry((snapshot.name_index(node), snapshot.shallow(node))).or_default() += 1;
    }
    let mut copies: Vec<(u64, u32, u64)> = copies
        .into_iter()
        .map(|((name, size), count)| ((count - 1) * size, name, count))
        .filter(|&(bytes, _, _)| bytes >= WORTH)
        .collect();
    copies.sort_unstable_by_key(|&(bytes, name, _)| (std::cmp::Reverse(bytes), name));
    copies.truncate(most);
    let shown = |name| snapshot.string(name).chars().take(80).collect();
    copies
        .into_iter()
        .map(|(bytes, name, count)| Shape::DuplicatedString { text: shown(name), count, bytes })
        .collect()
}

/// More than four fifths empty. Small integers have no node: an array of them has no element here, and is left alone.
fn sparse_array(snapshot: &Snapshot, array: Node) -> Option<Shape> {
    // The store's size is the array's by DevTools' rule: what exceeds the object itself.
    let bytes = snapshot.shallow(array);
    let capacity = bytes / 8;
    if bytes < WORTH {
        return None;
    }
    let elements =
        snapshot.edges(array).filter(|edge| edge.kind == EdgeKind::Element).count() as u64;
    let highest = snapshot
        .edges(array)
        .filter(|edge| edge.kind == EdgeKind::Element)
        .filter_map(|edge| match edge.name {
            EdgeName::Index(index) => Some(u64::from(index)),
            EdgeName::String(_) => None,
        })
        .max()?;
    let is_sparse = elements * 5 < capacity && elements * 5 < highest + 1;
    is_sparse.then(|| Shape::SparseArray {
        id: snapshot.id(array),
        name: String::new(),
        file: None,
        line: None,
        elements,
        capacity,
        bytes,
    })
}

fn huge_closure(snapshot: &Snapshot, closure: Node) -> Option<Shape> {
    const HUGE: u64 = 1 << 20;
    let bytes = snapshot.retained(closure);
    let context = snapshot.follow(closure, EdgeKind::Internal, "context")?;
    let is_huge = bytes >= HUGE && snapshot.dominator(context) == closure;
    is_huge.then(|| Shape::HugeClosure {
        id: snapshot.id(closure),
        name: snapshot.name(closure).into_owned(),
        file: None,
        line: None,
        bytes,
    })
}

/// V8 writes how a detached context is called into its name; `--track-detached-contexts` is not needed.
fn is_detached_context(snapshot: &Snapshot, node: Node) -> bool {
    let name = snapshot.raw_name(node);
    name.starts_with(b"Detached ") && memchr::memmem::find(name, b"Context").is_some()
}

/// Out of its list (`_idleNext` is null or leads to itself), with its callback still there.
fn is_zombie(snapshot: &Snapshot, timer: Node) -> bool {
    let property = |name| snapshot.follow(timer, EdgeKind::Property, name);
    let is_listed = property("_idleNext").is_some_and(|next| {
        next != timer && matches!(snapshot.raw_name(next), b"Timeout" | b"TimersList")
    });
    let callback =
        property("_onTimeout").is_some_and(|callback| snapshot.kind(callback) == NodeKind::Closure);
    !is_listed && callback
}
