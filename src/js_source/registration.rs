//! The call that adds a listener: `bus.on('change', listener)`.

use super::adding::assigned_name;
use super::files::is_hash;
use super::lexer::{Lexer, Token};

const METHODS: [&str; 6] =
    ["on", "once", "addListener", "prependListener", "prependOnceListener", "addEventListener"];

/// A call whose arguments are being read.
struct Call<'s> {
    /// Where the method's name begins.
    at: usize,
    /// How many brackets are open inside of its parentheses.
    depth: usize,
    argument: usize,
    /// The first argument is another event's name.
    is_other: bool,
    /// The last word of the second argument, where it has nothing but words and dots: `onChange`, `this.onChange`.
    given: Option<&'s str>,
    /// `this.onChange.bind(this)`
    is_bound: bool,
    is_plain: bool,
}

/// The byte of the method's name in the call that adds the listener for `event` which is called `name` and whose code
/// stands at byte `at`. A function inside of the call comes before its name; of several calls with that name none is
/// the answer. An event that was redacted may be any. V8 has no name for a function in a property
/// (`this.onChange = () => ...`): the source has.
pub(super) fn registration(source: &str, event: &str, name: &str, at: usize) -> Option<usize> {
    let name = name.rsplit(' ').next().filter(|name| !name.is_empty());
    let name = name.or_else(|| property_of(source.get(..at)?));
    let mut lexer = Lexer::new(source);
    let mut open: Vec<Call> = Vec::new();
    let mut named: Vec<usize> = Vec::new();
    let mut before = [(0, Token::Value); 2];
    while let Some((byte, token)) = lexer.next() {
        let method = match (before[0].1, before[1], token) {
            (Token::Mark(b'.'), (start, Token::Word(word)), Token::Mark(b'('))
                if METHODS.contains(&word) =>
            {
                Some(start)
            }
            _ => None,
        };
        let is_substitution = lexer.is_substitution();
        let is_ended = open.last_mut().is_some_and(|call| {
            // The inner call reads its own parentheses.
            let is_ended = method.is_none() && call.read(token, event);
            call.is_plain &= method.is_none() || call.argument != 1;
            call.depth += usize::from(is_substitution);
            is_ended
        });
        if is_ended && let Some(call) = open.pop() {
            if (call.at..byte).contains(&at) && !call.is_other {
                return Some(call.at);
            }
            let is_given = call.is_plain && call.given.is_some() && call.given == name;
            if is_given && !call.is_other {
                named.push(call.at);
            }
        }
        if let Some(at) = method {
            open.push(Call {
                at,
                depth: 0,
                argument: 0,
                is_other: false,
                given: None,
                is_bound: false,
                is_plain: true,
            });
        }
        before = [before[1], (byte, token)];
    }
    match named[..] {
        [only] => Some(only),
        _ => None,
    }
}

/// The property that a function is assigned to, by the text before its parameters.
fn property_of(before: &str) -> Option<&str> {
    let before = before.trim_end();
    let before = before.strip_suffix("function").unwrap_or(before);
    before.get(assigned_name(before)?)
}

impl<'s> Call<'s> {
    /// Reads a token behind the opening parenthesis; true where it ends the call.
    fn read(&mut self, token: Token<'s>, event: &str) -> bool {
        match token {
            Token::Mark(b')') if self.depth == 0 => return true,
            Token::Mark(b'(' | b'[' | b'{') => self.depth += 1,
            Token::Mark(b')' | b']' | b'}') => self.depth = self.depth.saturating_sub(1),
            Token::Mark(b',') if self.depth == 0 => {
                self.argument += 1;
                return false;
            }
            _ => {}
        }
        match (self.argument, token) {
            (0, Token::Text(text)) => self.is_other = text != event && !is_hash(event),
            (1, _) if self.is_bound => {}
            (1, Token::Word("bind")) => self.is_bound = true,
            (1, Token::Word(word)) => self.given = Some(word),
            (1, Token::Mark(b'.')) => {}
            (1, _) => self.is_plain = false,
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line of the call, from 1; the listener's code stands at the first `§`.
    fn line(marked: &str, name: &str) -> Option<usize> {
        line_for("change", marked, name)
    }

    fn line_for(event: &str, marked: &str, name: &str) -> Option<usize> {
        let at = marked.find('§').unwrap();
        let source = marked.replacen('§', "", 1);
        let found = registration(&source, event, name, at)?;
        Some(source[..found].lines().count())
    }

    #[test]
    fn an_event_that_was_redacted_may_be_any() {
        let redacted = |marked: &str, name: &str| line_for("redacted-38225f702a34", marked, name);
        let inner = "bus.on('data', () => {\n  other.once('change', §() => 1)\n})";
        assert_eq!(redacted(inner, ""), Some(2));
        assert_eq!(redacted("function f§() {}\nbus.on('data', f)", "f"), Some(2));
        let two = "function f§() {}\nbus.on('data', f)\nbus.on('change', f)";
        assert_eq!(redacted(two, "f"), None);
    }

    #[test]
    fn a_function_in_the_call() {
        assert_eq!(line("bus\n  .on(\n  'change',\n  §() => 1)", ""), Some(2));
        assert_eq!(
            line("bus.on('data', () => {\n  other.once('change', §() => 1)\n})", ""),
            Some(2)
        );
        assert_eq!(line("bus.on('data', () => {\n  const f = §() => 1\n})", "f"), None);
    }

    #[test]
    fn brackets_of_templates_and_of_inner_calls() {
        let template = "bus.on('change', §() => `${a}) ${b}`)\nf()";
        assert_eq!(line(template, ""), Some(1));
        let inner = "bus.on('change', () => {\n a.on('x', () => {})\n §() => 1 })";
        assert_eq!(line(inner, ""), Some(1));
    }

    #[test]
    fn a_function_that_is_given_by_name() {
        assert_eq!(line("function f§() {}\nbus.on('data', f)\nbus.on('change', f)", "f"), Some(3));
        assert_eq!(line("const f = §() => 1\nbus.on(CHANGE, f)", "f"), Some(2));
        let method = "class A { f§() {}\n start() {\n bus.addListener('change', this.f, 1) } }";
        assert_eq!(line(method, "f"), Some(3));
        let bound = "class A { f§() {}\n start() {\n bus.on('change', this.f.bind(this)) } }";
        assert_eq!(line(bound, "f"), Some(3));
    }

    #[test]
    fn a_function_in_a_property() {
        let arrow = "class A { constructor() { this.f = §() => 1 }\n\
                     start() {\n bus.on('change', this.f) } }";
        assert_eq!(line(arrow, ""), Some(3));
        assert_eq!(line("a.f = async function §() {}\nbus.on('change', a.f)", ""), Some(2));
        assert_eq!(line("a.f = §() => 1\nbus.on('change', a.g)", ""), None);
        assert_eq!(line("a.f ??= §() => 1\nbus.on('data', a.f)", ""), None);
    }

    #[test]
    fn no_call_or_several_are_none() {
        assert_eq!(line("function f§() {}\nbus.on('change', f)\nbus.on('change', f)", "f"), None);
        assert_eq!(line("function f§() {}\nbus.on('change', f())", "f"), None);
        assert_eq!(line("function f§() {}\nbus.emit('change', f)", "f"), None);
        assert_eq!(line("function §() {}\nbus.on('change', g)", ""), None);
        assert_eq!(line("bus.on('change', §", ""), None);
    }
}
