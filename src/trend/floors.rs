//! The floors of a series as points, for the judgement of a window and the search for sawtooth cycles.

use super::pyramid::{Bucket, Pyramid};
use super::rule::FloorPoint;

/// The closed buckets of a level that have a floor. The envelope lowers a floor where it shows less: used bytes are an
/// upper bound of live bytes, so a floor from the top of a sawtooth cycle does not hide its bottom.
pub(super) fn points(floor: &Pyramid, envelope: Option<&Pyramid>, level: usize) -> Vec<FloorPoint> {
    let width = floor.width(level) as f64;
    let mut seen = envelope.into_iter().flat_map(|e| e.closed(level)).peekable();
    let point = |bucket: &Bucket| {
        let mut min = bucket.min()?;
        while seen.next_if(|below| below.index() < bucket.index()).is_some() {}
        if let Some(below) = seen.next_if(|below| below.index() == bucket.index())
            && let Some(lower) = below.min()
            && lower.value < min.value
        {
            min = lower;
        }
        Some(FloorPoint { t: min.t as f64, value: min.value as f64, load: bucket.work() / width })
    };
    floor.closed(level).filter_map(point).collect()
}

/// The points of the finest level that covers the whole time, or of the highest level.
pub(super) fn whole(series: &Pyramid) -> Vec<FloorPoint> {
    let covers =
        |&level: &usize| series.closed(level).next().is_some_and(|first| first.index() == 0);
    let level = (0..series.depth()).find(covers).unwrap_or(series.depth() - 1);
    points(series, None, level)
}
