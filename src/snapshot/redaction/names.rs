//! Which names of a snapshot stay: identifiers of the program's code, of Node and of V8.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;

use super::script::{self, Word};
use crate::js_source::lexer::is_part;

/// Scripts that are read: each at most so long, and all of them.
const LONGEST_SCRIPT: u64 = 32 << 20;
const ALL_SCRIPTS: u64 = 512 << 20;

/// The key of this process' hashes: snapshots of one process can be compared with each other, and
/// nobody who has only the snapshots can try out names.
fn key() -> &'static RandomState {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    KEY.get_or_init(RandomState::new)
}

fn hash(text: &[u8]) -> u64 {
    key().hash_one(text)
}

/// What stands for a name that does not stay: equal for equal names of one process.
pub fn placeholder(text: &[u8]) -> String {
    format!("redacted-{:012x}", hash(text) & 0xffff_ffff_ffff)
}

/// Identifiers, by hash.
#[derive(Debug, Clone, Default)]
pub struct Names {
    identifiers: HashSet<u64, FxBuildHasher>,
    exports: HashSet<u64, FxBuildHasher>,
}

/// Those of Node's own sources; the same for all threads of the process.
static BUILT_INS: Mutex<Option<Arc<Names>>> = Mutex::new(None);

/// Adds the identifiers of one of Node's own sources to what [`Names::built_in`] gives.
pub fn learn_built_in(source: &[u8]) {
    let mut built_ins = BUILT_INS.lock();
    Arc::make_mut(built_ins.get_or_insert_default()).learn(source);
}

impl Names {
    /// Those of Node that were told so far. A forked child must be given the answer: it may not
    /// take locks.
    #[must_use]
    pub fn built_in() -> Arc<Self> {
        key();
        BUILT_INS.lock().clone().unwrap_or_default()
    }

    /// Adds what a source holds.
    pub fn learn(&mut self, source: &[u8]) {
        script::words(&String::from_utf8_lossy(source), |word| match word {
            Word::Identifier(name) => {
                self.identifiers.insert(hash(name));
            }
            Word::Export(name) => {
                self.exports.insert(hash(name));
            }
        });
    }

    /// Adds one identifier.
    pub fn insert(&mut self, name: &[u8]) {
        self.identifiers.insert(hash(name));
    }

    /// Adds what the files of loaded scripts hold, as far as they are still there.
    pub fn learn_files(&mut self, scripts: &[PathBuf]) {
        let mut left = ALL_SCRIPTS;
        let mut source = Vec::new();
        for script in scripts {
            let Ok(file) = File::open(script) else { continue };
            let Ok(metadata) = file.metadata() else { continue };
            if !metadata.is_file() || metadata.len() > LONGEST_SCRIPT.min(left) {
                continue;
            }
            source.clear();
            if file.take(LONGEST_SCRIPT).read_to_end(&mut source).is_ok() {
                left = left.saturating_sub(source.len() as u64);
                self.learn(&source);
            }
        }
    }

    /// Whether a module exports something under this name.
    #[must_use]
    pub fn exports(&self, name: &[u8]) -> bool {
        self.exports.contains(&hash(name))
    }

    fn has(&self, name: &[u8]) -> bool {
        is_identifier(name) && self.identifiers.contains(&hash(name))
    }

    /// Whether a property's name is made of known identifiers alone: `a`, `get a`, `#a`,
    /// `<symbol a.b>`.
    #[must_use]
    pub fn know(&self, name: &[u8]) -> bool {
        words_of(name).is_some_and(|mut words| words.all(|word| self.has(word)))
    }
}

/// Whether a property's name has the form of an identifier, or of an accessor, a private name or a
/// symbol of that form.
pub fn is_like_identifier(name: &[u8]) -> bool {
    words_of(name).is_some_and(|mut words| words.all(is_identifier))
}

/// Whether `text` is an identifier by its form.
pub fn is_identifier(text: &[u8]) -> bool {
    !text.is_empty() && !text[0].is_ascii_digit() && text.iter().all(|&byte| is_part(byte))
}

/// The identifiers that a name of V8's is made of.
fn words_of(name: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let symbol = name.strip_prefix(b"<symbol ").and_then(|name| name.strip_suffix(b">"));
    let plain = symbol.unwrap_or_else(|| {
        [&b"get "[..], b"set ", b"static "]
            .iter()
            .find_map(|word| name.strip_prefix(*word))
            .unwrap_or(name)
    });
    let plain = plain.strip_prefix(b"#").unwrap_or(plain);
    let separators: &[u8] = if symbol.is_some() { b".: " } else { b"" };
    (!plain.is_empty()).then(|| plain.split(move |byte| separators.contains(byte)))
}

/// The file of a script, where its name is one: without a query, which an import may carry.
pub fn script_path(name: &[u8]) -> Option<&[u8]> {
    const URL: &[u8] = b"file://";
    let is_plain = |byte: &u8| *byte >= b' ' && *byte != 0x7f;
    let path = match name.strip_prefix(URL) {
        Some(_) => name.split(|byte| matches!(byte, b'?' | b'#')).next()?,
        None => name,
    };
    let is_path = path.starts_with(b"/") || path.starts_with(URL) || is_drive(path);
    (is_path && path.iter().all(is_plain)).then_some(path)
}

fn is_drive(path: &[u8]) -> bool {
    matches!(path, [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names() {
        let mut names = Names::default();
        names.learn(b"class Store { #rows; get size() { return Symbol.iterator } } // secret");
        for known in [
            "Store",
            "rows",
            "#rows",
            "get size",
            "set size",
            "<symbol Symbol.iterator>",
            "<symbol rows>",
        ] {
            assert!(names.know(known.as_bytes()), "{known}");
        }
        for unknown in [
            "secret",
            "rows.size",
            "get secret",
            "<symbol secret>",
            "<symbol rows.secret>",
            "<symbol>",
            "a b",
            "",
            "127.0.0.1:80:",
            "get ",
        ] {
            assert!(!names.know(unknown.as_bytes()), "{unknown}");
        }
    }

    #[test]
    fn placeholders_are_stable_and_tell_names_apart() {
        assert_eq!(placeholder(b"a"), placeholder(b"a"));
        assert_ne!(placeholder(b"a"), placeholder(b"b"));
        assert!(!is_like_identifier(placeholder(b"a").as_bytes()));
    }

    #[test]
    fn scripts_have_paths() {
        let cases = [
            ("/srv/a.js", Some("/srv/a.js")),
            ("file:///srv/a.mjs?token=1#x", Some("file:///srv/a.mjs")),
            ("C:\\srv\\a.js", Some("C:\\srv\\a.js")),
            ("data:text/javascript,secret", None),
            ("/srv/a\n.js", None),
            ("evalmachine.<anonymous>", None),
        ];
        for (name, expected) in cases {
            assert_eq!(script_path(name.as_bytes()), expected.map(str::as_bytes), "{name}");
        }
    }
}
