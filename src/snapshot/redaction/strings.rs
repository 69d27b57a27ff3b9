//! The strings of a snapshot: what they are used for, and what is shown of them.

use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use super::names::{self, NameRules};
use super::role::{self, Role};
use super::{MOST_STRINGS, Redactor, Sink, Stage, scripts, unknown};
use crate::snapshot::error::SnapshotError;

/// The names that V8 gives nodes whose content it does not show.
const NO_CONTENT: [&[u8]; 7] = [
    b"(concatenated string)",
    b"(sliced string)",
    b"symbol",
    b"private symbol",
    b"bigint",
    b"heap number",
    b"smi number",
];
/// No exported name is longer.
const LONGEST_EXPORT: usize = 64;

/// The strings of the file and what each is used for.
#[derive(Debug)]
pub struct StringUses {
    names: Arc<NameRules>,
    /// What each string is used for, by index.
    roles: Vec<Role>,
    entries: Vec<Entry>,
    /// The texts of those that may stay.
    texts: Vec<u8>,
    /// The string that is being read, as it stands in the file.
    raw: Vec<u8>,
    written: bool,
}

#[derive(Debug)]
struct Entry {
    /// UTF-16 code units; V8 shows at most 1024 characters.
    length: u32,
    /// Where its text begins; it ends where that of the next entry begins.
    text: usize,
}

impl Redactor {
    /// Reads on in a string: how much of `text` belongs to it.
    pub(super) fn string(&mut self, text: &[u8], escaped: bool) -> usize {
        let raw = &mut self.strings.raw;
        if escaped {
            raw.push(text[0]);
            self.stage = Stage::String { escaped: false };
            return 1;
        }
        let end = memchr::memchr2(b'"', b'\\', text);
        raw.extend_from_slice(&text[..end.unwrap_or(text.len())]);
        match end {
            None => text.len(),
            Some(end) if text[end] == b'\\' => {
                raw.push(b'\\');
                self.stage = Stage::String { escaped: true };
                end + 1
            }
            Some(end) => {
                self.strings.add();
                self.stage = Stage::Strings;
                end + 1
            }
        }
    }
}

impl StringUses {
    pub fn new(names: Arc<NameRules>) -> Self {
        Self {
            names,
            roles: Vec::new(),
            entries: Vec::new(),
            texts: Vec::new(),
            raw: Vec::new(),
            written: false,
        }
    }

    /// String `index` is used in this role: its new index.
    pub fn name(&mut self, index: u64, role: Role) -> Result<u64, SnapshotError> {
        let at =
            usize::try_from(index).ok().filter(|_| index < MOST_STRINGS).ok_or_else(unknown)?;
        if at >= self.roles.len() {
            self.roles.resize((at + 1).max(2 * self.roles.len()), 0);
        }
        self.roles[at] |= role;
        Ok(2 * index + u64::from(role == role::CONTENT))
    }

    pub fn is_written(&self) -> bool {
        self.written
    }

    /// The string in `raw` is complete.
    fn add(&mut self) {
        let roles = self.role(self.entries.len());
        let length = length(&self.raw);
        self.entries.push(Entry { length, text: self.texts.len() });
        let may_stay = roles & role::NAME != 0
            || (roles & role::CONTENT != 0 && self.raw.len() <= LONGEST_EXPORT);
        if may_stay {
            match unescaped(&self.raw) {
                Some(text) => self.texts.extend_from_slice(text.as_bytes()),
                // Not an identifier, whatever it is.
                None => self.texts.extend_from_slice(&self.raw),
            }
        }
        self.raw.clear();
    }

    fn role(&self, index: usize) -> Role {
        self.roles.get(index).copied().unwrap_or(0)
    }

    fn text(&self, index: usize) -> &[u8] {
        let end = self.entries.get(index + 1).map_or(self.texts.len(), |next| next.text);
        &self.texts[self.entries[index].text..end]
    }

