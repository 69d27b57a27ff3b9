//! Names, properties and positions of the objects of an image.

use std::cell::RefCell;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::layout::{
    HOLE, NAMES_IN_TABLE, ObjectLayout, ObjectShape, ScopeParts, count, scope, size, smi,
};
use super::names::ImageNames;
use super::pages::{Pages, corrupt};
use crate::heap::error::HeapResult;

/// As V8's snapshots: `--heap-snapshot-string-limit`.
const STRING: usize = 1024;
/// How far a chain of maps or prototypes is followed.
const CHAIN: usize = 64;
/// How many parts of a rope are read.
const PARTS: usize = 4096;
/// The longest source whose lines are counted.
const SOURCE: usize = 64 << 20;

/// The property that names a class.
const TAG: &str = "<symbol Symbol.toStringTag>";

/// The representation of a string whose characters are not on V8's heap.
pub const EXTERNAL: u16 = 2;

/// Where addresses of objects end, and the largest object: their sum does not overflow.
const END: u64 = 1 << 48;
const LARGEST: u64 = 1 << 36;

/// A valid object.
#[derive(Debug, Clone, Copy)]
pub struct Object {
    pub at: u64,
    pub map: u64,
    pub kind: u16,
    pub shape: ObjectShape,
    pub size: u64,
}

/// A named property.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// The number of its name.
    pub name: u32,
    pub value: u64,
    /// Where in the object its value is, if it is there.
    pub offset: Option<u64>,
    pub is_accessor: bool,
}

/// Where the value of a property is.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// The offset in the object.
    Inside(u64),
    /// The index in the array of properties.
    Outside(u64),
    Constant(u64),
}

/// A property as a map describes it.
#[derive(Debug, Clone, Copy)]
struct Described {
    name: u32,
    place: Place,
    is_accessor: bool,
}

/// What V8 takes for the class of an object.
#[derive(Debug, Clone, Copy)]
pub struct Class {
    /// The function that has the object's place in the source; none where a tag names the class.
    pub constructor: Option<Object>,
    /// The number of its name.
    pub name: u32,
}

/// Type and fixed size of the objects of a map.
type MapFacts = Option<(u16, u64)>;

/// Reads the objects of an image.
pub struct ImageHeap<'p> {
    pub pages: &'p Pages,
    pub layout: ObjectLayout,
    pub names: RefCell<ImageNames>,
    maps: RefCell<FxHashMap<u64, MapFacts>>,
    keys: RefCell<FxHashMap<u64, Option<u32>>>,
    described: RefCell<FxHashMap<u64, Rc<[Described]>>>,
    classes: RefCell<FxHashMap<u64, Class>>,
    lines: RefCell<FxHashMap<u64, Option<Vec<u32>>>>,
}

/// Bits of a map's third field.
mod bits {
    pub const IS_PROTOTYPE: u32 = 20;
    pub const IS_DICTIONARY: u32 = 21;
}

/// Kinds of elements.
mod elements {
    pub const OBJECTS: std::ops::RangeInclusive<u64> = 2..=3;
    pub const DICTIONARY: u64 = 13;
}

/// The address of a strong reference.
pub fn target(word: u64) -> Option<u64> {
    (word & 3 == 1).then_some(word.wrapping_sub(1))
}

/// The address of a weak reference; a cleared one has none.
pub fn weak_target(word: u64) -> Option<u64> {
    (word & 3 == 3 && word > 3).then_some(word.wrapping_sub(3))
}

impl<'p> ImageHeap<'p> {
    pub fn new(pages: &'p Pages) -> HeapResult<Self> {
        let layout = ObjectLayout::new(&pages.types, pages.layout).map_err(|missing| {
            corrupt(format!("the header of the heap image lacks the type {missing}"))
        })?;
        Ok(Self {
            pages,
            layout,
            names: RefCell::default(),
            maps: RefCell::default(),
            keys: RefCell::default(),
            described: RefCell::default(),
            classes: RefCell::default(),
            lines: RefCell::default(),
        })
    }

    /// The number of a text.
    pub fn text(&self, text: &str) -> u32 {
        self.names.borrow_mut().number(text)
    }

    pub fn word(&self, at: u64) -> Option<u64> {
        self.pages.word(at)
    }

    /// The object behind a field.
    pub fn field(&self, at: u64, offset: u64) -> Option<Object> {
        self.object(target(self.word(at.checked_add(offset)?)?)?)
    }

