//! A computation that one caller makes while others wait for it.

use std::sync::Arc;

use parking_lot::Mutex;

/// How a computation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With this value. The waiters get it from here: the store may have had no room for it.
    Value(Arc<[u8]>),
    /// With an error, in the caller's own encoding.
    Failed(Arc<[u8]>),
    /// Not at all: who made it is gone, somebody else has to.
    Abandoned,
}

/// A computation under way, held by the one that leads it and by those that follow.
#[derive(Debug, Default)]
pub struct Lease {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    outcome: Option<Outcome>,
    followers: usize,
}

impl Lease {
    /// One more waits for it.
    pub fn follow(&self) {
        self.state.lock().followers += 1;
    }

    /// Ends it, and returns whether anybody waits. Only the first end counts.
    pub(super) fn end(&self, outcome: Outcome) -> bool {
        let mut state = self.state.lock();
        state.outcome.get_or_insert(outcome);
        state.followers > 0
    }

    /// How it ended; `None` while it is under way.
    pub fn outcome(&self) -> Option<Outcome> {
        self.state.lock().outcome.clone()
    }
}
