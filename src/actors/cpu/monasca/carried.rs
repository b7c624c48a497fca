//! CPU time of a job whose agent knows no segments: of all its containers together, each of which counts from zero.

use std::collections::BTreeMap;

use super::combine::Measured;
use super::parts::{Part, Stretch};
use crate::actors::cpu::RunningJob;
use crate::qos::units::Timestamp;

/// What is known of one job's containers. A container on another host is another series; one that follows on the same host is the same
/// series, whose figure falls.
#[derive(Debug)]
pub struct Carried {
    since: Timestamp,
    /// What was measured before it is in `ticks` already.
    from: Timestamp,
    /// All containers together.
    ticks: f64,
    series: BTreeMap<BTreeMap<String, String>, Counter>,
}

/// The newest figure of one series.
#[derive(Debug, Default)]
struct Counter {
    ticks: f64,
    part: Option<Part>,
    /// When it was measured at the latest.
    at: Option<Timestamp>,
}

impl Carried {
    /// Begins with what the log has of the job: the figure that was recorded last, from whose instant on `past` is added to it.
    pub fn begin(job: &RunningJob, ticks_per_second: f64, past: &[&Measured], stretch: &Stretch) -> Self {
        let Some(recorded) = job.recorded else {
            // Nothing is in the log yet; figures of a part that began before the job may be of another execution.
            return Carried { since: job.since, from: job.since, ticks: 0.0, series: BTreeMap::new() };
        };
        let ticks = recorded.cpu.seconds() * ticks_per_second;
        let counter = |one: &&Measured| {
            let parts = one.ticks.iter().map(|(start, ticks)| (stretch.part(*start), *ticks));
            let (part, ticks) = parts.take_while(|(part, _)| part.start < recorded.at).last()?;
            Some((one.key.clone(), Counter { ticks, part: Some(part), at: None }))
        };
        let series = past.iter().filter_map(counter).collect();
        Carried { since: job.since, from: recorded.at, ticks, series }
    }

    /// Whether this is about that execution of the job.
    pub fn is_of(&self, job: &RunningJob) -> bool {
        job.segment == 0 && self.since == job.since
    }

