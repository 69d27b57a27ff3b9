//! Reads random heap images as snapshots: the input is the seed of one, and bytes that are written over it.
//!
//!   RUSTC_BOOTSTRAP=1 cargo fuzz run -s none --no-trace-compares image -- -runs=1000000 -max_len=64
//!
//! `cargo test --release random_images -- --ignored` runs a million seeds without cargo-fuzz.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll::heap::{Snapshot, unattended};

#[path = "../random_image.rs"]
mod random_image;

const MAGIC: &[u8] = b"plimsoll heap image\n";

fuzz_target!(|input: &[u8]| {
    let (seed, changes) = input.split_at(input.len().min(8));
    let seed = seed.iter().fold(0, |seed: u64, byte| seed << 8 | u64::from(*byte));
    let mut image = random_image::image(seed);
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % image.len();
        image[at] = change[2];
    }
    let packed = zstd::encode_all(&[MAGIC, &image].concat()[..], 1).expect("memory is written to");
    if let Ok(snapshot) = Snapshot::read(&packed[..], &unattended) {
        for node in snapshot.nodes() {
            assert!(snapshot.retained(node) >= snapshot.shallow(node));
        }
    }
});
