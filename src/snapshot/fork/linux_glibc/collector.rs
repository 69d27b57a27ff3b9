//! The process-wide mutex of cppgc, V8's collector for C++ objects, which the isolates of other
//! threads may hold at the instant of the fork.

use crate::v8::lookup;

/// The mutex. Node 18 to 22 export it; where it is not known, a child that meets it hangs and is
/// replaced.
#[derive(Debug, Clone, Copy)]
pub struct CollectorMutex(Option<usize>);

impl CollectorMutex {
    /// Looked up ahead: the dynamic linker takes locks, which a child may not.
    #[must_use]
    pub fn find() -> Self {
        Self(lookup(c"_ZN5cppgc8internal15g_process_mutexE").map(|at| at as usize))
    }

    /// Whether another isolate was inside at the instant of the fork.
    ///
    /// # Safety
    /// Only in a child.
    #[must_use]
    pub unsafe fn is_held(self) -> bool {
        const ONCE_DONE: u8 = 2;
        let Some(lazy) = self.0 else { return false };
        // SAFETY: a v8::base::LazyMutex: the state of its initialisation, then (aligned to 8) a
        // pthread_mutex_t, whose first word is the lock. Static, so mapped and aligned.
        unsafe {
            (lazy as *const u8).read_volatile() == ONCE_DONE
                && ((lazy + 8) as *const u32).read_volatile() != 0
        }
    }
}
