//! The hit ratio of the shared cache beside that of the crate quick_cache, over traces of one key a line, gzipped:
//! `cargo run --release --example shared_hit_ratio TRACE.gz...`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::panic, reason = "a benchmark")]

use std::collections::HashSet;
use std::io::Read;

use flate2::read::GzDecoder;
use plimsoll::cache::shared::ENTRY_BYTES;
use plimsoll::cache::shared::policy::Policy;
use plimsoll::cache::shared::store::{SharedStore, StoreOptions};

const SHARES: [f64; 4] = [0.01, 0.03, 0.1, 0.3];
const LARGEST: u64 = 3200;

/// All values of one size, or of sizes from 100 to 3200 bytes that the key decides.
#[derive(Clone, Copy)]
enum Sizes {
    Equal,
    Mixed,
}

impl Sizes {
    fn of(self, key: &[u8]) -> u64 {
        let hash = key
            .iter()
            .fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
        match self {
            Sizes::Equal => 100,
            Sizes::Mixed => LARGEST >> ((hash >> 7) % 6),
        }
    }

    fn cost(self, key: &[u8]) -> u64 {
        key.len() as u64 + self.of(key) + ENTRY_BYTES
    }
}

#[derive(Clone)]
struct Weighter(Sizes);

impl quick_cache::Weighter<Vec<u8>, ()> for Weighter {
    fn weight(&self, key: &Vec<u8>, (): &()) -> u64 {
        self.0.cost(key)
    }
}

fn ours(keys: &[&[u8]], max_bytes: u64, sizes: Sizes, policy: Policy) -> f64 {
    let store = SharedStore::new(StoreOptions { max_bytes, ttl: u64::MAX, policy });
    let value = [0; LARGEST as usize];
    for key in keys {
        if store.get(key, |_| ((), true)).is_none() {
            store.set(key, &value[..sizes.of(key) as usize], None);
        }
    }
    let counters = store.stats().counters;
    counters.hits as f64 / keys.len() as f64
}

fn quick(keys: &[&[u8]], max_bytes: u64, sizes: Sizes, entries: usize) -> f64 {
    let cache = quick_cache::sync::Cache::with_weighter(entries, max_bytes, Weighter(sizes));
    let mut hits = 0;
    for &key in keys {
        if cache.get(key).is_some() {
            hits += 1;
        } else {
            cache.insert(key.to_vec(), ());
        }
    }
    f64::from(hits) / keys.len() as f64
}

/// Keys by Zipf's law (skew 1), drawn again at each run of the same seed; `drift`: which keys are the popular ones changes.
fn zipf(drift: bool) -> Vec<u8> {
    let mut random = 0x2545_f491_4f6c_dd1du64;
    let mut text = Vec::new();
    for turn in 0..500_000u64 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let rank = 50_000f64.powf((random >> 11) as f64 / (1u64 << 53) as f64) as u64;
        text.extend_from_slice(
            format!("key:{}\n", if drift { rank + turn / 20 } else { rank }).as_bytes(),
        );
    }
    text
}

fn main() {
    let mut traces: Vec<(String, Vec<u8>)> = std::env::args()
        .skip(1)
        .map(|path| {
            let mut text = Vec::new();
            GzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_end(&mut text).unwrap();
            (path.rsplit('/').next().unwrap_or(&path).trim_end_matches(".txt.gz").to_owned(), text)
        })
        .collect();
    traces.push(("zipf".into(), zipf(false)));
    traces.push(("zipf, drifting".into(), zipf(true)));
    println!("hits in %                           size       lru     quick  adaptive");
    for (label, sizes) in [("equal", Sizes::Equal), ("mixed", Sizes::Mixed)] {
        let (mut points, mut of_quick, mut of_lru, mut behind) = (0, 0.0, 0.0, 0);
        for (name, text) in &traces {
            let keys: Vec<&[u8]> =
                text.split(|&byte| byte == b'\n').filter(|key| !key.is_empty()).collect();
            let unique: HashSet<&[u8]> = keys.iter().copied().collect();
            let total: u64 = unique.iter().map(|key| sizes.cost(key)).sum();
            for share in SHARES {
                let max = (total as f64 * share) as u64;
                let lru = ours(&keys, max, sizes, Policy::Lru);
                let quick = quick(&keys, max, sizes, (unique.len() as f64 * share) as usize);
                let adaptive = ours(&keys, max, sizes, Policy::Adaptive);
                println!(
                    "{name:16} {label:6} {share:5} {max:10} {:9.2} {:9.2} {:9.2}",
                    lru * 100.0,
                    quick * 100.0,
                    adaptive * 100.0
                );
                points += 1;
                of_lru += ((1.0 - adaptive) / (1.0 - lru)).ln();
                of_quick += ((1.0 - adaptive) / (1.0 - quick)).ln();
                behind += u32::from(adaptive < quick - 0.005);
            }
        }
        let mean = |sum: f64| (sum / f64::from(points)).exp();
        println!(
            "{label}: misses of adaptive / lru {:.3}, / quick_cache {:.3}; more than half a point behind quick_cache at {behind} of {points}\n",
            mean(of_lru),
            mean(of_quick)
        );
    }
}
