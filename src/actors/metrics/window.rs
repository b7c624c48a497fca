//! What Monasca has acknowledged and may have lost all the same: its success means that a queue has taken the metrics, not that they are
//! stored. What was acknowledged shortly before an outage is therefore sent again after it; the same series and millisecond overwrite.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::events::envelope::Seq;

/// Places in the log, by when everything up to them was acknowledged.
#[derive(Debug)]
pub(super) struct Window {
    overlap: Duration,
    settled: Seq,
    acknowledged: VecDeque<(Instant, Seq)>,
}

impl Window {
    /// Everything up to `settled` is stored.
    pub fn new(settled: Seq, overlap: Duration) -> Self {
        Window { overlap, settled, acknowledged: VecDeque::new() }
    }

    /// Everything up to `upto` is acknowledged.
    pub fn acknowledge(&mut self, now: Instant, upto: Seq) {
        self.acknowledged.push_back((now, upto));
        self.settle(now);
    }

    /// Up to where nothing needs to be sent again, come what may.
    pub fn settle(&mut self, now: Instant) -> Seq {
        while let Some((at, upto)) = self.acknowledged.front().copied()
            && now.duration_since(at) >= self.overlap
        {
            self.settled = upto;
            self.acknowledged.pop_front();
        }
        self.settled
    }

    /// When something settles next.
    pub fn next(&self) -> Option<Instant> {
        self.acknowledged.front().map(|(at, _)| *at + self.overlap)
    }

    /// An outage was found: from where to send again, when something was acknowledged that may be lost.
    pub fn fail(&mut self, now: Instant) -> Option<Seq> {
        self.settle(now);
        let lost = !self.acknowledged.is_empty();
        self.acknowledged.clear();
        lost.then_some(self.settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_acknowledged_shortly_before_an_outage_is_sent_again_and_no_more() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut window = Window::new(Seq(5), Duration::from_secs(120));
        for (seconds, seq) in [(0, 10), (60, 20), (100, 30), (200, 40)] {
            window.acknowledge(at(seconds), Seq(seq));
        }
        assert_eq!((window.settle(at(219)), window.next()), (Seq(20), Some(at(220))));
        assert_eq!(window.fail(at(219)), Some(Seq(20)));
        assert_eq!(window.fail(at(300)), None, "nothing was acknowledged since");
        assert_eq!(window.settle(at(9999)), Seq(20), "during an outage nothing settles");
        window.acknowledge(at(400), Seq(30));
        assert_eq!((window.settle(at(519)), window.settle(at(520))), (Seq(20), Seq(30)));
    }
}
