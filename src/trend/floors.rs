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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trend::pyramid::BUCKETS;

    fn series(values: &[(u64, u64)]) -> Pyramid {
        let mut series = Pyramid::new(1000, 0);
        for &(t, value) in values {
            series.insert(t, value);
        }
        series.close(1_000_000);
        series
    }

    fn seen(floor: &[(u64, u64)], envelope: &[(u64, u64)]) -> Vec<(f64, f64)> {
        let points = points(&series(floor), Some(&series(envelope)), 0);
        points.iter().map(|point| (point.t, point.value)).collect()
    }

    #[test]
    fn the_envelope_lowers_the_floors_of_its_buckets() {
        let floor = [(1500, 50), (2500, 60), (4500, 70)];
        assert_eq!(seen(&floor, &[]), [(1500.0, 50.0), (2500.0, 60.0), (4500.0, 70.0)]);
        let envelope = [(100, 9), (1600, 40), (2600, 90), (3500, 8), (4600, 30), (5500, 7)];
        assert_eq!(seen(&floor, &envelope), [(1600.0, 40.0), (2500.0, 60.0), (4600.0, 30.0)]);
    }

    #[test]
    fn a_floor_that_the_envelope_shows_too_keeps_its_time() {
        assert_eq!(seen(&[(1500, 50)], &[(1100, 50)]), [(1500.0, 50.0)]);
    }

    #[test]
    fn the_load_of_a_point_is_the_work_of_its_bucket_by_the_width() {
        let mut floor = Pyramid::new(1000, 0);
        floor.insert(0, 5);
        floor.add_work(0, 500, 3000.0);
        floor.close(4000);
        assert_eq!(points(&floor, None, 0)[0].load, 3.0);
        assert_eq!(points(&floor, None, 1)[0].load, 1.5);
    }

    #[test]
    fn the_whole_time_is_shown_by_the_finest_level_that_covers_it() {
        let risen = |seconds: u64| {
            let mut series = Pyramid::new(1000, 0);
            for second in 0..seconds {
                series.insert(second * 1000, second);
                series.close((second + 1) * 1000);
            }
            whole(&series).iter().map(|point| point.value).collect::<Vec<f64>>()
        };
        assert_eq!(risen(12), (0..12).map(f64::from).collect::<Vec<_>>());
        assert_eq!(risen(14), (0..7).map(|i| f64::from(i * 2)).collect::<Vec<_>>());
        assert!(whole(&Pyramid::new(1000, 0)).is_empty());
    }

    #[test]
    fn of_more_time_than_any_level_covers_the_highest_shows_the_last_part() {
        let mut series = Pyramid::new(1, 0);
        let width = series.width(Pyramid::LEVELS - 1);
        for bucket in 0..20 {
            series.insert(bucket * width, bucket);
            series.close((bucket + 1) * width);
        }
        let values: Vec<f64> = whole(&series).iter().map(|point| point.value).collect();
        assert_eq!(values, (20 - BUCKETS..20).map(|bucket| bucket as f64).collect::<Vec<_>>());
    }
}
