//! The one function of a file that adds to a collection, by its source: V8 inlines small functions, and a heap profile
//! then names their caller.

use std::ops::Range;

use super::declarations::Declarations;
use super::lexer::{Lexer, Token, is_part};

/// Methods that add to what they are called on.
const METHODS: [&str; 8] =
    ["push", "unshift", "set", "add", "append", "enqueue", "addLast", "addFirst"];

/// The name of the innermost function around each statement that adds to `name`, if it is one function: the range of
/// its name. None where a function without a name adds, or the file's own code.
pub(super) fn adding_function(
    source: &str,
    declarations: &Declarations,
    name: &str,
) -> Option<Range<usize>> {
    memchr::memmem::find(source.as_bytes(), name.as_bytes())?;
    let mut only: Option<Range<usize>> = None;
    for at in additions(source, name) {
        let function = innermost_function(source, declarations, at)?;
        if only.get_or_insert_with(|| function.clone()) != &function {
            return None;
        }
    }
    only
}

/// What the text before a brace makes of the block.
enum Head {
    /// A function whose name has this range.
    Function(Range<usize>),
    /// A function without a name, or a class.
    Nameless,
    /// A statement's block.
    Statement,
}

/// The range of the name of the innermost function around a byte.
fn innermost_function(
    source: &str,
    declarations: &Declarations,
    at: usize,
) -> Option<Range<usize>> {
    for brace in declarations.braces(source, at) {
        match head(source.get(..brace)?) {
            Head::Function(name) => return Some(name),
            Head::Nameless => return None,
            Head::Statement => {}
        }
    }
    None
}

fn head(before: &str) -> Head {
    let before = before.trim_end();
    if let Some(before) = before.strip_suffix("=>") {
        let Some(parameters) = without_parameters(before) else {
            // `x => {`
            return assigned(without_word(before.trim_end()).0);
        };
        return assigned(parameters);
    }
    let Some(parameters) = without_parameters(before) else {
        let statement = before.rfind([';', '{', '}']).map_or(before, |at| &before[at + 1..]);
        let is_class = statement.split_whitespace().any(|word| word == "class");
        return if is_class { Head::Nameless } else { Head::Statement };
    };
    let (rest, name) = without_word(parameters);
    match name {
        "if" | "for" | "while" | "switch" | "catch" | "with" => Head::Statement,
        "await" if without_word(rest.trim_end()).1 == "for" => Head::Statement,
        "function" => assigned(rest),
        "" => Head::Nameless,
        name => Head::Function(rest.len()..rest.len() + name.len()),
    }
}

/// The text before parameters in parentheses, a type behind them, and type parameters before them.
fn without_parameters(text: &str) -> Option<&str> {
    let text = text.trim_end();
    let text = match text.rfind(')') {
        Some(at) if text[at + 1..].trim_start().starts_with(':') => &text[..=at],
        _ => text,
    };
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate().rev() {
        match byte {
            b')' => depth += 1,
            b'(' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            let before = text.get(..at).filter(|_| byte == b'(')?.trim_end();
            let generic = before.strip_suffix('>').and_then(|before| before.rfind('<'));
            return Some(generic.map_or(before, |at| before[..at].trim_end()));
        }
    }
    None
}

/// The function that is assigned to a name.
fn assigned(before: &str) -> Head {
    assigned_name(before).map_or(Head::Nameless, Head::Function)
}

/// The range of the name that a function is assigned to: the text before it ends with `name =` or `name:`.
pub(super) fn assigned_name(before: &str) -> Option<Range<usize>> {
    let before = before.trim_end();
    let before = before.strip_suffix("async").unwrap_or(before).trim_end();
    let (rest, name) = without_word(before.strip_suffix(['=', ':'])?.trim_end());
    let is_name = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    is_name.then(|| rest.len()..rest.len() + name.len())
}

/// The text before its last word, and the word; it is empty where the text ends with something else.
fn without_word(text: &str) -> (&str, &str) {
    let is_part = |&(_, byte): &(usize, u8)| is_part(byte) || byte == b'#';
    let start =
        text.bytes().enumerate().rev().take_while(is_part).last().map_or(text.len(), |(at, _)| at);
    text.split_at(start)
}

