//! What heap snapshots that are built in the process take of its memory outside of V8's heaps: several heaps while they
//! are built, and what the allocator keeps of it after. It is no leak of the service, whichever isolate it was for.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// How many are being built.
static RUNNING: AtomicU32 = AtomicU32::new(0);
/// Bytes that they have left with the allocator.
static LEFT: AtomicU64 = AtomicU64::new(0);

/// One that is being built, until dropped.
#[derive(Debug)]
pub struct Borrowing(());

impl Borrowing {
    /// One is being built from now on.
    #[must_use]
    pub fn begin() -> Self {
        RUNNING.fetch_add(1, Relaxed);
        Self(())
    }

    /// It is done; `left` bytes stay with the allocator.
    pub fn end(self, left: u64) {
        LEFT.fetch_add(left, Relaxed);
    }
}

impl Drop for Borrowing {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Relaxed);
    }
}

/// Bytes that stay with the allocator; `None` while one is built, when native memory tells nothing.
pub(super) fn bytes() -> Option<u64> {
    (RUNNING.load(Relaxed) == 0).then(|| LEFT.load(Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_one_is_built_nothing_is_known() {
        assert_eq!(bytes(), Some(0));
        let (first, second) = (Borrowing::begin(), Borrowing::begin());
        first.end(7);
        assert_eq!(bytes(), None);
        // Its isolate has ended in the middle.
        drop(second);
        assert_eq!(bytes(), Some(7));
    }
}
