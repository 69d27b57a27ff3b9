//! References that have a name in the program, and where that name is declared.

use crate::heap::explain::blocks;
use crate::heap::explain::code_index::{CodeIndex, Function};
use crate::heap::explain::route::{RouteStep, is_global, is_module};
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::snapshot::{Edge, EdgeName, Node, Retainer};
use crate::js_source::files::{Declared, PACKAGES, Place, is_application, is_internal, path_of};
use crate::js_source::lexer::makes;

/// How many holders of an object are looked at for one that says more.
const LOOKED_AT: usize = 256;

/// A reference that has a name in the program.
pub(in crate::heap) struct Reference {
    pub kind: ReferenceKind,
    pub from: Node,
    pub to: Node,
    pub name: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::heap) enum ReferenceKind {
    Variable,
    Property,
    /// An ES module's export; `from` is the module.
    Export,
    /// A local variable or parameter of a suspended async function or generator, whose name V8 does not keep; `from` is
    /// the generator.
    Local,
}

impl Reference {
    pub fn of(index: &CodeIndex, step: &RouteStep) -> Option<Self> {
        let to = step.edge.to;
        let name = match step.edge.name {
            EdgeName::String(name) => index.snapshot.string(name).into_owned(),
            EdgeName::Index(_) => {
                let name = blocks::variable(index, step.from, &step.edge)?;
                return Some(Reference {
                    kind: ReferenceKind::Variable,
                    from: step.from,
                    to,
                    name,
                });
            }
        };
        match step.edge.kind {
            EdgeKind::Context if name != "this" => {
                Some(Reference { kind: ReferenceKind::Variable, from: step.from, to, name })
            }
            EdgeKind::Property
                if !matches!(name.as_str(), "__proto__" | "prototype" | "constructor") =>
            {
                let symbol = name.strip_prefix("<symbol ").and_then(|name| name.strip_suffix('>'));
                if symbol.is_some() && index.is_internal_code(step.from) {
                    return None;
                }
                let name = symbol.map_or(name.clone(), str::to_owned);
                Some(Reference { kind: ReferenceKind::Property, from: step.from, to, name })
            }
            EdgeKind::Internal if name == "value" && is_cell(index, step.from) => {
                let (name, module) = index.export(step.from)?;
                Some(Reference { kind: ReferenceKind::Export, from: module, to, name })
            }
            EdgeKind::Internal if index.snapshot.kind(step.from) == NodeKind::Array => {
                let generator = index.suspended(step.from)?;
                let function = index.function(generator)?;
                let of =
                    if function.name.is_empty() { "an async function" } else { &function.name };
                let name = format!("local variable of {of}");
                Some(Reference { kind: ReferenceKind::Local, from: generator, to, name })
            }
            _ => None,
        }
    }

    /// Of several variables for one object the one that it was made for: not an import, a pattern or a parameter.
    pub fn best(&self, index: &CodeIndex, step: &RouteStep) -> Option<Reference> {
        let is_final = matches!(self.kind, ReferenceKind::Export | ReferenceKind::Local);
        if is_final || (self.kind == ReferenceKind::Variable && !self.is_alias(index)) {
            return None;
        }
        let from_exports =
            self.kind == ReferenceKind::Property && index.function(self.from).is_none();
        if self.kind == ReferenceKind::Property && !from_exports {
            return None;
        }
        index
            .snapshot
            .retainers(step.edge.to)
            .take(LOOKED_AT)
            .filter(|retainer| matches!(retainer.edge.kind, EdgeKind::Context | EdgeKind::Internal))
            .filter_map(|Retainer { from, edge }| Reference::of(index, &RouteStep { from, edge }))
            .find(|other| {
                other.kind == ReferenceKind::Export
                    || (other.kind == ReferenceKind::Variable && other.is_made(index))
            })
    }

    pub fn variable(&self, index: &CodeIndex) -> Option<Declared> {
        let function = index.function_in(self.from)?;
        index.sources.variable(&function.script, &self.name, function.position)
    }

    fn is_alias(&self, index: &CodeIndex) -> bool {
        self.variable(index).is_none_or(|declared| declared.alias)
    }

    fn is_made(&self, index: &CodeIndex) -> bool {
        let is_own =
            index.function_in(self.from).is_some_and(|function| !is_internal(&function.script));
        is_own && self.variable(index).is_some_and(|declared| !declared.alias)
    }