    /// Writes all of them but the closing bracket.
    pub fn write(
        &mut self,
        out: &mut Vec<u8>,
        piece: usize,
        sink: &mut Sink,
    ) -> Result<(), SnapshotError> {
        // A name that is used and not there: the table is not whole.
        if self.roles.iter().skip(self.entries.len()).any(|&role| role != 0) {
            return Err(unknown());
        }
        let (names, scripts) = self.learned();
        for index in 0..self.entries.len() {
            out.extend_from_slice(if index == 0 { b"" } else { b",\n" });
            let roles = self.role(index);
            let text = self.text(index);
            let script = scripts.get(&index).map(|&length| &text[..length]);
            quote(out, &name(roles & role::NAME, text, script, &names));
            out.push(b',');
            quote(out, &content(roles, text, self.entries[index].length, script, &names));
            if out.len() >= piece {
                sink(out)?;
                out.clear();
            }
        }
        self.written = true;
        Ok(())
    }

    /// The identifiers of the code: what the files of the scripts hold. And which strings name such a file, by index,
    /// with the length of what stays of them.
    fn learned(&self) -> (NameRules, Scripts) {
        let mut names = (*self.names).clone();
        let mut found = Scripts::default();
        let mut files = Vec::new();
        for index in 0..self.entries.len() {
            if self.role(index) & role::CODE != 0
                && let Some((name, file)) = scripts::existing(self.text(index))
            {
                found.insert(index, name.len());
                files.push(file);
            }
        }
        names.learn_files(&files);
        (names, found)
    }
}

/// How much stays of the names of scripts, by index.
type Scripts = HashMap<usize, usize, FxBuildHasher>;

/// What is shown of a name; `script`: the name of a file, without its query.
fn name(roles: Role, text: &[u8], script: Option<&[u8]>, names: &NameRules) -> Vec<u8> {
    let has = |role| roles & role != 0;
    let stays = text.is_empty()
        || (has(role::FIXED) && !is_entry(text))
        || (has(role::CODE) && is_of_code(text, names))
        || (has(role::VARIABLE)
            && text.split(|&byte| byte == b'.').all(|part| part.is_empty() || names.know(part)))
        || (has(role::SHAPE) && names::is_like_identifier(text))
        || (has(role::TYPE) && is_type(text, names))
        || (has(role::PROPERTY | role::SHAPE) && names.know(text));
    match script {
        _ if roles == 0 => Vec::new(),
        _ if stays => text.to_vec(),
        _ if has(role::FIXED) && is_entry(text) => entry(text),
        Some(script) => script.to_vec(),
        None => names::placeholder(text).into_bytes(),
    }
}

/// What is shown of a content: how long it is. NameRules of exports stay, since an ES module has no
/// others for its variables, and those of scripts, which lead to the file; a script that is named by data has the hash
/// by which its code is known.
fn content(
    roles: Role,
    text: &[u8],
    length: u32,
    script: Option<&[u8]>,
    names: &NameRules,
) -> Vec<u8> {
    let is_export = || names::is_identifier(text) && names.exports(text);
    let is_script = roles & role::CODE != 0 && !names::is_identifier(text);
    match script {
        _ if roles & role::CONTENT == 0 => Vec::new(),
        Some(script) => script.to_vec(),
        None if NO_CONTENT.contains(&text) || is_export() => text.to_vec(),
        None if is_script && is_nameless_or_internal(text, names) => text.to_vec(),
        None if is_script => names::placeholder(text).into_bytes(),
        None => format!("(length {length})").into_bytes(),
    }
}

/// NameRules of functions, scripts of Node's, and V8's own names of code.
fn is_of_code(text: &[u8], names: &NameRules) -> bool {
    let is_plain = |text: &[u8]| text.iter().all(|&byte| byte.is_ascii_alphanumeric());
    names.know(text)
        || names.know_function(text)
        || text.strip_prefix(b"system / ").is_some_and(is_plain)
        || is_nameless_or_internal(text, names)
}

/// NameRules of scripts that no program chose.
pub fn is_nameless_or_internal(text: &[u8], names: &NameRules) -> bool {
    let evaluated = || {
        let rest = text.strip_prefix(b"[eval")?;
        let rest = &rest[digits_at_start(rest).len()..];
        matches!(rest, b"]" | b"]-wrapper").then_some(())
    };
    let is_hex = |text: &[u8]| text.iter().all(u8::is_ascii_hexdigit);
    matches!(text, b"evalmachine.<anonymous>" | b"[worker eval]" | b"[stdin]")
        || evaluated().is_some()
        || text.strip_prefix(b"wasm://wasm/").is_some_and(is_hex)
        || (text.starts_with(b"node:") && names.has_whole(text))
}

