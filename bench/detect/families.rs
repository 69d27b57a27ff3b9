//! Families of services drawn at random, for rates rather than single cases: leaks of several courses, and
//! warm-ups, caches and loads that end by themselves. Seeds below [`SCORED`] are for tuning.

use std::f64::consts::TAU;

use plimsoll::trend::Channel;

use crate::model::{DAY, HOUR, MB, Service, curve, wander};

/// From this seed on draws are scored only, and each scoring run is logged in `scores.md`.
pub const SCORED: u32 = 1000;

/// Uniform numbers of one seed (splitmix64; Steele, Lea and Flood, OOPSLA 2014).
struct Draw(u64);

impl Draw {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Between the two, their logarithms uniform: rates and times have no scale of their own.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        (low.ln() + self.uniform() * (high / low).ln()).exp()
    }
}

/// What a family draws, with its name.
pub type Family = (&'static str, fn(u32) -> Service);

/// The base of every draw: a level with noise, an allocation rate, and what is promoted of it.
struct Base {
    level: f64,
    noise: f64,
    purpose: f64,
    service: Service,
}

fn base(draw: &mut Draw) -> Base {
    let churn = draw.between(1.0, 60.0) * MB;
    let promoted = draw.between(0.005, 0.1);
    Base {
        level: draw.between(40.0, 1200.0) * MB,
        noise: draw.between(0.005, 0.05),
        purpose: draw.uniform() * 1000.0,
        service: Service { churn: curve(move |_| churn), promoted, ..Service::default() },
    }
}

impl Base {
    /// The noisy level and something beside it.
    fn holding(self, extra: impl Fn(f64) -> f64 + 'static) -> Service {
        let Self { level, noise, purpose, service } = self;
        let live = move |t| level * (1.0 + noise * wander(t, purpose)) + extra(t);
        Service { live: curve(live), ..service }
    }
}

/// V8's limit in [`crate::model::Model`].
const LIMIT: f64 = 2100.0 * MB;

/// A leak that takes `hours` to the limit, with its course: the share that has leaked at a share of that
/// time.
fn leak(seed: u32, course: fn(f64) -> f64) -> Service {
    let mut draw = Draw(u64::from(seed));
    let base = base(&mut draw);
    let seconds = draw.between(1.0, 24.0) * HOUR;
    let room = LIMIT - base.level;
    let rate = room / seconds;
    let service = base.holding(move |t| room * course(t / seconds));
    Service { hours: 24.0, leak: Some((0.0, rate, Channel::Heap)), ..service }
}

/// Those that leak.
pub const LEAKY: [Family; 6] = [
    ("steady", |seed| leak(seed, |x| x)),
    ("accelerating", |seed| leak(seed, |x| x.powf(1.5))),
    ("steps", |seed| leak(seed, |x| (x * 40.0).floor() / 40.0)),
    ("bursts", |seed| {
        leak(seed, |x| ((x * 25.0).floor() + ((x * 25.0).fract() * 5.0).min(1.0)) / 25.0)
    }),
    ("slackening", |seed| leak(seed, |x| x.powf(0.9))),
    ("over a warm-up", |seed| {
        let mut draw = Draw(u64::from(seed) + 77);
        let warm = draw.between(30.0, 300.0) * MB;
        let time = draw.between(200.0, 3000.0);
        let Service { live, .. } = leak(seed, |x| x);
        let mut service = leak(seed, |x| x);
        service.live = curve(move |t| live(t) + warm * (1.0 - (-t / time).exp()));
        service
    }),
];

/// What warms up: so much in all, with the course over its time.
fn warm_up(seed: u32, course: fn(f64) -> f64) -> Service {
    let mut draw = Draw(u64::from(seed));
    let base = base(&mut draw);
    let amount = draw.between(60.0, 600.0) * MB;
    let amount = amount.min((LIMIT - base.level) / 2.5);
    let time = draw.between(120.0, 7200.0);
    let service = base.holding(move |t| amount * course(t / time));
    Service { hours: 12.0, ..service }
}

/// Those that do not.
pub const HEALTHY: [Family; 7] = [
    ("warm-up, exponential", |seed| warm_up(seed, |x| 1.0 - (-x).exp())),
    ("warm-up, two stages", |seed| {
        warm_up(seed, |x| 0.6 * (1.0 - (-4.0 * x).exp()) + 0.4 * (1.0 - (-x).exp()))
    }),
    // Keys that are new ever more rarely: a power law that meets its end.
    ("warm-up, Heaps' law", |seed| warm_up(seed, |x| (x.min(3.0) / 3.0).powf(0.55))),
    ("warm-up, hyperbolic", |seed| warm_up(seed, |x| x / (1.0 + x))),
    ("cache that fills", |seed| {
        // Below the share that is a leak: more is indistinguishable from one.
        let mut draw = Draw(u64::from(seed));
        let base = base(&mut draw);
        let amount = (LIMIT - base.level) * draw.between(0.01, 0.06);
        let time = draw.between(300.0, 40_000.0);
        let service = base.holding(move |t| amount * (t / time).min(1.0));
        Service { hours: 12.0, ..service }
    }),
    ("daily load", |seed| {
        let mut draw = Draw(u64::from(seed));
        let base = base(&mut draw);
        let swing = draw.between(40.0, 500.0) * MB;
        let swing = swing.min((LIMIT - base.level) / 1.5);
        let (phase, peak) = (draw.uniform() * DAY, draw.between(5.0, 60.0) * MB);
        let day = move |t: f64| 0.575 - 0.425 * ((t + phase) / DAY * TAU).cos();
        let service = base.holding(move |t| swing * day(t));
        Service { churn: curve(move |t| peak * day(t)), hours: 36.0, ..service }
    }),
    ("steady", |seed| base(&mut Draw(u64::from(seed))).holding(|_| 0.0)),
];
