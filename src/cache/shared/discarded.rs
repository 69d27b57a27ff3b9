//! Entries that have left a store and wait to be freed, off the threads that run JavaScript.

use std::sync::atomic::Ordering;

use super::shard::{ENTRY_BYTES, Entry, Shard};
use crate::sync::{AtomicU64, Mutex};

/// The contents of so many shards at most: beyond that the caller frees its own.
const MOST: usize = 64;

/// A list of what is to be freed.
#[derive(Debug, Default)]
pub struct Discarded {
    contents: Mutex<Vec<Vec<Option<Entry>>>>,
    bytes: AtomicU64,
}

impl Discarded {
    /// Adds the contents of a shard.
    pub fn add(&self, shard: Shard) {
        if shard.len() == 0 {
            return;
        }
        let bytes = shard.bytes();
        let entries = shard.into_entries();
        let mut contents = self.contents.lock();
        if contents.len() < MOST {
            contents.push(entries);
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Bytes that are to be freed, [`ENTRY_BYTES`] for each entry included.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.contents.lock().iter().flatten().flatten().count()
    }

    /// Frees at most `limit` entries.
    pub fn free(&self, limit: usize) {
        let mut left = limit;
        while left > 0 {
            let Some(mut entries) = self.contents.lock().pop() else { break };
            let keep = entries.len().saturating_sub(left);
            left -= entries.len() - keep;
            let bytes =
                entries.drain(keep..).flatten().map(|entry| entry.len() as u64 + ENTRY_BYTES);
            self.bytes.fetch_sub(bytes.sum(), Ordering::Relaxed);
            if keep > 0 {
                self.contents.lock().push(entries);
            }
        }
    }
}
