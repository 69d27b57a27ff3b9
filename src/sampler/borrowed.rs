//! The memory that heap snapshots take in this process, outside of V8's heaps: several heaps while one is built, and
//! what the allocator keeps afterwards. It is no leak of the service, and no reason to restart it.
//!
//! What is kept is free memory, which the allocator hands out again or gives back. So the discount ends where the
//! memory outside the heaps has fallen to what it was before the snapshot, and it is never more than the allocator has
//! free: a leak that fills that memory is seen.

use parking_lot::Mutex;

#[derive(Debug)]
struct Borrowed {
    /// Snapshots that are being built.
    running: u32,
    /// Bytes that they have left with the allocator, as far as these are there still.
    left: u64,
    /// Memory of the service's own outside of V8's heaps: at the last reading, and before the last snapshot.
    own: u64,
    own_before: u64,
    /// What the allocator has free, if it says.
    free: Option<u64>,
}

static STATE: Mutex<Borrowed> = Mutex::new(Borrowed::new());

/// A snapshot that is being built, until dropped.
#[derive(Debug)]
pub struct Borrowing(());

impl Borrowing {
    /// One is being built from now on.
    #[must_use]
    pub fn begin() -> Self {
        STATE.lock().begin();
        Self(())
    }

    /// It is done; `left` bytes stay with the allocator.
    pub fn end(self, left: u64) {
        STATE.lock().end(left);
    }
}

impl Drop for Borrowing {
    fn drop(&mut self) {
        STATE.lock().running -= 1;
    }
}

/// Whether a snapshot is being built: the resident size says nothing of the service.
pub(super) fn is_running() -> bool {
    STATE.lock().running > 0
}

/// Whether there may be a discount: what the allocator has free is wanted more often.
pub(super) fn is_left() -> bool {
    STATE.lock().left > 0
}

/// What the allocator has free.
pub(super) fn set_free(free: u64) {
    STATE.lock().free = Some(free);
}

/// Resident bytes that are not the service's, where `outside` bytes are resident outside of V8's heaps; `None` while a
/// snapshot is built.
pub(super) fn discount(outside: u64) -> Option<u64> {
    STATE.lock().discount(outside)
}

/// As at the start of a process.
#[cfg(test)]
pub(super) fn forget() {
    *STATE.lock() = Borrowed::new();
}

impl Borrowed {
    const fn new() -> Self {
        Self { running: 0, left: 0, own: 0, own_before: 0, free: None }
    }

    fn begin(&mut self) {
        if self.running == 0 {
            self.own_before = self.own;
        }
        self.running += 1;
    }

    fn end(&mut self, left: u64) {
        self.left = self.left.saturating_add(left);
        self.free = None;
    }

    fn discount(&mut self, outside: u64) -> Option<u64> {
        if self.running > 0 {
            return None;
        }
        self.left = self.left.min(outside.saturating_sub(self.own_before));
        let discount = self.left.min(self.free.unwrap_or(u64::MAX));
        self.own = outside - discount;
        Some(discount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_a_snapshot(left: u64) -> Borrowed {
        let mut state = Borrowed::new();
        assert_eq!(state.discount(50), Some(0));
        state.begin();
        state.end(left);
        state.running -= 1;
        state
    }

    #[test]
    fn while_one_is_built_nothing_is_known() {
        let mut state = Borrowed::new();
        assert_eq!(state.discount(50), Some(0));
        state.begin();
        state.begin();
        state.end(7);
        state.running -= 1;
        assert_eq!(state.discount(900), None);
        // The isolate of the second one has ended before it was done.
        state.running -= 1;
        assert_eq!(state.discount(60), Some(7));
    }

    #[test]
    fn what_the_allocator_gave_back_is_discounted_no_more() {
        let mut state = after_a_snapshot(700);
        assert_eq!(state.discount(750), Some(700));
        assert_eq!(state.discount(250), Some(200));
        assert_eq!(state.discount(50), Some(0));
        assert_eq!(state.discount(750), Some(0), "this is growth of the service");
    }

    #[test]
    fn what_the_service_fills_is_discounted_no_more() {
        let mut state = after_a_snapshot(700);
        state.free = Some(720);
        assert_eq!(state.discount(750), Some(700));
        state.free = Some(100);
        assert_eq!(state.discount(750), Some(100), "600 bytes of it are in use");
        state.free = Some(690);
        assert_eq!(state.discount(750), Some(690), "and free again");
    }

    #[test]
    fn a_second_snapshot_starts_from_what_the_service_had_then() {
        let mut state = after_a_snapshot(700);
        assert_eq!(state.discount(800), Some(700), "100 bytes are its own");
        state.begin();
        state.end(20);
        state.running -= 1;
        assert_eq!(state.discount(820), Some(720));
        assert_eq!(state.discount(100), Some(0));
    }
}
