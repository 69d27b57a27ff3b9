//! Modules that are loaded: a process that loads more of its code grows by it and leaks nothing, one that loads the
//! same file again and again does.

use rustc_hash::FxHashSet;

use crate::heap::explain::context::GrowthContext;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::snapshot::Node;

/// How the files of modules are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::heap) enum Loading {
    /// Each file once, as a lazy `require` does.
    Once,
    /// The same files again: `delete require.cache[...]`, `import('./x.mjs?' + n)`.
    Again,
}

/// What is new in Node's own lists of modules (`require.cache`, a module's `children`, the loader of ES modules); none
/// where most of it is no module.
pub(in crate::heap) fn loading(context: &GrowthContext, sample: &[Node]) -> Option<Loading> {
    let index = context.index;
    let objects = sample.iter().filter(|&&node| index.snapshot.kind(node) == NodeKind::Object);
    let (mut files, mut modules, mut all) = (FxHashSet::default(), 0, 0);
    for &node in objects {
        all += 1;
        if let Some(file) = file_of(context, node) {
            modules += 1;
            files.insert(file);
        }
    }
    if modules * 2 <= all {
        return None;
    }
    Some(if files.len() * 2 > modules { Loading::Once } else { Loading::Again })
}

/// The file of a module, of the job that loads it, or of what leads to one of them.
fn file_of(context: &GrowthContext, node: Node) -> Option<String> {
    let index = context.index;
    const NEAR: usize = 8;
    let snapshot = index.snapshot;
    let mut nodes = vec![node];
    let mut next = 0;
    while let Some(&node) = nodes.get(next) {
        next += 1;
        let member = match snapshot.raw_name(node) {
            b"Module" => "filename",
            b"ModuleJob" | b"ModuleJobSync" => "url",
            _ => "",
        };
        let text = index.property(node, member).filter(|_| index.is_internal_code(node));
        if let Some(file) = text.and_then(|text| index.text(text)) {
            return file.split(['?', '#']).next().map(str::to_owned);
        }
        let inner = snapshot.edges(node).filter(|edge| edge.kind == EdgeKind::Property);
        let room = NEAR.saturating_sub(nodes.len());
        nodes.extend(inner.map(|edge| edge.to).filter(|&node| !context.survives(node)).take(room));
    }
    None
}