/// Classes of V8's that neither a global variable nor Node's code is named after. The generator of an ES module leads
/// to its file.
const CLASSES_OF_V8: [&[u8]; 3] = [b"Generator", b"AsyncGenerator", b"AsyncFunction"];

/// `Map`, `Array Iterator`, `WebAssembly.Memory`, `system / Context`.
fn is_type(text: &[u8], names: &NameRules) -> bool {
    text.starts_with(b"system / ")
        || CLASSES_OF_V8.contains(&text)
        || text.split(|byte| matches!(byte, b' ' | b'.')).all(|word| names.know(word))
}

const ENTRY: &[u8] = b" / part of key (";
const ENTRY_END: &[u8] = b" pair in WeakMap (table @";

fn is_entry(text: &[u8]) -> bool {
    memchr::memmem::find(text, ENTRY).is_some()
}

/// The name of an edge to an entry of a `WeakMap` holds the names of key and value: "N / part of
/// key (NAME @ID) -> value (NAME @ID) pair in WeakMap (table @ID)".
fn entry(text: &[u8]) -> Vec<u8> {
    let parts = || {
        let number = digits_at_start(text);
        let end = memchr::memmem::rfind(text, ENTRY_END)?;
        let value = digits_at_end(text[..end].strip_suffix(b")")?);
        // The names may hold anything: the first that follows an id is the real one.
        let key = memchr::memmem::find_iter(&text[..end], b") -> value (")
            .map(|at| digits_at_end(&text[..at]))
            .find(|id| !id.is_empty())?;
        let table = digits_at_start(&text[end + ENTRY_END.len()..]);
        Some([number, key, value, table].map(String::from_utf8_lossy))
    };
    match parts() {
        Some([number, key, value, table]) => {
            format!("{number} / part of key (key @{key}) -> value (value @{value}) pair in WeakMap (table @{table})").into_bytes()
        }
        None => names::placeholder(text).into_bytes(),
    }
}

fn digits_at_start(text: &[u8]) -> &[u8] {
    &text[..text.iter().take_while(|byte| byte.is_ascii_digit()).count()]
}

fn digits_at_end(text: &[u8]) -> &[u8] {
    &text[text.len() - text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count()..]
}

/// The text of a JSON string. Half of a surrogate pair, which V8 may write, is no text.
fn unescaped(raw: &[u8]) -> Option<std::borrow::Cow<'_, str>> {
    if memchr::memchr(b'\\', raw).is_none() {
        return std::str::from_utf8(raw).ok().map(Into::into);
    }
    let quoted = [b"\"", raw, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).ok().map(Into::into)
}

fn quote(out: &mut Vec<u8>, text: &[u8]) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(&mut *out, &String::from_utf8_lossy(text));
}

