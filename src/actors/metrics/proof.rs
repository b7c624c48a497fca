//! Whether Monasca takes metrics at all: by the last one that it took. The same series and millisecond overwrite, so that it can be sent
//! again at any time.

use crate::openstack::Metric;

/// What is known about it.
#[derive(Debug, Default)]
pub(super) struct Proof {
    /// The last metric that it took.
    taken: Option<Metric>,
    /// It was found to refuse everything, and so often it was tried since.
    tries: Option<usize>,
}

impl Proof {
    /// The last metric that it took, unless it is older than `oldest` (milliseconds since 1970) and would be refused for that.
    pub fn metric(&self, oldest: i64) -> Option<&Metric> {
        self.taken.as_ref().filter(|metric| metric.timestamp >= oldest)
    }

    /// Monasca has taken it.
    pub fn took(&mut self, metric: Metric) {
        *self = Proof { taken: Some(metric), tries: None };
    }

    /// Monasca refuses everything.
    pub fn refuses_all(&mut self) {
        self.tries.get_or_insert(0);
    }

    /// What to try while it refuses everything; `None` when that is not known of it. The last that it took, or without one each of
    /// those that wait, of which `waiting` gives one: the first may be bad.
    pub fn next_try(&mut self, oldest: i64, waiting: impl Fn(usize) -> Option<Metric>) -> Option<Metric> {
        let tries = self.tries?;
        self.tries = Some(tries.wrapping_add(1));
        self.metric(oldest).cloned().or_else(|| waiting(tries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(timestamp: i64) -> Metric {
        Metric { name: "m".into(), dimensions: [].into(), timestamp, value: 1.0 }
    }

    #[test]
    fn without_one_that_was_taken_each_that_waits_is_tried_in_turn() {
        let mut proof = Proof::default();
        let waiting = |tries: usize| Some(metric(tries as i64));
        assert_eq!(proof.next_try(0, waiting), None, "nothing is wrong");
        proof.refuses_all();
        let tried: Vec<_> = (0..3).filter_map(|_| proof.next_try(0, waiting)).map(|one| one.timestamp).collect();
        assert_eq!(tried, [0, 1, 2]);
        proof.refuses_all();
        assert_eq!(proof.next_try(0, waiting), Some(metric(3)), "no second begin");
        proof.took(metric(100));
        assert_eq!(proof.next_try(0, waiting), None);
    }

    #[test]
    fn one_that_was_taken_proves_as_long_as_it_is_not_too_old() {
        let mut proof = Proof::default();
        proof.took(metric(100));
        assert_eq!((proof.metric(100), proof.metric(101)), (Some(&metric(100)), None));
        proof.refuses_all();
        assert_eq!(proof.next_try(50, |_| None), Some(metric(100)));
        assert_eq!(proof.next_try(101, |_| Some(metric(200))), Some(metric(200)));
    }
}
