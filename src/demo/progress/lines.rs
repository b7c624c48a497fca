//! A line when a job ends, and now and then one about all of them: for log files and pipes.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Progress, outlook, ratio, short};
use crate::demo::snapshot::{JobNow, Snapshot};

/// Between two lines about all jobs.
const PERIOD: Duration = Duration::from_secs(10);

/// Lines on standard error.
#[derive(Debug, Default)]
pub struct Lines {
    next: Duration,
    ended: BTreeSet<String>,
}

impl Lines {
    fn lines(&mut self, now: &Snapshot) -> Vec<String> {
        let time = format!("[{:>4.0} s]", now.elapsed.as_secs_f64());
        let mut lines = Vec::new();
        for job in now.jobs.iter().filter(|job| job.is_over()) {
            if self.ended.insert(job.name.clone()) {
                lines.push(format!("{time} {}: {}, {}", job.name, done(job), outlook(job)));
            }
        }
        if now.elapsed >= self.next && !now.jobs.is_empty() {
            // From the present one on: a late look must not bring a second one at once.
            self.next = now.elapsed + PERIOD;
            let jobs: Vec<String> = now.jobs.iter().filter(|job| !job.is_over()).map(state).collect();
            if !jobs.is_empty() {
                lines.push(format!("{time} {}", jobs.join(" | ")));
            }
        }
        lines
    }
}

fn state(job: &JobNow) -> String {
    let performance = short(job.performance);
    let space = if performance.is_empty() { "" } else { " " };
    let far = match job.long {
        Some(_) => done(job),
        None => format!("{}/{}", job.done, job.iterations),
    };
    format!("{} {far} {} CPU{}{space}{performance}", job.name, job.cpus, ratio(job))
}

fn done(job: &JobNow) -> String {
    match job.long {
        Some(long) => format!("{:.1} of {:.1} CPU-s", long.cpu_s, long.declared_s),
        None => format!("{}/{} iterations", job.done, job.iterations),
    }
}

impl Progress for Lines {
    fn show(&mut self, now: &Snapshot) {
        for line in self.lines(now) {
            self.say(&line);
        }
    }

    fn say(&self, line: &str) {
        super::say(line);
    }

    fn close(&mut self) {
        *self = Lines::default();
    }
}
