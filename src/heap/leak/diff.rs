//! Which object of an earlier snapshot is which of a later one.
//!
//! In snapshots that one process took, an odd id is an identity (v8/src/profiler/heap-snapshot-generator.h,
//! `HeapObjectsMap`). A forked child gives ids of its own to whatever its parent had not numbered, in the order of the
//! heap: equal ids then mean nothing. [`Counterparts::find`] sees up to which id equal ids mean equal objects, and matches
//! the rest by names: along two equal paths stand counterparts.

use std::cmp::Ordering;
use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::super::{EdgeKind, EdgeName, Node, NodeKind, Snapshot};

/// Of a class that roots hold one in so many may have come or gone, and the rest be known by their order.
const FEW: usize = 8;

/// No counterpart.
pub(super) const NONE: Node = Node::MAX;

/// For each node of the later snapshot its counterpart in the earlier one, or [`NONE`].
pub(super) struct Counterparts {
    pub earlier: Vec<Node>,
    /// Whether ids told all of it.
    pub by_id: bool,
}

impl Counterparts {
    /// `identities` are those of the later snapshot, by [`by_odd_id`].
    pub fn find(earlier: &Snapshot, later: &Snapshot, identities: &[Node]) -> Self {
        let mut found = vec![NONE; later.node_count()];
        let common = common(earlier, later, identities);
        let agreements = agreements(earlier, later, &common);
        let reliable = reliable_prefix(&agreements);
        for (&(node, counterpart), agreement) in common.iter().zip(&agreements).take(reliable) {
            if *agreement != Agreement::None {
                found[node as usize] = counterpart;
            }
        }
        let by_id = reliable == common.len() && !common.is_empty();
        if !by_id {
            ByName::new(earlier, later, &mut found).run();
        }
        Counterparts { earlier: found, by_id }
    }
}

/// A rope that was flattened and a string are one object.
fn is_same_kind(a: NodeKind, b: NodeKind) -> bool {
    let is_string =
        |kind| matches!(kind, NodeKind::String | NodeKind::ConsString | NodeKind::SlicedString);
    a == b || (is_string(a) && is_string(b))
}

/// How far two objects of one id agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Agreement {
    /// They are different objects.
    None,
    /// They may be one object: the node of a string says less of it once it is a part of a rope.
    Kind,
    /// They have the same kind and name.
    Full,
}

fn agreements(earlier: &Snapshot, later: &Snapshot, common: &[(Node, Node)]) -> Vec<Agreement> {
    // The tables of strings differ: for each string of the later one the last of the earlier one that was found to equal it.
    let mut known = vec![u32::MAX; later.string_count()];
    let mut agreement = |&(node, other): &(Node, Node)| {
        let kind = later.kind(node);
        if !is_same_kind(earlier.kind(other), kind) {
            return Agreement::None;
        }
        let (ours, theirs) = (earlier.name_index(other), later.name_index(node));
        let known = &mut known[theirs as usize];
        if *known == ours || earlier.raw_string(ours) == later.raw_string(theirs) {
            *known = ours;
            Agreement::Full
        } else if matches!(kind, NodeKind::Object | NodeKind::Closure) {
            Agreement::None
        } else {
            Agreement::Kind
        }
    };
    common.iter().map(&mut agreement).collect()
}

/// The nodes with odd ids, by ascending id; of several with one id the last.
pub(super) fn by_odd_id(snapshot: &Snapshot) -> Vec<Node> {
    let is_odd = |node: &Node| snapshot.id(*node) % 2 == 1;
    let odd = snapshot.nodes().filter(is_odd);
    let highest = odd.map(|node| snapshot.id(node)).max().unwrap_or(0) as usize;
    // Where ids are dense, and they are unless most objects of the process have died, a table takes less time than a sort.
    if highest / 2 <= 8 * snapshot.node_count() + 1024 {
        let mut table = vec![NONE; highest / 2 + 1];
        for node in snapshot.nodes().filter(is_odd) {
            table[snapshot.id(node) as usize / 2] = node;
        }
        table.retain(|&node| node != NONE);
        return table;
    }
    let key = |node: Node| u64::from(snapshot.id(node)) << 32 | u64::from(!node);
    let mut keys: Vec<u64> = snapshot.nodes().filter(is_odd).map(key).collect();
    keys.sort_unstable();
    keys.dedup_by_key(|key| *key >> 32);
    keys.into_iter().map(|key| !(key as Node)).collect()
}

/// The pairs (later, earlier) of one odd id, by ascending id.
fn common(earlier: &Snapshot, later: &Snapshot, identities: &[Node]) -> Vec<(Node, Node)> {
    let mut ours = by_odd_id(earlier).into_iter().peekable();
    let pair = |&node: &Node| {
        let id = later.id(node);
        while ours.next_if(|&ours| earlier.id(ours) < id).is_some() {}
        ours.next_if(|&ours| earlier.id(ours) == id).map(|ours| (node, ours))
    };
    identities.iter().filter_map(pair).collect()
}

