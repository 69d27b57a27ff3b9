use super::*;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::thread;

const NEVER: u64 = u64::MAX;

fn options(max_bytes: u64, policy: Policy) -> StoreOptions {
    StoreOptions { max_bytes, ttl: NEVER, policy }
}

/// A store whose clock stands at 0.
fn store(max_bytes: u64, shards: usize, policy: Policy) -> SharedStore {
    let store = SharedStore::with_shards(options(max_bytes, policy), shards);
    store.clock.set(0);
    store
}

fn copy(value: &[u8]) -> (Vec<u8>, bool) {
    (value.to_vec(), true)
}

#[derive(Debug, Clone)]
enum Operation {
    Set { key: u8, length: usize, ttl: Option<u64> },
    Get(u8),
    Delete(u8),
    Advance(u64),
    Purge,
    Clear,
}

fn operation() -> impl Strategy<Value = Operation> {
    let ttl = prop_oneof![2 => Just(None), 1 => (1u64..40).prop_map(Some)];
    prop_oneof![
        8 => (0u8..40, 0usize..300, ttl).prop_map(|(key, length, ttl)| Operation::Set { key, length, ttl }),
        8 => (0u8..40).prop_map(Operation::Get),
        2 => (0u8..40).prop_map(Operation::Delete),
        3 => (0u64..12).prop_map(Operation::Advance),
        1 => Just(Operation::Purge),
        1 => Just(Operation::Clear),
    ]
}

fn cost(key: &[u8], value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64 + ENTRY_BYTES
}

proptest! {
    /// Against a map without a bound: what the store has is what was set last and lives; what it lacks was counted as
    /// evicted, and only where there was no room and nothing expired was left to go first.
    #[test]
    fn it_agrees_with_a_model(
        operations in prop::collection::vec(operation(), 0..300),
        max in 200u64..3000,
        shards in prop_oneof![Just(1usize), Just(4)],
        policy in prop_oneof![Just(Policy::Adaptive), Just(Policy::Lru)],
    ) {
        let store = store(max, shards, policy);
        let mut model: HashMap<Vec<u8>, (Vec<u8>, u64)> = HashMap::new();
        let (mut now, mut serial) = (0u64, 0u8);
        for operation in operations {
            match operation {
                Operation::Set { key, length, ttl } => {
                    serial = serial.wrapping_add(1);
                    let (key, value) = (vec![key], vec![serial; length]);
                    let before = store.stats();
                    let live = model.values().filter(|(_, deadline)| *deadline > now).count() as u64;
                    let kept = store.set(&key, &value, ttl);
                    prop_assert_eq!(kept, cost(&key, &value) <= max);
                    let evicted = store.stats().counters.evictions - before.counters.evictions;
                    if evicted > 0 {
                        prop_assert!(before.bytes + cost(&key, &value) > max, "evicted without need");
                        let expired = store.stats().counters.expirations - before.counters.expirations;
                        prop_assert_eq!(before.size - live.min(before.size), expired, "expired ones go first");
                    }
                    model.remove(&key);
                    if kept {
                        model.insert(key, (value, ttl.map_or(NEVER, |ttl| now + ttl)));
                    }
                    model.retain(|key, (_, deadline)| *deadline <= now || store.has(key));
                }
                Operation::Get(key) => {
                    let expected = model.get(&vec![key]).filter(|(_, deadline)| *deadline > now).map(|(value, _)| value.clone());
                    prop_assert_eq!(store.get(&[key], copy), expected);
                }
                Operation::Delete(key) => {
                    let lived = model.remove(&vec![key]).is_some_and(|(_, deadline)| deadline > now);
                    prop_assert_eq!(store.delete(&[key]), lived);
                }
                Operation::Advance(by) => {
                    now += by;
                    store.clock.set(now);
                }
                Operation::Purge => {
                    store.purge();
                    model.retain(|_, (_, deadline)| *deadline > now);
                    prop_assert_eq!(store.stats().size, model.len() as u64);
                }
                Operation::Clear => {
                    store.clear();
                    model.clear();
                    prop_assert_eq!((store.stats().size, store.stats().bytes), (0, 0));
                }
            }
            store.check();
        }
        let mut keys: Vec<_> = (0..).map_while(|at| store.keys(at)).flatten().map(Vec::from).collect();
        let mut expected: Vec<_> = model.iter().filter(|(_, (_, deadline))| *deadline > now).map(|(key, _)| key.clone()).collect();
        keys.sort();
        expected.sort();
        prop_assert_eq!(keys, expected);
    }
}

#[test]
fn the_number_of_shards_follows_the_bytes() {
    let shards = |max| SharedStore::new(options(max, Policy::Adaptive)).shards.len();
    assert_eq!([1, 600 << 10, 4 << 20, 1 << 40].map(shards), [1, 2, 16, 64]);
}

