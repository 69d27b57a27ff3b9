//! Where a JavaScript file declares a variable or first defines a property.
//!
//! A snapshot knows the code position of functions, not of variables; the file itself knows the rest. This is a scanner,
//! not a parser: it sees strings, templates, comments and regular expressions for what they are, follows brackets, and
//! resolves a name from a position outward through the scopes around it. What it cannot see it does not guess.

use std::ops::Range;

use super::lexer::{Lexer, Token};

/// A place in the text that gives a name its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declaration {
    /// The byte where the name stands.
    pub at: usize,
    /// Whether the value comes from elsewhere (`require`, an import, a pattern, a parameter), so that this is a second
    /// name for something declared in another place.
    pub alias: bool,
}

/// Finds where the variable `name` that is visible at byte `near` is declared.
pub fn variable(source: &str, name: &str, near: usize) -> Option<Declaration> {
    let scan = Scan::run(source, name);
    let near = scan.enclosing(near);
    scan.found
        .iter()
        .filter(|found| found.what == What::Variable)
        .filter_map(|found| Some((near.iter().position(|&scope| scope == found.scope)?, found)))
        // The innermost scope first; in one scope the first declaration (`var` may repeat).
        .min_by_key(|(depth, found)| (*depth, found.declaration.at))
        .map(|(_, found)| found.declaration)
}

/// Finds where the property `name` is first given its value, best within the class or function that begins near byte
/// `near`.
pub fn property(source: &str, name: &str, near: Option<usize>) -> Option<Declaration> {
    let scan = Scan::run(source, name);
    let scope = near.and_then(|near| scan.body_after(near));
    let inside = |at: usize| scope.as_ref().is_some_and(|scope| scope.contains(&at));
    scan.found
        .iter()
        .filter_map(|found| match found.what {
            What::Property { made } => {
                Some((!inside(found.declaration.at), !made, found.declaration))
            }
            What::Variable => None,
        })
        .min_by_key(|&(outside, assigned, declaration)| (outside, assigned, declaration.at))
        .map(|(_, _, declaration)| declaration)
}

