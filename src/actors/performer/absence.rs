use crate::qos::units::{Span, Timestamp};

/// Two reads without the job, far enough apart, show that somebody removed it.
#[derive(Default)]
pub struct Absence(Option<Timestamp>);

impl Absence {
    /// The job was read as absent at `now`; true when that is certain.
    pub fn absent(&mut self, now: Timestamp, apart: Span) -> bool {
        let first = *self.0.get_or_insert(now);
        now.since(first) >= apart
    }

    /// The job was there.
    pub fn present(&mut self) {
        self.0 = None;
    }
}