    /// As it was written, where a source map says it.
    pub fn written(&self, index: &CodeIndex) -> String {
        let original = || {
            let function = index.function_in(self.from)?;
            index.sources.original_name(&function.script, &self.name, function.position)
        };
        match self.kind {
            ReferenceKind::Variable => original().unwrap_or_else(|| self.name.clone()),
            ReferenceKind::Property | ReferenceKind::Export | ReferenceKind::Local => {
                self.name.clone()
            }
        }
    }

    /// The file of the module that exports the object as a whole, if the reference is called so for lack of a variable.
    pub fn exporting_module(&self, index: &CodeIndex) -> Option<String> {
        match (self.kind, self.name.as_str()) {
            (ReferenceKind::Property, "exports") => {
                exports(index, self.from)?;
                file_of(index, self.from)
            }
            // The parameter of that name of the function that Node puts around a CommonJS module.
            (ReferenceKind::Variable, "exports") => module_file(index, self.to),
            (ReferenceKind::Export, "default") => {
                Some(path_of(&index.module_code(self.from)?.script))
            }
            _ => None,
        }
    }

    /// The function or class whose property it is.
    pub fn owner(&self, index: &CodeIndex) -> Option<String> {
        let is_static = self.kind == ReferenceKind::Property
            && index.snapshot.kind(self.from) == NodeKind::Closure;
        is_static.then(|| class_name(index, self.from)).filter(|owner| !owner.is_empty())
    }

    /// Where it is declared; `above` leads to the holder.
    pub fn declared(&self, index: &CodeIndex, above: &[RouteStep]) -> Option<Declared> {
        let at = |place: Place| Declared { place, name: None, alias: false };
        match self.kind {
            ReferenceKind::Variable => {
                let function = index.function_in(self.from)?;
                let found = index.sources.variable(&function.script, &self.name, function.position);
                let is_alias = found.as_ref().is_some_and(|declared| declared.alias);
                let exported = if is_alias { exported(index, self.to) } else { None };
                exported.or(found).or_else(|| Some(at(function.place)))
            }
            ReferenceKind::Local => Some(at(index.function(self.from)?.place)),
            ReferenceKind::Export => {
                let code = index.module_code(self.from)?;
                let found = match self.name.as_str() {
                    "default" => index.sources.default_export(&code.script),
                    name => index.sources.variable(&code.script, name, (0, 0)),
                };
                Some(found.unwrap_or_else(|| at(code.place)))
            }
            ReferenceKind::Property => {
                // What a module has is the module's, whichever `require` leads to it.
                if let Some(exports) = exports(index, self.from) {
                    let code = || Some(at(index.function(exports)?.place));
                    let found = exported(index, exports).or_else(code);
                    // Data has no place in it: it is the whole of its file.
                    let whole = || Some(beginning_of(file_of(index, self.from)?));
                    return found.or_else(whole).or_else(|| self.above(index, above));
                }
                let code: Vec<Function> = classes(index, self.from);
                let found = code.iter().find_map(|code| {
                    index.sources.property(&code.script, &self.name, Some(code.position))
                });
                let given = || {
                    let package = code.first().filter(|code| code.script.contains(PACKAGES))?;
                    self.given(index, &package.script, &[])
                };
                found
                    .or_else(given)
                    .or_else(|| code.first().map(|code| at(code.place.clone())))
                    .or_else(|| self.above(index, above))
            }
        }
    }

    /// In the file of an object's own methods, which made them both. If that is a package's and not there, a method is
    /// the nearest place that is known.
    fn beside_methods(&self, index: &CodeIndex, object: Node) -> Option<Declared> {
        let methods = methods(index, object);
        let property = |code: &Function| index.sources.property(&code.script, &self.name, None);
        methods.iter().find_map(property).or_else(|| {
            let is_gone = |code: &Function| {
                code.script.contains(PACKAGES) && !index.sources.has(&code.script)
            };
            let code = methods.into_iter().find(is_gone)?;
            Some(Declared { place: code.place, name: None, alias: false })
        })
    }

    /// Where the application declares it, if it gave it to a package, or an object on the way to it. `script` is the
    /// package's; `given` are the references from the package's object down to the holder.
    fn given(&self, index: &CodeIndex, script: &str, given: &[RouteStep]) -> Option<Declared> {
        let inside = given.iter().find_map(|step| {
            let reference =
                Reference::of(index, step).filter(|it| it.kind == ReferenceKind::Property)?;
            // Only of the last object on the way the member is known by its name.
            let inner = (step.edge.to == self.from).then_some(self.name.as_str());
            let of_variable = own_variable(index, step.edge.to)
                .and_then(|variable| variable.with_property(index, inner));
            let (given, inner) =
                of_variable.or_else(|| index.find_given(script, &reference.name, inner))?;
            inner.or_else(|| index.find_own_property(&self.name)).or(Some(given))
        });
        inside.or_else(|| index.find_given(script, &self.name, None).map(|found| found.0))
    }

