//! What is suspicious in one snapshot: the largest collections, by what holds them. Nothing shows that they grow.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::heap::compare::entries;
use crate::heap::compare::growth::Growth;
use crate::heap::compare::stores::{is_store, owner_of_store};
use crate::heap::compare::survivors::{Survivors, is_within};
use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::context::GrowthContext;
use crate::heap::graph::bits::Bits;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::heaviest::{Heavy, heaviest};
use crate::heap::leak::causes::Unit;
use crate::heap::leak::count::Count;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::handles;
use crate::heap::leak::naming::{MAX_GROWTHS, suspect};
use crate::heap::leak::suspect::Suspect;
use crate::heap::snapshot::{Edge, Node, Snapshot};
use crate::js_source::files;

/// A collection of fewer items is not worth a suspicion.
const MANY: usize = 16;
/// The bytes below which nothing is one, and the share of the heap: a fiftieth.
const LEAST: u64 = 64 << 10;
const LEAST_SHARE: u64 = 50;
/// How many items of a collection are looked at.
const SAMPLE: usize = 2048;

/// The suspects of a snapshot, those that retain most first.
pub(in crate::heap) fn suspects(snapshot: &Snapshot, most: usize) -> Vec<Suspect> {
    let index = CodeIndex::new(snapshot);
    let least = (snapshot.retained(snapshot.root()) / LEAST_SHARE).max(LEAST);
    let mut heavy = heaviest(snapshot, least);
    heavy.truncate(MAX_GROWTHS);
    let mut items = items(snapshot, &heavy);
    let mut found: Vec<(Node, Suspect)> = Vec::new();
    for Heavy { node, heads_chain } in heavy {
        if found.len() == most {
            break;
        }
        let direct = items.remove(&node).unwrap_or_default();
        let items = waits(snapshot, node).unwrap_or(direct);
        let is_collection = items.count >= MANY && !is_code(snapshot, &items.sample);
        if !(is_collection || heads_chain || is_bulk(snapshot, node))
            || is_data_of_module(&index, node)
            || found.iter().any(|(outer, _)| is_within(snapshot, node, *outer))
        {
            continue;
        }
        let entries = entries::count(snapshot, node);
        let count = if heads_chain {
            Count {
                number: entries::links(snapshot, node, Survivors::None),
                unit: Some(Unit::Links),
            }
        } else if entries >= MANY as u64 {
            Count { number: Some(entries), unit: None }
        } else {
            let links = links(snapshot, node, items.count as u64);
            let unit = if links.is_some() { Unit::Links } else { Unit::Objects };
            Count { number: links.or(Some(items.count as u64)), unit: Some(unit) }
        };
        let growth = Growth::of_one(node, snapshot.retained(node), items.sample);
        let context =
            GrowthContext { index: &index, survivors: Survivors::Outside(snapshot, node) };
        let mut evidence = Evidence::new(context, &growth);
        let Some(mut suspect) = suspect(&mut evidence, count) else { continue };
        // What is large may be one field of a cache.
        if let Some(cache) = &suspect.cache {
            let bytes = snapshot.retained(cache.node).max(suspect.weight);
            suspect.weight = bytes;
            suspect.measure(vec![bytes]);
        }
        // What Node itself keeps (its module cache, its tables) is no leak of the program's.
        let is_own = suspect.file.as_deref().is_some_and(|file| !files::is_internal(file));
        let is_new = !found.iter().any(|(_, known)| known.is_same(&suspect));
        if is_own && is_new && !suspect.name.is_empty() {
            found.push((node, suspect));
        }
    }
    let mut suspects: Vec<Suspect> = found.into_iter().map(|(_, suspect)| suspect).collect();
    for suspect in handles::suspects(&index, MANY, least) {
        let is_own = suspect.file.as_deref().is_some_and(|file| !files::is_internal(file));
        if is_own && !suspects.iter().any(|known| known.is_same(&suspect)) {
            suspects.push(suspect);
        }
    }
    // The other end of what a program keeps open is no reason by itself.
    suspects.sort_by_key(|each| (each.is_other_end, std::cmp::Reverse(each.weight)));
    suspects.truncate(most);
    suspects
}

/// What hangs from an object, its stores seen through.
#[derive(Default)]
struct Items {
    count: usize,
    sample: Vec<Node>,
}

