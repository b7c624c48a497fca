//! A job's decisions as a story: from which report, by which numbers, why, and what its framework answered.

use serde::{Deserialize, Serialize};

use super::history::JobHistory;
use crate::api::view::Instant;
use crate::events::job::{JobEvent, Outcome};
use crate::qos::arbitration::Place;
use crate::qos::ids::{Framework, JobId};
use crate::qos::job::{JobState, Recorded};
use crate::qos::policy::{ModelValues, PolicySettings};
use crate::qos::units::{Cpus, Timestamp};

/// All decisions about a job, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobStory {
    /// The job.
    pub uuid: JobId,
    /// Its name in its framework.
    pub name: String,
    /// Its framework.
    pub framework: Framework,
    /// When it was registered.
    pub registered_at: Instant,
    /// When it has to be done.
    pub deadline_at: Instant,
    /// Its state as the log ends.
    pub state: String,
    /// Its decisions.
    pub decisions: Vec<DecisionStory>,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionStory {
    /// Its place in the job's stream.
    pub version: u64,
    /// When it was made.
    pub at: Instant,
    /// What asked for it.
    pub input: Option<InputStory>,
    /// The policy that decided.
    pub policy: PolicySettings,
    /// The version of the fold.
    pub fold: u16,
    /// How the job was doing.
    pub performance: String,
    /// The predicted finish, of a repeated job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction: Option<Instant>,
    /// What is on plan, of a repeated job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<Instant>,
    /// See `lower`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<Instant>,
    /// Iterations left, of a repeated job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u32>,
    /// CPU time used over CPU time that should have been used, of a long-running job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_ratio: Option<f64>,
    /// CPU-seconds used, of a long-running job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<f64>,
    /// CPU-seconds that should have been used, of a long-running job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_seconds_desired: Option<f64>,
    /// CPU before.
    pub from: f64,
    /// CPU that was decided on.
    pub to: f64,
    /// The CPU that the policy wished for, where that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<f64>,
    /// One sentence.
    pub reason: String,
    /// What the policy has learned and used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelValues>,
    /// Whether it was carried out, or only recommended.
    pub only_recommended: bool,
    /// What followed, in order: the intention, and what the framework or the agent said to it.
    pub answers: Vec<Answer>,
}

/// What a decision was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputStory {
    /// Its place in the job's stream.
    pub version: u64,
    /// The event's kind.
    pub kind: String,
    /// When it was recorded.
    pub at: Instant,
    /// What it says.
    pub text: String,
}

/// What followed from a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Its place in the job's stream.
    pub version: u64,
    /// When it was recorded.
    pub at: Instant,
    /// The event's kind.
    pub kind: String,
    /// What it says.
    pub text: String,
}

/// The story of `history`.
pub fn story(history: &JobHistory) -> JobStory {
    let registered = history.registered();
    let state = JobState::replay(history.events().iter().cloned());
    let mut decisions: Vec<DecisionStory> = Vec::new();
    for recorded in history.events() {
        if let Some(decision) = decision(history, recorded) {
            decisions.push(decision);
        } else if let Some(text) = answer(&recorded.event) {
            let decided_by = |version| move |one: &&mut DecisionStory| one.version == version;
            // A resize names its decision; its outcome follows the last one that was intended.
            let of = match &recorded.event {
                JobEvent::Rescaled(rescaled) => {
                    let named = rescaled.decision.and_then(|version| decisions.iter_mut().find(decided_by(version)));
                    match named {
                        Some(named) => Some(named),
                        None => decisions.last_mut(),
                    }
                }
                _ => {
                    let intended =
                        |one: &&mut DecisionStory| one.answers.iter().any(|answer| answer.kind == "Rescaled");
                    decisions.iter_mut().rev().find(intended)
                }
            };
            let (version, at, kind) = (recorded.version, recorded.at.into(), recorded.event.kind().to_owned());
            of.into_iter()
                .for_each(|one| one.answers.push(Answer { version, at, kind: kind.clone(), text: text.clone() }));
        }
    }
    JobStory {
        uuid: history.job(),
        name: registered.name.clone(),
        framework: registered.framework,
        registered_at: history.registered_at().into(),
        deadline_at: state.as_ref().map_or(registered.deadline_at, JobState::deadline_at).into(),
        state: state.as_ref().map_or("registered", JobState::state_name).to_owned(),
        decisions,
    }
}

