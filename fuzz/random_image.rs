//! Heap images that a seed decides: maps of every type, objects whose words are references, small integers or anything.
//! `cargo test` reads them.

use super::image_parts::{BASE, FIRST, MAP_WORDS, NUMBERED, STRINGS, TYPES, header, record};

/// A generator of numbers (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

const MOST_WORDS: u64 = 4096;

/// Bytes that describe an image.
pub fn bytes(seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    (0..random.below(1024)).map(|_| random.next() as u8).collect()
}

/// An image, uncompressed and after its first bytes.
pub fn image(seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let version = random.below(4) as usize;
    let kinds: Vec<u64> = (0..TYPES.len() as u64)
        .map(|at| FIRST + at)
        .chain(NUMBERED[version])
        .chain(STRINGS)
        .collect();
    let maps = kinds.len() as u64;
    let words = maps * MAP_WORDS + 64 + random.below(MOST_WORDS - maps * MAP_WORDS - 64);
    let mut page = vec![0; words as usize];
    let map_at = |map: u64| BASE + 8 * MAP_WORDS * map + 1;
    let first = maps * MAP_WORDS;
    // Where objects begin.
    let mut starts = Vec::new();
    let mut at = first;
    while at + 2 < words {
        starts.push(at);
        at += 2 + random.below(14);
    }
    for word in &mut page {
        *word = any(&mut random, &starts, maps);
    }
    for (map, kind) in (0..maps).zip(&kinds) {
        let at = (map * MAP_WORDS) as usize;
        page[at] = map_at(0);
        let size = if random.below(2) == 0 { 0 } else { random.below(16) };
        let size = if map == 0 { MAP_WORDS } else { size };
        page[at + 1] = kind << 32 | random.below(1 << 16) << 48 | random.below(256) << 8 | size;
    }
    // Objects: a map, then a length that fits more often than not.
    for &at in &starts {
        page[at as usize] = map_at(random.below(maps));
        if random.below(4) > 0 {
            page[at as usize + 1] = (random.below(64) << 32) | (random.below(2) * random.below(64));
        }
    }
    let mut image = header(version);
    let kind = if random.below(4) == 0 { 6 } else { 1 };
    record(&mut image, kind, BASE, &page);
    for kind in [2, 3, 5, 7, 8, 9, 10] {
        let words: Vec<u64> =
            (0..random.below(64)).map(|_| any(&mut random, &starts, maps)).collect();
        record(&mut image, kind, BASE + 8 * random.below(1 << 12), &words);
    }
    record(&mut image, 4, 1, &[]);
    for _ in 0..random.below(8) * random.below(2) {
        let at = random.below(image.len() as u64) as usize;
        image[at] = random.next() as u8;
    }
    image
}

fn any(random: &mut Random, starts: &[u64], maps: u64) -> u64 {
    let object = BASE + 8 * starts[random.below(starts.len() as u64) as usize];
    match random.below(16) {
        0..8 => object + 1,
        8 => object + 3,
        9 => BASE + 8 * MAP_WORDS * random.below(maps) + 1,
        10 => 3,
        11 => random.next(),
        12 => random.next() << 32,
        _ => random.below(64) << 32,
    }
}
