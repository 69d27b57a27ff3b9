//! Reads what a mutated snapshot has become and asks for everything that it can tell.
//!
//!   node fuzz/seed.js && RUSTC_BOOTSTRAP=1 cargo fuzz run snapshot -- -runs=1000000 -max_len=65536

#![no_main]

use std::sync::atomic::{AtomicU64, Ordering};

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use plimsoll::heap::{Snapshot, unattended};

#[path = "../mutate.rs"]
mod mutate;

static RUNS: AtomicU64 = AtomicU64::new(0);
static GRAPHS: AtomicU64 = AtomicU64::new(0);

fuzz_target!(|text: &[u8]| {
    if let Ok(snapshot) = Snapshot::read(text, &unattended) {
        GRAPHS.fetch_add(1, Ordering::Relaxed);
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
    let runs = RUNS.fetch_add(1, Ordering::Relaxed) + 1;
    if runs.is_multiple_of(100_000) {
        eprintln!("{runs} inputs, {} reached the graph", GRAPHS.load(Ordering::Relaxed));
    }
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
