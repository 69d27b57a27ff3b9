//! The scopes of a JavaScript text and what gives one name a meaning in it.
//!
//! A scanner, not a parser: it sees strings, templates, comments and regular expressions for what they are, and follows
//! brackets. What it cannot see it does not guess.

use std::ops::Range;

use crate::js_source::lexer::{Lexer, Token};

/// A place in the text that gives a name its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declaration {
    /// The byte where the name stands.
    pub at: usize,
    /// Whether the value comes from elsewhere (`require`, an import, a pattern, a parameter), so that this is a second
    /// name for something declared in another place.
    pub alias: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Variable,
    Property {
        /// A new value stands on the right (`new`, a literal, `Object.create`).
        made: bool,
        /// It is assigned to a member of something else than `this`: `app.name = ...`.
        given: bool,
    },
    /// The name is a text argument of a call, followed by a value that is made there: `app.decorate('name', [])`.
    Argument,
    /// The name is a text argument of a call, followed by a variable: `app.set('name', registry)`.
    Passed {
        /// Where the variable's name begins and ends.
        variable: (usize, usize),
    },
    /// The name is the text of a `Symbol`.
    Symbol,
}

/// Something that gives the name a meaning.
pub struct Found {
    pub declaration: Declaration,
    pub scope: u32,
    pub what: What,
}

/// The text between two braces, or all of it.
pub struct Scope {
    pub parent: u32,
    range: Range<usize>,
    /// Of the function or class whose body it is.
    pub name: Option<Range<usize>>,
}

impl Scope {
    /// Where its brace stands.
    pub fn begin(&self) -> usize {
        self.range.start
    }
}

/// In the order of their beginnings; the first is the whole text.
pub struct Scopes(Vec<Scope>);

impl Scopes {
    pub fn of(&self, scope: u32) -> &Scope {
        &self.0[scope as usize]
    }

    /// The scopes around a byte, innermost first.
    pub fn enclosing(&self, at: usize) -> Vec<u32> {
        // Scopes nest: one that has ended lies within the innermost one that holds the byte.
        let begun = self.0.partition_point(|scope| scope.range.start <= at);
        let mut scope = begun.saturating_sub(1) as u32;
        let mut around = Vec::new();
        while scope != 0 {
            if self.of(scope).range.contains(&at) {
                around.push(scope);
            }
            scope = self.of(scope).parent;
        }
        around.push(0);
        around
    }

    /// The first scope that begins at a byte or behind it.
    pub fn next_after(&self, at: usize) -> Option<Range<usize>> {
        let index = self.0.partition_point(|scope| scope.range.start < at);
        self.0.get(index).map(|scope| scope.range.clone())
    }

    /// The class around a constructor, or else the body of the function, that begins at a byte.
    pub fn body_after(&self, at: usize) -> Option<Range<usize>> {
        let inner = *self.enclosing(at).first()?;
        if inner != 0 {
            return Some(self.of(inner).range.clone());
        }
        self.next_after(at)
    }
}