#[test]
fn an_entry_may_be_as_large_as_the_whole() {
    let store = store(100_000, 16, Policy::Adaptive);
    for key in 0..200u8 {
        assert!(store.set(&[key], &[0; 400], None));
    }
    assert!(store.set(b"all", &vec![1; 100_000 - 3 - ENTRY_BYTES as usize], None));
    assert_eq!(store.stats().size, 1);
    assert!(
        !store.set(b"all", &vec![1; 100_000], None),
        "too large, and the old value is gone too"
    );
    assert!(!store.has(b"all"));
    store.check();
}

#[test]
fn the_shares_of_many_shards_are_used_up() {
    let store = store(1 << 20, 64, Policy::Adaptive);
    for key in 0..20_000u32 {
        store.set(&key.to_le_bytes(), &[0; 100], None);
    }
    assert!(store.stats().bytes > (1 << 20) - 200, "full to the last entry");
    store.check();
}

#[test]
fn threads_share_a_store_within_its_bound() {
    const MAX: u64 = 300_000;
    const TURNS: u64 = if cfg!(miri) { 50 } else { 30_000 };
    let store = SharedStore::with_shards(options(MAX, Policy::Adaptive), 8);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4u64)
            .map(|thread| {
                let store = &store;
                scope.spawn(move || {
                    let mut random = thread + 1;
                    for turn in 0..TURNS {
                        random = random
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        let key = (random >> 40) % 5000;
                        // A value says whose it is: one that is torn, or another key's, shows.
                        let value = [key.to_le_bytes(); 40];
                        match random >> 60 {
                            0 => {
                                store.delete(&key.to_le_bytes());
                            }
                            1..=6 => {
                                let length = 8 * (1 + (random >> 33) as usize % 40);
                                let ttl = (turn % 3 == 0).then_some(1);
                                store.set(&key.to_le_bytes(), &value.as_flattened()[..length], ttl);
                            }
                            7 if turn % 5000 == 0 => store.clear(),
                            _ => {
                                let whole = |held: &[u8]| {
                                    (held.chunks(8).all(|part| part == key.to_le_bytes()), true)
                                };
                                assert_ne!(store.get(&key.to_le_bytes(), whole), Some(false));
                            }
                        }
                    }
                })
            })
            .collect();
        let (store, done) = (&store, &done);
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                assert!(store.bytes.load(Ordering::Relaxed) <= MAX, "never above the bound");
                store.purge();
            }
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    store.check();
    let counters = store.stats().counters;
    // A few turns need not come to each of them.
    assert!(
        cfg!(miri) || counters.evictions > 0 && counters.expirations > 0 && counters.hits > 0,
        "{counters:?}"
    );
}

fn lead(store: &SharedStore, key: &[u8]) -> Arc<Lease> {
    match store.join(key, &Arc::default(), 1) {
        Joined::Lead(lease) => lease,
        other => panic!("leads, not {other:?}"),
    }
}

fn follow(store: &SharedStore, key: &[u8]) -> Arc<Lease> {
    match store.join(key, &Arc::default(), 1) {
        Joined::UnderWay(Part::Follows(1), lease) => lease,
        other => panic!("follows, not {other:?}"),
    }
}

#[test]
fn a_computation_is_made_once_and_given_to_all() {
    let store = store(10_000, 1, Policy::Adaptive);
    let leader = lead(&store, b"key");
    let follower = follow(&store, b"key");
    assert_eq!(follower.outcome(), None);
    store.finish(b"key", &leader, LeaseOutcome::Value(b"value".as_slice().into()), None);
    assert_eq!(follower.outcome(), Some(LeaseOutcome::Value(b"value".as_slice().into())));
    assert!(matches!(store.join(b"key", &Arc::default(), 1), Joined::Present));
    assert_eq!(store.get(b"key", copy), Some(b"value".to_vec()));
}

#[test]
fn a_value_too_large_to_keep_still_reaches_those_who_waited() {
    let store = store(100, 1, Policy::Adaptive);
    let leader = lead(&store, b"key");
    let follower = follow(&store, b"key");
    let value: Arc<[u8]> = vec![7; 1000].into();
    store.finish(b"key", &leader, LeaseOutcome::Value(Arc::clone(&value)), None);
    assert_eq!(follower.outcome(), Some(LeaseOutcome::Value(value)));
    assert!(!store.has(b"key"));
    lead(&store, b"key");
}

