//! Source maps, revision 3 (ECMA-426): from a position in what V8 ran to the position and the name in what was written.
//!
//! A decoder of our own: a lookup is all that naming needs, and the crates that also build, compose and
//! fetch maps bring URL and Unicode tables several times the size of this binary's budget.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// A map that was read, its segments in the order of the generated text.
#[derive(Debug)]
pub struct SourceMap {
    segments: Vec<Segment>,
    sources: Vec<Source>,
    names: Vec<String>,
}

#[derive(Debug)]
struct Source {
    name: String,
    /// Whether the map has the texts of its sources.
    has_text: bool,
    is_left_out: bool,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    line: u32,
    column: u32,
    source: u32,
    original_line: u32,
    original_column: u32,
    name: Option<u32>,
}

/// A position in an original file; line and column from 0.
#[derive(Debug, PartialEq, Eq)]
pub struct Original<'m> {
    /// The file, as the map says it: relative to the map unless absolute. None where it was left out.
    pub source: Option<&'m str>,
    /// The line, from 0.
    pub line: u32,
    /// The column, from 0.
    pub column: u32,
    /// What the identifier at this position was called.
    pub name: Option<&'m str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    #[serde(default)]
    source_root: Option<String>,
    #[serde(default)]
    sources: Vec<Option<String>>,
    #[serde(default)]
    sources_content: Option<IgnoredAny>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    mappings: String,
    #[serde(default)]
    sections: Vec<Section>,
}

#[derive(Deserialize)]
struct Section {
    offset: Offset,
    map: Box<Json>,
}

#[derive(Deserialize, Clone, Copy, Default)]
struct Offset {
    line: u32,
    column: u32,
}

impl SourceMap {
    /// Reads a map, plain or made of sections. `None` where it is not one.
    pub fn parse(json: &[u8]) -> Option<Self> {
        // A map may begin with the line `)]}'` against being run as a script.
        let json = json.strip_prefix(b")]}'").unwrap_or(json);
        let mut map = SourceMap { segments: Vec::new(), sources: Vec::new(), names: Vec::new() };
        map.add(serde_json::from_slice(json).ok()?, Offset::default(), 0)?;
        map.segments.sort_by_key(|segment| (segment.line, segment.column));
        Some(map)
    }

    fn add(&mut self, json: Json, offset: Offset, depth: u32) -> Option<()> {
        let first_source = self.sources.len() as u32;
        let first_name = self.names.len() as u32;
        let root = json.source_root.unwrap_or_default();
        let prefix = if root.is_empty() || root.ends_with('/') { root } else { format!("{root}/") };
        let has_text = json.sources_content.is_some();
        let source = |source: Option<String>| Source {
            name: format!("{prefix}{}", source.unwrap_or_default()),
            has_text,
            is_left_out: false,
        };
        self.sources.extend(json.sources.into_iter().map(source));
        self.names.extend(json.names);
        self.decode(json.mappings.as_bytes(), offset, first_source, first_name)?;
        for section in json.sections {
            // Sections do not nest in the standard; one level more is harmless, a thousand is an attack.
            if depth < 2 {
                self.add(*section.map, section.offset, depth + 1)?;
            }
        }
        Some(())
    }

    fn decode(&mut self, mappings: &[u8], offset: Offset, sources: u32, names: u32) -> Option<()> {
        let (mut source, mut line, mut column, mut name) = (0i64, 0i64, 0i64, 0i64);
        for (row, group) in mappings.split(|&byte| byte == b';').enumerate() {
            let row = u32::try_from(row).ok()?;
            let mut at = 0i64;
            for text in group.split(|&byte| byte == b',').filter(|text| !text.is_empty()) {
                let mut fields = [0i64; 5];
                let count = vlq(text, &mut fields)?;
                at += fields[0];
                if count < 4 {
                    continue;
                }
                source += fields[1];
                line += fields[2];
                column += fields[3];
                if count == 5 {
                    name += fields[4];
                }
                let first_row = if row == 0 { offset.column } else { 0 };
                self.segments.push(Segment {
                    line: row.checked_add(offset.line)?,
                    column: u32::try_from(at).ok()?.checked_add(first_row)?,
                    source: sources.checked_add(u32::try_from(source).ok()?)?,
                    original_line: u32::try_from(line).ok()?,
                    original_column: u32::try_from(column).ok()?,
                    name: if count == 5 {
                        Some(names.checked_add(u32::try_from(name).ok()?)?)
                    } else {
                        None
                    },
                });
            }
        }
        Some(())
    }