fn decision(history: &JobHistory, recorded: &Recorded) -> Option<DecisionStory> {
    let instant = |at: Timestamp| Some(Instant::from(at));
    let blank =
        |policy: &PolicySettings, fold, performance: &str, event, from: Cpus, to: Cpus, reason: &str| DecisionStory {
            version: recorded.version,
            at: recorded.at.into(),
            input: input(history, event),
            policy: policy.clone(),
            fold,
            performance: performance.to_owned(),
            prediction: None,
            lower: None,
            upper: None,
            remaining: None,
            progress_ratio: None,
            cpu_seconds: None,
            cpu_seconds_desired: None,
            from: from.as_f64(),
            to: to.as_f64(),
            wish: None,
            reason: reason.to_owned(),
            model: None,
            only_recommended: policy.dry_run,
            answers: Vec::new(),
        };
    match &recorded.event {
        JobEvent::Decided(one) => Some(DecisionStory {
            prediction: instant(one.prediction),
            lower: instant(one.bounds.lower),
            upper: instant(one.bounds.upper),
            remaining: Some(one.inputs.remaining),
            wish: one.wish.map(Cpus::as_f64),
            model: one.model,
            ..blank(&one.policy, one.fold, one.performance.as_str(), one.inputs.event, one.from, one.to, &one.reason)
        }),
        JobEvent::ProgressDecided(one) => Some(DecisionStory {
            progress_ratio: Some(one.ratio_millionths as f64 / 1e6),
            cpu_seconds: Some(one.inputs.cpu_current.seconds()),
            cpu_seconds_desired: Some(one.inputs.cpu_desired.seconds()),
            wish: one.wish.map(Cpus::as_f64),
            model: one.model,
            ..blank(&one.policy, one.fold, one.performance.as_str(), one.inputs.event, one.from, one.to, &one.reason)
        }),
        _ => None,
    }
}

fn input(history: &JobHistory, version: u64) -> Option<InputStory> {
    let place = history.events().binary_search_by_key(&version, |recorded| recorded.version).ok()?;
    let recorded = history.events().get(place)?;
    let text = match &recorded.event {
        JobEvent::Registered(registered) => {
            format!("it was registered with {} iterations", registered.iterations)
        }
        JobEvent::IterationFinished(finished) => {
            let counted = match finished.outcome {
                Outcome::Counted => "",
                Outcome::Failed => ", failed",
                Outcome::Surplus => ", not counted",
            };
            let (seconds, host) = (finished.duration.seconds(), &finished.hostname);
            format!("iteration {} took {seconds:.1} s on {host}{counted}", finished.iteration)
        }
        JobEvent::GrantReceived(grant) => {
            let planned = match grant.place {
                Some(Place::Moves) => ", and a node with more room after this iteration",
                Some(Place::Stays) => " of its node",
                None => "",
            };
            let left = grant.cap.map_or("all that it wishes for".to_owned(), |cap| format!("{cap} CPU{planned}"));
            format!("round {} of the arbitration leaves it {left}", grant.round)
        }
        JobEvent::CpuSample(sample) => {
            format!("segment {} has used {:.1} CPU-seconds", sample.segment, sample.cpu.seconds())
        }
        other => other.kind().to_owned(),
    };
    Some(InputStory { version, kind: recorded.event.kind().to_owned(), at: recorded.at.into(), text })
}

/// What an event says to a decision before it; none when it is about something else.
fn answer(event: &JobEvent) -> Option<String> {
    Some(match event {
        JobEvent::Rescaled(rescaled) => format!("{} -> {} CPU was asked for", rescaled.from, rescaled.to),
        JobEvent::RescaleApplied(applied) => format!("{} CPU are in force", applied.cpus),
        JobEvent::RescaleFailed(failed) => format!("{} CPU were not taken: {}", failed.cpus, failed.reason),
        JobEvent::RescaleUnanswered(asked) => format!("no answer for {} CPU: {}", asked.cpus, asked.reason),
        JobEvent::RescaleTakenBack(back) => format!("{} CPU are taken back: {}", back.cpus, back.reason),
        JobEvent::CpuObserved(observed) => format!("somebody else has set {} CPU", observed.cpus),
        _ => return None,
    })
}
