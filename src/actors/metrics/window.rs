//! What Monasca has acknowledged and may have lost all the same: its success means that a queue has taken the metrics, not that they are
//! stored. What was acknowledged shortly before an outage is therefore sent again after it; the same series and millisecond overwrite.
//!
//! - Something is taken for stored when a request succeeded `overlap` after it. Time alone proves nothing.
//! - An outage is a request that failed and whose repetition failed too. A single error costs its own batch once more and nothing else.
//! - Nothing is sent again for two outages, so that many of them do not hold up the place in the log.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::events::envelope::Seq;

/// Places in the log, by when everything up to them was acknowledged.
#[derive(Debug)]
pub(super) struct Window {
    overlap: Duration,
    settled: Seq,
    /// Beyond `settled`, in order.
    acknowledged: VecDeque<(Instant, Seq)>,
    /// The last request failed.
    failed: bool,
    /// Up to here everything was acknowledged before an outage that asked for it again.
    resent_upto: Seq,
}

impl Window {
    /// Everything up to `settled` is stored.
    pub fn new(settled: Seq, overlap: Duration) -> Self {
        Window { overlap, settled, acknowledged: VecDeque::new(), failed: false, resent_upto: settled }
    }

    /// Everything up to `upto` is acknowledged, by a success at `now`.
    pub fn acknowledge(&mut self, now: Instant, upto: Seq) {
        self.failed = false;
        self.acknowledged.push_back((now, upto));
        while let Some((at, upto)) = self.acknowledged.front().copied()
            && now.duration_since(at) >= self.overlap
        {
            self.settled = upto;
            self.acknowledged.pop_front();
        }
    }

    /// Everything up to `upto` was read, and nothing of it waits to be sent. What is acknowledged keeps its place until it is stored.
    pub fn pass_over(&mut self, upto: Seq) {
        if self.acknowledged.is_empty() {
            self.settled = upto;
        }
    }

    /// Up to where nothing needs to be sent again, come what may.
    pub fn settled(&self) -> Seq {
        self.settled
    }

    /// A request failed: from where to send again, when this is an outage and something was acknowledged that may be lost.
    pub fn fail(&mut self) -> Option<Seq> {
        if !std::mem::replace(&mut self.failed, true) {
            return None;
        }
        let (_, upto) = self.acknowledged.pop_back()?;
        self.acknowledged.clear();
        // What the outage before asked for has been sent again up to here.
        self.settled = self.settled.max(upto.min(self.resent_upto));
        self.resent_upto = self.resent_upto.max(upto);
        (self.settled < upto).then_some(self.settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With these acknowledgements: second, place.
    fn window(acknowledged: &[(u64, i64)]) -> (Window, impl Fn(u64) -> Instant) {
        let start = Instant::now();
        let at = move |seconds| start + Duration::from_secs(seconds);
        let mut window = Window::new(Seq(5), Duration::from_secs(120));
        for (seconds, seq) in acknowledged {
            window.acknowledge(at(*seconds), Seq(*seq));
        }
        (window, at)
    }

    #[test]
    fn what_was_acknowledged_shortly_before_an_outage_is_sent_again_and_no_more() {
        let (mut window, at) = window(&[(0, 10), (60, 20), (100, 30), (200, 40)]);
        assert_eq!(window.settled(), Seq(20));
        assert_eq!((window.fail(), window.fail()), (None, Some(Seq(20))));
        assert_eq!(window.fail(), None, "nothing was acknowledged since");
        window.acknowledge(at(400), Seq(30));
        assert_eq!(window.settled(), Seq(20));
        window.acknowledge(at(520), Seq(40));
        assert_eq!(window.settled(), Seq(30));
    }

    #[test]
    fn only_a_later_success_settles_and_no_time_without_one() {
        let (mut window, at) = window(&[(0, 10)]);
        window.pass_over(Seq(15));
        assert_eq!(window.settled(), Seq(5), "whether 10 is stored is not known");
        // However late that is.
        assert_eq!((window.fail(), window.fail()), (None, Some(Seq(5))));
        window.acknowledge(at(9000), Seq(10));
        window.acknowledge(at(9119), Seq(20));
        assert_eq!(window.settled(), Seq(5));
        window.acknowledge(at(9120), Seq(30));
        assert_eq!(window.settled(), Seq(10));
    }

    #[test]
    fn single_errors_send_nothing_again_and_hold_up_nothing() {
        let (mut window, at) = window(&[]);
        for (minute, seq) in (0..100).zip(10..) {
            assert_eq!(window.fail(), None, "minute {minute}");
            window.acknowledge(at(60 * minute), Seq(seq));
        }
        assert_eq!(window.settled(), Seq(107), "two minutes behind");
    }

    #[test]
    fn nothing_is_sent_a_third_time_for_a_second_outage() {
        let (mut window, at) = window(&[(0, 100)]);
        assert_eq!((window.fail(), window.fail()), (None, Some(Seq(5))));
        window.acknowledge(at(10), Seq(60));
        assert_eq!((window.fail(), window.fail()), (None, None));
        assert_eq!(window.settled(), Seq(60), "what is beyond was sent once, and is sent again now");
        window.acknowledge(at(20), Seq(100));
        window.acknowledge(at(30), Seq(130));
        assert_eq!((window.fail(), window.fail()), (None, Some(Seq(100))), "what is new since");
        window.acknowledge(at(40), Seq(130));
        assert_eq!((window.fail(), window.fail()), (None, None));
        assert_eq!(window.settled(), Seq(130));
    }

    #[test]
    fn without_an_overlap_a_success_settles_at_once() {
        let mut window = Window::new(Seq(5), Duration::ZERO);
        window.acknowledge(Instant::now(), Seq(9));
        assert_eq!(window.settled(), Seq(9));
        window.pass_over(Seq(12));
        assert_eq!((window.settled(), window.fail(), window.fail()), (Seq(12), None, None));
    }
}
