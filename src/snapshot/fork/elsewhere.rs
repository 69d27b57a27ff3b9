//! Platforms on which no child is forked.

use std::convert::Infallible;
use std::time::Duration;

/// Never made.
#[derive(Debug)]
pub struct Child {
    /// How long the isolate's thread stood still.
    pub pause: Duration,
    never: Infallible,
}

impl Child {
    /// Cannot be called.
    pub fn kill(&self) {
        match self.never {}
    }
}
