//! What a person would grep for, with scopes resolved: each rule prefers silence to a guess.

mod closures;

use std::path::Path;

use oxc_allocator::Allocator;
use oxc_ast::AstKind;
use oxc_ast::ast::{Argument, BindingPatternKind, CallExpression, Expression, VariableDeclarator};
use oxc_parser::Parser;
use oxc_semantic::{AstNodes, Reference, Semantic, SemanticBuilder, SymbolId};
use oxc_span::{GetSpan, SourceType, Span};
use serde::Serialize;

/// A place that may leak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `map`, `set`, `object`, `array`, `listeners`, `timers` or `closure`, as in plimsoll's reports.
    pub cause: &'static str,
    /// The variable, or the receiver and its event.
    pub name: String,
    /// 1-based, as the columns are.
    pub line: u32,
    /// In UTF-8 bytes from the start of the line.
    pub column: u32,
    /// What was seen.
    pub why: String,
}

/// Why a file has no findings.
#[derive(Debug, PartialEq, Eq)]
pub enum Unread {
    /// Not a kind of source that is read.
    Kind,
    /// It does not parse.
    Syntax,
}

/// What of one file may leak, in the order of the source.
pub fn scan(path: &Path, source: &str) -> Result<Vec<Finding>, Unread> {
    let kind = SourceType::from_path(path).map_err(|_| Unread::Kind)?;
    let allocator = Allocator::default();
    // CommonJS allows a `return` at the top; its syntax shows a module.
    let parsed = Parser::new(&allocator, source, kind).parse();
    if parsed.panicked {
        return Err(Unread::Syntax);
    }
    let semantic = SemanticBuilder::new().build(&parsed.program).semantic;
    let file = File { semantic: &semantic, source };
    let mut findings = file.closures();
    // A listener or an interval that also keeps something large is said once.
    let calls = file.calls().into_iter().filter(|call| {
        !findings.iter().any(|finding| (finding.line, finding.column) == (call.line, call.column))
    });
    let calls: Vec<_> = calls.collect();
    findings.extend(calls);
    findings.extend(file.containers());
    findings.sort_by_key(|finding| (finding.line, finding.column));
    Ok(findings)
}

/// How a use of a container changes it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It is only looked at.
    Read,
    /// It grows, once while the module loads.
    Filled,
    /// It grows, whenever a function is called.
    Grows,
    /// It shrinks or is replaced.
    Shrinks,
    /// It goes where it cannot be followed.
    Escapes,
}

struct File<'s, 'a> {
    semantic: &'s Semantic<'a>,
    source: &'a str,
}

