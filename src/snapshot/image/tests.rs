//! Images of memory that is laid out as V8 lays its heap out.

use std::collections::BTreeMap;
use std::fs::File;

use super::memory::{PAGE, Page, ProcessMemory, Refused, SYSTEM_PAGE, is_pointer};
use super::writer::{Failure, Header, Stack, Subject, Writer};
use crate::heap_layout::{HeapLayout, LAYOUTS, PageHeader};
use crate::snapshot::testing::TempDir;

const WORD: usize = 8;
/// How far behind the isolate its heap is.
const HEAP: usize = 0x8000;
/// Flags of pages: of the half of the young generation that is not in use, and of the other one.
const FROM: usize = 8;
const TO: usize = 16;
/// Instance types: of scripts, and of external strings.
const SCRIPT: usize = 200;
const ONE_BYTE: usize = 10;
const TWO_BYTES: usize = 2;
const UNCACHED: usize = 18;

/// Memory of so many pages of V8's, from an address that is a multiple of such a page.
struct Memory {
    base: usize,
    size: usize,
    next: usize,
}

impl Memory {
    fn new(pages: usize) -> Self {
        let size = (pages + 1) * PAGE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: new memory at an address that the kernel chooses.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), size, rights, flags, -1, 0) };
        assert_ne!(at, libc::MAP_FAILED);
        let base = (at as usize).next_multiple_of(PAGE);
        Self { base, size: pages * PAGE, next: base }
    }

    fn put(&self, at: usize, words: &[usize]) {
        assert!(at >= self.base && at + WORD * words.len() <= self.base + self.size);
        for (index, &word) in words.iter().enumerate() {
            // SAFETY: within this memory, which stays mapped.
            unsafe { ((at + WORD * index) as *mut usize).write(word) };
        }
    }

    /// A block of so many words, filled with numbers that are no references.
    fn block(&mut self, words: usize) -> usize {
        let at = self.next;
        self.next = (at + WORD * words).next_multiple_of(64);
        self.put(at, &(0..words).map(|index| 4 * index + 2).collect::<Vec<_>>());
        at
    }

    fn with(&mut self, words: &[usize]) -> usize {
        let at = self.block(words.len());
        self.put(at, words);
        at
    }

    fn bytes(&self, at: usize, length: usize) -> Vec<u8> {
        assert!(at >= self.base && at + length <= self.base + self.size);
        // SAFETY: within this memory, which stays mapped.
        unsafe { std::slice::from_raw_parts(at as *const u8, length) }.to_vec()
    }

    fn forbid(&self, at: usize, length: usize) {
        // SAFETY: of this memory alone.
        assert_eq!(unsafe { libc::mprotect(at as *mut _, length, libc::PROT_NONE) }, 0);
    }
}

/// What a page says of itself.
#[derive(Clone, Copy)]
struct Described {
    heap: usize,
    flags: usize,
    size: usize,
    start: usize,
    end: usize,
}

/// Writes the header of a page, and the block that it refers to.
fn describe(layout: &PageHeader, pages: &Memory, native: &mut Memory, at: usize, page: Described) {
    let mut words = [0; 12];
    words[layout.heap] = page.heap;
    words[layout.size] = page.size;
    words[layout.start] = at + page.start;
    words[layout.end] = at + page.end;
    if let Some(metadata) = layout.metadata {
        let block = native.with(&words);
        words = [0; 12];
        words[metadata] = block;
    }
    words[layout.flags] = page.flags;
    pages.put(at, &words);
}

pub type ImageRecord = (u32, usize, Vec<u8>);

/// The header and the records of a file.
pub fn records(file: &std::path::Path) -> (serde_json::Value, Vec<ImageRecord>) {
    let text = zstd::decode_all(File::open(file).unwrap()).unwrap();
    let rest = text.strip_prefix(b"plimsoll heap image\n").unwrap();
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes[..4].try_into().unwrap());
    let (header, mut rest) = rest[4..].split_at(number(rest) as usize);
    let mut records = Vec::new();
    while !rest.is_empty() {
        let address = u64::from_le_bytes(rest[..8].try_into().unwrap());
        let (kind, length) = (number(&rest[8..]), number(&rest[12..]) as usize);
        records.push((kind, address as usize, rest[16..16 + length].to_vec()));
        rest = &rest[16 + length..];
    }
    (serde_json::from_slice(header).unwrap(), records)
}

