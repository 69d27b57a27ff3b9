//! What the trackers of listeners, timers, promises and sockets count, as the sampler sees it.

pub mod registry;
