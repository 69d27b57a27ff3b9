//! The numbers that a call or an object literal is given: `new Cache({ max: 60 * SECOND })`.

use super::lexer::{Lexer, Token};

/// What the value of a variable or property is made with.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// The first argument, if that is a number.
    pub first: Option<u64>,
    /// Options by name; `None` for what is no number by this source alone.
    pub options: Vec<(String, Option<u64>)>,
    /// Whether no option can be missing here: there is no spread, and no argument that is made elsewhere.
    pub is_complete: bool,
}

impl Given {
    /// The option of a name, if it is given.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<Option<u64>> {
        self.options.iter().find(|(key, _)| key == name).map(|&(_, value)| value)
    }
}

/// Names that are followed to their declaration for one number, each by a walk over the file.
const FOLLOWED: usize = 8;
/// The call stands within so many tokens of the name.
const NEAR: usize = 40;

/// What the value that is given to the name at byte `at` is made with; none where that is no call.
pub(super) fn given(source: &str, at: usize) -> Option<Given> {
    let mut lexer = Lexer::new(source.get(at..)?);
    for _ in 0..NEAR {
        match lexer.next()?.1 {
            Token::Mark(b'(') => return Some(arguments(source, at + lexer.end())),
            Token::Mark(b';' | b'{' | b'}' | b'[') => return None,
            _ => {}
        }
    }
    None
}

/// The arguments of a call, from behind its parenthesis on.
fn arguments(source: &str, at: usize) -> Given {
    let mut lexer = Lexer::new(source.get(at..).unwrap_or_default());
    match lexer.next() {
        Some((_, Token::Mark(b')'))) => Given { is_complete: true, ..Given::default() },
        Some((_, Token::Mark(b'{'))) => literal(source, at + lexer.end()),
        Some(_) => {
            if let Some(number) = number(source, at, &mut { FOLLOWED }) {
                return Given { first: Some(number), is_complete: true, ..Given::default() };
            }
            let declared = word(source, at).and_then(|name| value_of(source, name));
            match declared.filter(|&value| source.as_bytes().get(value) == Some(&b'{')) {
                Some(value) => literal(source, value + 1),
                None => Given::default(),
            }
        }
        None => Given::default(),
    }
}

/// The properties of an object literal, from behind its brace on.
fn literal(source: &str, at: usize) -> Given {
    let mut lexer = Lexer::new(source.get(at..).unwrap_or_default());
    let mut given = Given { is_complete: true, ..Given::default() };
    let mut depth = 0_usize;
    let mut is_key = true;
    while let Some((begin, token)) = lexer.next() {
        match token {
            Token::Mark(b'}') if depth == 0 => return given,
            Token::Mark(b'{' | b'[' | b'(') => depth += 1,
            Token::Mark(b'}' | b']' | b')') => depth = depth.saturating_sub(1),
            Token::Mark(b',') if depth == 0 => {
                is_key = true;
                continue;
            }
            Token::Mark(b'.') if depth == 0 && is_key => given.is_complete = false,
            Token::Word(key) | Token::Text(key) if depth == 0 && is_key => {
                let value = match lexer.peek() {
                    Some(b':') => {
                        lexer.next();
                        at + lexer.end()
                    }
                    // `{ max }`
                    _ => at + begin,
                };
                given.options.push((key.to_owned(), number(source, value, &mut { FOLLOWED })));
            }
            _ => {}
        }
        if lexer.is_substitution() {
            depth += 1;
        }
        is_key = false;
    }
    Given::default()
}

/// The number that an expression is: a product of numbers and of constants of this file.
fn number(source: &str, at: usize, left: &mut usize) -> Option<u64> {
    let text = source.get(at..)?;
    let mut lexer = Lexer::new(text);
    let mut product = 1_f64;
    loop {
        let (begin, token) = lexer.next()?;
        let factor = match token {
            Token::Value => parsed(text.get(begin..lexer.end())?)?,
            Token::Word("Infinity") => return None,
            Token::Word(name) => {
                *left = left.checked_sub(1)?;
                number(source, value_of(source, name)?, left)? as f64
            }
            _ => return None,
        };
        product *= factor;
        match lexer.peek() {
            None | Some(b',' | b')' | b'}' | b';') => break,
            Some(b'*') => {
                lexer.next();
            }
            // A statement may end without a semicolon.
            Some(_)
                if text
                    .get(lexer.end()..)?
                    .trim_start_matches([' ', '\t'])
                    .starts_with(['\n', '\r']) =>
            {
                break;
            }
            Some(_) => return None,
        }
    }
    (1.0..1e15).contains(&product).then_some(product as u64)
}

