//! A store: shards, and the bytes that they may hold together.

use std::cell::LazyCell;
use std::hash::BuildHasher;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::clock::Clock;
use super::discarded::Discarded;
use super::lease::{Lease, LeaseOutcome, Part};
use super::mailbox::Mailbox;
use super::policy::Policy;
use super::shard::{Counters, ENTRY_BYTES, Entry, Shard};
use crate::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard};

#[cfg(not(all(test, models)))]
type Hasher = hashbrown::DefaultHashBuilder;
/// A model finds a key in the same shard in each of its runs.
#[cfg(all(test, models))]
type Hasher = std::hash::BuildHasherDefault<rustc_hash::FxHasher>;

/// More locks than any number of worker threads that makes sense.
const MOST_SHARDS: u64 = 64;
/// A shard with fewer bytes would hold too few entries for its policy to choose well.
const LEAST_SHARD_BYTES: u64 = 256 << 10;
/// Expired entries that are removed before a lock is let go.
const PURGE_BATCH: usize = 512;

/// Tables of so many slots go with the last entry of their shard, in the background. Smaller ones stay for the next
/// entries.
const LARGE_TABLES: usize = 1024;

/// Entries that one `set` removes one by one, at most. A value that needs more room takes whole shards.
const MOST_REMOVALS: usize = 10_000;

/// How a store is bounded. All who open it must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// Bytes at most: each entry's key and value and [`ENTRY_BYTES`].
    pub max_bytes: u64,
    /// Milliseconds that an entry lives unless it is given its own time; `u64::MAX` for ever.
    pub ttl: u64,
    /// Who goes for room.
    pub policy: Policy,
}

/// The figures of a store at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Entries held, expired ones that are not yet removed included.
    pub size: u64,
    /// Bytes held, as [`StoreOptions::max_bytes`] counts them.
    pub bytes: u64,
    /// What happened since it was opened.
    pub counters: Counters,
}

/// What [`SharedStore::join`] found.
#[derive(Debug)]
pub enum Joined {
    /// There is a value: nothing is to be computed.
    Present,
    /// The caller computes, and must [`SharedStore::finish`] it.
    Lead(Arc<Lease>),
    /// The key is being computed: the caller's part in it.
    UnderWay(Part, Arc<Lease>),
}

/// Values as bytes under keys as bytes, for any number of threads. At no moment does it hold more than `max_bytes`.
#[derive(Debug)]
pub struct SharedStore {
    options: StoreOptions,
    hasher: Hasher,
    shards: Box<[Mutex<Shard>]>,
    /// Each shard's earliest deadline, so that expired entries anywhere can go before live ones.
    earliest: Box<[AtomicU64]>,
    bytes: AtomicU64,
    /// The most of [`SharedStore::allocated`] since [`SharedStore::given_back`].
    peak: AtomicU64,
    /// The shard that gives room next where a key's own has less than its share.
    hand: AtomicUsize,
    discarded: Discarded,
    /// The time.
    pub clock: Clock,
}

/// A locked shard; its earliest deadline is published when it is let go.
struct Guard<'a> {
    shard: MutexGuard<'a, Shard>,
    earliest: &'a AtomicU64,
}

impl Deref for Guard<'_> {
    type Target = Shard;
    fn deref(&self) -> &Shard {
        &self.shard
    }
}

impl DerefMut for Guard<'_> {
    fn deref_mut(&mut self) -> &mut Shard {
        &mut self.shard
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let first = self.shard.first_deadline().map_or(u64::MAX, |(deadline, _)| deadline);
        if first != self.earliest.load(Ordering::Relaxed) {
            self.earliest.store(first, Ordering::Relaxed);
        }
    }
}

impl SharedStore {
    /// An empty store.
    #[must_use]
    pub fn new(options: StoreOptions) -> Self {
        let shards = (options.max_bytes / LEAST_SHARD_BYTES).clamp(1, MOST_SHARDS);
        Self::with_shards(options, 1 << shards.ilog2())
    }

    fn with_shards(options: StoreOptions, shards: usize) -> Self {
        let share = options.max_bytes / shards as u64;
        Self {
            options,
            hasher: Hasher::default(),
            shards: (0..shards).map(|_| Mutex::new(Shard::new(options.policy, share))).collect(),
            earliest: (0..shards).map(|_| AtomicU64::new(u64::MAX)).collect(),
            bytes: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            hand: AtomicUsize::new(0),
            discarded: Discarded::default(),
            clock: Clock::default(),
        }
    }