    /// A variable's declaration, and that of a property in the literal that it is declared with.
    fn with_property(
        &self,
        index: &CodeIndex,
        name: Option<&str>,
    ) -> Option<(Declared, Option<Declared>)> {
        let function = index.function_in(self.from)?;
        let property = name.and_then(|name| {
            let (script, near) = (&function.script, function.position);
            index.sources.property_of_variable(script, &self.name, near, name)
        });
        Some((self.variable(index)?, property))
    }

    /// A property of a plain object. What an application gave to a package is the application's.
    fn above(&self, index: &CodeIndex, above: &[RouteStep]) -> Option<Declared> {
        let found = self.beside_or_above(index, above);
        let is_of_package = found.as_ref().is_some_and(|found| found.place.file.contains(PACKAGES));
        let given = || {
            let objects = above.iter().map(|step| step.from).chain([self.from]);
            let owners =
                objects.enumerate().filter_map(|(at, node)| Some((at, owner(index, node)?)));
            let (at, code) = owners.last()?;
            let is_package = code.script.contains(PACKAGES);
            if is_package { self.given(index, &code.script, &above[at..]) } else { None }
        };
        if is_of_package { given().or(found) } else { found }
    }

    /// Somewhere in the file of what holds the object, or else in the one that defines it.
    fn beside_or_above(&self, index: &CodeIndex, above: &[RouteStep]) -> Option<Declared> {
        if is_global(index, self.from) || is_process(index, self.from) {
            return index.find_property(&self.name);
        }
        if let Some(found) = self.beside_methods(index, self.from) {
            return Some(found);
        }
        let mut below_nodes_own = false;
        for (at, step) in above.iter().enumerate().rev() {
            below_nodes_own |= index.is_internal_code(step.from);
            let script =
                code_of(index, step.from).or_else(|| classes(index, step.from).into_iter().next());
            if let Some(code) = script.filter(|code| !is_internal(&code.script)) {
                return index
                    .sources
                    .property(&code.script, &self.name, None)
                    .or_else(|| {
                        // What a package names whose source is not there is not the application's.
                        let is_known =
                            !code.script.contains(PACKAGES) || index.sources.has(&code.script);
                        let may_be_own = is_known && !below_nodes_own;
                        may_be_own.then(|| index.find_own_property(&self.name))?
                    })
                    .or_else(|| Reference::of(index, step)?.declared(index, &above[..at]));
            }
            if let Some(found) = self.beside_methods(index, step.from) {
                return Some(found);
            }
            if is_global(index, step.from) {
                let global = Reference::of(index, step)?;
                let found = index.find_property_below(&global.name, &self.name);
                // What an object of Node's has may be Node's too: another's property of that name is none of it.
                let found = found.or_else(|| {
                    if below_nodes_own { None } else { index.find_property(&self.name) }
                });
                let declared = || global.declared(index, &above[..at]);
                // So is what the program only speaks of.
                return found.or_else(|| declared().filter(|it| !(below_nodes_own && it.alias)));
            }
        }
        None
    }
}

/// Node's object `process`, on which a program may keep what is global.
fn is_process(index: &CodeIndex, node: Node) -> bool {
    index.snapshot.kind(node) == NodeKind::Object && index.snapshot.raw_name(node) == b"process"
}

/// The code of an object's own methods, without Node's.
fn methods(index: &CodeIndex, object: Node) -> Vec<Function> {
    const METHODS: usize = 16;
    let is_method = |edge: &Edge| {
        edge.kind == EdgeKind::Property && index.snapshot.kind(edge.to) == NodeKind::Closure
    };
    let methods = index.snapshot.edges(object).filter(is_method).take(METHODS);
    let code = methods.filter_map(|edge| index.function(edge.to));
    code.filter(|code| !is_internal(&code.script)).collect()
}

/// The code that an object belongs to: of a scope, a function or a class, or of its own methods.
fn owner(index: &CodeIndex, node: Node) -> Option<Function> {
    code_of(index, node)
        .filter(|code| !is_internal(&code.script))
        .or_else(|| classes(index, node).into_iter().next())
        .or_else(|| methods(index, node).into_iter().next())
}