impl<'a> File<'_, 'a> {
    fn nodes(&self) -> &AstNodes<'a> {
        self.semantic.nodes()
    }

    fn finding(&self, cause: &'static str, name: String, span: Span, why: String) -> Finding {
        let before = &self.source[..span.start as usize];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = (before.len() - line_start) as u32 + 1;
        Finding { cause, name, line: self.line(span), column, why }
    }

    fn line(&self, span: Span) -> u32 {
        let before = &self.source.as_bytes()[..span.start as usize];
        before.iter().filter(|&&byte| byte == b'\n').count() as u32 + 1
    }

    /// Module-level Maps, Sets, objects and arrays that functions add to and nothing takes from.
    fn containers(&self) -> Vec<Finding> {
        let scoping = self.semantic.scoping();
        let root = scoping.root_scope_id();
        scoping.iter_bindings_in(root).filter_map(|symbol| self.container(symbol)).collect()
    }

    fn container(&self, symbol: SymbolId) -> Option<Finding> {
        let AstKind::VariableDeclarator(declarator) =
            self.nodes().kind(self.semantic.scoping().symbol_declaration(symbol))
        else {
            return None;
        };
        let cause = container_kind(declarator)?;
        let mut grows = None;
        for reference in self.semantic.symbol_references(symbol) {
            match self.usage(cause, reference) {
                Use::Shrinks | Use::Escapes => return None,
                Use::Grows => grows = grows.or(Some(self.semantic.reference_span(reference))),
                Use::Read | Use::Filled => {}
            }
        }
        let line = self.line(grows?);
        let name = self.semantic.scoping().symbol_name(symbol).to_owned();
        let why = format!("grows at line {line} in a function; nothing here takes from it");
        Some(self.finding(cause, name, declarator.id.span(), why))
    }

    fn usage(&self, cause: &str, reference: &Reference) -> Use {
        let nodes = self.nodes();
        if reference.is_write() {
            return Use::Shrinks;
        }
        if reference.is_type() {
            return Use::Read;
        }
        let id = reference.node_id();
        let member = nodes.parent_node(id);
        let span = nodes.kind(id).span();
        match member.kind() {
            AstKind::StaticMemberExpression(access) if access.object.span() == span => {
                self.member(cause, member.id(), Some(access.property.name.as_str()))
            }
            AstKind::ComputedMemberExpression(access) if access.object.span() == span => {
                // A key that is written out is one of a few; a key that is computed may be any.
                let fixed = matches!(
                    access.expression,
                    Expression::StringLiteral(_) | Expression::NumericLiteral(_)
                );
                self.member(cause, member.id(), fixed.then_some(""))
            }
            AstKind::BinaryExpression(_)
            | AstKind::IfStatement(_)
            | AstKind::UnaryExpression(_) => Use::Read,
            AstKind::ForOfStatement(_) | AstKind::ForInStatement(_) | AstKind::SpreadElement(_) => {
                Use::Read
            }
            _ => Use::Escapes,
        }
    }

    /// What becomes of `container.name`, or of `container[key]` where there is no name.
    fn member(&self, cause: &str, id: oxc_semantic::NodeId, name: Option<&str>) -> Use {
        let nodes = self.nodes();
        let parent = nodes.parent_node(id);
        let span = nodes.kind(id).span();
        let growth = if self.in_function(id) { Use::Grows } else { Use::Filled };
        match parent.kind() {
            AstKind::CallExpression(call) if call.callee.span() == span => {
                match (cause, name.unwrap_or_default()) {
                    ("map", "set") | ("set", "add") | ("array", "push" | "unshift") => growth,
                    ("map" | "set", "delete" | "clear") => Use::Shrinks,
                    ("array", "pop" | "shift" | "splice" | "fill" | "copyWithin") => Use::Shrinks,
                    ("map" | "set", "get" | "has" | "forEach" | "keys" | "values" | "entries") => {
                        Use::Read
                    }
                    ("array" | "object", _) if name.is_some_and(|name| !name.is_empty()) => {
                        Use::Read
                    }
                    // container[key](...) calls a value with the container as this.
                    _ => Use::Escapes,
                }
            }
            AstKind::UnaryExpression(unary) if unary.operator.as_str() == "delete" => Use::Shrinks,
            AstKind::AssignmentExpression(assignment) if assignment.left.span() == span => {
                match (cause, name) {
                    ("array", Some("length")) => Use::Shrinks,
                    ("object" | "array", None) => growth,
                    _ => Use::Read,
                }
            }
            AstKind::UpdateExpression(_) if name == Some("length") => Use::Shrinks,
            _ => Use::Read,
        }
    }

    fn in_function(&self, id: oxc_semantic::NodeId) -> bool {
        self.nodes()
            .ancestor_kinds(id)
            .any(|kind| matches!(kind, AstKind::Function(_) | AstKind::ArrowFunctionExpression(_)))
    }

    /// Listeners that are added in functions and never removed, intervals that cannot be cleared.
    fn calls(&self) -> Vec<Finding> {
        self.nodes()
            .iter()
            .filter_map(|node| match node.kind() {
                AstKind::CallExpression(call) => {
                    self.listener(node.id(), call).or_else(|| self.interval(node.id(), call))
                }
                _ => None,
            })
            .collect()
    }

    /// `receiver.on(event, ...)` in a function, on a receiver that outlives the call.
    fn listener(&self, id: oxc_semantic::NodeId, call: &CallExpression<'a>) -> Option<Finding> {
        let Expression::StaticMemberExpression(callee) = &call.callee else { return None };
        let method = callee.property.name.as_str();
        if !matches!(method, "on" | "addListener" | "prependListener" | "addEventListener")
            || call.arguments.len() < 2
        {
            return None;
        }
        let Expression::Identifier(receiver) = &callee.object else { return None };
        let name = receiver.name.as_str();
        let Some(Argument::StringLiteral(event)) = call.arguments.first() else { return None };
        if !self.in_function(id)
            || !self.outlives(receiver)
            || has_way_out(call)
            || self.removes(name)
        {
            return None;
        }
        let why = format!(
            "added in a function to {name}, which outlives the call; no {name}.off or removeListener in this file"
        );
        Some(self.finding("listeners", format!("{name} '{}'", event.value), call.span, why))
    }

    /// A variable of the module that is what it is for good. Not `process`: what listens there is added once, at the start, as all eleven
    /// places were in the packages that were read for docs/scan.md.
    fn outlives(&self, receiver: &oxc_ast::ast::IdentifierReference<'a>) -> bool {
        let scoping = self.semantic.scoping();
        let symbol = scoping.get_reference(receiver.reference_id()).symbol_id();
        symbol.is_some_and(|symbol| {
            scoping.symbol_scope_id(symbol) == scoping.root_scope_id()
                // What listens on a receiver that is replaced goes with it.
                && !self.semantic.symbol_references(symbol).any(Reference::is_write)
        })
    }

    /// Whether anything in the file takes listeners from a receiver of this name.
    fn removes(&self, name: &str) -> bool {
        self.nodes().iter().any(|node| match node.kind() {
            AstKind::StaticMemberExpression(access) => {
                access.object.is_specific_id(name)
                    && matches!(
                        access.property.name.as_str(),
                        "off" | "removeListener" | "removeAllListeners" | "removeEventListener"
                    )
            }
            _ => false,
        })
    }

    /// `setInterval(...)` in a function, its handle dropped.
    fn interval(&self, id: oxc_semantic::NodeId, call: &CallExpression<'a>) -> Option<Finding> {
        let Expression::Identifier(callee) = &call.callee else { return None };
        let global = self.semantic.is_reference_to_global_variable(callee);
        let dropped = matches!(self.nodes().parent_kind(id), AstKind::ExpressionStatement(_));
        if callee.name != "setInterval" || !global || !dropped || !self.in_function(id) {
            return None;
        }
        Some(self.finding(
            "timers",
            "setInterval".into(),
            call.span,
            "its handle is dropped: nothing can clear it".into(),
        ))
    }
}

