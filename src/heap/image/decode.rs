//! Names, properties and positions of the objects of an image.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

use super::layout::{
    NAMES_IN_TABLE, ObjectLayout, ObjectShape, ScopeParts, count, scope, size, smi,
};
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

/// A valid object.
#[derive(Debug, Clone, Copy)]
pub struct Object {
    pub at: u64,
    pub map: u64,
    pub kind: u16,
    pub shape: ObjectShape,
    pub size: u64,
}

/// A named property: a value, or nothing that an edge would lead to.
pub struct Property {
    pub name: String,
    pub value: u64,
}

/// Reads the objects of an image.
pub struct ImageHeap<'p> {
    pub pages: &'p Pages,
    pub layout: ObjectLayout,
    maps: RefCell<FxHashMap<u64, Option<(u16, u64)>>>,
    names: RefCell<FxHashMap<u64, String>>,
    lines: RefCell<FxHashMap<u64, Vec<u32>>>,
}

/// The address of a strong reference.
pub fn target(word: u64) -> Option<u64> {
    (word & 3 == 1).then_some(word.wrapping_sub(1))
}

impl<'p> ImageHeap<'p> {
    pub fn new(pages: &'p Pages) -> HeapResult<Self> {
        let layout = ObjectLayout::new(&pages.types)
            .ok_or_else(|| corrupt("the header of the heap image lacks a type"))?;
        let (maps, names, lines) = Default::default();
        Ok(Self { pages, layout, maps, names, lines })
    }

    pub fn word(&self, at: u64) -> Option<u64> {
        self.pages.word(at)
    }

    /// The object behind a field.
    pub fn field(&self, at: u64, offset: u64) -> Option<Object> {
        self.object(target(self.word(at.checked_add(offset)?)?)?)
    }

