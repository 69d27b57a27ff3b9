//! The cache of strings by number, which V8 empties at each collection: what only it holds is garbage, and no snapshot
//! has it.

use rustc_hash::FxHashSet;

use super::super::decode::{ImageHeap, Object, target};
use super::super::layout::{ObjectShape, smi};
use super::super::pages::RootKind;

/// The fewest words of the cache.
const LEAST: u64 = 256;
/// More characters than a small integer has.
const DIGITS: usize = 16;

/// The addresses of the caches that the isolate's roots refer to.
pub fn of_numbers(heap: &ImageHeap<'_>, roots: &[(RootKind, u64)]) -> FxHashSet<u64> {
    let of_isolate = roots.iter().filter(|(of, _)| *of == RootKind::Isolate);
    let objects = of_isolate.filter_map(|&(_, word)| heap.object(target(word)?));
    let caches = objects.filter(|&object| is_of_numbers(heap, object));
    caches.map(|object| object.at).collect()
}

/// Whether an array has pairs of a number and its text, or of nothing.
fn is_of_numbers(heap: &ImageHeap<'_>, object: Object) -> bool {
    let words = object.size.saturating_sub(16) / 8;
    if object.shape != ObjectShape::Array
        || words < LEAST
        || !words.is_power_of_two()
        || heap.pages.is_constant(object.at)
    {
        return false;
    }
    let mut numbers = 0;
    for at in (object.at + 16..object.at + object.size).step_by(16) {
        let Some(key) = heap.word(at) else { return false };
        let Some(text) = heap.field(at, 8) else { continue };
        if text.shape == ObjectShape::Oddball {
            continue;
        }
        let is_pair = text.shape == ObjectShape::String
            && match heap.field(at, 0) {
                Some(number) => number.shape == ObjectShape::HeapNumber,
                None => key & 1 == 0 && heap.string(text, DIGITS) == smi(key).to_string(),
            };
        if !is_pair {
            return false;
        }
        numbers += 1;
    }
    numbers > 0
}
