//! What grows at each of many places, and is one growth: a recursive structure, many small lists, tables that one
//! object has by key.

use rustc_hash::FxHashMap;

use crate::heap::compare::growth::{Growth, total};
use crate::heap::compare::ids::NONE;
use crate::heap::compare::owners::Slot;
use crate::heap::compare::pace::{NOISE, rises};
use crate::heap::compare::series::Series;
use crate::heap::compare::stores::{is_system, owner_of_store};
use crate::heap::compare::{entries, replaced};
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::snapshot::{Node, Snapshot};

/// At fewer places what grew is not scattered; each has its noise.
const PLACES: u64 = 8;
/// The nodes of so many recursive structures are counted at most: those that have their share of all.
const MOST_COUNTED: u64 = 100;
/// How far up from a place that object may be: trees count once.
const LEVELS: usize = 4;

impl Series<'_> {
    /// Joins what grew below many nodes of one recursive structure, a search tree for example: it is the growth of the
    /// structure's root, however much of it is below one node.
    pub fn join_trees(&self, growths: Vec<Growth>) -> Vec<Growth> {
        let mut roots: FxHashMap<Node, Node> = FxHashMap::default();
        let mut by_root: FxHashMap<Node, Vec<Growth>> = FxHashMap::default();
        let mut joined = Vec::new();
        let least = total(&growths) / MOST_COUNTED;
        for growth in growths {
            match self.root_of_nodes(growth.slot.holder, &mut roots) {
                Some(root) => by_root.entry(root).or_default().push(growth),
                None => joined.push(growth),
            }
        }
        for (root, mut growths) in by_root {
            let largest = growths.iter().map(Growth::grown).max().unwrap_or(0);
            let mut holders: Vec<Node> = growths.iter().map(|growth| growth.slot.holder).collect();
            holders.sort_unstable();
            holders.dedup();
            // A node that has most of it is named by itself.
            if (holders.len() as u64) < PLACES || largest > total(&growths) / 2 {
                joined.extend(growths);
                continue;
            }
            growths.sort_by(Growth::order);
            let mut all = self.joined(root, growths.clone());
            if rises(self, &all) {
                let roots = self.before(root).into_iter().chain([root]);
                let nodes = |(snapshot, root)| nodes_below(snapshot, root);
                // It passes over all nodes.
                if all.grown() >= least {
                    all.objects = self.snapshots.iter().zip(roots).map(nodes).collect();
                }
                joined.push(all);
            } else {
                joined.extend(growths);
            }
        }
        joined
    }

    /// The root of the recursive structure that a node is in; none of a collection, whose entries are no nodes.
    fn root_of_nodes(&self, node: Node, roots: &mut FxHashMap<Node, Node>) -> Option<Node> {
        let last = self.last();
        if last.kind(node) != NodeKind::Object || replaced::is_collection(last, node) {
            return None;
        }
        let mut way = Vec::new();
        let mut at = node;
        let root = loop {
            if let Some(&root) = roots.get(&at) {
                break root;
            }
            way.push(at);
            match self.parent(at).filter(|&parent| self.is_alike(parent, at)) {
                Some(parent) => at = parent,
                None => break at,
            }
        };
        roots.extend(way.into_iter().map(|node| (node, root)));
        Some(root)
    }

    /// What grows by little at each of many places: a tree at its leaves and wherever it is rebalanced, the lists of
    /// many users. It is the growth of the lowest object that has enough of them: the tree's root, the table of the
    /// users.
    pub fn scattered(&self, mut level: Vec<Growth>) -> Vec<Growth> {
        let mut found = Vec::new();
        level.retain(|growth| !is_system(self.last(), growth.thing));
        // First by place, for an object may have several variables that grew.
        for at in 0..=LEVELS {
            let mut by_root: FxHashMap<Node, Vec<Growth>> = FxHashMap::default();
            for growth in level.drain(..) {
                let holder = growth.slot.holder;
                let root = if at == 0 { holder } else { self.root_of_tree(holder) };
                by_root.entry(root).or_default().push(growth);
            }
            for (root, growths) in by_root {
                let mut all = self.joined(root, growths);
                if at == 0 {
                    all.places = 1;
                }
                if all.places >= PLACES && all.grown() >= PLACES * NOISE && rises(self, &all) {
                    found.push(all);
                } else if at == 0 {
                    level.push(all);
                } else if let Some(parent) = self.parent(root) {
                    all.slot.holder = parent;
                    level.push(all);
                }
            }
        }
        found
    }

    /// One growth, which is its holder's.
    fn joined(&self, holder: Node, growths: Vec<Growth>) -> Growth {
        let mut all = Growth::new(Slot { holder, name: None }, self.snapshots.len());
        all.slots.clear();
        all.places = growths.iter().map(|growth| growth.places).sum();
        growths.into_iter().for_each(|growth| all.add(growth));
        all
    }

    /// Joins the tables that one object has by key (`byDay[day][hour]`): those that hold objects of one shape.
    pub fn join_tables(&self, growths: Vec<Growth>) -> Vec<Growth> {
        let mut by_shape: FxHashMap<Node, Vec<Growth>> = FxHashMap::default();
        for growth in growths {
            by_shape.entry(self.shape(&growth)).or_default().push(growth);
        }
        let mut joined = by_shape.remove(&NONE).unwrap_or_default();
        for tables in by_shape.into_values() {
            let mut places: FxHashMap<Node, u64> = FxHashMap::default();
            for table in &tables {
                for node in self.above(table) {
                    *places.entry(node).or_default() += table.places;
                }
            }
            // The lowest that has the most of them.
            let size = |node| std::cmp::Reverse((self.last().retained(node), node));
            let root = places.into_iter().max_by_key(|&(node, places)| (places, size(node)));
            let Some((root, PLACES..)) = root else {
                joined.extend(tables);
                continue;
            };
            let mut within = Vec::new();
            for mut table in tables {
                if !self.above(&table).contains(&root) {
                    joined.push(table);
                    continue;
                }
                if table.places == 1 {
                    table.objects = self.entries(table.thing);
                }
                within.push(table);
            }
            joined.push(self.joined(root, within));
        }
        joined
    }

    /// What may have a table by key, the lowest first; what many have made grow counts as well.
    fn above(&self, table: &Growth) -> Vec<Node> {
        let itself = Some(table.thing).filter(|_| table.places > 1);
        let first = itself.or_else(|| self.parent(table.thing));
        // An instance has its tables by field, and each is known by its declaration.
        let is_plain =
            |&at: &Node| matches!(self.last().raw_name(at), b"Object" | b"Array" | b"Map");
        let above = std::iter::successors(first, |&at| self.parent(at));
        above.take_while(is_plain).take(LEVELS).collect()
    }

    /// How many entries a table has, by snapshot.
    fn entries(&self, table: Node) -> Vec<u64> {
        let same = self.before(table).into_iter().chain([table]);
        let count =
            |(snapshot, node)| if node == NONE { 0 } else { entries::count(snapshot, node) };
        self.snapshots.iter().zip(same).map(count).collect()
    }

    /// The shape of the objects that a table holds.
    fn shape(&self, table: &Growth) -> Node {
        let last = self.last();
        let is_table = table.places > 1 || replaced::is_collection(last, table.thing);
        let mut items = self.items(table.sample.clone()).into_iter().filter(|_| is_table);
        let item = items.find(|&item| last.kind(item) == NodeKind::Object);
        item.and_then(|item| last.follow(item, EdgeKind::Internal, "map")).unwrap_or(NONE)
    }

    /// The object of the program that dominates another.
    fn parent(&self, node: Node) -> Option<Node> {
        let last = self.last();
        let parent = owner_of_store(last, last.dominator(node));
        let is_object = last.kind(parent) == NodeKind::Object
            && !last.raw_name(parent).starts_with(b"system / ");
        (is_object && parent != node && self.is_old(parent)).then_some(parent)
    }

    /// The uppermost, within reach, of the objects of one class, or made alike, that dominate one another down to this
    /// one.
    fn root_of_tree(&self, node: Node) -> Node {
        const DEEPEST: usize = 64;
        let above = |&at: &Node| self.parent(at).filter(|&parent| self.is_alike(parent, node));
        std::iter::successors(Some(node), above).take(DEEPEST).last().unwrap_or(node)
    }

    /// Whether two objects are of one class; plain ones, whether they are made alike.
    fn is_alike(&self, one: Node, other: Node) -> bool {
        class(self.last(), one) == class(self.last(), other)
    }
}

