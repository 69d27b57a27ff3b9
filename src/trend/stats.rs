//! The statistics that the rule rests on. All are for short series: O(n^2) over a window's buckets.

/// Mann-Kendall's test for a monotone trend: the normal deviate of S, corrected for ties and continuity.
///
/// Above 0 where later values tend to be larger; 0 for fewer than three values. Kendall, *Rank
/// Correlation Methods* (1975); Mann, *Econometrica* 13 (1945).
#[must_use]
pub fn mann_kendall(values: &[f64]) -> f64 {
    let n = values.len();
    if n < 3 {
        return 0.0;
    }
    let mut s = 0.0;
    for (i, a) in values.iter().enumerate() {
        for b in &values[i + 1..] {
            s += f64::from(i8::from(b > a) - i8::from(b < a));
        }
    }
    let term = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let ties: f64 = sorted.chunk_by(|a, b| a == b).map(|group| term(group.len() as f64)).sum();
    let variance = (term(n as f64) - ties) / 18.0;
    if variance <= 0.0 || s == 0.0 {
        return 0.0;
    }
    (s - f64::signum(s)) / variance.sqrt()
}

/// How often chance alone orders values to rise as much as these do, exactly: for series too short for
/// [`mann_kendall`]'s normal deviate. Equal values count as falling.
///
/// The orders of `n` values with at most so many inversions, of all `n!`: Kendall, *Biometrika* 30 (1938).
#[must_use]
pub fn chance_of_rising(values: &[f64]) -> f64 {
    let n = values.len();
    let falls = |at: usize| values[at + 1..].iter().filter(|later| **later <= values[at]).count();
    let inversions: usize = (0..n).map(falls).sum();
    // The share of the orders of k values that have 0, 1, 2 ... inversions: the k-th adds 0 to k - 1 of them.
    let mut shares = vec![1.0];
    for k in 2..=n {
        let of = |count: usize| {
            let fewer = (count + 1).saturating_sub(k)..=count.min(shares.len() - 1);
            shares.get(fewer).unwrap_or_default().iter().sum::<f64>() / k as f64
        };
        shares = (0..shares.len() + k - 1).map(of).collect();
    }
    shares.iter().take(inversions + 1).sum()
}

/// Theil and Sen's slope: the median of the slopes of all pairs `(t, value)`; 0 without a pair of different times.
///
/// Theil, *Indagationes Mathematicae* 12 (1950); Sen, *JASA* 63 (1968). Up to 29 % of the points may be
/// arbitrarily wrong.
#[must_use]
pub fn theil_sen(points: &[(f64, f64)]) -> f64 {
    let mut slopes = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
    for (i, a) in points.iter().enumerate() {
        for b in &points[i + 1..] {
            if b.0 != a.0 {
                slopes.push((b.1 - a.1) / (b.0 - a.0));
            }
        }
    }
    median(&mut slopes).unwrap_or(0.0)
}

/// Pearson's correlation of two series of one length; 0 where one of them does not vary.
#[must_use]
pub fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len()) as f64;
    let centred = |values: &[f64]| -> Vec<f64> {
        let mean = values.iter().sum::<f64>() / n;
        values.iter().map(|value| value - mean).collect()
    };
    let product = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(x, y)| x * y).sum() };
    let (a, b) = (centred(a), centred(b));
    let (aa, bb) = (product(&a, &a), product(&b, &b));
    if aa > 0.0 && bb > 0.0 { product(&a, &b) / (aa * bb).sqrt() } else { 0.0 }
}

/// Student's t of the quadratic term in a least-squares parabola through pairs `(x, y)`: below 0 where
/// the line bends down. 0 for fewer than four pairs, or fewer than three different x.
#[must_use]
pub fn curvature(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    if points.len() < 4 {
        return 0.0;
    }
    let mean = points.iter().map(|p| p.0).sum::<f64>() / n;
    let reach = points.iter().map(|p| (p.0 - mean).abs()).fold(0.0, f64::max);
    if reach <= 0.0 {
        return 0.0;
    }
    let x: Vec<f64> = points.iter().map(|p| (p.0 - mean) / reach).collect();
    // Gram and Schmidt: the square's part that neither the constant nor the line explains.
    let (two, three) =
        x.iter().fold((0.0, 0.0), |(two, three), x| (two + x * x, three + x * x * x));
    let bow: Vec<f64> = x.iter().map(|x| x * x - two / n - three / two * x).collect();
    let square: f64 = bow.iter().map(|b| b * b).sum();
    let level = points.iter().map(|p| p.1).sum::<f64>() / n;
    let line = x.iter().zip(points).map(|(x, p)| x * p.1).sum::<f64>() / two;
    let quadratic = bow.iter().zip(points).map(|(b, p)| b * p.1).sum::<f64>() / square;
    let residual: f64 = x
        .iter()
        .zip(&bow)
        .zip(points)
        .map(|((x, b), p)| (p.1 - level - line * x - quadratic * b).powi(2))
        .sum();
    let error = (residual / (n - 3.0) / square).sqrt();
    let deviate = quadratic / error;
    if deviate.is_nan() || square < 1e-9 { 0.0 } else { deviate }
}

