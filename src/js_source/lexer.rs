//! Tokens of JavaScript, without a parser: strings, templates, comments and regular expressions are recognised.
//!
//! A slash divides after a value and begins a regular expression elsewhere. The lexer follows brackets to know which:
//! `)` closes the head of an `if` or the arguments of a call, `}` closes a block or an object literal.

/// What the readers of declarations and names tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'s> {
    /// An identifier, a keyword or a private name with its `#`.
    Word(&'s str),
    /// A string without its quotes.
    Text(&'s str),
    /// An operator or a bracket. "`" stands for the text of a template up to a substitution; the `}` that ends a
    /// substitution includes the text behind it.
    Mark(u8),
    /// A number, a regular expression, or a template without substitutions.
    Value,
}

/// An open bracket, and what its end means for a slash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// `(` of a call, a group or parameters: a value ends there.
    Group,
    /// `(` behind `if`, `while`, `for` or `with`: a statement follows.
    Head,
    Bracket,
    /// `{` of statements or of a class.
    Block,
    /// `{` of an object literal.
    Object,
    /// `${` in a template.
    Substitution,
}

/// What stood before, as far as a bracket asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Start,
    /// `if`, `while`, `for`, `with`.
    Head,
    /// A word after which an expression comes.
    Operator,
    Word,
    Value,
    Mark(u8),
    /// `=>`
    Arrow,
}

/// Reads tokens.
#[derive(Debug)]
pub struct Lexer<'s> {
    source: &'s [u8],
    text: &'s str,
    at: usize,
    /// A slash here begins a regular expression.
    regex: bool,
    before: Before,
    /// Dots that stood directly before: one makes the next word a member's name, three a spread.
    dots: u32,
    open: Vec<Open>,
    template: Template,
}

/// What the last token was of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Template {
    /// Nothing.
    Outside,
    /// Text up to a substitution.
    Open,
    /// Text up to its end.
    End,
}

/// Whether a byte may be a part of an identifier; what is not ASCII is not looked into.
#[must_use]
pub fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

fn is_word(byte: u8) -> bool {
    is_part(byte) || byte == b'#'
}

/// Whether an expression makes a collection or an instance.
#[must_use]
pub fn makes(value: &[u8]) -> bool {
    let literal = value.first() == Some(&b'{') || value.first() == Some(&b'[');
    literal
        || value.starts_with(b"new ")
        || value.starts_with(b"Object.create")
        || value.starts_with(b"Array(")
}

/// Where blanks and comments that begin at a byte end.
fn skip_blank(source: &[u8], mut at: usize) -> usize {
    let past = |at: usize, end: &[u8]| {
        let rest = source.get(at..).unwrap_or_default();
        at + memchr::memmem::find(rest, end).map_or(rest.len(), |found| found + end.len())
    };
    while let Some(&byte) = source.get(at) {
        at = match (byte, source.get(at + 1)) {
            (b'/', Some(b'/')) => past(at, b"\n"),
            (b'/', Some(b'*')) => past(at + 2, b"*/"),
            (b'#', Some(b'!')) if at == 0 => past(at, b"\n"),
            _ if byte.is_ascii_whitespace() => at + 1,
            _ => return at,
        };
    }
    at
}

impl<'s> Lexer<'s> {
    /// Begins at the start of a text.
    #[must_use]
    pub fn new(text: &'s str) -> Self {
        Lexer {
            source: text.as_bytes(),
            text,
            at: 0,
            regex: true,
            before: Before::Start,
            dots: 0,
            open: Vec::new(),
            template: Template::Outside,
        }
    }

    /// The byte behind the last token.
    #[must_use]
    pub fn end(&self) -> usize {
        self.at.min(self.source.len())
    }

    /// Whether the last token ends with a template's text up to a substitution.
    #[must_use]
    pub fn is_substitution(&self) -> bool {
        self.template == Template::Open
    }

    /// Whether the last token holds text of a template.
    #[must_use]
    pub fn is_template(&self) -> bool {
        self.template != Template::Outside
    }