    /// Type and fixed size of a map: its own map is one whose map is itself a map.
    fn map(&self, map: u64) -> MapFacts {
        if map >= END {
            return None;
        }
        if let Some(known) = self.maps.borrow().get(&map) {
            return *known;
        }
        let read = || {
            let meta = target(self.word(map)?)?;
            let kind = |at: u64| Some((self.word(at.checked_add(8)?)? >> 32) as u16);
            let above = target(self.word(meta)?)?;
            if kind(meta)? != self.layout.map || kind(above)? != self.layout.map {
                return None;
            }
            Some((kind(map)?, (self.word(map + 8)? & 0xff) * 8))
        };
        let found = read();
        self.maps.borrow_mut().insert(map, found);
        found
    }

    /// The object at an address, if there is one.
    pub fn object(&self, at: u64) -> Option<Object> {
        if !at.is_multiple_of(8) || at >= END {
            return None;
        }
        let map = target(self.word(at)?)?;
        let (kind, fixed) = self.map(map)?;
        let shape = self.layout.shape(kind);
        // Between two pages that are far apart there is no object.
        let most = self.pages.bytes.min(LARGEST);
        let size = size(self.pages, at, kind, shape, fixed)
            .filter(|size| (8..=most).contains(size) && self.word(at + size - 8).is_some())
            .unwrap_or(8);
        Some(Object { at, map, kind, shape, size })
    }

    /// The first characters of a string. Half a surrogate pair is three question marks, as in V8's snapshots.
    pub fn string(&self, object: Object, most: usize) -> String {
        let mut text = String::new();
        for character in char::decode_utf16(self.units(object, most)) {
            match character {
                Ok(character) => text.push(character),
                Err(_) => text.push_str("???"),
            }
        }
        text
    }

    /// The first characters of a string, in UTF-16.
    fn units(&self, object: Object, most: usize) -> Vec<u16> {
        let mut units: Vec<u16> = Vec::new();
        let mut rest = vec![(object, 0_u64, u64::MAX)];
        for _ in 0..PARTS {
            let Some((part, skip, length)) = rest.pop() else { break };
            if units.len() >= most || part.shape != ObjectShape::String {
                continue;
            }
            let own = self.word(part.at + 8).unwrap_or(0) >> 32;
            let length = length.min(own.saturating_sub(skip));
            let mut push = |offset, skip, length| {
                if let Some(part) = self.field(part.at, offset) {
                    rest.push((part, skip, length));
                }
            };
            match part.kind & 7 {
                0 => {
                    let room = (most - units.len()) as u64;
                    for index in skip..skip + length.min(room) {
                        let unit = match part.kind & 8 {
                            0 => {
                                let at = part.at + 16 + 2 * index;
                                let bytes = (self.pages.byte(at), self.pages.byte(at + 1));
                                let (Some(low), Some(high)) = bytes else { break };
                                u16::from_le_bytes([low, high])
                            }
                            _ => match self.pages.byte(part.at + 16 + index) {
                                Some(byte) => u16::from(byte),
                                None => break,
                            },
                        };
                        units.push(unit);
                    }
                }
                EXTERNAL => {
                    let bytes = self.pages.texts.get(&part.at).map_or(&[][..], Vec::as_slice);
                    let room = most - units.len();
                    let (skip, length) = (to_size(skip), to_size(length).min(room));
                    match part.kind & 8 {
                        0 => {
                            let pairs = bytes.chunks_exact(2).skip(skip).take(length);
                            units.extend(pairs.map(|pair| u16::from_le_bytes([pair[0], pair[1]])));
                        }
                        _ => units
                            .extend(bytes.iter().skip(skip).take(length).map(|&b| u16::from(b))),
                    }
                }
                1 => {
                    let first = self
                        .field(part.at, 16)
                        .and_then(|first| self.word(first.at + 8))
                        .unwrap_or(0)
                        >> 32;
                    push(
                        24,
                        skip.saturating_sub(first),
                        length.saturating_sub(first.saturating_sub(skip)),
                    );
                    push(16, skip, length.min(first.saturating_sub(skip)));
                }
                3 => {
                    let offset = count(self.word(part.at + 24).unwrap_or(0));
                    push(16, skip.saturating_add(offset), length);
                }
                5 => push(16, skip, length),
                _ => {}
            }
        }
        units
    }

