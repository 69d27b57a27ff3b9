//! Which names of a snapshot stay: identifiers of the program's code, of Node and of V8.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;
use siphasher::sip::SipHasher13;

use super::script::{self, Word};
use super::scripts;
use crate::js_source::lexer::is_part;

/// Scripts that are read: each at most so long, and all of them.
const LONGEST_SCRIPT: u64 = 32 << 20;
const ALL_SCRIPTS: u64 = 512 << 20;

/// The key of the hashes of a service. Its snapshots can be compared with each other, and a reader who has only the
/// snapshots cannot try out names.
pub type Key = [u64; 2];

static KEY: OnceLock<Key> = OnceLock::new();

/// That of this process.
#[must_use]
pub fn key() -> Key {
    *KEY.get_or_init(|| [0, 1].map(|half: u64| RandomState::new().hash_one(half)))
}

/// Goes by the key of the service, in a converter, which has not hashed anything before.
pub fn adopt(key: Key) {
    let _ = KEY.set(key);
}

fn hash(text: &[u8]) -> u64 {
    let [first, second] = key();
    SipHasher13::new_with_keys(first, second).hash(text)
}

/// What stands for a name that does not stay: equal for equal names of one process.
pub fn placeholder(text: &[u8]) -> String {
    format!("redacted-{:012x}", hash(text) & 0xffff_ffff_ffff)
}

/// Words in the names that V8 gives to code, beside those that Node's sources have too.
const OF_V8: [&[u8]; 26] = [
    b"anonymous",
    b"pool",
    b"elements",
    b"shared",
    b"info",
    b"table",
    b"position",
    b"source",
    b"constant",
    b"bytecode",
    b"relocation",
    b"literals",
    b"deopt",
    b"instruction",
    b"builtin",
    b"handle",
    b"BASELINE",
    b"MAGLEV",
    b"TURBOFAN_JS",
    b"INTERPRETED_FUNCTION",
    b"BUILTIN",
    b"instance_members_initializer",
    b"static_initializer",
    b"computed",
    b"local",
    b"names",
];

/// Identifiers, by hash.
#[derive(Debug, Clone, Default)]
pub struct NameRules {
    identifiers: HashSet<u64, FxBuildHasher>,
    exports: HashSet<u64, FxBuildHasher>,
}

/// Those of Node's own sources, and of the program's where they were learned ahead; the same for all threads of the
/// process.
static BUILT_INS: Mutex<Option<Arc<NameRules>>> = Mutex::new(None);

/// Adds the identifiers of one of Node's own sources to what [`NameRules::built_in`] gives, and the name of that
/// script.
pub fn learn_built_in(name: &[u8], source: &[u8]) {
    let mut built_ins = BUILT_INS.lock();
    let names = Arc::make_mut(built_ins.get_or_insert_default());
    names.insert(name);
    names.learn(source);
}

/// Adds the identifiers of scripts of the program, as far as their files exist. Reads files: not for the event loop.
pub fn learn_scripts(scripts: &[String]) {
    let files: Vec<_> = scripts
        .iter()
        .filter_map(|script| scripts::existing(script.as_bytes()))
        .map(|(_, file)| file)
        .collect();
    let mut learned = NameRules::default();
    learned.learn_files(&files);
    let mut built_ins = BUILT_INS.lock();
    let names = Arc::make_mut(built_ins.get_or_insert_default());
    names.identifiers.extend(learned.identifiers);
    names.exports.extend(learned.exports);
}

impl NameRules {
    /// Those that were learned so far.
    #[must_use]
    pub fn built_in() -> Arc<Self> {
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

    /// Adds one name as a whole, whatever it is made of.
    pub fn insert(&mut self, name: &[u8]) {
        self.identifiers.insert(hash(name));
    }

    /// Adds what the files of loaded scripts hold.
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

    /// Whether it was added as a whole: the name of one of Node's own scripts.
    #[must_use]
    pub fn has_whole(&self, name: &[u8]) -> bool {
        self.identifiers.contains(&hash(name))
    }

    /// Whether the name of a function is made of known identifiers, and of what V8 puts between and around them:
    /// `Store.get`, `async load`, `<anonymous>`, `get [Symbol.species]`, `(constant pool)`.
    #[must_use]
    pub fn know_function(&self, name: &[u8]) -> bool {
        let is_between = |byte: &u8| b" .#<>()[]".contains(byte);
        let mut words = name.split(is_between).filter(|word| !word.is_empty()).peekable();
        words.peek().is_some() && words.all(|word| self.has(word) || OF_V8.contains(&word))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names() {
        let mut names = NameRules::default();
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
        for known in
            ["Store", "Store.rows", "get [Symbol.iterator]", "(constant pool)", "<anonymous>"]
        {
            assert!(names.know_function(known.as_bytes()), "{known}");
        }
        for unknown in
            ["", "()", "(secret)", "Store.secret", "secret Store", "secret-1", "<secret>"]
        {
            assert!(!names.know_function(unknown.as_bytes()), "{unknown}");
        }
    }

    #[test]
    fn a_converter_hashes_as_its_service() {
        let name = "snapshot::redaction::names::tests::a_converter_hashes_as_its_service";
        if !crate::snapshot::testing::is_alone(name, "") {
            return;
        }
        adopt([1, 2]);
        let expected = SipHasher13::new_with_keys(1, 2).hash(b"tokens");
        assert_eq!(
            placeholder(b"tokens"),
            format!("redacted-{:012x}", expected & 0xffff_ffff_ffff)
        );
        adopt([3, 4]);
        assert_eq!(key(), [1, 2], "once");
    }

    #[test]
    fn placeholders_are_stable_and_tell_names_apart() {
        assert_eq!(placeholder(b"a"), placeholder(b"a"));
        assert_ne!(placeholder(b"a"), placeholder(b"b"));
        assert!(!is_like_identifier(placeholder(b"a").as_bytes()));
    }

    #[test]
    fn the_files_of_scripts_are_learned_and_nothing_else_is() {
        let dir = crate::snapshot::testing::TempDir::new("names");
        let [first, second, missing] = ["a.js", "b.js", "c.js"].map(|name| dir.0.join(name));
        std::fs::write(&first, "const ofTheFirst = 1").unwrap();
        std::fs::write(&second, "export const ofTheSecond = 1").unwrap();
        let mut names = NameRules::default();
        names.learn_files(&[missing, dir.0.clone(), first.clone(), second]);
        assert!(names.know(b"ofTheFirst") && names.know(b"ofTheSecond"));
        assert!(names.exports(b"ofTheSecond") && !names.exports(b"ofTheFirst"));
        let url = format!("file://{}?query", first.display());
        std::fs::write(&first, "const learnedAhead = 1").unwrap();
        learn_scripts(&[url, "data:text/javascript,learnedFromData".into()]);
        let names = NameRules::built_in();
        assert!(names.know(b"learnedAhead") && !names.know(b"learnedFromData"));
    }

    #[test]
    fn a_script_that_is_too_long_is_not_read() {
        use std::io::Write;
        let dir = crate::snapshot::testing::TempDir::new("names-long");
        let write = |name: &str, length: u64| {
            let path = dir.0.join(name);
            let mut file = File::create(&path).unwrap();
            write!(file, "{name} ").unwrap();
            // The rest is a hole.
            file.set_len(length).unwrap();
            path
        };
        let files = [write("long", LONGEST_SCRIPT + 1), write("short", 100), dir.0.clone()];
        let mut names = NameRules::default();
        names.learn_files(&files);
        assert!(names.know(b"short") && !names.know(b"long"));
    }
}