    /// The sources as the map names them.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|source| source.name.as_str())
    }

    /// Leaves out the sources that the map does not have the text of and `is_there` denies.
    pub fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        for source in &mut self.sources {
            source.is_left_out = !source.has_text && !is_there(&source.name);
        }
    }

    /// Where the text at a generated position (from 0) was written.
    pub fn original(&self, line: u32, column: u32) -> Option<Original<'_>> {
        let after = self.segments.partition_point(|s| (s.line, s.column) <= (line, column));
        let segment = self.segments[..after].last().filter(|segment| segment.line == line)?;
        let source = self.sources.get(segment.source as usize)?;
        Some(Original {
            source: Some(source.name.as_str()).filter(|_| !source.is_left_out),
            line: segment.original_line,
            column: segment.original_column,
            name: segment.name.and_then(|name| self.names.get(name as usize)).map(String::as_str),
        })
    }
}

/// The value of a base64 digit.
fn digit(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Decodes up to five base64 variable-length quantities; how many there were.
fn vlq(text: &[u8], fields: &mut [i64; 5]) -> Option<usize> {
    let (mut count, mut value, mut shift) = (0, 0i64, 0);
    for &byte in text {
        let digit = digit(byte)?;
        if shift > 30 {
            return None;
        }
        value |= i64::from(digit & 31) << shift;
        shift += 5;
        if digit & 32 == 0 {
            *fields.get_mut(count)? = if value & 1 == 1 { -(value >> 1) } else { value >> 1 };
            (count, value, shift) = (count + 1, 0, 0);
        }
    }
    (shift == 0).then_some(count)
}

/// The bytes of base64 text, with or without padding.
pub fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0);
    for &byte in text.iter().take_while(|&&byte| byte != b'=') {
        bits = bits << 6 | digit(byte)?;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_goes_to_the_segment_at_or_before_it_on_its_line() {
        // Generated line 0: column 0 -> a.ts 0:0, column 4 -> a.ts 0:6 named `sessions`; line 2: column 2 -> b.ts 4:1.
        let json = br#"{"version":3,"sourceRoot":"src","sources":["a.ts","b.ts"],"names":["sessions"],"mappings":"AAAA,IAAMA;;ECIL"}"#;
        let map = SourceMap::parse(json).unwrap();
        assert_eq!(map.original(0, 3).unwrap().column, 0);
        let named = map.original(0, 9).unwrap();
        assert_eq!(
            (named.source, named.line, named.column, named.name),
            (Some("src/a.ts"), 0, 6, Some("sessions"))
        );
        assert_eq!(map.original(1, 0), None);
        assert_eq!(map.original(2, 1), None);
        let other = map.original(2, 2).unwrap();
        assert_eq!(
            (other.source, other.line, other.column, other.name),
            (Some("src/b.ts"), 4, 1, None)
        );
    }

    #[test]
    fn a_source_that_nobody_has_is_left_out_and_its_names_are_not() {
        let source = |texts: &str| {
            let json = format!(
                r#"{{"version":3,"sources":["a.ts"],{texts}"names":["x"],"mappings":"AAAAA"}}"#
            );
            let mut map = SourceMap::parse(json.as_bytes()).unwrap();
            map.retain(|_| false);
            let original = map.original(0, 0).unwrap();
            assert_eq!(original.name, Some("x"));
            original.source.map(str::to_owned)
        };
        assert_eq!(source(""), None);
        assert_eq!(source(r#""sourcesContent":["let a"],"#), Some("a.ts".to_owned()));
    }

    #[test]
    fn sections_shift_what_they_hold() {
        let json = br#"{"version":3,"sections":[
            {"offset":{"line":0,"column":0},"map":{"version":3,"sources":["a.js"],"names":[],"mappings":"AAAA"}},
            {"offset":{"line":3,"column":10},"map":{"version":3,"sources":["b.js"],"names":["x"],"mappings":"AAAAA"}}]}"#;
        let map = SourceMap::parse(json).unwrap();
        assert_eq!(map.original(0, 5).unwrap().source, Some("a.js"));
        let b = map.original(3, 12).unwrap();
        assert_eq!((b.source, b.name), (Some("b.js"), Some("x")));
        assert_eq!(map.original(3, 9), None);
    }

    #[test]
    fn what_is_no_map_is_refused() {
        assert!(SourceMap::parse(b"<!doctype html>").is_none());
        assert!(SourceMap::parse(br#"{"version":3,"sources":["a"],"mappings":"A?"}"#).is_none());
        assert!(
            SourceMap::parse(br#"{"version":3,"sources":["a"],"mappings":"AADA"}"#).is_none(),
            "a line before the first"
        );
        assert_eq!(base64(b"aGk="), Some(b"hi".to_vec()));
        assert_eq!(base64(b"a\n"), None);
    }
}