    /// The number of the name of a property: of a string or a symbol.
    pub fn key(&self, word: u64) -> Option<u32> {
        let at = target(word)?;
        if let Some(known) = self.keys.borrow().get(&at) {
            return *known;
        }
        let read = || {
            let object = self.object(at)?;
            let name = match object.shape {
                ObjectShape::String => self.string(object, STRING),
                ObjectShape::Symbol => {
                    let name = self
                        .field(object.at, 16)
                        .map(|name| self.string(name, STRING))
                        .unwrap_or_default();
                    let flags = self.word(object.at + 8).unwrap_or(0) >> 32;
                    match name.as_str() {
                        "" => "<symbol>".to_owned(),
                        _ if flags & self.pages.layout.private_name != 0 => name,
                        _ => format!("<symbol {name}>"),
                    }
                }
                _ => return None,
            };
            Some(self.text(&name))
        };
        let found = read();
        self.keys.borrow_mut().insert(at, found);
        found
    }

    /// The third field of bits of an object's map.
    pub fn map_bit(&self, map: u64, bit: u32) -> bool {
        self.word(map + 16).unwrap_or(0) & 0xffff_ffff & 1 << bit != 0
    }

    /// Whether a symbol is no value of JavaScript.
    pub fn is_private(&self, symbol: Object) -> bool {
        let flags = self.word(symbol.at + 8).unwrap_or(0) >> 32;
        flags & self.pages.layout.private_symbol != 0
    }

    pub fn is_prototype_map(&self, map: u64) -> bool {
        self.map_bit(map, bits::IS_PROTOTYPE)
    }

    /// Whether functions of a map have the slot of a prototype.
    pub fn has_prototype_slot(&self, map: u64) -> bool {
        self.word(map + 8).unwrap_or(0) >> 48 & 0x80 != 0
    }

    /// The named properties of an object.
    pub fn properties(&self, object: Object) -> Vec<Property> {
        let mut found = Vec::new();
        let _ = self.collect_properties(object, &mut found);
        found
    }

    fn collect_properties(&self, object: Object, to: &mut Vec<Property>) -> Option<()> {
        let store = self.field(object.at, 8);
        if object.shape == ObjectShape::GlobalObject {
            let table = store?;
            for entry in 0..self.capacity(table, 1, 5)? {
                let Some(cell) = self.field(table.at, 16 + 8 * (5 + entry)) else { continue };
                if cell.shape == ObjectShape::PropertyCell
                    && let Some(name) = self.word(cell.at + 8).and_then(|key| self.key(key))
                {
                    let is_accessor = smi(self.word(cell.at + 16)?) & 1 == 1;
                    let value = self.word(cell.at + 24)?;
                    to.push(Property { name, value, offset: None, is_accessor });
                }
            }
            return Some(());
        }
        if self.map_bit(object.map, bits::IS_DICTIONARY) {
            let table = store.filter(|table| table.shape == ObjectShape::Array)?;
            for entry in 0..self.capacity(table, 3, 6)? {
                let at = table.at + 16 + 8 * (6 + 3 * entry);
                if let Some(name) = self.key(self.word(at)?) {
                    let is_accessor = smi(self.word(at + 16)?) & 1 == 1;
                    let value = self.word(at + 8)?;
                    to.push(Property { name, value, offset: None, is_accessor });
                }
            }
            return Some(());
        }
        for &Described { name, place, is_accessor } in self.described(object.map).iter() {
            let (value, offset) = match place {
                Place::Inside(offset) => (self.word(object.at + offset), Some(offset)),
                Place::Outside(index) => {
                    (store.and_then(|store| self.word(store.at + 16 + 8 * index)), None)
                }
                Place::Constant(value) => (Some(value), None),
            };
            if let Some(value) = value {
                to.push(Property { name, value, offset, is_accessor });
            }
        }
        Some(())
    }

    /// The properties that a map describes, without those that are numbers.
    fn described(&self, map: u64) -> Rc<[Described]> {
        if let Some(known) = self.described.borrow().get(&map) {
            return known.clone();
        }
        let mut found = Vec::new();
        let _ = self.describe(map, &mut found);
        let found: Rc<[Described]> = found.into();
        self.described.borrow_mut().insert(map, found.clone());
        found
    }

