use super::super::policy::Policy;
use super::super::store::StoreOptions;
use super::*;
use std::sync::atomic::{AtomicU32, Ordering};

fn store() -> Arc<SharedStore> {
    Arc::new(SharedStore::new(StoreOptions {
        max_bytes: 1 << 20,
        ttl: u64::MAX,
        policy: Policy::Adaptive,
    }))
}

fn value(bytes: &[u8]) -> LeaseOutcome {
    LeaseOutcome::Value(bytes.into())
}

fn leads(part: Option<Part>) -> u32 {
    match part {
        Some(Part::Leads(number)) => number,
        other => panic!("leads, not {other:?}"),
    }
}

fn follows(part: Option<Part>) -> u32 {
    match part {
        Some(Part::Follows(number)) => number,
        other => panic!("follows, not {other:?}"),
    }
}

#[test]
fn callers_of_one_isolate_share_a_number_and_post_no_mail() {
    let mut leader = Participant::new(store());
    for key in 0..8000u32 {
        let number = leads(leader.join(&key.to_le_bytes()));
        assert_eq!(leads(leader.join(&key.to_le_bytes())), number);
        leader.finish(number, value(b"value"), None);
        assert_eq!(leader.join(&key.to_le_bytes()), None);
    }
    assert!(leader.mailbox().collect().is_empty());
    assert!(leader.led.is_empty() && leader.followed.is_empty());
}

#[test]
fn a_follower_gets_exactly_what_has_ended_and_is_woken_once() {
    let store = store();
    let mut leader = Participant::new(Arc::clone(&store));
    let mut follower = Participant::new(store);
    let woken = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&woken);
    follower.mailbox().wake_by(Some(Box::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    })));
    let pairs: Vec<_> = (0..1000u32)
        .map(|key| {
            let led = leads(leader.join(&key.to_le_bytes()));
            let followed = follows(follower.join(&key.to_le_bytes()));
            assert_eq!(follows(follower.join(&key.to_le_bytes())), followed);
            (led, followed)
        })
        .collect();
    assert!(follower.ended().is_empty());
    for &(led, _) in &pairs[..500] {
        leader.finish(led, value(b"value"), None);
    }
    assert_eq!(woken.load(Ordering::Relaxed), 1);
    let expected: Vec<_> =
        pairs[..500].iter().map(|&(_, followed)| (followed, value(b"value"))).collect();
    assert_eq!(follower.ended(), expected);
    assert!(follower.ended().is_empty());
    drop(leader); // as the end of its thread does
    assert_eq!(woken.load(Ordering::Relaxed), 2, "the first of 500");
    let ended = follower.ended();
    assert_eq!(ended.len(), 500);
    assert!(ended.iter().all(|(_, outcome)| *outcome == LeaseOutcome::Abandoned));
    assert!(follower.followed.is_empty());
    leads(follower.join(&999u32.to_le_bytes()));
}

#[test]
fn who_leaves_gets_nothing_and_may_join_again() {
    let store = store();
    let mut leader = Participant::new(Arc::clone(&store));
    let mut follower = Participant::new(store);
    let led = leads(leader.join(b"key"));
    let first = follows(follower.join(b"key"));
    follower.leave(first);
    follower.leave(first);
    let second = follows(follower.join(b"key"));
    assert_ne!(first, second);
    leader.finish(led, LeaseOutcome::Failed(b"no".as_slice().into()), None);
    assert_eq!(follower.ended(), [(second, LeaseOutcome::Failed(b"no".as_slice().into()))]);
    let led = leads(leader.join(b"key"));
    let third = follows(follower.join(b"key"));
    leader.finish(led, value(b"1"), None);
    follower.leave(third); // the mail is there already
    assert!(follower.ended().is_empty());
}

#[test]
fn numbers_in_use_are_passed_over() {
    let store = store();
    let mut leader = Participant::new(store);
    let first = leads(leader.join(b"first"));
    leader.last = u32::MAX - 1;
    assert_eq!(leads(leader.join(b"second")), u32::MAX);
    let third = leads(leader.join(b"third"));
    assert!(third != 0 && third != first, "0 is no number, {first} is in use");
}

#[test]
fn only_the_first_end_counts() {
    let store = store();
    let mut leader = Participant::new(Arc::clone(&store));
    let number = leads(leader.join(b"key"));
    leader.finish(number, value(b"1"), None);
    leader.finish(number, value(b"2"), None);
    assert_eq!(store.get(b"key", |held| (held.to_vec(), true)), Some(b"1".to_vec()));
}