/// The median, which reorders the values; of an even number the mean of the middle two.
pub fn median(values: &mut [f64]) -> Option<f64> {
    let n = values.len();
    if n == 0 {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    Some((values[(n - 1) / 2] + values[n / 2]) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rising_series_has_the_textbook_deviate() {
        // n = 8, S = 28, variance = 8 * 7 * 21 / 18.
        let rising: Vec<f64> = (0..8).map(f64::from).collect();
        assert!((mann_kendall(&rising) - 27.0 / (1176.0f64 / 18.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn ties_shrink_the_variance() {
        // S = 5 of (1, 2, 2, 3): variance (4*3*13 - 2*1*9) / 18.
        assert!(
            (mann_kendall(&[1.0, 2.0, 2.0, 3.0]) - 4.0 / (138.0f64 / 18.0).sqrt()).abs() < 1e-12
        );
        assert_eq!(mann_kendall(&[5.0; 9]), 0.0);
    }

    #[test]
    fn few_values_rise_by_chance_as_often_as_kendall_says() {
        let factorial = |n: u32| f64::from((1..=n).product::<u32>());
        let rising: Vec<f64> = (0..7).map(f64::from).collect();
        assert!((chance_of_rising(&rising[..5]) - 1.0 / factorial(5)).abs() < 1e-12);
        assert!((chance_of_rising(&rising) - 1.0 / factorial(7)).abs() < 1e-12);
        // Of the orders of seven values one has no inversion, six have one, twenty have two.
        let once = [0.0, 1.0, 3.0, 2.0, 4.0, 5.0, 6.0];
        assert!((chance_of_rising(&once) - 7.0 / factorial(7)).abs() < 1e-12);
        let twice = [0.0, 1.0, 3.0, 2.0, 4.0, 6.0, 5.0];
        assert!((chance_of_rising(&twice) - 27.0 / factorial(7)).abs() < 1e-12);
        let falling: Vec<f64> = rising.iter().rev().copied().collect();
        assert!((chance_of_rising(&falling) - 1.0).abs() < 1e-12);
        assert!((chance_of_rising(&[1.0; 6]) - 1.0).abs() < 1e-12, "equal values do not rise");
    }

    #[test]
    fn theil_sen_ignores_wild_points() {
        let mut line: Vec<(f64, f64)> =
            (0..12).map(|i| (f64::from(i), 3.0 * f64::from(i) + 1.0)).collect();
        line[4].1 = 1e9;
        line[7].1 = -1e9;
        line[10].1 = 4e8;
        assert!((theil_sen(&line) - 3.0).abs() < 1e-9);
        assert_eq!(theil_sen(&[(1.0, 2.0)]), 0.0);
        assert_eq!(theil_sen(&[(1.0, 2.0), (1.0, 9.0)]), 0.0);
    }

    #[test]
    fn curvature_is_the_textbook_t() {
        // Quadratic term .75, sum of squared residuals .05 with one degree of freedom, of the regressor 4.
        let points = [(0.0, 0.0), (1.0, 1.0), (2.0, 4.0), (3.0, 8.0)];
        assert!((curvature(&points) - 0.75 / (0.05f64 / 4.0).sqrt()).abs() < 1e-9);
        assert_eq!(curvature(&[(0.0, 1.0), (1.0, 2.0), (2.0, 9.0)]), 0.0);
        assert_eq!(curvature(&[(1.0, 1.0); 5]), 0.0);
    }

    #[test]
    fn curvature_takes_unequal_distances_and_falls_below_0_where_the_line_bends_down() {
        // By solving the normal equations in fractions.
        let up = [(1.0, 3.0), (2.0, 5.0), (4.0, 4.0), (7.0, 9.0), (11.0, 8.0), (16.0, 20.0)];
        assert!((curvature(&up) - 1.584_310_849_090_719_6).abs() < 1e-9);
        let down = [(1.0, 30.0), (2.0, 42.0), (4.0, 55.0), (7.0, 61.0), (11.0, 66.0), (16.0, 70.0)];
        assert!((curvature(&down) + 2.994_349_570_113_499).abs() < 1e-9);
        let centred = up.map(|(x, y)| (x - 41.0 / 6.0, y));
        assert!((curvature(&centred) - curvature(&up)).abs() < 1e-9, "0 is a place as any other");
        let two = [(1.0, 1.0), (2.0, 2.0), (1.0, 3.0), (2.0, 5.0), (1.0, 2.0)];
        assert_eq!(curvature(&two), 0.0, "two places have no bend");
        let parabola: Vec<(f64, f64)> = (0..6).map(f64::from).map(|x| (x, x * x)).collect();
        assert!(curvature(&parabola) > 1e6, "without a residual the bend is certain");
    }

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_the_middle_two() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [7.0]), Some(7.0));
        assert_eq!(median(&mut [9.0, 1.0]), Some(5.0));
        assert_eq!(median(&mut [9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [9.0, 1.0, 2.0, 5.0]), Some(3.5));
    }

    #[test]
    fn theil_sen_is_the_median_of_the_slopes_of_all_pairs() {
        // 1/4, 1/2, 6/7, 1, 5/3, 4.
        let slope = theil_sen(&[(0.0, 0.0), (2.0, 1.0), (3.0, 5.0), (7.0, 6.0)]);
        assert!((slope - (6.0 / 7.0 + 1.0) / 2.0).abs() < 1e-12);
        assert_eq!(theil_sen(&[(2.0, 8.0), (4.0, 2.0)]), -3.0);
        assert_eq!(theil_sen(&[]), 0.0);
    }

    #[test]
    fn correlation_is_pearsons() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 5.0, 9.0]);
        assert!((correlation(&a, &b) - 11.0 / 130.0f64.sqrt()).abs() < 1e-12);
        let falling = [9.0, 5.0, 4.0, 2.0];
        assert!((correlation(&a, &falling) + 11.0 / 130.0f64.sqrt()).abs() < 1e-12);
        assert_eq!(correlation(&a, &[3.0; 4]), 0.0);
        assert_eq!(correlation(&[3.0; 4], &b), 0.0);
    }

    #[test]
    fn few_values_or_none_have_no_trend() {
        assert_eq!(mann_kendall(&[]), 0.0);
        assert_eq!(mann_kendall(&[1.0, 2.0]), 0.0);
        // S = 3, variance = 3 * 2 * 11 / 18.
        assert!((mann_kendall(&[1.0, 2.0, 3.0]) - 2.0 / (66.0f64 / 18.0).sqrt()).abs() < 1e-12);
        assert!((mann_kendall(&[3.0, 2.0, 1.0]) + 2.0 / (66.0f64 / 18.0).sqrt()).abs() < 1e-12);
        // S = -1 and 1 are 0 after the correction.
        assert_eq!(mann_kendall(&[1.0, 3.0, 2.0]), 0.0);
    }

    proptest! {
        #[test]
        fn a_series_upside_down_bends_the_other_way(
            values in prop::collection::vec(0u32..1000, 5..13), slope in 0u32..50, stretch in 1u32..9,
        ) {
            let points = |sign: f64, slope: f64, stretch: f64| -> Vec<(f64, f64)> {
                values.iter().enumerate()
                    .map(|(i, &v)| (i as f64 * stretch, sign * f64::from(v) + slope * i as f64)).collect()
            };
            let plain = curvature(&points(1.0, 0.0, 1.0));
            prop_assert!((plain + curvature(&points(-1.0, 0.0, 1.0))).abs() < 1e-6 * (1.0 + plain.abs()));
            let tilted = curvature(&points(1.0, f64::from(slope), f64::from(stretch)));
            prop_assert!((plain - tilted).abs() < 1e-6 * (1.0 + plain.abs()));
        }

        #[test]
        fn order_reversed_turns_the_sign(values in prop::collection::vec(0u32..50, 3..16)) {
            let forth: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
            let back: Vec<f64> = forth.iter().rev().copied().collect();
            prop_assert!((mann_kendall(&forth) + mann_kendall(&back)).abs() < 1e-9);
        }

        #[test]
        fn only_ranks_count(values in prop::collection::vec(0u32..50, 3..16)) {
            let plain: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
            let bent: Vec<f64> = plain.iter().map(|v| v.powi(3) * 7.0 + 11.0).collect();
            prop_assert!((mann_kendall(&plain) - mann_kendall(&bent)).abs() < 1e-9);
        }

        #[test]
        fn slope_scales_and_ignores_the_offset(
            values in prop::collection::vec(0u32..1000, 2..14), scale in 1u32..100, offset in 0u32..1000,
        ) {
            let line = |f: &dyn Fn(f64) -> f64| -> Vec<(f64, f64)> {
                values.iter().enumerate().map(|(i, &v)| (i as f64, f(f64::from(v)))).collect()
            };
            let plain = theil_sen(&line(&|v| v));
            let moved = theil_sen(&line(&|v| v * f64::from(scale) + f64::from(offset)));
            prop_assert!((plain * f64::from(scale) - moved).abs() < 1e-6);
        }

        #[test]
        fn correlation_stays_within_one(pairs in prop::collection::vec((0u32..9, 0u32..9), 2..14)) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().map(|&(a, b)| (f64::from(a), f64::from(b))).unzip();
            prop_assert!(correlation(&a, &b).abs() <= 1.0 + 1e-9);
            prop_assert!((correlation(&a, &b) - correlation(&b, &a)).abs() < 1e-9);
        }
    }
}