/// A heap with pages of each kind, and what an image of it is to have.
struct World {
    pages: Memory,
    isolate: usize,
    ranges: Vec<(usize, usize)>,
    stack: Stack,
    expected: Vec<ImageRecord>,
    /// What the child does not need any more: of each page, the bytes that are given back.
    spent: Vec<(usize, usize)>,
}

fn world(layout: &HeapLayout) -> World {
    let (pages, mut native, isolate_memory) = (Memory::new(12), Memory::new(2), Memory::new(1));
    let isolate = isolate_memory.base;
    let heap = isolate + HEAP;
    let at = |page: usize| pages.base + page * PAGE;
    let whole = Described { heap, flags: 0, size: PAGE, start: 256, end: PAGE - 64 };
    for (page, described) in [
        (1, whole),
        (2, Described { flags: TO, end: 0x3000, ..whole }),
        (3, Described { flags: FROM, ..whole }),
        (4, Described { heap: 0, end: 0x5000, ..whole }),
        (5, Described { heap: isolate - HEAP, ..whole }),
        // A large page, whose second half is in another mapping and looks like a page.
        (6, Described { size: 2 * PAGE, end: PAGE + 0x2000, ..whole }),
        (7, whole),
        (9, Described { end: 0x1000, ..whole }),
    ] {
        describe(&layout.page, &pages, &mut native, at(page), described);
    }

    // The read-only heap: a map that is its own, and the maps of scripts and of external strings.
    let own = at(4) + 0x400;
    pages.put(own, &[own + 1, 7 << 32]);
    let maps = [SCRIPT, ONE_BYTE, TWO_BYTES, UNCACHED].map(|kind| kind << 32);
    let [scripts, one_byte, two_bytes, uncached] =
        [0x500, 0x540, 0x580, 0x5c0].map(|to| at(4) + to);
    for (map, kind) in [scripts, one_byte, two_bytes, uncached].into_iter().zip(maps) {
        pages.put(map, &[own + 1, kind]);
    }
    // As a map of scripts, but its map is another one's.
    pages.put(at(4) + 0x600, &[scripts + 1, SCRIPT << 32]);
    // Two texts, a script of the first one, and one whose text is on the heap.
    let letters: Vec<u8> = (0..3000).map(|n| if n % 1000 == 999 { b'\n' } else { b'a' }).collect();
    let wide: Vec<u8> = "line\u{2028}two".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let native_text = |native: &mut Memory, text: &[u8]| {
        let place = native.block(text.len().div_ceil(WORD));
        for (index, piece) in text.chunks(WORD).enumerate() {
            let mut word = [0; WORD];
            word[..piece.len()].copy_from_slice(piece);
            native.put(place + WORD * index, &[usize::from_le_bytes(word)]);
        }
        place
    };
    let [letters_at, wide_at] = [&letters, &wide].map(|text| native_text(&mut native, text));
    let [first, second, third] = [0x800, 0x840, 0x880].map(|to| at(1) + to);
    pages.put(first, &[one_byte + 1, letters.len() << 32, 0, letters_at]);
    pages.put(second, &[two_bytes + 1, (wide.len() / 2) << 32, 0, wide_at]);
    pages.put(third, &[uncached + 1, letters.len() << 32, 0, letters_at]);
    let [of_letters, of_wide, of_heap] = [0x900, 0x940, 0x980].map(|to| at(1) + to);
    pages.put(of_letters, &[scripts + 1, first + 1]);
    pages.put(of_wide, &[scripts + 1, second + 1]);
    pages.put(of_heap, &[scripts + 1, third + 1]);

    // Global handles: an object with a space that refers back to it, and a list of blocks.
    const GLOBALS: usize = 256 * 4;
    let [globals, space] = [6, 4].map(|words| native.block(words));
    let blocks = [(); 3].map(|()| native.block(GLOBALS + 12));
    for (block, end) in blocks.iter().zip([
        [blocks[1], globals, space],
        [blocks[2], globals, space],
        // Of another owner.
        [0, space, space],
    ]) {
        native.put(block + WORD * GLOBALS, &end);
    }
    native.put(globals, &[isolate, 0, native.base + 4, space]);
    native.put(space, &[globals, blocks[0]]);
    // Scopes: a vector of blocks, of which the last one is used in part.
    let scopes = [(); 3].map(|()| native.block(1022));
    let array = native.with(&scopes);
    let vector = native.with(&[isolate, array, 5, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
    isolate_memory.put(isolate + 0x1ff8, &[scopes[2] + 80, scopes[2] + 8 * 1022]);
    // Handles that live as long as the isolate: 300 in two blocks.
    let eternal = [(); 2].map(|()| native.block(256));
    let array = native.with(&[eternal[0], eternal[1], 0, 0]);
    let room = array + 2 * WORD;
    let eternals = native.with(&[300, array, room, room + 8, 0, 0, 0, 0, 0, 0, 0, 0]);
    // As these, but for 600 there would be three blocks.
    let other = native.with(&[600, array, room, room + 8, 0, 0, 0, 0, 0, 0, 0, 0]);
    // What V8 keeps from its start: two vectors of references.
    let mut kept = |count: usize| native.with(&vec![0x1000_0001; count]);
    let [one, two] = [kept(600), kept(512)];
    let ends = [one + 600 * WORD, two + 512 * WORD];
    isolate_memory.put(heap + 0x2000, &[globals, 3, vector, eternals, other, usize::MAX - 7]);
    isolate_memory.put(heap + 0x3000, &[one, ends[0], ends[0] + 64, two, ends[1], ends[1]]);

    // The table of code: its second part is only reserved.
    let table = at(10);
    if let Some(offset) = layout.dispatch_table {
        isolate_memory.put(isolate + offset, &[table]);
    }
    pages.put(table + 0x10, &[42]);
    pages.forbid(table + 0x1_0000, 0x1_0000);
    let stack = native.block(20);

    let ranges = vec![
        (at(1) - 4096, at(3)),
        (at(3), at(7)),
        (at(7), at(9)),
        (at(9), at(9) + 0x1000),
        (table, table + 0x2_8000),
    ];
    let page = |kind, at, length| (kind, at, pages.bytes(at, length));
    let of_native = |kind, at, length| (kind, at, native.bytes(at, length));
    let ends_of = |ends: &[u32]| ends.iter().flat_map(|end| end.to_le_bytes()).collect::<Vec<_>>();
    let mut expected = vec![
        page(1, at(2), 0x3000),
        page(1, at(1), PAGE - 64),
        page(6, at(4), 0x5000),
        page(1, at(6), PAGE),
        page(1, at(7), 0x2000),
        page(1, at(9), 0x1000),
        (2, isolate, isolate_memory.bytes(isolate, HEAP)),
        of_native(3, stack, 20 * WORD),
        (7, 0, [11_u64, 22].iter().flat_map(|register| register.to_le_bytes()).collect()),
        of_native(5, blocks[0], 8 * 1024),
        of_native(5, blocks[1], 8 * 1024),
        of_native(7, scopes[0], 8 * 1022),
        of_native(7, scopes[1], 8 * 1022),
        of_native(7, scopes[2], 80),
        of_native(7, eternal[0], 8 * 256),
        of_native(7, eternal[1], 8 * 256),
        of_native(7, one, 600 * WORD),
        of_native(7, two, 512 * WORD),
    ];
    if layout.dispatch_table.is_some() {
        expected.push((10, 0, pages.bytes(table, 0x1_0000)));
        expected.push((10, 0x2_0000, pages.bytes(table + 0x2_0000, 0x8000)));
    }
    expected.extend([
        (9, first, letters[..1024].to_vec()),
        (9, second, wide),
        (8, of_letters, ends_of(&[999, 1999, 2999])),
        (8, of_wide, ends_of(&[4])),
        (4, 5, Vec::new()),
    ]);
    let spent = vec![
        (at(1), PAGE - 4096),
        (at(2), 0x3000),
        (at(3), PAGE - 4096),
        (at(4), 0x5000),
        (at(6), PAGE + 0x2000),
    ];
    let stack = Stack::new(stack, stack + 20 * WORD);
    World { pages, isolate, ranges, stack, expected, spent }
}

fn write(world: &World, layout: &HeapLayout, max_bytes: u64, dir: &TempDir) -> Result<(), Failure> {
    let file = File::create(dir.0.join("image")).unwrap();
    let script = u16::try_from(SCRIPT).unwrap();
    let mut writer = Writer::new(ProcessMemory::OWN, file, max_bytes, script).unwrap();
    let types = BTreeMap::from([("Script", i32::try_from(SCRIPT).unwrap())]);
    let header = Header::new(7, 3, layout, world.isolate, &types).bytes().unwrap();
    let World { ranges, isolate, stack, .. } = world;
    let subject =
        Subject { layout, ranges, isolate: *isolate, stack: *stack, registers: &[11, 22] };
    writer.image(&header, &subject)
}

#[test]
fn an_image_has_the_pages_the_handles_and_the_texts_of_one_isolate() {
    for layout in LAYOUTS {
        let dir = TempDir::new("image-whole");
        let world = world(layout);
        write(&world, layout, 1 << 30, &dir).unwrap();
        let (header, records) = records(&dir.0.join("image"));
        let (major, minor) = layout.v8;
        let expected = serde_json::json!({
            "format": 1, "pid": 7, "thread": 3, "v8": format!("{major}.{minor}"),
            "isolate": world.isolate, "types": {"Script": SCRIPT},
        });
        assert_eq!(header, expected);
        let places = |records: &[ImageRecord]| {
            records.iter().map(|(kind, at, bytes)| (*kind, *at, bytes.len())).collect::<Vec<_>>()
        };
        assert_eq!(places(&records), places(&world.expected), "V8 {major}.{minor}");
        for (record, expected) in records.iter().zip(&world.expected) {
            assert!(record.2 == expected.2, "the bytes of {} at {:x}", record.0, record.1);
        }
    }
}

#[test]
fn a_child_gives_the_pages_back_that_it_has_written_and_those_not_in_use() {
    let dir = TempDir::new("image-spent");
    let layout = &LAYOUTS[0];
    let world = world(layout);
    write(&world, layout, 1 << 30, &dir).unwrap();
    for &(at, length) in &world.spent {
        assert!(world.pages.bytes(at, length).iter().all(|&byte| byte == 0), "{at:x}");
    }
    let other = world.pages.base + 5 * PAGE;
    assert!(world.pages.bytes(other, 96).iter().any(|&byte| byte != 0), "another isolate's");
}

#[test]
fn without_pages_or_room_there_is_no_image() {
    let dir = TempDir::new("image-none");
    let layout = &LAYOUTS[0];
    let world = world(layout);
    assert_eq!(write(&world, layout, 1000, &dir), Err(Failure::Bound));
    let nothing = World { ranges: Vec::new(), ..self::world(layout) };
    assert_eq!(write(&nothing, layout, 1 << 30, &dir), Err(Failure::NoPages));
}

/// The pages that are found where one is described so, and how much of them is in use.
fn found(layout: &PageHeader, change: impl Fn(&mut Described, usize)) -> Vec<(usize, usize)> {
    let (pages, mut native) = (Memory::new(2), Memory::new(1));
    let isolate = native.base + 0x4_0000;
    let mut page = Described { heap: isolate + 8, flags: 0, size: PAGE, start: 256, end: 4096 };
    change(&mut page, isolate);
    describe(layout, &pages, &mut native, pages.base, page);
    let mut found = Vec::new();
    let range = (pages.base, pages.base + 2 * PAGE);
    ProcessMemory::OWN
        .each_page(layout, &[range], isolate, |base, page: &Page| {
            found.push((base - pages.base, page.size));
            Ok::<_, Refused>(())
        })
        .unwrap();
    found
}

#[test]
fn a_page_is_known_by_its_heap_and_by_bounds_that_fit() {
    const FAR: usize = 0x2_0000;
    for layout in LAYOUTS.iter().map(|layout| &layout.page) {
        let is_page = |change: &dyn Fn(&mut Described, usize)| {
            let found = found(layout, change);
            assert!(found.len() < 2 && found.iter().all(|&(base, _)| base == 0));
            !found.is_empty()
        };
        assert_eq!(found(layout, |_, _| {}), [(0, 4096)]);
        assert!(is_page(&|page, isolate| page.heap = isolate + FAR - 1));
        assert!(!is_page(&|page, isolate| page.heap = isolate + FAR), "too far away");
        assert!(!is_page(&|page, isolate| page.heap = isolate), "no heap");
        assert!(is_page(&|page, _| page.heap = 0), "the read-only heap");
        assert!(is_page(&|page, _| page.size = 4096) && !is_page(&|page, _| page.size = 4095));
        assert!(is_page(&|page, _| page.size = (1 << 36) - 1));
        assert!(!is_page(&|page, _| page.size = 1 << 36), "too large");
        assert!(!is_page(&|page, _| page.start = 0) && !is_page(&|page, _| page.start = 260));
        assert!(is_page(&|page, _| page.start = 4096), "an empty one");
        assert!(!is_page(&|page, _| page.start = 4104), "it ends before it starts");
        assert!(is_page(&|page, _| page.end = PAGE));
        assert!(!is_page(&|page, _| page.end = PAGE + 8), "it ends behind itself");
    }
}

#[test]
fn what_is_not_mapped_is_zero_in_a_copy() {
    let memory = Memory::new(1);
    memory.put(memory.base, &vec![usize::MAX; 3 * 4096 / WORD]);
    memory.forbid(memory.base + 4096, 4096);
    let (own, from) = (ProcessMemory::OWN, memory.base + 4000);
    let mut copy = [1; 8192];
    own.copy(from, &mut copy).unwrap();
    let expected: Vec<u8> =
        (0..8192).map(|at| if (96..4192).contains(&at) { 0 } else { 255 }).collect();
    assert!(copy[..] == expected);
    assert_eq!(own.word(memory.base), Ok(Some(usize::MAX)));
    assert_eq!(own.word(memory.base + 4096), Ok(None));
    assert_eq!(own.words(memory.base), Ok(Some([usize::MAX; 12])));
    assert_eq!(own.words(memory.base + 4096 - 8), Ok(None), "a part of it");
}

#[test]
fn a_page_behind_the_ranges_is_not_looked_at() {
    let layout = &LAYOUTS[0].page;
    let (pages, mut native) = (Memory::new(3), Memory::new(1));
    let isolate = native.base + 0x4_0000;
    let page = Described { heap: isolate + 8, flags: 0, size: PAGE, start: 256, end: 4096 };
    for number in [0, 1] {
        describe(layout, &pages, &mut native, pages.base + number * PAGE, page);
    }
    let bases = |ranges: &[(usize, usize)]| {
        let mut found = Vec::new();
        let see = |base, _: &Page| {
            found.push((base - pages.base) / PAGE);
            Ok::<_, Refused>(())
        };
        ProcessMemory::OWN.each_page(layout, ranges, isolate, see).unwrap();
        found
    };
    let [first, second, third] = [0, 1, 2].map(|number| pages.base + number * PAGE);
    assert_eq!(bases(&[(first, second)]), [0]);
    assert_eq!(bases(&[(first, second + 8)]), [0, 1]);
    assert_eq!(bases(&[(first + 8, third)]), [1], "a page begins where its range does");
}

#[test]
fn only_a_process_that_is_there_is_read() {
    let mut bytes = [0; 8];
    let at = bytes.as_ptr() as usize;
    assert_eq!(ProcessMemory::OWN.read(at, &mut []), Ok(true), "nothing is read in whole");
    assert_eq!(ProcessMemory::of(libc::pid_t::MAX).read(at, &mut bytes), Err(Refused));
    assert_eq!(ProcessMemory::of(libc::pid_t::MAX).copy(at, &mut bytes), Err(Refused));
}

#[test]
fn an_address_is_a_multiple_of_a_word_in_the_half_of_programs() {
    for word in [SYSTEM_PAGE, SYSTEM_PAGE + 8, (1 << 47) - 8] {
        assert!(is_pointer(word), "{word:x}");
    }
    for word in [0, 8, SYSTEM_PAGE - 8, SYSTEM_PAGE + 4, 1 << 47, usize::MAX - 7] {
        assert!(!is_pointer(word), "{word:x}");
    }
}

/// The Node that is installed here: its executable, and the versions of V8 and of Node.
pub fn installed_node() -> Option<(std::path::PathBuf, (u32, u32), u32)> {
    let program = "[process.execPath, process.versions.v8, process.versions.node].join('\\n')";
    let out = std::process::Command::new("node").args(["-p", program]).output().ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    let mut lines = text.lines();
    let path = lines.next()?.into();
    let number = |text: &str, at: usize| text.split('.').nth(at)?.parse().ok();
    let v8 = lines.next()?;
    Some((path, (number(v8, 0)?, number(v8, 1)?), number(lines.next()?, 0)?))
}
