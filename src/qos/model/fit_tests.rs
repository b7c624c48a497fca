use proptest::prelude::*;

use super::*;

/// The published job 3: 162.75 s on one CPU, 113.2 s on two, declared as 130 s.
const PRIOR: Prior = Prior {
    duration: Span::from_secs(130),
    cpus: Cpus::from_milli(1000),
    serial_share: 0.3,
    spread: 0.05,
    deviations: Prior::DECLARED,
};

const TRUE: Speed = Speed { serial: 63.65, parallel: 99.1 };

fn observed(cpus: f64, seconds: f64) -> Observation {
    Observation { cpus: Cpus::try_from_f64(cpus).unwrap(), duration: Span::try_from_seconds(seconds).unwrap() }
}

fn exact(cpus: &[f64]) -> Vec<Observation> {
    cpus.iter().map(|cpus| observed(*cpus, TRUE.seconds(*cpus))).collect()
}

fn off(fitted: &Fitted, cpus: f64) -> f64 {
    (fitted.speed.seconds(cpus) / TRUE.seconds(cpus) - 1.0).abs()
}

#[test]
fn without_measurements_the_declaration_stands() {
    let fitted = fit(&[], &PRIOR);
    assert!(
        (fitted.speed.seconds(1.0) - 130.0).abs() < 1e-6 && (fitted.speed.serial - 39.0).abs() < 1e-6,
        "{fitted:?}"
    );
    assert_eq!((fitted.spread, fitted.observations), (0.05, 0));
}

#[test]
fn one_measurement_outweighs_a_declaration_that_is_wrong_by_two() {
    for declared in [81, 325] {
        let prior = Prior { duration: Span::from_secs(declared), ..PRIOR };
        let fitted = fit(&exact(&[1.0]), &prior);
        assert!(off(&fitted, 1.0) < 0.12, "declared {declared}: {fitted:?}");
        let fitted = fit(&exact(&[1.0, 1.0, 1.0]), &prior);
        assert!(off(&fitted, 1.0) < 0.02, "declared {declared}: {fitted:?}");
    }
}

#[test]
fn the_serial_part_is_learned_once_there_are_several_sizes() {
    let fitted = fit(&exact(&[1.0, 2.0, 1.0, 2.0, 1.4, 1.4]), &PRIOR);
    for cpus in [0.5, 1.0, 1.5, 2.0] {
        assert!(off(&fitted, cpus) < 0.03, "{cpus}: {fitted:?}");
    }
}

#[test]
fn one_straggler_of_three_times_the_time_hardly_moves_the_model() {
    for place in 0..4 {
        let mut measured = exact(&[1.0, 1.0, 1.4, 1.4]);
        measured[place].duration = measured[place].duration * 3;
        let fitted = fit(&measured, &PRIOR);
        assert!(off(&fitted, 1.2) < 0.1, "straggler at {place}: {fitted:?}");
    }
}

#[test]
fn a_rate_at_one_size_says_what_it_would_be_at_another_by_what_a_cpu_is() {
    // A CPU-second takes half a second on two CPUs: on one it takes a second, and never less.
    let prior = Prior { duration: Span::from_secs(1), serial_share: 0.4, deviations: Prior::KNOWN, ..PRIOR };
    let fitted = fit(&[observed(2.0, 0.5); 4], &prior);
    assert!(
        (fitted.speed.seconds(1.0) - 1.0).abs() < 0.06 && (fitted.speed.seconds(2.0) - 0.5).abs() < 0.02,
        "{fitted:?}"
    );
    // One that uses half of its CPU is known by its own measurements.
    let fitted = fit(&[observed(1.0, 2.0); 8], &prior);
    assert!((fitted.speed.seconds(1.0) - 2.0).abs() < 0.2, "{fitted:?}");
}

#[test]
fn work_that_has_changed_is_followed() {
    let mut measured = exact(&[1.0; 12]);
    measured.extend((0..12).map(|_| observed(1.0, TRUE.seconds(1.0) * 1.3)));
    let fitted = fit(&measured, &PRIOR);
    assert!(fitted.speed.seconds(1.0) > TRUE.seconds(1.0) * 1.12, "{fitted:?}");
}

proptest! {
    #[test]
    fn any_history_gives_a_law_that_can_be_used(
        measured in prop::collection::vec((0u32..200_000, -1_000_000i64..10_000_000_000_000), 0..40),
        duration in 1i64..10_000_000_000_000, cpus in 1u32..200_000, share in 0.0..1.0f64,
    ) {
        let measured: Vec<_> = measured
            .into_iter()
            .map(|(cpus, micros)| Observation { cpus: Cpus::from_milli(cpus), duration: Span::from_micros(micros) })
            .collect();
        let prior = Prior { duration: Span::from_micros(duration), cpus: Cpus::from_milli(cpus), serial_share: share, spread: 0.05, deviations: Prior::DECLARED };
        let fitted = fit(&measured, &prior);
        prop_assert!(fitted.speed.serial >= 0.0 && fitted.speed.parallel >= 0.0 && fitted.speed.whole() > 0.0, "{fitted:?}");
        prop_assert!(fitted.speed.whole().is_finite() && fitted.spread.is_finite() && fitted.spread > 0.0);
        prop_assert_eq!(fitted, fit(&measured, &prior));
    }
}
