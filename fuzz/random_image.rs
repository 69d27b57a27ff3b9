//! Heap images that a seed decides: maps of every type, objects whose words are references, small integers or anything.
//! Shared by the fuzz target and by `cargo test`.

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

/// Types by name. Their numbers are above those of strings, in this order; the receivers come last.
const TYPES: &[&str] = &[
    "Map",
    "FixedArray",
    "FixedDoubleArray",
    "ByteArray",
    "BytecodeArray",
    "Code",
    "DescriptorArray",
    "StrongDescriptorArray",
    "EmbedderDataArray",
    "FeedbackVector",
    "FreeSpace",
    "HeapNumber",
    "InstructionStream",
    "Oddball",
    "Hole",
    "PreparseData",
    "PropertyArray",
    "PropertyCell",
    "ScopeInfo",
    "Script",
    "SharedFunctionInfo",
    "SloppyArgumentsElements",
    "Symbol",
    "UncompiledDataWithPreparseDataAndJob",
    "UncompiledDataWithPreparseData",
    "UncompiledDataWithoutPreparseDataWithJob",
    "UncompiledDataWithoutPreparseData",
    "WeakArrayList",
    "WeakCell",
    "WeakFixedArray",
    "AccessorPair",
    "AllocationSite",
    "ArrayBoilerplateDescription",
    "ArrayList",
    "Cell",
    "CoverageInfo",
    "DependentCode",
    "DoubleStringCache",
    "EnumCache",
    "ExternalPointerArray",
    "FeedbackCell",
    "FunctionTemplateInfo",
    "ObjectBoilerplateDescription",
    "PrototypeInfo",
    "RegExpMatchInfo",
    "ScriptContextTable",
    "TrustedByteArray",
    "TrustedFixedArray",
    "JSProxy",
    "JSGlobalObject",
    "JSGlobalProxy",
    "JSArray",
    "JSArrayBuffer",
    "JSTypedArray",
    "JSBoundFunction",
    "JSAsyncFunctionObject",
    "JSAsyncGeneratorObject",
    "JSMap",
    "JSSet",
    "JSWeakMap",
    "JSWeakSet",
    "JSWeakRef",
    "JSPromise",
    "JSRegExp",
];
/// Types that have a number in the layout of their version and no name.
const NUMBERED: [[u64; 9]; 4] = [
    [175, 180, 205, 212, 2066, 2105, 129, 241, 248],
    [174, 180, 190, 197, 2066, 2107, 129, 248, 257],
    [205, 210, 220, 227, 2065, 2109, 129, 257, 265],
    [205, 210, 221, 228, 2066, 2111, 129, 259, 270],
];
const VERSIONS: [&str; 4] = ["11.3", "12.4", "13.6", "14.6"];
/// Strings of characters of two bytes and of one, concatenated, external, sliced, and what refers to another.
const STRINGS: [u64; 7] = [0, 8, 1, 2, 10, 3, 5];
/// The number of the first type.
const FIRST: u64 = 300;
const BASE: u64 = 0x1000_0000;
const MAP_WORDS: u64 = 10;
const MOST_WORDS: u64 = 4096;

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
    let types: Vec<String> =
        (FIRST..).zip(TYPES).map(|(number, name)| format!("\"{name}\":{number}")).collect();
    let header = format!(
        "{{\"format\":1,\"pid\":7,\"v8\":\"{}\",\"types\":{{{}}}}}",
        VERSIONS[version],
        types.join(",")
    );
    let mut image = (header.len() as u32).to_le_bytes().to_vec();
    image.extend(header.bytes());
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

fn record(image: &mut Vec<u8>, kind: u32, address: u64, words: &[u64]) {
    image.extend(address.to_le_bytes());
    image.extend(kind.to_le_bytes());
    image.extend((8 * words.len() as u32).to_le_bytes());
    image.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}
