//! Heap images that bytes describe, for a fuzzer: a byte decides about one object, one word or one record, and a change
//! of it leaves the rest of the image as it is. Shared by the fuzz target and by `cargo test`.

use super::image_parts::{
    BASE, FIRST, MAP_WORDS, NUMBERED, STRINGS, TYPES, header, record, record_of_bytes,
};

/// Bytes of a page.
const PAGE: u64 = 1 << 18;
/// The most words of all objects.
const MOST_WORDS: usize = 1 << 12;
/// Where the stack is.
const STACK: u64 = 0x7000;
/// Where pages are: the second far from the first, the last two where the addresses of a process end, and where numbers
/// do.
const PAGES: [u64; 4] = [BASE, BASE + FAR, (1 << 48) - PAGE, u64::MAX - PAGE + 1];
const FAR: u64 = 1 << 33;
/// The first page whose objects are at its end.
const HIGH: usize = 2;
/// How many builtins each version has.
const BUILTINS: [usize; 4] = [2182, 2304, 2384, 2415];
/// Words of an object whose type alone tells the size.
const FIXED_WORDS: u64 = 10;
/// Types whose objects have a length.
const SIZED: &[&str] = &[
    "ArrayList",
    "ByteArray",
    "BytecodeArray",
    "CoverageInfo",
    "DependentCode",
    "DescriptorArray",
    "DoubleStringCache",
    "EmbedderDataArray",
    "ExternalPointerArray",
    "FeedbackVector",
    "FixedArray",
    "FixedDoubleArray",
    "FreeSpace",
    "InstructionStream",
    "ObjectBoilerplateDescription",
    "PreparseData",
    "PropertyArray",
    "RegExpMatchInfo",
    "ScopeInfo",
    "ScriptContextTable",
    "SloppyArgumentsElements",
    "StrongDescriptorArray",
    "TrustedByteArray",
    "TrustedFixedArray",
    "WasmTypeInfo",
    "WeakArrayList",
    "WeakFixedArray",
];
/// Texts that the reader looks for.
const TEXTS: [&[u8]; 8] =
    [b"", b"name", b"constructor", b"Symbol.toStringTag", b"Object", b"a\nb\n", b"7", b"\xff\"\\"];

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    /// The next byte; 0 behind the end.
    fn next(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    fn below(&mut self, end: usize) -> usize {
        usize::from(self.next()) % end
    }

    fn number(&mut self, bytes: u32) -> u64 {
        (0..bytes).fold(0, |number, at| number | u64::from(self.next()) << (8 * at))
    }
}

/// A word whose value the places of objects decide.
#[derive(Clone, Copy)]
enum Word {
    Plain(u64),
    /// A reference to the object of a number, and its tag.
    Object(usize, u64),
    Map(usize),
}

impl Word {
    /// A word of the object of a number.
    fn read(input: &mut Bytes<'_>, kind: u8, at: usize) -> Self {
        let near =
            |input: &mut Bytes<'_>| at.wrapping_add_signed(isize::from(input.next().cast_signed()));
        match kind % 16 {
            0..4 => Self::Object(near(input), 1),
            4..6 => Self::Object(input.next().into(), 1),
            6 => Self::Object(near(input), 3),
            7 => Self::Map(input.next().into()),
            8 => Self::Plain(input.number(1) << 32),
            9 => Self::Plain(input.number(2) << 32),
            10 => Self::Plain(input.number(1)),
            11 => Self::Plain(input.number(8)),
            // The details of a property: index, place, representation and kind.
            12 => {
                let byte = input.number(1);
                let details = (byte & 7) << 19 | (byte >> 3 & 1) << 5 | (byte >> 4 & 7) << 6;
                Self::Plain((details | byte >> 7) << 32)
            }
            13 => Self::Plain(STACK + 8 * input.number(1)),
            14 => Self::Plain(input.number(1) << 8),
            _ => Self::Plain(input.number(4) << 32),
        }
    }
}

struct Item {
    page: usize,
    words: Vec<Word>,
}

/// Where everything is.
struct Places {
    maps: usize,
    objects: Vec<u64>,
}

impl Places {
    fn object(&self, number: usize) -> u64 {
        let Some(count) = self.objects.len().checked_sub(1) else { return 0 };
        self.objects[number % (count + 1)]
    }

    fn word(&self, word: Word) -> u64 {
        match word {
            Word::Plain(word) => word,
            Word::Object(number, tag) => self.object(number).wrapping_add(tag),
            Word::Map(number) => BASE + 8 * MAP_WORDS * (number % self.maps) as u64 + 1,
        }
    }