/// The range of the name of the innermost function or method with one around byte `at`; a constructor's is its class's.
pub fn enclosing_function(source: &str, at: usize) -> Option<Range<usize>> {
    let scan = Scan::run(source, "");
    let around = scan.enclosing(at);
    around.iter().find_map(|&scope| {
        let name = scan.scopes[scope as usize].name.clone()?;
        let is_constructor = source.get(name.clone()) == Some("constructor");
        let class = scan.scopes[scan.scopes[scope as usize].parent as usize].name.clone();
        if is_constructor { class } else { Some(name) }
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Variable,
    /// `made` where a new value stands on the right (`new`, a literal, `Object.create`).
    Property {
        made: bool,
    },
}

struct Found {
    declaration: Declaration,
    scope: u32,
    what: What,
}

struct Scope {
    parent: u32,
    range: Range<usize>,
    /// Of the function or class whose body it is.
    name: Option<Range<usize>>,
}

struct Scan {
    scopes: Vec<Scope>,
    found: Vec<Found>,
}

/// A bracket that is open, or a substitution in a template.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Brace,
    Bracket,
    Paren,
    Template,
}

/// What stands in parentheses.
#[derive(Default)]
struct Parens {
    /// Where the name that is looked for stands in them.
    names: Vec<usize>,
    /// What the function is called whose parameters they may be.
    function: Option<Range<usize>>,
}

/// Words that stand before parentheses and name no function.
fn is_control(word: &str) -> bool {
    matches!(
        word,
        "if" | "for"
            | "while"
            | "switch"
            | "catch"
            | "with"
            | "return"
            | "await"
            | "typeof"
            | "yield"
            | "new"
    )
}

/// A `var`, `let` or `const` that is being read.
struct Declaring {
    depth: usize,
    scope: u32,
    /// The next word at this depth is a name.
    expects_name: bool,
    /// Inside a pattern, which is at this depth.
    pattern: Option<usize>,
}

const MAX_SCOPES: usize = 1 << 20;

impl Scan {
    fn run(source: &str, name: &str) -> Self {
        let mut scan = Scan {
            scopes: vec![Scope { parent: 0, range: 0..source.len(), name: None }],
            found: Vec::new(),
        };
        let mut lexer = Lexer::new(source);
        let mut open: Vec<(Open, u32)> = Vec::new();
        let mut scope = 0u32;
        let mut declaring: Vec<Declaring> = Vec::new();
        // The parentheses that were closed last: what is in them may be the parameters of the body that follows.
        let mut closed = Parens::default();
        let mut parens: Vec<Parens> = Vec::new();
        // The word before the last `=` or `:`, which names a function that follows.
        let mut assigned: Option<Range<usize>> = None;
        let mut class: Option<Option<Range<usize>>> = None;
        let mut last_word: Option<Range<usize>> = None;
        let mut last = Token::Mark(b';');
        let mut before_last = Token::Mark(b';');

        while let Some((at, token)) = lexer.next() {
            let depth = open.len();
            match token {
                Token::Mark(mark @ (b'{' | b'(' | b'[')) => {
                    let kind = match mark {
                        b'{' => Open::Brace,
                        b'(' => Open::Paren,
                        _ => Open::Bracket,
                    };
                    if let Some(declaring) = declaring.last_mut()
                        && declaring.expects_name
                        && declaring.depth == depth
                    {
                        declaring.expects_name = false;
                        declaring.pattern = Some(depth);
                    }
                    open.push((kind, scope));
                    if kind == Open::Paren {
                        let name = match (before_last, last) {
                            (_, Token::Word("function" | "async"))
                            | (_, Token::Mark(b'=' | b':')) => assigned.clone(),
                            (_, Token::Word(word)) if !is_control(word) => last_word.clone(),
                            _ => None,
                        };
                        parens.push(Parens { names: Vec::new(), function: name });
                    }
                    if kind == Open::Brace && scan.scopes.len() < MAX_SCOPES {
                        let is_body = last == Token::Mark(b')') || last == Token::Mark(b'>');
                        let name = match class.take() {
                            Some(class) => class,
                            None if is_body => closed.function.take(),
                            None => None,
                        };
                        scan.scopes.push(Scope { parent: scope, range: at..source.len(), name });
                        scope = (scan.scopes.len() - 1) as u32;
                        if is_body {
                            for at in closed.names.drain(..) {
                                let declaration = Declaration { at, alias: true };
                                scan.found.push(Found { declaration, scope, what: What::Variable });
                            }
                        }
                    }
                }
                Token::Mark(b'}' | b')' | b']') => {
                    if let Some((kind, outer)) = open.pop() {
                        match kind {
                            Open::Brace => {
                                scan.scopes[scope as usize].range.end = at + 1;
                                scope = outer;
                            }
                            Open::Paren => closed = parens.pop().unwrap_or_default(),
                            Open::Template if lexer.template() => open.push((kind, outer)),
                            Open::Template | Open::Bracket => {}
                        }
                    }
                    let depth = open.len();
                    declaring.retain(|declaring| declaring.depth <= depth);
                    if let Some(declaring) = declaring.last_mut()
                        && declaring.pattern == Some(depth)
                    {
                        declaring.pattern = None;
                    }
                }
                Token::Mark(b'`') => open.push((Open::Template, scope)),
                Token::Mark(b',') => {
                    if let Some(declaring) = declaring.last_mut()
                        && declaring.depth == depth
                    {
                        declaring.expects_name = true;
                    }
                }
                Token::Mark(b';') => declaring.retain(|declaring| declaring.depth < depth),
                Token::Word("var" | "let" | "const" | "import") if last != Token::Mark(b'.') => {
                    declaring.retain(|declaring| declaring.depth < depth);
                    declaring.push(Declaring { depth, scope, expects_name: true, pattern: None });
                }
                Token::Word(word) if word == name => {
                    let next = lexer.peek();
                    let declaration = Declaration { at, alias: false };
                    let current = declaring.last_mut();
                    if matches!(last, Token::Word("function" | "class"))
                        || (last == Token::Mark(b'*') && before_last == Token::Word("function"))
                    {
                        scan.found.push(Found { declaration, scope, what: What::Variable });
                    } else if let Some(current) = current.filter(|current| {
                        (current.expects_name && current.depth == depth)
                            || current.pattern.is_some()
                    }) {
                        let alias = current.pattern.is_some() || lexer.is_required();
                        current.expects_name = false;
                        // `{ name: other }` binds the other one.
                        if !(alias && next == Some(b':')) {
                            let declaration = Declaration { at, alias };
                            let scope = current.scope;
                            scan.found.push(Found { declaration, scope, what: What::Variable });
                        }
                    } else if last == Token::Mark(b'.')
                        || open.last().is_none_or(|open| open.0 == Open::Brace)
                    {
                        let key = matches!(last, Token::Mark(b'{' | b',' | b';' | b'}'))
                            || matches!(last, Token::Word(_));
                        let is_inside = !open.is_empty();
                        // What is assigned and declared nowhere is a property of the global object.
                        let defines = lexer.is_assigned()
                            || (is_inside && last != Token::Mark(b'.') && next == Some(b':'))
                            || (is_inside
                                && key
                                && last != Token::Mark(b',')
                                && next == Some(b';'));
                        if defines && last != Token::Mark(b'?') {
                            let what = What::Property { made: lexer.is_made() };
                            scan.found.push(Found { declaration, scope, what });
                        }
                    }
                    if let Some(parens) = parens.last_mut() {
                        parens.names.push(at);
                    }
                }
                Token::Text(text)
                    if text == name
                        && (lexer.peek() == Some(b':') || lexer.peek() == Some(b']')) =>
                {
                    let what = What::Property { made: lexer.is_made() };
                    scan.found.push(Found {
                        declaration: Declaration { at, alias: false },
                        scope,
                        what,
                    });
                }
                Token::Word(_) => {
                    if let Some(declaring) = declaring.last_mut()
                        && declaring.depth == depth
                    {
                        declaring.expects_name = false;
                    }
                }
                _ => {}
            }
            match token {
                Token::Word("class") if last != Token::Mark(b'.') => class = Some(None),
                Token::Word(word) => {
                    let range = at..at + word.len();
                    if class == Some(None) && word != "extends" {
                        class = Some(Some(range.clone()));
                    }
                    last_word = Some(range);
                }
                Token::Mark(b'=' | b':') if matches!(last, Token::Word(_)) => {
                    assigned.clone_from(&last_word);
                }
                _ => {}
            }
            before_last = last;
            last = token;
        }
        scan
    }

    /// The scopes around a byte, innermost first.
    fn enclosing(&self, at: usize) -> Vec<u32> {
        let mut scope = 0;
        // Scopes are in the order of their beginnings: the last one that holds the byte is the innermost.
        for (index, candidate) in self.scopes.iter().enumerate() {
            if candidate.range.contains(&at) {
                scope = index as u32;
            }
        }
        let mut around = vec![scope];
        while scope != 0 {
            scope = self.scopes[scope as usize].parent;
            around.push(scope);
        }
        around
    }

    /// The class around a constructor, or else the body of the function, that begins at a byte.
    fn body_after(&self, at: usize) -> Option<Range<usize>> {
        let inner =
            self.enclosing(at).first().map(|&scope| self.scopes[scope as usize].range.clone())?;
        let next = self
            .scopes
            .iter()
            .find(|scope| scope.range.start >= at)
            .map(|scope| scope.range.clone());
        if inner.start != 0 || inner.end != self.scopes[0].range.end { Some(inner) } else { next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(source: &str, declaration: Option<Declaration>) -> Option<usize> {
        Some(source[..declaration?.at].matches('\n').count() + 1)
    }

    #[test]
    fn a_variable_is_resolved_outward_from_the_function_that_sees_it() {
        let source = "
            const cache = new Map();
            function first() { const cache = []; return () => cache; }
            function second() { /* const cache */ return 'const cache' + `${cache.size}` + cache; }
            const other = 1, later = (a, b) => { let deep = /[/]const cache/.test(a); return deep; }, last = 2;
            const { picked, kept: renamed } = require('x'), mod = require('y');";
        let near = |text: &str| source.find(text).unwrap();
        assert_eq!(line_of(source, variable(source, "cache", near("=> cache"))), Some(3));
        assert_eq!(line_of(source, variable(source, "cache", near("cache.size"))), Some(2));
        assert_eq!(line_of(source, variable(source, "deep", near("return deep"))), Some(5));
        assert_eq!(line_of(source, variable(source, "last", near("picked"))), Some(5));
        assert_eq!(line_of(source, variable(source, "second", 0)), Some(4));
        assert_eq!(variable(source, "deep", near("picked")), None, "not in scope");
        assert!(variable(source, "picked", 0).unwrap().alias);
        assert!(variable(source, "mod", 0).unwrap().alias);
        assert!(!variable(source, "cache", 0).unwrap().alias);
        assert_eq!(variable(source, "kept", 0), None);
        assert!(variable(source, "a", near("let deep")).unwrap().alias, "a parameter");
    }

    #[test]
    fn minified_code_is_read_alike() {
        let source = "var r=class{};function t(e){let n=e/2/1;return()=>n}var o=new Map,a=[],s=t(o);export{o as cache};";
        assert_eq!(variable(source, "o", source.len()).unwrap().at, source.find("o=new").unwrap());
        assert_eq!(
            variable(source, "n", source.find("()=>n").unwrap()).unwrap().at,
            source.find("n=e").unwrap()
        );
    }

    #[test]
    fn a_property_is_found_where_its_value_is_made() {
        let source = "
            class Other { constructor() { this.items = null; } }
            class Store {
              static all = [];
              #secret = new Map();
              ready;
              constructor() { this.items = new Map(); }
              use() { if (this.items === other) this.items = undefined; }
            }
            create.instances = [];
            const options = { limits: {}, 'quoted-name': 1 };
            exports.table ??= {};
            undeclared = [];";
        let store = source.find("constructor() { this.items = new").unwrap();
        assert_eq!(line_of(source, property(source, "items", Some(store))), Some(7));
        assert_eq!(
            line_of(source, property(source, "items", None)),
            Some(7),
            "made beats assigned"
        );
        assert_eq!(
            line_of(source, property(source, "items", Some(source.find("constructor").unwrap()))),
            Some(2)
        );
        assert_eq!(line_of(source, property(source, "all", None)), Some(4));
        assert_eq!(line_of(source, property(source, "#secret", None)), Some(5));
        assert_eq!(line_of(source, property(source, "ready", None)), Some(6));
        assert_eq!(line_of(source, property(source, "instances", None)), Some(10));
        assert_eq!(line_of(source, property(source, "limits", None)), Some(11));
        assert_eq!(line_of(source, property(source, "quoted-name", None)), Some(11));
        assert_eq!(line_of(source, property(source, "table", None)), Some(12));
        assert_eq!(line_of(source, property(source, "undeclared", None)), Some(13));
        assert_eq!(property(source, "missing", None), None);
    }

    #[test]
    fn a_position_has_the_function_around_it() {
        let source = "
            function plain(a) { if (a) { one(); } }
            const arrow = async (b) => { two(); };
            class Session { constructor(c) { three(); } tick() { list.forEach((x) => { four(); }); } }
            module.exports = { method: function () { five(); } };";
        let at = |text: &str| {
            enclosing_function(source, source.find(text).unwrap()).map(|name| &source[name])
        };
        assert_eq!(at("one"), Some("plain"));
        assert_eq!(at("two"), Some("arrow"));
        assert_eq!(at("three"), Some("Session"));
        assert_eq!(at("four"), Some("tick"));
        assert_eq!(at("five"), Some("method"));
        assert_eq!(at("module"), None);
    }

    #[test]
    fn any_text_is_survived() {
        for source in ["", "`${", "/", "'", "}}}", "let", "a = /[", "`${`${`", "/*", "é = 1; let é"]
        {
            let _ = variable(source, "a", 0);
            let _ = property(source, "é", Some(3));
        }
    }
}
