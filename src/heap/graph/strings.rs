//! The snapshot's string table: one arena of raw JSON text, decoded when it is looked at.

use std::borrow::Cow;

use crate::heap::error::{HeapError, HeapResult};
use crate::heap::memory::room;
use crate::heap::parse::json::Scanner;

/// Strings by index.
#[derive(Debug, Default)]
pub(in crate::heap) struct StringTable {
    arena: Vec<u8>,
    ends: Vec<u32>,
}

impl StringTable {
    pub fn read(scanner: &mut Scanner) -> HeapResult<Self> {
        let mut strings = StringTable::default();
        let mut more = scanner.open_array()?;
        while more {
            scanner.string(&mut strings.arena)?;
            // V8 cuts each string at 1,024 characters, so this is more than a graph can name.
            let end = u32::try_from(strings.arena.len())
                .map_err(|_| HeapError::TooLarge("its strings take more than 4 GB".into()))?;
            room(&mut strings.ends, 1)?;
            strings.ends.push(end);
            more = scanner.another(b']', ", or ]")?;
        }
        if u32::try_from(strings.ends.len()).is_err() {
            return Err(HeapError::TooLarge("it has more than 2^32 strings".into()));
        }
        strings.arena.shrink_to_fit();
        strings.ends.shrink_to_fit();
        Ok(strings)
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// As it stands in the file, escapes and all; empty where there is no such string.
    pub fn raw(&self, index: u32) -> &[u8] {
        let index = index as usize;
        let start =
            index.checked_sub(1).map_or(0, |before| self.ends.get(before).copied().unwrap_or(0));
        let end = self.ends.get(index).copied().unwrap_or(start);
        &self.arena[start as usize..end as usize]
    }

    /// Decoded; a lone surrogate or a broken escape becomes U+FFFD.
    pub fn get(&self, index: u32) -> Cow<'_, str> {
        let raw = self.raw(index);
        if memchr::memchr(b'\\', raw).is_none() {
            return String::from_utf8_lossy(raw);
        }
        Cow::Owned(unescape(raw))
    }

    /// The strings in which `needle` occurs raw, each once.
    pub fn containing<'a>(&'a self, needle: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
        let mut from = 0;
        std::iter::from_fn(move || {
            loop {
                let at = from + memchr::memmem::find(&self.arena[from..], needle)?;
                let index = self.ends.partition_point(|end| *end as usize <= at);
                let end = *self.ends.get(index)? as usize;
                // Neither two strings that happen to make the needle, nor one string twice.
                from = if at + needle.len() <= end { end } else { at + 1 };
                if from == end {
                    return u32::try_from(index).ok();
                }
            }
        })
    }
}

fn unescape(raw: &[u8]) -> String {
    let mut text = Vec::with_capacity(raw.len());
    let mut units = Vec::new();
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        text.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        // Escapes that follow each other are one run of UTF-16: a pair may span two.
        units.clear();
        while let Some((unit, length)) = escape(rest) {
            units.push(unit);
            rest = &rest[length..];
        }
        for decoded in char::decode_utf16(units.iter().copied()) {
            let character = decoded.unwrap_or(char::REPLACEMENT_CHARACTER);
            text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    text.extend_from_slice(rest);
    String::from_utf8_lossy(&text).into_owned()
}

/// The UTF-16 unit of the escape at the front and the escape's length.
fn escape(text: &[u8]) -> Option<(u16, usize)> {
    if *text.first()? != b'\\' {
        return None;
    }
    let unit = match *text.get(1).unwrap_or(&b'\\') {
        b'b' => 8,
        b'f' => 12,
        b'n' => 10,
        b'r' => 13,
        b't' => 9,
        b'u' => {
            let unit = text
                .get(2..6)
                .and_then(|hex| std::str::from_utf8(hex).ok())
                .and_then(|hex| u16::from_str_radix(hex, 16).ok());
            return Some(unit.map_or((0xfffd, 2), |unit| (unit, 6)));
        }
        other => u16::from(other),
    };
    Some((unit, text.len().min(2)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::parse::read::decode;
    use crate::heap::progress::unattended;

    fn strings(json: &str) -> StringTable {
        let source = decode(json.as_bytes()).unwrap();
        StringTable::read(&mut Scanner::new(source, &unattended)).unwrap()
    }

    #[test]
    fn decodes_as_json_does() {
        for json in [r#"plain"#, r#"a\n\t\"\\\/b"#, r#"\u00e4\ud83d\ude00 x"#, r#""#, r#"ä€😀"#]
        {
            let expected: String = serde_json::from_str(&format!("\"{json}\"")).unwrap();
            assert_eq!(strings(&format!("[\"{json}\"]")).get(0), expected);
        }
        assert_eq!(strings(r#"["\ud83d|"]"#).get(0), "\u{fffd}|");
        assert_eq!(strings(r#"["\uzz"]"#).get(0), "\u{fffd}zz");
    }

    #[test]
    fn finds_each_string_once_and_none_across_two() {
        let strings = strings(r#"["xneedleneedle","nee","dle","","needle","x"]"#);
        assert_eq!(strings.containing(b"needle").collect::<Vec<_>>(), [0, 4]);
        assert_eq!(strings.get(99), "");
    }
}
