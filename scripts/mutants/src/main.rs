//! Puts all mutants that cargo-mutants lists into one build of a crate: each is behind a condition, and the environment
//! chooses one when the tests run. cargo-mutants itself builds the crate once for each.
//!
//! `plimsoll-mutants LIST.json CRATE [NUMBER ...]`: rewrites the files of CRATE that the list names. A mutant's number is
//! its place in the list; those that are given are left out, because they do not compile. Prints the numbers that are in.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::ops::Range;
use std::path::Path;

use proc_macro2::{LineColumn, Span};
use serde_json::Value;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A mutant of the list.
struct Mutant {
    number: usize,
    genre: String,
    /// Line from 1 and column from 0, as syn has them.
    at: (usize, usize),
    replacement: String,
    name: String,
}

/// What is put in the place of a part of the text.
enum Edit {
    /// `L op R`: the operands, and the operator of each mutant.
    Binary { left: Range<usize>, right: Range<usize>, mutants: Vec<(usize, String)> },
    /// `-x`, `!x` without the operator.
    Unary { operand: Range<usize>, number: usize },
    /// The body of a function, between its braces, by values that are returned at once.
    Body { mutants: Vec<(usize, String)> },
    /// A guard, by `true` or `false`.
    Guard { mutants: Vec<(usize, String)>, deletes: Option<usize> },
    /// After a pattern without a guard: the arm is not there.
    Arm { number: usize },
    /// A field of a struct expression, which the base then gives.
    Field { name: String, is_short: bool, value: Range<usize>, base: Range<usize>, number: usize },
}

struct Finder<'a> {
    text: &'a str,
    lines: Vec<usize>,
    mutants: Vec<&'a Mutant>,
    taken: BTreeSet<usize>,
    /// Where arms begin that a match cannot do without: no other one takes what they do.
    needed: BTreeSet<(usize, usize)>,
    /// By their range; those that are within others come later.
    edits: Vec<(Range<usize>, Edit)>,
}

impl<'a> Finder<'a> {
    fn offset(&self, at: LineColumn) -> usize {
        let line = self.lines[at.line - 1];
        let rest = &self.text[line..];
        line + rest.char_indices().nth(at.column).map_or(rest.len(), |(offset, _)| offset)
    }

    fn range(&self, span: Span) -> Range<usize> {
        self.offset(span.start())..self.offset(span.end())
    }

    /// The mutants of a genre that begin here.
    fn at(&self, genre: &str, span: Span) -> Vec<&'a Mutant> {
        let start = span.start();
        let is_here =
            |mutant: &&&Mutant| mutant.genre == genre && mutant.at == (start.line, start.column);
        self.mutants.iter().filter(is_here).copied().collect()
    }

    fn add(&mut self, range: Range<usize>, edit: Edit, numbers: impl IntoIterator<Item = usize>) {
        self.taken.extend(numbers);
        self.edits.push((range, edit));
    }

    fn body(&mut self, output: &syn::ReturnType, block: &syn::Block) {
        // `impl Trait` is one type: a value of another one cannot be returned beside it.
        if let syn::ReturnType::Type(_, output) = output
            && self.text[self.range(output.span())].contains("impl ")
        {
            return;
        }
        let open = self.offset(block.brace_token.span.open().end());
        let close = self.offset(block.brace_token.span.close().start());
        let Some(first) = block.stmts.first() else { return };
        let found = self.at("FnValue", first.span());
        if found.is_empty() {
            return;
        }
        let mutants: Vec<_> =
            found.iter().map(|mutant| (mutant.number, mutant.replacement.clone())).collect();
        let numbers: Vec<_> = mutants.iter().map(|(number, _)| *number).collect();
        self.add(open..close, Edit::Body { mutants }, numbers);
    }
}

/// Whether an expression binds by `let`, so that it stands in the condition of an `if` and nowhere else.
fn binds(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => binds(&binary.left) || binds(&binary.right),
        _ => false,
    }
}

/// Whether code with these attributes is built for the tests on this platform.
fn is_built(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().filter(|each| each.path().is_ident("cfg")).all(|each| match &each.meta {
        syn::Meta::List(list) => list.parse_args::<syn::Meta>().is_ok_and(|meta| holds(&meta)),
        _ => true,
    })
}