/// UTF-16 code units of a JSON string.
fn length(raw: &[u8]) -> u32 {
    let mut length = 0;
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        let (units, bytes) = match byte {
            b'\\' => (1, if raw.get(at + 1) == Some(&b'u') { 6 } else { 2 }),
            0x80..=0xbf => (0, 1),
            0xf0.. => (2, 1),
            _ => (1, 1),
        };
        length += units;
        at += bytes;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_no_program_named() {
        let mut names = NameRules::default();
        names.insert(b"node:fs");
        let is = |text: &str| is_nameless_or_internal(text.as_bytes(), &names);
        for text in [
            "evalmachine.<anonymous>",
            "[worker eval]",
            "[stdin]",
            "[eval]",
            "[eval12]",
            "[eval1]-wrapper",
            "wasm://wasm/0a1b2c",
            "node:fs",
        ] {
            assert!(is(text), "{text}");
        }
        for text in ["[evalx]", "[eval1", "wasm://wasm/secret", "node:secret", "fs", "[stdin]x", ""]
        {
            assert!(!is(text), "{text}");
        }
    }

    #[test]
    fn lengths_are_in_the_units_of_javascript() {
        for (raw, units) in [
            ("", 0),
            ("abc", 3),
            (r"a\n\u0001b", 4),
            (r#"\"\\"#, 2),
            ("\u{e9}\u{20ac}", 2),
            ("\u{1f600}x", 3),
            (r"\ud83d\ude00", 2),
        ] {
            assert_eq!(length(raw.as_bytes()), units, "{raw}");
        }
    }

    /// What is written of strings, each used in the roles that are given, and in how many pieces.
    fn written(strings: &[(&str, Role)], piece: usize) -> (Vec<String>, usize) {
        let mut names = NameRules::default();
        names.insert(b"known");
        let mut uses = StringUses::new(Arc::new(names));
        for (index, &(raw, roles)) in strings.iter().enumerate() {
            uses.name(index as u64, roles).unwrap();
            uses.raw.extend_from_slice(raw.as_bytes());
            uses.add();
        }
        let (mut text, mut pieces) = (b"[".to_vec(), 0);
        let mut out = Vec::new();
        let mut sink = |out: &[u8]| {
            pieces += 1;
            text.extend_from_slice(out);
            Ok(())
        };
        uses.write(&mut out, piece, &mut sink).unwrap();
        text.extend_from_slice(&out);
        text.push(b']');
        (serde_json::from_slice(&text).unwrap(), pieces)
    }

    #[test]
    fn a_file_that_no_script_names_is_data() {
        let dir = crate::snapshot::testing::TempDir::new("strings-data");
        let path = dir.0.join("secret.js");
        std::fs::write(&path, "known").unwrap();
        let path = path.to_str().unwrap();
        let shown = written(&[(path, role::CODE), (path, role::PROPERTY)], usize::MAX).0;
        assert_eq!(shown[0], path, "the name of a script");
        assert!(!shown[2].contains("secret"), "{}", shown[2]);
    }

    #[test]
    fn strings_are_written_in_pieces_of_a_size() {
        let strings =
            [("known", role::PROPERTY), ("a\\u0062c", role::SHAPE), ("x y", role::CONTENT)];
        let (whole, pieces) = written(&strings, usize::MAX);
        assert_eq!(pieces, 0, "the caller has the rest");
        assert_eq!(whole, ["known", "", "abc", "", "", "(length 3)"]);
        assert_eq!(written(&strings, 1), (whole, 3));
    }

    #[test]
    fn the_text_of_a_string_is_without_its_escapes() {
        assert_eq!(unescaped(b"plain").as_deref(), Some("plain"));
        assert_eq!(unescaped(br#"a\u0062c\"\n"#).as_deref(), Some("abc\"\n"));
        assert_eq!(unescaped(br"\ud83d\ude00").as_deref(), Some("\u{1f600}"));
        assert_eq!(unescaped(br"\ud83d"), None, "half of a character");
        assert_eq!(unescaped(b"\xff"), None);
    }

    #[test]
    fn a_string_that_names_nothing_shows_no_name() {
        let names = NameRules::default();
        assert_eq!(name(0, b"secret", None, &names), b"");
        assert_eq!(name(0, b"", None, &names), b"");
        assert_ne!(name(role::PROPERTY, b"secret", None, &names), b"secret");
        assert_eq!(content(role::PROPERTY, b"secret", 6, None, &names), b"");
    }

    #[test]
    fn the_text_of_a_long_content_is_not_kept() {
        let mut uses = StringUses::new(Arc::new(NameRules::default()));
        let roles = [role::CONTENT, role::CONTENT, role::PROPERTY, 0];
        let lengths = [LONGEST_EXPORT, LONGEST_EXPORT + 1, 1000, 7];
        for (index, (roles, length)) in roles.into_iter().zip(lengths).enumerate() {
            uses.name(index as u64, roles).unwrap();
            uses.raw.resize(length, b'x');
            uses.add();
        }
        let kept: Vec<_> = (0..4).map(|index| uses.text(index).len()).collect();
        assert_eq!(kept, [LONGEST_EXPORT, 0, 1000, 0]);
    }
}