    fn words(&self, words: &[Word]) -> Vec<u64> {
        words.iter().map(|word| self.word(*word)).collect()
    }
}

/// What is not an object.
enum Part {
    /// A word of a map.
    OfMap(usize, usize, Word),
    /// A byte of a map's bits.
    Bits(usize, usize, u8),
    Words(u32, Vec<Word>),
    OfObject(u32, usize, Vec<u8>),
    Code(u64, Word),
}

/// An image, uncompressed and after its first bytes.
pub fn image(bytes: &[u8]) -> Vec<u8> {
    let mut input = Bytes(bytes);
    let version = input.below(4);
    let flags = input.next();
    let kinds: Vec<(u64, bool)> = (FIRST..)
        .zip(TYPES)
        .map(|(kind, name)| (kind, SIZED.contains(name)))
        .chain(NUMBERED[version].map(|kind| (kind, kind < 1000)))
        .chain(STRINGS.map(|kind| (kind, kind & 7 == 0)))
        .collect();
    // Whether each page is of the read-only heap.
    let mut constants = [flags & 1 == 1, false, false, false];
    let mut page = 0;
    let (mut items, mut parts, mut damages) = (Vec::<Item>::new(), Vec::new(), Vec::new());
    let mut room = MOST_WORDS;
    while !input.0.is_empty() {
        match input.below(16) {
            of @ 0..10 => {
                let words = match of {
                    9 => string(&mut input, kinds.len()),
                    _ => object(&mut input, &kinds, items.len()),
                };
                if let Some(rest) = room.checked_sub(words.len()) {
                    room = rest;
                    items.push(Item { page, words });
                }
            }
            10 => {
                let (map, at) = (input.next().into(), input.below(24));
                parts.push(match at {
                    0..16 => Part::Bits(map, 8 + at, input.next()),
                    _ => {
                        let kind = input.next();
                        let word = Word::read(&mut input, kind, items.len());
                        Part::OfMap(map, at - 14, word)
                    }
                });
            }
            11 => {
                let of = input.next();
                page = usize::from(of) % PAGES.len();
                constants[page] = of & 0x80 != 0;
            }
            12 => damages.push((input.number(2) as usize, input.next())),
            _ => parts.push(part(&mut input, items.len())),
        }
    }
    let places = places(&items, kinds.len());
    let mut image = header(version);
    let start = image.len();
    let mut written = 0;
    for (page, content) in contents(&items, &kinds, &parts, &places).iter().enumerate() {
        if !content.is_empty() {
            record(&mut image, if constants[page] { 6 } else { 1 }, PAGES[page], content);
            written += 1;
        }
    }
    let mut isolate = Vec::new();
    if flags & 2 == 0 {
        isolate.extend(places.objects.iter().map(|at| at.wrapping_add(1)));
    }
    if flags & 12 == 12 {
        isolate.push(0);
        isolate.extend(vec![places.object(0).wrapping_add(1); BUILTINS[version]]);
    }
    record(&mut image, 2, 0x9000, &isolate);
    for part in &parts {
        match part {
            Part::Words(kind, words) => record(&mut image, *kind, STACK, &places.words(words)),
            Part::OfObject(kind, of, bytes) => {
                record_of_bytes(&mut image, *kind, places.object(*of), bytes);
            }
            Part::Code(entry, word) => {
                let code = places.word(*word) << 16 | 3;
                record(&mut image, 10, *entry, &[0x7f00, code]);
            }
            Part::OfMap(..) | Part::Bits(..) => {}
        }
    }
    record(&mut image, 4, written, &[]);
    let length = image.len() - start;
    for (at, byte) in damages {
        image[start + at % length] = byte;
    }
    image
}

fn object(input: &mut Bytes<'_>, kinds: &[(u64, bool)], at: usize) -> Vec<Word> {
    let map = input.below(kinds.len());
    let shape = input.next();
    let own = input.next();
    // Maps of the program are objects of the first map.
    let mut words = vec![if own & 0x80 == 0 { Word::Map(map) } else { Word::Object(map, 1) }];
    for _ in 0..own % 16 {
        let kind = input.next();
        let word = Word::read(input, kind, at);
        let times = match kind >> 4 {
            14 => input.next().into(),
            15 => 2 * usize::from(input.next()),
            _ => 1,
        };
        words.extend(vec![word; times]);
    }
    let (_, is_sized) = kinds[map];
    if !is_sized {
        words.resize(words.len().max(FIXED_WORDS as usize), Word::Plain(0));
        return words;
    }
    // The length: of words or bytes, in the upper or the lower half.
    let own = u64::from(shape >> 4);
    let length = (words.len().saturating_sub(1) as u64).saturating_sub(own);
    let length = match shape % 8 {
        0..3 => length << 32,
        3 => length,
        4 => length << 32 | length,
        5 => length << 35,
        6 => length << 3,
        // To the second page, as if there were pages between.
        7 if own == 15 => (FAR / 8 - input.number(2) % (PAGE / 8)) << 32,
        _ => return words,
    };
    words.insert(1, Word::Plain(length));
    words
}