    /// Takes what was read at `now` into account; when the newest figure was measured at the latest, and ticks of all containers together.
    pub fn advance(&mut self, measured: &[&Measured], stretch: &Stretch, now: Timestamp) -> Option<(Timestamp, f64)> {
        let mut newest = None;
        for one in measured {
            let counter = self.series.entry(one.key.clone()).or_default();
            for (part, ticks) in one.ticks.iter().map(|(start, ticks)| (stretch.part(*start), *ticks)) {
                if part.start < self.from {
                    continue;
                }
                match counter.part {
                    // Read again, and measured once more meanwhile.
                    Some(known) if known == part => {
                        if ticks <= counter.ticks {
                            continue;
                        }
                        self.ticks += ticks - counter.ticks;
                    }
                    // A part of other length may hold again what was taken from others, also of a container that is over.
                    Some(known) if part.start < known.end => continue,
                    _ if ticks < counter.ticks => self.ticks += ticks,
                    _ => self.ticks += ticks - counter.ticks,
                }
                *counter = Counter { ticks, part: Some(part), at: Some(part.end.min(now)) };
            }
            newest = newest.max(counter.at);
        }
        newest.map(|at| (at, self.ticks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::cpu::Recorded;
    use crate::qos::ids::JobId;
    use crate::qos::units::Span;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    fn on(host: &str, values: &[(i64, f64)]) -> Measured {
        let key = [("hostname".to_owned(), host.to_owned())].into();
        Measured { key, container: None, ticks: values.iter().map(|(second, ticks)| (at(*second), *ticks)).collect() }
    }

    /// Of which this was recorded: second, and CPU-seconds.
    fn job(recorded: Option<(i64, i64)>) -> RunningJob {
        let recorded = recorded.map(|(second, cpu)| Recorded { at: at(second), cpu: Span::from_secs(cpu) });
        RunningJob {
            job: JobId::from_bytes([1; 16]),
            name: "/a".into(),
            segment: 0,
            since: at(100),
            task: None,
            recorded,
        }
    }

    fn stretch(from: i64, to: i64, period: u64) -> Stretch {
        Stretch { from: at(from), to: at(to), period }
    }

    fn begun(job: &RunningJob, past: &[&Measured]) -> Carried {
        Carried::begin(job, 1.0, past, &stretch(0, 10_000, 1))
    }

    /// The second of the figure's part, and CPU-seconds.
    fn advance(carried: &mut Carried, measured: &[&Measured]) -> Option<(i64, f64)> {
        let found = carried.advance(measured, &stretch(0, 10_000, 1), at(10_000));
        found.map(|(end, ticks)| (end.micros() / 1_000_000 - 1, ticks))
    }

    #[test]
    fn containers_one_after_the_other_on_one_host_or_several_add_up() {
        let job = job(None);
        let mut carried = begun(&job, &[]);
        assert!(carried.is_of(&job) && !carried.is_of(&RunningJob { since: at(101), ..job.clone() }));
        assert_eq!(advance(&mut carried, &[&on("a", &[(99, 7000.0), (110, 30.0), (120, 50.0)])]), Some((120, 50.0)));
        // Read again, and further: nothing counts twice.
        let again = [&on("a", &[(110, 30.0), (120, 50.0), (130, 60.0)])];
        assert_eq!(advance(&mut carried, &again), Some((130, 60.0)));
        assert_eq!(advance(&mut carried, &[&on("a", &[(140, 5.0)])]), Some((140, 65.0)), "a new container");
        let both = [&on("a", &[(140, 5.0)]), &on("b", &[(150, 7.0)])];
        assert_eq!(advance(&mut carried, &both), Some((150, 72.0)));
        assert_eq!(advance(&mut carried, &[]), None, "nothing has come");
    }

    #[test]
    fn after_a_restart_it_goes_on_from_what_is_recorded_whatever_was_before_and_meanwhile() {
        // Two containers on one host, the first of which is over: 60 and 5, recorded at 141; a third on another host.
        let whole = on("a", &[(110, 30.0), (130, 60.0), (140, 5.0), (150, 20.0), (200, 3.0), (210, 9.0)]);
        let other = on("b", &[(205, 11.0)]);
        let mut kept = begun(&job(None), &[]);
        assert_eq!(advance(&mut kept, &[&whole, &other]), Some((210, 100.0)));
        let mut begun_again = begun(&job(Some((141, 65))), &[&whole]);
        assert_eq!(advance(&mut begun_again, &[&whole, &other]), Some((210, 100.0)), "60 + 20 + 9 + 11");
        // Nothing has come since.
        let before = on("a", &[(110, 30.0), (130, 60.0), (140, 5.0)]);
        let mut idle = begun(&job(Some((141, 65))), &[&before]);
        assert_eq!(advance(&mut idle, &[&before]), None);
        assert_eq!(advance(&mut idle, &[&on("a", &[(140, 5.0), (150, 8.0)])]), Some((150, 68.0)));
    }

    #[test]
    fn parts_that_become_longer_and_shorter_count_nothing_twice() {
        let mut carried = begun(&job(None), &[]);
        // A container of 90 and one that follows it, second by second.
        assert_eq!(advance(&mut carried, &[&on("a", &[(130, 90.0), (140, 5.0)])]), Some((140, 95.0)));
        let mut read = |values: &[(i64, f64)], period, now| {
            carried.advance(&[&on("a", values)], &stretch(0, 10_000, period), at(now)).unwrap()
        };
        // The old one's figure is the largest of this part.
        assert_eq!(read(&[(128, 90.0)], 32, 150), (at(141), 95.0));
        assert_eq!(read(&[(128, 90.0), (160, 30.0)], 32, 170), (at(170), 120.0));
        assert_eq!(read(&[(160, 30.0)], 32, 180), (at(170), 120.0), "no newer because it is read again");
        assert_eq!(read(&[(160, 50.0)], 32, 185), (at(185), 140.0), "the same part, grown");
        // In shorter parts again: what is in the long one is known.
        assert_eq!(read(&[(170, 30.0), (180, 50.0), (190, 55.0)], 1, 195), (at(185), 140.0));
        assert_eq!(read(&[(190, 55.0), (195, 60.0)], 1, 200), (at(196), 150.0));
    }
}
