//! How likely a job is done in time.

use super::fit::Fitted;

/// More stragglers than so many among what is left are not reckoned with.
const MOST_STRAGGLERS: u32 = 4;

/// Beyond so many expected stragglers their number is taken for normally distributed, too.
const FEW_STRAGGLERS: f64 = 1.5;

/// A straggler takes this share of an iteration longer, and that varies by so much.
const STRAGGLER: (f64, f64) = (0.4, 0.12);

/// What is left to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Left {
    /// Iterations, also parts of one.
    pub iterations: f64,
    /// Seconds between two of them.
    pub between: f64,
    /// The standard deviation of that, in seconds.
    pub between_deviation: f64,
    /// The share of iterations that are stragglers.
    pub stragglers: f64,
    /// The probability that none of them is one, [`none_straggles`]: the same for every CPU, and as dear as the rest.
    pub none_straggles: f64,
}

/// The probability that none of so many iterations is a straggler, where this share of them is.
pub fn none_straggles(iterations: f64, stragglers: f64) -> f64 {
    libm::pow(1.0 - stragglers.clamp(0.0, 0.5), iterations)
}

/// Probabilities, falling, and standard deviations over the mean below which a normally distributed value is with less than that. By a
/// millionth or more: what rounding does to a chance is less.
const LESS: [(f64, f64); 8] =
    [(0.9999, 3.7), (0.999, 3.0), (0.99, 2.3), (0.97, 1.88), (0.9, 1.28), (0.5, -0.001), (0.1, -1.29), (0.01, -2.34)];

/// Whether [`chance`] is known to be less than `than`, from bounds that are much cheaper than the chance itself. False where they do not tell.
pub fn less_likely(fitted: &Fitted, left: &Left, cpus: f64, seconds: f64, than: f64) -> bool {
    let Some((_, below)) = LESS.iter().find(|(chance, _)| than >= *chance) else { return false };
    if left.iterations <= 0.0 {
        return false;
    }
    let Normally { one, mean, variance, many } = normally(fitted, left, cpus);
    let short = seconds - mean;
    let most = match many {
        Some((longer, scatter)) => (short - longer) / (variance + scatter).sqrt().max(1e-6),
        // Each straggler takes time and adds to the deviation: without any there is the most time, and with the most of them what is too
        // little is the fewest deviations.
        None => {
            let varies = STRAGGLER.1 * one;
            let widest = if short < 0.0 { f64::from(MOST_STRAGGLERS) * varies * varies } else { 0.0 };
            short / (variance + widest).sqrt().max(1e-6)
        }
    };
    most < *below
}

/// What is the same however many stragglers there are, and what many of them add.
struct Normally {
    /// What one iteration takes.
    one: f64,
    /// All of them.
    mean: f64,
    variance: f64,
    /// Where their number hardly varies: how much longer all stragglers take, and what they add to the variance.
    many: Option<(f64, f64)>,
}

fn normally(fitted: &Fitted, left: &Left, cpus: f64) -> Normally {
    let n = left.iterations;
    let one = fitted.speed.seconds(cpus);
    let mean = n * (one + left.between);
    let own = (fitted.spread * one) * (fitted.spread * one) + left.between_deviation * left.between_deviation;
    let law = n * fitted.uncertainty(cpus);
    let straggling = left.stragglers.clamp(0.0, 0.5);
    let many = (n * straggling > FEW_STRAGGLERS).then(|| {
        let expected = n * straggling;
        let (longer, varies) = (STRAGGLER.0 * one, STRAGGLER.1 * one);
        (expected * longer, expected * (varies * varies + longer * longer * (1.0 - straggling)))
    });
    Normally { one, mean, variance: n * own + law * law, many }
}

/// The probability that `left` is done within `seconds` when each iteration has `cpus`.
///
/// The time of many iterations is taken for normally distributed, with three sources of variance: each iteration's own, which grows
/// with their number; what is not known of the law, which grows with its square; and stragglers, of which there are none, one or a few with
/// the probabilities of a binomial distribution.
pub fn chance(fitted: &Fitted, left: &Left, cpus: f64, seconds: f64) -> f64 {
    let n = left.iterations;
    if n <= 0.0 {
        return if seconds >= 0.0 { 1.0 } else { 0.0 };
    }
    let Normally { one, mean, variance, many } = normally(fitted, left, cpus);
    if let Some((longer, scatter)) = many {
        // So many that their number hardly varies: they are part of the mean and of the variance.
        return normal(seconds - mean - longer, (variance + scatter).sqrt().max(1e-6));
    }
    let straggling = left.stragglers.clamp(0.0, 0.5);
    let mut probability = left.none_straggles;
    let (mut chance, mut reckoned) = (0.0, 0.0);
    for count in 0..=MOST_STRAGGLERS {
        let many = f64::from(count);
        if many > n.ceil() {
            break;
        }
        let (longer, varies) = (many * STRAGGLER.0 * one, STRAGGLER.1 * one);
        let deviation = (variance + many * varies * varies).sqrt().max(1e-6);
        chance += probability * normal(seconds - mean - longer, deviation);
        reckoned += probability;
        probability *= (n - many).max(0.0) / (many + 1.0) * straggling / (1.0 - straggling);
    }
    chance / reckoned
}

