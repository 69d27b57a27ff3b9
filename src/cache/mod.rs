//! Cache policy over columns, and the off-heap store.
