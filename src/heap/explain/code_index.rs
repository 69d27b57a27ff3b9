//! What the graph says about code: which script a function is of, which function a context belongs to.
//!
//! The names of V8's fields differ: SharedFunctionInfo -> Script is `script_or_debug_info` on Node 20 and `script`
//! from 22 on.

use std::cell::RefCell;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::snapshot::{EdgeName, Node, Retainer, Snapshot};
use crate::js_source::files::{Declared, PACKAGES, Place, Sources, is_internal, package_folder};

/// A function and where its code stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Function {
    /// Empty for one without a name.
    pub name: String,
    pub place: Place,
    /// The script and the 0-based position in it, as V8 has them.
    pub script: String,
    pub position: (u32, u32),
}

/// A snapshot and the files behind it.
pub(in crate::heap) struct CodeIndex<'s> {
    pub snapshot: &'s Snapshot,
    pub sources: Sources,
    scripts: FxHashMap<u32, String>,
    /// Where plimsoll's own scripts are.
    ours: Vec<String>,
    functions: RefCell<FxHashMap<Node, Option<Function>>>,
    internal_contexts: RefCell<FxHashMap<Node, bool>>,
}

impl<'s> CodeIndex<'s> {
    pub fn new(snapshot: &'s Snapshot) -> Self {
        let mut scripts = FxHashMap::default();
        for (node, location) in snapshot.locations() {
            if snapshot.kind(node) == NodeKind::Closure {
                scripts.entry(location.script_id).or_insert_with(|| script_name(snapshot, node));
            }
        }
        // A module without functions shows only as the generator that runs it.
        for (node, location) in snapshot.locations() {
            if snapshot.raw_name(node) == b"Generator"
                && let Some(function) = snapshot.follow(node, EdgeKind::Internal, "function")
            {
                scripts
                    .entry(location.script_id)
                    .or_insert_with(|| script_name(snapshot, function));
            }
        }
        scripts.retain(|_, name| !name.is_empty());
        let ours = plimsoll_folders(&scripts);
        CodeIndex {
            snapshot,
            sources: Sources::new(Arc::clone(snapshot.readable())),
            scripts,
            ours,
            functions: RefCell::default(),
            internal_contexts: RefCell::default(),
        }
    }

    /// The code of a closure, a generator, or the constructor of an instance.
    pub fn function(&self, node: Node) -> Option<Function> {
        if let Some(known) = self.functions.borrow().get(&node) {
            return known.clone();
        }
        let found = self.look_up(node);
        self.functions.borrow_mut().insert(node, found.clone());
        found
    }

    fn look_up(&self, node: Node) -> Option<Function> {
        let location = self.snapshot.location(node)?;
        let script = self.scripts.get(&location.script_id)?.clone();
        let name = match self.snapshot.kind(node) {
            NodeKind::Closure => self.snapshot.name(node).into_owned(),
            _ => self
                .snapshot
                .follow(node, EdgeKind::Internal, "function")
                .map(|function| self.snapshot.name(function).into_owned())
                .unwrap_or_default(),
        };
        let place = self.sources.place(&script, location.line, location.column);
        Some(Function { name, place, script, position: (location.line, location.column) })
    }

    /// The script of a closure, a generator, or of an instance's class.
    pub fn script(&self, node: Node) -> Option<&str> {
        let location = self.snapshot.location(node)?;
        self.scripts.get(&location.script_id).map(String::as_str)
    }

    /// Whether the code of a closure or of an instance's class is Node's own.
    pub fn is_internal_code(&self, node: Node) -> bool {
        self.script(node).is_some_and(is_internal)
    }

    /// Whether a context holds variables of Node's own code: a function in it tells, behind however many scopes.
    pub fn is_internal_context(&self, node: Node) -> bool {
        if !self.is_context(node) {
            return false;
        }
        *self.internal_contexts.borrow_mut().entry(node).or_insert_with(|| {
            let mut retainers = self.snapshot.retainers(node);
            let function = retainers.find(|by| self.snapshot.location(by.from).is_some());
            function.is_some_and(|function| self.is_internal_code(function.from))
        })
    }

