//! Reads the canaries as the reader of an image reads objects. If the layout of this V8 is another one than the table
//! says, no image is taken.

use std::collections::BTreeMap;

use super::canaries::{Canaries, NUMBER};
use super::memory::{PAGE, ProcessMemory, Refused};
use crate::heap_layout::HeapLayout;

const TEXT: &[u8] = b"plimsoll canary";
/// Fields that all known versions have at one place. Those of a map and of a regular expression are postmortem
/// constants.
const MAP_TYPE: usize = 12;
const REGEXP_SOURCE: usize = 32;
const ELEMENTS: usize = 16;
const FIRST_PROPERTY: usize = 24;
const FIRST_ELEMENT: usize = 16;
const CHARACTERS: usize = 16;
/// V8 may keep room for more than the two elements.
const MOST: usize = 64;
const ONE_BYTE: u16 = 8;

/// Why an object is not read as what it is.
enum Misread {
    Refused,
    Is(&'static str),
}

impl From<Refused> for Misread {
    fn from(_: Refused) -> Self {
        Self::Refused
    }
}

struct Reader<'a> {
    memory: ProcessMemory,
    layout: &'a HeapLayout,
    types: &'a BTreeMap<&'static str, i32>,
    isolate: usize,
}

/// Reads the canaries of an isolate.
///
/// # Errors
/// The first one that is not read as what it is.
///
/// The addresses hold until something is allocated on V8's heap.
pub fn read(
    memory: ProcessMemory,
    layout: &HeapLayout,
    types: &BTreeMap<&'static str, i32>,
    isolate: usize,
    canaries: &Canaries,
) -> Result<(), String> {
    Reader { memory, layout, types, isolate }.all(canaries).map_err(|misread| match misread {
        Misread::Refused => "the kernel refuses process_vm_readv".into(),
        Misread::Is(what) => {
            let (major, minor) = layout.v8;
            format!("{what} is not where V8 {major}.{minor} of Node {} has it", layout.node)
        }
    })
}

