//! The tracked counts of the process, readable whatever the JS threads do.
//!
//! Each isolate has one [`Table`]: memory of ours that JS writes through a `Float64Array`
//! (`lib/track/counters.js` has the same layout). Names and sites are text that many rows share:
//! they are interned here once, and a row has their numbers.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::sync::AtomicU64;

/// 64-bit words (doubles) of a row: id, kind, name, site, count, added, two spare.
pub const ROW_WORDS: usize = 8;
/// Distinct texts at most; later ones read as empty. At most [`MAX_TEXT`] bytes each: 8 MB.
const MAX_TEXTS: usize = 16_384;
const MAX_TEXT: usize = 512;

/// What a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Listeners of one event of an emitter or event target.
    Listeners,
    /// Intervals or timeouts.
    Timers,
    /// Pending promises.
    Promises,
    /// Sockets and queued requests of a host in agents.
    Sockets,
    /// Streams that are not drained.
    Streams,
}

impl Kind {
    /// All kinds. A row has the position.
    pub const ALL: [Self; 5] =
        [Self::Listeners, Self::Timers, Self::Promises, Self::Sockets, Self::Streams];
}

/// One tracked thing at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrackedCount {
    /// Of the isolate that counts: 0 for the main thread, else the worker's thread id.
    pub thread_id: u32,
    /// Unique within the isolate, never used again.
    pub id: u64,
    /// What is counted.
    pub kind: Kind,
    /// The emitter and event, the timer function, the host.
    pub name: String,
    /// Where most of them came from, `file:line:column function`; empty where that is not known.
    pub site: String,
    /// How many there are: of listeners as of the last 32nd added, of the rest as of the last second.
    pub count: u64,
    /// How many there ever were.
    pub added: u64,
}

/// The rows of one isolate.
#[derive(Debug)]
pub struct Table {
    thread_id: u32,
    words: Box<[AtomicU64]>,
}

#[derive(Default)]
struct Texts {
    ids: FxHashMap<Arc<str>, u32>,
    by_id: Vec<Arc<str>>,
}

static TABLES: Mutex<Vec<Weak<Table>>> = Mutex::new(Vec::new());
static TEXTS: Mutex<Option<Texts>> = Mutex::new(None);

impl Table {
    /// A table of `rows` unused rows for an isolate, which [`counts`] reads for as long as it is held.
    #[must_use]
    pub fn open(thread_id: u32, rows: usize) -> Arc<Self> {
        let words = (0..rows * ROW_WORDS).map(|_| AtomicU64::new(0)).collect();
        let table = Arc::new(Self { thread_id, words });
        let mut tables = TABLES.lock();
        tables.retain(|table| table.strong_count() > 0);
        tables.push(Arc::downgrade(&table));
        table
    }

    /// The memory that JS writes.
    #[must_use]
    pub fn words(&self) -> &[AtomicU64] {
        &self.words
    }

    fn counts(&self) -> impl Iterator<Item = TrackedCount> {
        self.words.chunks_exact(ROW_WORDS).filter_map(|row| read(self.thread_id, row))
    }
}

/// The number of a text, the same for the same text; 0 is the empty text.
#[must_use]
pub fn intern(text: &str) -> u32 {
    let text = truncated(text);
    let mut texts = TEXTS.lock();
    let texts = texts.get_or_insert_with(|| {
        let empty: Arc<str> = Arc::from("");
        Texts { ids: FxHashMap::from_iter([(empty.clone(), 0)]), by_id: vec![empty] }
    });
    if let Some(&id) = texts.ids.get(text) {
        return id;
    }
    if texts.by_id.len() >= MAX_TEXTS {
        return 0;
    }
    let id = texts.by_id.len() as u32;
    let text: Arc<str> = Arc::from(text);
    texts.by_id.push(text.clone());
    texts.ids.insert(text, id);
    id
}

fn truncated(text: &str) -> &str {
    if text.len() <= MAX_TEXT {
        return text;
    }
    let end = (0..=MAX_TEXT).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    &text[..end]
}

fn text(id: u64) -> String {
    let texts = TEXTS.lock();
    let known = texts.as_ref().and_then(|texts| texts.by_id.get(usize::try_from(id).ok()?));
    known.map_or_else(String::new, ToString::to_string)
}

/// Every open row of the process, each isolate's in the order of its table.
#[must_use]
pub fn counts() -> Vec<TrackedCount> {
    let tables: Vec<_> = TABLES.lock().iter().filter_map(Weak::upgrade).collect();
    tables.iter().flat_map(|table| table.counts()).collect()
}

