//! What a person calls the thing that grew, and where its declaration stands.

use super::super::{Edge, EdgeKind, EdgeName, Node, NodeKind, Retainer};
use super::blocks;
use super::route::{Step, is_global, is_module};
use super::scene::{Function, Scene};
use super::sources::{Declared, PACKAGES, Place, is_application, is_internal};

/// A name with what it is a part of.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// A variable (`sessions`), a property (`items`), a function's property (`createDebug.instances`).
    pub name: String,
    /// The declaration, or the scope that it stands in.
    pub place: Option<Place>,
    /// From the module or root down to the thing.
    pub path: Vec<String>,
    /// What holds it, in words.
    pub holder: String,
}

/// Names the object at the end of a route.
pub(super) fn name(scene: &Scene, steps: &[Step]) -> Named {
    let mut named =
        Named { path: path(scene, steps), holder: holder(scene, steps), ..Named::default() };
    for (at, step) in steps.iter().enumerate().rev() {
        let Some(reference) = Reference::of(scene, step) else { continue };
        let best = reference.best(scene, step);
        let reference = best.as_ref().unwrap_or(&reference);
        let declared = reference.declared(scene, &steps[..at]);
        // A minified name goes back to what was written.
        let original = declared.as_ref().and_then(|declared| declared.name.clone());
        let word = original.unwrap_or_else(|| reference.name.clone());
        named.name = match reference.owner(scene) {
            Some(owner) => format!("{owner}.{word}"),
            None => word.clone(),
        };
        named.place = declared.map(|declared| declared.place);
        // The last word of the path is the name as the source has it.
        if at + 1 == steps.len()
            && let Some(last) = named.path.last_mut()
        {
            *last = word;
        }
        break;
    }
    named
}

/// What the application holds on the way to a thing, the last of it: the object and its name.
pub(super) fn own(scene: &Scene, steps: &[Step]) -> Option<(Node, Named)> {
    let is_own =
        |named: &Named| named.place.as_ref().is_some_and(|place| is_application(&place.file));
    let named = |end: usize| (steps[end - 1].edge.to, name(scene, &steps[..end]));
    (1..steps.len()).rev().map(named).find(|(_, named)| is_own(named))
}

/// How many holders of an object are looked at for one that says more.
const LOOKED_AT: usize = 256;

/// A reference that has a name in the program.
struct Reference {
    kind: Kind,
    from: Node,
    to: Node,
    name: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Variable,
    Property,
    /// An ES module's export; `from` is the module.
    Export,
    /// A local variable or parameter of a suspended async function or generator, whose name V8 does not keep; `from` is
    /// the generator.
    Local,
}

impl Reference {
    fn of(scene: &Scene, step: &Step) -> Option<Self> {
        let to = step.edge.to;
        let name = match step.edge.name {
            EdgeName::String(name) => scene.snapshot.string(name).into_owned(),
            EdgeName::Index(_) => {
                let name = blocks::variable(scene, step.from, &step.edge)?;
                return Some(Reference { kind: Kind::Variable, from: step.from, to, name });
            }
        };
        match step.edge.kind {
            EdgeKind::Context if name != "this" => {
                Some(Reference { kind: Kind::Variable, from: step.from, to, name })
            }
            EdgeKind::Property
                if !matches!(name.as_str(), "__proto__" | "prototype" | "constructor") =>
            {
                let symbol = name.strip_prefix("<symbol ").and_then(|name| name.strip_suffix('>'));
                if symbol.is_some() && scene.is_internal_code(step.from) {
                    return None;
                }
                let name = symbol.map_or(name.clone(), str::to_owned);
                Some(Reference { kind: Kind::Property, from: step.from, to, name })
            }
            EdgeKind::Internal if name == "value" && is_cell(scene, step.from) => {
                let (name, module) = scene.export(step.from)?;
                Some(Reference { kind: Kind::Export, from: module, to, name })
            }
            EdgeKind::Internal if scene.snapshot.kind(step.from) == NodeKind::Array => {
                let generator = scene.suspended(step.from)?;
                let function = scene.function(generator)?;
                let of =
                    if function.name.is_empty() { "an async function" } else { &function.name };
                let name = format!("local variable of {of}");
                Some(Reference { kind: Kind::Local, from: generator, to, name })
            }
            _ => None,
        }
    }