fn holds(meta: &syn::Meta) -> bool {
    use syn::{Expr, Lit, Meta, Token, punctuated::Punctuated};
    let name = meta.path().get_ident().map_or(String::new(), ToString::to_string);
    match meta {
        Meta::Path(_) => match name.as_str() {
            "unix" => cfg!(unix),
            "windows" => cfg!(windows),
            name => name == "test",
        },
        Meta::NameValue(pair) => {
            let Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) = &pair.value else {
                return true;
            };
            match name.as_str() {
                "target_os" => text.value() == std::env::consts::OS,
                "target_arch" => text.value() == std::env::consts::ARCH,
                "target_env" => (text.value() == "gnu") == cfg!(target_env = "gnu"),
                _ => true,
            }
        }
        Meta::List(list) => {
            let parse = Punctuated::<Meta, Token![,]>::parse_terminated;
            let Ok(inner) = list.parse_args_with(parse) else { return true };
            match name.as_str() {
                "not" => !inner.iter().all(holds),
                "any" => inner.iter().any(holds),
                _ => inner.iter().all(holds),
            }
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if is_built(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if is_built(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    // What is computed when the crate is built cannot ask for the mutant.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_item_enum(&mut self, _: &'ast syn::ItemEnum) {}

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if item.sig.constness.is_some() || !is_built(&item.attrs) {
            return;
        }
        self.body(&item.sig.output, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if item.sig.constness.is_some() || !is_built(&item.attrs) {
            return;
        }
        self.body(&item.sig.output, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.body(&item.sig.output, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_expr_repeat(&mut self, item: &'ast syn::ExprRepeat) {
        self.visit_expr(&item.expr);
    }

    fn visit_expr_binary(&mut self, item: &'ast syn::ExprBinary) {
        if !binds(&item.left) && !binds(&item.right) {
            let found = self.at("BinaryOperator", item.op.span());
            if !found.is_empty() {
                let mutants: Vec<_> = found
                    .iter()
                    .map(|mutant| (mutant.number, mutant.replacement.clone()))
                    .collect();
                let numbers: Vec<_> = mutants.iter().map(|(number, _)| *number).collect();
                let (left, right) = (self.range(item.left.span()), self.range(item.right.span()));
                self.add(left.start..right.end, Edit::Binary { left, right, mutants }, numbers);
            }
        }
        visit::visit_expr_binary(self, item);
    }

    fn visit_expr_unary(&mut self, item: &'ast syn::ExprUnary) {
        if let [mutant] = self.at("UnaryOperator", item.op.span())[..] {
            let operand = self.range(item.expr.span());
            let range = self.offset(item.op.span().start())..operand.end;
            self.add(range, Edit::Unary { operand, number: mutant.number }, [mutant.number]);
        }
        visit::visit_expr_unary(self, item);
    }

    fn visit_expr_match(&mut self, item: &'ast syn::ExprMatch) {
        let takes_all =
            |arm: &syn::Arm| arm.guard.is_none() && matches!(arm.pat, syn::Pat::Wild(_));
        if !item.arms.iter().any(takes_all) {
            let bare = item.arms.iter().filter(|arm| arm.guard.is_none());
            let starts = bare.map(|arm| arm.span().start()).map(|at| (at.line, at.column));
            self.needed.extend(starts);
        }
        visit::visit_expr_match(self, item);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let start = arm.span().start();
        let deletes = self.at("MatchArm", arm.span()).first().map(|mutant| mutant.number);
        let deletes = deletes.filter(|_| !self.needed.contains(&(start.line, start.column)));
        match &arm.guard {
            Some((_, guard)) if !binds(guard) => {
                let found = self.at("MatchArmGuard", guard.span());
                let mutants: Vec<_> = found
                    .iter()
                    .map(|mutant| (mutant.number, mutant.replacement.clone()))
                    .collect();
                let numbers: Vec<_> =
                    mutants.iter().map(|(number, _)| *number).chain(deletes).collect();
                if !numbers.is_empty() {
                    self.add(self.range(guard.span()), Edit::Guard { mutants, deletes }, numbers);
                }
            }
            None if deletes.is_some() => {
                let end = self.range(arm.pat.span()).end;
                let number = deletes.unwrap_or_default();
                self.add(end..end, Edit::Arm { number }, [number]);
            }
            _ => {}
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_struct(&mut self, item: &'ast syn::ExprStruct) {
        if let Some(base) = &item.rest {
            for field in &item.fields {
                let syn::Member::Named(name) = &field.member else { continue };
                if let [mutant] = self.at("StructField", field.span())[..] {
                    let edit = Edit::Field {
                        name: name.to_string(),
                        is_short: field.colon_token.is_none(),
                        value: self.range(field.expr.span()),
                        base: self.range(base.span()),
                        number: mutant.number,
                    };
                    self.add(self.range(field.span()), edit, [mutant.number]);
                }
            }
        }
        visit::visit_expr_struct(self, item);
    }
}

/// The text with the edits in it: those of a range, from the outermost on.
struct Writer<'a> {
    text: &'a str,
    edits: Vec<(Range<usize>, Edit)>,
}

impl Writer<'_> {
    fn plain(&self, range: &Range<usize>) -> &str {
        &self.text[range.clone()]
    }

    /// The text of a range, with the edits within it from the `next`-th on.
    fn write(&self, range: Range<usize>, mut next: usize) -> String {
        let mut out = String::new();
        let mut at = range.start;
        while let Some((place, edit)) = self.edits.get(next) {
            if place.start > range.end || (place.start == range.end && !place.is_empty()) {
                break;
            }
            if place.start < at || place.end > range.end {
                next += 1;
                continue;
            }
            out.push_str(&self.text[at..place.start]);
            out.push_str(&self.edited(place, edit, next + 1));
            at = place.end;
            next += 1;
            while self.edits.get(next).is_some_and(|(inner, _)| inner.start < at) {
                next += 1;
            }
        }
        out.push_str(&self.text[at..range.end]);
        out
    }

    fn edited(&self, place: &Range<usize>, edit: &Edit, next: usize) -> String {
        let is = |number: &usize| format!("crate::mutant::is({number})");
        match edit {
            Edit::Binary { left, right, mutants } => {
                let mut out = String::from("(");
                for (number, operator) in mutants {
                    let (left, right) = (self.plain(left), self.plain(right));
                    out += &format!(
                        "if {} {{ /*<{number}*/ ({left}) {operator} ({right}) /*>*/ }} else ",
                        is(number)
                    );
                }
                let operator = self.text[left.end..right.start].to_owned();
                let own =
                    self.write(left.clone(), next) + &operator + &self.write(right.clone(), next);
                out + &format!("{{ ({own}) }})")
            }
            Edit::Unary { operand, number } => {
                let operator = &self.text[place.start..operand.start];
                let own = self.write(operand.clone(), next);
                format!(
                    "(if {} {{ /*<{number}*/ ({}) /*>*/ }} else {{ {operator}{own} }})",
                    is(number),
                    self.plain(operand)
                )
            }
            Edit::Body { mutants } => {
                let mut out = String::new();
                for (number, value) in mutants {
                    out += &format!(" if {} {{ /*<{number}*/ return {value}; /*>*/ }}", is(number));
                }
                out + &self.write(place.clone(), next)
            }
            Edit::Guard { mutants, deletes } => {
                let mut out = deletes.map_or(String::new(), |number| {
                    format!("/*<{number}*/ !{} && /*>*/ ", is(&number))
                });
                out += "(";
                for (number, value) in mutants {
                    out += &format!("if {} {{ /*<{number}*/ {value} /*>*/ }} else ", is(number));
                }
                out + &format!("{{ ({}) }})", self.write(place.clone(), next))
            }
            Edit::Arm { number } => format!(" if /*<{number}*/ !{} /*>*/", is(number)),
            Edit::Field { name, is_short, value, base, number } => {
                let own = if *is_short { name.clone() } else { self.write(value.clone(), next) };
                format!(
                    "{name}: if {} {{ /*<{number}*/ ({}).{name} /*>*/ }} else {{ {own} }}",
                    is(number),
                    self.plain(base)
                )
            }
        }
    }
}

fn rewrite(file: &Path, mutants: Vec<&Mutant>) -> Result<BTreeSet<usize>, Box<dyn Error>> {
    let text = std::fs::read_to_string(file)?;
    let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let (taken, needed) = Default::default();
    let mut finder = Finder { text: &text, lines, mutants, taken, needed, edits: Vec::new() };
    finder.visit_file(&syn::parse_file(&text)?);
    let Finder { taken, mut edits, .. } = finder;
    // The outer ones first: a body that is one expression is outside of it.
    edits.sort_by_key(|(range, edit)| {
        (range.start, std::cmp::Reverse(range.end), !matches!(edit, Edit::Body { .. }))
    });
    let writer = Writer { text: &text, edits };
    std::fs::write(file, writer.write(0..text.len(), 0))?;
    Ok(taken)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let list = arguments.next().ok_or("a list is missing")?;
    let root = arguments.next().ok_or("a crate is missing")?;
    let left_out: BTreeSet<usize> = arguments.map(|each| each.parse()).collect::<Result<_, _>>()?;
    let list: Value = serde_json::from_str(&std::fs::read_to_string(list)?)?;
    let mut files: BTreeMap<String, Vec<Mutant>> = BTreeMap::new();
    for (number, each) in list.as_array().ok_or("no list")?.iter().enumerate() {
        if left_out.contains(&number) {
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let start = &each["span"]["start"];
        let place = |name: &str| start[name].as_u64().unwrap_or(1) as usize;
        files.entry(text(&each["file"])).or_default().push(Mutant {
            number,
            genre: text(&each["genre"]),
            at: (place("line"), place("column") - 1),
            replacement: text(&each["replacement"]),
            name: text(&each["name"]),
        });
    }
    let mut all = BTreeSet::new();
    for (file, mutants) in &files {
        let taken = rewrite(&Path::new(&root).join(file), mutants.iter().collect())?;
        for mutant in mutants.iter().filter(|mutant| !taken.contains(&mutant.number)) {
            eprintln!("not in the build: {}", mutant.name);
        }
        all.extend(taken);
    }
    println!("{}", serde_json::to_string(&all)?);
    Ok(())
}
