//! Reads what a mutated snapshot has become, asks for everything that it can tell, and names what it holds: alone, and
//! beside two more mutations of the same bytes, as three snapshots of one process.
//!
//!   node fuzz/seed.js && RUSTC_BOOTSTRAP=1 cargo fuzz run -s none --no-trace-compares snapshot -- -runs=1100000 -mutate_depth=1 -max_len=16384
//!
//! At a greater depth libFuzzer mutates what it has mutated, and fewer inputs are snapshots still.

#![no_main]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target, fuzzer_mutate};
use plimsoll::heap::{Options, Snapshot, describe, unattended};

#[path = "../mutate.rs"]
mod mutate;

static RUNS: AtomicU64 = AtomicU64::new(0);
static GRAPHS: AtomicU64 = AtomicU64::new(0);
static COMPARED: AtomicU64 = AtomicU64::new(0);

/// Counts what is allocated at once, to hold it against the input's length.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: it is the system's allocator; the counts beside it change nothing of what it gives and takes.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(live, Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    /// Pages that are not touched cost nothing: the readers' buffers are longer than the inputs.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(live, Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Three readers' buffers and what a table of names takes, whatever the input.
const FIXED: usize = 16 << 20;
/// A graph of small numbers takes more than its text: `1,` is an edge's word twice over.
const MULTIPLE: usize = 64;

fn read(text: &[u8]) -> Option<Snapshot> {
    Snapshot::read(text, &unattended).ok()
}

fn ask(snapshot: &Snapshot) {
    for node in snapshot.nodes() {
        let _ = (snapshot.by_id(snapshot.id(node)), snapshot.name(node), snapshot.location(node));
        assert!(snapshot.retained(node) >= snapshot.shallow(node));
        let _ = (snapshot.dominator(node), snapshot.distance(node));
        for edge in snapshot.edges(node) {
            let _ = snapshot.edge_name(&edge);
        }
        let _ = snapshot.retainers(node).count();
    }
}

fuzz_target!(|text: &[u8]| -> Corpus {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let snapshot = read(text);
    // What is no snapshot is tried, and not built upon: else most inputs would soon be none.
    let corpus = if snapshot.is_some() { Corpus::Keep } else { Corpus::Reject };
    if let Some(snapshot) = snapshot {
        GRAPHS.fetch_add(1, Relaxed);
        ask(&snapshot);
        let mut snapshots = vec![snapshot];
        let _ = describe(&snapshots, &Options::default());
        let seed = text.iter().fold(0u64, |hash, byte| hash.wrapping_mul(31) ^ u64::from(*byte));
        snapshots.extend([1, 2].iter().filter_map(|at| read(&mutate::mutate(text, seed ^ at))));
        if snapshots.len() == 3 {
            COMPARED.fetch_add(1, Relaxed);
            let _ = describe(&snapshots, &Options::default());
        }
    }
    let peak = PEAK.load(Relaxed) - before;
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