/// The scopes of a text, and what gives `name` a meaning in it.
pub fn scan(source: &str, name: &str) -> (Scopes, Vec<Found>) {
    let mut scanner = Scanner::new(source, name);
    while let Some((at, token)) = scanner.lexer.next() {
        scanner.take(at, token);
        scanner.before_last = std::mem::replace(&mut scanner.last, token);
    }
    (Scopes(scanner.scopes), scanner.found)
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

/// A `var`, `let` or `const` that is being read.
struct Declaring {
    depth: usize,
    scope: u32,
    /// The next word at this depth is a name.
    expects_name: bool,
    /// Inside a pattern, which is at this depth.
    pattern: Option<usize>,
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

/// More scopes than any program has: those beyond are parts of the one around them.
const MAX_SCOPES: usize = 1 << 20;

struct Scanner<'s> {
    name: &'s str,
    length: usize,
    lexer: Lexer<'s>,
    scopes: Vec<Scope>,
    found: Vec<Found>,
    scope: u32,
    /// Each with the scope that goes on behind it.
    open: Vec<(Open, u32)>,
    /// Those that are open.
    parens: Vec<Parens>,
    /// Those that were closed last: what is in them may be the parameters of the body that follows.
    closed: Parens,
    declaring: Vec<Declaring>,
    /// The word before the last `=` or `:`, which names a function that follows.
    assigned: Option<Range<usize>>,
    /// Behind `class`, and its name where it has one.
    class: Option<Option<Range<usize>>>,
    last_word: Option<Range<usize>>,
    last: Token<'s>,
    before_last: Token<'s>,
}

impl<'s> Scanner<'s> {
    fn new(source: &'s str, name: &'s str) -> Self {
        Scanner {
            name,
            length: source.len(),
            lexer: Lexer::new(source),
            scopes: vec![Scope { parent: 0, range: 0..source.len(), name: None }],
            found: Vec::new(),
            scope: 0,
            open: Vec::new(),
            parens: Vec::new(),
            closed: Parens::default(),
            declaring: Vec::new(),
            assigned: None,
            class: None,
            last_word: None,
            last: Token::Mark(b';'),
            before_last: Token::Mark(b';'),
        }
    }

    fn take(&mut self, at: usize, token: Token<'s>) {
        let depth = self.open.len();
        match token {
            Token::Mark(b'{') => self.open_brace(at),
            Token::Mark(b'(') => self.open_paren(),
            Token::Mark(b'[') => self.open_bracket(Open::Bracket),
            Token::Mark(b'`') => self.open.push((Open::Template, self.scope)),
            Token::Mark(b'}' | b')' | b']') => self.close(at),
            Token::Mark(b',') => self.expect_name(depth, true),
            Token::Mark(b';') => self.declaring.retain(|declaring| declaring.depth < depth),
            Token::Mark(b'=' | b':') if matches!(self.last, Token::Word(_)) => {
                self.assigned.clone_from(&self.last_word);
            }
            Token::Word(word) => self.word(at, word),
            Token::Text(text) if text == self.name => self.text(at),
            _ => {}
        }
    }

    /// The name that is looked for stands here in quotes.
    fn text(&mut self, at: usize) {
        let is_symbol = self.last == Token::Mark(b'(')
            && matches!(self.before_last, Token::Word("Symbol" | "for"));
        let is_argument = self.open.last().is_some_and(|open| open.0 == Open::Paren);
        let what = match self.lexer.peek() {
            Some(b':' | b']') => What::Property { made: self.lexer.is_made(), given: false },
            Some(b',') if is_argument && self.lexer.is_next_made() => What::Argument,
            Some(b',') if is_argument => match self.lexer.next_variable() {
                Some(variable) => What::Passed { variable: (variable.start, variable.end) },
                None => return,
            },
            Some(b')') if is_symbol => What::Symbol,
            _ => return,
        };
        let alias = !matches!(what, What::Property { .. });
        self.note(Declaration { at, alias }, self.scope, what);
    }

    fn note(&mut self, declaration: Declaration, scope: u32, what: What) {
        self.found.push(Found { declaration, scope, what });
    }

    /// A comma brings the next name of a declaration, a word that is none takes the chance.
    fn expect_name(&mut self, depth: usize, expects_name: bool) {
        if let Some(declaring) = self.declaring.last_mut()
            && declaring.depth == depth
        {
            declaring.expects_name = expects_name;
        }
    }

    fn open_bracket(&mut self, kind: Open) {
        let depth = self.open.len();
        if let Some(declaring) = self.declaring.last_mut()
            && declaring.expects_name
            && declaring.depth == depth
        {
            declaring.expects_name = false;
            declaring.pattern = Some(depth);
        }
        self.open.push((kind, self.scope));
    }

    fn open_paren(&mut self) {
        self.open_bracket(Open::Paren);
        let function = match self.last {
            Token::Word("function" | "async") | Token::Mark(b'=' | b':') => self.assigned.clone(),
            Token::Word(word) if !is_control(word) => self.last_word.clone(),
            _ => None,
        };
        self.parens.push(Parens { names: Vec::new(), function });
    }

    fn open_brace(&mut self, at: usize) {
        if self.scopes.len() == MAX_SCOPES {
            return self.open_bracket(Open::Bracket);
        }
        self.open_bracket(Open::Brace);
        let is_body = matches!(self.last, Token::Mark(b')' | b'>'));
        let name = match self.class.take() {
            Some(class) => class,
            None if is_body => self.closed.function.take(),
            None => None,
        };
        self.scopes.push(Scope { parent: self.scope, range: at..self.length, name });
        self.scope = (self.scopes.len() - 1) as u32;
        if is_body {
            for at in std::mem::take(&mut self.closed.names) {
                self.note(Declaration { at, alias: true }, self.scope, What::Variable);
            }
        }
    }

    fn close(&mut self, at: usize) {
        match self.open.pop() {
            Some((Open::Brace, outer)) => {
                self.scopes[self.scope as usize].range.end = at + 1;
                self.scope = outer;
            }
            Some((Open::Paren, _)) => self.closed = self.parens.pop().unwrap_or_default(),
            Some(open @ (Open::Template, _)) if self.lexer.is_substitution() => {
                self.open.push(open);
            }
            _ => {}
        }
        let depth = self.open.len();
        self.declaring.retain(|declaring| declaring.depth <= depth);
        if let Some(declaring) = self.declaring.last_mut()
            && declaring.pattern == Some(depth)
        {
            declaring.pattern = None;
        }
    }

    fn word(&mut self, at: usize, word: &'s str) {
        let depth = self.open.len();
        let is_member = self.last == Token::Mark(b'.');
        if matches!(word, "var" | "let" | "const" | "import") && !is_member {
            self.declaring.retain(|declaring| declaring.depth < depth);
            let scope = self.scope;
            self.declaring.push(Declaring { depth, scope, expects_name: true, pattern: None });
        } else if word == self.name {
            self.found_name(at);
        } else {
            self.expect_name(depth, false);
        }
        if word == "class" && !is_member {
            self.class = Some(None);
            return;
        }
        let range = at..at + word.len();
        if self.class == Some(None) && word != "extends" {
            self.class = Some(Some(range.clone()));
        }
        self.last_word = Some(range);
    }

    /// The name that is looked for stands here: as a declaration, as a property that is defined, or merely used.
    fn found_name(&mut self, at: usize) {
        let depth = self.open.len();
        let next = self.lexer.peek();
        let last = self.last;
        let is_generator = last == Token::Mark(b'*') && self.before_last == Token::Word("function");
        let declaring = self.declaring.last_mut().filter(|declaring| {
            (declaring.expects_name && declaring.depth == depth) || declaring.pattern.is_some()
        });
        if matches!(last, Token::Word("function" | "class")) || is_generator {
            self.note(Declaration { at, alias: false }, self.scope, What::Variable);
        } else if let Some(declaring) = declaring {
            let alias = declaring.pattern.is_some() || self.lexer.is_required();
            declaring.expects_name = false;
            let scope = declaring.scope;
            // `{ name: other }` binds the other one.
            if !(alias && next == Some(b':')) {
                self.note(Declaration { at, alias }, scope, What::Variable);
            }
        } else if self.is_defined(next) {
            let is_own = matches!(self.before_last, Token::Word("this" | "exports"));
            let given = last == Token::Mark(b'.') && !is_own;
            let what = What::Property { made: self.lexer.is_made(), given };
            self.note(Declaration { at, alias: false }, self.scope, what);
        }
        if let Some(parens) = self.parens.last_mut() {
            parens.names.push(at);
        }
    }

    /// Whether the name in hand is that of a property which is given its value here.
    fn is_defined(&self, next: Option<u8>) -> bool {
        let last = self.last;
        let is_member = last == Token::Mark(b'.');
        if !is_member && self.open.last().is_some_and(|open| open.0 != Open::Brace) {
            return false;
        }
        let is_inside = !self.open.is_empty();
        let is_field = matches!(last, Token::Mark(b'{' | b';' | b'}') | Token::Word(_));
        // What is assigned and declared nowhere is a property of the global object.
        let defines = self.lexer.is_assigned()
            || (is_inside && !is_member && next == Some(b':'))
            || (is_inside && is_field && next == Some(b';'));
        defines && last != Token::Mark(b'?')
    }
}