    /// Of several variables for one object the one that it was made for: not an import, a pattern or a parameter.
    fn best(&self, scene: &Scene, step: &Step) -> Option<Reference> {
        let is_final = matches!(self.kind, Kind::Export | Kind::Local);
        if is_final || (self.kind == Kind::Variable && !self.is_alias(scene)) {
            return None;
        }
        let from_exports = self.kind == Kind::Property && scene.function(self.from).is_none();
        if self.kind == Kind::Property && !from_exports {
            return None;
        }
        scene
            .snapshot
            .retainers(step.edge.to)
            .take(LOOKED_AT)
            .filter(|retainer| matches!(retainer.edge.kind, EdgeKind::Context | EdgeKind::Internal))
            .filter_map(|Retainer { from, edge }| Reference::of(scene, &Step { from, edge }))
            .find(|other| {
                other.kind == Kind::Export || (other.kind == Kind::Variable && other.is_made(scene))
            })
    }

    fn variable(&self, scene: &Scene) -> Option<Declared> {
        let function = scene.function_in(self.from)?;
        scene.sources.variable(&function.script, &self.name, function.position)
    }

    fn is_alias(&self, scene: &Scene) -> bool {
        self.variable(scene).is_none_or(|declared| declared.alias)
    }

    fn is_made(&self, scene: &Scene) -> bool {
        let is_own =
            scene.function_in(self.from).is_some_and(|function| !is_internal(&function.script));
        is_own && self.variable(scene).is_some_and(|declared| !declared.alias)
    }

    /// As it was written, where a source map says it.
    fn written(&self, scene: &Scene) -> String {
        let original = || {
            let function = scene.function_in(self.from)?;
            scene.sources.original_name(&function.script, &self.name, function.position)
        };
        match self.kind {
            Kind::Variable => original().unwrap_or_else(|| self.name.clone()),
            Kind::Property | Kind::Export | Kind::Local => self.name.clone(),
        }
    }

    /// The function or class whose property it is.
    fn owner(&self, scene: &Scene) -> Option<String> {
        let is_static =
            self.kind == Kind::Property && scene.snapshot.kind(self.from) == NodeKind::Closure;
        is_static.then(|| class_name(scene, self.from)).filter(|owner| !owner.is_empty())
    }

    /// Where it is declared; `above` leads to the holder.
    fn declared(&self, scene: &Scene, above: &[Step]) -> Option<Declared> {
        let at = |place: Place| Declared { place, name: None, alias: false };
        match self.kind {
            Kind::Variable => {
                let function = scene.function_in(self.from)?;
                let found = scene.sources.variable(&function.script, &self.name, function.position);
                let is_alias = found.as_ref().is_some_and(|declared| declared.alias);
                let exported = if is_alias { exported(scene, self.to) } else { None };
                exported.or(found).or_else(|| Some(at(function.place)))
            }
            Kind::Local => Some(at(scene.function(self.from)?.place)),
            Kind::Export => {
                let code = scene.module_code(self.from)?;
                let found = match self.name.as_str() {
                    "default" => scene.sources.default_export(&code.script),
                    name => scene.sources.variable(&code.script, name, (0, 0)),
                };
                Some(found.unwrap_or_else(|| at(code.place)))
            }
            Kind::Property => {
                // What a module has is the module's, whoever's `require` leads to it.
                if let Some(exports) = exports(scene, self.from) {
                    let code = || Some(at(scene.function(exports)?.place));
                    let found = exported(scene, exports).or_else(code);
                    return found.or_else(|| self.above(scene, above));
                }
                let code: Vec<Function> = classes(scene, self.from);
                let found = code.iter().find_map(|code| {
                    scene.sources.property(&code.script, &self.name, Some(code.position))
                });
                found
                    .or_else(|| code.into_iter().next().map(|code| at(code.place)))
                    .or_else(|| self.above(scene, above))
            }
        }
    }

    /// In the file of an object's own methods, which made them both.
    fn beside_methods(&self, scene: &Scene, object: Node) -> Option<Declared> {
        const METHODS: usize = 16;
        let is_method = |edge: &Edge| {
            edge.kind == EdgeKind::Property && scene.snapshot.kind(edge.to) == NodeKind::Closure
        };
        let methods = scene.snapshot.edges(object).filter(is_method).take(METHODS);
        methods
            .filter_map(|edge| scene.function(edge.to))
            .filter(|code| !is_internal(&code.script))
            .find_map(|code| scene.sources.property(&code.script, &self.name, None))
    }

