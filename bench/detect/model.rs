//! Models of services with their time compressed: what they hold and how they allocate at each second of
//! a day or more, under a rough model of V8's heap (scavenges, promotion, a limit that grows with the heap).

use plimsoll::trend::{Channel, Collection, CollectionCause, Limits, Reading};

use crate::tape::{Step, Tape};

pub const MB: f64 = 1e6;
pub const HOUR: f64 = 3600.0;
pub const DAY: f64 = 24.0 * HOUR;
const YOUNG: f64 = 16.0 * MB;

/// A course over time (seconds).
pub type Curve = Box<dyn Fn(f64) -> f64>;

/// Boxes it.
pub fn curve(course: impl Fn(f64) -> f64 + 'static) -> Curve {
    Box::new(course)
}

/// What a service holds and allocates at a time (seconds).
pub struct Service {
    pub name: &'static str,
    pub live: Curve,
    pub external: Curve,
    pub native: Curve,
    /// Bytes allocated a second.
    pub churn: Curve,
    /// The share of it that outlives two scavenges and then dies.
    pub promoted: f64,
    /// Committed heap that stays above what is used.
    pub slack: Curve,
    pub hours: f64,
    /// When a leak begins (seconds), its mean rate from then on (bytes a second) and what it grows in.
    pub leak: Option<(f64, f64, Channel)>,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            name: "",
            live: curve(|_| 120.0 * MB),
            external: curve(|_| 12.0 * MB),
            native: curve(|_| 60.0 * MB),
            churn: curve(|_| 20.0 * MB),
            promoted: 0.02,
            slack: curve(|_| 30.0 * MB),
            hours: 24.0,
            leak: None,
        }
    }
}

/// The load of a day: from .15 at night to 1 in the afternoon.
fn daily(t: f64) -> f64 {
    0.575 - 0.425 * (t / DAY * std::f64::consts::TAU).cos()
}

/// A day of it, summed: seconds of full load since the start.
fn daily_sum(t: f64) -> f64 {
    0.575 * t - 0.425 * (t / DAY * std::f64::consts::TAU).sin() * DAY / std::f64::consts::TAU
}

/// A reproducible number in 0..1 for a time and a purpose.
fn noise(t: f64, purpose: f64) -> f64 {
    ((t * 12.9898 + purpose * 78.233).sin() * 43_758.545_3).rem_euclid(1.0)
}

/// A level of sessions or requests in flight that wanders by a few percent within minutes.
pub fn wander(t: f64, purpose: f64) -> f64 {
    let at = |step: f64| {
        let (k, f) = ((t / step).floor(), (t / step).fract());
        noise(k, purpose) * (1.0 - f) + noise(k + 1.0, purpose) * f - 0.5
    };
    at(20.0) + at(90.0) + at(700.0)
}

