//! What a person calls the thing that grew, and where its declaration stands.

use crate::heap::explain::code_index::CodeIndex;
pub(in crate::heap) use crate::heap::explain::reference::file_of_module;
use crate::heap::explain::reference::{
    Reference, ReferenceKind, class_name, code_of, is_cell, own_file,
};
use crate::heap::explain::retaining_path::{self, PathStep};
use crate::heap::explain::route::{RouteStep, is_global};
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::snapshot::{EdgeName, Node};
use crate::js_source::files::{PACKAGES, Place, is_application, is_internal};

/// A name with what it is a part of.
#[derive(Debug, Default)]
pub(in crate::heap) struct Named {
    /// A variable (`sessions`), a property (`items`), a function's property (`createDebug.instances`); of what a module
    /// exports as a whole its file (`sessions.js`, `mem/index.js`).
    pub name: String,
    /// What the module calls what it exports as a whole, if the name is that of its file.
    pub exported_as: Option<String>,
    /// The declaration, or the scope that it stands in.
    pub place: Option<Place>,
    /// From the module or root down to the thing.
    pub path: Vec<String>,
    /// The objects of the path.
    pub objects: Vec<PathStep>,
    /// A phrase for what retains it.
    pub holder: String,
}

/// Names the object at the end of a route.
pub(in crate::heap) fn name(index: &CodeIndex, steps: &[RouteStep]) -> Named {
    let objects = retaining_path::objects(index, steps);
    let mut named = Named {
        path: shortened(&objects),
        objects,
        holder: holder(index, steps),
        ..Named::default()
    };
    for (at, step) in steps.iter().enumerate().rev() {
        let Some(reference) = Reference::of(index, step) else { continue };
        let best = reference.best(index, step);
        let reference = best.as_ref().unwrap_or(&reference);
        let declared = reference.declared(index, &steps[..at]);
        // A minified name goes back to what was written.
        let original = declared.as_ref().and_then(|declared| declared.name.clone());
        let module = reference.exporting_module(index).filter(|_| original.is_none());
        let word = original.unwrap_or_else(|| reference.name.clone());
        named.name = match reference.owner(index) {
            Some(owner) => format!("{owner}.{word}"),
            None => word.clone(),
        };
        named.place = declared.map(|declared| declared.place);
        // Each module has an `exports`: its file says which.
        let place = named.place.as_ref().map(|place| place.file.clone());
        let file = module.map(|module| place.unwrap_or(module));
        if let Some(file) = file.filter(|file| is_file(file)) {
            named.name = short(&file);
            named.exported_as = Some(word.clone());
        }
        // The last word of the path is the name as the source has it.
        if at + 1 == steps.len()
            && let (Some(last), Some(object)) = (named.path.last_mut(), named.objects.last_mut())
        {
            object.name.clone_from(&word);
            *last = word;
        }
        break;
    }
    named
}

/// Whether a script is a file of the program's.
fn is_file(script: &str) -> bool {
    !is_internal(script) && !script.starts_with("data:")
}

/// What a reference is called, and where that is declared; `above` leads to its holder.
pub(in crate::heap) fn reference(
    index: &CodeIndex,
    step: &RouteStep,
    above: &[RouteStep],
) -> (String, Option<Place>) {
    match Reference::of(index, step) {
        Some(found) => {
            let declared = found.declared(index, above);
            (found.written(index), declared.map(|declared| declared.place))
        }
        None => (index.snapshot.edge_name(&step.edge).into_owned(), None),
    }
}

/// What the application holds on the way to a thing, the last of it: the object and its name.
pub(in crate::heap) fn own(index: &CodeIndex, steps: &[RouteStep]) -> Option<(Node, Named)> {
    let is_own =
        |named: &Named| named.place.as_ref().is_some_and(|place| is_application(&place.file));
    let named = |end: usize| (steps[end - 1].edge.to, name(index, &steps[..end]));
    (1..steps.len()).rev().map(named).find(|(_, named)| is_own(named))
}

/// The file that a thing is of by what leads to it, where no source tells its place.
pub(in crate::heap) fn file_on_way(index: &CodeIndex, steps: &[RouteStep]) -> Option<String> {
    steps.iter().rev().find_map(|step| own_file(index, step.from))
}

/// A file's place in a path: what a person recognises.
pub(in crate::heap) fn short(file: &str) -> String {
    if is_internal(file) {
        return file.to_owned();
    }
    let from = file.rfind(PACKAGES).map(|at| at + PACKAGES.len());
    match from {
        Some(from) => file[from..].to_owned(),
        None => file.rsplit('/').next().unwrap_or(file).to_owned(),
    }
}

/// The variable of a step, where its object was made for it: what is required belongs to where it is exported.
pub(in crate::heap) fn variable(index: &CodeIndex, step: &RouteStep) -> Option<(String, Place)> {
    let reference = Reference::of(index, step).filter(|it| it.kind != ReferenceKind::Property)?;
    let declared = reference.declared(index, &[]).filter(|declared| !declared.alias)?;
    Some((declared.name.unwrap_or(reference.name), declared.place))
}

