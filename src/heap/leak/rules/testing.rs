//! What the rules say of a small heap.

use crate::heap::compare::growth::Growth;
use crate::heap::compare::survivors::{Survivors, is_within};
use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::context::GrowthContext;
use crate::heap::graphs::Graph;
use crate::heap::leak::causes::Unit;
use crate::heap::leak::count::Count;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::finding::Finding;
use crate::heap::leak::naming;
use crate::heap::leak::rules::{find, native_handles};
use crate::heap::leak::suspect::Suspect;
use crate::heap::snapshot::Node;

/// Runs `ask` on the growth of the object `thing` by the objects `new` and what they retain.
pub(in crate::heap::leak) fn of_growth<T>(
    graph: &Graph,
    thing: u32,
    new: &[u32],
    ask: impl Fn(&mut Evidence) -> T,
) -> T {
    let snapshot = graph.snapshot();
    snapshot.index_retainers();
    let node = |&id: &u32| snapshot.by_id(id).unwrap();
    let sample: Vec<Node> = new.iter().map(node).collect();
    let is_new = |at: Node| sample.iter().any(|&top| is_within(&snapshot, at, top));
    let marked: Vec<bool> = snapshot.nodes().map(|at| !is_new(at)).collect();
    let index = CodeIndex::new(&snapshot);
    let context = GrowthContext { index: &index, survivors: Survivors::Marked(&marked) };
    let growth = Growth::of_one(node(&thing), 1000, sample.clone());
    ask(&mut Evidence::new(context, &growth))
}

pub(super) fn finding(graph: &Graph, thing: u32, new: &[u32]) -> Finding {
    of_growth(graph, thing, new, |evidence| find(evidence))
}

pub(in crate::heap::leak) fn suspect(graph: &Graph, thing: u32, new: &[u32]) -> Option<Suspect> {
    counted(graph, thing, new, None)
}

/// A suspect that gained as many as are new, of this unit.
pub(super) fn counted(
    graph: &Graph,
    thing: u32,
    new: &[u32],
    unit: Option<Unit>,
) -> Option<Suspect> {
    let count = || Count { number: Some(new.len() as u64), unit };
    of_growth(graph, thing, new, |evidence| naming::suspect(evidence, count()))
}

/// How many handles of native memory a holder has, and the advice about them.
pub(super) fn handles(graph: &Graph, thing: u32, new: &[u32]) -> Option<(u64, String)> {
    of_growth(graph, thing, new, |evidence| {
        let count = Count { number: Some(new.len() as u64), unit: None };
        let mut suspect = naming::suspect(evidence, count)?;
        native_handles::count_handles(evidence, &mut suspect)
            .then_some((suspect.handles, suspect.advice))
    })
}

/// Whether a rule finds that Node bounds the growth.
pub(super) fn is_bounded(graph: &Graph, thing: u32, new: &[u32]) -> Option<bool> {
    of_growth(graph, thing, new, |evidence| {
        let count = Count { number: None, unit: None };
        let suspect = naming::suspect(evidence, count)?;
        Some(super::RULES.iter().any(|rule| rule.is_bounded(evidence, &suspect)))
    })
}

/// The ids of `Graph::elements`.
pub(in crate::heap::leak) fn ids(first: u32, count: u32) -> Vec<u32> {
    (0..count).map(|at| first + 100 * at).collect()
}
