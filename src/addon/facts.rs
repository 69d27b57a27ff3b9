//! The values that Rust shares with `lib/facts.js`, so that a test can compare the two.

use napi_derive::napi;
use serde_json::json;

use super::error::Result;
use super::watch::tick;
use crate::cache::registry as caches;
use crate::track::registry as tracked;
use crate::trend::{BUCKETS, Channel, PROBE_BUDGET, VerdictState, mann_kendall};

/// Series for which both sides compute the Mann-Kendall deviate: rising, falling, flat, with ties, too short.
const SERIES: [&[f64]; 5] = [
    &[1.0, 2.0, 4.0, 3.0, 7.0, 9.0, 8.0],
    &[5.0, 4.0, 1.0],
    &[2.0, 2.0, 2.0, 2.0],
    &[1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 9.0],
    &[1.0],
];

/// The shared values as JSON.
///
/// # Errors
/// If they cannot be serialized, which no known input causes.
#[napi(catch_unwind)]
pub fn facts() -> Result<String> {
    let facts = json!({
        "channels": Channel::ALL,
        "states": VerdictState::ALL,
        "buckets": BUCKETS,
        "probeBudget": PROBE_BUDGET,
        "mannKendall": SERIES.map(|series| json!({ "series": series, "z": mann_kendall(series) })),
        "tick": {
            "notices": tick::NOTICES,
            "probe": tick::PROBE,
            "requests": tick::REQUESTS,
            "emergency": tick::EMERGENCY,
        },
        "trackedKinds": tracked::Kind::ALL,
        "trackedRowWords": tracked::ROW_WORDS,
        "cacheKinds": caches::KINDS,
        "cacheRecord": {
            "words": caches::RECORD_WORDS,
            "kind": caches::KIND,
            "label": caches::LABEL,
        },
    });
    Ok(facts.to_string())
}
