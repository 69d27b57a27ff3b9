//! Memory whose size a file decides. It is asked for before it is used, so that too little of it is an error of the
//! analysis and not the end of the process.

use std::collections::{HashMap, TryReserveError};
use std::hash::{BuildHasher, Hash};

use crate::heap::error::{HeapError, HeapResult};
use crate::heap::spill::{fallible, refusal};

/// Bytes of the graph's phases for a node and for an edge: the dominator tree, retained sizes and distances at their
/// peak.
const PER_NODE: usize = 64;
const PER_EDGE: usize = 12;

/// Makes room for `more` in a column.
pub fn room<T>(column: &mut Vec<T>, more: usize) -> HeapResult<()> {
    fallible(|| column.try_reserve(more)).map_err(|error| refused::<T>(&error, more))
}

/// Makes room for one more in a table.
pub fn room_in<K: Eq + Hash, V, S: BuildHasher>(table: &mut HashMap<K, V, S>) -> HeapResult<()> {
    let more = table.len().max(1);
    fallible(|| table.try_reserve(1)).map_err(|error| refused::<(K, V)>(&error, more))
}

/// Whether there is room for what a graph of this size needs beside its columns: what follows is sized by it, in many
/// places.
pub fn room_for_graph(nodes: usize, edges: usize) -> HeapResult<()> {
    let bytes = nodes.saturating_mul(PER_NODE).saturating_add(edges.saturating_mul(PER_EDGE));
    room(&mut Vec::<u8>::new(), bytes)
}

#[cold]
fn refused<T>(_: &TryReserveError, more: usize) -> HeapError {
    let bytes = more.saturating_mul(size_of::<T>()) as u64;
    match refusal() {
        Some((folder, why)) => HeapError::SpillRefused { folder, why, bytes },
        None => HeapError::NoMemory { bytes },
    }
}

#[cfg(test)]
pub mod limited {
    //! An allocator that refuses this thread what is larger than a limit: an allocation that cannot fail ends the tests
    //! then.

    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;

    struct Limited;

    #[global_allocator]
    static ALLOCATOR: Limited = Limited;

    thread_local! {
        static MOST: Cell<usize> = const { Cell::new(usize::MAX) };
    }

    fn is_refused(bytes: usize) -> bool {
        MOST.try_with(|most| bytes > most.get()).unwrap_or(false)
    }

    // SAFETY: it is the system's allocator, or null, which says that there is no memory.
    unsafe impl GlobalAlloc for Limited {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            if is_refused(layout.size()) {
                return std::ptr::null_mut();
            }
            // SAFETY: the caller's promises are passed on.
            unsafe { System.alloc(layout) }
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            if is_refused(layout.size()) {
                return std::ptr::null_mut();
            }
            // SAFETY: the caller's promises are passed on.
            unsafe { System.alloc_zeroed(layout) }
        }

        unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            if size > layout.size() && is_refused(size) {
                return std::ptr::null_mut();
            }
            // SAFETY: the caller's promises are passed on.
            unsafe { System.realloc(memory, layout, size) }
        }

        unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
            // SAFETY: the caller's promises are passed on.
            unsafe { System.dealloc(memory, layout) }
        }
    }

    /// Runs with no allocation of this thread larger than `most` bytes.
    pub fn at_most<T>(most: usize, run: impl FnOnce() -> T) -> T {
        MOST.set(most);
        let result = run();
        MOST.set(usize::MAX);
        result
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use crate::heap::error::HeapError;
    use crate::heap::memory::limited::at_most;
    use crate::heap::progress::unattended;
    use crate::heap::snapshot::Snapshot;

    const META: &str = r#"{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count","detachedness"],"node_types":[["hidden","synthetic"],"string","number","number","number","number"],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["context","element"],"string_or_number","node"],"location_fields":["object_index","script_id","line","column"]},"#;
    /// Above what readers always take.
    const MOST: usize = 4 << 20;

    /// A text with a part that is repeated, as a gzip of a few bytes may stand for gigabytes.
    fn text(
        start: String,
        repeated: &'static [u8],
        times: usize,
        end: &'static str,
    ) -> impl Read + Send {
        let middle = std::iter::repeat_n(repeated, times).map(std::io::Cursor::new);
        let mut middle = middle.peekable();
        let mut start = std::io::Cursor::new(start.into_bytes());
        let mut end = end.as_bytes();
        Parts(move |buffer: &mut [u8]| {
            let read = start.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            while let Some(part) = middle.peek_mut() {
                let read = part.read(buffer)?;
                if read > 0 {
                    return Ok(read);
                }
                middle.next();
            }
            end.read(buffer)
        })
    }

    struct Parts<F>(F);

    impl<F: FnMut(&mut [u8]) -> std::io::Result<usize>> Read for Parts<F> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            (self.0)(buffer)
        }
    }

    fn refusal(reader: impl Read + Send) -> String {
        let result = at_most(MOST, || Snapshot::read(reader, &unattended));
        result.expect_err("it is larger than what there is").code().to_owned()
    }

    static BLOCK: [u8; 1 << 16] = [b'x'; 1 << 16];
    const NO_MEMORY: &str = "ERR_PLIMSOLL_SNAPSHOT_NO_MEMORY";

    #[test]
    fn one_long_string_is_refused() {
        let start = format!(r#"{META}"node_count":1,"edge_count":0}},"strings":[""#);
        assert_eq!(refusal(text(start, &BLOCK, 160, "\"]}")), NO_MEMORY);
        // With all the memory of this machine it is longer than any that V8 writes.
        let start = r#"{"strings":[""#.to_owned();
        let result = Snapshot::read(text(start, &BLOCK, 2048, "\"]}"), &unattended);
        assert!(matches!(result, Err(HeapError::TooLarge(_))));
    }

    #[test]
    fn strings_in_what_is_skipped_and_in_keys_take_no_memory() {
        let skipped = text(r#"{"unknown":[""#.to_owned(), &BLOCK, 2048, "\"]}");
        assert_eq!(refusal(skipped), "ERR_PLIMSOLL_SNAPSHOT_SCHEMA");
        let key = text("{\"".to_owned(), &BLOCK, 2048, "\":1}");
        assert_eq!(refusal(key), "ERR_PLIMSOLL_SNAPSHOT_SCHEMA");
        let header = text(r#"{"snapshot":{"title":""#.to_owned(), &BLOCK, 2048, "\"}}");
        assert_eq!(refusal(header), "ERR_PLIMSOLL_SNAPSHOT_SCHEMA");
    }

    #[test]
    fn each_section_may_be_too_large() {
        const MANY: usize = 2 << 20;
        let nodes = format!(r#"{META}"node_count":{MANY},"edge_count":0}},"nodes":[0,0,1,8,0,0"#);
        assert_eq!(refusal(text(nodes.clone(), b",0,0,3,8,0,0", MANY - 1, "]}")), NO_MEMORY);
        let sizes = format!(r#"{META}"node_count":{MANY},"edge_count":0}},"nodes":[0,0,1,8,0,0"#);
        assert_eq!(refusal(text(sizes, b",0,0,3,4294967296,0,0", MANY - 1, "]}")), NO_MEMORY);
        let edges = format!(
            r#"{META}"node_count":1,"edge_count":{MANY}}},"nodes":[0,0,1,8,{MANY},0],"edges":[0,0,0"#
        );
        assert_eq!(refusal(text(edges.clone(), b",0,0,0", MANY - 1, "]}")), NO_MEMORY);
        assert_eq!(refusal(text(edges, b",1,4294967295,0", MANY - 1, "]}")), NO_MEMORY);
        let locations = format!(
            r#"{META}"node_count":1,"edge_count":0}},"nodes":[0,0,1,8,0,0],"edges":[],"locations":[0,0,0,0"#
        );
        assert_eq!(refusal(text(locations, b",0,1,2,3", MANY - 1, "]}")), NO_MEMORY);
        let strings = format!(r#"{META}"node_count":1,"edge_count":0}},"strings":["""#);
        assert_eq!(refusal(text(strings, b",\"\"", MANY - 1, "]}")), NO_MEMORY);
    }

    #[test]
    fn a_graph_without_room_for_its_tree_is_refused_before_it_is_built() {
        const COUNT: usize = 200_000;
        let nodes = format!(r#"{META}"node_count":{COUNT},"edge_count":0}},"nodes":[0,0,1,8,0,0"#);
        let rest = r#"],"edges":[],"strings":["a"]}"#;
        let whole = || text(nodes.clone(), b",0,0,3,8,0,0", COUNT - 1, rest);
        assert_eq!(refusal(whole()), NO_MEMORY);
        assert_eq!(Snapshot::read(whole(), &unattended).unwrap().node_count(), COUNT);
    }
}
