//! A pull scanner for the JSON of a heap snapshot: arrays of unsigned integers and of strings,
//! read through one buffer. Nothing recurses and nothing is kept but what the caller asks for.

use std::io::{ErrorKind, Read};

use memchr::memchr2;

use crate::heap::error::{HeapError, HeapResult};
use crate::heap::memory::room;
use crate::heap::parse::read::Source;
use crate::heap::progress::{Phase, Progress, Report};

const CAPACITY: usize = 1 << 20;
/// More than the longest number with what separates it from the next: a whole one is always in
/// the buffer, or the text has ended and zeros follow.
const WINDOW: usize = 32;
/// V8 cuts each string after 1,024 characters, unless a flag of its own says otherwise.
const LONGEST_STRING: usize = 64 << 20;
/// The names of sections are short.
const LONGEST_KEY: usize = 1024;
/// u64::MAX has 20 digits, so 19 always fit.
const MAX_DIGITS: usize = 19;

/// The scanner; `text[at..end]` is read and not yet consumed.
pub(in crate::heap) struct Scanner<'a> {
    source: Source<'a>,
    report: Report<'a>,
    text: Box<[u8]>,
    at: usize,
    end: usize,
    /// How much text stood before the buffer's first byte.
    before: u64,
    ended: bool,
}

impl<'a> Scanner<'a> {
    pub fn new(source: Source<'a>, report: Report<'a>) -> Self {
        let text = vec![0; CAPACITY + WINDOW].into_boxed_slice();
        Scanner { source, report, text, at: 0, end: 0, before: 0, ended: false }
    }

    /// The length of the text, where it is known before it is read.
    pub fn length(&self) -> Option<u64> {
        self.source.length
    }

    /// How many bytes of text are consumed.
    pub fn position(&self) -> u64 {
        self.before + self.at as u64
    }