/// At most about so many objects are compared to find out whether equal ids mean equal objects.
const COMPARED: usize = 8192;

/// A snapshot with its nodes by ascending id.
pub(in crate::heap) struct Numbered<'s> {
    snapshot: &'s Snapshot,
    by_id: Vec<Node>,
}

impl<'s> Numbered<'s> {
    pub fn new(snapshot: &'s Snapshot) -> Self {
        Numbered { snapshot, by_id: by_odd_id(snapshot) }
    }

    /// Whether this snapshot is the earlier one (`Less`) or the later one; `None` where ids do not tell.
    ///
    /// A process assigns ids in ascending order and never twice. So what the later snapshot has below the earlier one's
    /// highest id was alive in the earlier one as well, and some of what the earlier one has has died since. A forked
    /// child that numbers all objects by itself leaves no gaps: then nothing seems to have died, and ids prove nothing.
    pub fn order(&self, other: &Numbered) -> Option<Ordering> {
        let id = |of: &Numbered, at: usize| of.by_id.get(at).map(|&node| of.snapshot.id(node));
        let (mut ours, mut theirs, mut died, mut born) = (0, 0, 0, 0);
        let mut common: Vec<(Node, Node)> = Vec::new();
        while let (Some(one), Some(two)) = (id(self, ours), id(other, theirs)) {
            match one.cmp(&two) {
                Ordering::Less => died += 1,
                Ordering::Greater => born += 1,
                Ordering::Equal => common.push((other.by_id[theirs], self.by_id[ours])),
            }
            ours += usize::from(one <= two);
            theirs += usize::from(two <= one);
        }
        let step = (common.len() / COMPARED).max(1);
        let sample: Vec<(Node, Node)> = common.into_iter().step_by(step).collect();
        let agreements = agreements(self.snapshot, other.snapshot, &sample);
        if reliable_prefix(&agreements) < agreements.len() {
            return None;
        }
        match (died, born) {
            _ if died > FEW_STRAYS * born => Some(Ordering::Less),
            _ if born > FEW_STRAYS * died => Some(Ordering::Greater),
            _ => None,
        }
    }
}

/// An object may leave a snapshot and come back, as one that only V8's compiler held: one among so many that have died.
const FEW_STRAYS: usize = 20;

/// How many of the common ids, from the lowest on, mean the same object.
///
/// Objects of one id that have the same kind and name agree; where ids are identities nearly all do, where they are not,
/// few. The prefix ends where the sum of (agreement - 0.9) is greatest.
fn reliable_prefix(agreements: &[Agreement]) -> usize {
    let (mut sum, mut best, mut prefix) = (0i64, 0, 0);
    for (index, &agreement) in agreements.iter().enumerate() {
        sum += if agreement == Agreement::Full { 1 } else { -9 };
        if sum >= best {
            (best, prefix) = (sum, index + 1);
        }
    }
    // A rope that was flattened, a class that was renamed: a few at the end do not make ids unreliable.
    let strays = 8 + agreements.len() as i64 / 1000;
    if best - sum <= 9 * strays { agreements.len() } else { prefix }
}

/// Walks both graphs in step, breadth first, the program's own objects before V8's roots.
struct ByName<'a> {
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

