//! A source without its data: the contents of strings, templates, regular expressions, comments and long numbers are
//! replaced, names of the code and the lines stay.

use super::lexer::{Lexer, Token};

const HIDDEN: &str = "…";
/// Shorter numbers are sizes and delays rather than keys.
const LONGEST_NUMBER: usize = 5;

/// The same lines with the data masked.
#[must_use]
pub fn masked(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut lexer = Lexer::new(source);
    let mut end = 0;
    while let Some((at, token)) = lexer.next() {
        let text = source.get(at..lexer.end()).unwrap_or_default();
        blank(&mut out, source.get(end..at).unwrap_or_default());
        end = lexer.end();
        match token {
            Token::Text(_) => literal(&mut out, text, 1, 1),
            // `}` and the quote are a byte, `${` are two.
            _ if lexer.is_template() => {
                literal(&mut out, text, 1, if lexer.is_substitution() { 2 } else { 1 });
            }
            Token::Value if text.starts_with('/') => literal(&mut out, text, 1, 1),
            Token::Value if text.len() > LONGEST_NUMBER => out.push_str(HIDDEN),
            _ => out.push_str(text),
        }
    }
    blank(&mut out, source.get(end..).unwrap_or_default());
    out
}

/// Blanks stay, comments are masked.
fn blank(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['/', '#']) {
        let (before, comment) = rest.split_at(at);
        out.push_str(before);
        let length = if comment.starts_with("/*") {
            comment.get(2..).and_then(|inner| inner.find("*/")).map(|at| at + 4)
        } else {
            comment.find('\n')
        };
        let (comment, after) = comment.split_at(length.unwrap_or(comment.len()));
        literal(out, comment, 2, if comment.starts_with("/*") && length.is_some() { 2 } else { 0 });
        rest = after;
    }
    out.push_str(rest);
}

/// Keeps so many bytes of both ends, and the line feeds between them.
fn literal(out: &mut String, text: &str, start: usize, end: usize) {
    // A literal that the file's or the line's end cuts off has no closing quote.
    let is_closed = text.len() >= start + end && text.is_char_boundary(text.len() - end);
    let (head, rest) = text.split_at_checked(start).unwrap_or((text, ""));
    let (inner, tail) = match is_closed && !text.ends_with('\n') {
        true => rest.split_at(rest.len() - end),
        false => (rest, ""),
    };
    out.push_str(head);
    for (index, line) in inner.split('\n').enumerate() {
        out.push_str(if index == 0 { "" } else { "\n" });
        out.push_str(if line.trim().is_empty() { "" } else { HIDDEN });
    }
    out.push_str(tail);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn data_goes_and_names_and_lines_stay() {
        let source = r#"#!/bin/secret
const token = 'secret', empty = '', n = 12345, key = 4111111111111111; // secret
/* secret
   secret */ if (key) /`secret"/.test(`secret ${ token + `${'secret'} secret` } secret`);
const rows = { 'secret': "secret\"secret" }, half = rows / 2 / n;
const lines = `secret
  secret`;"#;
        let expected = r##"#!…
const token = '…', empty = '', n = 12345, key = …; //…
/*…
…*/ if (key) /…/.test(`…${ token + `${'…'}…` }…`);
const rows = { '…': "…" }, half = rows / 2 / n;
const lines = `…
…`;"##;
        assert_eq!(masked(source), expected);
    }

    #[test]
    fn what_is_cut_off_is_masked_as_well() {
        for (source, expected) in [
            ("'secret", "'"),
            ("`secret", "`"),
            ("/* secret", "/*…"),
            ("// secret", "//…"),
            ("a = /secret", "a = /"),
        ] {
            let shown = masked(source);
            assert!(!shown.contains("secret") && shown.starts_with(expected), "{source}: {shown}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(source in "[`'\"/\\\\${}()\\n*#a é😀\\[\\]]{0,60}") {
            prop_assert_eq!(masked(&source).matches('\n').count(), source.matches('\n').count());
        }

        #[test]
        fn lines_stay_in_number_and_no_string_is_shown(
            parts in proptest::collection::vec(prop_oneof![
                Just("'secret'"), Just("`secret`"), Just("`secret${"), Just("}secret`"), Just("/secret/"), Just("(a) "),
                Just("\"secret\""), Just("\n"), Just("// secret\n"), Just("if (b) "), Just("}"), Just("{"), Just("x = "), Just("\\"), Just("é"),
            ], 0..30),
        ) {
            let source = parts.concat();
            let shown = masked(&source);
            prop_assert_eq!(shown.matches('\n').count(), source.matches('\n').count());
        }
    }
}