/// `{ once: true }`, `{ signal }`: it goes by itself.
fn has_way_out(call: &CallExpression<'_>) -> bool {
    let Some(Argument::ObjectExpression(options)) = call.arguments.get(2) else {
        return call.arguments.len() > 2;
    };
    options.properties.iter().any(|property| match property {
        oxc_ast::ast::ObjectPropertyKind::ObjectProperty(property) => property
            .key
            .static_name()
            .is_some_and(|name| matches!(name.as_ref(), "once" | "signal")),
        oxc_ast::ast::ObjectPropertyKind::SpreadProperty(_) => true,
    })
}

fn container_kind(declarator: &VariableDeclarator<'_>) -> Option<&'static str> {
    let BindingPatternKind::BindingIdentifier(_) = declarator.id.kind else { return None };
    match declarator.init.as_ref()?.get_inner_expression() {
        Expression::NewExpression(new) => match &new.callee {
            Expression::Identifier(class) if class.name == "Map" => Some("map"),
            Expression::Identifier(class) if class.name == "Set" => Some("set"),
            _ => None,
        },
        Expression::ObjectExpression(object) if object.properties.is_empty() => Some("object"),
        Expression::ArrayExpression(array) if array.elements.is_empty() => Some("array"),
        // Object.create(null)
        Expression::CallExpression(call) if call.callee.is_member_expression() => {
            let callee = call.callee.as_member_expression()?;
            (callee.static_property_name() == Some("create")
                && callee.object().is_specific_id("Object"))
            .then_some("object")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<(&'static str, String, u32)> {
        let findings = scan(Path::new("a.ts"), source).expect("it parses");
        findings.into_iter().map(|finding| (finding.cause, finding.name, finding.line)).collect()
    }

    #[test]
    fn containers_that_only_grow_are_found() {
        let source = "const map = new Map();\nconst set = new Set<string>();\nlet list: number[] = [];\nconst table = {};\nconst bare = Object.create(null);\n\
            export function f(k: string) { map.set(k, 1); set.add(k); list.push(1); table[k] = 1; bare[k] = 2; return map.get(k); }";
        let causes = [
            ("map", "map", 1),
            ("set", "set", 2),
            ("array", "list", 3),
            ("object", "table", 4),
            ("object", "bare", 5),
        ];
        assert_eq!(found(source), causes.map(|(cause, name, line)| (cause, name.to_owned(), line)));
    }

    #[test]
    fn containers_with_a_way_out_are_not() {
        for source in [
            "const m = new Map(); function f(k) { m.set(k, 1); m.delete(k); }",
            "const m = new Map(); function f(k) { m.set(k, 1); if (m.size > 9) m.clear(); }",
            "let m = new Map(); function f(k) { m.set(k, 1); m = new Map(); }",
            "const a = []; function f(k) { a.push(k); a.length = 0; }",
            "const a = []; function f(k) { a.push(k); return a.shift(); }",
            "const o = {}; function f(k) { o[k] = 1; delete o[k]; }",
            // Where it goes cannot be followed.
            "const m = new Map(); function f(k) { m.set(k, 1); } bound(m);",
            "const m = new Map(); function f(k) { m.set(k, 1); } module.exports = { m };",
            // Filled once.
            "const m = new Map(); m.set(1, 2); function f(k) { return m.get(k); }",
            "const o = {}; o.a = 1; function f() { o.b = 2; }",
            // Of one call.
            "function f(k) { const m = new Map(); m.set(k, 1); return m; }",
            "const w = new WeakMap(); function f(k) { w.set(k, 1); }",
        ] {
            assert_eq!(found(source), [], "{source}");
        }
    }

    #[test]
    fn listeners_on_what_outlives_the_call() {
        assert_eq!(
            found(
                "import { bus } from './bus';\nfunction f(r) {\n  bus.on('change', () => r.end());\n}"
            ),
            [("listeners", "bus 'change'".into(), 3)]
        );
        for source in [
            "bus.on('change', f);",
            "function f(socket) { socket.on('data', g); }",
            "let w = null; function f() { w ??= new Worker('a'); w.on('exit', () => { w = null; }); }",
            "function f() { process.on('exit', g); }",
            "const bus = g(); function f() { bus.on('x', h); bus.off('x', h); }",
            "const bus = g(); function f(signal) { bus.addEventListener('x', h, { signal }); }",
            "const bus = g(); function f() { bus.once('x', h); }",
        ] {
            assert_eq!(found(source), [], "{source}");
        }
    }

    #[test]
    fn intervals_that_nobody_can_clear() {
        assert_eq!(
            found("function f() {\n  setInterval(g, 9);\n}"),
            [("timers", "setInterval".into(), 2)]
        );
        for source in [
            "setInterval(g, 9);",
            "function f() { return setInterval(g, 9); }",
            "function f(setInterval) { setInterval(g, 9); }",
        ] {
            assert_eq!(found(source), [], "{source}");
        }
    }

    #[test]
    fn what_is_no_source_is_said() {
        assert_eq!(scan(Path::new("a.txt"), ""), Err(Unread::Kind));
        assert_eq!(scan(Path::new("a.js"), "const = ;"), Err(Unread::Syntax));
    }
}
