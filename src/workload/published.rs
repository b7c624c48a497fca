//! The measured LINPACK times behind the published experiments, and what they say about other orders.

/// (order, seconds at one CPU, seconds at two CPUs), in ascending order.
const TABLE: [(u32, f64, f64); 3] = [(3500, 92.36, 66.32), (4000, 162.75, 113.2), (6000, 480.4, 362.2)];

/// Smallest and largest order that the workload takes.
pub const ORDERS: (u32, u32) = (500, 20_000);

/// How long one iteration takes on the published cluster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    /// Seconds at one CPU.
    pub one_cpu: f64,
    /// Seconds at two CPUs.
    pub two_cpus: f64,
}

impl Times {
    /// The times for a matrix of this order. Between the published orders, time / order^3 is interpolated linearly;
    /// below the smallest and above the largest it is that of the nearest one.
    pub fn of_order(order: u32) -> Times {
        let n = f64::from(order);
        let per_cube = |column: fn(&(u32, f64, f64)) -> f64| -> f64 {
            let point = |row: &(u32, f64, f64)| (f64::from(row.0), column(row) / f64::from(row.0).powi(3));
            let (first, last) = (point(&TABLE[0]), point(&TABLE[TABLE.len() - 1]));
            let between =
                TABLE.windows(2).map(|pair| (point(&pair[0]), point(&pair[1]))).find(|(a, b)| a.0 <= n && n <= b.0);
            match between {
                Some((a, b)) => a.1 + (b.1 - a.1) * (n - a.0) / (b.0 - a.0),
                None if n < first.0 => first.1,
                None => last.1,
            }
        };
        let cube = n.powi(3);
        Times { one_cpu: cube * per_cube(|row| row.1), two_cpus: cube * per_cube(|row| row.2) }
    }

    /// The order whose time at one CPU comes nearest to `seconds`, among those that the workload takes.
    pub fn order_taking(seconds: f64) -> u32 {
        let is_shorter = |order: &u32| Times::of_order(*order).one_cpu < seconds;
        // The time grows with the order, so the boundary is found by halving.
        let (mut low, mut high) = ORDERS;
        while high - low > 1 {
            let middle = low.midpoint(high);
            if is_shorter(&middle) { low = middle } else { high = middle }
        }
        let off = |order: u32| (Times::of_order(order).one_cpu - seconds).abs();
        if off(low) < off(high) { low } else { high }
    }

    /// The share of the work that two CPUs can divide, by Amdahl's law.
    pub fn parallel_share(&self) -> f64 {
        (2.0 * (1.0 - self.two_cpus / self.one_cpu)).clamp(0.0, 1.0)
    }

    /// Seconds at `cpus` CPUs: the parallel part speeds up to two of them, and all of it slows down below one.
    pub fn at(&self, cpus: f64) -> f64 {
        let p = self.parallel_share();
        if cpus < 1.0 { self.one_cpu / cpus } else { self.one_cpu * (1.0 - p + p / cpus.min(2.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_points_are_met_in_both_columns() {
        for (order, one, two) in TABLE {
            let times = Times::of_order(order);
            assert!((times.at(1.0) - one).abs() < 1e-9 && (times.at(2.0) - two).abs() < 1e-9, "{times:?}");
            assert!((times.at(0.5) - 2.0 * one).abs() < 1e-9);
            assert!((times.at(3.0) - times.at(2.0)).abs() < 1e-12);
        }
    }

    #[test]
    fn an_order_is_found_for_a_time_and_its_time_is_that() {
        for order in [500, 3500, 4000, 5641, 6000, 20_000] {
            assert_eq!(Times::order_taking(Times::of_order(order).one_cpu), order);
        }
        let found = Times::of_order(Times::order_taking(400.0)).one_cpu;
        assert!((found - 400.0).abs() < 0.2, "{found}");
        assert_eq!((Times::order_taking(0.0), Times::order_taking(1e9)), ORDERS);
    }

    #[test]
    fn other_orders_lie_between_their_neighbours() {
        let times: Vec<Times> = [3250, 3500, 3750, 4000, 4250, 5750, 6000, 6250].map(Times::of_order).to_vec();
        assert!(times.windows(2).all(|pair| pair[0].one_cpu < pair[1].one_cpu && pair[0].two_cpus < pair[1].two_cpus));
        assert!(times.iter().all(|t| (0.4..0.7).contains(&t.parallel_share())), "{times:?}");
        let outside = Times::of_order(6250).one_cpu / 480.4;
        assert!((outside - (6250.0f64 / 6000.0).powi(3)).abs() < 1e-9);
    }
}
