//! Where a JavaScript file declares a variable or first defines a property.
//!
//! A snapshot knows the code position of functions, not of variables; the file itself knows the rest. A name is
//! resolved from a position outward through the scopes around it.

use std::cell::{OnceCell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::js_source::lexer::{Lexer, Token};
pub use crate::js_source::scopes::Declaration;
use crate::js_source::scopes::{Found, Scopes, What, scan};

/// The declarations of one text, which is read once for each name that is asked for.
#[derive(Default)]
pub struct Declarations {
    scopes: OnceCell<Scopes>,
    found: RefCell<FxHashMap<String, Rc<[Found]>>>,
}

impl Declarations {
    /// Finds where the variable `name` that is visible at byte `near` is declared.
    pub fn variable(&self, source: &str, name: &str, near: usize) -> Option<Declaration> {
        let (scopes, found) = self.scan(source, name)?;
        let near = scopes.enclosing(near);
        found
            .iter()
            .filter(|found| found.what == What::Variable)
            .filter_map(|found| Some((near.iter().position(|&scope| scope == found.scope)?, found)))
            // The innermost scope first; in one scope the first declaration (`var` may repeat).
            .min_by_key(|(depth, found)| (*depth, found.declaration.at))
            .map(|(_, found)| found.declaration)
    }

    /// Finds where the property `name` is first given its value, best within the class or function that begins near
    /// byte `near`.
    pub fn property(&self, source: &str, name: &str, near: Option<usize>) -> Option<Declaration> {
        let (scopes, found) = self.scan(source, name)?;
        let scope = near.and_then(|near| scopes.body_after(near));
        let inside = |at: usize| scope.as_ref().is_some_and(|scope| scope.contains(&at));
        found
            .iter()
            .filter_map(|found| {
                let rank = match found.what {
                    What::Property { made: true, .. } => 0,
                    What::Property { made: false, .. } => 1,
                    What::Argument | What::Symbol => 2,
                    What::Variable | What::Passed { .. } => return None,
                };
                let at = found.declaration.at;
                Some((rank == 2, !inside(at), rank, at, found.declaration))
            })
            .min_by_key(|&(is_text, outside, rank, at, _)| (is_text, outside, rank, at))
            .map(|found| found.4)
    }

    /// Finds where a value is given to something else under a name: as an argument of a call behind that name, or where
    /// `by_assignment` by `other.name = ...`; and the byte from which on the value is made. Of a variable that is
    /// passed on that is its declaration.
    pub fn given(
        &self,
        source: &str,
        name: &str,
        by_assignment: bool,
    ) -> Option<(Declaration, usize)> {
        let (_, found) = self.scan(source, name)?;
        found.iter().find_map(|found| {
            let declaration = Declaration { alias: false, ..found.declaration };
            match found.what {
                What::Argument => Some((declaration, declaration.at)),
                What::Property { made: true, given: true } if by_assignment => {
                    Some((declaration, declaration.at))
                }
                What::Passed { variable: (start, end) } => {
                    let passed = self.variable(source, source.get(start..end)?, start)?;
                    (!passed.alias).then_some((declaration, passed.at))
                }
                _ => None,
            }
        })
    }

    /// Finds where the property `name` stands in the object literal that begins in the statement at byte `at`.
    pub fn property_of_literal(&self, source: &str, name: &str, at: usize) -> Option<Declaration> {
        let (scopes, found) = self.scan(source, name)?;
        let literal = scopes.next_after(at)?;
        let is_statement = !source.get(at..literal.start)?.contains(';');
        let is_inside = |found: &&Found| {
            matches!(found.what, What::Property { .. }) && literal.contains(&found.declaration.at)
        };
        found.iter().filter(|_| is_statement).find(is_inside).map(|found| found.declaration)
    }

    /// The range of the variable, function or class that a module exports by default; of another expression that of the
    /// word `default`.
    pub fn default_export(&self, source: &str) -> Option<Range<usize>> {
        let mut lexer = Lexer::new(source);
        let range = |at: usize, word: &str| at..at + word.len();
        let mut before = [(0, Token::Value); 2];
        while let Some((at, token)) = lexer.next() {
            match (before[0], before[1].1, token) {
                ((at, Token::Word(name)), Token::Word("as"), Token::Word("default")) => {
                    return Some(range(at, name));
                }
                (_, Token::Word("export"), Token::Word("default")) => {
                    let mut next = lexer.next()?;
                    let is_head = |token| {
                        let words = ["async", "function", "class", "abstract"];
                        token == Token::Mark(b'*')
                            || words.iter().any(|word| token == Token::Word(word))
                    };
                    let is_declared = is_head(next.1);
                    while is_head(next.1) {
                        next = lexer.next()?;
                    }
                    let is_used = matches!(lexer.peek(), Some(b'.' | b'[' | b'(' | b'`'));
                    return Some(match next {
                        (_, Token::Word("new" | "await" | "extends" | "typeof" | "void")) => {
                            range(at, "default")
                        }
                        (at, Token::Word(name)) if is_declared || !is_used => range(at, name),
                        _ => range(at, "default"),
                    });
                }
                _ => before = [before[1], (at, token)],
            }
        }
        None
    }

    /// The range of the name of the innermost function or method with one around byte `at`; a constructor's is its
    /// class's.
    pub fn enclosing_function(&self, source: &str, at: usize) -> Option<Range<usize>> {
        let scopes = self.scopes(source);
        scopes.enclosing(at).iter().find_map(|&scope| {
            let scope = scopes.of(scope);
            let name = scope.name.clone()?;
            let is_constructor = source.get(name.clone()) == Some("constructor");
            if is_constructor { scopes.of(scope.parent).name.clone() } else { Some(name) }
        })
    }

    /// Where the braces around a byte open, innermost first.
    pub fn braces(&self, source: &str, at: usize) -> Vec<usize> {
        let scopes = self.scopes(source);
        scopes
            .enclosing(at)
            .into_iter()
            .filter(|&scope| scope != 0)
            .map(|scope| scopes.of(scope).begin())
            .collect()
    }

    fn scopes(&self, source: &str) -> &Scopes {
        self.scopes.get_or_init(|| scan(source, "").0)
    }

    fn scan(&self, source: &str, name: &str) -> Option<(&Scopes, Rc<[Found]>)> {
        let known = self.found.borrow().get(name).cloned();
        let found = match known {
            Some(found) => found,
            // Most files do not speak of it: that is seen sooner than scanned.
            None => {
                memchr::memmem::find(source.as_bytes(), name.as_bytes())?;
                let (scopes, found) = scan(source, name);
                self.scopes.get_or_init(|| scopes);
                let found: Rc<[Found]> = found.into();
                self.found.borrow_mut().insert(name.to_owned(), Rc::clone(&found));
                found
            }
        };
        Some((self.scopes(source), found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(source: &str, name: &str, near: usize) -> Option<Declaration> {
        Declarations::default().variable(source, name, near)
    }

    fn property(source: &str, name: &str, near: Option<usize>) -> Option<Declaration> {
        Declarations::default().property(source, name, near)
    }

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
    fn a_name_may_be_given_as_a_text() {
        let source = "
            app.get('recent', handler);
            app.decorate('visits', []);
            const key = Symbol.for('app.sessions'), other = Symbol('tag');
            this.recent = null;
            this.emit('moved', id);
            log.debug('moved', id);";
        assert_eq!(line_of(source, property(source, "visits", None)), Some(3));
        assert_eq!(property(source, "moved", None), None, "is spoken of");
        assert_eq!(line_of(source, property(source, "app.sessions", None)), Some(4));
        assert_eq!(line_of(source, property(source, "tag", None)), Some(4));
        assert_eq!(
            line_of(source, property(source, "recent", None)),
            Some(5),
            "assigned is better"
        );
    }

    #[test]
    fn what_is_given_under_a_name_is_found() {
        let source = "
            const registry = { rows: new Map(), name: 'x' }, id = next();
            app.set('registry', registry);
            app.decorate('audit', { log: new Set(), rows: [] });
            bus.emit('moved', handed, 1);
            log.debug('loaded', 'x');
            app.locals.pages = { cache: {} };
            this.own = { cache: {} };
            function add(handed) { const log = []; }";
        let given = |name: &str, by_assignment: bool| {
            Declarations::default().given(source, name, by_assignment)
        };
        let call = |name: &str| line_of(source, given(name, false).map(|given| given.0));
        assert_eq!((call("registry"), call("audit")), (Some(3), Some(4)));
        assert_eq!(given("moved", true), None, "declared nowhere");
        assert_eq!(given("loaded", true), None);
        assert_eq!(given("pages", false), None);
        assert_eq!(line_of(source, given("pages", true).map(|given| given.0)), Some(7));
        assert_eq!(given("own", true), None);
        let inside = |name: &str, of: &str| {
            let at = given(of, true).unwrap().1;
            line_of(source, Declarations::default().property_of_literal(source, name, at))
        };
        assert_eq!(inside("rows", "registry"), Some(2));
        assert_eq!(inside("rows", "audit"), Some(4));
        assert_eq!(inside("cache", "audit"), None);
        assert_eq!(inside("cache", "pages"), Some(7));
    }

    #[test]
    fn a_default_export_is_what_it_names() {
        let exported =
            |source| Declarations::default().default_export(source).map(|at| &source[at]);
        assert_eq!(exported("const log = [];\nexport default log;"), Some("log"));
        assert_eq!(exported("export default log"), Some("log"));
        assert_eq!(exported("export default async function* pages() {}"), Some("pages"));
        assert_eq!(exported("export default class Store extends Base {}"), Some("Store"));
        for source in [
            "export default []",
            "export default new Map()",
            "export default app.log;",
            "export default class extends B {}",
            "export default () => 1",
        ] {
            assert_eq!(exported(source), Some("default"), "{source}");
        }
        assert_eq!(exported("'export default x'; const { a: default_ } = b;"), None);
    }

    #[test]
    fn a_position_has_the_function_around_it() {
        let source = "
            function plain(a) { if (a) { one(); } }
            const arrow = async (b) => { two(); };
            class Session { constructor(c) { three(); } tick() { list.forEach((x) => { four(); }); } }
            module.exports = { method: function () { five(); } };";
        let at = |text: &str| {
            Declarations::default()
                .enclosing_function(source, source.find(text).unwrap())
                .map(|name| &source[name])
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
