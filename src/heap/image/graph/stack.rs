//! References on a thread's stack. V8 knows which words of its frames are references; a native frame has stale ones.

use super::super::decode::{ImageHeap, Object, target};
use super::super::layout::ObjectShape;

/// The words between a frame and the one that it has called: where that one starts, and its return address.
const HEADER: usize = 2;

/// The words of the frames of JavaScript on a stack that begins at `start`; all of them where there is no such frame.
pub fn roots(heap: &ImageHeap<'_>, start: u64, words: &[u64]) -> Vec<u64> {
    // The bound keeps sums of an address and a size from overflowing.
    if start >= 1 << 48 {
        return words.to_vec();
    }
    let mut found = Vec::new();
    for (frame, &above) in words.iter().enumerate().skip(HEADER) {
        if !is_frame(heap, start, words, frame, above) {
            continue;
        }
        let at = start + 8 * frame as u64;
        let called = words[..frame].iter().rposition(|&word| word == at);
        let from = called.map_or(frame - HEADER, |called| called + HEADER);
        found.extend_from_slice(&words[from.min(frame)..frame]);
    }
    if found.is_empty() { words.to_vec() } else { found }
}

/// Whether a frame begins here: it has the place of the frame above, and below it its context and its function.
fn is_frame(heap: &ImageHeap<'_>, start: u64, words: &[u64], frame: usize, above: u64) -> bool {
    let (at, end) = (start + 8 * frame as u64, start + 8 * words.len() as u64);
    let object = |word: u64| -> Option<Object> { heap.object(target(word)?) };
    above.is_multiple_of(8)
        && (at + 1..end).contains(&above)
        && object(words[frame - 1]).is_some_and(|context| {
            matches!(context.shape, ObjectShape::Context | ObjectShape::NativeContext)
        })
        && object(words[frame - 2]).is_some_and(|code| code.shape == ObjectShape::Function)
}