    /// Moves what is left to the front and reads on; false at the end of the text.
    #[cold]
    fn refill(&mut self) -> HeapResult<bool> {
        if self.ended {
            return Ok(false);
        }
        self.text.copy_within(self.at..self.end, 0);
        self.before += self.at as u64;
        self.end -= self.at;
        self.at = 0;
        let progress =
            Progress { phase: Phase::Reading, done: self.before, total: self.source.length };
        if (self.report)(progress).is_break() {
            return Err(HeapError::Cancelled);
        }
        // A pipe gives little at a time: as much as it has, but at least a window.
        let wanted = self.end + WINDOW;
        while self.end < wanted && !self.ended {
            match self.source.reader.read(&mut self.text[self.end..CAPACITY]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(error)),
            }
        }
        self.text[self.end..self.end + WINDOW].fill(0);
        Ok(self.end > 0)
    }

    fn broken(&self, error: std::io::Error) -> HeapError {
        HeapError::of_stream(error, self.before + self.end as u64)
    }

    fn unexpected(&self, expected: &'static str) -> HeapError {
        if self.at == self.end && self.ended {
            return self.truncated();
        }
        HeapError::NotJson { at: self.position(), expected }
    }

    fn truncated(&self) -> HeapError {
        match self.position() {
            0 => HeapError::Empty,
            at => HeapError::Truncated { at },
        }
    }

    /// The next byte that is not white space, left where it is; 0 at the end.
    pub fn peek(&mut self) -> HeapResult<u8> {
        loop {
            while self.at < self.end {
                let byte = self.text[self.at];
                if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                    return Ok(byte);
                }
                self.at += 1;
            }
            if !self.refill()? || self.at == self.end {
                return Ok(0);
            }
        }
    }

    /// Reads on behind the value, where only white space may be. There a compressed stream has its checksum.
    pub fn expect_end(&mut self) -> HeapResult<()> {
        self.peek()?;
        if self.at < self.end {
            return Err(HeapError::Corrupt("there is text behind its end".into()));
        }
        Ok(())
    }

    /// Consumes `byte`, white space before it included.
    pub fn expect(&mut self, byte: u8, expected: &'static str) -> HeapResult<()> {
        if self.peek()? != byte {
            return Err(self.unexpected(expected));
        }
        self.at += 1;
        Ok(())
    }

    /// Consumes the `,` before another item (true) or `close` (false).
    pub fn another(&mut self, close: u8, expected: &'static str) -> HeapResult<bool> {
        let byte = self.peek()?;
        if byte != b',' && byte != close {
            return Err(self.unexpected(expected));
        }
        self.at += 1;
        Ok(byte == b',')
    }

    /// Consumes `[`, and `]` where the array is empty: whether there are items.
    pub fn open_array(&mut self) -> HeapResult<bool> {
        self.expect(b'[', "[")?;
        let empty = self.peek()? == b']';
        self.at += usize::from(empty);
        Ok(!empty)
    }

    /// Consumes as many unsigned integers of an array as there are `values`, and what follows
    /// them: whether another comes.
    #[inline(always)]
    pub fn record(&mut self, values: &mut [u64]) -> HeapResult<bool> {
        let text = &self.text[self.at..self.end];
        if text.len() > values.len() * WINDOW
            && let Some(length) = plain_record(text, values)
        {
            self.at += length;
            return Ok(true);
        }
        self.any_record(values)
    }

    /// A record at the buffer's or the array's end, or with white space in it.
    #[cold]
    fn any_record(&mut self, values: &mut [u64]) -> HeapResult<bool> {
        let mut more = true;
        for value in values {
            if !more {
                return Err(HeapError::Corrupt("a section ends within a record".into()));
            }
            (*value, more) = self.number()?;
        }
        Ok(more)
    }

    fn number(&mut self) -> HeapResult<(u64, bool)> {
        if !self.peek()?.is_ascii_digit() {
            return Err(self.unexpected("a number"));
        }
        if self.end - self.at < WINDOW {
            self.refill()?;
        }
        // Zeros follow the end of the text.
        let (value, digits) = digits(&self.text[self.at..]);
        if digits > MAX_DIGITS {
            return Err(self.unexpected("a number that fits 64 bits"));
        }
        self.at += digits;
        Ok((value, self.another(b']', "a whole number, then , or ]")?))
    }

    /// Consumes a string and appends its raw text, escapes and all, to `to`.
    pub fn string(&mut self, to: &mut Vec<u8>) -> HeapResult<()> {
        let mut length = 0;
        self.pieces(|piece| {
            length += piece.len();
            if length > LONGEST_STRING {
                return Err(HeapError::TooLarge(format!(
                    "one of its strings is longer than {} MB, and V8 cuts each after 1,024 characters",
                    LONGEST_STRING >> 20
                )));
            }
            room(to, piece.len())?;
            to.extend_from_slice(piece);
            Ok(())
        })
    }

    /// Consumes a string that names a section.
    pub fn key(&mut self, to: &mut Vec<u8>) -> HeapResult<()> {
        to.clear();
        self.pieces(|piece| {
            if to.len() + piece.len() > LONGEST_KEY {
                return Err(HeapError::Schema(format!(
                    "the name of a section is longer than {LONGEST_KEY} bytes"
                )));
            }
            to.extend_from_slice(piece);
            Ok(())
        })
    }

    /// Consumes a string; its raw text comes in pieces.
    fn pieces(&mut self, mut each: impl FnMut(&[u8]) -> HeapResult<()>) -> HeapResult<()> {
        self.expect(b'"', "a string")?;
        loop {
            let text = &self.text[self.at..self.end];
            match memchr2(b'"', b'\\', text) {
                Some(length) if text[length] == b'"' => {
                    each(&text[..length])?;
                    self.at += length + 1;
                    return Ok(());
                }
                // The escaped byte goes along, whatever it is, so that it cannot end the string.
                Some(length) if length + 1 < text.len() => {
                    each(&text[..length + 2])?;
                    self.at += length + 2;
                }
                found => {
                    let length = found.unwrap_or(text.len());
                    each(&text[..length])?;
                    self.at += length;
                    let before = self.end - self.at;
                    if !self.refill()? || self.end - self.at == before {
                        return Err(self.truncated());
                    }
                }
            }
        }
    }

    /// Consumes any value; its raw text goes to `keep`, where one is given, up to `limit` bytes.
    /// Brackets are counted, not matched: what is skipped is not read.
    pub fn value(&mut self, mut keep: Option<(&mut Vec<u8>, usize)>) -> HeapResult<()> {
        let mut depth = 0u64;
        let mut take = |piece: &[u8]| match &mut keep {
            Some((kept, limit)) if kept.len() + piece.len() > *limit => {
                Err(HeapError::Schema(format!("its header is longer than {limit} bytes")))
            }
            Some((kept, _)) => {
                kept.extend_from_slice(piece);
                Ok(())
            }
            None => Ok(()),
        };
        loop {
            let byte = self.peek()?;
            match byte {
                b'"' => {
                    take(b"\"")?;
                    self.pieces(&mut take)?;
                    take(b"\"")?;
                }
                0 => return Err(self.unexpected("a value")),
                _ => {
                    match byte {
                        b'[' | b'{' => depth += 1,
                        b']' | b'}' if depth == 0 => return Err(self.unexpected("a value")),
                        b']' | b'}' => depth -= 1,
                        _ => {}
                    }
                    self.at += 1;
                    take(&[byte])?;
                }
            }
            // A value is complete where its brackets are closed and what ends it comes next.
            if depth == 0 && matches!(self.peek()?, b',' | b'}' | b']' | 0) {
                return Ok(());
            }
        }
    }
}

