//! One part of a store, behind one lock: entries, where they are found, and the policy over them.

use std::sync::Arc;

use hashbrown::{HashMap, HashTable};

use super::deadlines::Deadlines;
use super::lease::Lease;
use super::policy::{Policy, Queues};
use crate::os::memory;

/// What an entry counts beyond its key and value: about what it takes in the tables and the allocator.
pub const ENTRY_BYTES: u64 = 64;

/// From here on glibc's allocator always gives a mapping of its own (`DEFAULT_MMAP_THRESHOLD_MAX`).
const MAPPED_BYTES: usize = 32 << 20;

/// A key and its value in one allocation.
#[derive(Debug)]
pub struct Entry {
    data: Box<[u8]>,
    key_length: u32,
}

impl Entry {
    /// Copies both.
    pub fn new(key: &[u8], value: &[u8]) -> Self {
        let mut data = Vec::with_capacity(key.len() + value.len());
        if data.capacity() >= MAPPED_BYTES {
            // Touching a fresh mapping page by page takes longer than the copy.
            memory::prefer_huge_pages(data.spare_capacity_mut());
        }
        data.extend_from_slice(key);
        data.extend_from_slice(value);
        Self { data: data.into(), key_length: key.len() as u32 }
    }

    /// Bytes of the key and the value.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    fn key(&self) -> &[u8] {
        &self.data[..self.key_length as usize]
    }

    fn value(&self) -> &[u8] {
        &self.data[self.key_length as usize..]
    }
}

/// What happened since the store was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Look-ups that found a live entry.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Entries that had to go for room.
    pub evictions: u64,
    /// Entries that went at the end of their time.
    pub expirations: u64,
}

/// A part of a store. The caller sees to the lock, to the bytes of the whole, and to the time.
#[derive(Debug)]
pub struct Shard {
    index: HashTable<u32>,
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    queues: Queues,
    deadlines: Deadlines,
    /// The computations under way, by key.
    leases: HashMap<Box<[u8]>, Arc<Lease>>,
    /// What happened here.
    pub counters: Counters,
}