    fn describe(&self, map: u64, to: &mut Vec<Described>) -> Option<()> {
        let bits = self.word(map + 16)? & 0xffff_ffff;
        let words = self.word(map + 8)?;
        let start = words >> 8 & 0xff;
        let in_object = (words & 0xff).saturating_sub(start);
        let descriptors = self.field(map, 40).filter(|d| d.shape == ObjectShape::Descriptors)?;
        for index in 0..bits >> 10 & 0x3ff {
            let at = descriptors.at + self.pages.layout.headers.descriptors + 24 * index;
            let details = smi(self.word(at + 8)?).cast_unsigned();
            let place = if details >> 5 & 1 == 1 {
                Place::Constant(self.word(at + 16)?)
            } else if matches!(details >> 6 & 7, 1 | 2) {
                continue;
            } else {
                let field = details >> 19 & 0x3ff;
                match field.checked_sub(in_object) {
                    None => Place::Inside(8 * (start + field)),
                    Some(outside) => Place::Outside(outside),
                }
            };
            if let Some(name) = self.key(self.word(at)?) {
                to.push(Described { name, place, is_accessor: details & 1 == 1 });
            }
        }
        Some(())
    }

    /// The elements of an object that are objects: index and value.
    pub fn elements(&self, object: Object) -> Vec<(u32, u64)> {
        let mut found = Vec::new();
        let _ = self.collect_elements(object, &mut found);
        found
    }

    fn collect_elements(&self, object: Object, to: &mut Vec<(u32, u64)>) -> Option<()> {
        let kind = self.word(object.map + 8)? >> 58;
        let store = self.field(object.at, 16).filter(|store| store.shape == ObjectShape::Array)?;
        if elements::OBJECTS.contains(&kind) {
            let mut length = store.size.saturating_sub(16) / 8;
            if object.kind == self.layout.js_array {
                length = length.min(count(self.word(object.at + 24)?));
            }
            for index in 0..length {
                let value = self.word(store.at + 16 + 8 * index)?;
                if target(value).is_some() && !self.is_hole(value) {
                    to.push((u32::try_from(index).ok()?, value));
                }
            }
        } else if kind == elements::DICTIONARY {
            for entry in 0..self.capacity(store, 3, 4)? {
                let at = store.at + 16 + 8 * (4 + 3 * entry);
                let (key, value) = (self.word(at)?, self.word(at + 8)?);
                if key & 1 == 0 && target(value).is_some() {
                    to.push((u32::try_from(count(key)).ok()?, value));
                }
            }
        }
        Some(())
    }

    /// Whether a reference is to the value that stands for a missing element.
    fn is_hole(&self, word: u64) -> bool {
        let Some(object) = target(word).filter(|&at| self.pages.is_constant(at)) else {
            return false;
        };
        self.object(object).is_some_and(|object| {
            object.shape == ObjectShape::Oddball
                && (self.layout.name(object.kind) == Some(HOLE)
                    || smi(self.word(object.at + 40).unwrap_or(0)) == 2)
        })
    }

    /// The capacity of a hash table, if its entries fit into it.
    fn capacity(&self, table: Object, entry: u64, prefix: u64) -> Option<u64> {
        let capacity = count(self.word(table.at + 32)?);
        let bytes = 16 + 8 * prefix.checked_add(entry.checked_mul(capacity)?)?;
        (table.shape == ObjectShape::Array && bytes <= table.size).then_some(capacity)
    }

    /// Index of the key, key and value of the entries of a WeakMap's table.
    pub fn ephemeron_words(&self, table: Object) -> Vec<(u64, u64, u64)> {
        let capacity = self.capacity(table, 2, 3).unwrap_or(0);
        let entry = |entry: u64| {
            let index = 3 + 2 * entry;
            let at = table.at + 16 + 8 * index;
            Some((index, self.word(at)?, self.word(at + 8)?))
        };
        (0..capacity).filter_map(entry).collect()
    }

    /// Addresses of keys and values of a WeakMap's table.
    pub fn ephemerons(&self, table: Object) -> Vec<(u64, u64)> {
        let entries = self.ephemeron_words(table).into_iter();
        entries.filter_map(|(_, key, value)| Some((target(key)?, target(value)?))).collect()
    }

    /// The names of a context's variables by their slot.
    pub fn variables(&self, context: Object) -> Vec<(u64, u32)> {
        let mut found = Vec::new();
        let _ = self.collect_variables(context, &mut found);
        found
    }

