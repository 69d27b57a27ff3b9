//! What others would have said of the same tape.

use std::collections::VecDeque;

use plimsoll::trend::{CollectionCause, Limits};

use crate::tape::Step;

/// A line counts from this share of variance explained, over a window, with this growth of the limit:
/// the growth that our own rule calls a leak.
const EXPLAINED: f64 = 0.7;
const GROWTH: f64 = 0.08;

/// When each of them raised its first alarm, ms.
#[derive(Default)]
pub struct Peers {
    /// node-memwatch: the heap was larger after five mark-compacts running. Its `leak` event counts V8's
    /// own collections; a provoked one is ours.
    pub memwatch: Option<u64>,
    /// A straight line through used heap.
    pub heap_line: Option<u64>,
    /// A straight line through the resident set.
    pub rss_line: Option<u64>,
    /// clinic doctor's collector: more than 100 ms of blocking collection within a second.
    pub clinic: Option<u64>,
    after: Option<u64>,
    running: u32,
    heap: VecDeque<(f64, f64)>,
    rss: VecDeque<(f64, f64)>,
}

impl Peers {
    pub fn step(&mut self, step: &Step, window_ms: u64, limits: Limits) {
        let t = step.reading.t;
        for collection in step.collections.iter().filter(|c| c.cause == CollectionCause::Natural) {
            self.running = if self.after.is_some_and(|after| collection.used > after) {
                self.running + 1
            } else {
                0
            };
            self.after = Some(collection.used);
            if self.running >= 5 {
                self.memwatch.get_or_insert(t);
            }
        }
        if step.stopped_ms > 100.0 {
            self.clinic.get_or_insert(t);
        }
        let lines = [
            (&mut self.heap, step.reading.heap_used, limits.heap, &mut self.heap_line),
            (&mut self.rss, step.reading.rss, limits.native, &mut self.rss_line),
        ];
        for (series, value, limit, alarm) in lines {
            series.push_back((t as f64, value as f64));
            while series.front().is_some_and(|first| first.0 + (window_ms as f64) < t as f64) {
                series.pop_front();
            }
            if t >= window_ms && alarm.is_none() && rises(series, limit as f64) {
                *alarm = Some(t);
            }
        }
    }
}

fn rises(series: &VecDeque<(f64, f64)>, limit: f64) -> bool {
    let n = series.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| series.iter().map(of).sum::<f64>() / n;
    let (mt, mv) = (mean(|p| p.0), mean(|p| p.1));
    let (mut tt, mut tv, mut vv) = (0.0, 0.0, 0.0);
    for (t, v) in series {
        tt += (t - mt).powi(2);
        tv += (t - mt) * (v - mv);
        vv += (v - mv).powi(2);
    }
    let (Some(first), Some(last)) = (series.front(), series.back()) else { return false };
    let growth = tv / tt.max(1.0) * (last.0 - first.0);
    vv > 0.0 && tv * tv / (tt * vv) >= EXPLAINED && growth >= GROWTH * (limit - first.1)
}
