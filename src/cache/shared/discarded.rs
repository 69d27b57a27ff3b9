//! Entries that have left a store and wait to be freed, off the threads that run JavaScript.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::shard::{Entry, Shard};

/// The contents of so many shards at most: beyond that the caller frees its own.
const MOST: usize = 64;

/// A list of what is to be freed.
#[derive(Debug, Default)]
pub struct Discarded {
    contents: Mutex<Vec<Vec<Option<Entry>>>>,
    any: AtomicBool,
}

impl Discarded {
    /// Adds the contents of a shard.
    pub fn add(&self, shard: Shard) {
        if shard.len() == 0 {
            return;
        }
        let entries = shard.into_entries();
        let mut contents = self.contents.lock();
        if contents.len() < MOST {
            contents.push(entries);
            self.any.store(true, Ordering::Relaxed);
        }
    }

    /// Whether there is anything.
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.contents.lock().iter().flatten().flatten().count()
    }

    /// Frees at most `limit` entries, and returns their bytes.
    pub fn free(&self, limit: usize) -> u64 {
        let mut left = limit;
        let mut bytes = 0;
        while left > 0 {
            let Some(mut entries) = self.contents.lock().pop() else { break };
            let keep = entries.len().saturating_sub(left);
            left -= entries.len() - keep;
            bytes += entries.drain(keep..).flatten().map(|entry| entry.len() as u64).sum::<u64>();
            if keep > 0 {
                self.contents.lock().push(entries);
            }
        }
        self.any.store(!self.contents.lock().is_empty(), Ordering::Relaxed);
        bytes
    }
}
