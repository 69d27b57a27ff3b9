//! Packs the heap image that an input describes, reads it as `plimsoll analyze` does, asks for everything that it can
//! tell, and names what it holds.
//!
//!   cargo +nightly fuzz run -s none --no-trace-compares image -- -runs=1000000 -max_len=1024 -len_control=0 -timeout=10 -rss_limit_mb=512
//!
//! `cargo test --release random_images -- --ignored` reads a million other images without cargo-fuzz.

#![no_main]

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use libfuzzer_sys::fuzz_target;
use plimsoll::heap::{Options, Snapshot, describe, unattended};

#[path = "../ask.rs"]
mod ask;
#[path = "../counting.rs"]
mod counting;
#[path = "../described_image.rs"]
mod described_image;
#[path = "../image_parts.rs"]
mod image_parts;

const MAGIC: &[u8] = b"plimsoll heap image\n";
/// The most bytes that may be allocated at once. A block of pages takes half of it, most of which is not touched.
const MOST: usize = 32 << 20;

static RUNS: AtomicU64 = AtomicU64::new(0);
static GRAPHS: AtomicU64 = AtomicU64::new(0);
static NODES: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn run(input: &[u8]) {
    let image = described_image::image(input);
    let packed = zstd::encode_all(&[MAGIC, &image].concat()[..], 1).expect("memory is written to");
    if let Ok(snapshot) = Snapshot::read(&packed[..], &unattended) {
        GRAPHS.fetch_add(1, Relaxed);
        NODES.fetch_max(snapshot.node_count(), Relaxed);
        ask::ask(&snapshot);
        // No file that a name of the image refers to is opened.
        let options = Options { sources: Some(Vec::new()), ..Options::default() };
        let _ = describe(&[snapshot], &options);
    }
}

fuzz_target!(|input: &[u8]| {
    let ((), peak) = counting::peak_of(|| run(input));
    PEAK.fetch_max(peak, Relaxed);
    assert!(peak <= MOST, "{peak} bytes for an input of {}", input.len());
    let runs = RUNS.fetch_add(1, Relaxed) + 1;
    if runs.is_multiple_of(50_000) {
        eprintln!(
            "{runs} inputs: {} reached the graph, with up to {} nodes; up to {} bytes were allocated at once",
            GRAPHS.load(Relaxed),
            NODES.load(Relaxed),
            PEAK.load(Relaxed)
        );
    }
});
