//! How containers with soft limits divide a node.

/// Divides `capacity` CPUs in proportion to `weights`, none getting more than `most`: what one cannot use the others divide again.
pub fn shares(capacity: f64, weights: &[f64], most: f64) -> Vec<f64> {
    let mut shares = vec![0.0; weights.len()];
    let mut open: Vec<usize> = (0..weights.len()).filter(|at| weights[*at] > 0.0).collect();
    let mut left = capacity;
    while !open.is_empty() && left > 0.0 {
        let sum: f64 = open.iter().map(|at| weights[*at]).sum();
        let full: Vec<usize> = open.iter().copied().filter(|at| left * weights[*at] / sum >= most).collect();
        if full.is_empty() {
            open.iter().for_each(|at| shares[*at] = left * weights[*at] / sum);
            break;
        }
        for at in &full {
            shares[*at] = most;
            left -= most;
        }
        open.retain(|at| !full.contains(at));
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_alone_has_all_that_it_can_use_and_several_divide_by_weight() {
        assert_eq!(shares(2.0, &[0.4], 2.0), [2.0]);
        assert_eq!(shares(2.0, &[1.5, 0.5], 2.0), [1.5, 0.5]);
        assert_eq!(shares(8.0, &[1.0, 1.0], 2.0), [2.0, 2.0]);
        // The first can use two of its six; the others get what it leaves.
        assert_eq!(shares(4.0, &[6.0, 1.0, 1.0], 2.0), [2.0, 1.0, 1.0]);
    }

    proptest! {
        #[test]
        fn nothing_is_given_twice_and_nothing_usable_is_left(
            capacity in 0.1..16.0f64, weights in prop::collection::vec(0.1..2.0f64, 1..9),
        ) {
            let shares = shares(capacity, &weights, 2.0);
            let sum: f64 = shares.iter().sum();
            prop_assert!(shares.iter().all(|share| *share > 0.0 && *share <= 2.0));
            prop_assert!((sum - capacity.min(2.0 * weights.len() as f64)).abs() < 1e-9);
        }
    }
}