    pub fn is_context(&self, node: Node) -> bool {
        self.snapshot.raw_name(node).starts_with(b"system / Context")
            || self.snapshot.raw_name(node) == b"system / ScriptContext"
    }

    /// A function whose variables' scope, or one inside of it, is this context: its position is where the context's
    /// variables can be seen.
    pub fn function_in(&self, context: Node) -> Option<Function> {
        let mut contexts = vec![context];
        let mut next = 0;
        // Inner contexts follow: a function's own may hold nothing but another's.
        while next < contexts.len() && next < 64 {
            let context = contexts[next];
            next += 1;
            let mut internal = None;
            for Retainer { from, edge } in self.snapshot.retainers(context).take(4096) {
                if edge.kind != EdgeKind::Internal {
                    continue;
                }
                let EdgeName::String(name) = edge.name else { continue };
                match self.snapshot.raw_string(name) {
                    b"context" => match self.function(from) {
                        Some(function) if !is_internal(&function.script) => return Some(function),
                        found => internal = internal.or(found),
                    },
                    b"previous" => contexts.push(from),
                    _ => {}
                }
            }
            if internal.is_some() {
                return internal;
            }
        }
        None
    }

    /// The generator or async function whose parameters and registers an array holds while it is suspended.
    pub fn suspended(&self, registers: Node) -> Option<Node> {
        let is_state = |retainer: &Retainer| {
            retainer.edge.kind == EdgeKind::Internal
                && self.snapshot.edge_name(&retainer.edge) == "parameters_and_registers"
        };
        self.snapshot.retainers(registers).find(is_state).map(|retainer| retainer.from)
    }

    /// A property of the global object: some script of the program defines it, its own files before its packages'.
    pub fn find_property(&self, name: &str) -> Option<Declared> {
        self.program().find_map(|script| self.sources.property(script, name, None))
    }

    /// A property of what a property `global` of the global object holds: a script that defines both.
    pub fn find_property_below(&self, global: &str, name: &str) -> Option<Declared> {
        self.program().find_map(|script| {
            self.sources.property(script, global, None).filter(|global| !global.alias)?;
            self.sources.property(script, name, None)
        })
    }

    /// A property that one of the program's own files defines, and no other of them.
    pub fn find_own_property(&self, name: &str) -> Option<Declared> {
        let mut found = self
            .program()
            .take_while(|script| !script.contains(PACKAGES))
            .filter_map(|script| self.sources.property(script, name, None));
        found.next().filter(|_| found.next().is_none())
    }

    /// Where the application gives a package a value under a name, with the property `inner` of it; `script` is the
    /// package's file that has what the value was given to. What the package names itself is its own.
    pub fn find_given(
        &self,
        script: &str,
        name: &str,
        inner: Option<&str>,
    ) -> Option<(Declared, Option<Declared>)> {
        // Nothing tells what a package names itself whose source is not there.
        if !self.sources.has(script) || self.sources.property(script, name, None).is_some() {
            return None;
        }
        let own = || self.program().take_while(|script| !script.contains(PACKAGES));
        let given = |by_assignment| {
            own().find_map(|file| self.sources.given(file, name, by_assignment, inner))
        };
        let folder = package_folder(script)?;
        let is_of_package = |script: &&String| script.starts_with(folder);
        let is_named_by_package = || {
            let mut scripts = self.program().filter(is_of_package);
            scripts.any(|script| self.sources.property(script, name, None).is_some())
        };
        given(false).or_else(|| if is_named_by_package() { None } else { given(true) })
    }

    /// The scripts of the program, its own files before its packages'. Plimsoll's are not of it, wherever it was
    /// loaded from.
    fn program(&self) -> impl Iterator<Item = &String> {
        const MAX_SCRIPTS: usize = 2000;
        let mut scripts: Vec<&String> = self
            .scripts
            .values()
            .filter(|script| !is_internal(script) && !self.is_ours(script))
            .collect();
        scripts.sort_unstable_by_key(|script| (script.contains(PACKAGES), script.len(), *script));
        scripts.into_iter().take(MAX_SCRIPTS)
    }

    fn is_ours(&self, script: &str) -> bool {
        self.ours.iter().any(|folder| script.starts_with(folder))
    }

