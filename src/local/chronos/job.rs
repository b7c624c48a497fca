//! A job as Chronos keeps it, common to both versions; which fields are read and shown depends on the version.

use super::constraint::Constraint;
use super::container::Container;
use crate::qos::units::Cpus;

/// CPUs of a job that names none.
pub const DEFAULT_CPUS: f64 = 0.1;
/// MiB of memory of a job that names none.
pub const DEFAULT_MEM: f64 = 128.0;
/// MiB of disk of a job that names none.
pub const DEFAULT_DISK: f64 = 256.0;
/// The user that tasks are said to run as (they run as the user of this process).
pub const DEFAULT_USER: &str = "root";
/// How late an occurrence may be queued, in 2.x.
pub const DEFAULT_EPSILON: &str = "PT60S";

/// What makes a job run.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    /// Time.
    Schedule {
        /// `R[n]/[start]/period`, as stored: not always as last posted.
        text: String,
        /// Replaces the zone of the start when not empty.
        zone: String,
    },
    /// The success of all of these jobs.
    Parents(Vec<String>),
}

/// A job. The field names are those of the JSON.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of the framework's own documentation")]
pub struct Job {
    pub name: String,
    pub command: String,
    pub shell: bool,
    pub epsilon: String,
    pub executor: String,
    pub executor_flags: String,
    pub task_info_data: String,
    pub retries: i64,
    pub owner: String,
    pub owner_name: String,
    pub description: String,
    pub asynchronous: bool,
    pub success_count: i64,
    pub error_count: i64,
    pub last_success: String,
    pub last_error: String,
    pub cpus: f64,
    pub disk: f64,
    pub mem: f64,
    pub disabled: bool,
    pub soft_error: bool,
    pub data_processing: bool,
    pub errors_since_last_success: i64,
    pub fetch: Vec<Fetch>,
    pub uris: Vec<String>,
    pub environment: Vec<(String, String)>,
    pub arguments: Vec<String>,
    pub high_priority: bool,
    pub run_as_user: String,
    pub concurrent: bool,
    pub container: Option<Container>,
    pub constraints: Vec<Constraint>,
    pub trigger: Trigger,
}

/// A file to bring into the sandbox. Kept and shown; this cluster does not bring it.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of the framework's own documentation")]
pub struct Fetch {
    pub uri: String,
    pub output_file: String,
    pub executable: bool,
    pub cache: bool,
    pub extract: bool,
}

impl Fetch {
    /// What 3.x makes of an entry of `uris`.
    pub fn of_uri(uri: &str) -> Self {
        Fetch { uri: uri.into(), output_file: String::new(), executable: false, cache: false, extract: true }
    }
}

impl Job {
    /// The CPU that a task reserves: at least one thousandth, the default when the job names nothing positive.
    pub fn reservation(&self) -> Cpus {
        let cpus = if self.cpus > 0.0 { self.cpus } else { DEFAULT_CPUS };
        // More than can be expressed is more than any node has: such a job waits for ever.
        Cpus::try_from_f64(cpus).unwrap_or(Cpus::MAX).max(Cpus::from_milli(1))
    }

    /// The schedule's text and zone; `None` for a dependent job.
    pub fn schedule(&self) -> Option<(&str, &str)> {
        match &self.trigger {
            Trigger::Schedule { text, zone } => Some((text, zone)),
            Trigger::Parents(_) => None,
        }
    }

    /// The names of the jobs that this one waits for.
    pub fn parents(&self) -> &[String] {
        match &self.trigger {
            Trigger::Schedule { .. } => &[],
            Trigger::Parents(parents) => parents,
        }
    }

    /// Changes the stored text of the schedule; a dependent job has none to change.
    pub fn set_schedule(&mut self, new: String) {
        if let Trigger::Schedule { text, .. } = &mut self.trigger {
            *text = new;
        }
    }
}