    /// A property of a plain object: somewhere in the file of what holds the object, or else in the one that defines it.
    fn above(&self, scene: &Scene, above: &[Step]) -> Option<Declared> {
        if is_global(scene, self.from) {
            return scene.find_property(&self.name);
        }
        if let Some(found) = self.beside_methods(scene, self.from) {
            return Some(found);
        }
        let mut below_nodes_own = false;
        for (at, step) in above.iter().enumerate().rev() {
            below_nodes_own |= scene.is_internal_code(step.from);
            let script =
                code_of(scene, step.from).or_else(|| classes(scene, step.from).into_iter().next());
            if let Some(code) = script.filter(|code| !is_internal(&code.script)) {
                return scene
                    .sources
                    .property(&code.script, &self.name, None)
                    .or_else(|| {
                        if below_nodes_own { None } else { scene.find_own_property(&self.name) }
                    })
                    .or_else(|| Reference::of(scene, step)?.declared(scene, &above[..at]));
            }
            if let Some(found) = self.beside_methods(scene, step.from) {
                return Some(found);
            }
            if is_global(scene, step.from) {
                let global = Reference::of(scene, step)?;
                let found = scene.find_property_below(&global.name, &self.name);
                // What an object of Node's has may be Node's too: another's property of that name is none of it.
                let found = found.or_else(|| {
                    if below_nodes_own { None } else { scene.find_property(&self.name) }
                });
                let declared = || global.declared(scene, &above[..at]);
                // So is what the program only speaks of.
                return found.or_else(|| declared().filter(|it| !(below_nodes_own && it.alias)));
            }
        }
        None
    }
}

/// Where a CommonJS module is given what it exports: all of it, or a member.
fn exported(scene: &Scene, value: Node) -> Option<Declared> {
    let whole = || scene.sources.property(&module_file(scene, value)?, "exports", None);
    let member = |Retainer { from, edge }: Retainer| {
        let file = module_file(scene, from).filter(|_| edge.kind == EdgeKind::Property)?;
        scene.sources.property(&file, &scene.snapshot.edge_name(&edge), None)
    };
    whole().or_else(|| scene.snapshot.retainers(value).take(LOOKED_AT).find_map(member))
}

/// What a CommonJS module exports.
fn exports(scene: &Scene, node: Node) -> Option<Node> {
    let is_module = scene.snapshot.raw_name(node) == b"Module" && scene.is_internal_code(node);
    scene.property(node, "exports").filter(|_| is_module)
}

/// The file of the CommonJS module that has these exports.
fn module_file(scene: &Scene, value: Node) -> Option<String> {
    let mut retainers = scene.snapshot.retainers(value).take(LOOKED_AT);
    let module = retainers.find(|retainer| exports(scene, retainer.from) == Some(value))?.from;
    scene.text(scene.property(module, "filename")?)
}

/// The code of a function, or of an instance's class and those that it extends, without Node's own.
fn classes(scene: &Scene, node: Node) -> Vec<Function> {
    if scene.snapshot.kind(node) == NodeKind::Closure {
        return scene.function(node).into_iter().collect();
    }
    let mut found: Vec<Function> = scene.function(node).into_iter().collect();
    let mut at = node;
    for _ in 0..8 {
        let Some(prototype) = scene.property(at, "__proto__") else { break };
        let constructor = scene.property(prototype, "constructor");
        found.extend(constructor.and_then(|constructor| scene.function(constructor)));
        at = prototype;
    }
    found.dedup();
    found.retain(|code| !is_internal(&code.script));
    found
}

/// The name of a function or of an object's class, as it was written where a source map says it.
fn class_name(scene: &Scene, node: Node) -> String {
    let name = scene.snapshot.name(node).into_owned();
    let original = || {
        let function = scene.function(node)?;
        scene.sources.original_name(&function.script, &name, function.position)
    };
    original().unwrap_or(name)
}

fn is_cell(scene: &Scene, node: Node) -> bool {
    scene.snapshot.raw_name(node) == b"system / Cell"
}

/// A file's place in a path: what a person recognises.
pub(super) fn short(file: &str) -> String {
    if is_internal(file) {
        return file.to_owned();
    }
    let from = file.rfind(PACKAGES).map(|at| at + PACKAGES.len());
    match from {
        Some(from) => file[from..].to_owned(),
        None => file.rsplit('/').next().unwrap_or(file).to_owned(),
    }
}

/// The variable that a route begins with, where its object was made for it: what is required belongs to where it is exported.
pub(super) fn variable(scene: &Scene, first: &Step) -> Option<(String, Place)> {
    let reference = Reference::of(scene, first).filter(|it| it.kind != Kind::Property)?;
    let declared = reference.declared(scene, &[]).filter(|declared| !declared.alias)?;
    Some((declared.name.unwrap_or(reference.name), declared.place))
}

/// The code of a scope or of an ES module.
fn code_of(scene: &Scene, node: Node) -> Option<Function> {
    if scene.is_context(node) {
        scene.function_in(node)
    } else if is_module(scene, node) {
        scene.module_code(node)
    } else {
        None
    }
}