    /// The next token and the byte where it begins.
    #[allow(clippy::should_implement_trait, reason = "readers look ahead between two tokens")]
    pub fn next(&mut self) -> Option<(usize, Token<'s>)> {
        self.at = skip_blank(self.source, self.at);
        let at = self.at;
        let byte = *self.source.get(at)?;
        self.template = Template::Outside;
        let token = match byte {
            b'"' | b'\'' => {
                self.skip_string(byte);
                self.value();
                let inner = at + 1..self.end().saturating_sub(1).max(at + 1);
                Token::Text(self.text.get(inner).unwrap_or_default())
            }
            b'`' => {
                self.at += 1;
                self.template_text();
                if self.is_substitution() { Token::Mark(b'`') } else { Token::Value }
            }
            b'/' if self.regex => {
                self.skip_regex();
                self.value();
                Token::Value
            }
            byte if is_word(byte) => self.word(at),
            _ => {
                self.mark(byte);
                Token::Mark(byte)
            }
        };
        self.dots = if token == Token::Mark(b'.') { self.dots + 1 } else { 0 };
        Some((at, token))
    }

    /// A value has ended here.
    fn value(&mut self) {
        self.regex = false;
        self.before = Before::Value;
    }

    fn word(&mut self, at: usize) -> Token<'s> {
        while self.source.get(self.at).copied().is_some_and(is_word) {
            self.at += 1;
        }
        let word = self.text.get(at..self.at).unwrap_or_default();
        if word.as_bytes().first().is_some_and(u8::is_ascii_digit) {
            self.value();
            return Token::Value;
        }
        let is_member = self.dots == 1;
        self.before = match word {
            _ if is_member => Before::Word,
            "if" | "while" | "for" | "with" => Before::Head,
            // `for await (`
            "await" if self.before == Before::Head => Before::Head,
            "return" | "typeof" | "case" | "in" | "of" | "delete" | "void" | "instanceof"
            | "new" | "throw" | "await" | "yield" | "default" => Before::Operator,
            _ => Before::Word,
        };
        self.regex =
            self.before == Before::Operator || (!is_member && matches!(word, "else" | "do"));
        Token::Word(word)
    }

    fn mark(&mut self, byte: u8) {
        self.at += 1;
        // `a++ / b`: what stood before decides.
        if matches!(byte, b'+' | b'-') && self.source.get(self.at) == Some(&byte) {
            self.at += 1;
            return;
        }
        match byte {
            b'(' => {
                let is_head = self.before == Before::Head;
                self.open.push(if is_head { Open::Head } else { Open::Group });
            }
            b'[' => self.open.push(Open::Bracket),
            b'{' => self.open.push(self.brace()),
            _ => {}
        }
        let is_arrow = byte == b'>' && self.before == Before::Mark(b'=');
        self.regex = match byte {
            b')' => self.open.pop() == Some(Open::Head),
            b']' => {
                self.open.pop();
                false
            }
            b'}' => match self.open.pop() {
                Some(Open::Substitution) => return self.template_text(),
                closed => closed == Some(Open::Block),
            },
            _ => true,
        };
        self.before = if is_arrow { Before::Arrow } else { Before::Mark(byte) };
    }

    /// What a `{` opens.
    fn brace(&self) -> Open {
        let in_statements = matches!(self.open.last(), None | Some(Open::Block));
        match self.before {
            Before::Start | Before::Arrow | Before::Word | Before::Head | Before::Value => {
                Open::Block
            }
            Before::Mark(b';' | b'{' | b'}' | b')') => Open::Block,
            // A label or a case, as opposed to a property or the end of a condition.
            Before::Mark(b':') if in_statements => Open::Block,
            Before::Mark(_) | Before::Operator => Open::Object,
        }
    }

    /// Reads on in a template, to its end or to a substitution.
    fn template_text(&mut self) {
        while let Some(&byte) = self.source.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'`' => break,
                b'$' if self.source.get(self.at) == Some(&b'{') => {
                    self.at += 1;
                    self.open.push(Open::Substitution);
                    self.regex = true;
                    self.before = Before::Mark(b'`');
                    self.template = Template::Open;
                    return;
                }
                _ => {}
            }
        }
        self.value();
        self.template = Template::End;
    }

    fn skip_string(&mut self, quote: u8) {
        self.at += 1;
        while let Some(&byte) = self.source.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'\n' => return,
                byte if byte == quote => return,
                _ => {}
            }
        }
    }

    fn skip_regex(&mut self) {
        let mut in_class = false;
        self.at += 1;
        while let Some(&byte) = self.source.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => return,
                b'\n' => return,
                _ => {}
            }
        }
    }

    /// The text from the next token on, blanks skipped.
    fn ahead(&self) -> &'s [u8] {
        self.source.get(skip_blank(self.source, self.at)..).unwrap_or_default()
    }

    /// The first byte of the next token.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.ahead().first().copied()
    }

    /// Whether `=` follows, and not `==` or `=>`.
    #[must_use]
    pub fn is_assigned(&self) -> bool {
        let ahead = self.ahead();
        // `??=` and `||=` are how a cache is often made.
        let ahead =
            ahead.strip_prefix(b"??").or_else(|| ahead.strip_prefix(b"||")).unwrap_or(ahead);
        ahead.first() == Some(&b'=') && !matches!(ahead.get(1), Some(b'=' | b'>'))
    }

    /// Whether `+=` follows.
    #[must_use]
    pub fn is_added_to(&self) -> bool {
        self.ahead().starts_with(b"+=")
    }

    fn assigned(&self) -> &'s [u8] {
        let ahead = self.ahead();
        let skip = ahead
            .iter()
            .take(4)
            .take_while(|byte| matches!(byte, b'=' | b':' | b'?' | b'|' | b']'))
            .count();
        ahead[skip..].trim_ascii_start()
    }

    /// Whether what is assigned is made right here.
    #[must_use]
    pub fn is_made(&self) -> bool {
        makes(self.assigned())
    }

    /// Whether the next argument of a call is made right here.
    #[must_use]
    pub fn is_next_made(&self) -> bool {
        self.ahead().strip_prefix(b",").is_some_and(|next| makes(next.trim_ascii_start()))
    }

    /// The variable that is the next argument of a call; none where that is another expression.
    #[must_use]
    pub fn next_variable(&self) -> Option<std::ops::Range<usize>> {
        let byte = |at: usize| self.source.get(at).copied();
        let comma = skip_blank(self.source, self.at);
        let start = skip_blank(self.source, comma + 1);
        let is_variable =
            byte(comma) == Some(b',') && byte(start).is_some_and(|first| !first.is_ascii_digit());
        let length = self.source.get(start..)?.iter().take_while(|&&byte| is_part(byte)).count();
        let next = byte(skip_blank(self.source, start + length));
        (is_variable && length > 0 && matches!(next, Some(b',' | b')')))
            .then_some(start..start + length)
    }

    /// Whether it comes from another module.
    #[must_use]
    pub fn is_required(&self) -> bool {
        let value = self.assigned();
        value.starts_with(b"require")
            || value.starts_with(b"await import")
            || value.starts_with(b"__importDefault")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words, and for each literal its first byte.
    fn read(source: &str) -> String {
        let mut lexer = Lexer::new(source);
        let mut read = Vec::new();
        while let Some((at, token)) = lexer.next() {
            match token {
                Token::Word(word) => read.push(word.to_owned()),
                Token::Value | Token::Text(_) => read.push(source[at..=at].to_owned()),
                Token::Mark(_) => {}
            }
        }
        read.join(" ")
    }

    #[test]
    fn a_slash_is_read_by_what_stands_before_it() {
        for (source, expected) in [
            // A regular expression, in which a quote opens nothing.
            ("if (a) /`/.test(b); c", "if a / test b c"),
            ("while (f(a)) /'/.exec(b)", "while f a / exec b"),
            ("for await (const a of b) /`/.test(a)", "for await const a of b / test a"),
            ("if (a) { b } /'/.test(a)", "if a b / test a"),
            ("else /'/g", "else / g"),
            ("a => { } /'/g", "a / g"),
            ("return /'/.test(a)", "return / test a"),
            ("a = { b: /'/ }", "a b /"),
            ("[/'/, /`/]", "/ /"),
            ("case /'/: b", "case / b"),
            ("x: { } /'/.test(a)", "x / test a"),
            ("function f() { } /'/.test(a)", "function f / test a"),
            // A division.
            ("a(b) / c / 'd'", "a b c '"),
            ("(a) / b / `d`", "a b `"),
            ("a[0] / b / 'd'", "a 0 b '"),
            ("x = { a: 1 } / b / 'd'", "x a 1 b '"),
            ("a++ / b / 'd'", "a b '"),
            ("a.return / b / 'd'", "a return b '"),
            ("a.if (b) / c / 'd'", "a if b c '"),
            ("`${a}` / b / 'd'", "a b '"),
            ("`a${ { b: 1 } / c }` / 'd'", "b 1 c '"),
            ("[...typeof /'/]", "typeof /"),
        ] {
            assert_eq!(read(source), expected, "{source}");
        }
    }

    #[test]
    fn templates_nest() {
        assert_eq!(read("`a ${ b + `c ${d} e` } f` + g; h"), "b d g h");
        assert_eq!(read("`${`${`${a}`}`}` / 'b'"), "a '");
    }
}
