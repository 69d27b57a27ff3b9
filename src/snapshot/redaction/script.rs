//! The identifiers of a JavaScript source, and the names under which a module exports.
//!
//! A lexer of tokens alone: what stands in strings, templates' text, regular expressions and
//! comments is no identifier. Where a slash is read wrongly (division or regular expression cannot
//! always be told without a parser) the line's end puts it right.

/// A word of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word<'s> {
    /// An identifier or a keyword.
    Identifier(&'s [u8]),
    /// An identifier that is exported.
    Export(&'s [u8]),
}

/// Calls `found` for each word, repetitions included.
pub fn words<'s>(source: &'s [u8], mut found: impl FnMut(Word<'s>)) {
    let mut lexer = Lexer { source, at: 0, value: false, templates: Vec::new(), depth: 0 };
    let mut exports = Exports::Nothing;
    while let Some(token) = lexer.next() {
        exports = exports.after(token);
        if let Token::Word(word) = token {
            found(Word::Identifier(word));
            if exports.names(word) {
                found(Word::Export(word));
            }
        }
    }
}

/// Whether `byte` may be a part of an identifier; what is not ASCII is not looked into.
pub fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

/// Where in an export declaration the lexer is.
#[derive(Clone, Copy)]
enum Exports {
    Nothing,
    /// After `export`, and the words before the name.
    Declaration,
    /// At the name of a declaration.
    Named,
    /// Between the braces of `export { a, b as c }`.
    List,
}

impl Exports {
    fn after(self, token: Token) -> Self {
        match (self, token) {
            (_, Token::Word(b"export")) => Self::Declaration,
            (Self::Declaration, Token::Word(word)) => match word {
                b"const" | b"let" | b"var" | b"class" | b"function" | b"async" => Self::Declaration,
                _ => Self::Named,
            },
            (Self::Declaration, Token::Other(b'*')) => Self::Declaration,
            (Self::Declaration, Token::Other(b'{')) => Self::List,
            (Self::List, Token::Word(_) | Token::Other(b',')) => Self::List,
            _ => Self::Nothing,
        }
    }

    fn names(self, word: &[u8]) -> bool {
        match self {
            Self::Named => true,
            Self::List => word != b"as",
            Self::Nothing | Self::Declaration => false,
        }
    }
}

#[derive(Clone, Copy)]
enum Token<'s> {
    Word(&'s [u8]),
    Other(u8),
    /// A string, a number, a regular expression or the text of a template.
    Literal,
}

struct Lexer<'s> {
    source: &'s [u8],
    at: usize,
    /// Whether a value ended here, after which a slash divides.
    value: bool,
    /// The depths of braces at which a template's text goes on.
    templates: Vec<usize>,
    depth: usize,
}

