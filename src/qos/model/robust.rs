//! Middles and spreads that one wild value does not move far.

use crate::qos::units::Span;

/// Of normally distributed values, the standard deviation over the median of the distances from the middle.
const NORMAL: f64 = 1.4826;

/// Distances beyond this many of those standard deviations count as so many.
const FARTHEST: f64 = 2.5;

/// The middle value, or the mean of the two in the middle; zero of no values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(half)) {
        (_, None) => 0.0,
        (1, Some(middle)) => *middle,
        (_, Some(upper)) => {
            half.checked_sub(1).and_then(|below| sorted.get(below)).map_or(*upper, |lower| (lower + upper) / 2.0)
        }
    }
}

/// The middle of `measured` lengths of time. While there are few, `prior` counts as one of them: a single measurement that is wild
/// does not stand alone.
pub fn middle(measured: &[Span], prior: Span) -> Span {
    let mut sorted: Vec<Span> = measured.to_vec();
    if sorted.len() < 3 {
        sorted.push(prior);
    }
    sorted.sort();
    let half = sorted.len() / 2;
    let (upper, lower) = (sorted.get(half), half.checked_sub(1).and_then(|below| sorted.get(below)));
    match (sorted.len() % 2, lower, upper) {
        (0, Some(lower), Some(upper)) => *lower + (*upper - *lower).per_million(500_000),
        (_, _, Some(upper)) => *upper,
        _ => prior,
    }
}

/// What `measured` lengths of time would be without the waits that some of them contain: their lower quartile,
/// and no more than `prior`, as all of them may contain one.
pub fn undisturbed(measured: &[Span], prior: Span) -> Span {
    let mut sorted: Vec<Span> = measured.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 4).map_or(prior, |quartile| prior.min(*quartile))
}

/// The standard deviation of `residuals`, where a far one counts as a moderately far one, together with `prior`, which counts as
/// much as `weight` residuals.
pub fn deviation(residuals: &[f64], prior: f64, weight: f64) -> f64 {
    let distances: Vec<f64> = residuals.iter().map(|residual| residual.abs()).collect();
    let farthest = (NORMAL * median(&distances)).max(prior) * FARTHEST;
    let squares = distances.iter().fold(0.0, |sum, distance| {
        let held = distance.min(farthest);
        sum + held * held
    });
    ((prior * prior * weight + squares) / (weight + distances.len() as f64)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(values: &[i64]) -> Vec<Span> {
        values.iter().copied().map(Span::from_secs).collect()
    }

    #[test]
    fn the_middle_of_gaps_is_not_moved_by_one_long_wait() {
        let prior = Span::from_secs(45);
        assert_eq!(middle(&[], prior), prior);
        assert_eq!(middle(&seconds(&[35]), prior), Span::from_secs(40));
        assert_eq!(middle(&seconds(&[300, 35]), prior), Span::from_secs(45));
        assert_eq!(middle(&seconds(&[34, 300, 36, 35]), prior), Span::from_micros(35_500_000));
    }

    #[test]
    fn the_spread_is_that_of_the_many() {
        let mut residuals = vec![0.03, -0.03, 0.02, -0.02, 0.03, -0.03, 0.02, -0.02];
        let calm = deviation(&residuals, 0.05, 2.0);
        residuals.push(2.0);
        let with_straggler = deviation(&residuals, 0.05, 2.0);
        assert!(calm < 0.05 && with_straggler < 0.07, "{calm} {with_straggler}");
        assert_eq!(deviation(&[], 0.05, 2.0), 0.05);
        // Two sizes of input that take turns are spread, not stragglers.
        assert!(deviation(&[0.2, -0.2, 0.2, -0.2, 0.2, -0.2], 0.05, 2.0) > 0.15);
    }

    #[test]
    fn the_median_of_nothing_is_zero() {
        assert_eq!((median(&[]), median(&[3.0, 1.0]), median(&[5.0, 1.0, 2.0])), (0.0, 2.0, 2.0));
    }
}