fn string(input: &mut Bytes<'_>, kinds: usize) -> Vec<Word> {
    let shape = input.next();
    let is_one_byte = usize::from(shape >> 7);
    let text: Vec<u8> = match usize::from(shape % 16) {
        known @ 0..8 => TEXTS[known].to_vec(),
        length => (0..2 * (length - 7)).map(|_| input.next()).collect(),
    };
    let length = (text.len() >> (1 - is_one_byte)) as u64;
    let characters = text.chunks(8).map(|eight| {
        Word::Plain(eight.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)))
    });
    let map = Word::Map(kinds - STRINGS.len() + is_one_byte);
    [map, Word::Plain(length << 32)].into_iter().chain(characters).collect()
}

fn part(input: &mut Bytes<'_>, at: usize) -> Part {
    let word = |input: &mut Bytes<'_>| {
        let kind = input.next();
        Word::read(input, kind, at)
    };
    match input.below(8) {
        0 => Part::Words(2, (0..input.below(8)).map(|_| word(input)).collect()),
        1 | 2 => Part::Words(3, (0..input.below(16)).map(|_| word(input)).collect()),
        3 => {
            let states = Word::Plain(input.number(1) << 24);
            Part::Words(5, vec![word(input), states, Word::Plain(0), Word::Plain(0)])
        }
        4 => Part::Words(7, (0..input.below(8)).map(|_| word(input)).collect()),
        5 => {
            let of = input.next().into();
            Part::OfObject(8, of, (0..4 * input.below(4)).map(|_| input.next()).collect())
        }
        6 => {
            let of = input.next().into();
            Part::OfObject(9, of, (0..input.below(16)).map(|_| input.next()).collect())
        }
        _ => Part::Code(16 * input.number(1), word(input)),
    }
}

/// The words of each page.
fn contents(
    items: &[Item],
    kinds: &[(u64, bool)],
    parts: &[Part],
    places: &Places,
) -> [Vec<u64>; PAGES.len()] {
    let mut contents: [Vec<u64>; PAGES.len()] = Default::default();
    let receivers = FIRST + TYPES.iter().position(|name| *name == "JSProxy").unwrap_or(0) as u64;
    for &(kind, is_sized) in kinds {
        let size = if is_sized { 0 } else { FIXED_WORDS };
        // Elements that are objects, and fields from the fourth word on.
        let of_receiver = if kind >= receivers { 2 << 58 | 3 << 8 } else { 0 };
        let mut map = [0; MAP_WORDS as usize];
        map[0] = BASE + 1;
        map[1] = kind << 32 | of_receiver | size;
        contents[0].extend(map);
    }
    let start_of = |map: usize| map % kinds.len() * MAP_WORDS as usize;
    for part in parts {
        match *part {
            Part::OfMap(map, at, word) => {
                contents[0][start_of(map) + at % MAP_WORDS as usize] = places.word(word);
            }
            Part::Bits(map, at, byte) => {
                let word = &mut contents[0][start_of(map) + at / 8];
                let mut bytes = word.to_le_bytes();
                bytes[at % 8] = byte;
                *word = u64::from_le_bytes(bytes);
            }
            _ => {}
        }
    }
    for item in items {
        contents[item.page].extend(places.words(&item.words));
    }
    for content in contents.iter_mut().skip(HIGH).filter(|content| !content.is_empty()) {
        let zeros = (PAGE / 8) as usize - content.len();
        content.splice(0..0, vec![0; zeros]);
    }
    contents
}

fn places(items: &[Item], maps: usize) -> Places {
    let mut next = [MAP_WORDS as usize * maps, 0, 0, 0];
    for (page, next) in next.iter_mut().enumerate().skip(HIGH) {
        let own = items.iter().filter(|item| item.page == page);
        *next = (PAGE / 8) as usize - own.map(|item| item.words.len()).sum::<usize>();
    }
    let place = |item: &Item| {
        let at = next[item.page];
        next[item.page] += item.words.len();
        PAGES[item.page] + 8 * at as u64
    };
    Places { maps, objects: items.iter().map(place).collect() }
}
