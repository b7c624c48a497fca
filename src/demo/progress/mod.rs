//! What the user sees while the jobs run: bars on a terminal, now and then a line elsewhere. All of it on standard error.

mod bars;
mod lines;

use std::io::{IsTerminal as _, Write as _};

use super::snapshot::{JobNow, Snapshot};
use crate::api::view::Performance;

/// Shows snapshots.
pub trait Progress {
    /// The jobs as they are now.
    fn show(&mut self, now: &Snapshot);
    /// A sentence beside them.
    fn say(&self, line: &str);
    /// These jobs are over; others may follow.
    fn close(&mut self);
}

/// Bars when standard error is a terminal, lines otherwise.
pub fn choose() -> Box<dyn Progress> {
    if std::io::stderr().is_terminal() {
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Box::new(bars::Bars::new(colour))
    } else {
        Box::new(lines::Lines::default())
    }
}

/// A line on standard error. Whoever read it may be gone: that is no reason to stop what runs.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// How a job stands against its deadline, in a few words.
fn outlook(job: &JobNow) -> String {
    match (job.finished_s, job.on_time, job.predicted_s) {
        (Some(finished), Some(on_time), _) => {
            let word = if on_time { "on time" } else { "late" };
            format!("done at {finished:.1} s of {:.1} s: {word}", job.deadline_s)
        }
        _ if job.is_over() => format!("{}: {}", job.state, job.reason.as_deref().unwrap_or("no reason given")),
        (_, _, Some(predicted)) => format!("finish {predicted:.1} s of {:.1} s", job.deadline_s),
        _ => format!("deadline {:.1} s", job.deadline_s),
    }
}

/// How far a long-running job is against its plan; nothing for others, and before the first decision.
fn ratio(job: &JobNow) -> String {
    job.long.and_then(|long| long.ratio).map_or(String::new(), |ratio| format!(" progress {ratio:.2}"))
}

/// The performance state without the word that all of them share.
fn short(performance: Option<Performance>) -> &'static str {
    match performance {
        None => "",
        Some(Performance::UnderPerformant) => "UNDER",
        Some(Performance::OnPlan) => "ON_PLAN",
        Some(Performance::OverPerformant) => "OVER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::view::JobState;
    use crate::demo::snapshot::{Doing, LongNow};
    use crate::qos::ids::JobId;

    fn job() -> JobNow {
        JobNow {
            uuid: JobId::random(),
            name: "a".into(),
            state: JobState::Running,
            doing: Doing::Running,
            done: 1,
            iterations: 4,
            cpus: 1.4,
            performance: Some(Performance::UnderPerformant),
            predicted_s: Some(118.04),
            deadline_s: 120.0,
            finished_s: None,
            on_time: None,
            reason: None,
            rescales: 0,
            long: None,
        }
    }

    #[test]
    fn a_long_running_job_shows_how_far_it_is_against_its_plan() {
        let long = |ratio| JobNow { long: Some(LongNow { cpu_s: 8.0, declared_s: 26.7, ratio }), ..job() };
        assert_eq!(ratio(&long(Some(1.204))), " progress 1.20");
        assert_eq!((ratio(&long(None)), ratio(&job())), (String::new(), String::new()));
    }

    #[test]
    fn the_outlook_is_the_latest_that_is_known() {
        assert_eq!(outlook(&job()), "finish 118.0 s of 120.0 s");
        assert_eq!(outlook(&JobNow { predicted_s: None, ..job() }), "deadline 120.0 s");
        let late = JobNow { state: JobState::Completed, finished_s: Some(121.0), on_time: Some(false), ..job() };
        assert_eq!(outlook(&late), "done at 121.0 s of 120.0 s: late");
        let failed = JobNow { state: JobState::Failed, reason: Some("exit code 3".into()), ..job() };
        assert_eq!(outlook(&failed), "failed: exit code 3");
    }
}
