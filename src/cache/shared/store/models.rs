//! The store and its computations with each order of the threads that use them.

use loom::sync::Notify;
use loom::thread;

use super::super::participant::Participant;
use super::*;
use crate::sync::explore;

/// Changes of thread at any step that a model tries at most.
const SWITCHES: usize = 3;

/// The bytes of an entry of a key and a value of one byte each.
const ENTRY: u64 = ENTRY_BYTES + 2;

/// Room for so many entries; the time stands at 0.
fn store(entries: u64, shards: usize) -> Arc<SharedStore> {
    let options = StoreOptions { max_bytes: entries * ENTRY, ttl: u64::MAX, policy: Policy::Lru };
    let store = SharedStore::with_shards(options, shards);
    store.clock.set(0);
    Arc::new(store)
}

fn value_of(store: &SharedStore, key: &[u8]) -> Option<Vec<u8>> {
    store.get(key, |value| (value.to_vec(), true))
}

fn spawn<T: 'static>(
    store: &Arc<SharedStore>,
    run: impl FnOnce(&Arc<SharedStore>) -> T + 'static,
) -> thread::JoinHandle<T> {
    let store = Arc::clone(store);
    thread::spawn(move || run(&store))
}

fn computed(value: &[u8]) -> LeaseOutcome {
    LeaseOutcome::Value(value.into())
}

#[test]
fn models_of_the_bound() {
    explore("set and set in a full store", SWITCHES, || {
        let store = store(2, 2);
        let others = [b"a", b"b"].map(|key| {
            spawn(&store, move |store| assert!(store.set(key, b"1", None), "there is room for one"))
        });
        assert!(store.set(b"c", b"1", None));
        assert!(store.bytes.load(Ordering::Relaxed) <= store.options.max_bytes);
        others.into_iter().for_each(|other| other.join().unwrap());
        store.check();
        let stats = store.stats();
        assert_eq!(stats.size + stats.counters.evictions, 3, "each entry is held or was evicted");
    });
}

#[test]
fn models_of_replacement() {
    explore("set, set and get of one key", SWITCHES, || {
        let store = store(2, 1);
        let one = spawn(&store, |store| store.set(b"k", b"1", None));
        let two = spawn(&store, |store| store.set(b"k", b"2", None));
        let seen = value_of(&store, b"k");
        assert!(matches!(seen.as_deref(), None | Some(b"1" | b"2")));
        assert!(one.join().unwrap() && two.join().unwrap());
        assert!(store.has(b"k"));
        store.check();
    });
}

#[test]
fn models_of_expiry() {
    explore("purge and set of an expired key", SWITCHES, || {
        let store = store(1, 1);
        store.set(b"k", b"1", Some(1));
        store.clock.set(5);
        let purge = spawn(&store, |store| store.purge());
        let get = spawn(&store, |store| value_of(store, b"k"));
        assert!(store.set(b"k", b"2", None));
        let purged = purge.join().unwrap();
        assert!(
            matches!(get.join().unwrap().as_deref(), None | Some(b"2")),
            "never what has ended"
        );
        assert_eq!(value_of(&store, b"k").as_deref(), Some(b"2".as_slice()));
        assert!(store.stats().counters.expirations >= purged as u64);
        store.check();
    });
    explore("set for which an expired entry of another shard goes", SWITCHES, || {
        let store = store(1, 2);
        // FxHash puts these two into different shards: the model says so itself.
        let [old, new] = two_places(&store);
        store.set(&[old], b"1", Some(1));
        store.clock.set(5);
        let purge = spawn(&store, |store| store.purge());
        assert!(store.set(&[new], b"2", None));
        purge.join().unwrap();
        assert_eq!(value_of(&store, &[new]).as_deref(), Some(b"2".as_slice()));
        assert_eq!(store.stats().counters.evictions, 0, "the expired one went, not a live one");
        store.check();
    });
}

/// Two keys of one byte in different shards.
fn two_places(store: &SharedStore) -> [u8; 2] {
    let first = store.place(b"a").0;
    let other = (b'b'..=b'z').find(|&key| store.place(&[key]).0 != first).unwrap();
    [b'a', other]
}

#[test]
fn models_of_discarded_contents() {
    explore("clear, tidy and set", SWITCHES, || {
        let store = store(3, 1);
        store.set(b"a", b"1", None);
        store.set(b"b", b"1", None);
        let clear = spawn(&store, |store| store.clear());
        let tidy = spawn(&store, |store| while store.tidy(1) {});
        store.set(b"c", b"1", None);
        clear.join().unwrap();
        tidy.join().unwrap();
        while store.tidy(1) {}
        assert!(!store.has_discarded());
        assert_eq!(store.allocated(), store.stats().bytes);
        store.check();
    });
}

