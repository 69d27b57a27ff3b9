//! Tokens of JavaScript, as far as declarations need them: strings, templates, comments and regular expressions are seen
//! for what they are.

/// What a scanner of declarations tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'s> {
    Word(&'s str),
    /// A string without its quotes.
    Text(&'s str),
    Mark(u8),
    /// A number, a template or a regular expression.
    Value,
}

/// Reads tokens; what a slash begins it knows from what stood before.
pub(super) struct Lexer<'s> {
    source: &'s [u8],
    text: &'s str,
    at: usize,
    /// A slash here begins a regular expression.
    regex: bool,
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte == b'#' || byte >= 0x80
}

/// Whether an expression makes a collection or an instance.
fn makes(value: &[u8]) -> bool {
    let literal = value.first() == Some(&b'{') || value.first() == Some(&b'[');
    literal
        || value.starts_with(b"new ")
        || value.starts_with(b"Object.create")
        || value.starts_with(b"Array(")
}

impl<'s> Lexer<'s> {
    pub fn new(text: &'s str) -> Self {
        Lexer { source: text.as_bytes(), text, at: 0, regex: true }
    }

    /// The next token and the byte where it begins. A template is a token where it ends without a substitution, else
    /// a mark: [`Lexer::template`] reads on behind each `}`.
    pub fn next(&mut self) -> Option<(usize, Token<'s>)> {
        self.skip_blank();
        let at = self.at;
        let byte = *self.source.get(at)?;
        let token = match byte {
            b'"' | b'\'' => {
                self.skip_string(byte);
                self.regex = false;
                let inner = at + 1..self.at.saturating_sub(1).max(at + 1);
                Token::Text(self.text.get(inner).unwrap_or_default())
            }
            b'`' => {
                self.at += 1;
                let substitution = self.template();
                return Some((at, if substitution { Token::Mark(b'`') } else { Token::Value }));
            }
            b'/' if self.regex => {
                self.skip_regex();
                self.regex = false;
                Token::Value
            }
            byte if is_word(byte) => {
                while self.source.get(self.at).copied().is_some_and(is_word) {
                    self.at += 1;
                }
                let word = self.text.get(at..self.at).unwrap_or_default();
                self.regex = matches!(
                    word,
                    "return"
                        | "typeof"
                        | "case"
                        | "in"
                        | "of"
                        | "delete"
                        | "void"
                        | "instanceof"
                        | "new"
                        | "throw"
                        | "else"
                        | "do"
                        | "await"
                        | "yield"
                );
                if byte.is_ascii_digit() { Token::Value } else { Token::Word(word) }
            }
            _ => {
                self.at += 1;
                self.regex = !matches!(byte, b')' | b']' | b'}');
                Token::Mark(byte)
            }
        };
        Some((at, token))
    }

    /// Reads on in a template, to its end or to a substitution; whether it is the latter.
    pub fn template(&mut self) -> bool {
        while let Some(&byte) = self.source.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'`' => {
                    self.regex = false;
                    return false;
                }
                b'$' if self.source.get(self.at) == Some(&b'{') => {
                    self.at += 1;
                    self.regex = true;
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    fn skip_blank(&mut self) {
        while let Some(&byte) = self.source.get(self.at) {
            match (byte, self.source.get(self.at + 1)) {
                (b'/', Some(b'/')) => self.skip_until(b"\n"),
                (b'/', Some(b'*')) => self.skip_until(b"*/"),
                (b'#', Some(b'!')) if self.at == 0 => self.skip_until(b"\n"),
                _ if byte.is_ascii_whitespace() => self.at += 1,
                _ => return,
            }
        }
    }

    fn skip_until(&mut self, end: &[u8]) {
        let from = self.source.get(self.at..).unwrap_or_default();
        self.at += memchr::memmem::find(from, end).map_or(from.len(), |found| found + end.len());
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
        let mut ahead = Lexer { source: self.source, text: self.text, at: self.at, regex: false };
        ahead.skip_blank();
        self.source.get(ahead.at..).unwrap_or_default()
    }

    /// The first byte of the next token.
    pub fn peek(&self) -> Option<u8> {
        self.ahead().first().copied()
    }

    /// Whether `=` follows, and not `==` or `=>`.
    pub fn is_assigned(&self) -> bool {
        let ahead = self.ahead();
        // `??=` and `||=` are how a cache is often made.
        let ahead =
            ahead.strip_prefix(b"??").or_else(|| ahead.strip_prefix(b"||")).unwrap_or(ahead);
        ahead.first() == Some(&b'=') && !matches!(ahead.get(1), Some(b'=' | b'>'))
    }

    fn value(&self) -> &'s [u8] {
        let ahead = self.ahead();
        let skip = ahead
            .iter()
            .take(4)
            .take_while(|byte| matches!(byte, b'=' | b':' | b'?' | b'|' | b']'))
            .count();
        ahead[skip..].trim_ascii_start()
    }

    /// Whether what is assigned is made right here.
    pub fn is_made(&self) -> bool {
        makes(self.value())
    }

    /// Whether the next argument of a call is made right here.
    pub fn is_next_made(&self) -> bool {
        self.ahead().strip_prefix(b",").is_some_and(|next| makes(next.trim_ascii_start()))
    }

    /// Whether it comes from another module.
    pub fn is_required(&self) -> bool {
        let value = self.value();
        value.starts_with(b"require")
            || value.starts_with(b"await import")
            || value.starts_with(b"__importDefault")
    }
}
