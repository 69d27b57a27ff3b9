//! The figures of a verdict and of a series.

use super::*;

/// A trend of a service that collects each second; its used and committed heap, MB.
fn collected(seconds: u64, heap: impl Fn(f64) -> (f64, f64)) -> Trend {
    let mut trend = Trend::new(Config::new(30_000, 1000).unwrap(), LIMITS);
    for second in 0..seconds {
        let t = second * 1000;
        let (used, total) = heap(second as f64);
        let (used, total) = ((used * MB) as u64, (total * MB) as u64);
        let cause = CollectionCause::Natural;
        trend.collection(&Collection { t, used, total, external: 0, cause, pause_us: 0 });
        trend.reading(&Reading { t, heap_used: used, heap_total: total, ..Reading::default() });
        trend.advance(t);
    }
    trend
}

#[test]
fn a_committed_heap_that_grows_without_the_used_one_is_fragmentation() {
    let verdict = collected(90, |t| (20.0, 20.0 + t)).verdict();
    assert_eq!(
        (verdict.state, verdict.channel),
        (VerdictState::Fragmentation, Some(Channel::Heap))
    );
    let [heap, external, native] = verdict.channels;
    assert_eq!((heap.bytes_per_minute, heap.ms_to_limit, heap.span_ms), (0.0, None, 0));
    assert_eq!((external.state, native.state), (VerdictState::Steady, VerdictState::Steady));
    let verdict = collected(90, |t| (20.0 + t, 20.0 + 2.0 * t)).verdict();
    assert_eq!(verdict.state, VerdictState::Leak, "the used heap grows too");
    assert!((verdict.bytes_per_minute - 60.0 * MB).abs() < 0.01 * MB);
}

/// Of 248 MB, a window of 30 s grows by 12 MB (5 %) or by 3 MB (1 %).
#[test]
fn the_state_of_growth_is_by_its_share_of_the_headroom() {
    for (rate, state) in [(0.45, VerdictState::Suspect), (0.1, VerdictState::Slow)] {
        let verdict = collected(46, |t| (8.0 + rate * t, 50.0)).verdict();
        assert_eq!((verdict.state, verdict.channel), (state, Some(Channel::Heap)));
        let rounding = 0.01 * MB;
        assert!((verdict.bytes_per_minute - rate * 60.0 * MB).abs() < rounding, "{verdict:?}");
        let seconds = (248.0 - rate * 45.0) / rate;
        let found = verdict.ms_to_limit.unwrap() as f64 / 1000.0;
        assert!((found - seconds).abs() < 1.0, "{found} {seconds}");
    }
}

#[test]
fn a_window_must_pass_before_all_is_steady() {
    let state = |seconds| collected(seconds, |_| (8.0, 50.0)).verdict().state;
    assert_eq!(state(30), VerdictState::TooEarly, "29 s after the first reading");
    assert_eq!(state(31), VerdictState::Steady);
}

#[test]
fn a_series_is_of_floors_where_there_are_three_and_of_readings_before() {
    let series = |collections: &[u64]| {
        let mut trend = Trend::new(Config::new(30_000, 1000).unwrap(), LIMITS);
        for second in 0..40 {
            let t = second * 1000;
            let allocated = 7 + second * 5000;
            trend.reading(&Reading { t, heap_used: 50_000_000, allocated, ..Reading::default() });
            if collections.contains(&second) {
                let (used, cause) = (20_000_000, CollectionCause::Natural);
                let (total, external) = (50_000_000, 0);
                trend.collection(&Collection { t, used, total, external, cause, pause_us: 0 });
            }
            trend.advance(t);
        }
        trend.series(Channel::Heap)
    };
    let two = series(&[1, 16]);
    assert!(two.len() > 4 && two.iter().any(|point| point.min == 50_000_000), "{two:?}");
    let three = series(&[1, 16, 31]);
    let floors: Vec<_> = three.iter().map(|point| (point.t, point.min)).collect();
    assert_eq!(floors, [(1000, 20_000_000), (16_000, 20_000_000), (31_000, 20_000_000)]);
    assert!((three[1].load - 5000.0).abs() < 1.0, "bytes a second: {three:?}");
}

#[test]
fn a_thousandth_of_the_limit_or_a_mebibyte_confirms_a_suspicion() {
    // Of three collections without a rise the last one drops it.
    let confirmed = |heap: u64, rise: u64| {
        let mut trend = Trend::new(Config::new(30_000, 1000).unwrap(), Limits { heap, ..LIMITS });
        trend.tracks(0).prober.arm(0, Channel::Heap, 1000);
        for probe in 0..4u64 {
            let used = 20_000_000 + rise * probe.min(1);
            let (t, cause) = (probe * 1000, CollectionCause::Probe);
            trend.collection(&Collection { t, used, total: used, external: 0, cause, pause_us: 1 });
        }
        trend.tracks(0).prober.ask(60_000)
    };
    assert!(confirmed(256_000_000, 256_000) && !confirmed(256_000_000, 255_999));
    assert!(confirmed(4_000_000_000, 1 << 20) && !confirmed(4_000_000_000, (1 << 20) - 1));
}