/// The class of an object: its name and, of a plain one, what it is made like.
fn class(snapshot: &Snapshot, node: Node) -> (u32, Option<Node>) {
    let is_plain = snapshot.raw_name(node) == b"Object";
    let map = || snapshot.follow(node, EdgeKind::Internal, "map").unwrap_or(NONE);
    (snapshot.name_index(node), is_plain.then(map))
}

/// How many nodes a recursive structure has below its root.
fn nodes_below(snapshot: &Snapshot, root: Node) -> u64 {
    if root == NONE {
        return 0;
    }
    let (kind, class_of_root) = (snapshot.kind(root), class(snapshot, root));
    let mut is_below: Vec<Option<bool>> = vec![None; snapshot.node_count()];
    is_below[root as usize] = Some(true);
    let mut way = Vec::new();
    let mut count = 0;
    for node in snapshot.nodes() {
        if snapshot.kind(node) != kind || class(snapshot, node) != class_of_root {
            continue;
        }
        let mut at = node;
        let found = loop {
            if let Some(found) = is_below[at as usize] {
                break found;
            }
            way.push(at);
            let above = snapshot.dominator(at);
            if above == at {
                break false;
            }
            at = above;
        };
        way.drain(..).for_each(|node| is_below[node as usize] = Some(found));
        count += u64::from(found);
    }
    count
}
