//! The isolates of the process that are under watch, in the order in which they came.

use std::sync::Arc;

use parking_lot::Mutex;

use super::record::Record;

static RECORDS: Mutex<Vec<Arc<Record>>> = Mutex::new(Vec::new());

/// Lists a record.
pub fn add(record: &Arc<Record>) {
    RECORDS.lock().push(Arc::clone(record));
}

/// Forgets a record; unknown ones are no matter.
pub fn remove(record: &Arc<Record>) {
    RECORDS.lock().retain(|listed| !Arc::ptr_eq(listed, record));
}

/// How many isolates are under watch.
#[must_use]
pub fn count() -> usize {
    RECORDS.lock().len()
}

/// Committed heap and external bytes of all isolates under watch.
#[must_use]
pub fn heaps() -> (u64, u64) {
    RECORDS
        .lock()
        .iter()
        .filter_map(|record| record.heap())
        .fold((0, 0), |(total, external), heap| (total + heap.total, external + heap.external))
}