    /// How it is bounded.
    #[must_use]
    pub fn options(&self) -> StoreOptions {
        self.options
    }

    /// Looks a key up and gives its value to `read` while the shard is locked: `read` copies and returns, no more.
    /// Where it returns false beside its result (there was no room, it will ask again), the look-up is not counted.
    pub fn get<T>(&self, key: &[u8], read: impl FnOnce(&[u8]) -> (T, bool)) -> Option<T> {
        let (at, hash) = self.place(key);
        let mut shard = self.lock(at);
        let Some(slot) = self.live(&mut shard, hash, key) else {
            shard.counters.misses += 1;
            return None;
        };
        let (result, used) = read(shard.value(slot));
        if used {
            shard.counters.hits += 1;
            shard.touch(slot);
        }
        Some(result)
    }

    /// Whether there is a value, leaving no trace.
    #[must_use]
    pub fn has(&self, key: &[u8]) -> bool {
        let (at, hash) = self.place(key);
        let mut shard = self.lock(at);
        self.live(&mut shard, hash, key).is_some()
    }

    /// Stores a value for `ttl` milliseconds (`None`: the store's). An entry larger than the whole store is not kept,
    /// nor is the one that was there; then it returns false.
    pub fn set(&self, key: &[u8], value: &[u8], ttl: Option<u64>) -> bool {
        self.put(key, value, ttl, None)
    }

    /// Removes a key, and returns whether there was a live value.
    pub fn delete(&self, key: &[u8]) -> bool {
        let (at, hash) = self.place(key);
        let mut shard = self.lock(at);
        shard.detach(key);
        let Some(slot) = self.live(&mut shard, hash, key) else { return false };
        self.take(&mut shard, slot, false);
        true
    }

    /// Removes all entries. Their memory is freed by [`SharedStore::tidy`].
    pub fn clear(&self) {
        for at in 0..self.shards.len() {
            let mut shard = self.lock(at);
            shard.detach_all();
            self.empty(shard);
        }
    }

    /// Takes all entries out of a shard, in constant time.
    fn empty(&self, mut shard: Guard<'_>) {
        let share = self.options.max_bytes / self.shards.len() as u64;
        let contents = shard.take_contents(self.options.policy, share);
        self.bytes.fetch_sub(contents.bytes(), Ordering::Relaxed);
        drop(shard);
        self.discarded.add(contents);
    }

    /// Removes what has expired, and returns how many entries that were.
    pub fn purge(&self) -> usize {
        self.purge_at_most(usize::MAX)
    }

    fn purge_at_most(&self, limit: usize) -> usize {
        let now = self.clock.now();
        let mut purged = 0;
        for (at, earliest) in self.earliest.iter().enumerate() {
            while earliest.load(Ordering::Relaxed) <= now && purged < limit {
                let mut shard = self.lock(at);
                for _ in 0..PURGE_BATCH.min(limit - purged) {
                    if !self.expire_first(&mut shard, now) {
                        break;
                    }
                    purged += 1;
                }
            }
        }
        purged
    }

    /// Whether entries wait for [`SharedStore::tidy`] to free them.
    #[must_use]
    pub fn has_discarded(&self) -> bool {
        self.discarded.bytes() > 0
    }

