//! A dense LU factorisation with partial pivoting, checked the way LINPACK checks it.

/// LINPACK accepts a solution whose scaled residual is below this.
const ACCEPTED_RESIDUAL: f64 = 16.0;

/// One system of equations, factorised again and again. Each factorisation starts from the same matrix, so that each
/// is exactly the same work; at the usual orders all of it stays in the core's own caches.
#[derive(Debug)]
pub struct Lu {
    order: usize,
    matrix: Vec<f64>,
    factors: Vec<f64>,
    /// The row that was exchanged with each row.
    pivots: Vec<usize>,
}

impl Lu {
    /// A system of this order with coefficients in -0.5..0.5 drawn from `seed`.
    pub fn new(order: usize, seed: u64) -> Self {
        // xorshift64; a state of zero would stay there.
        let mut state = seed | 1;
        let mut draw = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        let matrix: Vec<f64> = (0..order * order).map(|_| draw()).collect();
        Lu { order, factors: matrix.clone(), matrix, pivots: vec![0; order] }
    }

    /// Factorises the matrix: `P A = L U`, L below and U on and above the diagonal.
    pub fn factorise(&mut self) {
        let n = self.order;
        self.factors.copy_from_slice(&self.matrix);
        for k in 0..n {
            let pivot = self.largest_in_column(k);
            self.pivots[k] = pivot;
            if pivot != k {
                let (above, below) = self.factors.split_at_mut(pivot * n);
                above[k * n..(k + 1) * n].swap_with_slice(&mut below[..n]);
            }
            let (above, below) = self.factors.split_at_mut((k + 1) * n);
            let pivot_row = &above[k * n + k..];
            for row in below.chunks_exact_mut(n) {
                let row = &mut row[k..];
                let factor = row[0] / pivot_row[0];
                row[0] = factor;
                for (value, pivot_value) in row[1..].iter_mut().zip(&pivot_row[1..]) {
                    *value -= factor * pivot_value;
                }
            }
        }
    }

    fn largest_in_column(&self, k: usize) -> usize {
        let mut best = k;
        for row in k + 1..self.order {
            if self.factors[row * self.order + k].abs() > self.factors[best * self.order + k].abs() {
                best = row;
            }
        }
        best
    }

    /// Solves `A x = b`, where b are the row sums of A, with the factors at hand, and returns the residual
    /// `|A x - b| / (eps * (|A| |x| + |b|) * n)` in maximum norms.
    pub fn residual(&self) -> f64 {
        let b: Vec<f64> = self.matrix.chunks_exact(self.order).map(|row| row.iter().sum()).collect();
        let x = self.solve(b.clone());
        let error = self.matrix.chunks_exact(self.order).zip(&b).map(|(row, b)| (dot(row, &x) - b).abs());
        let error = error.fold(0.0, worse);
        let row_sums = self.matrix.chunks_exact(self.order).map(|row| row.iter().map(|v| v.abs()).sum::<f64>());
        let scale = row_sums.fold(0.0, worse) * norm(&x) + norm(&b);
        error / (f64::EPSILON * scale * self.order as f64)
    }

    fn solve(&self, mut x: Vec<f64>) -> Vec<f64> {
        let n = self.order;
        for (k, &pivot) in self.pivots.iter().enumerate() {
            x.swap(k, pivot);
        }
        for i in 0..n {
            x[i] -= dot(&self.factors[i * n..i * n + i], &x[..i]);
        }
        for i in (0..n).rev() {
            let row = &self.factors[i * n..(i + 1) * n];
            x[i] = (x[i] - dot(&row[i + 1..], &x[i + 1..])) / row[i];
        }
        x
    }
}

/// Whether a residual is that of a right solution; that of a wrong one may be no number at all.
pub fn is_right(residual: f64) -> bool {
    residual < ACCEPTED_RESIDUAL
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v.abs()).fold(0.0, worse)
}

/// The larger of two magnitudes, where "not a number" is the largest.
pub fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factors_solve_the_system() {
        for order in [1, 2, 7, 64, 150] {
            let mut lu = Lu::new(order, 42 + order as u64);
            lu.factorise();
            lu.factorise();
            let residual = lu.residual();
            assert!(is_right(residual), "order {order}: {residual}");
        }
    }

    #[test]
    fn a_matrix_that_needs_pivoting_is_solved() {
        let matrix = vec![0.0, 2.0, 1.0, 1.0, 0.0, 3.0, 4.0, 1.0, 0.0];
        let mut lu = Lu { order: 3, factors: matrix.clone(), matrix, pivots: vec![0; 3] };
        lu.factorise();
        let x = lu.solve(vec![3.0, 4.0, 5.0]);
        assert!(x.iter().all(|x| (x - 1.0).abs() < 1e-12), "{x:?}");
    }

    #[test]
    fn a_wrong_factor_is_noticed() {
        let mut lu = Lu::new(50, 3);
        lu.factorise();
        lu.factors[1234] += 1e-6;
        assert!(!is_right(lu.residual()));
        lu.factors[1234] = f64::NAN;
        assert!(!is_right(lu.residual()));
    }
}
