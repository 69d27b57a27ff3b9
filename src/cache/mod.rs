//! What the native side knows of the caches: those that live in JS by their counters, and those that all threads share.

pub mod expiry;
pub mod registry;
pub mod shared;
