use std::io::Read;

use proptest::prelude::*;

use super::*;
use crate::heap::error::HeapError;
use crate::heap::memory::limited;

fn record(kind: u32, address: u64, bytes: &[u8]) -> Vec<u8> {
    let mut record = address.to_le_bytes().to_vec();
    record.extend(kind.to_le_bytes());
    record.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    record.extend(bytes);
    record
}

const BASE: u64 = 0x1000_0000;
/// Types of the small image: their number is their place in the list, from here on.
const FIRST: usize = 300;

fn type_of(name: &str) -> u64 {
    (FIRST + image_parts::TYPES.iter().position(|each| *each == name).unwrap()) as u64
}

/// An image with one array of two strings.
fn small() -> Vec<u8> {
    of_version("11.3")
}

fn of_version(v8: &str) -> Vec<u8> {
    let mut page = vec![0_u64; 128];
    let tagged = |word: usize| BASE + 8 * word as u64 + 1;
    let mut map = |at: usize, kind: u64, words: u64| {
        page[at] = tagged(8);
        page[at + 1] = kind << 32 | words;
    };
    map(8, type_of("Map"), 10);
    map(18, 0x28, 0);
    map(28, type_of("FixedArray"), 0);
    page[40..44].copy_from_slice(&[tagged(28), 2 << 32, tagged(50), tagged(60)]);
    page[50..53].copy_from_slice(&[tagged(18), 5 << 32, u64::from_le_bytes(*b"hello\0\0\0")]);
    page[60..63].copy_from_slice(&[tagged(18), 8 << 32, u64::from_le_bytes(*b"\"world\"\n")]);
    let types: serde_json::Map<String, serde_json::Value> =
        image_parts::TYPES.iter().map(|name| ((*name).to_owned(), type_of(name).into())).collect();
    let header = serde_json::json!({ "format": 1, "pid": 7, "v8": v8, "types": types }).to_string();
    let bytes =
        |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let mut image = u32::try_from(header.len()).unwrap().to_le_bytes().to_vec();
    image.extend(header.as_bytes());
    image.extend(record(1, BASE, &bytes(&page)));
    image.extend(record(3, 0x7000, &bytes(&[tagged(40), 7, 0])));
    image.extend(record(4, 1, &[]));
    image
}