#[test]
fn after_a_failure_or_a_death_the_next_one_leads() {
    let store = store(10_000, 1, Policy::Adaptive);
    let leader = lead(&store, b"key");
    let follower = follow(&store, b"key");
    store.finish(b"key", &leader, LeaseOutcome::Failed(b"no".as_slice().into()), None);
    assert_eq!(follower.outcome(), Some(LeaseOutcome::Failed(b"no".as_slice().into())));
    let dying = lead(&store, b"key");
    let follower = follow(&store, b"key");
    store.finish(b"key", &dying, LeaseOutcome::Abandoned, None); // what the end of a thread does
    assert_eq!(follower.outcome(), Some(LeaseOutcome::Abandoned));
    assert!(store.lock(0).lease(b"key").is_none(), "nothing of it stays");
    lead(&store, b"key");
}

#[test]
fn what_was_invalidated_meanwhile_is_not_stored() {
    for invalidate in [
        |store: &SharedStore| {
            store.delete(b"key");
        },
        |store: &SharedStore| store.clear(),
        |store: &SharedStore| {
            store.set(b"key", b"new", None);
        },
    ] {
        let store = store(10_000, 1, Policy::Adaptive);
        let leader = lead(&store, b"key");
        let follower = follow(&store, b"key");
        invalidate(&store);
        let newer = store.get(b"key", copy);
        store.finish(b"key", &leader, LeaseOutcome::Value(b"old".as_slice().into()), None);
        assert_eq!(
            follower.outcome(),
            Some(LeaseOutcome::Value(b"old".as_slice().into())),
            "asked before, answered"
        );
        assert_eq!(store.get(b"key", copy), newer);
        store.check();
    }
}

#[test]
fn a_late_end_does_not_part_the_next_computation_from_its_key() {
    let store = store(10_000, 1, Policy::Adaptive);
    let first = lead(&store, b"key");
    store.delete(b"key");
    let second = lead(&store, b"key");
    store.finish(b"key", &first, LeaseOutcome::Failed([].into()), None);
    follow(&store, b"key");
    store.finish(b"key", &second, LeaseOutcome::Value(b"2".as_slice().into()), None);
    assert!(store.has(b"key"));
}

/// A store of many entries of 8 bytes.
fn full_of_small_entries(max: u64) -> SharedStore {
    let store = SharedStore::new(options(max, Policy::Adaptive));
    store.clock.set(0);
    for key in 0..max / (8 + ENTRY_BYTES) {
        store.set(&key.to_le_bytes(), &[], None);
    }
    store
}

#[test]
fn a_large_value_removes_a_bounded_number_of_entries_one_by_one() {
    const MAX: u64 = 16 << 20;
    let store = full_of_small_entries(MAX);
    let before = store.stats();
    let value = vec![1; (MAX * 6 / 10) as usize];
    assert!(store.set(b"large", &value, None));
    let after = store.stats();
    let gone = before.size + 1 - after.size;
    assert_eq!(after.counters.evictions - before.counters.evictions, gone);
    assert!(gone * 72 >= value.len() as u64 && after.bytes <= MAX);
    assert!(
        gone * 72 < value.len() as u64 + 2 * MAX / store.shards.len() as u64,
        "at most a shard more than it needs: {gone}"
    );
    let waiting = store.discarded.len();
    assert!(gone as usize - waiting <= MOST_REMOVALS, "{waiting} of {gone} went by whole shards");
    assert_eq!(store.get(b"large", |held| (held == value, true)), Some(true));
    store.check();

    // The shard of the first large value is the fullest: its room is enough for the next.
    let before = store.stats();
    assert!(store.set(b"larger", &vec![2; value.len() + 1000], None));
    let gone = before.size + 1 - store.stats().size;
    let most = MOST_REMOVALS as u64 + 2 * MAX / store.shards.len() as u64 / 72;
    assert!(gone <= most, "{gone} of {}", before.size);
    store.check();
}

#[test]
fn what_a_large_value_needs_from_whole_shards_keeps_computations_under_way() {
    let store = full_of_small_entries(4 << 20);
    let leaders: Vec<_> = (0..100u8).map(|key| lead(&store, &[key])).collect();
    assert!(store.set(b"large", &vec![1; (4 << 20) - 100], None));
    for (key, leader) in (0..100u8).zip(&leaders) {
        follow(&store, &[key]);
        store.finish(&[key], leader, LeaseOutcome::Value(b"value".as_slice().into()), None);
        assert!(store.has(&[key]), "nothing has set or deleted the key since");
    }
    store.check();
}

#[test]
fn clear_frees_nothing_itself_and_tidy_frees_in_bounded_steps() {
    let store = full_of_small_entries(1 << 20);
    let (entries, bytes) = (store.stats().size as usize, store.stats().bytes);
    store.clear();
    assert_eq!((store.stats().size, store.stats().bytes), (0, 0));
    assert_eq!(store.discarded.len(), entries);
    assert_eq!(store.allocated(), bytes);
    for step in 1.. {
        let more = store.tidy(1000);
        let left = entries.saturating_sub(1000 * step);
        assert_eq!(store.discarded.len(), left);
        assert_eq!(store.allocated(), left as u64 * (8 + ENTRY_BYTES));
        assert_eq!(more, left > 0);
        if !more {
            break;
        }
    }
    assert!(!store.tidy(1000));
}

