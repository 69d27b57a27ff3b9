//! The watched isolates of the process, in the order in which their watches began.

use std::sync::Arc;

use parking_lot::Mutex;

use super::published::IsolateSummary;
use super::record::Record;

/// A watched isolate as the others of its process see it.
pub(super) trait Listed: Send + Sync {
    /// The figures that its thread and V8's callbacks write.
    fn record(&self) -> &Record;
    /// Its own verdict and memory.
    fn summary(&self) -> IsolateSummary;
}

static ISOLATES: Mutex<Vec<Arc<dyn Listed>>> = Mutex::new(Vec::new());

/// Adds an isolate.
pub(super) fn add(isolate: Arc<dyn Listed>) {
    ISOLATES.lock().push(isolate);
}

/// Removes the isolate of a record, if it is listed.
pub(super) fn remove(record: &Record) {
    ISOLATES.lock().retain(|listed| !is_of(&**listed, record));
}

/// True for the isolate whose watch began first. It reports the figures of the whole process.
pub(super) fn is_first(record: &Record) -> bool {
    ISOLATES.lock().first().is_none_or(|first| is_of(&**first, record))
}

fn is_of(isolate: &dyn Listed, record: &Record) -> bool {
    std::ptr::eq(isolate.record(), record)
}

/// The number of watched isolates.
#[must_use]
pub fn count() -> usize {
    ISOLATES.lock().len()
}

/// Committed heap and external bytes of all watched isolates.
#[must_use]
pub fn heaps() -> (u64, u64) {
    ISOLATES
        .lock()
        .iter()
        .filter_map(|isolate| isolate.record().heap())
        .fold((0, 0), |(total, external), heap| (total + heap.total, external + heap.external))
}

/// A summary of each watched isolate. The isolates' threads are not involved.
#[must_use]
pub fn summaries() -> Vec<IsolateSummary> {
    // An isolate that takes a sample calls `heaps`, so the list must not be locked while `summary` runs.
    let isolates = ISOLATES.lock().clone();
    isolates.iter().map(|isolate| isolate.summary()).collect()
}