impl<'a> ByName<'a> {
    fn new(earlier: &'a Snapshot, later: &'a Snapshot, found: &'a mut Vec<Node>) -> Self {
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

    fn run(mut self) {
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

    /// What V8's roots hold (its handles, of sockets say) is numbered by its place in a list, and whatever comes or goes
    /// before it moves it: the rest of each class is paired in the order of the list, if it is about as many.
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

#[cfg(test)]
mod tests {
    use super::super::graphs::{Graph, program};
    use super::*;

    /// How many objects that are the same were found, and how many pairs were of different objects.
    fn right_and_wrong(
        earlier: &Snapshot,
        later: &Snapshot,
        found: &Counterparts,
    ) -> (usize, usize) {
        let pairs = later.nodes().filter(|&node| found.earlier[node as usize] != NONE);
        let is_right =
            |node: &Node| later.raw_name(*node) == earlier.raw_name(found.earlier[*node as usize]);
        let (right, wrong): (Vec<Node>, Vec<Node>) = pairs.partition(is_right);
        (right.len(), wrong.len())
    }

    #[test]
    fn ids_of_one_numbering_are_identities() {
        let (earlier, later) = (program(300).snapshot(), program(600).snapshot());
        let found = Counterparts::find(&earlier, &later, &by_odd_id(&later));
        assert!(found.by_id);
        // Everything but the tables and the entries that went.
        assert_eq!(right_and_wrong(&earlier, &later, &found), (5 + 1000 + 600, 0));
    }

    #[test]
    fn nodes_are_in_the_order_of_their_odd_ids_dense_or_not() {
        for gap in [1, 99_999] {
            let mut graph = Graph::new();
            for id in [7, 3, 4, 9, 3, 1] {
                graph.node("object", "Any", if id > 5 { gap * id } else { id }, 8);
            }
            let snapshot = graph.snapshot();
            // The root has the id 1 as well; of those with one id the last counts.
            assert_eq!(by_odd_id(&snapshot), [6, 5, 1, 4], "{gap}");
        }
    }

    #[test]
    fn ids_of_several_numberings_are_not_believed() {
        let (earlier, later) =
            (program(300).renumbered(1).snapshot(), program(600).renumbered(1).snapshot());
        let found = Counterparts::find(&earlier, &later, &by_odd_id(&later));
        let (right, wrong) = right_and_wrong(&earlier, &later, &found);
        assert!(right >= 5 + 1000 + 600, "{right}");
        assert_eq!(wrong, 0);
    }

    /// Sockets that only V8's list of handles leads to, after others in it.
    fn handles(before: usize, sockets: std::ops::Range<usize>) -> Snapshot {
        let mut graph = program(20);
        let list = graph.node("synthetic", "(Global handles)", 1, 0);
        graph.edge(0, "element", "9", list);
        let others = (0..before).map(|_| (graph.node("object", "Timeout", 1, 32), None));
        let mut all: Vec<_> = others.collect();
        all.extend(sockets.map(|n| (graph.node("object", "TCP", 1, 32), Some(n))));
        for (place, (handle, socket)) in all.into_iter().enumerate() {
            graph.edge(list, "internal", &place.to_string(), handle);
            if let Some(n) = socket {
                let socket = graph.node("native", &format!("Socket {n}"), 1, 512);
                graph.edge(handle, "property", "owner", socket);
            }
        }
        graph.renumbered(1 + 1_000_000 * before as u32).snapshot()
    }

    #[test]
    fn handles_are_known_by_their_order_wherever_in_the_list_they_are() {
        let sockets = |earlier: &Snapshot, later: &Snapshot| {
            let found = Counterparts::find(earlier, later, &by_odd_id(later));
            assert_eq!(right_and_wrong(earlier, later, &found).1, 0);
            let is_socket = |node: &Node| later.raw_name(*node).starts_with(b"Socket");
            later
                .nodes()
                .filter(|node| is_socket(node) && found.earlier[*node as usize] != NONE)
                .count()
        };
        assert_eq!(sockets(&handles(7, 0..3), &handles(3, 0..3)), 3);
        assert_eq!(sockets(&handles(7, 0..3), &handles(12, 0..3)), 3);
        assert_eq!(sockets(&handles(30, 0..16), &handles(3, 0..18)), 16, "two have come");
        assert_eq!(sockets(&handles(30, 0..4), &handles(3, 0..8)), 0, "which four?");
    }

    /// A poller that only what runs at the moment leads to: `way` differs, and the poller's state has no name.
    fn poller(way: &str, class: &str, entries: u32) -> Snapshot {
        let mut graph = program(20);
        let waiting = graph.node("object", way, 500_001, 48);
        graph.edge(0, "shortcut", way, waiting);
        let state = graph.node("object", class, 500_003, 32);
        graph.edge(waiting, "property", way, state);
        let function = graph.function("poll", 500_005, 9);
        graph.edge(state, "internal", "function", function);
        let registers = graph.node("array", "", 500_007, 64);
        graph.edge(state, "internal", "parameters_and_registers", registers);
        let map = graph.node("object", "Map", 500_009, 32);
        graph.edge(registers, "internal", "0", map);
        let table = graph.node("array", "", 500_011, u64::from(entries) * 24);
        graph.edge(map, "internal", "table", table);
        graph.renumbered(1 + 2 * entries).snapshot()
    }

    #[test]
    fn the_only_state_of_a_function_and_the_only_instance_of_a_class_are_known_without_a_path() {
        for class in ["Generator", "Poller"] {
            let (earlier, later) = (poller("Timeout", class, 10), poller("Immediate", class, 20));
            let found = Counterparts::find(&earlier, &later, &by_odd_id(&later));
            let counterpart = |name: &[u8]| {
                let node = later.nodes().find(|&node| later.raw_name(node) == name).unwrap();
                found.earlier[node as usize]
            };
            let state = counterpart(class.as_bytes());
            assert_ne!(state, NONE, "{class}");
            assert_eq!(earlier.raw_name(state), class.as_bytes());
            assert_eq!(counterpart(b"Immediate"), NONE);
        }
    }

    #[test]
    fn ids_that_the_parent_gave_are_believed() {
        let (earlier, mut later) = (program(300).snapshot(), program(300));
        // A child's object that has the id of another child's.
        later.rename(204_647, "Other");
        let later = later.snapshot();
        let found = Counterparts::find(&earlier, &later, &by_odd_id(&later));
        assert_eq!(right_and_wrong(&earlier, &later, &found).1, 0);
    }
}
