//! Where an isolate learns which of the computations that it waits for have ended.

use std::fmt;

use crate::sync::Mutex;

/// Wakes the event loop of the isolate. It runs on the thread that ends a computation, under the lock of the mailbox,
/// so it must not block or call back.
pub type Wake = Box<dyn Fn() + Send>;

/// The numbers of ended computations, collected by one isolate.
#[derive(Default)]
pub struct Mailbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ended: Vec<u32>,
    wake: Option<Wake>,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Mailbox").field("ended", &self.state.lock().ended).finish()
    }
}

impl Mailbox {
    /// Adds a computation. The isolate is woken for the first only: it collects all that have ended by then.
    pub fn post(&self, number: u32) {
        let mut state = self.state.lock();
        state.ended.push(number);
        if state.ended.len() == 1
            && let Some(wake) = &state.wake
        {
            wake();
        }
    }

    /// Takes out all numbers.
    pub fn collect(&self) -> Vec<u32> {
        std::mem::take(&mut self.state.lock().ended)
    }

    /// How the isolate is woken: at once if computations have ended before there was a way. After `None` returns, no
    /// thread uses the former one.
    pub fn wake_by(&self, wake: Option<Wake>) {
        let mut state = self.state.lock();
        if let Some(wake) = &wake
            && !state.ended.is_empty()
        {
            wake();
        }
        state.wake = wake;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn an_isolate_is_woken_once_until_it_collects() {
        let (mailbox, woken) = (Mailbox::default(), Arc::new(AtomicU32::new(0)));
        let count = Arc::clone(&woken);
        mailbox.wake_by(Some(Box::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        })));
        for number in 1..=8000 {
            mailbox.post(number);
        }
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert_eq!(mailbox.collect(), (1..=8000).collect::<Vec<_>>());
        assert!(mailbox.collect().is_empty());
        mailbox.post(1);
        assert_eq!(woken.load(Ordering::Relaxed), 2);
        mailbox.wake_by(None);
        mailbox.collect();
        mailbox.post(2);
        assert_eq!(
            woken.load(Ordering::Relaxed),
            2,
            "without a way to wake it, the mailbox keeps the number"
        );
        assert_eq!(mailbox.collect(), [2]);
    }

    /// The leader may end between the call by which an isolate joins and the one by which it listens.
    #[test]
    fn an_isolate_is_woken_for_what_ended_before_it_listened() {
        let (mailbox, woken) = (Mailbox::default(), Arc::new(AtomicU32::new(0)));
        mailbox.post(1);
        let count = Arc::clone(&woken);
        mailbox.wake_by(Some(Box::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        })));
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        mailbox.post(2);
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert_eq!(mailbox.collect(), [1, 2]);
    }
}
