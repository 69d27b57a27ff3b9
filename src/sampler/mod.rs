//! The sampler thread.