fn top(scene: &Scene, node: Node) -> String {
    match code_of(scene, node) {
        Some(code) => format!("module {}", short(&code.place.file)),
        None if is_global(scene, node) => "global".to_owned(),
        None if scene.is_context(node) => "a function's scope".to_owned(),
        None => scene.snapshot.name(node).trim_matches(['(', ')']).to_owned(),
    }
}

/// The module that a reference begins in: of a bundle, whose scope many files share, the one that declares the variable.
fn module(scene: &Scene, step: &Step) -> String {
    let variable = Reference::of(scene, step).filter(|it| it.kind == Kind::Variable);
    match variable.and_then(|it| it.variable(scene)) {
        Some(declared) => format!("module {}", short(&declared.place.file)),
        None => top(scene, step.from),
    }
}

/// Whether it is a module of Node's own that has `process` in a variable: nobody holds it for that.
fn is_process(scene: &Scene, step: &Step) -> bool {
    step.edge.kind == EdgeKind::Context
        && scene.snapshot.edge_name(&step.edge) == "process"
        && scene.is_internal_context(step.from)
}

pub(super) fn path(scene: &Scene, steps: &[Step]) -> Vec<String> {
    let first = steps.first().filter(|step| !is_process(scene, step));
    let mut path: Vec<String> = first.map(|step| module(scene, step)).into_iter().collect();
    for step in steps {
        let label = match Reference::of(scene, step) {
            Some(reference) => reference.written(scene),
            None => match (step.edge.kind, step.edge.name) {
                (EdgeKind::Element, EdgeName::Index(index)) => format!("[{index}]"),
                (EdgeKind::Property, _) => scene.snapshot.edge_name(&step.edge).into_owned(),
                (EdgeKind::Internal, _) if scene.snapshot.edge_name(&step.edge) == "context" => {
                    format!("{}()", class_name(scene, step.from))
                }
                (EdgeKind::Internal, EdgeName::String(name))
                    if memchr::memmem::find(
                        scene.snapshot.raw_string(name),
                        b" / part of key (",
                    )
                    .is_some() =>
                {
                    "(WeakMap value)".to_owned()
                }
                _ => continue,
            },
        };
        // A list is one thing, however many of its links lead on.
        if path.last() != Some(&label) {
            path.push(label);
        }
    }
    const SHOWN: usize = 12;
    if path.len() > SHOWN {
        let cut = path.len() - SHOWN + 1;
        path.splice(1..=cut, ["…".to_owned()]);
    }
    path
}

fn holder(scene: &Scene, steps: &[Step]) -> String {
    let Some(step) = steps.iter().rev().find(|step| Reference::of(scene, step).is_some()) else {
        return steps.first().map(|step| top(scene, step.from)).unwrap_or_default();
    };
    let from = step.from;
    if is_process(scene, step) {
        return "process".to_owned();
    }
    if scene.is_context(from) && !scene.is_module_context(from) {
        let function = scene.function_in(from);
        let above =
            steps.iter().find(|step| step.edge.to == from).map(|step| class_name(scene, step.from));
        let name = above.filter(|name| !name.starts_with("system /") && !name.is_empty());
        return match (name, function) {
            (Some(name), _) => format!("closure {name}"),
            (None, Some(function)) => {
                format!("closure {}:{}", short(&function.place.file), function.place.line)
            }
            (None, None) => "a closure".to_owned(),
        };
    }
    match scene.snapshot.kind(from) {
        NodeKind::Closure => format!("function {}", class_name(scene, from)),
        NodeKind::Object if !scene.is_context(from) && !is_global(scene, from) => {
            format!("object {}", class_name(scene, from))
        }
        NodeKind::Hidden if is_cell(scene, from) => {
            scene.export(from).map(|(_, module)| top(scene, module)).unwrap_or_default()
        }
        _ => module(scene, step),
    }
}

#[cfg(test)]
mod tests {
    use super::super::graphs::program;
    use super::super::route::route;
    use super::*;

    /// A property of the module's `$state` object, or of a function of it, that holds a Map.
    fn named(kind: &'static str, property: &str) -> (String, Vec<String>) {
        let mut graph = program(20);
        let holder = graph.node(kind, if kind == "closure" { "Store" } else { "Object" }, 11, 32);
        graph.edge(2, "context", "state", holder);
        let map = graph.node("object", "Map", 13, 32);
        graph.edge(holder, "property", property, map);
        let snapshot = graph.snapshot();
        snapshot.index_retainers();
        let scene = Scene::new(&snapshot);
        let named = name(&scene, &route(&scene, snapshot.by_id(13).unwrap(), &|_| true));
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