    fn collect_variables(&self, context: Object, to: &mut Vec<(u64, u32)>) -> Option<()> {
        let info =
            self.field(context.at, 16).filter(|info| info.shape == ObjectShape::ScopeInfo)?;
        let ScopeParts { locals, names, is_extended, name, .. } = scope(self.pages, info.at)?;
        let slots = context.size.saturating_sub(16) / 8;
        let first = 2 + u64::from(is_extended);
        if locals < NAMES_IN_TABLE {
            for index in 0..locals {
                if let Some(name) = self.key(self.word(info.at + 8 * (names + index))?) {
                    to.push((first + index, name));
                }
            }
        } else {
            let table = self.field(info.at, 8 * names)?;
            for entry in 0..self.capacity(table, 2, 3)? {
                let at = table.at + 16 + 8 * (3 + 2 * entry);
                if let Some(name) = self.key(self.word(at)?) {
                    to.push((first + count(self.word(at + 8)?), name));
                }
            }
        }
        // A function that refers to itself by its name.
        if let Some(name) = name
            && let Some(key) = self.key(self.word(info.at + 8 * name)?)
        {
            to.push((count(self.word(info.at + 8 * (name + 1))?), key));
        }
        to.retain(|(slot, _)| (2..slots).contains(slot));
        Some(())
    }

    /// The name of a function.
    pub fn function_name(&self, function: Object) -> String {
        let shared = self.field(function.at, self.pages.layout.fields.function_shared);
        shared.map(|shared| self.shared_name(shared)).unwrap_or_default()
    }

    /// The name of a SharedFunctionInfo.
    pub fn shared_name(&self, shared: Object) -> String {
        let name = || {
            let of = self.field(shared.at, self.pages.layout.fields.shared_name)?;
            match of.shape {
                ObjectShape::String => Some(of),
                ObjectShape::ScopeInfo => self.field(of.at, 8 * scope(self.pages, of.at)?.name?),
                _ => None,
            }
        };
        name().map(|name| self.string(name, STRING)).unwrap_or_default()
    }

    /// The function that made an object.
    fn constructor(&self, object: Object) -> Option<Object> {
        let mut map = object.map;
        for _ in 0..CHAIN * 16 {
            let next = self.field(map, 32)?;
            match next.shape {
                ObjectShape::Map => map = next.at,
                _ => return Some(next).filter(|next| next.shape == ObjectShape::Function),
            }
        }
        None
    }

    /// The constructor and the name of an object's class, by the rules of V8's snapshots.
    pub fn class(&self, object: Object) -> Class {
        if let Some(known) = self.classes.borrow().get(&object.map) {
            return *known;
        }
        let (constructor, name) = self
            .class_of_map(object)
            .or_else(|| self.class_of_prototypes(object))
            .unwrap_or_else(|| match self.class_of_kind(object) {
                Some(name) => (None, name.to_owned()),
                None => (None, self.class_of_template(object)),
            });
        let class = Class { constructor, name: self.text(&name) };
        // Objects of one map may have different tags.
        let tag = self.text(TAG);
        if !self.properties(object).iter().any(|own| own.name == tag) {
            self.classes.borrow_mut().insert(object.map, class);
        }
        class
    }

    /// Of what was made by `new` of a subclass, the map has the constructor of the base.
    fn class_of_map(&self, object: Object) -> Option<(Option<Object>, String)> {
        let is_base = self.word(object.map + 8).unwrap_or(0) >> 56 & 1 == 1;
        if !is_base || self.is_prototype_map(object.map) {
            return None;
        }
        let constructor = self.constructor(object)?;
        let name = self.function_debug_name(constructor);
        names_a_class(&name).then_some((Some(constructor), name))
    }

    /// By the first object of the chain of prototypes that has a tag or, but for the object itself, a constructor.
    fn class_of_prototypes(&self, object: Object) -> Option<(Option<Object>, String)> {
        let (tag, own) = (self.text(TAG), self.text("constructor"));
        let mut at = object;
        for step in 0..CHAIN {
            let properties = self.properties(at);
            let value = |name: u32| {
                let found = properties.iter().find(|own| own.name == name && !own.is_accessor)?;
                self.object(target(found.value)?)
            };
            if let Some(tag) = value(tag).filter(|tag| tag.shape == ObjectShape::String) {
                return Some((None, self.string(tag, STRING)));
            }
            // The object's own constructor is that of a prototype: it names the others.
            if step > 0
                && let Some(own) = value(own).filter(|own| own.shape == ObjectShape::Function)
            {
                let shared = self.field(own.at, self.pages.layout.fields.function_shared);
                let name = shared.map(|shared| self.debug_name(shared)).unwrap_or_default();
                if names_a_class(&name) {
                    return Some((Some(own), name));
                }
            }
            at = self.field(at.map, 24).filter(|next| self.layout.is_receiver(next.kind))?;
        }
        None
    }

