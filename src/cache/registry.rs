//! The caches of the process, as the sampler sees them.
//!
//! A cache's counters are a record in an [`Arena`]: memory of ours that JS writes through an
//! `ArrayBuffer`. The sampler reads it whatever the JS thread does. JS alone opens and closes
//! records (`lib/cache/registry.js` has the same layout), so a construction costs no crossing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde::Serialize;

use super::shared::store::{Stats, Store};
use super::shared::{self, Counters};

/// 64-bit words of a record: the counters as doubles, then the label.
pub const RECORD_WORDS: usize = 48;
/// Where the label begins: its length in bytes as a double, then UTF-8.
const LABEL: usize = 15;
/// The ids of shared caches begin here, above those that any isolate gives.
const FIRST_SHARED: u64 = 1 << 52;

/// The counters of one cache at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheStats {
    /// Unique within the isolate, never used again; of a shared cache, from 2^52 on.
    pub id: u64,
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
}

/// Records for a number of caches of one isolate.
#[derive(Debug)]
pub struct Arena {
    words: Box<[AtomicU64]>,
}

static ARENAS: Mutex<Vec<Weak<Arena>>> = Mutex::new(Vec::new());

impl Arena {
    /// An arena of `records` unused records, which [`sample`] reads for as long as it is held.
    #[must_use]
    pub fn open(records: usize) -> Arc<Self> {
        let words = (0..records * RECORD_WORDS).map(|_| AtomicU64::new(0)).collect();
        let arena = Arc::new(Self { words });
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

fn read_shared(id: u64, name: String, store: &Store) -> CacheStats {
    let Stats { size, bytes, counters } = store.stats();
    let max_bytes = Some(store.options().max_bytes);
    let Counters { hits, misses, evictions, expirations } = counters;
    CacheStats {
        id,
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
    }
}

/// One record, or `None` where it is unused or changed hands meanwhile.
fn read(record: &[AtomicU64]) -> Option<CacheStats> {
    let word = |at: usize| f64::from_bits(record[at].load(Ordering::Relaxed));
    // A double from JS: what is not a count there saturates here.
    let count = |at: usize| word(at) as u64;
    let bound = |at: usize| word(at).is_finite().then(|| count(at));
    let id = f64::from_bits(record[0].load(Ordering::Acquire)) as u64;
    if id == 0 {
        return None;
    }
    let stats = CacheStats {
        id,
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
    };
    (count(0) == id).then_some(stats)
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
            }]
        );
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
        let options = shared::store::Options {
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
