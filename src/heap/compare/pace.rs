//! Whether growth goes on: by how much a holder has to rise from snapshot to snapshot.

use crate::heap::compare::growth::Growth;
use crate::heap::compare::series::Series;
use crate::heap::compare::stores::is_system;

/// Growth below this many bytes occurs without a leak.
pub(in crate::heap) const NOISE: u64 = 4096;

/// Goes on rising, and by more than what is replaced at the same time.
pub(in crate::heap) fn rises(series: &Series, growth: &Growth) -> bool {
    is_large(series, growth) && goes_on(&growth.steps(), series.intervals)
}

/// Rises in each interval, but by too little or too much in the last one for a leak under even load.
pub(in crate::heap) fn rises_unevenly(series: &Series, growth: &Growth) -> bool {
    let steps = growth.steps();
    is_large(series, growth)
        && steps.iter().all(|&step| step > 0)
        && !goes_on(&steps, series.intervals)
}

/// Whether it is the program's, and more than what is replaced at the same time.
fn is_large(series: &Series, growth: &Growth) -> bool {
    let grown = growth.grown();
    let last = growth.bytes.last().copied().unwrap_or(0);
    !is_system(series.last(), growth.thing) && grown >= NOISE && grown as f64 >= 0.25 * last as f64
}

/// Rises in each interval: by no less in the last than two fifths of the one before, since warm-up slows down; by no
/// more than eight times of it, since a leak does not leap. Where an interval is known to be far shorter or longer than
/// the one before, so much less or more is enough.
fn goes_on(steps: &[u64], intervals: &[u64]) -> bool {
    steps.iter().all(|&step| step > 0)
        && steps.windows(2).enumerate().all(|(at, pair)| {
            let ratio = intervals.get(at..at + 2).map_or(1.0, |pair| uneven(pair[0], pair[1]));
            pair[1] as f64 >= 0.4 * ratio.min(1.0) * pair[0] as f64
                && pair[0] as f64 * ratio.max(1.0) >= (pair[1] / 8) as f64
        })
}

/// How much longer the second interval is, seconds; 1 where they are near enough, or too short to say.
fn uneven(first: u64, second: u64) -> f64 {
    const SHORTEST: u64 = 60;
    const NEAR: f64 = 2.0;
    const FURTHEST: f64 = 10.0;
    if first.min(second) < SHORTEST {
        return 1.0;
    }
    let ratio = second as f64 / first as f64;
    if ratio.max(1.0 / ratio) < NEAR { 1.0 } else { ratio.clamp(1.0 / FURTHEST, FURTHEST) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_only_excuse_what_they_explain() {
        assert!(!goes_on(&[100, 10], &[2400, 2400]), "even ones excuse nothing");
        assert!(!goes_on(&[100, 30], &[2400, 1300]), "nor do those that are nearly so");
        assert!(!goes_on(&[100, 10], &[50, 5]), "nor those of seconds, which names tell roughly");
        assert!(!goes_on(&[1000, 30], &[86_400, 60]), "a day's warm-up has its last minute");
        assert!(goes_on(&[100, 60], &[300, 3000]), "a leak slows down with its load");
        assert!(!goes_on(&[100, 0], &[2400, 300]));
    }
}