/// The table's hash of a key's 32 bits: hashbrown takes its tag from the upper end, its bucket from the lower.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Shard {
    /// An empty part for about `capacity` bytes.
    pub fn new(policy: Policy, capacity: u64) -> Self {
        Self {
            index: HashTable::new(),
            entries: Vec::new(),
            free: Vec::new(),
            queues: Queues::new(policy, capacity),
            deadlines: Deadlines::default(),
            leases: HashMap::new(),
            counters: Counters::default(),
        }
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Entries that the tables have had at once.
    pub fn slots(&self) -> usize {
        self.entries.len()
    }

    /// Bytes held, [`ENTRY_BYTES`] for each entry included.
    pub fn bytes(&self) -> u64 {
        self.queues.bytes()
    }

    /// The bytes of a slot's entry, [`ENTRY_BYTES`] included.
    pub fn bytes_of(&self, slot: u32) -> u64 {
        u64::from(self.queues.bytes_of(slot))
    }

    /// The slot of a key's entry, alive or not.
    pub fn find(&self, hash: u32, key: &[u8]) -> Option<u32> {
        let entries = &self.entries;
        let same =
            |&slot: &u32| entries[slot as usize].as_ref().is_some_and(|entry| entry.key() == key);
        self.index.find(spread(hash), same).copied()
    }

    /// When the slot's entry ends; `u64::MAX` for never.
    pub fn deadline(&self, slot: u32) -> u64 {
        self.deadlines.of(slot)
    }

    /// The slot that ends first, with its deadline.
    pub fn first_deadline(&self) -> Option<(u64, u32)> {
        self.deadlines.first()
    }

    /// The value in a slot that [`Shard::find`] gave.
    pub fn value(&self, slot: u32) -> &[u8] {
        self.entries[slot as usize].as_ref().map_or(&[], Entry::value)
    }

    /// The slot's entry was used.
    pub fn touch(&mut self, slot: u32) {
        self.queues.touch(slot);
    }

    /// Puts an entry in place of the one in `slot`, whose key is the same.
    pub fn replace(&mut self, slot: u32, entry: Entry, bytes: u32, deadline: u64) -> Option<Entry> {
        self.queues.resize(slot, bytes);
        self.queues.touch(slot);
        self.deadlines.set(slot, deadline);
        self.entries[slot as usize].replace(entry)
    }

    /// Puts an entry whose key is not here.
    pub fn insert(&mut self, hash: u32, entry: Entry, bytes: u32, deadline: u64) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            self.entries.len() as u32 - 1
        });
        self.entries[slot as usize] = Some(entry);
        self.queues.add(slot, hash, bytes);
        self.deadlines.set(slot, deadline);
        let queues = &self.queues;
        self.index.insert_unique(spread(hash), slot, |&other| spread(queues.hash_of(other)));
    }

    /// The slot that should go so that `incoming` bytes may come.
    pub fn victim(&mut self, incoming: u64) -> Option<u32> {
        self.queues.victim(incoming)
    }

    /// Takes an entry out; one that was `evicted` is remembered for a while.
    pub fn remove(&mut self, slot: u32, evicted: bool) -> Option<Entry> {
        let hash = self.queues.hash_of(slot);
        if let Ok(found) = self.index.find_entry(spread(hash), |&other| other == slot) {
            found.remove();
        }
        if evicted {
            self.queues.evict(slot);
        } else {
            self.queues.remove(slot);
        }
        self.deadlines.remove(slot);
        self.free.push(slot);
        self.entries[slot as usize].take()
    }

    /// The keys of the entries that live at `now`.
    pub fn keys(&self, now: u64) -> Vec<Box<[u8]>> {
        let live = |slot: u32| self.deadlines.of(slot) > now;
        let entry = |slot: u32| self.entries[slot as usize].as_ref();
        self.index
            .iter()
            .filter(|&&slot| live(slot))
            .filter_map(|&slot| Some(entry(slot)?.key().into()))
            .collect()
    }

    /// Takes out everything but the counters and the computations under way.
    pub fn take_contents(&mut self, policy: Policy, capacity: u64) -> Self {
        let mut fresh = Self::new(policy, capacity);
        fresh.counters = self.counters;
        std::mem::swap(&mut fresh.leases, &mut self.leases);
        std::mem::replace(self, fresh)
    }

    /// The entries, without order, to be freed.
    pub fn into_entries(self) -> Vec<Option<Entry>> {
        self.entries
    }

    /// The computation of a key that is under way.
    pub fn lease(&self, key: &[u8]) -> Option<&Arc<Lease>> {
        self.leases.get(key)
    }

    /// A computation of the key begins.
    pub fn begin(&mut self, key: &[u8], lease: Arc<Lease>) {
        self.leases.insert(key.into(), lease);
    }

    /// Parts the key from its computation, if there is one: what that gives is not stored.
    pub fn detach(&mut self, key: &[u8]) {
        // Mostly there is none, and then the key need not be hashed again.
        if !self.leases.is_empty() {
            self.leases.remove(key);
        }
    }

    /// Parts every key from its computation.
    pub fn detach_all(&mut self) {
        self.leases = HashMap::new();
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        let held = self.entries.iter().flatten();
        let bytes: u64 = held.clone().map(|entry| entry.data.len() as u64 + ENTRY_BYTES).sum();
        assert_eq!(bytes, self.bytes());
        assert_eq!(held.count(), self.len());
        assert_eq!(self.entries.len(), self.len() + self.free.len());
        let found = |slot: &u32| {
            self.find(
                self.queues.hash_of(*slot),
                self.entries[*slot as usize].as_ref().unwrap().key(),
            )
        };
        assert!(self.index.iter().all(|slot| found(slot) == Some(*slot)));
        assert!(self.free.iter().all(|&slot| self.deadlines.of(slot) == u64::MAX));
    }
}
