//! One bar a job.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Progress, outlook, ratio, short};
use crate::api::view::{JobState, Performance};
use crate::demo::snapshot::{Doing, JobNow, Snapshot};

/// Wide enough for the names of the published jobs.
const BAR: &str = "{prefix:<14} {bar:14.STYLE} {pos:>2}/{len:<2} {wide_msg}";

/// Bars on a terminal.
#[derive(Debug)]
pub struct Bars {
    all: MultiProgress,
    header: Option<ProgressBar>,
    jobs: BTreeMap<String, ProgressBar>,
    colour: bool,
}

impl Bars {
    /// Nothing to see yet.
    pub fn new(colour: bool) -> Self {
        Bars { all: MultiProgress::new(), header: None, jobs: BTreeMap::new(), colour }
    }

    fn bar(&mut self, job: &JobNow) -> ProgressBar {
        let (all, colour) = (&self.all, self.colour);
        let make = || {
            // Of a long-running job the CPU-seconds.
            let length = job.long.map_or(u64::from(job.iterations), |long| long.declared_s.round() as u64);
            let bar = all.add(ProgressBar::new(length));
            bar.set_style(style(&BAR.replace(".STYLE", if colour { ".cyan/blue" } else { "" })));
            bar.set_prefix(job.name.clone());
            bar
        };
        self.jobs.entry(job.name.clone()).or_insert_with(make).clone()
    }

    fn message(&self, job: &JobNow) -> String {
        let doing = match (job.state, job.doing) {
            (JobState::Registered | JobState::Running, Doing::Running) => "running",
            (JobState::Registered | JobState::Running, Doing::Starting) => "starting",
            (JobState::Registered | JobState::Running, Doing::Nothing) => "waiting",
            _ => "",
        };
        let performance = self.painted(job, &format!("{:<7}", short(job.performance)));
        format!("{:>3} CPU{}  {doing:<8} {performance}  {}", job.cpus, ratio(job), outlook(job))
    }

    /// Red, green and yellow are the published chart's regions.
    fn painted(&self, job: &JobNow, text: &str) -> String {
        let code = match job.performance {
            Some(Performance::UnderPerformant) => 31,
            Some(Performance::OnPlan) => 32,
            Some(Performance::OverPerformant) => 33,
            None => return text.to_owned(),
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

impl Progress for Bars {
    fn show(&mut self, now: &Snapshot) {
        let make = || {
            let header = self.all.add(ProgressBar::no_length());
            header.set_style(style("{msg}"));
            header
        };
        self.header.get_or_insert_with(make).set_message(format!("{:.0} s", now.elapsed.as_secs_f64()));
        for job in &now.jobs {
            let bar = self.bar(job);
            bar.set_position(job.long.map_or(u64::from(job.done), |long| long.cpu_s.round() as u64));
            bar.set_message(self.message(job));
        }
    }

    fn say(&self, line: &str) {
        // Above the bars; without any drawn yet it is an ordinary line.
        if self.all.println(line).is_err() {
            super::say(line);
        }
    }

    fn close(&mut self) {
        for bar in std::mem::take(&mut self.jobs).into_values() {
            bar.abandon();
        }
        if let Some(header) = self.header.take() {
            header.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants of this file; a test renders them.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_valid() {
        for template in ["{msg}".to_owned(), BAR.replace("STYLE", "cyan/blue"), BAR.replace(".STYLE", "")] {
            assert!(ProgressStyle::with_template(&template).is_ok(), "{template}");
        }
    }
}
