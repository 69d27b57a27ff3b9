//! Reading and understanding V8 heap snapshots.