#[test]
fn discarded_contents_are_bounded() {
    let store = store(1 << 20, 64, Policy::Lru);
    for round in 0..10u64 {
        for key in 0..1000u64 {
            store.set(&(round << 32 | key).to_le_bytes(), &[], None);
        }
        store.clear();
    }
    assert!(store.discarded.len() <= 1000 + 64, "one store's worth: {}", store.discarded.len());
}

#[test]
fn expired_entries_are_removed_in_bounded_steps() {
    let store = store(1 << 20, 4, Policy::Adaptive);
    for key in 0..2500u32 {
        store.set(&key.to_le_bytes(), &[], Some(10));
    }
    store.clock.set(10);
    assert_eq!(
        [0; 4].map(|_| (store.tidy(1000), store.stats().size)),
        [(true, 1500), (true, 500), (false, 0), (false, 0)]
    );
    assert_eq!(store.stats().counters.expirations, 2500);
    store.check();
}

#[test]
fn what_was_freed_since_the_peak_is_known_however_it_went() {
    let ways: [fn(&SharedStore); 4] = [
        SharedStore::clear,
        |store| store.clock.set(10),
        |store| assert!((0..100u32).all(|key| store.delete(&key.to_le_bytes()))),
        |store| assert!((0..100u32).all(|key| store.set(&key.to_le_bytes(), &[], None))),
    ];
    for way in ways {
        let store = store(1 << 20, 2, Policy::Adaptive);
        for _ in 0..2 {
            store.clock.set(0);
            for key in 0..100u32 {
                store.set(&key.to_le_bytes(), &[0; 500], Some(10));
            }
            assert_eq!(store.freed(), 0);
            way(&store);
            while store.tidy(30) {}
            assert_eq!(store.freed(), 100 * (500 + 4 + ENTRY_BYTES) - store.stats().bytes);
            store.given_back();
            assert_eq!(store.freed(), 0);
        }
    }
}

#[test]
fn large_tables_go_with_the_last_entry_of_their_shard() {
    let store = store(1 << 20, 2, Policy::Adaptive);
    let slots = || [0, 1].map(|at| store.lock(at).slots());
    for key in 0..2 * 2 * LARGE_TABLES as u32 {
        store.set(&key.to_le_bytes(), &[], Some(10));
    }
    let full = slots();
    assert!(full.iter().all(|&slots| slots > LARGE_TABLES));
    store.set(b"stays", &[], None);
    store.clock.set(10);
    while store.tidy(1000) {}
    let (stays, _) = store.place(b"stays");
    assert_eq!(slots()[1 - stays], 0);
    assert!(slots()[stays] >= full[stays]);
    assert_eq!((store.stats().size, store.stats().counters.expirations), (1, 4096));
    assert!(store.delete(b"stays"));
    assert!(!store.tidy(1000));
    assert_eq!((slots(), store.allocated()), ([0, 0], 0));
    store.set(b"few", &[], Some(10));
    store.delete(b"few");
    store.tidy(1000);
    assert_eq!(slots().iter().sum::<usize>(), 1, "small tables stay");
    store.check();
}

#[test]
fn an_operation_reads_the_clock_at_most_once() {
    let store = store(2000, 4, Policy::Adaptive);
    for key in 0..100u8 {
        store.set(&[key], &[0; 50], Some(1 + u64::from(key) % 7));
    }
    type Operation = fn(&SharedStore);
    let operations: [(&str, Operation); 8] = [
        ("set of the largest value", |store| {
            store.set(b"large", &[0; 1900], Some(5));
        }),
        ("set", |store| {
            store.set(b"key", &[0; 50], Some(5));
        }),
        ("get", |store| {
            store.get(b"key", copy);
        }),
        ("has", |store| {
            let _ = store.has(b"key");
        }),
        ("delete", |store| {
            store.delete(b"key");
        }),
        ("purge", |store| {
            store.purge();
        }),
        ("join and finish", |store| {
            let lease = Arc::new(Lease::new(&Arc::default(), 1));
            store.finish(b"key", &lease, LeaseOutcome::Abandoned, None);
        }),
        ("clear", SharedStore::clear),
    ];
    for (name, operation) in operations {
        let before = store.clock.readings.load(Ordering::Relaxed);
        store.clock.set(before);
        operation(&store);
        let readings = store.clock.readings.load(Ordering::Relaxed) - before;
        assert!(readings <= 1, "{name}: {readings} readings");
    }
}