    /// Bytes in memory: of the entries held, and of those that wait for [`SharedStore::tidy`].
    fn allocated(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed) + self.discarded.bytes()
    }

    /// Bytes that it had at its peak and has freed since: the allocator may still have them.
    #[must_use]
    pub fn freed(&self) -> u64 {
        let allocated = self.allocated();
        self.peak.fetch_max(allocated, Ordering::Relaxed).saturating_sub(allocated)
    }

    /// The allocator has returned what was free: a new peak begins.
    pub fn given_back(&self) {
        self.peak.store(self.allocated(), Ordering::Relaxed);
    }

    /// Work for the background: frees discarded entries and removes expired ones, at most `limit` of each, and frees
    /// the tables of shards that have become empty. Whether it should be called again soon.
    pub fn tidy(&self, limit: usize) -> bool {
        self.discarded.free(limit);
        if self.has_discarded() || self.purge_at_most(limit) == limit {
            return true;
        }
        for at in 0..self.shards.len() {
            let shard = self.lock(at);
            if shard.len() == 0 && shard.slots() >= LARGE_TABLES {
                self.empty(shard);
            }
        }
        false
    }

    /// The figures.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for at in 0..self.shards.len() {
            let shard = self.lock(at);
            stats.size += shard.len() as u64;
            stats.bytes += shard.bytes();
            stats.counters.hits += shard.counters.hits;
            stats.counters.misses += shard.counters.misses;
            stats.counters.evictions += shard.counters.evictions;
            stats.counters.expirations += shard.counters.expirations;
        }
        stats
    }

    /// The live keys of part `at` of the store, in no order; `None` beyond the last part.
    #[must_use]
    pub fn keys(&self, at: usize) -> Option<Vec<Box<[u8]>>> {
        (at < self.shards.len()).then(|| self.lock(at).keys(self.clock.now()))
    }

    /// Joins the isolate of a mailbox to the computation of a key: as its leader where there is none. `number` is the
    /// isolate's for a part that it does not have yet.
    #[must_use]
    pub fn join(&self, key: &[u8], mailbox: &Arc<Mailbox>, number: u32) -> Joined {
        let (at, hash) = self.place(key);
        let mut shard = self.lock(at);
        if self.live(&mut shard, hash, key).is_some() {
            return Joined::Present;
        }
        if let Some(lease) = shard.lease(key)
            && let Some(part) = lease.join(mailbox, number)
        {
            return Joined::UnderWay(part, Arc::clone(lease));
        }
        let lease = Arc::new(Lease::new(mailbox, number));
        shard.begin(key, Arc::clone(&lease));
        Joined::Lead(lease)
    }

    /// Ends a computation that the caller leads. A value is stored, unless the key was set, deleted or cleared since:
    /// then it may be out of date, and only those who waited get it.
    pub fn finish(&self, key: &[u8], lease: &Arc<Lease>, outcome: LeaseOutcome, ttl: Option<u64>) {
        if let LeaseOutcome::Value(value) = &outcome {
            self.put(key, value, ttl, Some(lease));
        } else {
            let mut shard = self.lock(self.place(key).0);
            if shard.lease(key).is_some_and(|current| Arc::ptr_eq(current, lease)) {
                shard.detach(key);
            }
        }
        lease.end(outcome);
    }

    fn put(&self, key: &[u8], value: &[u8], ttl: Option<u64>, lease: Option<&Arc<Lease>>) -> bool {
        let (at, hash) = self.place(key);
        let bytes = (key.len() + value.len()) as u64 + ENTRY_BYTES;
        // One reading, and none where nothing ends and there is room.
        let now = LazyCell::new(|| self.clock.now());
        let deadline = match ttl.unwrap_or(self.options.ttl) {
            u64::MAX => u64::MAX,
            ttl => now.saturating_add(ttl),
        };
        let kept = u32::try_from(bytes).ok().filter(|_| bytes <= self.options.max_bytes);
        let mut entry = kept.map(|bytes| (Entry::new(key, value), bytes));
        let mut removals = 0;
        loop {
            let mut shard = self.lock(at);
            if lease.is_some_and(|lease| {
                !shard.lease(key).is_some_and(|current| Arc::ptr_eq(current, lease))
            }) {
                return false;
            }
            let old = shard.find(hash, key);
            let old_bytes = old.map_or(0, |slot| shard.bytes_of(slot));
            if entry.is_some() && !self.reserve(bytes, old_bytes) {
                if removals < MOST_REMOVALS {
                    self.make_room(shard, at, bytes, *now);
                    removals += 1;
                } else {
                    drop(shard); // one lock at a time
                    self.empty_fullest();
                }
                continue;
            }
            shard.detach(key);
            let Some((entry, bytes)) = entry.take() else {
                if let Some(slot) = old {
                    self.take(&mut shard, slot, false);
                }
                return false;
            };
            let replaced = match old {
                Some(slot) => shard.replace(slot, entry, bytes, deadline),
                None => {
                    shard.insert(hash, entry, bytes, deadline);
                    None
                }
            };
            drop(shard);
            drop(replaced);
            return true;
        }
    }

    /// Evicts all entries of the shard that has the most bytes.
    fn empty_fullest(&self) {
        let bytes = |&at: &usize| self.lock(at).bytes();
        let Some(fullest) = (0..self.shards.len()).max_by_key(bytes) else { return };
        let mut shard = self.lock(fullest);
        shard.counters.evictions += shard.len() as u64;
        self.empty(shard);
    }

    /// Accounts for an entry of `bytes` in place of one of `old` bytes, where that is within the bound.
    fn reserve(&self, bytes: u64, old: u64) -> bool {
        let replace = |held: u64| {
            Some(held - old + bytes).filter(|&sum| sum <= self.options.max_bytes || bytes <= old)
        };
        let held = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, replace);
        let sum = held.map(|held| held - old + bytes);
        // In a full store the peak stands, and is only read.
        if sum.is_ok_and(|sum| sum > self.peak.load(Ordering::Relaxed)) {
            self.peak.fetch_max(sum.unwrap_or(0), Ordering::Relaxed);
        }
        sum.is_ok()
    }

    /// Removes an entry that should go so that `incoming` bytes may come to shard `at`: an expired one, wherever it is;
    /// or else one of the shard itself where it has its share, or one of another that has.
    fn make_room(&self, mut own: Guard<'_>, at: usize, incoming: u64, now: u64) {
        if self.expire_first(&mut own, now) {
            return;
        }
        let expired =
            self.earliest.iter().position(|earliest| earliest.load(Ordering::Relaxed) <= now);
        let share = self.options.max_bytes / self.shards.len() as u64;
        if expired.is_none() && own.bytes() + incoming > share && self.evict(&mut own, incoming) {
            return;
        }
        drop(own); // one lock at a time
        if expired.is_some_and(|other| self.expire_first(&mut self.lock(other), now)) {
            return;
        }
        let count = self.shards.len();
        let hand = self.hand.load(Ordering::Relaxed);
        for least in [share, 0] {
            for step in 0..count {
                let other = (hand + step) % count;
                let mut shard = self.lock(other);
                if shard.bytes() > least
                    && self.evict(&mut shard, if other == at { incoming } else { 0 })
                {
                    self.hand.store((other + 1) % count, Ordering::Relaxed);
                    return;
                }
            }
        }
    }

    fn evict(&self, shard: &mut Shard, incoming: u64) -> bool {
        let Some(slot) = shard.victim(incoming) else { return false };
        self.take(shard, slot, true);
        shard.counters.evictions += 1;
        true
    }

    fn expire_first(&self, shard: &mut Shard, now: u64) -> bool {
        let Some((_, slot)) = shard.first_deadline().filter(|&(deadline, _)| deadline <= now)
        else {
            return false;
        };
        self.take(shard, slot, false);
        shard.counters.expirations += 1;
        true
    }

    /// The slot of a key's live entry; one that has expired is removed.
    fn live(&self, shard: &mut Shard, hash: u32, key: &[u8]) -> Option<u32> {
        let slot = shard.find(hash, key)?;
        let deadline = shard.deadline(slot);
        if deadline == u64::MAX || deadline > self.clock.now() {
            return Some(slot);
        }
        self.take(shard, slot, false);
        shard.counters.expirations += 1;
        None
    }

    fn take(&self, shard: &mut Shard, slot: u32, evicted: bool) {
        self.bytes.fetch_sub(shard.bytes_of(slot), Ordering::Relaxed);
        shard.remove(slot, evicted);
    }

    fn lock(&self, at: usize) -> Guard<'_> {
        Guard { shard: self.shards[at].lock(), earliest: &self.earliest[at] }
    }

    /// The key's shard, and the hash within it.
    fn place(&self, key: &[u8]) -> (usize, u32) {
        let hash = self.hasher.hash_one(key);
        (hash as usize & (self.shards.len() - 1), (hash >> 32) as u32)
    }

    #[cfg(test)]
    fn check(&self) {
        let mut bytes = 0;
        for at in 0..self.shards.len() {
            let shard = self.lock(at);
            shard.check();
            bytes += shard.bytes();
        }
        assert_eq!(bytes, self.bytes.load(Ordering::Relaxed));
        assert!(bytes <= self.options.max_bytes);
    }
}

#[cfg(all(test, models))]
mod models;
#[cfg(test)]
mod tests;