impl Reader<'_> {
    fn all(&self, canaries: &Canaries) -> Result<(), Misread> {
        let &Canaries { object, array, function, text, regexp, .. } = canaries;
        let &Canaries { big_int, generator, buffer, bytes, .. } = canaries;
        let (types, fields) = (&self.layout.types, &self.layout.fields);
        self.page(object)?;
        require(self.is(object, "JSObject")?, "the type of an object")?;
        let is_object = self.field(object, FIRST_PROPERTY)? == small(NUMBER)
            && self.field(object, FIRST_PROPERTY + 8)? == text;
        require(is_object, "a property of an object")?;
        require(self.is_text(text)?, "a string")?;
        require(self.is(array, "JSArray")?, "the type of an array")?;
        let elements = self.field(array, ELEMENTS)?;
        let is_array = within(self.kind(elements)?, types.arrays)
            && (small(2)..small(MOST)).contains(&self.field(elements, 8)?)
            && self.field(elements, FIRST_ELEMENT)? == small(NUMBER)
            && self.field(elements, FIRST_ELEMENT + 8)? == object;
        require(is_array, "an element of an array")?;
        self.function(function, array)?;
        let is_expression =
            self.is(regexp, "JSRegExp")? && self.is_text(self.field(regexp, REGEXP_SOURCE)?)?;
        require(is_expression, "the source of a regular expression")?;
        require(self.kind(big_int)? == types.big_int, "the type of a BigInt")?;
        require(self.kind(generator)? == types.generator, "the type of a generator")?;
        let (length, store) = fields.array_buffer;
        let is_buffer = self.is(buffer, "JSArrayBuffer")?
            && self.field(buffer, offset(length))? == NUMBER
            && self.field(buffer, offset(store))? == bytes;
        require(is_buffer, "the bytes of a buffer")
    }

    fn page(&self, object: usize) -> Result<(), Misread> {
        let base = object & !(PAGE - 1);
        let mut is_there = false;
        self.memory.each_page(
            &self.layout.page,
            &[(base, base + PAGE)],
            self.isolate,
            |at, page| {
                is_there = at == base && page.heap != 0 && object < at + page.size;
                Ok::<_, Misread>(())
            },
        )?;
        require(is_there, "the header of a page")
    }

    /// A function whose context has a variable with this value.
    fn function(&self, function: usize, value: usize) -> Result<(), Misread> {
        let (types, fields) = (&self.layout.types, &self.layout.fields);
        require(within(self.kind(function)?, types.functions), "the type of a function")?;
        let shared = self.field(function, offset(fields.function_shared))?;
        let is_shared = self.is(shared, "SharedFunctionInfo")?;
        require(is_shared, "what functions of one source share")?;
        let script = self.field(shared, offset(fields.shared_script))?;
        require(self.is(script, "Script")?, "the script of a function")?;
        let context = fields.function.iter().find(|(_, name)| *name == "context");
        let context = self.field(function, context.map_or(0, |&(at, _)| offset(at)))?;
        require(within(self.kind(context)?, types.contexts), "the context of a function")?;
        let info = self.field(context, FIRST_ELEMENT)?;
        require(self.is(info, "ScopeInfo")?, "the names of a context")?;
        // The names, the context around it, and the variable that the function uses.
        let is_there = self.field(context, 8)? == small(3)
            && self.field(context, FIRST_ELEMENT + 16)? == value;
        require(is_there, "a variable of a context")
    }

    fn is_text(&self, text: usize) -> Result<bool, Misread> {
        let kind = self.kind(text)?;
        // A string of characters of one byte that are behind its length.
        let is_flat = kind < 0x80 && kind & 7 == 0 && kind & ONE_BYTE != 0;
        let is_long = self.field(text, 8)? >> 32 == TEXT.len();
        let mut characters = [0; TEXT.len()];
        let is_read = self.memory.read(text.wrapping_sub(1) + CHARACTERS, &mut characters)?;
        Ok(is_flat && is_long && is_read && characters == TEXT)
    }

    fn is(&self, object: usize, name: &str) -> Result<bool, Misread> {
        Ok(self.types.get(name) == Some(&i32::from(self.kind(object)?)))
    }

    /// The instance type of an object: its map has one whose type is the type of maps.
    fn kind(&self, object: usize) -> Result<u16, Misread> {
        let map = self.field(object, 0)?;
        let of_map = self.field(map, 0)?;
        let is_map = self.types.get("Map") == Some(&i32::from(self.type_in(of_map)?));
        require(is_map, "the map of an object")?;
        self.type_in(map)
    }

    fn type_in(&self, map: usize) -> Result<u16, Misread> {
        // The upper half of the word before it.
        Ok((self.field(map, MAP_TYPE - 4)? >> 32) as u16)
    }

    /// A word of an object.
    fn field(&self, object: usize, offset: usize) -> Result<usize, Misread> {
        require(object & 3 == 1, "a reference")?;
        self.memory.word(object - 1 + offset)?.ok_or(Misread::Is("a reference"))
    }
}

fn require(is: bool, what: &'static str) -> Result<(), Misread> {
    if is { Ok(()) } else { Err(Misread::Is(what)) }
}

fn within(kind: u16, (first, last): (u16, u16)) -> bool {
    (first..=last).contains(&kind)
}

/// A small integer as V8 has it in a word.
fn small(value: usize) -> usize {
    value << 32
}

