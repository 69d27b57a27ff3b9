//! Functions that are kept for long and see a local variable that is large: V8 keeps the variable as long as the
//! function, whether it is called again or not.

use oxc_ast::AstKind;
use oxc_ast::ast::{
    Argument, BinaryOperator, BindingPatternKind, CallExpression, Expression, NewExpression,
    VariableDeclarator,
};
use oxc_semantic::{NodeId, SymbolId};
use oxc_span::{GetSpan, Span};

use super::{File, Finding, Use, container_kind};

/// Bytes or elements from which on a value that is made with a size is large.
const LARGE: f64 = 65_536.0;

/// Where a function is kept: what the finding is called, its place, and how long.
struct Kept {
    name: String,
    span: Span,
    how: String,
}

impl<'a> File<'_, 'a> {
    /// Large locals that are captured by a function which outlives the call.
    pub(super) fn closures(&self) -> Vec<Finding> {
        self.nodes()
            .iter()
            .filter_map(|node| match node.kind() {
                AstKind::VariableDeclarator(declarator) if self.in_function(node.id()) => {
                    self.captured(declarator)
                }
                _ => None,
            })
            .collect()
    }

    fn captured(&self, declarator: &VariableDeclarator<'a>) -> Option<Finding> {
        let source = large(declarator.init.as_ref()?)?;
        let BindingPatternKind::BindingIdentifier(local) = &declarator.id.kind else { return None };
        let symbol = local.symbol_id();
        let references: Vec<_> = self.semantic.symbol_references(symbol).collect();
        // What is assigned again may be let go: `rows = null`.
        if references.iter().any(|reference| reference.is_write()) {
            return None;
        }
        let owner = self.semantic.scoping().symbol_scope_id(symbol);
        let kept = references.iter().find_map(|reference| {
            let within = |scope| self.semantic.scoping().scope_ancestors(scope).any(|s| s == owner);
            self.nodes()
                .ancestors(reference.node_id())
                // Up to the function that the variable is of.
                .take_while(|node| within(node.scope_id()))
                .filter(|node| is_function(node.kind()))
                .find_map(|node| self.kept(node.id()))
        })?;
        let line = self.line(declarator.id.span());
        let why = format!(
            "{}, and with it `{}` of line {line} ({source}), which the function sees",
            kept.how, local.name
        );
        Some(self.finding("closure", kept.name, kept.span, why))
    }

    /// Where a function is kept that is written out there, or goes there by its name.
    fn kept(&self, function: NodeId) -> Option<Kept> {
        self.kept_at(function).or_else(|| {
            let name = self.name_of(function)?;
            self.semantic
                .symbol_references(name)
                .find_map(|reference| self.kept_at(reference.node_id()))
        })
    }

    fn name_of(&self, function: NodeId) -> Option<SymbolId> {
        if let AstKind::Function(function) = self.nodes().kind(function)
            && function.is_declaration()
        {
            return function.id.as_ref().map(|id| id.symbol_id());
        }
        let AstKind::VariableDeclarator(declarator) = self.nodes().parent_kind(function) else {
            return None;
        };
        let BindingPatternKind::BindingIdentifier(id) = &declarator.id.kind else { return None };
        Some(id.symbol_id())
    }

    fn kept_at(&self, value: NodeId) -> Option<Kept> {
        let parent = self.nodes().parent_node(value);
        match parent.kind() {
            AstKind::Argument(_) => {
                let call = self.nodes().parent_node(parent.id());
                let AstKind::CallExpression(expression) = call.kind() else { return None };
                self.kept_by_call(call.id(), expression)
            }
            AstKind::AssignmentExpression(assignment)
                if assignment.right.span() == self.nodes().kind(value).span() =>
            {
                let target = assignment.left.as_member_expression()?;
                let Expression::Identifier(holder) = target.object() else { return None };
                // `exports.f = ...` and the like are the module's own functions, defined once.
                if target.static_property_name().is_some() || !self.in_function(parent.id()) {
                    return None;
                }
                self.kept_in(holder, assignment.span, "is stored in")
            }
            _ => None,
        }
    }

    fn kept_by_call(&self, id: NodeId, call: &CallExpression<'a>) -> Option<Kept> {
        if let Some(found) = self.listener(id, call) {
            let how = format!("the listener stays on {}", found.name);
            return Some(Kept { name: found.name, span: call.span, how });
        }
        if self.interval(id, call).is_some() {
            let how = "the interval is never cleared".to_owned();
            return Some(Kept { name: "setInterval".into(), span: call.span, how });
        }
        let Expression::StaticMemberExpression(callee) = &call.callee else { return None };
        let Expression::Identifier(holder) = &callee.object else { return None };
        let adds = matches!(callee.property.name.as_str(), "push" | "unshift" | "add" | "set");
        if !adds || !self.in_function(id) {
            return None;
        }
        self.kept_in(holder, call.span, "is added to")
    }

    /// Kept by a container of the module from which nothing is taken.
    fn kept_in(
        &self,
        holder: &oxc_ast::ast::IdentifierReference<'a>,
        span: Span,
        how: &str,
    ) -> Option<Kept> {
        if !self.outlives(holder) {
            return None;
        }
        let scoping = self.semantic.scoping();
        let symbol = scoping.get_reference(holder.reference_id()).symbol_id()?;
        let AstKind::VariableDeclarator(declarator) =
            self.nodes().kind(scoping.symbol_declaration(symbol))
        else {
            return None;
        };
        let cause = container_kind(declarator)?;
        let shrinks = |reference| self.usage(cause, reference) == Use::Shrinks;
        if self.semantic.symbol_references(symbol).any(shrinks) {
            return None;
        }
        let name = holder.name.to_string();
        let how = format!("the function {how} `{name}`, from which nothing here is taken");
        Some(Kept { name, span, how })
    }
}

