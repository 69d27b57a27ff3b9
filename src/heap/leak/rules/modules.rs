//! Modules of the same files, loaded again and again; and Node's own, each of which is loaded once.

use crate::heap::leak::causes::Detail;
use crate::heap::leak::draft::Draft;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::rule::Rule;
use crate::heap::leak::suspect::Suspect;

pub(in crate::heap) struct Modules;

impl Rule for Modules {
    fn detail(&self, evidence: &Evidence, draft: &mut Draft) {
        if evidence.loading.is_some() && draft.detail == Detail::Plain {
            draft.detail = Detail::Modules;
        }
    }

    /// Node's own modules and bindings are loaded when something first needs them (lib/internal/bootstrap/realm.js).
    fn is_bounded(&self, _evidence: &Evidence, suspect: &Suspect) -> bool {
        suspect.name == "exports" && suspect.holder == "object BuiltinModule"
            || suspect.file.as_deref() == Some("node:internal/bootstrap/realm")
            || (suspect.name == "exports" && suspect.is_of_node())
    }

    fn advice_by_detail(&self, detail: Detail) -> Option<&'static str> {
        (detail == Detail::Modules).then_some(
            "load the same files once, and read changing content with fs: Node keeps each module (after it left require.cache, in its parent's `children`)",
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::rules::testing::{ids, is_bounded, suspect};

    #[test]
    fn exports_of_nodes_own_modules_are_bounded() {
        let mut graph = module();
        let node = graph.script("node:internal/bootstrap/realm");
        let module = graph.variable("module", "BuiltinModule", 11);
        graph.locate(module, node, 3);
        let exports = graph.member(module, "exports", "Object", 13);
        graph.elements(exports, "Object", 1001, 20);
        assert_eq!(is_bounded(&graph, 13, &ids(1001, 20)), Some(true));
    }

    #[test]
    fn only_nodes_own_exports_and_its_loader_are_bounded() {
        for (file, class, member, bounded) in [
            ("node:internal/bootstrap/realm", None, "cache", true),
            ("node:net", None, "cache", false),
            ("node:net", Some("Server"), "exports", true),
            ("node:net", Some("Server"), "cache", false),
            ("/srv/a.js", Some("BuiltinModule"), "exports", true),
            ("/srv/a.js", Some("BuiltinModule"), "cache", false),
            ("/srv/a.js", Some("Module"), "exports", false),
        ] {
            let mut graph = module();
            graph.in_file(file, 21);
            let table = match class {
                Some(class) => {
                    let holder = graph.variable("holder", class, 11);
                    graph.member(holder, member, "Object", 13)
                }
                None => graph.variable(member, "Object", 13),
            };
            graph.elements(table, "Object", 1001, 20);
            let found = is_bounded(&graph, 13, &ids(1001, 20));
            assert_eq!(found, Some(bounded), "{member} of {class:?} in {file}");
        }
    }

    /// Modules that Node has in a list, each of its own file or all of one.
    fn loaded(same: bool) -> Graph {
        let mut graph = module();
        let node = graph.script("node:internal/modules/cjs/loader");
        let list = graph.variable("children", "Array", 11);
        for (at, module) in graph.elements(list, "Module", 1001, 20).into_iter().enumerate() {
            graph.locate(module, node, 3);
            let file = if same { "/srv/a.js".to_owned() } else { format!("/srv/{at}.js") };
            let file = graph.node("string", &file, 1003 + 100 * at as u32, 32);
            graph.edge(module, "property", "filename", file);
        }
        graph
    }

    #[test]
    fn files_that_are_loaded_once_are_no_leak() {
        assert!(suspect(&loaded(false), 11, &ids(1001, 20)).is_none());
        let again = suspect(&loaded(true), 11, &ids(1001, 20)).unwrap();
        assert!(again.advice.starts_with("load the same files once"), "{}", again.advice);
    }
}