impl<'s> Lexer<'s> {
    fn next(&mut self) -> Option<Token<'s>> {
        loop {
            let rest = self.source.get(self.at..)?;
            let &byte = rest.first()?;
            match (byte, rest.get(1)) {
                (b'/', Some(b'/')) => self.skip_past(b"\n"),
                (b'/', Some(b'*')) => self.skip_past(b"*/"),
                (b'#', Some(b'!')) if self.at == 0 => self.skip_past(b"\n"),
                (b'"' | b'\'', _) => return Some(self.quoted(byte)),
                (b'`', _) => return Some(self.template()),
                (b'/', _) if !self.value => return Some(self.regular_expression()),
                _ if is_part(byte) => return Some(self.word(rest)),
                _ if byte.is_ascii_whitespace() => self.at += 1,
                _ => return Some(self.other(byte)),
            }
        }
    }

    fn word(&mut self, rest: &'s [u8]) -> Token<'s> {
        /// Words after which a slash begins a regular expression.
        const BEFORE_VALUES: [&[u8]; 10] = [
            b"return", b"typeof", b"case", b"in", b"of", b"delete", b"void", b"throw", b"new",
            b"await",
        ];
        let length = rest.iter().position(|&byte| !is_part(byte)).unwrap_or(rest.len());
        let word = &rest[..length];
        self.at += length;
        self.value = !BEFORE_VALUES.contains(&word);
        if word[0].is_ascii_digit() { Token::Literal } else { Token::Word(word) }
    }

    fn other(&mut self, byte: u8) -> Token<'s> {
        self.at += 1;
        self.value = matches!(byte, b')' | b']' | b'}');
        match byte {
            b'{' => self.depth += 1,
            b'}' if self.templates.last() == Some(&self.depth) => {
                self.templates.pop();
                return self.template_text();
            }
            b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        Token::Other(byte)
    }

    fn quoted(&mut self, quote: u8) -> Token<'s> {
        self.at += 1;
        self.skip_until(|byte| byte == quote || byte == b'\n');
        self.value = true;
        Token::Literal
    }

    fn regular_expression(&mut self) -> Token<'s> {
        self.at += 1;
        let mut in_class = false;
        self.skip_until(|byte| {
            in_class = match byte {
                b'[' => true,
                b']' => false,
                _ => in_class,
            };
            byte == b'\n' || (byte == b'/' && !in_class)
        });
        self.value = true;
        Token::Literal
    }

    fn template(&mut self) -> Token<'s> {
        self.at += 1;
        self.template_text()
    }

    fn template_text(&mut self) -> Token<'s> {
        let source = self.source;
        let mut before = 0;
        let end = self.skip_until(|byte| {
            let is_end = byte == b'`' || (before == b'$' && byte == b'{');
            before = byte;
            is_end
        });
        let holds = end.and_then(|at| source.get(at)) == Some(&b'{');
        if holds {
            self.templates.push(self.depth);
        }
        self.value = !holds;
        Token::Literal
    }

    /// Skips past the first byte that is `wanted` and not escaped; tells where it is.
    fn skip_until(&mut self, mut wanted: impl FnMut(u8) -> bool) -> Option<usize> {
        while let Some(&byte) = self.source.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                byte if wanted(byte) => return Some(self.at - 1),
                _ => {}
            }
        }
        None
    }

    fn skip_past(&mut self, end: &[u8]) {
        let rest = &self.source[self.at..];
        self.at += memchr::memmem::find(rest, end).map_or(rest.len(), |found| found + end.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(source: &str) -> (Vec<&str>, Vec<&str>) {
        let (mut identifiers, mut exports) = (Vec::new(), Vec::new());
        words(source.as_bytes(), |word| match word {
            Word::Identifier(word) => identifiers.push(std::str::from_utf8(word).unwrap()),
            Word::Export(word) => exports.push(std::str::from_utf8(word).unwrap()),
        });
        (identifiers, exports)
    }

    #[test]
    fn identifiers_and_not_what_is_quoted() {
        let source = r#"#!/bin/node inTheFirstLine
            // inAComment
            /* inAnother */ this.rows = { a: 'inQuotes', "quoted": b2 / c / d, e: /in['"a/]regex`/g };
            `inText ${ held + `inner ${deep}` + {f: 1}.f } moreText`; return /x'y/.test(g) + 3e5 / $h;"#;
        let (identifiers, exports) = read(source);
        let expected = [
            "this", "rows", "a", "b2", "c", "d", "e", "g", "held", "deep", "f", "f", "return",
            "test", "g", "$h",
        ];
        assert_eq!(identifiers, expected);
        assert!(exports.is_empty());
    }

    #[test]
    fn exports() {
        let source = "export const store = new Map(); export default class Shop { sell(x) {} }
            export async function* rows(a) {} export { one, two as second }; export let n = 1;
            import { other } from 'export'; exported.const.x = 1; export * from './y.js';";
        assert_eq!(
            read(source).1,
            ["store", "default", "rows", "one", "two", "second", "n", "from"]
        );
    }

    #[test]
    fn a_slash_that_is_misread_ends_with_the_line() {
        // After a bracket it divides, mostly.
        assert_eq!(read("if (a) /'/.test(b)\nc = 'd'").0, ["if", "a", "c"]);
    }

    proptest! {
        #[test]
        fn any_bytes_end(source in proptest::collection::vec(prop_oneof![Just(b'`'), Just(b'$'), Just(b'{'), Just(b'}'), Just(b'/'), Just(b'\\'), Just(b'"'), any::<u8>()], 0..200)) {
            let mut count = 0;
            words(&source, |_| count += 1);
            prop_assert!(count <= 2 * source.len());
        }
    }
}