/// The services that leak.
pub fn leaky() -> Vec<Service> {
    let heap = |name, live: fn(f64) -> f64, rate| Service {
        name,
        live: curve(live),
        leak: Some((0.0, rate, Channel::Heap)),
        ..Service::default()
    };
    vec![
        heap("slow-map", |t| (120.0 + wander(t, 1.0) * 6.0) * MB + t * 0.03 * MB, 0.03 * MB),
        heap("fast-array", |t| 60.0 * MB + t * 2.0 * MB, 2.0 * MB),
        // Sixty seconds of every ten minutes.
        heap(
            "burst-leak",
            |t| 100.0 * MB + ((t / 600.0).floor() * 60.0 + (t % 600.0).min(60.0)) * MB,
            0.1 * MB,
        ),
        Service {
            churn: curve(|t| 30.0 * MB * daily(t)),
            ..heap(
                "daily-leak",
                |t| (80.0 + 40.0 * daily(t)) * MB + daily_sum(t) * 0.09 * MB,
                0.05 * MB,
            )
        },
        // 4 MB for each export of a report, some 12 times an hour.
        heap(
            "rare-route",
            |t| {
                110.0 * MB
                    + (0..(t / 300.0) as u64)
                        .map(|k| if noise(k as f64, 3.0) > 0.2 { 5.0 } else { 0.0 })
                        .sum::<f64>()
                        * MB
            },
            4.0 / 300.0 * MB,
        ),
        heap("step-leak", |t| 150.0 * MB + (t / (0.5 * HOUR)).floor() * 45.0 * MB, 0.025 * MB),
        Service {
            native: curve(|t| (60.0 + wander(t, 4.0) * 8.0) * MB + t * 0.06 * MB),
            leak: Some((0.0, 0.06 * MB, Channel::Native)),
            ..Service { name: "native-slow", ..Service::default() }
        },
        Service {
            native: curve(|t| 50.0 * MB + t * 0.2 * MB),
            churn: curve(|_| 0.002 * MB),
            leak: Some((0.0, 0.2 * MB, Channel::Native)),
            ..Service { name: "native-idle", ..Service::default() }
        },
        Service {
            external: curve(|t| 20.0 * MB + t * 0.15 * MB + wander(t, 5.0) * 4.0 * MB),
            leak: Some((0.0, 0.15 * MB, Channel::External)),
            ..Service { name: "buffers", ..Service::default() }
        },
        // WASM memory grows by 16 MB at once.
        Service {
            external: curve(|t| 20.0 * MB + (t / 120.0).floor() * 16.0 * MB),
            leak: Some((0.0, 16.0 / 120.0 * MB, Channel::External)),
            ..Service { name: "wasm-steps", ..Service::default() }
        },
        Service {
            native: curve(|t| 60.0 * MB + t * 0.01 * MB),
            ..heap(
                "two-causes",
                |t| 90.0 * MB + t * 0.05 * MB + (t / 900.0).floor() * 20.0 * MB,
                0.072 * MB,
            )
        },
        Service {
            leak: Some((6.0 * HOUR, 0.1 * MB, Channel::Heap)),
            ..heap(
                "leak-after-deploy",
                |t| (120.0 + wander(t, 6.0) * 5.0) * MB + (t - 6.0 * HOUR).max(0.0) * 0.1 * MB,
                0.1 * MB,
            )
        },
        heap(
            "leak-big-cache",
            |t| (1100.0 + wander(t, 7.0) * 25.0) * MB + t * 0.06 * MB,
            0.06 * MB,
        ),
        Service {
            churn: curve(|t| if t % 600.0 < 90.0 { 120.0 * MB } else { 5.0 * MB }),
            promoted: 0.2,
            ..heap(
                "leak-batch",
                |t| 100.0 * MB + if t % 600.0 < 90.0 { 150.0 * MB } else { 0.0 } + t * 0.08 * MB,
                0.08 * MB,
            )
        },
        heap("leak-accelerating", |t| 100.0 * MB + (t / HOUR).powi(2) * 100.0 * MB, 0.106 * MB),
        Service {
            churn: curve(|t| if t < 2.0 * HOUR { 10.0 * MB } else { 30.0 * MB }),
            ..heap(
                "leak-load-step",
                |t| (if t < 2.0 * HOUR { 100.0 } else { 140.0 }) * MB + t * 0.07 * MB,
                0.07 * MB,
            )
        },
    ]
}

/// The healthy ones.
pub fn healthy() -> Vec<Service> {
    let service =
        |name, live: fn(f64) -> f64| Service { name, live: curve(live), ..Service::default() };
    vec![
        service("steady", |t| (120.0 + wander(t, 11.0) * 10.0) * MB),
        Service { churn: curve(|_| 0.005 * MB), ..service("idle", |_| 40.0 * MB) },
        Service {
            churn: curve(|t| 40.0 * MB * daily(t)),
            hours: 72.0,
            ..service("daily-load", |t| (80.0 + (260.0 + wander(t, 12.0) * 20.0) * daily(t)) * MB)
        },
        Service {
            churn: curve(
                |t| if noise((t / 60.0).floor(), 13.0) > 0.9 { 150.0 * MB } else { 8.0 * MB },
            ),
            ..service("bursts", |t| {
                (90.0 + if noise((t / 60.0).floor(), 13.0) > 0.9 { 300.0 } else { 0.0 }) * MB
            })
        },
        Service {
            native: curve(|t| (50.0 + 60.0 * (1.0 - (-t / 900.0).exp())) * MB),
            ..service("deploy-warmup", |t| {
                (60.0 + 350.0 * (1.0 - (-t / 1500.0).exp()) + wander(t, 14.0) * 4.0) * MB
            })
        },
        Service {
            churn: curve(|t| if t % (2.0 * HOUR) < 1200.0 { 100.0 * MB } else { 5.0 * MB }),
            promoted: 0.1,
            ..service("batch", |t| {
                (100.0
                    + if t % (2.0 * HOUR) < 1200.0 {
                        80.0 + 60.0 * noise((t / 40.0).floor(), 15.0)
                    } else {
                        0.0
                    })
                    * MB
            })
        },
        service("lru-fill", |t| (100.0 + (t * 0.1).min(90.0) + wander(t, 16.0) * 4.0) * MB),
        service("lru-fill-slow", |t| (100.0 + (t * 0.004).min(110.0) + wander(t, 17.0) * 4.0) * MB),
        service("ttl-sessions", |t| {
            (90.0 + 180.0 * (1.0 - (-t / 1200.0).exp()) + wander(t, 18.0) * 15.0) * MB
        }),
        Service {
            churn: curve(|t| if t < 3.0 * HOUR { 10.0 * MB } else { 30.0 * MB }),
            ..service("load-step", |t| {
                (100.0 + if t < 3.0 * HOUR { 0.0 } else { 150.0 } + wander(t, 19.0) * 8.0) * MB
            })
        },
        Service {
            churn: curve(|t| 5.0 * MB + 45.0 * MB * (t / (6.0 * HOUR)).min(1.0)),
            ..service("load-ramp", |t| {
                (60.0 + 300.0 * (t / (6.0 * HOUR)).min(1.0) + wander(t, 20.0) * 5.0) * MB
            })
        },
        // Hardly anything is promoted: hours between two mark-compacts.
        Service {
            churn: curve(|_| 4.0 * MB),
            promoted: 0.003,
            ..service("rare-collections", |_| 150.0 * MB)
        },
        Service {
            native: curve(|t| {
                (50.0 + 160.0 * (1.0 - (-t / (1.5 * HOUR)).exp()) + wander(t, 21.0) * 10.0) * MB
            }),
            ..service("native-arenas", |t| (120.0 + wander(t, 21.0) * 6.0) * MB)
        },
        Service {
            slack: curve(|t| (30.0 + t * 0.02) * MB),
            ..service("fragmentation", |t| (150.0 + wander(t, 22.0) * 10.0) * MB)
        },
        Service {
            external: curve(|t| (30.0 + 120.0 * noise((t / 5.0).floor(), 23.0)) * MB),
            ..service("buffer-pool", |t| (110.0 + wander(t, 23.0) * 6.0) * MB)
        },
        Service {
            hours: 120.0,
            churn: curve(|t| {
                30.0 * MB * daily(t) * if (t / DAY) as u64 % 7 >= 2 { 1.0 } else { 0.4 }
            }),
            ..service("weekend", |t| {
                (90.0 + 200.0 * daily(t) * if (t / DAY) as u64 % 7 >= 2 { 1.0 } else { 0.4 }) * MB
            })
        },
    ]
}

