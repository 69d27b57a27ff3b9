//! The isolates of the process that are under watch, in the order in which they came.

use std::sync::Arc;

use parking_lot::Mutex;

use super::monitor::Shared;
use super::record::Record;
use super::state::Summary;

static ISOLATES: Mutex<Vec<Arc<Shared>>> = Mutex::new(Vec::new());

/// Lists an isolate.
pub(super) fn add(isolate: &Arc<Shared>) {
    ISOLATES.lock().push(Arc::clone(isolate));
}

/// Forgets an isolate; unknown ones are no matter.
pub(super) fn remove(isolate: &Arc<Shared>) {
    ISOLATES.lock().retain(|listed| !Arc::ptr_eq(listed, isolate));
}

/// Whether it is the one that speaks for the process: of those under watch it came first.
pub(super) fn is_first(record: &Record) -> bool {
    ISOLATES.lock().first().is_none_or(|first| first.has(record))
}

/// How many isolates are under watch.
#[must_use]
pub fn count() -> usize {
    ISOLATES.lock().len()
}

/// Committed heap and external bytes of all isolates under watch.
#[must_use]
pub fn heaps() -> (u64, u64) {
    ISOLATES
        .lock()
        .iter()
        .filter_map(|isolate| isolate.heap())
        .fold((0, 0), |(total, external), heap| (total + heap.total, external + heap.external))
}

/// What each isolate says for itself, whatever its thread does meanwhile.
#[must_use]
pub fn summaries() -> Vec<Summary> {
    // An isolate that takes a sample asks for `heaps`: the list may not be locked while one is asked.
    let isolates = ISOLATES.lock().clone();
    isolates.iter().map(|isolate| isolate.summary()).collect()
}
