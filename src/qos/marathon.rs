//! Progress of long-running jobs: CPU time used against CPU time that should have been used by now.
//!
//! Source: the published rule: `desired(t) = (t - t0) D / L` up to the deadline, then `D`; `ratio = current / desired`.

use super::declared::Declared;
use super::performance::Performance;
use super::units::Span;

/// CPU time that a job should have used `elapsed` after its start.
pub fn desired_cpu(elapsed: Span, declared: &Declared) -> Span {
    let elapsed = elapsed.clamp(Span::ZERO, declared.deadline);
    let product = i128::from(elapsed.micros()) * i128::from(declared.duration.micros());
    // A declared deadline is positive; the guard keeps a damaged event from dividing by zero.
    let desired = product / i128::from(declared.deadline.micros().max(1));
    Span::from_micros(i64::try_from(desired).unwrap_or(i64::MAX))
}

/// `current / desired`, and 1.0 at the start, where nothing is desired yet.
pub fn progress_ratio(current: Span, desired: Span) -> f64 {
    if desired <= Span::ZERO { 1.0 } else { current.micros() as f64 / desired.micros() as f64 }
}

/// The state that a progress ratio means.
pub fn classify(ratio: f64, declared: &Declared) -> Performance {
    let deviation = declared.deviation();
    if ratio < 1.0 - deviation {
        Performance::UnderPerformant
    } else if ratio > 1.0 + deviation {
        Performance::OverPerformant
    } else {
        Performance::OnPlan
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn case_iii() -> Declared {
        Declared::new(400.0, 480.0, 0.1).unwrap()
    }

    #[test]
    fn desired_cpu_grows_evenly_and_stops_at_the_declared_amount() {
        assert_eq!(desired_cpu(Span::ZERO, &case_iii()), Span::ZERO);
        assert_eq!(desired_cpu(Span::from_secs(120), &case_iii()), Span::from_secs(100));
        assert_eq!(desired_cpu(Span::from_secs(9999), &case_iii()), Span::from_secs(400));
        assert_eq!(desired_cpu(Span::from_secs(-30), &case_iii()), Span::ZERO);
    }

    #[test]
    fn nothing_desired_is_on_plan() {
        assert_eq!(progress_ratio(Span::ZERO, Span::ZERO), 1.0);
        assert_eq!(classify(1.0, &case_iii()), Performance::OnPlan);
        assert_eq!(classify(0.89, &case_iii()), Performance::UnderPerformant);
        assert_eq!(classify(1.11, &case_iii()), Performance::OverPerformant);
    }

    proptest! {
        #[test]
        fn more_progress_is_never_a_slower_state(a in 0.0..3.0f64, b in 0.0..3.0f64) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(classify(low, &case_iii()) <= classify(high, &case_iii()));
        }
    }
}
