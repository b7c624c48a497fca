//! Jobs come and are replaced.

use super::{Action, Answer, Core, Known, Refusal};
use crate::local::chronos::constraint::Constraint;
use crate::local::chronos::job::Job;
use crate::local::chronos::schedule::{Schedule, utc_text};
use crate::local::journal::Entry;
use crate::qos::units::Timestamp;

impl Core {
    /// POST `iso8601`. A job of that name is replaced as a whole: absent fields, the counts among them, fall back to
    /// their defaults, and a running task is left alone.
    pub(super) fn submit_scheduled(&mut self, job: Job) -> Answer {
        let Some((text, zone)) = job.schedule().map(|(text, zone)| (text.to_owned(), zone.to_owned())) else {
            return Err(Refusal::Failure("a dependent job does not belong here: it goes to /dependency".into()));
        };
        let replaced = self.jobs.contains_key(&job.name);
        if !replaced {
            self.check_name(&job)?;
        }
        let Some(schedule) = Schedule::parse(&text, &zone, self.version(), self.now) else {
            return Err(Refusal::Sentence(format!("Cannot parse schedule '{text}'")));
        };
        if self.v3() && !replaced {
            if schedule.due() < Timestamp::from_micros(1_000_000) {
                let start = utc_text(schedule.due());
                return Err(Refusal::Sentence(format!("Scheduled start date '{start}' is before 1970!")));
            }
            if !job.uris.is_empty() && !job.fetch.is_empty() {
                let both = format!("Tried to add both uri (deprecated) and fetch parameters on {}", job.name);
                return Err(Refusal::Sentence(both));
            }
        }
        self.accept(job, replaced);
        Ok(())
    }

    /// POST `dependency`.
    pub(super) fn submit_dependent(&mut self, job: Job) -> Answer {
        if !Self::is_dependent(&job) {
            return Err(Refusal::Failure("a scheduled job does not belong here: it goes to /iso8601".into()));
        }
        let replaced = self.jobs.contains_key(&job.name);
        if !replaced {
            self.check_name(&job)?;
        }
        if job.parents().is_empty() {
            let missing = "Error, parent does not exist".to_owned();
            return Err(if replaced { Refusal::Requirement(missing) } else { Refusal::Failure(missing) });
        }
        // A new job of 3.x is only stored here: it comes to light once its parents have.
        let checked = replaced || !self.v3();
        if checked && !job.parents().iter().all(|parent| self.jobs.contains_key(parent)) {
            return Err(Refusal::Requirement(format!("Job {} does not have all parents defined!", job.name)));
        }
        if self.would_wait_for_itself(&job.name, job.parents()) {
            return Err(Refusal::Failure(format!("Job {} would wait for itself", job.name)));
        }
        self.accept(job, replaced);
        Ok(())
    }

    fn check_name(&self, job: &Job) -> Answer {
        if self.version().allows_name(&job.name) {
            return Ok(());
        }
        let pattern = self.version().name_pattern();
        Err(Refusal::Requirement(format!("the job's name is invalid. Allowed names: '{pattern}'")))
    }

    fn accept(&mut self, job: Job, replaced: bool) {
        let name = job.name.clone();
        let constraints = job.constraints.iter().map(Constraint::to_json).collect();
        let (at, milli_cpus) = (self.now, job.reservation());
        self.record(Entry::Submitted { at, job: name.clone(), replaced, milli_cpus, constraints });
        match (self.v3(), replaced) {
            (true, true) => self.update(&name, |old| *old = job),
            (true, false) => self.create_unseen(job),
            (false, true) => self.replace_in_2(&name, job),
            (false, false) => {
                let order = self.take_order();
                self.jobs.insert(name.clone(), Known { order, job: job.clone() });
                self.actions.push(Action::Persist(name));
                self.follow_schedule(&job);
            }
        }
    }

    /// The occurrence that is due is planned from the new schedule, yet the text is stored as it was posted: the
    /// original plans first and stores afterwards.
    pub(super) fn replace_in_2(&mut self, name: &str, job: Job) {
        if Self::is_dependent(&job) {
            self.forget_schedule(name);
        } else {
            self.follow_schedule(&job);
        }
        self.update(name, |old| *old = job);
    }

    /// The next place in the order of creation.
    pub(super) fn take_order(&mut self) -> u64 {
        self.next_order += 1;
        self.next_order
    }
}