    /// The class of an object of the language itself, by its type.
    fn class_of_kind(&self, object: Object) -> Option<&'static str> {
        Some(match object.shape {
            ObjectShape::Function | ObjectShape::BoundFunction => "Function",
            ObjectShape::Generator => "Generator",
            ObjectShape::GlobalProxy if self.pages.layout.v8.0 < 14 => "global",
            ObjectShape::RegExp => "RegExp",
            _ => match self.layout.name(object.kind)? {
                "JSArgumentsObject" => "Arguments",
                "JSArray" => "Array",
                "JSDate" => "Date",
                "JSError" => "Error",
                "JSMap" => "Map",
                "JSSet" => "Set",
                "JSWeakMap" => "WeakMap",
                "JSWeakSet" => "WeakSet",
                "JSPrimitiveWrapper" => {
                    let value = self.word(object.at + 24)?;
                    match target(value) {
                        None => "Number",
                        Some(at) => match self.object(at)?.shape {
                            ObjectShape::String => "String",
                            ObjectShape::HeapNumber => "Number",
                            ObjectShape::Oddball => "Boolean",
                            ObjectShape::Symbol => "Symbol",
                            ObjectShape::BigInt => "BigInt",
                            _ => return None,
                        },
                    }
                }
                _ => return None,
            },
        })
    }

    /// The name of the template of an object of Node's own; that of all other objects is "Object".
    fn class_of_template(&self, object: Object) -> String {
        let shared = self
            .constructor(object)
            .and_then(|made| self.field(made.at, self.pages.layout.fields.function_shared));
        let data = shared.and_then(|shared| {
            let is_template =
                |data: &Object| self.layout.name(data.kind) == Some("FunctionTemplateInfo");
            [8, 16].iter().find_map(|&at| self.field(shared.at, at).filter(is_template))
        });
        let name = shared.filter(|_| data.is_some()).map(|shared| self.shared_name(shared));
        name.filter(|name| !name.is_empty()).unwrap_or_else(|| "Object".to_owned())
    }

    /// The name of the constructor of a map, or the one that V8 inferred.
    fn function_debug_name(&self, function: Object) -> String {
        if self.pages.layout.are_names_properties {
            let name = self.text("name");
            let own = self.properties(function).into_iter().find(|own| own.name == name);
            let text = own.filter(|own| !own.is_accessor).and_then(|own| target(own.value));
            let text = text.and_then(|at| self.object(at));
            if let Some(text) = text.filter(|text| text.shape == ObjectShape::String) {
                return self.string(text, STRING);
            }
        }
        let shared = self.field(function.at, self.pages.layout.fields.function_shared);
        shared.map(|shared| self.debug_name(shared)).unwrap_or_default()
    }

    /// The name of a SharedFunctionInfo, or the one that V8 inferred.
    pub fn debug_name(&self, shared: Object) -> String {
        let name = self.shared_name(shared);
        if !name.is_empty() {
            return name;
        }
        let inferred = || {
            let fields = &self.pages.layout.fields;
            let info = self.field(shared.at, fields.shared_name);
            match info.filter(|info| info.shape == ObjectShape::ScopeInfo) {
                Some(info) => self.field(info.at, 8 * scope(self.pages, info.at)?.inferred?),
                None => self
                    .field(shared.at, fields.shared_data)
                    .filter(|data| data.shape == ObjectShape::UncompiledData)
                    .and_then(|data| self.field(data.at, 8)),
            }
        };
        inferred().map(|name| self.string(name, STRING)).unwrap_or_default()
    }

    /// References that instructions load: `mov` of 64 bits into a register is two bytes and the operand.
    pub fn operands(&self, from: u64, to: u64) -> Vec<u64> {
        let mut found = Vec::new();
        let mut before = [0; 2];
        let mut at = from;
        while at < to {
            let Some(byte) = self.pages.byte(at) else { break };
            at += 1;
            let is_load = matches!(before, [0x48 | 0x49, 0xb8..=0xbf]) && byte & 3 == 1;
            before = [before[1], byte];
            if !is_load || at + 7 > to {
                continue;
            }
            let bytes: [u8; 8] =
                std::array::from_fn(|index| self.pages.byte(at - 1 + index as u64).unwrap_or(0));
            let word = u64::from_le_bytes(bytes);
            if target(word).is_some_and(|at| self.object(at).is_some()) {
                found.push(word);
                at += 7;
                before = [0; 2];
            }
        }
        found
    }

    /// Whether optimized code does not retain an object: V8 throws the code away instead.
    pub fn is_weak_in_code(&self, object: Object) -> bool {
        match object.shape {
            ObjectShape::Map => {
                let kind = (self.word(object.at + 8).unwrap_or(0) >> 32) as u16;
                self.layout.is_receiver(kind) && self.layout.shape(kind) != ObjectShape::Proxy
            }
            ObjectShape::PropertyCell | ObjectShape::Context | ObjectShape::NativeContext => true,
            _ => self.layout.is_receiver(object.kind),
        }
    }

    /// Id of the script, line and column of a function.
    pub fn position(&self, function: Object) -> Option<(u32, u32, u32)> {
        let fields = &self.pages.layout.fields;
        let shared = self.field(function.at, fields.function_shared)?;
        let script = self
            .field(shared.at, fields.shared_script)
            .filter(|script| script.shape == ObjectShape::Script)?;
        let id = u32::try_from(count(self.word(script.at + 64)?)).ok()?;
        let start = self.start(shared)?;
        let (line, column) = self.line(script, start)?;
        Some((id, line, column))
    }

    fn start(&self, shared: Object) -> Option<u32> {
        let fields = &self.pages.layout.fields;
        let info = self.field(shared.at, fields.shared_name);
        let position = info
            .filter(|info| info.shape == ObjectShape::ScopeInfo)
            .and_then(|info| Some((info, scope(self.pages, info.at)?.position?)));
        if let Some((info, at)) = position {
            return u32::try_from(count(self.word(info.at + 8 * at)?)).ok();
        }
        let data = self
            .field(shared.at, fields.shared_data)
            .filter(|data| data.shape == ObjectShape::UncompiledData);
        match data {
            Some(data) => Some((self.word(data.at + 16)? & 0xffff_ffff) as u32),
            None => Some(0),
        }
    }

    fn line(&self, script: Object, start: u32) -> Option<(u32, u32)> {
        let mut lines = self.lines.borrow_mut();
        let ends = lines.entry(script.at).or_insert_with(|| self.line_ends(script)).as_ref()?;
        let line = ends.partition_point(|&end| end < start);
        let begin = line.checked_sub(1).map_or(0, |before| ends[before].saturating_add(1));
        let column = start.saturating_sub(begin);
        // Where the script stands in its file.
        let offset = |at: u64| count(self.word(script.at + at).unwrap_or(0));
        let first = if line == 0 { offset(32) } else { 0 };
        let line = u32::try_from((line as u64).saturating_add(offset(24))).ok()?;
        Some((line, u32::try_from(u64::from(column).saturating_add(first)).ok()?))
    }

    /// The ends that V8 has counted, those that the image has in place of a source, or those of the source.
    fn line_ends(&self, script: Object) -> Option<Vec<u32>> {
        let counted = self.field(script.at, 56).filter(|ends| {
            ends.shape == ObjectShape::Array && ends.kind == self.layout.array && ends.size > 16
        });
        if let Some(ends) = counted {
            let words = (16..ends.size).step_by(8).filter_map(|at| self.word(ends.at + at));
            return Some(words.filter_map(|end| u32::try_from(count(end)).ok()).collect());
        }
        if let Some(ends) = self.pages.line_ends.get(&script.at) {
            return Some(ends.clone());
        }
        let source = self.field(script.at, 8)?;
        if source.shape == ObjectShape::String && source.kind & 7 == EXTERNAL {
            return None;
        }
        let source = self.units(source, SOURCE);
        let ends = source.iter().enumerate().filter(|(_, unit)| **unit == 10);
        Some(ends.map(|(at, _)| u32::try_from(at).unwrap_or(u32::MAX)).collect())
    }
}

fn to_size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Whether V8 takes the name of a constructor for that of a class.
fn names_a_class(name: &str) -> bool {
    !name.is_empty() && name != "Object"
}
