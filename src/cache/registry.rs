//! The caches of the process, as the sampler sees them.
//!
//! A cache's counters are a record in an [`Arena`]: memory of ours that JS writes through an
//! `ArrayBuffer`. The sampler reads it whatever the JS thread does. JS alone opens and closes
//! records (`lib/cache/registry.js` has the same layout), so a construction costs no crossing.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread::{self, ThreadId};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::shared::store::{SharedStore, Stats};
use super::shared::{self, Counters};
use crate::sync::{AtomicU64, fence};

/// 64-bit words of a record: the counters as doubles, then the label.
pub const RECORD_WORDS: usize = 48;
/// The word of a record that has the position of the cache's class in [`KINDS`].
pub const KIND: usize = 14;
/// The word where the label begins: its length in bytes as a double, then UTF-8.
pub const LABEL: usize = 15;
/// The classes of caches.
pub const KINDS: [&str; 4] = ["BoundedMap", "LRUCache", "RingBuffer", "WeakValueMap"];
/// The rows of a [`summary`] at most, the one of all others included.
pub const MOST_ROWS: usize = 200;
/// The ids of shared caches begin here, above those that any isolate gives.
const FIRST_SHARED: u64 = 1 << 52;

/// The counters of one cache at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheStats {
    /// Unique within the isolate, never used again; of a shared cache, from 2^52 on.
    pub id: u64,
    /// The class of the cache.
    pub kind: &'static str,
    /// The name that the user gave, or else the place of construction, `file:line:column`.
    pub name: String,
    /// Whether `name` is one that the user gave.
    pub named: bool,
    /// Entries held, expired ones that are not yet removed included.
    pub size: u64,
    /// Entries at most; `None` where only bytes are bounded.
    pub capacity: Option<u64>,
    /// Bytes held, as the cache's `sizeOf` counts them; 0 without one.
    pub bytes: u64,
    /// Bytes at most.
    pub max_bytes: Option<u64>,
    /// Look-ups that found a live entry.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Entries that had to go for room.
    pub evictions: u64,
    /// Entries that went at the end of their time.
    pub expirations: u64,
    /// How many caches these are the counters of.
    pub instances: u64,
}

impl CacheStats {
    /// The counters of another cache are added; a bound that one of them lacks is lacking.
    fn add(&mut self, other: &Self) {
        let both = |a: Option<u64>, b| a.zip(b).map(|(a, b): (u64, u64)| a.saturating_add(b));
        self.capacity = both(self.capacity, other.capacity);
        self.max_bytes = both(self.max_bytes, other.max_bytes);
        for (sum, more) in [
            (&mut self.size, other.size),
            (&mut self.bytes, other.bytes),
            (&mut self.hits, other.hits),
            (&mut self.misses, other.misses),
            (&mut self.evictions, other.evictions),
            (&mut self.expirations, other.expirations),
            (&mut self.instances, other.instances),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}

/// Records for a number of caches of one isolate.
#[derive(Debug)]
pub struct Arena {
    words: Box<[AtomicU64]>,
    /// The isolate's.
    thread: ThreadId,
}

/// How full an open cache is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupancy {
    /// As [`CacheStats::id`].
    pub id: u64,
    /// Entries held, or bytes where only these are bounded.
    pub held: u64,
    /// The same at most.
    pub bound: u64,
}

static ARENAS: Mutex<Vec<Weak<Arena>>> = Mutex::new(Vec::new());

impl Arena {
    /// An arena of `records` unused records, which [`sample`] reads for as long as it is held. For the
    /// isolate's thread.
    #[must_use]
    pub fn open(records: usize) -> Arc<Self> {
        let words = (0..records * RECORD_WORDS).map(|_| AtomicU64::new(0)).collect();
        let arena = Arc::new(Self { words, thread: thread::current().id() });
        let mut arenas = ARENAS.lock();
        arenas.retain(|arena| arena.strong_count() > 0);
        arenas.push(Arc::downgrade(&arena));
        arena
    }

    /// The memory that JS writes.
    #[must_use]
    pub fn words(&self) -> &[AtomicU64] {
        &self.words
    }