    /// Type and fixed size of a map: its own map is one whose map is itself a map.
    fn map(&self, map: u64) -> Option<(u16, u64)> {
        if let Some(known) = self.maps.borrow().get(&map) {
            return *known;
        }
        let read = || {
            let meta = target(self.word(map)?)?;
            let kind = |at: u64| Some((self.word(at.checked_add(8)?)? >> 32) as u16);
            if kind(meta)? != self.layout.map || target(self.word(meta)?)? != meta {
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
        // The upper bound keeps sums of an address and a size from overflowing.
        if !at.is_multiple_of(8) || at >= 1 << 48 {
            return None;
        }
        let map = target(self.word(at)?)?;
        let (kind, fixed) = self.map(map)?;
        let shape = self.layout.shape(kind);
        let size = size(self.pages, at, kind, shape, fixed)
            .filter(|&size| (8..1 << 36).contains(&size) && self.word(at + size - 8).is_some())
            .unwrap_or(8);
        Some(Object { at, map, kind, shape, size })
    }

    /// The first characters of a string.
    pub fn string(&self, object: Object, most: usize) -> String {
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
        String::from_utf16_lossy(&units)
    }

    /// The name of a property: a string or a symbol.
    pub fn key(&self, word: u64) -> Option<String> {
        let object = self.object(target(word)?)?;
        match object.shape {
            ObjectShape::String => Some(self.string(object, STRING)),
            ObjectShape::Symbol => {
                let name = self
                    .field(object.at, 16)
                    .map(|name| self.string(name, STRING))
                    .unwrap_or_default();
                Some(if name.starts_with('#') { name } else { format!("<symbol {name}>") })
            }
            _ => None,
        }
    }

    /// The named properties of an object, and how many words of it they may take.
    pub fn properties(&self, object: Object) -> Vec<Property> {
        let mut found = Vec::new();
        let _ = self.collect_properties(object, &mut found);
        found
    }

    fn collect_properties(&self, object: Object, to: &mut Vec<Property>) -> Option<()> {
        let bits = self.word(object.map + 16)? & 0xffff_ffff;
        if object.shape == ObjectShape::GlobalObject {
            let table = self.field(object.at, 8)?;
            let capacity = self.capacity(table, 1, 6)?;
            for entry in 0..capacity {
                let Some(cell) = self.field(table.at, 16 + 8 * (6 + entry)) else { continue };
                if cell.shape == ObjectShape::PropertyCell
                    && let Some(name) = self.word(cell.at + 8).and_then(|key| self.key(key))
                {
                    to.push(Property { name, value: self.word(cell.at + 24)? });
                }
            }
            return Some(());
        }
        let store = self.field(object.at, 8);
        if bits >> 21 & 1 == 1 {
            let table = store.filter(|table| table.shape == ObjectShape::Array)?;
            for entry in 0..self.capacity(table, 3, 6)? {
                let at = table.at + 16 + 8 * (6 + 3 * entry);
                if let Some(name) = self.key(self.word(at)?) {
                    to.push(Property { name, value: self.word(at + 8)? });
                }
            }
            return Some(());
        }
        let words = self.word(object.map + 8)?;
        let start = words >> 8 & 0xff;
        let in_object = (words & 0xff).saturating_sub(start);
        let descriptors =
            self.field(object.map, 40).filter(|d| d.shape == ObjectShape::Descriptors)?;
        for index in 0..bits >> 10 & 0x3ff {
            let at = descriptors.at + 24 + 24 * index;
            let details = smi(self.word(at + 8)?);
            let value = if details >> 5 & 1 == 1 {
                self.word(at + 16)?
            } else {
                let field = u64::try_from(details >> 19 & 0x3ff).unwrap_or(0);
                match field.checked_sub(in_object) {
                    None => self.word(object.at + 8 * (start + field))?,
                    Some(outside) => {
                        store.and_then(|store| self.word(store.at + 16 + 8 * outside)).unwrap_or(0)
                    }
                }
            };
            if target(value).is_some()
                && let Some(name) = self.key(self.word(at)?)
            {
                to.push(Property { name, value });
            }
        }
        Some(())
    }

    /// The capacity of a hash table, if its entries fit into it.
    fn capacity(&self, table: Object, entry: u64, prefix: u64) -> Option<u64> {
        let capacity = count(self.word(table.at + 32)?);
        let bytes = 16 + 8 * prefix.checked_add(entry.checked_mul(capacity)?)?;
        (table.shape == ObjectShape::Array && bytes <= table.size).then_some(capacity)
    }

    /// Keys and values of a WeakMap's table.
    pub fn ephemerons(&self, table: Object) -> Vec<(u64, u64)> {
        let capacity = self.capacity(table, 2, 3).unwrap_or(0);
        let entry = |index: u64| {
            let at = table.at + 16 + 8 * (3 + 2 * index);
            Some((target(self.word(at)?)?, target(self.word(at + 8)?)?))
        };
        (0..capacity).filter_map(entry).collect()
    }

    /// The names of a context's variables by their slot.
    pub fn variables(&self, context: Object) -> Vec<(u64, String)> {
        let Some(info) =
            self.field(context.at, 16).filter(|info| info.shape == ObjectShape::ScopeInfo)
        else {
            return Vec::new();
        };
        let Some(ScopeParts { locals, is_extended, .. }) = scope(self.pages, info.at) else {
            return Vec::new();
        };
        let slots = context.size.saturating_sub(16) / 8;
        let first = 2 + u64::from(is_extended);
        if locals < NAMES_IN_TABLE {
            let name = |index: u64| {
                let name = self.key(self.word(info.at + 32 + 8 * index)?)?;
                Some((first + index, name)).filter(|(slot, _)| *slot < slots)
            };
            return (0..locals).filter_map(name).collect();
        }
        let Some(table) = self.field(info.at, 32) else { return Vec::new() };
        let name = |entry: u64| {
            let at = table.at + 16 + 8 * (3 + 2 * entry);
            let slot = first + count(self.word(at + 8)?);
            Some((slot, self.key(self.word(at)?)?)).filter(|(slot, _)| *slot < slots)
        };
        (0..self.capacity(table, 2, 3).unwrap_or(0)).filter_map(name).collect()
    }

    /// The name of a function.
    pub fn function_name(&self, function: Object) -> String {
        self.field(function.at, 24).map(|shared| self.shared_name(shared)).unwrap_or_default()
    }

    /// The name of a SharedFunctionInfo.
    pub fn shared_name(&self, shared: Object) -> String {
        let name = || {
            let of = self.field(shared.at, 16)?;
            match of.shape {
                ObjectShape::String => Some(of),
                ObjectShape::ScopeInfo => self.field(of.at, 8 * scope(self.pages, of.at)?.name?),
                _ => None,
            }
        };
        name().map(|name| self.string(name, STRING)).unwrap_or_default()
    }

    /// The function that made an object.
    pub fn constructor(&self, object: Object) -> Option<Object> {
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

    /// The name of an object's class, by the rules of V8's snapshots.
    pub fn class_name(&self, object: Object) -> String {
        if let Some(known) = self.names.borrow().get(&object.map) {
            return known.clone();
        }
        let constructor = self.constructor(object);
        let bits = self.word(object.map + 16).unwrap_or(0) & 0xffff_ffff;
        let made = constructor.filter(|_| bits >> 20 & 1 == 0).map(|made| self.function_name(made));
        let named = |name: &String| !name.is_empty();
        let name = made
            .filter(|name| named(name) && name != "Object")
            .or_else(|| {
                let tag = self.look_up(object, "<symbol Symbol.toStringTag>")?;
                Some(self.string(tag, STRING)).filter(named)
            })
            .or_else(|| {
                let own = self
                    .look_up(object, "constructor")
                    .filter(|own| own.shape == ObjectShape::Function)?;
                Some(self.function_name(own)).filter(named)
            })
            .or_else(|| constructor.map(|made| self.function_name(made)).filter(named))
            .unwrap_or_else(|| "Object".to_owned());
        self.names.borrow_mut().insert(object.map, name.clone());
        name
    }

    fn look_up(&self, object: Object, name: &str) -> Option<Object> {
        let mut at = object;
        for _ in 0..CHAIN {
            if let Some(found) = self.properties(at).into_iter().find(|own| own.name == name) {
                return self.object(target(found.value)?);
            }
            at =
                self.field(at.map, 24).filter(|next| next.kind >= self.layout.js_array.min(278))?;
        }
        None
    }

    /// Id of the script, line and column of a function.
    pub fn position(&self, function: Object) -> Option<(u32, u32, u32)> {
        let shared = self.field(function.at, 24)?;
        let script =
            self.field(shared.at, 32).filter(|script| script.shape == ObjectShape::Script)?;
        let id = u32::try_from(count(self.word(script.at + 64)?)).ok()?;
        let start = self.start(shared)?;
        let (line, column) = self.line(script, start);
        Some((id, line, column))
    }

    fn start(&self, shared: Object) -> Option<u32> {
        let info = self.field(shared.at, 16);
        if let Some(info) = info.filter(|info| info.shape == ObjectShape::ScopeInfo) {
            let at = scope(self.pages, info.at)?.position?;
            return u32::try_from(count(self.word(info.at + 8 * at)?)).ok();
        }
        let data =
            self.field(shared.at, 8).filter(|data| data.shape == ObjectShape::UncompiledData)?;
        Some((self.word(data.at + 16)? & 0xffff_ffff) as u32)
    }

    fn line(&self, script: Object, start: u32) -> (u32, u32) {
        let mut lines = self.lines.borrow_mut();
        let ends = lines.entry(script.at).or_insert_with(|| {
            let source = self
                .field(script.at, 8)
                .map(|source| self.string(source, SOURCE))
                .unwrap_or_default();
            let ends = source.encode_utf16().enumerate().filter(|(_, unit)| *unit == 10);
            ends.map(|(at, _)| u32::try_from(at).unwrap_or(u32::MAX)).collect()
        });
        let line = ends.partition_point(|&end| end < start);
        let begin = line.checked_sub(1).map_or(0, |before| ends[before] + 1);
        (u32::try_from(line).unwrap_or(0), start.saturating_sub(begin))
    }
}
