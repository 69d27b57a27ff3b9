//! The variables of blocks. V8 names those of functions alone (v8/src/profiler/heap-snapshot-generator.cc,
//! ExtractContextReferences): what the context of a block (`{ const cache = new Map(); ... }`) refers to is numbered. The
//! context's ScopeInfo lists all names in the order of the numbers, which small integers do not take part in.

use super::super::{Edge, EdgeKind, EdgeName, Node, NodeKind};
use super::scene::Scene;

/// Whether it is the context of a block with variables.
pub(super) fn is_block(scene: &Scene, context: Node) -> bool {
    let is_named = |edge: Edge| edge.kind == EdgeKind::Context;
    scene.is_context(context)
        && !scene.snapshot.edges(context).any(is_named)
        && !names(scene, context).is_empty()
}

/// The variable that a numbered reference of a block's context is; none where the names before it leave a doubt.
pub(super) fn variable(scene: &Scene, context: Node, edge: &Edge) -> Option<String> {
    let slot = number(edge).filter(|_| is_block(scene, context))?;
    let names = names(scene, context);
    let references = scene.snapshot.edges(context).filter_map(|edge| number(&edge)).max()? + 1;
    // So many variables are no references, and all of them may stand before this one.
    let integers = names.len().checked_sub(references)?;
    let candidates = names.get(slot..=slot + integers)?;
    let mut fitting = candidates.iter().filter(|name| match candidates {
        [_] => true,
        _ => !is_number(scene, context, name),
    });
    fitting.next().filter(|_| fitting.next().is_none()).cloned()
}

fn number(edge: &Edge) -> Option<usize> {
    match edge.name {
        EdgeName::Index(index) if edge.kind == EdgeKind::Hidden => Some(index as usize),
        _ => None,
    }
}

/// The names that the ScopeInfo begins with.
fn names(scene: &Scene, context: Node) -> Vec<String> {
    let Some(info) = scene.internal(context, "scope_info") else { return Vec::new() };
    let numbered = scene.snapshot.edges(info).filter(|edge| edge.kind == EdgeKind::Hidden);
    numbered
        .enumerate()
        .take_while(|(at, edge)| number(edge) == Some(*at))
        .map(|(_, edge)| edge.to)
        .take_while(|&name| scene.snapshot.kind(name) == NodeKind::String)
        .map(|name| scene.snapshot.name(name).into_owned())
        .collect()
}

/// Whether the file declares it with a number: a counter, not what was looked for.
fn is_number(scene: &Scene, context: Node, name: &str) -> bool {
    scene.function_in(context).is_some_and(|function| {
        let value = scene.sources.initial(&function.script, name, function.position);
        value.is_some_and(|value| {
            value.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit())
        })
    })
}