/// The integer at the front and how many digits it has; more than [`MAX_DIGITS`] may be wrong.
#[inline(always)]
fn digits(text: &[u8]) -> (u64, usize) {
    let mut value = 0u64;
    let mut count = 0;
    while count < text.len() {
        let digit = text[count].wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    (value, count)
}

/// The record at the front as V8 writes it, with another after it, and its length: up to Node 22
/// there is a line feed before the comma that follows a record.
#[inline(always)]
fn plain_record(text: &[u8], values: &mut [u64]) -> Option<usize> {
    let mut at = 0;
    let last = values.len() - 1;
    for (index, value) in values.iter_mut().enumerate() {
        let (number, count) = digits(text.get(at..)?);
        if count == 0 || count > MAX_DIGITS {
            return None;
        }
        *value = number;
        at += count;
        if index == last && text.get(at) == Some(&b'\n') {
            at += 1;
        }
        if text.get(at) != Some(&b',') {
            return None;
        }
        at += 1;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::parse::read::decode;
    use crate::heap::progress::unattended;

    /// Gives one byte at a time, as a slow pipe does.
    struct Drip<'a>(&'a [u8]);
    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let read = self.0.len().min(1).min(buffer.len());
            buffer[..read].copy_from_slice(&self.0[..read]);
            self.0 = &self.0[read..];
            Ok(read)
        }
    }

    fn scanner(text: &[u8]) -> Scanner<'_> {
        Scanner::new(decode(Drip(text)).unwrap(), &unattended)
    }

    #[test]
    fn records_with_every_separator_that_v8_writes() {
        let json = "[0,18\n,1234567890123456789 , 7\n,9,10,11,12\n]";
        for padding in [0, 1000] {
            let text = format!("{json}{}", " ".repeat(padding));
            let mut scanner = Scanner::new(decode(text.as_bytes()).unwrap(), &unattended);
            let mut values = [0; 2];
            assert!(scanner.open_array().unwrap());
            for (record, more) in [
                ([0, 18], true),
                ([1_234_567_890_123_456_789, 7], true),
                ([9, 10], true),
                ([11, 12], false),
            ] {
                assert_eq!(scanner.record(&mut values).unwrap(), more);
                assert_eq!(values, record);
            }
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let long = "1".repeat(20);
        for text in ["-1]", "1.5]", "a", "\"1\"", &format!("{long}]"), "1;2", ",1]"] {
            for padding in [0, 100] {
                let text = format!("{text}{}", " ".repeat(padding));
                assert!(
                    matches!(
                        scanner(text.as_bytes()).record(&mut [0]),
                        Err(HeapError::NotJson { .. })
                    ),
                    "{text}"
                );
            }
        }
        for text in ["1", " 1 ", ""] {
            assert!(
                matches!(
                    scanner(text.as_bytes()).record(&mut [0]),
                    Err(HeapError::Truncated { .. } | HeapError::Empty)
                ),
                "{text}"
            );
        }
        assert!(matches!(scanner(b"1,2]").record(&mut [0; 3]), Err(HeapError::Corrupt(_))));
    }

    #[test]
    fn strings_keep_their_escapes() {
        let mut text = Vec::new();
        let json = br#""a\"b\\" "c\u0041" "open"#;
        let mut scanner = scanner(json);
        scanner.string(&mut text).unwrap();
        assert_eq!(text, br#"a\"b\\"#);
        text.clear();
        scanner.string(&mut text).unwrap();
        assert_eq!(text, br"c\u0041");
        let end = json.len() as u64;
        assert!(matches!(scanner.string(&mut text), Err(HeapError::Truncated { at }) if at == end));
    }

    #[test]
    fn values_are_skipped_however_deep() {
        let deep = format!("{}\"]\"{},", "[{".repeat(100_000), "}]".repeat(100_000));
        let mut scanner = scanner(deep.as_bytes());
        scanner.value(None).unwrap();
        assert_eq!(scanner.peek().unwrap(), b',');
    }
}
