//! Random numbers of simulations, from a seed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The generator SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators").
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// One that begins at a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed of `PLIMSOLL_SIM_SEED`, or else a new one.
    pub fn seed() -> u64 {
        let given = std::env::var("PLIMSOLL_SIM_SEED").ok().and_then(|seed| seed.parse().ok());
        given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            now.as_nanos() as u64 % 1_000_000_000
        })
    }

    /// How long a simulation runs: `PLIMSOLL_SIM_SECONDS`, or else so many seconds.
    pub fn seconds(usual: u64) -> Duration {
        let given = std::env::var("PLIMSOLL_SIM_SECONDS").ok().and_then(|time| time.parse().ok());
        Duration::from_secs(given.unwrap_or(usual))
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