/// The probability that a normally distributed value is less than `above` over its mean.
pub fn normal(above: f64, deviation: f64) -> f64 {
    0.5 * libm::erfc(-above / deviation * std::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fit::Covariance;
    use super::super::speed::Speed;
    use super::*;

    fn fitted(spread: f64, law: f64) -> Fitted {
        let covariance = Covariance { serial: law * law, parallel: 0.0, both: 0.0 };
        Fitted { speed: Speed { serial: 100.0, parallel: 0.0 }, spread, observations: 9, covariance }
    }

    fn left(iterations: f64, stragglers: f64) -> Left {
        let none_straggles = none_straggles(iterations, stragglers);
        Left { iterations, between: 20.0, between_deviation: 0.0, stragglers, none_straggles }
    }

    #[test]
    fn what_is_expected_exactly_in_time_has_an_even_chance() {
        let even = chance(&fitted(0.05, 0.0), &left(4.0, 0.0), 1.0, 480.0);
        assert!((even - 0.5).abs() < 1e-9, "{even}");
        // Four iterations scatter by 2 x 5 s: 10 s are one standard deviation.
        let one_sigma = chance(&fitted(0.05, 0.0), &left(4.0, 0.0), 1.0, 490.0);
        assert!((one_sigma - 0.841_345).abs() < 1e-5, "{one_sigma}");
        // What is not known of the law counts four times over.
        let unsure = chance(&fitted(0.05, 10.0), &left(4.0, 0.0), 1.0, 490.0);
        assert!((unsure - normal(10.0, (100.0f64 + 1600.0).sqrt())).abs() < 1e-9, "{unsure}");
    }

    #[test]
    fn the_last_iteration_may_be_a_straggler() {
        let without_room = chance(&fitted(0.01, 0.0), &left(1.0, 0.04), 1.0, 130.0);
        let with_room = chance(&fitted(0.01, 0.0), &left(1.0, 0.04), 1.0, 190.0);
        assert!((without_room - 0.96).abs() < 0.002 && with_room > 0.999, "{without_room} {with_room}");
    }

    #[test]
    fn many_iterations_have_their_share_of_stragglers() {
        for n in [1_000.0, 100_000.0, 4e9] {
            // 4 % of the iterations take 40 s more: that is expected, and half a standard deviation of room is a chance of more than a half.
            let expected = n * (100.0 + 20.0 + 0.04 * 40.0);
            let even = chance(&fitted(0.05, 0.0), &left(n, 0.04), 1.0, expected);
            assert!((even - 0.5).abs() < 1e-6, "{n}: {even}");
        }
        // Where the two ways to reckon meet they say about the same.
        let near = |expected: f64| {
            let n = expected / 0.04;
            chance(&fitted(0.05, 0.0), &left(n, 0.04), 1.0, n * 120.0 + 80.0)
        };
        let (few, many) = (near(1.49), near(1.51));
        assert!((few - many).abs() < 0.05, "{few} {many}");
    }

    #[test]
    fn of_what_is_much_less_likely_it_is_known() {
        let known = |seconds, than| less_likely(&fitted(0.05, 1.0), &left(9.0, 0.04), 1.0, seconds, than);
        // 1080 s are expected without stragglers, more or less 17 s.
        assert!(
            [(1020.0, 0.1), (1079.0, 0.5), (1095.0, 0.9), (1100.0, 0.97)]
                .iter()
                .all(|(seconds, than)| known(*seconds, *than))
        );
        assert!(
            [(1090.0, 0.5), (1200.0, 0.999), (1020.0, 0.001)].iter().all(|(seconds, than)| !known(*seconds, *than))
        );
    }

    #[test]
    fn nothing_left_is_done_unless_it_is_too_late() {
        assert_eq!(chance(&fitted(0.05, 0.0), &left(0.0, 0.04), 1.0, 0.0), 1.0);
        assert_eq!(chance(&fitted(0.05, 0.0), &left(0.0, 0.04), 1.0, -1.0), 0.0);
    }

    proptest! {
        #[test]
        fn more_time_never_lowers_the_chance(
            n in 0.1..50.0f64, stragglers in 0.0..0.3f64, spread in 0.001..0.5f64, seconds in 0.0..9000.0f64, more in 0.0..500.0f64,
        ) {
            let (fitted, left) = (fitted(spread, 3.0), left(n, stragglers));
            let (early, late) = (chance(&fitted, &left, 1.0, seconds), chance(&fitted, &left, 1.0, seconds + more));
            prop_assert!((0.0..=1.0 + 1e-9).contains(&early) && late >= early - 1e-9, "{early} {late}");
        }

        #[test]
        fn what_is_known_to_be_less_likely_is(
            n in 0.1..2_000.0f64, few in 0.1..12.0f64, stragglers in 0.0..0.6f64, spread in 0.001..0.5f64, law in 0.0..90.0f64,
            share in 0.5..1.6f64, than in prop_oneof![0.0..1.0f64, prop::sample::select(LESS.map(|(chance, _)| chance).to_vec())],
        ) {
            for n in [n, few] {
                let (fitted, left) = (fitted(spread, law), left(n, stragglers));
                let seconds = n * 120.0 * share;
                let likely = chance(&fitted, &left, 1.0, seconds);
                prop_assert!(!less_likely(&fitted, &left, 1.0, seconds, than) || likely < than, "{likely} {than}");
            }
        }
    }
}