fn offset(of: u64) -> usize {
    usize::try_from(of).unwrap_or(usize::MAX >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap_layout::LAYOUTS;

    const TYPES: &[(&str, i32)] = &[
        ("Map", 300),
        ("JSObject", 3000),
        ("JSArray", 3001),
        ("JSRegExp", 3002),
        ("JSArrayBuffer", 3003),
        ("SharedFunctionInfo", 301),
        ("Script", 302),
        ("ScopeInfo", 303),
    ];

    /// A page of 256 KB at a multiple of it, in words.
    struct Heap {
        words: Vec<usize>,
        first: usize,
        free: usize,
        map_of_maps: usize,
    }

    impl Heap {
        fn new() -> Self {
            let words = vec![0; PAGE / 4];
            let start = words.as_ptr() as usize;
            let first = (start.next_multiple_of(PAGE) - start) / 8;
            let mut heap = Self { words, first, free: 64, map_of_maps: 0 };
            heap.map_of_maps = heap.free * 8 + heap.base() + 1;
            heap.map(300);
            heap
        }

        fn base(&self) -> usize {
            self.words.as_ptr() as usize + 8 * self.first
        }

        fn put(&mut self, at: usize, word: usize) {
            self.words[self.first + at] = word;
        }

        /// The tagged address of an object with these words.
        fn object(&mut self, words: &[usize]) -> usize {
            let at = self.free;
            for (offset, &word) in words.iter().enumerate() {
                self.put(at + offset, word);
            }
            self.free += words.len();
            self.base() + 8 * at + 1
        }

        fn map(&mut self, kind: u16) -> usize {
            self.object(&[self.map_of_maps, usize::from(kind) << 32])
        }

        /// An object with fields at these offsets.
        fn with_fields(&mut self, kind: u16, fields: &[(usize, usize)]) -> usize {
            let last = fields.iter().map(|&(at, _)| at / 8).max().unwrap_or(0);
            let mut words = vec![0; last + 1];
            words[0] = self.map(kind);
            for &(at, word) in fields {
                words[at / 8] = word;
            }
            self.object(&words)
        }
    }

    fn number(name: &str) -> u16 {
        let found = TYPES.iter().find(|(known, _)| *known == name).unwrap();
        u16::try_from(found.1).unwrap()
    }

    /// A heap as a version has it, with its canaries and its isolate.
    fn heap_of(layout: &HeapLayout) -> (Heap, Canaries, usize) {
        let mut heap = Heap::new();
        let base = heap.base();
        let isolate = base + 16;
        let page = &layout.page;
        let at = page.metadata.map_or(0, |metadata| {
            heap.put(metadata, base + 8 * 32);
            32
        });
        heap.put(at + page.heap, isolate + 8);
        heap.put(at + page.size, PAGE);
        heap.put(at + page.start, base + 8 * 64);
        heap.put(at + page.end, base + PAGE);
        let (types, fields) = (&layout.types, &layout.fields);
        let characters = |at: usize| {
            usize::from_le_bytes(std::array::from_fn(|byte| {
                TEXT.get(at + byte).copied().unwrap_or(0)
            }))
        };
        let text = [(8, TEXT.len() << 32), (16, characters(0)), (24, characters(8))];
        let text = heap.with_fields(8, &text);
        let object = [(24, small(NUMBER)), (32, text)];
        let object = heap.with_fields(number("JSObject"), &object);
        let elements = [(8, small(2)), (16, small(NUMBER)), (24, object)];
        let elements = heap.with_fields(types.arrays.0, &elements);
        let array = heap.with_fields(number("JSArray"), &[(16, elements)]);
        let script = heap.with_fields(number("Script"), &[]);
        let shared = [(offset(fields.shared_script), script)];
        let shared = heap.with_fields(number("SharedFunctionInfo"), &shared);
        let info = heap.with_fields(number("ScopeInfo"), &[]);
        let context = [(8, small(3)), (16, info), (32, array)];
        let context = heap.with_fields(types.contexts.1, &context);
        let place = fields.function.iter().find(|(_, name)| *name == "context").unwrap().0;
        let function = [(offset(fields.function_shared), shared), (offset(place), context)];
        let function = heap.with_fields(types.functions.0, &function);
        let regexp = heap.with_fields(number("JSRegExp"), &[(32, text)]);
        let big_int = heap.with_fields(types.big_int, &[]);
        let generator = heap.with_fields(types.generator, &[]);
        let (length, store) = fields.array_buffer;
        let bytes = 0x1234_5678;
        let buffer = [(offset(length), NUMBER), (offset(store), bytes)];
        let buffer = heap.with_fields(number("JSArrayBuffer"), &buffer);
        let canaries =
            Canaries { object, array, function, text, regexp, big_int, generator, buffer, bytes };
        (heap, canaries, isolate)
    }

    fn verify(layout: &HeapLayout, canaries: &Canaries, isolate: usize) -> Result<(), String> {
        let types = TYPES.iter().copied().collect();
        read(ProcessMemory::OWN, layout, &types, isolate, canaries)
    }

    #[test]
    fn a_heap_that_is_laid_out_as_the_table_says_is_verified() {
        for layout in LAYOUTS {
            let (_heap, canaries, isolate) = heap_of(layout);
            assert_eq!(verify(layout, &canaries, isolate), Ok(()), "{:?}", layout.v8);
        }
    }

    #[test]
    fn each_word_that_differs_is_found() {
        for layout in LAYOUTS {
            let (mut heap, canaries, isolate) = heap_of(layout);
            // The first word is the map of the map of maps, which is not read.
            for at in 65..heap.free {
                let word = heap.words[heap.first + at];
                if word == 0 {
                    continue;
                }
                heap.put(at, word ^ 0x4000_0000_000a);
                let found = verify(layout, &canaries, isolate);
                assert!(found.is_err(), "{:?}: word {at} of {word:x}", layout.v8);
                heap.put(at, word);
            }
            assert_eq!(verify(layout, &canaries, isolate), Ok(()));
        }
    }

    #[test]
    fn what_differs_is_named() {
        let layout = &LAYOUTS[0];
        let (_heap, canaries, isolate) = heap_of(layout);
        let mixed = Canaries { array: canaries.object, ..canaries };
        let what = "the type of an array is not where V8 11.3 of Node 20 has it";
        assert_eq!(verify(layout, &mixed, isolate), Err(what.into()));
        let elsewhere = verify(layout, &canaries, isolate + 2 * PAGE);
        assert_eq!(
            elsewhere,
            Err("the header of a page is not where V8 11.3 of Node 20 has it".into())
        );
        let nowhere = Canaries { text: 3, ..canaries };
        assert!(verify(layout, &nowhere, isolate).is_err());
    }

    #[test]
    fn a_page_of_another_heap_or_that_ends_before_the_object_is_refused() {
        for layout in LAYOUTS {
            let (mut heap, canaries, isolate) = heap_of(layout);
            let at = layout.page.metadata.map_or(0, |_| 32);
            let base = heap.base();
            let object = (canaries.object - base) / 8;
            for (place, word, is_there) in [
                (layout.page.heap, 0, false),
                (layout.page.heap, isolate + 8, true),
                (layout.page.end, base + 8 * object, false),
                (layout.page.end, base + 8 * (object + 1), true),
                (layout.page.end, base + PAGE, true),
            ] {
                heap.put(at + place, word);
                let found = verify(layout, &canaries, isolate);
                assert_eq!(found.is_ok(), is_there, "{:?}: {place} {word:x}", layout.v8);
            }
        }
    }

    #[test]
    fn a_text_of_wide_characters_or_in_parts_is_refused() {
        for kind in [0, 1, 2, 3, 5, 9, 10, 13, 0x88] {
            let layout = &LAYOUTS[0];
            let (mut heap, canaries, isolate) = heap_of(layout);
            let map = heap.map(kind);
            let text = (canaries.text - heap.base()) / 8;
            let before = heap.words[heap.first + text];
            heap.put(text, map);
            let found = verify(layout, &canaries, isolate);
            assert!(found.is_err_and(|why| why.starts_with("a string ")), "{kind}");
            heap.put(text, before);
            assert_eq!(verify(layout, &canaries, isolate), Ok(()));
        }
    }
}
