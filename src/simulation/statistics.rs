//! Means with their uncertainty.

use serde::Serialize;

/// Half the width of a 95 % interval, in standard errors.
const Z: f64 = 1.959_963_984_540_054;

/// A mean with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// Of the mean that `values` are drawn around; of no value at all it is zero, and of one as wide as nothing.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        if values.is_empty() {
            return Estimate { mean: 0.0, low: 0.0, high: 0.0 };
        }
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let error = if values.len() < 2 { 0.0 } else { (squares / (count - 1.0) / count).sqrt() };
        Estimate { mean, low: mean - Z * error, high: mean + Z * error }
    }

    /// Of a share, from `hits` out of `count`, by Wilson: of 1000 out of 1000 it is not certain that all ever will.
    pub fn of_share(hits: usize, count: usize) -> Self {
        if count == 0 {
            return Estimate { mean: 0.0, low: 0.0, high: 1.0 };
        }
        let (hits, count) = (hits as f64, count as f64);
        let mean = hits / count;
        let spread = Z * Z / count;
        let middle = (mean + spread / 2.0) / (1.0 + spread);
        let half = Z * (mean * (1.0 - mean) / count + spread / (4.0 * count)).sqrt() / (1.0 + spread);
        Estimate { mean, low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
    }

    /// Half the width of the interval.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Whether zero is outside the interval.
    pub fn is_significant(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// The value below which `share` of `values` lie, by nearest rank; zero of none.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).or(sorted.last()).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_is_two_standard_errors_to_each_side() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(estimate.mean, 2.5);
        // Standard deviation 1.291, error of the mean 0.6455.
        assert!((estimate.half_width() - 1.265).abs() < 1e-3, "{estimate:?}");
        assert!(estimate.is_significant() && !Estimate::of(&[-1.0, 1.0, 0.1]).is_significant());
        assert_eq!(Estimate::of(&[]).mean, 0.0);
        assert_eq!(Estimate::of(&[7.0]), Estimate { mean: 7.0, low: 7.0, high: 7.0 });
    }

    #[test]
    fn a_share_of_all_is_not_certain() {
        let all = Estimate::of_share(1000, 1000);
        assert_eq!((all.mean, all.high), (1.0, 1.0));
        assert!((all.low - 0.9962).abs() < 1e-4, "{all:?}");
        let half = Estimate::of_share(50, 100);
        assert!((half.low - 0.4038).abs() < 1e-4 && (half.high - 0.5962).abs() < 1e-4);
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!((quantile(&values, 0.95), quantile(&values, 0.5), quantile(&values, 0.0)), (95.0, 50.0, 1.0));
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