/// A variable of the application's that an object was made for.
fn own_variable(index: &CodeIndex, node: Node) -> Option<Reference> {
    let retainers = index.snapshot.retainers(node).take(LOOKED_AT);
    let variables = retainers
        .filter(|retainer| retainer.edge.kind == EdgeKind::Context)
        .filter_map(|Retainer { from, edge }| Reference::of(index, &RouteStep { from, edge }));
    let is_own = |variable: &Reference| {
        let found = variable.variable(index).filter(|found| !found.alias);
        // What a variable takes from a package is the package's.
        let is_made_here = || {
            let code = index.function_in(variable.from)?;
            let value = index.sources.initial(&code.script, &variable.name, code.position)?;
            Some(makes(value.as_bytes()))
        };
        found.is_some_and(|found| is_application(&found.place.file)) && is_made_here() == Some(true)
    };
    variables.filter(|variable| variable.kind == ReferenceKind::Variable).find(is_own)
}

/// Where a CommonJS module is given what it exports: all of it, or a member. If the file is not there, it is the place.
fn exported(index: &CodeIndex, value: Node) -> Option<Declared> {
    let whole = || {
        let file = module_file(index, value)?;
        let found = index.sources.property(&file, "exports", None);
        let is_known = found.is_some() || index.sources.has(&file);
        found.or_else(|| (!is_known && file.contains(PACKAGES)).then(|| beginning_of(file)))
    };
    let member = |Retainer { from, edge }: Retainer| {
        let file = module_file(index, from).filter(|_| edge.kind == EdgeKind::Property)?;
        index.sources.property(&file, &index.snapshot.edge_name(&edge), None)
    };
    whole().or_else(|| index.snapshot.retainers(value).take(LOOKED_AT).find_map(member))
}

fn beginning_of(file: String) -> Declared {
    Declared { place: Place { file, line: 1, column: 1 }, name: None, alias: false }
}

/// What a CommonJS module exports.
fn exports(index: &CodeIndex, node: Node) -> Option<Node> {
    let is_module = index.snapshot.raw_name(node) == b"Module" && index.is_internal_code(node);
    index.property(node, "exports").filter(|_| is_module)
}

/// The file of the CommonJS module that has these exports.
fn module_file(index: &CodeIndex, value: Node) -> Option<String> {
    let mut retainers = index.snapshot.retainers(value).take(LOOKED_AT);
    let module = retainers.find(|retainer| exports(index, retainer.from) == Some(value))?.from;
    file_of(index, module)
}

/// The file of a CommonJS module, of its object.
pub(in crate::heap) fn file_of_module(index: &CodeIndex, node: Node) -> Option<String> {
    exports(index, node)?;
    file_of(index, node)
}

fn file_of(index: &CodeIndex, module: Node) -> Option<String> {
    index.text(index.property(module, "filename")?)
}

/// The file of the program's code that an object belongs to, or of the module that it is.
pub(in crate::heap) fn own_file(index: &CodeIndex, node: Node) -> Option<String> {
    let code = owner(index, node).map(|code| path_of(&code.script));
    code.or_else(|| file_of_module(index, node)).filter(|file| !is_internal(file))
}

/// The code of a function, or of an instance's class and those that it extends, without Node's own.
fn classes(index: &CodeIndex, node: Node) -> Vec<Function> {
    if index.snapshot.kind(node) == NodeKind::Closure {
        return index.function(node).into_iter().collect();
    }
    let mut found: Vec<Function> = index.function(node).into_iter().collect();
    let mut at = node;
    for _ in 0..8 {
        let Some(prototype) = index.property(at, "__proto__") else { break };
        let constructor = index.property(prototype, "constructor");
        found.extend(constructor.and_then(|constructor| index.function(constructor)));
        at = prototype;
    }
    found.dedup();
    found.retain(|code| !is_internal(&code.script));
    found
}

/// The name of a function or of an object's class, as it was written where a source map says it.
pub(in crate::heap) fn class_name(index: &CodeIndex, node: Node) -> String {
    let name = index.snapshot.name(node).into_owned();
    let original = || {
        let function = index.function(node)?;
        index.sources.original_name(&function.script, &name, function.position)
    };
    original().unwrap_or(name)
}

pub(in crate::heap) fn is_cell(index: &CodeIndex, node: Node) -> bool {
    index.snapshot.raw_name(node) == b"system / Cell"
}

/// The code of a scope or of an ES module.
pub(in crate::heap) fn code_of(index: &CodeIndex, node: Node) -> Option<Function> {
    if index.is_context(node) {
        index.function_in(node)
    } else if is_module(index, node) {
        index.module_code(node)
    } else {
        None
    }
}
