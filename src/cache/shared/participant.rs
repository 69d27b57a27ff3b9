//! One isolate's part in the computations of a store.

use std::sync::Arc;

use hashbrown::HashMap;

use super::lease::{Lease, LeaseOutcome, Part};
use super::mailbox::Mailbox;
use super::store::{Joined, SharedStore};

/// The computations that an isolate leads or waits for, by numbers of its own. What it leads is abandoned when it is
/// dropped.
#[derive(Debug)]
pub struct Participant {
    store: Arc<SharedStore>,
    mailbox: Arc<Mailbox>,
    last: u32,
    led: HashMap<u32, (Box<[u8]>, Arc<Lease>)>,
    followed: HashMap<u32, Arc<Lease>>,
}

impl Drop for Participant {
    fn drop(&mut self) {
        for lease in self.followed.values() {
            lease.leave(&self.mailbox);
        }
        for (key, lease) in self.led.values() {
            self.store.finish(key, lease, LeaseOutcome::Abandoned, None);
        }
    }
}

impl Participant {
    /// One without a part in any computation.
    pub fn new(store: Arc<SharedStore>) -> Self {
        Self {
            store,
            mailbox: Arc::default(),
            last: 0,
            led: HashMap::new(),
            followed: HashMap::new(),
        }
    }

    /// Where the ends of followed computations arrive.
    pub fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// Joins the computation of a key, and begins it where there is none; `None` where the store has a value. Another
    /// caller of the same isolate gets the number of the first.
    pub fn join(&mut self, key: &[u8]) -> Option<Part> {
        let number = self.unused();
        Some(match self.store.join(key, &self.mailbox, number) {
            Joined::Present => return None,
            Joined::Lead(lease) => {
                self.last = number;
                self.led.insert(number, (key.into(), lease));
                Part::Leads(number)
            }
            Joined::UnderWay(part, lease) => {
                if part == Part::Follows(number) {
                    self.last = number;
                    self.followed.insert(number, lease);
                }
                part
            }
        })
    }

    /// Ends a computation that it leads; one that it does not lead any more has ended before.
    pub fn finish(&mut self, number: u32, outcome: LeaseOutcome, ttl: Option<u64>) {
        if let Some((key, lease)) = self.led.remove(&number) {
            self.store.finish(&key, &lease, outcome, ttl);
        }
    }

    /// The followed computations that have ended since the last call, with their outcomes. The cost is that of the
    /// result.
    pub fn ended(&mut self) -> Vec<(u32, LeaseOutcome)> {
        let ended = self.mailbox.collect();
        let outcome = |number| Some((number, self.followed.remove(&number)?.outcome()?));
        ended.into_iter().filter_map(outcome).collect()
    }

    /// No longer waits for a computation.
    pub fn leave(&mut self, number: u32) {
        if let Some(lease) = self.followed.remove(&number) {
            lease.leave(&self.mailbox);
        }
    }

    /// The next number that is not in use; never 0.
    fn unused(&self) -> u32 {
        let mut number = self.last;
        loop {
            number = number.wrapping_add(1).max(1);
            if !self.led.contains_key(&number) && !self.followed.contains_key(&number) {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests;