/// One row, or `None` where it is unused or changed hands meanwhile.
fn read(thread_id: u32, row: &[AtomicU64]) -> Option<TrackedCount> {
    // A double from JS: what is not a count there saturates here.
    let word = |at: usize| f64::from_bits(row[at].load(Ordering::Acquire)) as u64;
    let id = word(0);
    if id == 0 {
        return None;
    }
    let kind = *usize::try_from(word(1)).ok().and_then(|kind| Kind::ALL.get(kind))?;
    let (name, site) = (text(word(2)), text(word(3)));
    let count = TrackedCount { thread_id, id, kind, name, site, count: word(4), added: word(5) };
    (word(0) == id).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(table: &Table, row: usize, words: [f64; 6]) {
        for (at, value) in words.into_iter().enumerate() {
            table.words()[row * ROW_WORDS + at].store(value.to_bits(), Ordering::Relaxed);
        }
    }

    fn named(name: &str) -> Vec<TrackedCount> {
        counts().into_iter().filter(|count| count.name == name).collect()
    }

    #[test]
    fn rows_are_read_until_their_table_is_dropped() {
        let table = Table::open(3, 4);
        let (name, site) = (intern("bus change"), intern("app.js:1:2 serve"));
        write(&table, 2, [7.0, 0.0, f64::from(name), f64::from(site), 3.0, 5.0]);
        let expected = TrackedCount {
            thread_id: 3,
            id: 7,
            kind: Kind::Listeners,
            name: "bus change".into(),
            site: "app.js:1:2 serve".into(),
            count: 3,
            added: 5,
        };
        assert_eq!(named("bus change"), [expected]);
        write(&table, 2, [0.0; 6]);
        assert_eq!(named("bus change"), []);
        write(&table, 0, [8.0, 4.0, f64::from(name), 0.0, 1.0, 1.0]);
        assert_eq!(named("bus change")[0].kind, Kind::Streams);
        drop(table);
        assert_eq!(named("bus change"), []);
    }

    #[test]
    fn what_no_tracker_writes_is_no_row_and_no_panic() {
        let table = Table::open(0, 2);
        let name = f64::from(intern("nonsense"));
        for (id, kind, count) in [(f64::NAN, 0.0, 1.0), (-1.0, 0.0, 1.0), (1.0, 99.0, 1.0)] {
            write(&table, 0, [id, kind, name, 0.0, count, 0.0]);
            assert_eq!(named("nonsense"), []);
        }
        write(&table, 0, [1.0, 0.0, name, 1e300, f64::INFINITY, -5.0]);
        let found = &named("nonsense")[0];
        assert_eq!((found.site.as_str(), found.count, found.added), ("", u64::MAX, 0));
    }

    #[test]
    fn a_text_has_one_number_and_a_long_one_ends_at_a_character() {
        assert_eq!(intern(""), 0);
        assert_eq!(intern("same"), intern("same"));
        let long = "é".repeat(MAX_TEXT);
        let id = intern(&long);
        let kept = text(u64::from(id));
        assert!(kept.len() <= MAX_TEXT && long.starts_with(&kept) && !kept.is_empty());
        assert_eq!(text(u64::MAX), "");
    }
}

#[cfg(all(test, models))]
mod models {
    use super::*;
    use crate::sync::{explore, fence};

    /// What JS does, with the barriers that its plain stores have on x86.
    fn reopen(row: &[AtomicU64], id: u32) {
        row[0].store(0, Ordering::Relaxed);
        fence(Ordering::Release);
        for at in [4, 5] {
            row[at].store(f64::from(id).to_bits(), Ordering::Relaxed);
        }
        row[0].store(f64::from(id).to_bits(), Ordering::Release);
    }

    #[test]
    fn models_of_a_row_that_changes_hands() {
        explore("a row is read while another thing gets it", 3, || {
            let words: Arc<Vec<AtomicU64>> =
                Arc::new((0..ROW_WORDS).map(|_| AtomicU64::new(0)).collect());
            reopen(&words, 1);
            let written = Arc::clone(&words);
            let js = loom::thread::spawn(move || reopen(&written, 2));
            if let Some(row) = read(0, &words) {
                assert_eq!((row.count, row.added), (row.id, row.id), "of one thing");
            }
            js.join().unwrap();
            assert_eq!(read(0, &words).map(|row| row.id), Some(2));
        });
    }
}
