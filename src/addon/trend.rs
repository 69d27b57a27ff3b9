//! A trend that JS feeds by itself: `plimsoll attach` reads another process and judges it by the same rule.

use napi_derive::napi;
use serde_json::json;

use super::error::{AddonError, Result, error};
use crate::trend::{Channel, Collection, CollectionCause, Config, Event, Limits, Reading, Trend};

/// One reading of the other process: ms of one monotonic clock, bytes.
#[napi(object)]
pub struct TrendReading {
    pub t: f64,
    pub rss: f64,
    pub heap_total: f64,
    pub heap_used: f64,
    pub external: f64,
}

/// Times in ms, limits in bytes.
#[napi(object)]
pub struct TrendOptions {
    pub window: f64,
    pub interval: f64,
    /// Share of the loop's time that probes may take.
    pub probe_budget: f64,
    pub heap_limit: f64,
    /// Of the whole process.
    pub limit: f64,
}

/// The trend of one process.
#[napi]
pub struct RemoteTrend(Trend);

#[napi]
impl RemoteTrend {
    /// Fails where the window is too short for the interval.
    #[napi(constructor, catch_unwind)]
    pub fn new(options: TrendOptions) -> Result<Self> {
        let config = Config::new(options.window as u64, options.interval as u64)
            .and_then(|config| config.with_probe_budget(options.probe_budget))
            .map_err(|e| error("ERR_PLIMSOLL_OPTION", e.to_string()))?;
        let limit = options.limit as u64;
        Ok(Self(Trend::new(
            config,
            Limits { heap: options.heap_limit as u64, external: limit, native: limit },
        )))
    }

    /// Feeds what was read now.
    #[napi(catch_unwind)]
    pub fn reading(&mut self, reading: TrendReading) {
        let outside = reading.rss - reading.heap_total - reading.external;
        self.0.reading(&Reading {
            t: reading.t as u64,
            rss: reading.rss as u64,
            heap_total: reading.heap_total as u64,
            heap_used: reading.heap_used as u64,
            external: reading.external as u64,
            // A cast of what is negative is 0.
            native: Some(outside as u64),
            ..Reading::default()
        });
    }

    /// Feeds what a collection left; `probe` where it answers one, else it is a snapshot's.
    #[napi(catch_unwind)]
    pub fn collection(&mut self, reading: TrendReading, pause_ms: f64, probe: bool) {
        self.0.collection(&Collection {
            t: reading.t as u64,
            used: reading.heap_used as u64,
            total: reading.heap_total as u64,
            external: reading.external as u64,
            cause: if probe { CollectionCause::Probe } else { CollectionCause::Snapshot },
            pause_us: (pause_ms * 1000.0) as u32,
        });
    }

    /// A snapshot left so many bytes of native memory behind.
    #[napi(catch_unwind)]
    pub fn rebase_native(&mut self, t: f64, delta: f64) {
        self.0.rebase_native(t as u64, delta as i64);
    }

    /// Judges; true where a collection should be provoked to see the floor.
    #[napi(catch_unwind)]
    pub fn advance(&mut self, t: f64) -> bool {
        self.0.advance(t as u64).contains(&Event::Probe)
    }

    /// `{verdict, series}` of the report, as JSON.
    #[napi(catch_unwind)]
    pub fn state(&self) -> Result<String> {
        let points = |channel| -> Vec<(u64, u64, f64)> {
            self.0.series(channel).iter().map(|point| (point.t, point.min, point.load)).collect()
        };
        let state = json!({
            "verdict": self.0.verdict(),
            "series": {
                "heap": points(Channel::Heap),
                "external": points(Channel::External),
                "native": points(Channel::Native),
            },
        });
        serde_json::to_string(&state).map_err(|e: serde_json::Error| -> AddonError {
            error("ERR_PLIMSOLL_NATIVE", e.to_string())
        })
    }
}