/// Where something is added: `name.push(`, `name[...] =`, `name +=`.
fn additions(source: &str, name: &str) -> Vec<usize> {
    let mut lexer = Lexer::new(source);
    let mut found = Vec::new();
    // Brackets that are open, with the name before a `[` if it is the one.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut before = [(0, Token::Mark(b';')); 3];
    while let Some((at, token)) = lexer.next() {
        let is_name = |token| token == Token::Word(name);
        match token {
            Token::Mark(b'(') => {
                if let [(start, first), (_, Token::Mark(b'.')), (_, Token::Word(method))] = before
                    && is_name(first)
                    && METHODS.contains(&method)
                {
                    found.push(start);
                }
                open.push(None);
            }
            Token::Mark(b'[') => open.push(Some(before[2].0).filter(|_| is_name(before[2].1))),
            Token::Mark(b'{') => open.push(None),
            Token::Mark(b')' | b'}' | b']') => {
                if let Some(Some(start)) = open.pop()
                    && lexer.is_assigned()
                {
                    found.push(start);
                }
                if lexer.is_substitution() {
                    open.push(None);
                }
            }
            Token::Mark(b'`') => open.push(None),
            Token::Word(word) if word == name && lexer.is_added_to() => found.push(at),
            _ => {}
        }
        before = [before[1], before[2], (at, token)];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adding<'s>(source: &'s str, name: &str) -> Option<&'s str> {
        adding_function(source, &Declarations::default(), name).map(|range| &source[range])
    }

    #[test]
    fn the_function_that_adds() {
        for (source, name) in [
            (
                "const a = [];\nfunction append(x) { if (x) { a.push({ x }); } }\nrun(() => append(1))",
                "a",
            ),
            ("const append = (x) => { a.push(x); };", "a"),
            ("const append = function (x) { a[x.id] = x; };", "a"),
            ("let log = '';\nfunction append(line) { log += line; }", "log"),
            ("class S { #all = new Map(); append(k, v) { this.#all.set(k, v); } }", "#all"),
            (
                "class S { append(k, v) { this.all[`${k}`] = v; } get(k) { return this.all[k]; } }",
                "all",
            ),
            (
                "function append(x) { a.push(x); a[x] = 1; } function size() { return a.length == 1; }",
                "a",
            ),
            (
                "class S { append<T>(x: T, y: number): Promise<void> { if (x) this.a.push(x); } }",
                "a",
            ),
            (
                "const s = { append: async (x) => { for await (const y of x) { a.push(y); } } };",
                "a",
            ),
            ("const append = x => { a.push(x); };", "a"),
            ("const o = { append(x) { try { a.add(x); } catch { } } };", "a"),
        ] {
            assert_eq!(adding(source, name), Some("append"), "{source}");
        }
    }

    #[test]
    fn a_generated_function_with_many_additions_and_blocks() {
        let rows = "if (x) { a.push(1); }\n".repeat(20_000);
        let source = format!("const a = [];\nfunction fill(x) {{\n{rows}}}");
        assert_eq!(adding(&source, "a"), Some("fill"));
    }

    #[test]
    fn several_functions_and_those_without_a_name_are_none() {
        for source in [
            "function one(x) { a.push(x); }\nfunction two(x) { a.push(x); }",
            "function start() { setInterval(() => { a.push(1); }); }",
            "function start() { setInterval(function () { a.push(1); }); }",
            "function start() { setInterval(async (x, y = 1) => { a.push(1); }); }",
            "a.push(1);",
            "const a = [];\nfunction start() { setInterval(function () { a.push(1); }); }",
            "class S { all = a.push(1); }",
            "é(() => { a.push('é'); });",
            "function read() { return a[1] == 2 || b.a.length; }",
            "// function f() { a.push(1) }",
            "function f() { return 'a.push(1)'; }",
            "a[",
            "function f() { `${a.length",
            "",
        ] {
            assert_eq!(adding(source, "a"), None, "{source}");
        }
    }
}
