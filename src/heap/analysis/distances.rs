//! Distances from the program's own roots, by DevTools' rules (HeapSnapshot.ts:
//! calculateDistances): breadth first from what is not V8's, then from the root for the rest.

use rustc_hash::FxHashSet;

use crate::heap::analysis::shallow::is_user_root;
use crate::heap::analysis::weak_map::WeakMapEntries;
use crate::heap::graph::columns::Columns;
use crate::heap::graph::kind::{EdgeKind, NodeKind};

/// Nothing but weak edges leads there.
pub(in crate::heap) const NONE: i32 = -5;
/// Where the distances of what only V8 holds begin.
const SYSTEM: i32 = 100_000_000;

/// A distance for each node.
pub(in crate::heap) fn distances(columns: &Columns, entries: &WeakMapEntries) -> Vec<i32> {
    let root = columns.root as usize;
    let mut walk = Walk {
        columns,
        entries,
        distances: vec![NONE; columns.node_count()],
        queue: Vec::new(),
        pending: FxHashSet::default(),
    };
    for target in columns.targets_of(root) {
        let node = target.node();
        if is_user_root(columns, node) && walk.distances[node] == NONE {
            walk.distances[node] = 1;
            walk.queue.push(node as u32);
        }
    }
    let system = if walk.queue.is_empty() { 0 } else { SYSTEM };
    walk.run();
    walk.distances[root] = system;
    walk.queue.clear();
    walk.queue.push(root as u32);
    walk.run();
    walk.distances
}

struct Walk<'a> {
    columns: &'a Columns,
    entries: &'a WeakMapEntries,
    distances: Vec<i32>,
    queue: Vec<u32>,
    /// WeakMap entries of which one side was met: the value is as far as the farther of both.
    pending: FxHashSet<u32>,
}

impl Walk<'_> {
    fn run(&mut self) {
        let mut next = 0;
        while let Some(&node) = self.queue.get(next) {
            next += 1;
            let node = node as usize;
            let distance = self.distances[node] + 1;
            let special = Special::of(self.columns, node);
            for edge in self.columns.edge_range(node) {
                let target = self.columns.targets[edge];
                let to = target.node();
                if self.distances[to] != NONE
                    || target.is_weak()
                    || self.is_skipped(&special, edge, target.kind())
                {
                    continue;
                }
                self.distances[to] = distance;
                self.queue.push(to as u32);
            }
        }
    }

    fn is_skipped(&mut self, special: &Special, edge: usize, kind: EdgeKind) -> bool {
        let name = self.columns.edge_names.get(edge);
        match special {
            Special::NativeContext
                if !kind.is_indexed()
                    && self.columns.strings.raw(name) == b"sloppy_function_map" =>
            {
                return true;
            }
            // Maps share descriptor arrays, and one map's keys are not another's.
            Special::Descriptors => {
                let index = match kind.is_indexed() {
                    true => Some(u64::from(name)),
                    false => leading_integer(&self.columns.strings.get(name)),
                };
                return index.is_some_and(|index| index >= 2 && index % 3 == 1);
            }
            _ => {}
        }
        if !matches!(kind, EdgeKind::Internal | EdgeKind::Ephemeron) {
            return false;
        }
        match self.entries.get(&name) {
            Some(entry) if !self.pending.remove(&entry.pair) => self.pending.insert(entry.pair),
            _ => false,
        }
    }
}

/// Nodes some of whose edges lead where no program goes.
enum Special {
    No,
    NativeContext,
    Descriptors,
}

impl Special {
    fn of(columns: &Columns, node: usize) -> Self {
        let name = || columns.strings.raw(columns.names[node]);
        match columns.kinds[node] {
            NodeKind::Hidden if name() == b"system / NativeContext" => Special::NativeContext,
            NodeKind::Array if name() == b"(map descriptors)" => Special::Descriptors,
            _ => Special::No,
        }
    }
}

/// What parseInt makes of a name.
fn leading_integer(name: &str) -> Option<u64> {
    let name = name.trim_start();
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    name[..digits].parse().ok()
}
