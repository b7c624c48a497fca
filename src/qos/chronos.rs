//! Finish prediction and bounds of repeated batch jobs.
//!
//! Source: the published rule, in the version behind its published results (July 2017):
//! `prediction = t + remaining * (D + sleeping_time + deployment_time)`, `upper = T0 + 0.95 L`, `lower = T0 + (1 - d) L`.

use serde::{Deserialize, Serialize};

use super::declared::Declared;
use super::performance::Performance;
use super::units::{Span, Timestamp};

/// Share of the deadline, in millionths, that a prediction may use up: 0.95.
const UPPER_PPM: u32 = 950_000;

/// The instants between which a predicted finish is on plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Earlier than this is too fast. Never above `upper`.
    pub lower: Timestamp,
    /// Later than this is too slow.
    pub upper: Timestamp,
}

/// The bounds of a job whose deadline counts from `t0`.
pub fn bounds(t0: Timestamp, declared: &Declared) -> Bounds {
    let upper = t0 + declared.deadline.per_million(UPPER_PPM);
    let lower = t0 + declared.deadline.per_million(1_000_000 - declared.deviation_ppm.min(1_000_000));
    Bounds { lower: lower.min(upper), upper }
}

/// When the last iteration ends if each of the `remaining` ones takes what was declared.
///
/// `now` is the end of the iteration that was just reported; `sleeping` and `deployment` are spent before each iteration.
pub fn predict(now: Timestamp, remaining: u32, duration: Span, sleeping: Span, deployment: Span) -> Timestamp {
    now + (duration + sleeping + deployment) * i64::from(remaining)
}

/// The state that a predicted finish means.
pub fn classify(prediction: Timestamp, bounds: Bounds) -> Performance {
    if prediction > bounds.upper {
        Performance::UnderPerformant
    } else if prediction < bounds.lower {
        Performance::OverPerformant
    } else {
        Performance::OnPlan
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T0: Timestamp = Timestamp::from_micros(1_000_000_000);

    fn at(seconds: i64) -> Timestamp {
        T0 + Span::from_secs(seconds)
    }

    #[test]
    fn the_worked_example() {
        let bounds = bounds(T0, &Declared::new(10.0, 100.0, 0.2).unwrap());
        assert_eq!(bounds, Bounds { lower: at(80), upper: at(95) });
        assert_eq!(classify(at(96), bounds), Performance::UnderPerformant);
        assert_eq!(classify(at(95), bounds), Performance::OnPlan);
        assert_eq!(classify(at(80), bounds), Performance::OnPlan);
        assert_eq!(classify(at(79), bounds), Performance::OverPerformant);
    }

    #[test]
    fn the_lower_bound_never_passes_the_upper_one() {
        let bounds = bounds(T0, &Declared::new(10.0, 100.0, 0.01).unwrap());
        assert_eq!(bounds.lower, bounds.upper);
    }

    #[test]
    fn all_six_published_jobs_start_out_late() {
        for (iterations, duration, expected) in
            [(4, 400, 1780), (13, 130, 2275), (11, 130, 1925), (12, 130, 2100), (14, 80, 1750)]
        {
            let prediction = predict(T0, iterations, Span::from_secs(duration), Span::ZERO, Span::from_secs(45));
            assert_eq!(prediction, at(expected));
            let bounds = bounds(T0, &Declared::new(duration as f64, 1800.0, 0.2).unwrap());
            assert_eq!(classify(prediction, bounds), Performance::UnderPerformant);
        }
    }

    proptest! {
        #[test]
        fn a_later_prediction_is_never_a_faster_state(
            deadline in 1.0..1e6f64, deviation in 0.0..0.999f64, a in 0i64..2_000_000, b in 0i64..2_000_000,
        ) {
            let bounds = bounds(T0, &Declared::new(1.0, deadline, deviation).unwrap());
            let (early, late) = (a.min(b), a.max(b));
            prop_assert!(bounds.lower <= bounds.upper);
            // Performance is ordered from slow to fast.
            prop_assert!(classify(at(late), bounds) <= classify(at(early), bounds));
        }
    }
}