    fn sample(&self, into: &mut Vec<CacheStats>) {
        into.extend(self.words.chunks_exact(RECORD_WORDS).filter_map(read));
    }
}

/// Every open cache of the process: each isolate's in the order of its records, then the shared ones by name.
#[must_use]
pub fn sample() -> Vec<CacheStats> {
    let arenas: Vec<_> = ARENAS.lock().iter().filter_map(Weak::upgrade).collect();
    let mut stats = Vec::new();
    for arena in arenas {
        arena.sample(&mut stats);
    }
    stats.extend(
        (FIRST_SHARED..)
            .zip(shared::registry::stores())
            .map(|(id, (name, store))| read_shared(id, name, &store)),
    );
    stats
}

/// The same for a report, whose size is bounded: caches of one kind and name (or place of construction)
/// are one row, and the rows beyond [`MOST_ROWS`] are one, with an empty name.
#[must_use]
pub fn summary() -> Vec<CacheStats> {
    summarise(sample())
}

fn summarise(caches: Vec<CacheStats>) -> Vec<CacheStats> {
    let mut rows: Vec<CacheStats> = Vec::new();
    let mut row_of = FxHashMap::default();
    for cache in caches {
        let rest = rows.len() >= MOST_ROWS - 1;
        let key = (cache.kind, cache.named, cache.name.clone());
        match row_of.get(&key).copied().or_else(|| rest.then_some(MOST_ROWS - 1)) {
            Some(row) if row < rows.len() => rows[row].add(&cache),
            Some(_) => {
                rows.push(CacheStats { kind: "", name: String::new(), named: false, ..cache });
            }
            None => {
                row_of.insert(key, rows.len());
                rows.push(cache);
            }
        }
    }
    rows
}

/// How full the caches of the isolate on `thread` are, in the order of their records.
#[must_use]
pub fn fills(thread: ThreadId) -> Vec<Occupancy> {
    let mut fills = Vec::new();
    for arena in arenas_of(thread) {
        fills.extend(arena.words.chunks_exact(RECORD_WORDS).filter_map(fill));
    }
    fills
}

/// What a cache of the isolate on `thread` is called, as [`CacheStats::name`], and whether the user gave it.
#[must_use]
pub fn name(thread: ThreadId, id: u64) -> Option<(String, bool)> {
    let mut stats = Vec::new();
    arenas_of(thread).iter().for_each(|arena| arena.sample(&mut stats));
    stats.into_iter().find(|cache| cache.id == id).map(|cache| (cache.name, cache.named))
}

/// Bytes that the shared caches of the process hold, outside of any V8 heap.
#[must_use]
pub fn shared_bytes() -> u64 {
    shared::registry::stores().iter().map(|(_, store)| store.stats().bytes).sum()
}

fn arenas_of(thread: ThreadId) -> Vec<Arc<Arena>> {
    let arenas = ARENAS.lock();
    arenas.iter().filter_map(Weak::upgrade).filter(|arena| arena.thread == thread).collect()
}

fn read_shared(id: u64, name: String, store: &SharedStore) -> CacheStats {
    let Stats { size, bytes, counters } = store.stats();
    let max_bytes = Some(store.options().max_bytes);
    let Counters { hits, misses, evictions, expirations } = counters;
    CacheStats {
        id,
        kind: "SharedCache",
        name,
        named: true,
        size,
        capacity: None,
        bytes,
        max_bytes,
        hits,
        misses,
        evictions,
        expirations,
        instances: 1,
    }
}

/// A double from JS: what is not a count there saturates here.
fn count(record: &[AtomicU64], at: usize) -> u64 {
    f64::from_bits(record[at].load(Ordering::Relaxed)) as u64
}

/// A count, or `None` for infinity.
fn bound(record: &[AtomicU64], at: usize) -> Option<u64> {
    let finite = f64::from_bits(record[at].load(Ordering::Relaxed)).is_finite();
    finite.then(|| count(record, at))
}

fn id(record: &[AtomicU64]) -> u64 {
    f64::from_bits(record[0].load(Ordering::Acquire)) as u64
}

/// Whether what was read of the record is of the cache with this id: the record may have changed hands meanwhile.
fn is_still(record: &[AtomicU64], id: u64) -> bool {
    fence(Ordering::Acquire);
    count(record, 0) == id
}

/// As [`read`].
fn fill(record: &[AtomicU64]) -> Option<Occupancy> {
    let id = id(record);
    let (held, bound) = match (bound(record, 3), bound(record, 5)) {
        (Some(entries), _) => (count(record, 2), entries),
        (None, Some(bytes)) => (count(record, 4), bytes),
        (None, None) => return None,
    };
    (id != 0 && bound > 0 && is_still(record, id)).then_some(Occupancy { id, held, bound })
}

/// One record, or `None` where it is unused or changed hands meanwhile.
fn read(record: &[AtomicU64]) -> Option<CacheStats> {
    let (count, bound) = (|at| count(record, at), |at| bound(record, at));
    let id = id(record);
    if id == 0 {
        return None;
    }
    let stats = CacheStats {
        id,
        kind: KINDS.get(count(KIND) as usize).copied().unwrap_or_default(),
        name: label(record),
        named: count(1) == 1,
        size: count(2),
        capacity: bound(3),
        bytes: count(4),
        max_bytes: bound(5),
        hits: count(6),
        misses: count(7),
        evictions: count(8),
        expirations: count(9),
        instances: 1,
    };
    is_still(record, id).then_some(stats)
}

fn label(record: &[AtomicU64]) -> String {
    let length = f64::from_bits(record[LABEL].load(Ordering::Relaxed)) as usize;
    let mut bytes: Vec<u8> = record[LABEL + 1..]
        .iter()
        .take(length.div_ceil(8))
        .flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes())
        .collect();
    bytes.truncate(length);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(arena: &Arena, record: usize, id: f64, label: &str) {
        let words = &arena.words()[record * RECORD_WORDS..][..RECORD_WORDS];
        let set = |at: usize, value: f64| words[at].store(value.to_bits(), Ordering::Relaxed);
        for at in 1..10 {
            set(at, at as f64);
        }
        set(1, 1.0);
        set(5, f64::INFINITY);
        set(KIND, 2.0);
        set(LABEL, label.len() as f64);
        for (at, chunk) in label.as_bytes().chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            words[LABEL + 1 + at].store(u64::from_ne_bytes(word), Ordering::Relaxed);
        }
        set(0, id);
    }

    #[test]
    fn a_sample_holds_the_open_records() {
        let arena = Arena::open(3);
        write(&arena, 1, 7.0, "sessions of the café");
        let mut stats = Vec::new();
        arena.sample(&mut stats);
        assert_eq!(
            stats,
            [CacheStats {
                id: 7,
                kind: "RingBuffer",
                name: "sessions of the café".to_owned(),
                named: true,
                size: 2,
                capacity: Some(3),
                bytes: 4,
                max_bytes: None,
                hits: 6,
                misses: 7,
                evictions: 8,
                expirations: 9,
                instances: 1,
            }]
        );
    }

    #[test]
    fn a_fill_is_in_entries_or_else_in_bytes_and_of_its_own_thread() {
        let arena = Arena::open(2);
        write(&arena, 0, 11.0, "entries");
        write(&arena, 1, 12.0, "bytes");
        let words = &arena.words()[RECORD_WORDS..];
        words[3].store(f64::INFINITY.to_bits(), Ordering::Relaxed);
        words[5].store(50f64.to_bits(), Ordering::Relaxed);
        let here = thread::current().id();
        let expected =
            [Occupancy { id: 11, held: 2, bound: 3 }, Occupancy { id: 12, held: 4, bound: 50 }];
        assert_eq!(fills(here), expected);
        assert_eq!(name(here, 12).map(|(name, _)| name).as_deref(), Some("bytes"));
        let other = thread::spawn(|| fills(thread::current().id())).join().unwrap();
        assert_eq!(other, []);
    }

    #[test]
    fn an_arena_that_was_let_go_is_not_sampled() {
        let arena = Arena::open(1);
        write(&arena, 0, 1e15, "gone soon");
        assert!(sample().iter().any(|cache| cache.id == 1_000_000_000_000_000));
        drop(arena);
        assert!(!sample().iter().any(|cache| cache.id == 1_000_000_000_000_000));
    }

    #[test]
    fn shared_caches_are_sampled_by_name() {
        let options = shared::store::StoreOptions {
            max_bytes: 1000,
            ttl: u64::MAX,
            policy: shared::policy::Policy::Lru,
        };
        let store = shared::registry::open("sampled", Some(options)).unwrap();
        store.set(b"key", b"value", None);
        assert!(store.has(b"key"));
        store.get(b"none", |_| ((), true));
        let stats = sample().into_iter().find(|cache| cache.name == "sampled").unwrap();
        assert!(stats.id >= FIRST_SHARED && stats.named && stats.capacity.is_none());
        assert_eq!(
            (stats.size, stats.bytes, stats.max_bytes),
            (1, 8 + shared::ENTRY_BYTES, Some(1000))
        );
        assert_eq!((stats.hits, stats.misses), (0, 1));
    }

    #[test]
    fn a_summary_has_a_row_for_each_name_and_an_end() {
        let arena = Arena::open(3 * MOST_ROWS);
        for record in 0..3 * MOST_ROWS {
            let name =
                if record % 3 == 0 { "the same".to_owned() } else { format!("cache {record}") };
            write(&arena, record, record as f64 + 1.0, &name);
        }
        let mut stats = Vec::new();
        arena.sample(&mut stats);
        let rows = summarise(stats);
        assert_eq!(rows.len(), MOST_ROWS);
        assert_eq!((rows[0].name.as_str(), rows[0].instances), ("the same", MOST_ROWS as u64));
        assert_eq!(
            (rows[0].size, rows[0].capacity),
            (2 * MOST_ROWS as u64, Some(3 * MOST_ROWS as u64))
        );
        assert_eq!((rows[1].name.as_str(), rows[1].instances, rows[1].id), ("cache 1", 1, 2));
        let rest = &rows[MOST_ROWS - 1];
        assert_eq!((rest.name.as_str(), rest.kind, rest.max_bytes), ("", "", None));
        assert_eq!(rows.iter().map(|row| row.instances).sum::<u64>(), 3 * MOST_ROWS as u64);
    }

    #[test]
    fn garbage_in_a_record_is_read_without_a_panic() {
        let arena = Arena::open(1);
        for value in [f64::NAN, -1.0, f64::INFINITY, 1e300, 0.5] {
            for word in arena.words() {
                word.store(value.to_bits(), Ordering::Relaxed);
            }
            let mut stats = Vec::new();
            arena.sample(&mut stats);
        }
    }
}

#[cfg(all(test, models))]
mod models {
    use super::*;
    use crate::sync::explore;

    /// What JS does, with the barriers that its plain stores have on x86.
    fn reopen(record: &[AtomicU64], id: u32) {
        record[0].store(0, Ordering::Relaxed);
        fence(Ordering::Release);
        for at in [2, 6] {
            record[at].store(f64::from(id).to_bits(), Ordering::Relaxed);
        }
        record[0].store(f64::from(id).to_bits(), Ordering::Release);
    }

    #[test]
    fn models_of_a_record_that_changes_hands() {
        explore("a record is read while another cache gets it", 2, || {
            // Words that no cache writes are not modelled: all records share their zeroes.
            let words: Arc<Vec<AtomicU64>> =
                Arc::new((0..RECORD_WORDS).map(|_| AtomicU64::new(0)).collect());
            reopen(&words, 1);
            let written = Arc::clone(&words);
            let js = loom::thread::spawn(move || reopen(&written, 2));
            if let Some(stats) = read(&words) {
                assert_eq!((stats.size, stats.hits), (stats.id, stats.id), "of one cache");
            }
            js.join().unwrap();
            assert_eq!(read(&words).map(|stats| stats.id), Some(2));
        });
    }
}