fn is_function(kind: AstKind<'_>) -> bool {
    matches!(kind, AstKind::Function(_) | AstKind::ArrowFunctionExpression(_))
}

/// Why a value is large, where its expression says so: a whole file or body, or a size that is written out.
fn large(value: &Expression<'_>) -> Option<String> {
    match value.get_inner_expression() {
        Expression::AwaitExpression(awaited) => large(&awaited.argument),
        Expression::CallExpression(call) => large_call(call),
        Expression::NewExpression(new) => large_new(new),
        _ => None,
    }
}

fn large_call(call: &CallExpression<'_>) -> Option<String> {
    if let Expression::Identifier(function) = &call.callee {
        let name = function.name.as_str();
        return match name {
            "readFileSync" | "readFile" => Some(name.into()),
            "Array" => size(&call.arguments).map(|n| format!("{n} elements")),
            _ => None,
        };
    }
    let callee = call.callee.as_member_expression()?;
    let method = callee.static_property_name()?;
    let object = callee.object();
    match method {
        "readFileSync" | "readFile" | "arrayBuffer" | "blob" | "toArray" => Some(method.into()),
        "alloc" | "allocUnsafe" | "allocUnsafeSlow" if object.is_specific_id("Buffer") => {
            size(&call.arguments).map(|n| format!("{n} bytes"))
        }
        "parse" if object.is_specific_id("JSON") => large(call.arguments.first()?.as_expression()?),
        "from" if object.is_specific_id("Array") => {
            let Argument::ObjectExpression(like) = call.arguments.first()? else { return None };
            like.properties.iter().find_map(|property| {
                let property = property.as_property()?;
                let length = number(&property.value).filter(|&n| n >= LARGE)?;
                property.key.is_specific_static_name("length").then(|| format!("{length} elements"))
            })
        }
        "repeat" => size(&call.arguments).map(|n| format!("repeated {n} times")),
        // As large as what it is made of.
        "fill" | "map" | "split" | "toString" | "slice" | "concat" => large(object),
        _ => None,
    }
}

fn large_new(new: &NewExpression<'_>) -> Option<String> {
    let Expression::Identifier(class) = &new.callee else { return None };
    let name = class.name.as_str();
    let counted = name == "Array" || name == "ArrayBuffer" || name.ends_with("Array");
    counted.then(|| size(&new.arguments)).flatten().map(|n| format!("{name} of {n}"))
}