fn text(image: &[u8]) -> HeapResult<String> {
    let mut text = String::new();
    as_snapshot(image)?.0.read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn objects_that_roots_reach_become_nodes() {
    let text = text(&small()).unwrap();
    let snapshot = crate::heap::Snapshot::read(text.as_bytes(), &crate::heap::unattended).unwrap();
    let names: Vec<_> = snapshot.nodes().map(|node| snapshot.name(node).into_owned()).collect();
    assert_eq!(names.iter().filter(|name| *name == "hello").count(), 1);
    assert_eq!(names.iter().filter(|name| *name == "\"world\"\n").count(), 1);
    assert_eq!(snapshot.node_count(), 14);
}

#[test]
fn half_a_surrogate_pair_is_three_question_marks_and_moves_no_line() {
    let mut image = small();
    let page = image.len() - 16 - (16 + 24) - 128 * 8;
    // The first string has characters of two bytes then: half a pair, U+FFFD and a letter.
    let units = [0x20_u64 << 32, 0xd83d_u64 | 0xfffd << 16 | 0x61 << 32];
    image[page + 8 * 19..page + 8 * 20].copy_from_slice(&units[0].to_le_bytes());
    image[page + 8 * 51..page + 8 * 52].copy_from_slice(&(3_u64 << 32).to_le_bytes());
    image[page + 8 * 52..page + 8 * 53].copy_from_slice(&units[1].to_le_bytes());
    assert!(text(&image).unwrap().contains("\"???\u{fffd}a\""));
}

#[test]
fn of_a_stack_the_frames_of_javascript_have_roots() {
    const START: u64 = 0x7000;
    let mut image = small();
    image.truncate(image.len() - 16 - (16 + 24));
    let page = image.len() - 128 * 8;
    let tagged = |word: usize| BASE + 8 * word as u64 + 1;
    let mut put = |at: usize, word: u64| {
        image[page + 8 * at..page + 8 * at + 8].copy_from_slice(&word.to_le_bytes());
    };
    // A map of contexts and one of functions, and an object of each.
    for (at, word) in [(70, tagged(8)), (71, 205 << 32), (80, tagged(8)), (81, 2066 << 32 | 8)] {
        put(at, word);
    }
    for (at, word) in [(90, tagged(70)), (91, 2 << 32), (100, tagged(80))] {
        put(at, word);
    }
    let of = |word: u64| START + 8 * word;
    let frame = [tagged(60), of(6), 7, tagged(50), tagged(100), tagged(90), of(8), 7, 0];
    let bytes: Vec<u8> = frame.iter().flat_map(|word| word.to_le_bytes()).collect();
    image.extend(record(3, START, &bytes));
    image.extend(record(4, 1, &[]));
    let text = text(&image).unwrap();
    assert!(text.contains("\"hello\""), "a local variable");
    assert!(!text.contains("world"), "a stale word of the native frame below");
}

/// The small image with an array of pairs that a root of the isolate refers to; one pair has a number and a text.
fn with_cache(number: u64, digit: u8) -> String {
    const SECOND: u64 = BASE + (1 << 18);
    let mut page = vec![0_u64; 304];
    let map = |word: u64| BASE + 8 * word + 1;
    page[..2].copy_from_slice(&[map(28), 256 << 32]);
    page[20..22].copy_from_slice(&[number << 32, SECOND + 8 * 300 + 1]);
    page[300..303].copy_from_slice(&[map(18), 1 << 32, digit.into()]);
    let bytes =
        |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let mut image = small();
    image.truncate(image.len() - 16);
    image.extend(record(1, SECOND, &bytes(&page)));
    image.extend(record(2, 0x9000, &bytes(&[SECOND + 1])));
    image.extend(record(4, 2, &[]));
    text(&image).unwrap()
}

#[test]
fn the_cache_of_strings_by_number_retains_nothing() {
    assert!(!with_cache(7, b'7').contains("\"7\""));
    assert!(with_cache(7, b'8').contains("\"8\""), "an array of the program");
}

#[test]
fn ids_of_an_image_are_no_identities() {
    let text = text(&small()).unwrap();
    let snapshot = crate::heap::Snapshot::read(text.as_bytes(), &crate::heap::unattended).unwrap();
    assert!(crate::heap::compare::ids::by_odd_id(&snapshot).is_empty());
}

#[test]
fn a_snapshot_is_read_from_a_compressed_image() {
    let image = [MAGIC, &small()].concat();
    let packed = zstd::encode_all(&image[..], 1).unwrap();
    let snapshot = crate::heap::Snapshot::read(&packed[..], &crate::heap::unattended).unwrap();
    assert_eq!(snapshot.node_count(), 14);
}

#[test]
fn every_truncation_is_an_error() {
    let image = small();
    for end in 0..image.len() {
        assert!(text(&image[..end]).is_err(), "{end}");
    }
}

#[test]
fn each_known_version_is_read() {
    for layout in crate::heap_layout::LAYOUTS {
        let (major, minor) = layout.v8;
        let text = text(&of_version(&format!("{major}.{minor}"))).unwrap();
        assert!(text.contains("\"hello\""), "{major}.{minor}");
    }
}

#[test]
fn strong_global_handles_are_roots() {
    let mut image = small();
    // The last record and the one of the stack before it: the array is held by handles instead.
    image.truncate(image.len() - 16 - 16 - 24);
    let handle = |object: u64, state: u64| [object, state << 24, 0, 0];
    let strong: Vec<u8> = [handle(BASE + 8 * 50 + 1, 1), handle(BASE + 8 * 60 + 1, 2)]
        .iter()
        .flatten()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    image.extend(record(5, 0x9000, &strong));
    image.extend(record(4, 1, &[]));
    let text = text(&image).unwrap();
    assert!(text.contains("\"hello\""));
    assert!(!text.contains("world"), "a weak handle retains nothing");
}

#[test]
fn code_is_found_by_its_handle() {
    let mut image = of_version("13.6");
    image.truncate(image.len() - 16);
    let entry = |code: u64| [0x7f00_u64, code << 16 | 3].map(u64::to_le_bytes).concat();
    image.extend(record(10, 0x40, &[entry(BASE + 8 * 40), entry(0)].concat()));
    image.extend(record(4, 1, &[]));
    let pages = Pages::begin(&image[..]).unwrap().read().unwrap();
    assert_eq!(pages.dispatched(4 << 8), Some(BASE + 8 * 40));
    assert_eq!(pages.dispatched(5 << 8), None, "a free entry has no code");
}

/// The small image of a version with an object of code, which each word of its isolate refers to.
fn with_code(v8: &str, words: usize) -> String {
    let mut image = of_version(v8);
    image.truncate(image.len() - 16);
    let page = image.len() - (16 + 24) - 128 * 8;
    let tagged = |word: usize| BASE + 8 * word as u64 + 1;
    for (at, word) in [(70, tagged(8)), (71, type_of("Code") << 32 | 8), (80, tagged(70))] {
        image[page + 8 * at..page + 8 * at + 8].copy_from_slice(&word.to_le_bytes());
    }
    let code = tagged(80).to_le_bytes().repeat(words);
    image.extend(record(2, 0x9000, &[&[0; 8], &code[..], &[0; 8]].concat()));
    image.extend(record(4, 1, &[]));
    text(&image).unwrap()
}

#[test]
fn code_of_builtins_has_the_names_of_its_version() {
    for (v8, last, count) in [
        ("11.3", "(AbortExtraWideHandler builtin handle)", 2182),
        ("12.4", "(AbortExtraWideHandler builtin code)", 2304),
        ("13.6", "(AbortExtraWideHandler builtin code)", 2384),
        ("14.6", "(IncBlockCounterExtraWideHandler builtin code)", 2415),
    ] {
        assert!(with_code(v8, count).contains(last), "{v8}");
        for other in [count - 1, count + 1] {
            assert!(!with_code(v8, other).contains("builtin"), "{v8}: a table of {other}");
        }
    }
}

#[test]
fn the_table_of_strings_holds_internalized_strings() {
    let edges_of_table = |kind: u64| {
        let mut image = small();
        let page = image.len() - 16 - (16 + 24) - 128 * 8;
        let at = page + 8 * 19;
        image[at..at + 8].copy_from_slice(&(kind << 32).to_le_bytes());
        let text = text(&image).unwrap();
        let snapshot =
            crate::heap::Snapshot::read(text.as_bytes(), &crate::heap::unattended).unwrap();
        let mut nodes = snapshot.nodes();
        let table = nodes.find(|node| snapshot.name(*node) == "(Internalized strings)");
        snapshot.edges(table.unwrap()).len()
    };
    assert_eq!(edges_of_table(0x28), 0);
    assert_eq!(edges_of_table(0x08), 2);
}

#[test]
fn an_image_without_a_type_is_refused() {
    let image = String::from_utf8_lossy(&small()).into_owned();
    assert!(image.contains("\"JSMap\""));
    let bytes = small();
    let at = bytes.windows(7).position(|seven| seven == b"\"JSMap\"").unwrap();
    let mut damaged = bytes;
    damaged[at + 1] = b'X';
    assert!(matches!(text(&damaged), Err(HeapError::Corrupt(why)) if why.contains("JSMap")));
}

#[test]
fn an_unknown_v8_is_refused() {
    let header = br#"{"format":1,"pid":7,"v8":"99.1","types":{}}"#;
    let length = u32::try_from(header.len()).unwrap();
    let image = [&length.to_le_bytes()[..], header].concat();
    assert!(matches!(text(&image), Err(HeapError::Schema(why)) if why.contains("99.1")));
}

#[test]
fn a_page_that_is_shorter_than_others_ends_where_its_record_does() {
    let mut image = small();
    image.truncate(image.len() - 16);
    let far = BASE + 0x100_0000;
    image.extend(record(1, far, &[1; 24]));
    image.extend(record(1, far + 0x4_0000, &[2; 16]));
    image.extend(record(4, 3, &[]));
    let pages = Pages::begin(&image[..]).unwrap().read().unwrap();
    let words = |page: u64| (0..4).map(|word| pages.word(page + 8 * word).is_some()).collect();
    let found: [Vec<bool>; 2] = [words(far), words(far + 0x4_0000)];
    assert_eq!(found, [vec![true, true, true, false], vec![true, true, false, false]]);
    assert_eq!(pages.word(far + 0x4_0008), Some(0x0202_0202_0202_0202));
}

#[test]
fn what_is_wrong_with_an_image_is_known_however_late_it_is_read() {
    let mut image = small();
    let end = image.len() - 16;
    image[end + 8] = 99;
    let (mut text, pid) = as_snapshot(&image[..]).unwrap();
    assert_eq!(pid, 7);
    let error = HeapError::from(text.read(&mut [0; 8]).unwrap_err());
    assert!(matches!(error, HeapError::Corrupt(_)), "{error}");
    assert!(text.read(&mut [0; 8]).is_err(), "it stays an error");
}

#[test]
fn an_image_ends_with_its_last_record() {
    let image = [small(), vec![0]].concat();
    assert!(matches!(text(&image), Err(HeapError::Corrupt(why)) if why.contains("behind the end")));
}

#[test]
fn the_checksum_behind_the_last_record_is_verified() {
    let image = [MAGIC, &small()].concat();
    let mut packed = Vec::new();
    let mut encoder = zstd::stream::Encoder::new(&mut packed, 1).unwrap();
    encoder.include_checksum(true).unwrap();
    io::Write::write_all(&mut encoder, &image).unwrap();
    encoder.finish().unwrap();
    let read = |bytes: &[u8]| {
        let mut source = crate::heap::parse::read::decode(bytes)?;
        source.reader.read_to_end(&mut Vec::new())?;
        HeapResult::Ok(source.process)
    };
    assert_eq!(read(&packed).unwrap(), Some(7));
    assert!(matches!(read(&packed[..packed.len() - 2]), Err(HeapError::Truncated { .. })));
    *packed.last_mut().unwrap() ^= 1;
    assert!(matches!(read(&packed), Err(HeapError::Corrupt(_))));
    *packed.last_mut().unwrap() ^= 1;
    packed.extend(b"junk");
    assert!(matches!(read(&packed), Err(HeapError::Corrupt(_))));
}

/// The bytes of words.
fn bytes_of(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn an_object_is_no_larger_than_the_image() {
    const FAR: u64 = 1 << 33;
    let mut image = small();
    let page = image.len() - 16 - (16 + 24) - 128 * 8;
    image.truncate(image.len() - 16);
    // Its last word would be the first one of a page that is gigabytes away.
    let length = (FAR - 40 * 8 - 8) / 8;
    image[page + 8 * 41..page + 8 * 42].copy_from_slice(&(length << 32).to_le_bytes());
    image.extend(record(1, BASE + FAR, &[0; 64]));
    image.extend(record(4, 2, &[]));
    let pages = Pages::begin(&image[..]).unwrap().read().unwrap();
    let heap = decode::ImageHeap::new(&pages).unwrap();
    let object = heap.object(BASE + 40 * 8).unwrap();
    assert_eq!((object.shape, object.size), (layout::ObjectShape::Array, 8));
}

#[test]
fn a_map_where_addresses_end_is_none() {
    let mut image = small();
    let page = image.len() - 16 - (16 + 24) - 128 * 8;
    image.truncate(image.len() - 16);
    let end = u64::MAX - (1 << 18) + 1;
    let mut high = vec![0; 1 << 15];
    let at = high.len() - 2;
    high[at..].copy_from_slice(&[BASE + 8 * 8 + 1, type_of("JSRegExp") << 32 | 8]);
    let map = end + 8 * at as u64 + 1;
    image[page + 8 * 50..page + 8 * 51].copy_from_slice(&map.to_le_bytes());
    image.extend(record(1, end, &bytes_of(&high)));
    image.extend(record(4, 2, &[]));
    assert!(matches!(text(&image), Err(HeapError::Corrupt(_))), "a reference to no object");
}

#[test]
fn a_table_of_code_may_reach_the_end_of_addresses() {
    let mut image = small();
    image.truncate(image.len() - 16);
    image.extend(record(10, u64::MAX - 7, &bytes_of(&[0, BASE << 16, 0, BASE << 16])));
    image.extend(record(4, 1, &[]));
    assert!(text(&image).is_ok());
}

#[test]
fn edges_without_room_for_them_are_an_error() {
    const COUNT: u64 = 600;
    const FIRST: u64 = 1 << 10;
    let mut page = vec![0_u64; 1 << 12];
    let start = BASE + (1 << 18);
    let tagged = |word: u64| start + 8 * word + 1;
    // Objects whose elements are one array, which has all of them.
    page[..2].copy_from_slice(&[BASE + 8 * 8 + 1, 2 << 58 | type_of("JSRegExp") << 32 | 4]);
    page[10..12].copy_from_slice(&[BASE + 8 * 28 + 1, COUNT << 32]);
    for at in 0..COUNT {
        let array = (FIRST + 4 * at) as usize;
        page[12 + at as usize] = tagged(FIRST + 4 * at);
        page[array..array + 4].copy_from_slice(&[tagged(0), 0, tagged(10), COUNT << 32]);
    }
    let mut image = small();
    image.truncate(image.len() - 16);
    image.extend(record(1, start, &bytes_of(&page)));
    image.extend(record(2, 0x9000, &tagged(10).to_le_bytes()));
    image.extend(record(4, 2, &[]));
    let pages = Pages::begin(&image[..]).unwrap().read().unwrap();
    let edges = |most: usize| {
        limited::at_most(most, || graph::build(&pages)).map(|graph| graph.edge_count())
    };
    assert!(edges(64 << 20).unwrap() as u64 > COUNT * COUNT);
    assert!(matches!(edges(1 << 20), Err(HeapError::NoMemory { .. })));
}

/// A list whose objects have the next one in a WeakMap, as private fields do in compiled TypeScript. The last entry is
/// the first one that is reached; looking at all entries for each object takes minutes.
#[test]
fn a_list_of_weak_references_is_followed_in_one_pass() {
    const COUNT: u64 = 8000;
    const EPHEMERONS: u64 = 177;
    let start = BASE + (1 << 18);
    let mut page = vec![0_u64; 1 << 15];
    let objects = 15 + 2 * COUNT;
    let object = |number: u64| start + 8 * (objects + 2 * number) + 1;
    page[..2].copy_from_slice(&[BASE + 8 * 8 + 1, EPHEMERONS << 32]);
    page[10..12].copy_from_slice(&[start + 1, (3 + 2 * COUNT) << 32]);
    page[14] = COUNT << 32;
    for number in 0..COUNT {
        let entry = (15 + 2 * (COUNT - 1 - number)) as usize;
        page[entry..entry + 2].copy_from_slice(&[object(number), object(number + 1)]);
    }
    for number in 0..=COUNT {
        page[(objects + 2 * number) as usize] = BASE + 8 * 28 + 1;
    }
    let mut image = small();
    image.truncate(image.len() - 16);
    image.extend(record(1, start, &bytes_of(&page)));
    image.extend(record(2, 0x9000, &bytes_of(&[start + 8 * 10 + 1, object(0)])));
    image.extend(record(4, 2, &[]));
    let pages = Pages::begin(&image[..]).unwrap().read().unwrap();
    let graph = graph::build(&pages).unwrap();
    let node_count = 8 + 3 + 3 + 2 + COUNT + 1;
    assert_eq!(graph.kinds.len() as u64, node_count);
    // Of each entry, a weak edge each to key and value, and one from each of key and table to the value.
    assert!(graph.edge_count() as u64 >= 4 * COUNT);
}

#[path = "../../../fuzz/described_image.rs"]
mod described_image;
#[path = "../../../fuzz/image_parts.rs"]
mod image_parts;
#[path = "../../../fuzz/random_image.rs"]
mod random_image;

/// The largest allocation for a small image: a block of pages takes half of it.
const MOST: usize = 32 << 20;

/// Whether an image becomes a graph, which is read as a snapshot.
fn is_read(image: &[u8], what: &dyn std::fmt::Debug) -> bool {
    limited::at_most(MOST, || {
        let Ok(text) = text(image) else { return false };
        let snapshot = crate::heap::Snapshot::read(text.as_bytes(), &crate::heap::unattended);
        snapshot.unwrap_or_else(|error| panic!("{what:?}: {error}"));
        true
    })
}

/// How many random images become graphs.
fn read_random(seeds: std::ops::Range<u64>) -> usize {
    seeds.filter(|seed| is_read(&random_image::image(*seed), seed)).count()
}

/// How many images that random bytes describe become graphs.
fn read_described(seeds: std::ops::Range<u64>) -> usize {
    let of = |seed: &u64| described_image::image(&random_image::bytes(*seed));
    seeds.filter(|seed| is_read(&of(seed), seed)).count()
}

#[test]
fn random_images_do_not_panic() {
    assert!(read_random(0..200) > 50);
    assert!(read_described(0..200) > 50);
}

#[test]
#[ignore = "a million images take minutes; cargo test --release random_images -- --ignored"]
fn a_million_random_images_do_not_panic() {
    let seeds = std::env::var("RANDOM_IMAGES").ok().and_then(|count| count.parse().ok());
    let seeds = seeds.unwrap_or(1_000_000);
    assert!(read_random(0..seeds) as u64 > seeds / 4);
    assert!(read_described(0..seeds) as u64 > seeds / 4);
}

proptest! {
    #[test]
    fn a_damaged_image_does_not_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..24)) {
        let mut image = small();
        let from = image.len() - 1200;
        for (at, value) in changes {
            let at = from + at.index(image.len() - from);
            image[at] = value;
        }
        let _ = text(&image);
    }

    #[test]
    fn a_damaged_image_of_any_version_does_not_panic(version in 0_usize..4, changes in prop::collection::vec((any::<prop::sample::Index>(), 0_u64..128, 0_u64..1 << 40), 1..24)) {
        let (major, minor) = crate::heap_layout::LAYOUTS[version].v8;
        let mut image = of_version(&format!("{major}.{minor}"));
        let from = image.len() - 128 * 8 - 40 - 16;
        for (at, word, high) in changes {
            let at = from + 8 * at.index(128);
            let value = if high % 2 == 0 { BASE + 8 * word + 1 } else { high << 24 };
            image[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        let _ = text(&image);
    }

    #[test]
    fn damaged_words_do_not_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), 0_u64..128, 0_u64..1 << 40), 1..24)) {
        let mut image = small();
        let from = image.len() - 128 * 8 - 40 - 16;
        for (at, word, high) in changes {
            let at = from + 8 * at.index(128);
            let value = if high % 2 == 0 { BASE + 8 * word + 1 } else { high << 24 };
            image[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        let _ = text(&image);
    }
}
