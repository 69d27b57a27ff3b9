//! What holds the heaviest objects of one snapshot.

use serde::Serialize;

use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::context::GrowthContext;
use crate::heap::explain::reference::Reference;
use crate::heap::explain::route::RouteStep;
use crate::heap::explain::{names, route};
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::snapshot::{Node, Snapshot};
use crate::js_source::files;

/// Something large and what holds it.
#[derive(Debug, Serialize)]
pub struct Holder {
    /// The variable or property.
    pub name: String,
    /// What it is: its constructor, or `(string)` and the like.
    pub constructor: String,
    /// V8's id of the object.
    pub id: u32,
    /// Where it is declared.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// What would be freed with it.
    pub retained: u64,
    /// From the module or root down to it.
    pub path: Vec<String>,
}

/// Names for the objects of one snapshot.
pub struct Names<'s> {
    index: CodeIndex<'s>,
}

/// Whether a reference leads to the class of an object.
fn is_of_class(name: &str) -> bool {
    matches!(name, "__proto__" | "prototype" | "constructor")
}

/// Whether a function's scope leads on from what has a name: the function is called so, and not what its scope has.
fn is_scope(index: &CodeIndex, steps: &[RouteStep]) -> bool {
    let mut unnamed = steps.iter().rev().take_while(|step| Reference::of(index, step).is_none());
    let is_context = |step: &RouteStep| {
        step.edge.kind == EdgeKind::Internal && index.snapshot.edge_name(&step.edge) == "context"
    };
    unnamed.any(is_context)
}

impl<'s> Names<'s> {
    /// Learns which script is which.
    pub fn new(snapshot: &'s Snapshot) -> Self {
        Names { index: CodeIndex::new(snapshot) }
    }

    /// The variables and properties behind objects, one for each place; what lies within another is left out.
    pub fn holders(&self, nodes: &[Node], most: usize) -> Vec<Holder> {
        let snapshot = self.index.snapshot;
        let mut holders: Vec<(Node, Holder)> = Vec::new();
        for &node in nodes {
            let is_within = |outer: &(Node, Holder)| {
                let mut at = node;
                std::iter::from_fn(|| {
                    let above = snapshot.dominator(at);
                    let moved = above != at;
                    at = above;
                    moved.then_some(above)
                })
                .take(64)
                .any(|above| above == outer.0)
            };
            if holders.len() >= most || holders.iter().any(is_within) {
                continue;
            }
            let steps = route::route(&GrowthContext::of_all(&self.index), node);
            let named = names::name(&self.index, &steps);
            let is_own = named.place.as_ref().is_some_and(|place| !files::is_internal(&place.file));
            // A prototype is no data: the variable on the way to it is another object's.
            let is_class = named.path.last().is_some_and(|last| is_of_class(last));
            if named.name.is_empty() || !is_own || is_class || is_scope(&self.index, &steps) {
                continue;
            }
            let holder = Holder {
                name: named.name,
                constructor: match snapshot.kind(node) {
                    NodeKind::Object => snapshot.name(node).into_owned(),
                    // A string's name is its text.
                    kind => format!("({})", kind.name()),
                },
                id: snapshot.id(node),
                file: named.place.as_ref().map(|place| place.file.clone()),
                line: named.place.as_ref().map(|place| place.line),
                retained: snapshot.retained(node),
                path: named.path,
            };
            holders.push((node, holder));
        }
        holders.into_iter().map(|found| found.1).collect()
    }

    /// The way to an object, one line a reference, from the module or root down.
    pub fn path_to(&self, node: Node) -> Vec<String> {
        names::path(&self.index, &route::route(&GrowthContext::of_all(&self.index), node))
    }

    /// Where a function of the program's own stands.
    pub fn place(&self, node: Node) -> Option<files::Place> {
        let function = self.index.function(node)?;
        (!files::is_internal(&function.script)).then_some(function.place)
    }

    /// The script of a function, or of an instance's class.
    pub fn script(&self, node: Node) -> Option<&str> {
        self.index.script(node)
    }

    /// The package of a script, `(application)` or `(node)`.
    pub fn package(&self, script: &str) -> String {
        if files::is_internal(script) {
            return "(node)".to_owned();
        }
        files::package_of(&files::path_of(script), self.index.snapshot.readable())
            .map_or_else(|| "(application)".to_owned(), |package| package.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::program;

    #[test]
    fn a_row_has_the_name_and_the_path_of_one_object() {
        let mut graph = program(20);
        graph.in_file("/srv/app/main.js", 9);
        let bus = graph.variable("bus", "EventEmitter", 11);
        graph.member(bus, "listeners", "Object", 13);
        graph.member(bus, "__proto__", "Object", 15);
        let snapshot = graph.snapshot();
        let node = |id| snapshot.by_id(id).unwrap();
        let rows = Names::new(&snapshot).holders(&[node(15), node(13)], 10);
        let named: Vec<_> = rows
            .iter()
            .map(|row| (row.id, row.name.as_str(), row.path.last().unwrap().as_str()))
            .collect();
        assert_eq!(named, [(13, "listeners", "listeners")], "no row for the prototype");
    }

    #[test]
    fn what_a_functions_scope_has_is_not_called_as_the_function() {
        let mut graph = program(20);
        graph.in_file("/srv/app/main.js", 9);
        let get = graph.function("get", 11, 3);
        graph.edge(2, "context", "get", get);
        let scope = graph.node("object", "system / Context", 13, 40);
        graph.edge(get, "internal", "context", scope);
        let global = graph.node("object", "global", 15, 40);
        graph.edge(scope, "internal", "extension", global);
        let snapshot = graph.snapshot();
        let node = |id| snapshot.by_id(id).unwrap();
        let rows = Names::new(&snapshot).holders(&[node(15), node(11)], 10);
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [11]);
    }

    /// As Express has `mime/types.json`: the shortest way to it leads from another module's `require`.
    #[test]
    fn a_module_of_data_is_in_its_own_file() {
        let mut graph = program(20);
        graph.in_file("/srv/app/node_modules/on-finished/index.js", 9);
        let loader = graph.script("node:internal/modules/cjs/loader");
        let require = graph.function("require", 11, 3);
        graph.edge(2, "context", "require", require);
        let cache = graph.member(require, "cache", "Object", 13);
        let file = "/srv/app/node_modules/mime/types.json";
        let module = graph.member(cache, file, "Module", 15);
        graph.locate(module, loader, 3);
        let filename = graph.node("string", file, 17, 40);
        graph.edge(module, "property", "filename", filename);
        graph.member(module, "exports", "Object", 19);
        let snapshot = graph.snapshot();
        let rows = Names::new(&snapshot).holders(&[snapshot.by_id(19).unwrap()], 10);
        let place = (rows[0].file.as_deref(), rows[0].line);
        assert_eq!((rows[0].name.as_str(), place), ("mime/types.json", (Some(file), Some(1))));
        assert_eq!(rows[0].path, ["module mime/types.json", "exports"]);
    }
}
