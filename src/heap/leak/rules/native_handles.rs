//! Handles: objects of classes that native code made, whose memory lies outside of the heap for the most part. They are
//! all that a snapshot shows of a leak of native memory.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::context::GrowthContext;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::leak::advice;
use crate::heap::leak::causes::{Cause, Detail};
use crate::heap::leak::draft::Draft;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::rule::Rule;
use crate::heap::leak::suspect::Suspect;
use crate::heap::snapshot::Node;

/// Objects of native classes that grow in number.
pub(in crate::heap) struct NativeHandles;

impl Rule for NativeHandles {
    /// What native code alone holds is called as its class.
    fn detail(&self, evidence: &Evidence, draft: &mut Draft) {
        if draft.name.is_empty()
            && draft.cause == Cause::Other
            && let Some(found) = handles(&evidence.context, evidence.sample())
        {
            draft.name = found.class;
            draft.detail = Detail::Open;
        }
    }

    fn advice_by_detail(&self, detail: Detail) -> Option<&'static str> {
        (detail == Detail::Open).then_some(
            "close or terminate each when its owner ends: native code keeps it while it is open",
        )
    }
}

/// Whether handles of native memory hang from what grew; then the advice is about them.
pub(in crate::heap) fn count_handles(evidence: &Evidence, suspect: &mut Suspect) -> bool {
    let sample = evidence.sample();
    let Some(found) = handles(&evidence.context, sample) else { return false };
    let items = suspect.count.unwrap_or(sample.len() as u64);
    suspect.handles = (items * found.percent).div_ceil(100);
    suspect.advice = advice::of_handles(&found.class, suspect.package.as_ref());
    true
}

/// How many items of a holder are looked into, and how many objects of each.
const ITEMS: usize = 256;
const REACH: usize = 256;
/// An item has a handle of its own, or one of so many has: those that all refer to one hold nothing.
const EACH: usize = 4;
/// How far up a handle's class may be extended in JavaScript.
const ANCESTORS: usize = 4;

/// The handles that new items lead to.
struct Handles {
    /// For a hundred items.
    pub percent: u64,
    /// The class of the first of them.
    pub class: String,
}

/// What the items of a holder lead to, where it is handles. They consist of objects that do not survive.
fn handles(context: &GrowthContext, items: &[Node]) -> Option<Handles> {
    let index = context.index;
    let snapshot = index.snapshot;
    // By prototype.
    let mut native: FxHashMap<Node, bool> = FxHashMap::default();
    let mut number = 0;
    let mut class: Option<Node> = None;
    let mut seen: FxHashSet<Node> = FxHashSet::default();
    let mut looked_into = 0;
    // Keys are no items.
    let objects = items.iter().copied().filter(|&item| snapshot.kind(item) == NodeKind::Object);
    let objects: Vec<Node> = objects.collect();
    for item in spread(&objects) {
        // Nor is what an item that was looked into leads to.
        looked_into += usize::from(!seen.contains(&item));
        let mut nodes = vec![item];
        let mut next = 0;
        while let Some(&node) = nodes.get(next) {
            next += 1;
            if !seen.insert(node) {
                continue;
            }
            if snapshot.kind(node) == NodeKind::Object
                && let Some(prototype) = index.property(node, "__proto__")
                && *native.entry(prototype).or_insert_with(|| is_native(index, prototype))
            {
                number += 1;
                class.get_or_insert(node);
            }
            let is_own = |kind| {
                matches!(
                    kind,
                    EdgeKind::Property | EdgeKind::Element | EdgeKind::Internal | EdgeKind::Context
                )
            };
            let own = snapshot.edges(node).filter(|edge| is_own(edge.kind)).map(|edge| edge.to);
            let new = own.filter(|&node| !context.survives(node) && !seen.contains(&node));
            nodes.extend(new.take(REACH.saturating_sub(nodes.len())));
        }
    }
    let class = snapshot.name(class?).into_owned();
    (number * EACH >= looked_into)
        .then_some(Handles { percent: (number * 100 / looked_into.max(1)) as u64, class })
}

/// Some of many, from all parts of the list. Each entry may be so many objects in a row: an even step would meet one of
/// them alone.
fn spread(items: &[Node]) -> impl Iterator<Item = Node> {
    const UNEVEN: usize = 7919;
    let step = items.len().div_ceil(ITEMS).max(1);
    items.chunks(step).enumerate().map(|(at, part)| part[at * UNEVEN % part.len()])
}