/// A size that is large, written out as the first argument.
fn size(arguments: &[Argument<'_>]) -> Option<f64> {
    number(arguments.first()?.as_expression()?).filter(|&size| size >= LARGE)
}

/// What an expression of number literals comes to: `64 * 1024 * 1024`, `2 ** 20`, `1 << 20`.
fn number(value: &Expression<'_>) -> Option<f64> {
    match value.get_inner_expression() {
        Expression::NumericLiteral(literal) => Some(literal.value),
        Expression::BinaryExpression(binary) => {
            let (left, right) = (number(&binary.left)?, number(&binary.right)?);
            match binary.operator {
                BinaryOperator::Multiplication => Some(left * right),
                BinaryOperator::Addition => Some(left + right),
                BinaryOperator::Exponential => Some(left.powf(right)),
                BinaryOperator::ShiftLeft => Some(left * right.exp2()),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::rules::scan;

    fn closures(source: &str) -> Vec<(String, u32)> {
        let findings = scan(Path::new("a.ts"), source).expect("it parses");
        findings
            .into_iter()
            .filter(|finding| finding.cause == "closure")
            .map(|finding| (finding.name, finding.line))
            .collect()
    }

    #[test]
    fn functions_that_stay_with_a_large_local() {
        for (source, name) in [
            (
                "const handlers = [];\nfunction f() { const text = fs.readFileSync('a');\n handlers.push(() => text.length); }",
                "handlers",
            ),
            (
                "const seen = new Map();\nasync function f(k) { const body = await response.arrayBuffer();\n seen.set(k, function () { return body; }); }",
                "seen",
            ),
            (
                "const table = {};\nfunction f(k) { const rows = new Array(1e6).fill(k);\n table[k] = () => rows; }",
                "table",
            ),
            (
                "import { bus } from './bus';\nfunction f() { const b = Buffer.alloc(64 * 1024 * 1024);\n bus.on('x', () => g(b)); }",
                "bus 'x'",
            ),
            (
                "function f() { const rows = Array.from({ length: 100_000 }, g);\n\n setInterval(() => rows.length, 9); }",
                "setInterval",
            ),
            // By its name, and from a function within.
            (
                "const all = new Set();\nfunction f() { const data = JSON.parse(await1(readFileSync('a'))) ?? 1; const text = 'x'.repeat(1 << 20); function g() { return () => text; }\n all.add(g); }",
                "all",
            ),
            (
                "const all = new Set();\nfunction f() { const data = JSON.parse(readFileSync('a', 'utf8')); const g = () => data;\n all.add(g); }",
                "all",
            ),
        ] {
            assert_eq!(closures(source), [(name.to_owned(), 3)], "{source}");
        }
    }

    #[test]
    fn functions_that_go_or_see_nothing_large() {
        for source in [
            // Nothing large, or not seen.
            "const h = []; function f(rows) { const { length } = rows; h.push(() => length); }",
            "const h = []; function f() { const b = Buffer.alloc(16); h.push(() => b); }",
            "const h = []; function f() { const t = fs.readFileSync('a'); const n = t.length; h.push(() => n); }",
            // Let go.
            "const h = []; function f() { let t = fs.readFileSync('a'); h.push(() => t); t = null; }",
            "const h = []; function f() { const t = fs.readFileSync('a'); h.push(() => t); } function g() { h.pop(); }",
            "const bus = g(); function f() { const t = fs.readFileSync('a'); bus.on('x', h); bus.off('x', h); function h() { return t; } }",
            // Of one call, or called and gone.
            "function f() { const h = []; const t = fs.readFileSync('a'); h.push(() => t); }",
            "function f() { const t = fs.readFileSync('a'); return [1].map(() => t); }",
            "function f() { const t = fs.readFileSync('a'); setTimeout(() => t, 9); }",
            // Of the module: there is one of it, for ever.
            "const h = []; const t = fs.readFileSync('a'); h.push(() => t); function f() { h.push(() => t); }",
            "exports.f = function () { const t = fs.readFileSync('a'); exports.g = () => t; };",
        ] {
            assert_eq!(closures(source), [], "{source}");
        }
    }
}
