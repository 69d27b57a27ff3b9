//! The background work of the shared caches, on the process's one native thread.

use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::background::{JobHandle, Run, schedule};
use crate::cache::shared::registry;
use crate::cache::shared::store::SharedStore;
use crate::os::malloc;

/// How often expired entries are removed without a request.
const SWEEP: Duration = Duration::from_secs(1);
/// The period while there is more to do: other jobs of the thread run in between.
const STEP: Duration = Duration::from_millis(1);
/// Entries of a store that one step frees or removes, at most: well under a millisecond.
const STEP_ENTRIES: usize = 4096;
/// Freed bytes after which the allocator gives pages back to the system. It locks its memory meanwhile, for a time that
/// grows with them.
const TRIM_BYTES: u64 = 16 << 20;
/// The same where no more is to be freed now.
const LAST_TRIM_BYTES: u64 = 1 << 20;

/// Whether steps are scheduled.
static STEPPING: AtomicBool = AtomicBool::new(false);
static STEPS: Mutex<Option<JobHandle>> = Mutex::new(None);

/// Starts the job that removes expired entries, once for the process. It also keeps this library loaded when the worker
/// thread that loaded it ends: the stores are in its memory.
pub(super) fn start() -> std::io::Result<()> {
    static JOB: OnceLock<JobHandle> = OnceLock::new();
    if JOB.get().is_none() {
        let job = schedule(
            SWEEP,
            Box::new(|_| {
                if tidy_all() {
                    begin_steps();
                }
                ControlFlow::Continue(())
            }),
        )?;
        let _ = JOB.set(job); // a second one, of two threads at once, ends here
    }
    Ok(())
}

/// Frees what a store has discarded, in steps; without effect where there is nothing.
pub(super) fn soon(store: &SharedStore) {
    if store.has_discarded() {
        begin_steps();
    }
}

fn begin_steps() {
    // Held until the handle is in it: the handle of a job that ends meanwhile must not replace that of the next.
    let mut steps = STEPS.lock();
    if STEPPING.swap(true, Ordering::Relaxed) {
        return;
    }
    let step = move |_: Run| {
        if tidy_all() {
            return ControlFlow::Continue(());
        }
        STEPPING.store(false, Ordering::Relaxed);
        ControlFlow::Break(())
    };
    match schedule(STEP, Box::new(step)) {
        Ok(job) => *steps = Some(job),
        // The sweep begins them again.
        Err(_) => STEPPING.store(false, Ordering::Relaxed),
    }
}

/// Whether there is more to do.
fn tidy_all() -> bool {
    let stores = registry::stores();
    let more = stores.iter().fold(false, |more, (_, store)| store.tidy(STEP_ENTRIES) || more);
    let freed: u64 = stores.iter().map(|(_, store)| store.freed()).sum();
    if freed >= if more { TRIM_BYTES } else { LAST_TRIM_BYTES } {
        malloc::trim();
        stores.iter().for_each(|(_, store)| store.given_back());
    }
    more
}