/// Whether a prototype's class, or one that it extends, was made by native code: V8 keeps the template of it.
fn is_native(index: &CodeIndex, prototype: Node) -> bool {
    let snapshot = index.snapshot;
    let is_made_from_template = |prototype| {
        index
            .property(prototype, "constructor")
            .and_then(|constructor| index.internal(constructor, "shared"))
            .is_some_and(|shared| {
                snapshot
                    .edges(shared)
                    .any(|edge| snapshot.raw_name(edge.to) == b"system / FunctionTemplateInfo")
            })
    };
    std::iter::successors(Some(prototype), |&node| index.property(node, "__proto__"))
        .take(ANCESTORS)
        .any(is_made_from_template)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::rules::testing::{handles, ids, suspect};

    /// The prototype of a class, which native code made or JavaScript.
    fn prototype(graph: &mut Graph, native: bool) -> usize {
        let prototype = graph.variable("prototype", "Object", 13);
        let constructor = graph.node("closure", "Worker", 15, 64);
        graph.edge(prototype, "property", "constructor", constructor);
        let shared = graph.node("code", "system / SharedFunctionInfo", 17, 0);
        graph.edge(constructor, "internal", "shared", shared);
        if native {
            let template = graph.node("code", "system / FunctionTemplateInfo", 19, 0);
            graph.edge(shared, "internal", "function_data", template);
        }
        prototype
    }

    /// Objects of a class that native code holds; `native`: the class was made by native code.
    fn handles_of(native: bool) -> Graph {
        let mut graph = module();
        let root = graph.node("synthetic", "(Global handles)", 11, 0);
        graph.edge(0, "element", "9", root);
        let prototype = prototype(&mut graph, native);
        for worker in graph.elements(root, "Worker", 1001, 20) {
            graph.edge(worker, "property", "__proto__", prototype);
        }
        graph
    }

    /// Items of the program's; each `every`th has a handle of its own.
    fn items(every: usize, native: bool) -> Graph {
        let mut graph = module();
        let prototype = prototype(&mut graph, native);
        let list = graph.variable("sessions", "Array", 11);
        for (at, item) in graph.elements(list, "Session", 1001, 20).into_iter().enumerate() {
            if at % every == 0 {
                let inner = graph.member(item, "inner", "Object", 1003 + 100 * at as u32);
                let worker = graph.member(inner, "worker", "Worker", 1005 + 100 * at as u32);
                graph.edge(worker, "property", "__proto__", prototype);
            }
        }
        graph
    }

    #[test]
    fn handles_below_the_items_of_a_holder_are_counted() {
        let of = |every, native| handles(&items(every, native), 11, &ids(1001, 20));
        let (number, advice) = of(1, true).unwrap();
        assert_eq!(number, 20);
        assert!(advice.starts_with("close or destroy each Worker"), "{advice}");
        assert_eq!(of(3, true).map(|found| found.0), Some(7));
        assert_eq!(of(5, true), None, "fewer than one of four has a handle");
        assert_eq!(of(1, false), None, "the class is JavaScript's");
    }

    /// A Map's new entries, as Node's snapshots have them: the key, the stream, its handle and the native side of that.
    #[test]
    fn keys_and_the_parts_of_an_item_are_no_items() {
        let mut graph = module();
        let prototype = prototype(&mut graph, true);
        let map = graph.variable("compressors", "Map", 11);
        let table = graph.node("array", "", 21, 800);
        graph.edge(map, "internal", "table", table);
        let mut new = Vec::new();
        for at in 0..200u32 {
            let id = 1001 + 100 * at;
            let key = graph.node("string", &format!("client {at}"), id, 32);
            let stream = graph.node("object", "Gzip", id + 2, 64);
            graph.edge(table, "internal", &(10 + 3 * at).to_string(), key);
            graph.edge(table, "internal", &(11 + 3 * at).to_string(), stream);
            let handle = graph.member(stream, "_handle", "Worker", id + 4);
            graph.edge(handle, "property", "__proto__", prototype);
            let natives = ["Node / ZlibStream", "Node / ZlibContext", "Node / zlib_memory"];
            let natives = [6, 8, 10].map(|part| id + part).into_iter().zip(natives);
            for (id, name) in natives.clone() {
                let native = graph.node("native", name, id, 400);
                graph.edge(handle, "internal", "javascript_to_native", native);
            }
            new.extend([id, id + 2, id + 4].into_iter().chain(natives.map(|native| native.0)));
        }
        assert!(handles(&graph, 11, &new).is_some());
    }

    #[test]
    fn items_of_all_parts_and_places_of_a_long_list_are_looked_into() {
        let items: Vec<Node> = (0..4 * ITEMS as Node).collect();
        let seen: Vec<Node> = spread(&items).collect();
        assert_eq!(seen.len(), ITEMS);
        assert!((0..).zip(&seen).all(|(part, item)| item / 4 == part), "one of each part");
        for place in 0..4 {
            let share = seen.iter().filter(|item| *item % 4 == place).count();
            assert_eq!(share, ITEMS / 4, "{place}");
        }
        assert_eq!(spread(&items[..ITEMS]).collect::<Vec<_>>(), items[..ITEMS]);
        assert_eq!(spread(&[]).count(), 0);
    }

    #[test]
    fn a_handle_that_items_share_is_none_of_theirs() {
        for is_old in [true, false] {
            let mut graph = module();
            let prototype = prototype(&mut graph, true);
            let list = graph.variable("sessions", "Array", 11);
            let worker = graph.node("object", "Worker", 31, 32);
            graph.edge(worker, "property", "__proto__", prototype);
            for item in graph.elements(list, "Session", 1001, 20) {
                graph.edge(item, "property", "worker", worker);
            }
            if is_old {
                graph.edge(2, "context", "worker", worker);
            }
            assert_eq!(handles(&graph, 11, &ids(1001, 20)), None, "{is_old}");
        }
    }

    #[test]
    fn what_native_code_alone_holds_is_called_as_its_class() {
        let suspect = suspect(&handles_of(true), 11, &ids(1001, 20)).unwrap();
        assert_eq!((suspect.cause, suspect.name.as_str()), (Cause::Other, "Worker"));
        assert!(suspect.advice.starts_with("close or terminate each"));
    }

    #[test]
    fn objects_of_javascripts_classes_below_a_root_are_no_handles() {
        assert!(suspect(&handles_of(false), 11, &ids(1001, 20)).is_none());
    }
}