/// A service under a model of V8, with a 2 GB heap in a 3 GB container.
pub struct Model {
    service: Service,
    second: u64,
    young: f64,
    garbage: f64,
    old_limit: f64,
    allocated: f64,
}

impl Model {
    pub fn new(service: Service) -> Self {
        let old_limit = (service.live)(0.0) * 1.5 + 32.0 * MB;
        Self { service, second: 0, young: 0.0, garbage: 0.0, old_limit, allocated: 0.0 }
    }
}

impl Tape for Model {
    fn step(&mut self, probe: bool) -> Option<Step> {
        let at = self.second as f64;
        if at > self.service.hours * HOUR {
            return None;
        }
        let service = &self.service;
        let (live, churn) =
            ((service.live)(at), (service.churn)(at) * (0.8 + 0.4 * noise(at, 31.0)));
        let native = (service.native)(at);
        if live > self.limits().heap as f64 || native > self.limits().native as f64 {
            return None;
        }
        self.second += 1;
        self.young += churn;
        self.allocated += churn;
        let scavenged = self.young >= YOUNG;
        if scavenged {
            self.garbage += (self.young / YOUNG).floor() * YOUNG * service.promoted;
            self.young %= YOUNG;
        }
        let t = self.second * 1000;
        let natural = live + self.garbage > self.old_limit;
        let mut collections = Vec::new();
        if natural || probe {
            self.garbage = 0.0;
            self.young = 0.0;
            self.old_limit = live * 1.5 + 32.0 * MB;
            collections.push(Collection {
                t,
                used: live as u64,
                total: (live + YOUNG + (service.slack)(at)) as u64,
                external: (service.external)(at) as u64,
                cause: if natural { CollectionCause::Natural } else { CollectionCause::Probe },
                pause_us: (live / 1000.0) as u32,
            });
        }
        let used = live + self.garbage + self.young;
        let total = live + self.garbage + YOUNG + (service.slack)(at);
        let external = (service.external)(at) + self.young / 50.0;
        let reading = Reading {
            t,
            rss: (total + external + native) as u64,
            heap_total: total as u64,
            heap_used: used as u64,
            external: external as u64,
            native: Some(native as u64),
            allocated: self.allocated as u64,
            ..Reading::default()
        };
        let lowest = scavenged.then_some((live + self.garbage) as u64);
        Some(Step {
            collections,
            lowest,
            reading,
            stopped_ms: if natural { live / MB } else { 0.0 },
        })
    }

    fn limits(&self) -> Limits {
        Limits { heap: 2_100_000_000, external: 3_000_000_000, native: 3_000_000_000 }
    }

    fn window_ms(&self) -> u64 {
        900_000
    }

    fn to_limit(&self, channel: Channel) -> (u64, u64) {
        let Some((start, rate, _)) = self.service.leak else { return (0, u64::MAX) };
        let (limit, held) = match channel {
            Channel::Heap => (self.limits().heap, (self.service.live)(start)),
            Channel::External => (self.limits().external, (self.service.external)(start)),
            Channel::Native => (self.limits().native, (self.service.native)(start)),
        };
        ((start * 1000.0) as u64, ((limit as f64 - held) / rate * 1000.0) as u64)
    }
}
