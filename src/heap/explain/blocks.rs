//! The variables of blocks. V8 names those of functions alone (v8/src/profiler/heap-snapshot-generator.cc,
//! ExtractContextReferences): what the context of a block (`{ const cache = new Map(); ... }`) refers to is numbered.
//! The context's ScopeInfo lists all names in the order of the numbers, which small integers do not take part in.

use crate::heap::explain::code_index::CodeIndex;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::snapshot::{Edge, EdgeName, Node};

/// Whether it is the context of a block with variables.
pub(in crate::heap) fn is_block(index: &CodeIndex, context: Node) -> bool {
    let is_named = |edge: Edge| edge.kind == EdgeKind::Context;
    index.is_context(context)
        && !index.snapshot.edges(context).any(is_named)
        && !names(index, context).is_empty()
}

/// The variable that a numbered reference of a block's context is; none where the names before it leave a doubt.
pub(in crate::heap) fn variable(index: &CodeIndex, context: Node, edge: &Edge) -> Option<String> {
    let slot = number(edge).filter(|_| is_block(index, context))?;
    let names = names(index, context);
    let references = index.snapshot.edges(context).filter_map(|edge| number(&edge)).max()? + 1;
    // So many variables are no references, and all of them may stand before this one.
    let integers = names.len().checked_sub(references)?;
    let candidates = names.get(slot..=slot + integers)?;
    let mut fitting = candidates.iter().filter(|name| match candidates {
        [_] => true,
        _ => !is_number(index, context, name),
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
fn names(index: &CodeIndex, context: Node) -> Vec<String> {
    let Some(info) = index.internal(context, "scope_info") else { return Vec::new() };
    let numbered = index.snapshot.edges(info).filter(|edge| edge.kind == EdgeKind::Hidden);
    numbered
        .enumerate()
        .take_while(|(at, edge)| number(edge) == Some(*at))
        .map(|(_, edge)| edge.to)
        .take_while(|&name| index.snapshot.kind(name) == NodeKind::String)
        .map(|name| index.snapshot.name(name).into_owned())
        .collect()
}

/// Whether the file declares it with a number: a counter, not what was looked for.
fn is_number(index: &CodeIndex, context: Node, name: &str) -> bool {
    index.function_in(context).is_some_and(|function| {
        let value = index.sources.initial(&function.script, name, function.position);
        value.is_some_and(|value| {
            value.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit())
        })
    })
}