    /// Whether a context holds variables of plimsoll's own modules, which keep what they watch with.
    pub fn is_our_context(&self, context: Node) -> bool {
        let function = || self.function_in(context);
        self.is_context(context) && function().is_some_and(|found| self.is_our_file(&found.script))
    }

    /// Whether a file is one of plimsoll's own modules. What a program opens by its name is the program's.
    pub fn is_our_file(&self, file: &str) -> bool {
        self.is_ours(file) && !file.ends_with("/shared-cache.js")
    }

    /// Whether a context is a module's or a script's own, not that of a function in it.
    pub fn is_module_context(&self, context: Node) -> bool {
        self.snapshot.follow(context, EdgeKind::Internal, "previous").is_none_or(|outer| {
            !self.is_context(outer) || self.snapshot.raw_name(outer) == b"system / ScriptContext"
        })
    }

    /// The target of a property.
    pub fn property(&self, node: Node, name: &str) -> Option<Node> {
        self.snapshot.follow(node, EdgeKind::Property, name)
    }

    /// What a string says.
    pub fn text(&self, node: Node) -> Option<String> {
        let is_string = self.snapshot.kind(node) == NodeKind::String;
        is_string.then(|| self.snapshot.name(node).into_owned())
    }

    /// The target of a field of V8's.
    pub fn internal(&self, node: Node, name: &str) -> Option<Node> {
        self.snapshot.follow(node, EdgeKind::Internal, name)
    }

    /// The name of the ES module export that a cell holds, and the module: the entry before the cell's in the table.
    pub fn export(&self, cell: Node) -> Option<(String, Node)> {
        let snapshot = self.snapshot;
        snapshot.retainers(cell).find_map(|retainer| {
            let table = retainer.from;
            let at: u32 = snapshot.edge_name(&retainer.edge).parse().ok()?;
            let key = snapshot.edges(table).find(|edge| {
                snapshot.edge_name(edge).parse() == Ok(at.wrapping_sub(1))
                    && snapshot.kind(edge.to) == NodeKind::String
            })?;
            let module = snapshot
                .retainers(table)
                .map(|retainer| retainer.from)
                .find(|&from| snapshot.raw_name(from) == b"system / SourceTextModule")?;
            Some((snapshot.name(key.to).into_owned(), module))
        })
    }

    /// The code of an ES module: its top level's generator.
    pub fn module_code(&self, module: Node) -> Option<Function> {
        self.snapshot.edges(module).find_map(|edge| {
            // Once it has run to its end, the generator may be the function itself.
            let is_code =
                matches!(self.snapshot.raw_name(edge.to), b"Generator" | b"AsyncGenerator")
                    || self.snapshot.kind(edge.to) == NodeKind::Closure;
            if is_code { self.function(edge.to) } else { None }
        })
    }
}

/// The folders that plimsoll was loaded from: where its watcher, or what takes snapshots, stands beside its loader.
fn plimsoll_folders(scripts: &FxHashMap<u32, String>) -> Vec<String> {
    let folder = |script: &String| {
        let files = ["watch/watcher.js", "snapshot/take-snapshot.js"];
        files.iter().find_map(|file| script.strip_suffix(file)).map(str::to_owned)
    };
    let complete = |lib: &String| {
        let loader = format!("{lib}native.js");
        lib.ends_with("/lib/") && scripts.values().any(|script| *script == loader)
    };
    scripts.values().filter_map(folder).filter(complete).collect()
}

fn script_name(snapshot: &Snapshot, closure: Node) -> String {
    let follow = |node, name| snapshot.follow(node, EdgeKind::Internal, name);
    let script = follow(closure, "shared").and_then(|shared| {
        follow(shared, "script").or_else(|| follow(shared, "script_or_debug_info"))
    });
    let Some(script) = script else { return String::new() };
    // The text of a sliced string is not in a snapshot, and the name of a main script that was resolved as a URL is one
    // (Node 22 and later, with --import). V8 calls the script itself by its name too.
    let name = follow(script, "name").filter(|&name| snapshot.kind(name) == NodeKind::String);
    snapshot.name(name.unwrap_or(script)).into_owned()
}
