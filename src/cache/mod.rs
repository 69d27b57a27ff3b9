//! What the native side knows of the caches, which live in JS: their counters, without the JS thread.

pub mod registry;
