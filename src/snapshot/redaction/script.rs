//! The identifiers of a JavaScript source, and the names under which a module exports.
//!
//! What stands in strings, templates' text, regular expressions and comments is no identifier.

use crate::js_source::lexer::{Lexer, Token};

/// A word of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word<'s> {
    /// An identifier or a keyword.
    Identifier(&'s [u8]),
    /// An identifier that is exported.
    Export(&'s [u8]),
}

/// Calls `found` for each word, repetitions included.
pub fn words(source: &str, mut found: impl FnMut(Word)) {
    let mut lexer = Lexer::new(source);
    let mut exports = Exports::Nothing;
    while let Some((_, token)) = lexer.next() {
        exports = exports.after(token);
        if let Token::Word(word) = token {
            // A private name is shown with its `#`, and asked for without.
            for part in word.split('#').filter(|part| !part.is_empty()) {
                found(Word::Identifier(part.as_bytes()));
                if exports.names(word) {
                    found(Word::Export(part.as_bytes()));
                }
            }
        }
    }
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
            (_, Token::Word("export")) => Self::Declaration,
            (Self::Declaration, Token::Word(word)) => match word {
                "const" | "let" | "var" | "class" | "function" | "async" => Self::Declaration,
                _ => Self::Named,
            },
            (Self::Declaration, Token::Mark(b'*')) => Self::Declaration,
            (Self::Declaration, Token::Mark(b'{')) => Self::List,
            (Self::List, Token::Word(_) | Token::Mark(b',')) => Self::List,
            _ => Self::Nothing,
        }
    }

    fn names(self, word: &str) -> bool {
        match self {
            Self::Named => true,
            Self::List => word != "as",
            Self::Nothing | Self::Declaration => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(source: &str) -> (Vec<String>, Vec<String>) {
        let (mut identifiers, mut exports) = (Vec::new(), Vec::new());
        words(source, |word| match word {
            Word::Identifier(word) => identifiers.push(String::from_utf8(word.to_vec()).unwrap()),
            Word::Export(word) => exports.push(String::from_utf8(word.to_vec()).unwrap()),
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
    fn a_regular_expression_behind_a_bracket_hides_no_text() {
        let source = "if (a) /`/.test(b); c = 'secret'; d(`secret`); e = 'more secret';";
        assert_eq!(read(source).0, ["if", "a", "test", "b", "c", "d", "e"]);
    }

    proptest! {
        #[test]
        fn any_bytes_end(source in proptest::collection::vec(prop_oneof![Just(b'`'), Just(b'$'), Just(b'{'), Just(b'}'), Just(b'/'), Just(b'\\'), Just(b'"'), any::<u8>()], 0..200)) {
            let mut count = 0;
            let source = String::from_utf8_lossy(&source);
            words(&source, |_| count += 1);
            prop_assert!(count <= 2 * source.len());
        }
    }
}
