//! The objects of a retaining path with their sizes, from the root to an object of what grew.

use serde::Serialize;

use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::names;
use crate::heap::explain::reference::{class_name, file_of_module};
use crate::heap::explain::route::RouteStep;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::snapshot::Node;

/// An object of a retaining path.
#[derive(Debug, Clone, Serialize)]
pub struct PathStep {
    /// The module or root, or what leads to the object: a variable, a property, an index.
    pub name: String,
    /// The object's constructor; `(scope)`, `(string)` and the like where it has none.
    #[serde(rename = "type")]
    pub class: String,
    /// V8's id of it.
    pub id: u32,
    /// What would be freed with it.
    pub retained: u64,
}

impl PathStep {
    pub(in crate::heap) fn new(index: &CodeIndex, name: String, node: Node) -> Self {
        let snapshot = index.snapshot;
        PathStep {
            name,
            class: class(index, node),
            id: snapshot.id(node),
            retained: snapshot.retained(node),
        }
    }
}

/// What an object is, for a person.
pub(in crate::heap) fn class(index: &CodeIndex, node: Node) -> String {
    if index.is_context(node) {
        return "(scope)".to_owned();
    }
    match index.snapshot.kind(node) {
        NodeKind::Object | NodeKind::Native => class_name(index, node),
        NodeKind::Closure => format!("function {}", class_name(index, node)).trim_end().to_owned(),
        // The name of a string is its text.
        NodeKind::ConsString | NodeKind::SlicedString => "(string)".to_owned(),
        kind => format!("({})", kind.name()),
    }
}

/// The objects that the steps of a route lead to, those of V8's own left out.
pub(in crate::heap) fn objects(index: &CodeIndex, steps: &[RouteStep]) -> Vec<PathStep> {
    let steps = from_module(index, steps);
    let first = steps.first().and_then(|step| {
        names::beginning(index, step).map(|name| PathStep::new(index, name, step.from))
    });
    let mut objects: Vec<PathStep> = first.into_iter().collect();
    objects.extend(below(index, steps, objects.last().map(|step| step.name.clone())));
    objects
}

/// A route from the last module on it whose exports, or list of modules that it loaded, it leads through: these are
/// that module's, whichever `require` leads to it.
pub(in crate::heap) fn from_module<'s>(
    index: &CodeIndex,
    steps: &'s [RouteStep],
) -> &'s [RouteStep] {
    let is_own = |step: &RouteStep| {
        step.edge.kind == EdgeKind::Property
            && matches!(&*index.snapshot.edge_name(&step.edge), "exports" | "children")
            && file_of_module(index, step.from).is_some()
    };
    &steps[steps.iter().rposition(is_own).unwrap_or(0)..]
}

/// The same without the beginning; `above` is what the step before them is called.
pub(in crate::heap) fn below(
    index: &CodeIndex,
    steps: &[RouteStep],
    mut above: Option<String>,
) -> Vec<PathStep> {
    let mut objects = Vec::new();
    for step in steps {
        let Some(name) = names::label(index, step) else { continue };
        // A list is one thing, however many of its links lead on.
        if above.as_ref() != Some(&name) {
            objects.push(PathStep::new(index, name.clone(), step.edge.to));
            above = Some(name);
        }
    }
    objects
}
