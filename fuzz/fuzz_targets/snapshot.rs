//! Reads what a mutated snapshot has become, asks for everything that it can tell, and names what it holds: alone, and
//! beside two more mutations of the same bytes, as three snapshots of one process.
//!
//!   node fuzz/seed.js && RUSTC_BOOTSTRAP=1 cargo fuzz run -s none --no-trace-compares snapshot -- -runs=1100000 -mutate_depth=1 -max_len=16384
//!
//! At a greater depth libFuzzer mutates what it has mutated, and fewer inputs are snapshots still.

#![no_main]

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target, fuzzer_mutate};
use plimsoll::heap::{Options, Snapshot, describe, unattended};

#[path = "../ask.rs"]
mod ask;
#[path = "../counting.rs"]
mod counting;
#[path = "../mutate.rs"]
mod mutate;

static RUNS: AtomicU64 = AtomicU64::new(0);
static GRAPHS: AtomicU64 = AtomicU64::new(0);
static COMPARED: AtomicU64 = AtomicU64::new(0);

/// Three readers' buffers and what a table of names takes, whatever the input.
const FIXED: usize = 16 << 20;
/// A graph of small numbers takes more than its text: `1,` is an edge's word twice over.
const MULTIPLE: usize = 64;

fn read(text: &[u8]) -> Option<Snapshot> {
    Snapshot::read(text, &unattended).ok()
}

fn run(text: &[u8]) -> Corpus {
    // What is no snapshot is tried, and not built upon: else most inputs would soon be none.
    let Some(snapshot) = read(text) else { return Corpus::Reject };
    GRAPHS.fetch_add(1, Relaxed);
    ask::ask(&snapshot);
    let mut snapshots = vec![snapshot];
    let _ = describe(&snapshots, &Options::default());
    let seed = text.iter().fold(0u64, |hash, byte| hash.wrapping_mul(31) ^ u64::from(*byte));
    snapshots.extend([1, 2].iter().filter_map(|at| read(&mutate::mutate(text, seed ^ at))));
    if snapshots.len() == 3 {
        COMPARED.fetch_add(1, Relaxed);
        let _ = describe(&snapshots, &Options::default());
    }
    Corpus::Keep
}

fuzz_target!(|text: &[u8]| -> Corpus {
    let (corpus, peak) = counting::peak_of(|| run(text));
    assert!(peak <= FIXED + MULTIPLE * text.len(), "{peak} bytes for an input of {}", text.len());
    let runs = RUNS.fetch_add(1, Relaxed) + 1;
    if runs.is_multiple_of(50_000) {
        eprintln!(
            "{runs} inputs: {} reached the graph, {} were compared as one of three",
            GRAPHS.load(Relaxed),
            COMPARED.load(Relaxed)
        );
    }
    corpus
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed.is_multiple_of(8) {
        return fuzzer_mutate(data, size, max_size);
    }
    let mutated = mutate::mutate(&data[..size], u64::from(seed));
    let length = mutated.len().min(max_size);
    data[..length].copy_from_slice(&mutated[..length]);
    length
});