impl Items {
    fn add(&mut self, node: Node) {
        self.count += 1;
        if self.sample.len() < SAMPLE {
            self.sample.push(node);
        }
    }
}

fn items(snapshot: &Snapshot, heavy: &[Heavy]) -> FxHashMap<Node, Items> {
    let mut items: FxHashMap<Node, Items> = FxHashMap::default();
    let mut is_heavy = Bits::new(snapshot.node_count());
    heavy.iter().for_each(|heavy| is_heavy.set(heavy.node as usize));
    let is_item = |kind| {
        !matches!(
            kind,
            NodeKind::Array
                | NodeKind::Code
                | NodeKind::ObjectShape
                | NodeKind::Synthetic
                | NodeKind::Number
                | NodeKind::Symbol
        )
    };
    for node in snapshot.nodes().filter(|&node| is_item(snapshot.kind(node))) {
        let above = owner_of_store(snapshot, snapshot.dominator(node));
        if is_heavy.has(above as usize) && above != node && !is_store(snapshot, node) {
            items.entry(above).or_default().add(node);
        }
    }
    items
}

/// The links of a list that has two ends, and dominates each: what nearly all of its items are.
fn links(snapshot: &Snapshot, list: Node, items: u64) -> Option<u64> {
    let members = snapshot.edges(list).filter(|edge| edge.kind == EdgeKind::Property);
    let links =
        members.filter_map(|edge| entries::links(snapshot, edge.to, Survivors::None)).max()?;
    (links >= (items / 10 * 9).max(MANY as u64)).then_some(links)
}

/// What waits for a promise: a chain of V8's own objects.
fn waits(snapshot: &Snapshot, promise: Node) -> Option<Items> {
    let next = |node| {
        let is_reaction = |edge: &Edge| {
            matches!(edge.kind, EdgeKind::Internal | EdgeKind::Hidden)
                && snapshot.raw_name(edge.to) == b"system / PromiseReaction"
        };
        snapshot.edges(node).find(is_reaction).map(|edge| edge.to)
    };
    let mut waits = Items::default();
    // A damaged file may have a ring of them.
    let mut seen = FxHashSet::default();
    let mut reaction = Some(next(promise)?);
    while let Some(node) = reaction.filter(|&node| seen.insert(node)) {
        waits.add(node);
        reaction = next(node);
    }
    Some(waits)
}

/// Functions of which each is written elsewhere are a program's code: a namespace, a prototype, a table of handlers.
fn is_code(snapshot: &Snapshot, items: &[Node]) -> bool {
    let places: Vec<_> = items
        .iter()
        .filter(|&&node| snapshot.kind(node) == NodeKind::Closure)
        .filter_map(|&node| snapshot.location(node))
        .map(|location| (location.script_id, location.line, location.column))
        .collect();
    let different: FxHashSet<_> = places.iter().collect();
    places.len() * 2 > items.len() && different.len() * 2 > places.len()
}

/// Whether a module that only contains data exports it, or what it is a part of: such a table is loaded once and is
/// constant.
fn is_data_of_module(index: &CodeIndex, node: Node) -> bool {
    const REACH: usize = 16;
    let snapshot = index.snapshot;
    let is_export = |at: &Node| {
        let holders = snapshot.retainers(*at).take(REACH).filter(|holder| {
            snapshot.raw_name(holder.from) == b"Module"
                && snapshot.edge_name(&holder.edge) == "exports"
        });
        holders
            .filter_map(|holder| index.text(index.property(holder.from, "filename")?))
            .any(|file| file.ends_with(".json"))
    };
    let above = std::iter::successors(Some(node), |&at| {
        Some(owner_of_store(snapshot, snapshot.dominator(at)))
    });
    above.take(REACH).any(|at| is_export(&at))
}

/// One large thing: a string, a buffer.
fn is_bulk(snapshot: &Snapshot, node: Node) -> bool {
    snapshot.kind(node) != NodeKind::Object
        || snapshot.shallow(node) > snapshot.retained(node) / 2
        || snapshot.edges(node).any(|edge| {
            snapshot.kind(edge.to) == NodeKind::Native
                && snapshot.retained(edge.to) > snapshot.retained(node) / 2
        })
}
