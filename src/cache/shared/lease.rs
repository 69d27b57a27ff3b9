//! A computation that one isolate makes while others wait for it.

use std::sync::Arc;

use super::mailbox::Mailbox;
use crate::sync::Mutex;

/// How a computation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// With this value. The waiters get it from here: the store may have had no room for it.
    Value(Arc<[u8]>),
    /// With an error, in the caller's own encoding.
    Failed(Arc<[u8]>),
    /// Without a result: its isolate has ended or gave up. One of the waiters computes next.
    Abandoned,
}

/// What an isolate has to do with a computation, by the isolate's own number for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It leads the computation.
    Leads(u32),
    /// It waits: the number comes to its mailbox at the end.
    Follows(u32),
}

/// A computation under way, held by the isolate that leads it and by those that follow.
#[derive(Debug)]
pub struct Lease {
    leader: Arc<Mailbox>,
    number: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    outcome: Option<LeaseOutcome>,
    /// Each isolate that waits, once, with its number for this computation.
    followers: Vec<(Arc<Mailbox>, u32)>,
}

impl Lease {
    /// A computation that the isolate with this mailbox leads.
    pub fn new(leader: &Arc<Mailbox>, number: u32) -> Self {
        Self { leader: Arc::clone(leader), number, state: Mutex::default() }
    }

    /// Joins the isolate of a mailbox, as `number` if it has no part yet. `None` if the computation has ended. The cost
    /// grows with the isolates that wait, not with their callers.
    pub fn join(&self, mailbox: &Arc<Mailbox>, number: u32) -> Option<Part> {
        let mut state = self.state.lock();
        if state.outcome.is_some() {
            return None;
        }
        if Arc::ptr_eq(&self.leader, mailbox) {
            return Some(Part::Leads(self.number));
        }
        let mut followers = state.followers.iter();
        if let Some(&(_, number)) = followers.find(|(other, _)| Arc::ptr_eq(other, mailbox)) {
            return Some(Part::Follows(number));
        }
        state.followers.push((Arc::clone(mailbox), number));
        Some(Part::Follows(number))
    }

    /// The isolate of a mailbox no longer waits.
    pub fn leave(&self, mailbox: &Arc<Mailbox>) {
        self.state.lock().followers.retain(|(other, _)| !Arc::ptr_eq(other, mailbox));
    }

    /// Ends the computation and informs the isolates that wait. Only the first end counts.
    pub(super) fn end(&self, outcome: LeaseOutcome) {
        let mut state = self.state.lock();
        state.outcome.get_or_insert(outcome);
        let followers = std::mem::take(&mut state.followers);
        drop(state); // a mailbox has a lock of its own
        for (mailbox, number) in followers {
            mailbox.post(number);
        }
    }

    /// How it ended; `None` while it is under way.
    pub fn outcome(&self) -> Option<LeaseOutcome> {
        self.state.lock().outcome.clone()
    }
}