fn parsed(text: &str) -> Option<f64> {
    text.replace('_', "").parse().ok()
}

/// The word that an argument is, alone.
fn word(source: &str, at: usize) -> Option<&str> {
    let mut lexer = Lexer::new(source.get(at..)?);
    match lexer.next()?.1 {
        Token::Word(name) => matches!(lexer.peek(), Some(b')' | b',')).then_some(name),
        _ => None,
    }
}

/// The byte of the value that a name is declared with; none where it is assigned again.
fn value_of(source: &str, name: &str) -> Option<usize> {
    memchr::memmem::find(source.as_bytes(), name.as_bytes())?;
    let mut lexer = Lexer::new(source);
    let mut only = None;
    let mut before = Token::Value;
    while let Some((_, token)) = lexer.next() {
        let is_assigned =
            token == Token::Word(name) && before != Token::Mark(b'.') && lexer.is_assigned();
        before = token;
        if !is_assigned {
            continue;
        }
        if only.is_some() || !matches!(lexer.next(), Some((_, Token::Mark(b'=')))) {
            return None;
        }
        let rest = source.get(lexer.end()..)?;
        only = Some(lexer.end() + rest.len() - rest.trim_start().len());
        before = Token::Mark(b'=');
    }
    only
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str) -> Given {
        let at = source.find("cache").unwrap();
        given(source, at).unwrap_or_default()
    }

    #[test]
    fn options_are_numbers_products_and_constants() {
        let source = "const K = 1_000\nconst MAX = 60 * K;\nconst cache = new LRUCache<string, number>({ max: MAX, ttl: 1e3, 'size': x(1, 2), f(a, b) {}, k: `${a}, b: 1` });";
        let given = of(source);
        assert!(given.is_complete);
        assert_eq!(given.option("max"), Some(Some(60_000)));
        assert_eq!(given.option("ttl"), Some(Some(1000)));
        assert_eq!(given.option("size"), Some(None));
        assert_eq!(given.option("b"), None);
    }

    #[test]
    fn a_product_of_products_follows_few_names() {
        let mut source = String::from("const cache = new LRU({ max: A0 });\nconst A30 = 1;\n");
        for at in 0..30 {
            source += &format!("const A{at} = A{0} * A{0};\n", at + 1);
        }
        assert_eq!(of(&source).option("max"), Some(None));
        let few = "const cache = new LRU({ max: A * A });\nconst A = B * B;\nconst B = 3;\n";
        assert_eq!(of(few).option("max"), Some(Some(81)));
    }

    #[test]
    fn an_argument_and_shorthand_and_options_that_are_declared_before() {
        assert_eq!(of("this.cache = lru(60_000, ttl)").first, Some(60_000));
        let shorthand = "const max = 500;\nthis.cache = new LRU({ max })";
        assert_eq!(of(shorthand).option("max"), Some(Some(500)));
        let declared = "const options = { max: 7 };\nexports.cache = new LRU(options);";
        assert_eq!(of(declared).option("max"), Some(Some(7)));
        let none = of("const cache = new LRU();");
        assert!(none.is_complete && none.options.is_empty());
    }

    #[test]
    fn what_the_source_does_not_tell_is_no_number() {
        for source in [
            "const cache = new LRU({ max: config.max });",
            "const cache = new LRU({ max: process.env.MAX || 500 });",
            "const cache = new LRU({ max: Number(process.env.MAX ?? 500) });",
            "let max = 1; max = 2; const cache = new LRU({ max });",
            "const cache = new LRU({ max: Infinity });",
            "const cache = new LRU({ max: 1 << 4 });",
        ] {
            assert_eq!(of(source).option("max"), Some(None), "{source}");
        }
        assert!(!of("const cache = new LRU({ ...options, ttl: 1 });").is_complete);
        assert!(!of("const cache = new LRU(options());").is_complete);
        assert!(!of("const cache = new LRU({ max: 5").is_complete);
        assert_eq!(given("const cache = {};\nf(5)", 6), None);
    }
}
