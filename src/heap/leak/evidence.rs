//! A growth with what is known about it before its cause is.

use std::cell::OnceCell;

use crate::heap::compare::growth::Growth;
use crate::heap::compare::replaced;
use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::context::GrowthContext;
use crate::heap::explain::modules::{self, Loading};
use crate::heap::explain::route::{self, RouteStep};
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::leak::causes::Cause;
use crate::heap::leak::composition::{Composition, container};
use crate::heap::snapshot::{EdgeName, Node, Snapshot};

/// What the rules look at.
pub(in crate::heap) struct Evidence<'e> {
    pub context: GrowthContext<'e>,
    pub growth: &'e Growth,
    /// From the module or root down to what grew; empty for a root.
    pub steps: Vec<RouteStep>,
    /// How modules were loaded, where most of what is new are modules.
    pub loading: Option<Loading>,
    contents: OnceCell<Contents>,
}

/// What the thing and its new objects are.
pub(in crate::heap) struct Contents {
    pub composition: Composition,
    /// What the thing itself is.
    pub container: Cause,
    /// The same, where it is a collection.
    pub collection: Option<Cause>,
    /// Whether functions retain most of it by their scopes.
    pub in_scopes: bool,
}

impl<'e> Evidence<'e> {
    pub fn new(context: GrowthContext<'e>, growth: &'e Growth) -> Self {
        let loading = modules::loading(&context, &growth.sample);
        let is_root = context.snapshot().kind(growth.thing) == NodeKind::Synthetic;
        let needs_way = !is_root && loading != Some(Loading::Once);
        let steps = if needs_way { way(&context, growth) } else { Vec::new() };
        Evidence { context, growth, steps, loading, contents: OnceCell::new() }
    }

    pub fn index(&self) -> &'e CodeIndex<'e> {
        self.context.index
    }

    pub fn snapshot(&self) -> &'e Snapshot {
        self.context.snapshot()
    }

    /// Whether one of V8's roots grew.
    pub fn is_root(&self) -> bool {
        self.snapshot().kind(self.thing()) == NodeKind::Synthetic
    }

    pub fn thing(&self) -> Node {
        self.growth.thing
    }

    /// The objects that are new, or some of them.
    pub fn sample(&self) -> &'e [Node] {
        &self.growth.sample
    }

    /// The kind and the name of a reference on the way; none for a number.
    pub fn reference(&self, at: usize) -> Option<(EdgeKind, &'e [u8])> {
        let edge = &self.steps.get(at)?.edge;
        match edge.name {
            EdgeName::String(name) => Some((edge.kind, self.snapshot().raw_string(name))),
            EdgeName::Index(_) => None,
        }
    }

    /// How many references lead from this one on the way to the thing, with it.
    pub fn remaining(&self, at: usize) -> usize {
        self.steps.len() - at
    }

    pub fn contents(&self) -> &Contents {
        self.contents.get_or_init(|| {
            let composition = Composition::of(&self.context, self.thing(), self.sample());
            let container = container(self.index(), self.thing());
            let is_collection = replaced::is_collection(self.snapshot(), self.thing());
            let collection = Some(container).filter(|_| is_collection);
            // Where functions keep little beside themselves, their table is what grows.
            let in_scopes = composition.is_most(composition.contexts)
                && (collection.is_none()
                    || composition.is_most(composition.resolvers)
                    || composition.variables > composition.bytes / 3 * 2);
            Contents { composition, container, collection, in_scopes }
        })
    }
}

/// The route to what grew; to the head where it is a link of a chain.
fn way(context: &GrowthContext, growth: &Growth) -> Vec<RouteStep> {
    let snapshot = context.snapshot();
    let class = |node| (snapshot.kind(node), snapshot.name_index(node));
    let is_link = growth.slot.holder != growth.thing
        && (class(growth.slot.holder) == class(growth.thing)
            || snapshot.raw_name(growth.thing) == b"Timeout")
        && !replaced::is_collection(snapshot, growth.thing);
    match is_link.then(|| route::chain_head(context, growth.thing)).flatten() {
        Some(head) => {
            let mut steps = route::route(context, head.from);
            steps.push(head);
            steps
        }
        None => route::before_chain(context.index, route::route(context, growth.thing)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::compare::owners::Slot;
    use crate::heap::compare::survivors::Survivors;
    use crate::heap::graphs::module;

    /// The class at which the way to the end of three objects leaves what is no link, if the first is of one class and
    /// the others are of another. What grew hangs from the first.
    fn leaves(first: &str, others: &str) -> String {
        let mut graph = module();
        let queue = graph.variable("queue", "Queue", 11);
        let mut last = graph.member(queue, "first", first, 13);
        for id in [15, 17] {
            last = graph.member(last, "next", others, id);
        }
        if others == "Array" {
            graph.elements(last, "Item", 1001, 20);
        }
        let snapshot = graph.snapshot();
        snapshot.index_retainers();
        let index = CodeIndex::new(&snapshot);
        let all = vec![true; snapshot.node_count()];
        let context = GrowthContext { index: &index, survivors: Survivors::Marked(&all) };
        let node = |id| snapshot.by_id(id).unwrap();
        let slot = Slot { holder: node(13), name: None };
        let growth = Growth { slot, ..Growth::of_one(node(17), 1000, vec![node(17)]) };
        let steps = Evidence::new(context, &growth).steps;
        snapshot.name(steps.last().unwrap().from).into_owned()
    }

    #[test]
    fn the_way_to_a_link_of_a_chain_ends_at_what_has_the_chain() {
        assert_eq!(leaves("Link", "Link"), "Queue");
        assert_eq!(leaves("TimersList", "Timeout"), "TimersList", "Node links timers");
        assert_eq!(leaves("Owner", "Link"), "Link", "it hangs from another class");
        assert_eq!(leaves("Array", "Array"), "Array", "a collection is no link");
    }
}
