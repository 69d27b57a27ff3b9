//! Taking heap snapshots: room, files, retention, fork.