/// One isolate that wants the value of `k`: computes it where it leads, waits where it follows.
fn get_or_compute(store: &Arc<SharedStore>, value: &'static [u8]) -> Vec<u8> {
    let mut isolate = Participant::new(Arc::clone(store));
    let woken = Arc::new(Notify::new());
    let wakes = Arc::clone(&woken);
    isolate.mailbox().wake_by(Some(Box::new(move || wakes.notify())));
    loop {
        match isolate.join(b"k") {
            None => {
                if let Some(value) = value_of(store, b"k") {
                    return value;
                }
            }
            Some(Part::Leads(number)) => {
                isolate.finish(number, computed(value), None);
                return value.to_vec();
            }
            Some(Part::Follows(number)) => {
                // Where no wake comes, the model ends in a deadlock and says so.
                let mut ended = Vec::new();
                while ended.is_empty() {
                    woken.wait();
                    ended = isolate.ended();
                }
                assert_eq!(ended.len(), 1);
                assert_eq!(ended[0].0, number);
                if let LeaseOutcome::Value(value) = &ended[0].1 {
                    return value.to_vec();
                }
            }
        }
    }
}

#[test]
fn models_of_a_computation() {
    explore("three isolates compute one key", 2, || {
        let store = store(2, 1);
        let one = spawn(&store, |store| get_or_compute(store, b"1"));
        let two = spawn(&store, |store| get_or_compute(store, b"2"));
        let values = [get_or_compute(&store, b"3"), one.join().unwrap(), two.join().unwrap()];
        let held = value_of(&store, b"k").unwrap();
        assert!(values.iter().all(|value| *value == held), "{values:?}: all get one value");
    });
}

#[test]
fn models_of_an_isolate_that_ends() {
    explore("the isolate that computes ends", SWITCHES, || {
        let store = store(2, 1);
        let mut leader = Participant::new(Arc::clone(&store));
        assert!(matches!(leader.join(b"k"), Some(Part::Leads(_))));
        let ends = thread::spawn(move || drop(leader));
        let one = spawn(&store, |store| get_or_compute(store, b"1"));
        let mine = get_or_compute(&store, b"2");
        ends.join().unwrap();
        assert_eq!(one.join().unwrap(), mine);
    });
    explore("an isolate that waits ends", SWITCHES, || {
        let store = store(2, 1);
        let mut leader = Participant::new(Arc::clone(&store));
        let Some(Part::Leads(number)) = leader.join(b"k") else { panic!("it leads") };
        let mut follower = Participant::new(Arc::clone(&store));
        assert!(matches!(follower.join(b"k"), Some(Part::Follows(_))));
        let mailbox = Arc::clone(follower.mailbox());
        mailbox.wake_by(Some(Box::new(|| ())));
        let ends = thread::spawn(move || {
            follower.mailbox().wake_by(None);
            drop(follower);
        });
        let one = spawn(&store, |store| get_or_compute(store, b"2"));
        leader.finish(number, computed(b"1"), None);
        ends.join().unwrap();
        assert_eq!(one.join().unwrap(), b"1");
        drop(leader);
        assert_eq!(Arc::strong_count(&mailbox), 1, "nothing holds the isolate that has ended");
    });
}

#[test]
fn models_of_a_computation_that_is_overtaken() {
    for (name, change, expected) in [
        ("delete", SharedStore::delete as fn(&SharedStore, &[u8]) -> bool, None),
        ("set", |store: &SharedStore, key: &[u8]| store.set(key, b"2", None), Some(b"2".to_vec())),
        (
            "clear",
            |store: &SharedStore, _: &[u8]| {
                store.clear();
                true
            },
            None,
        ),
    ] {
        explore(&format!("{name} while a computation ends"), SWITCHES, move || {
            let store = store(2, 1);
            let mut leader = Participant::new(Arc::clone(&store));
            let Some(Part::Leads(number)) = leader.join(b"k") else { panic!("it leads") };
            let overtakes = spawn(&store, move |store| change(store, b"k"));
            let purges = spawn(&store, |store| store.purge());
            leader.finish(number, computed(b"1"), None);
            overtakes.join().unwrap();
            purges.join().unwrap();
            assert_eq!(value_of(&store, b"k"), expected);
            store.check();
        });
    }
}