fn top(index: &CodeIndex, node: Node) -> String {
    let code = code_of(index, node).map(|code| code.place.file);
    match code.or_else(|| file_of_module(index, node)) {
        Some(file) => format!("module {}", short(&file)),
        None if is_global(index, node) => "global".to_owned(),
        None if index.is_context(node) => "a function's scope".to_owned(),
        None => index.snapshot.name(node).trim_matches(['(', ')']).to_owned(),
    }
}

/// The module that a reference begins in: of a bundle, whose scope many files share, the one that declares the
/// variable.
fn module(index: &CodeIndex, step: &RouteStep) -> String {
    let variable = Reference::of(index, step).filter(|it| it.kind == ReferenceKind::Variable);
    match variable.and_then(|it| it.variable(index)) {
        Some(declared) => format!("module {}", short(&declared.place.file)),
        None => top(index, step.from),
    }
}

/// Whether it is a module of Node's own that has `process` in a variable: that module is not its owner.
fn is_process(index: &CodeIndex, step: &RouteStep) -> bool {
    step.edge.kind == EdgeKind::Context
        && index.snapshot.edge_name(&step.edge) == "process"
        && index.is_internal_context(step.from)
}

pub(in crate::heap) fn path(index: &CodeIndex, steps: &[RouteStep]) -> Vec<String> {
    shortened(&retaining_path::objects(index, steps))
}

/// What the steps are called, the middle of a long path left out.
fn shortened(objects: &[PathStep]) -> Vec<String> {
    let mut path: Vec<String> = objects.iter().map(|step| step.name.clone()).collect();
    const SHOWN: usize = 12;
    if path.len() > SHOWN {
        let cut = path.len() - SHOWN + 1;
        path.splice(1..=cut, ["…".to_owned()]);
    }
    path
}

/// What a path begins with; none where that is not the owner of what follows.
pub(in crate::heap) fn beginning(index: &CodeIndex, first: &RouteStep) -> Option<String> {
    (!is_process(index, first)).then(|| module(index, first))
}

/// What a reference is called on a path; none for V8's own.
pub(in crate::heap) fn label(index: &CodeIndex, step: &RouteStep) -> Option<String> {
    if let Some(reference) = Reference::of(index, step) {
        return Some(reference.written(index));
    }
    match (step.edge.kind, step.edge.name) {
        (EdgeKind::Element, EdgeName::Index(index)) => Some(format!("[{index}]")),
        (EdgeKind::Property, _) => Some(index.snapshot.edge_name(&step.edge).into_owned()),
        (EdgeKind::Internal, _) if index.snapshot.edge_name(&step.edge) == "context" => {
            Some(format!("{}()", class_name(index, step.from)))
        }
        (EdgeKind::Internal, EdgeName::String(name)) => {
            let part_of_key = b" / part of key (";
            let is_value =
                memchr::memmem::find(index.snapshot.raw_string(name), part_of_key).is_some();
            is_value.then(|| "(WeakMap value)".to_owned())
        }
        _ => None,
    }
}

fn holder(index: &CodeIndex, steps: &[RouteStep]) -> String {
    let Some(step) = steps.iter().rev().find(|step| Reference::of(index, step).is_some()) else {
        return steps.first().map(|step| top(index, step.from)).unwrap_or_default();
    };
    let from = step.from;
    if is_process(index, step) {
        return "process".to_owned();
    }
    if index.is_context(from) && !index.is_module_context(from) {
        let function = index.function_in(from);
        let above =
            steps.iter().find(|step| step.edge.to == from).map(|step| class_name(index, step.from));
        let name = above.filter(|name| !name.starts_with("system /") && !name.is_empty());
        return match (name, function) {
            (Some(name), _) => format!("closure {name}"),
            (None, Some(function)) => {
                format!("closure {}:{}", short(&function.place.file), function.place.line)
            }
            (None, None) => "a closure".to_owned(),
        };
    }
    match index.snapshot.kind(from) {
        NodeKind::Closure => format!("function {}", class_name(index, from)),
        NodeKind::Object if !index.is_context(from) && !is_global(index, from) => {
            format!("object {}", class_name(index, from))
        }
        NodeKind::Hidden if is_cell(index, from) => {
            index.export(from).map(|(_, module)| top(index, module)).unwrap_or_default()
        }
        _ => module(index, step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::explain::context::GrowthContext;
    use crate::heap::explain::route::route;
    use crate::heap::graphs::program;

    /// A property of the module's `$state` object, or of a function of it, that holds a Map.
    fn named(kind: &'static str, property: &str) -> (String, Vec<String>) {
        let mut graph = program(20);
        let holder = graph.node(kind, if kind == "closure" { "Store" } else { "Object" }, 11, 32);
        graph.edge(2, "context", "state", holder);
        let map = graph.node("object", "Map", 13, 32);
        graph.edge(holder, "property", property, map);
        let snapshot = graph.snapshot();
        snapshot.index_retainers();
        let index = CodeIndex::new(&snapshot);
        let named =
            name(&index, &route(&GrowthContext::of_all(&index), snapshot.by_id(13).unwrap()));
        (named.name, named.path)
    }

    #[test]
    fn a_key_with_dots_is_one_name() {
        let (name, path) = named("object", "user.cache");
        assert_eq!((name.as_str(), path.last().unwrap().as_str()), ("user.cache", "user.cache"));
        let (name, path) = named("closure", "by.id");
        assert_eq!((name.as_str(), path.last().unwrap().as_str()), ("Store.by.id", "by.id"));
    }
}
