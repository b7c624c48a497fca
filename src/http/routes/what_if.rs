//! `POST /api/v1/jobs/{uuid}/what-if`: a job's recorded work, run again under something else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Data, Json, Path};
use tokio::sync::Semaphore;

use super::respond::unknown;
use crate::actors::Supervisor;
use crate::api::what_if::{
    DivergenceView, IntervalView, OutcomeView, ReplayRequest, ReplayedDecision, WhatIf, WhatIfRequest,
};
use crate::events::envelope::{StoredEvent, Version};
use crate::http::auth::OperatorAccess;
use crate::http::extract::JsonBody;
use crate::http::problem::Problem;
use crate::qos::ids::JobId;
use crate::qos::policy::{PolicyName, PolicySettings};
use crate::qos::units::Cpus;
use crate::replay::{Change, Comparison, Options, Outcome, ReplayError, counterfactual, histories};
use crate::supervise::changed_policy;

/// Computed at the same time; a supervisor has other things to do.
const MOST_AT_ONCE: usize = 1;

/// After this time the answer is no longer waited for. What is computed ends by itself: the amount of work is bounded.
const PATIENCE: Duration = Duration::from_secs(30);

/// What somebody should wait whose question came while another was being answered.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Events of a job that are read; a log of more is for `mesos-qos replay`.
const MOST_EVENTS: usize = 50_000;

const PAGE: usize = 1000;

/// From so many draws the ranges are made.
const DRAWS: u32 = 50;

/// Other settings in one question, and the longest text of one.
const MOST_SETTINGS: usize = 20;
const LONGEST_SETTING: usize = 100;

/// Who may compute.
#[derive(Debug, Clone)]
pub struct Replays(Arc<Semaphore>);

impl Default for Replays {
    fn default() -> Self {
        Replays(Arc::new(Semaphore::new(MOST_AT_ONCE)))
    }
}

/// What would have become of a job under another policy
///
/// Its recorded work is run again, with the durations that its own history says for the CPU that it would have had. Computed on a thread
/// of its own; one question at a time.
#[utoipa::path(post, path = "/api/v1/jobs/{uuid}/what-if", tag = "events",
    params(("uuid" = JobId, Path, description = "The job")), request_body = WhatIfRequest, responses(
    (status = 200, description = "Both, side by side", body = WhatIf),
    (status = 401, response = crate::http::openapi::Unauthorized),
    (status = 403, response = crate::http::openapi::Forbidden),
    (status = 404, response = crate::http::openapi::NotFound),
    (status = 408, response = crate::http::openapi::TooSlow),
    (status = 413, response = crate::http::openapi::TooLarge),
    (status = 415, response = crate::http::openapi::WrongType),
    (status = 422, response = crate::http::openapi::Invalid),
    (status = 503, response = crate::http::openapi::Overloaded),
))]
pub async fn what_if(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    replays: Data<Replays>,
    job: Path<JobId>,
    request: JsonBody<WhatIfRequest>,
) -> Result<Json<WhatIf>, Problem> {
    answer(&supervisor, &replays, *job, request.0).await.map(Json)
}

/// The same, with the job in the body
#[utoipa::path(post, path = "/api/v1/replay", tag = "events", request_body = ReplayRequest, responses(
    (status = 200, description = "Both, side by side", body = WhatIf),
    (status = 401, response = crate::http::openapi::Unauthorized),
    (status = 403, response = crate::http::openapi::Forbidden),
    (status = 404, response = crate::http::openapi::NotFound),
    (status = 408, response = crate::http::openapi::TooSlow),
    (status = 413, response = crate::http::openapi::TooLarge),
    (status = 415, response = crate::http::openapi::WrongType),
    (status = 422, response = crate::http::openapi::Invalid),
    (status = 503, response = crate::http::openapi::Overloaded),
))]
pub async fn replay(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    replays: Data<Replays>,
    request: JsonBody<ReplayRequest>,
) -> Result<Json<WhatIf>, Problem> {
    let ReplayRequest { job, policy, set, cpus } = request.0;
    answer(&supervisor, &replays, job, WhatIfRequest { policy, set, cpus }).await.map(Json)
}

async fn answer(
    supervisor: &Supervisor,
    replays: &Replays,
    job: JobId,
    request: WhatIfRequest,
) -> Result<WhatIf, Problem> {
    let asked = Asked::of(request)?;
    let busy = || Problem::overloaded("another what-if is being computed: try again in a few seconds", RETRY_AFTER);
    let permit = Arc::clone(&replays.0).try_acquire_owned().map_err(|_| busy())?;
    let events = read(supervisor, job).await?;
    let computed = web::block(move || {
        // Held until it is done, also when nobody waits for it any more.
        let _permit = permit;
        compute(&events, &asked)
    });
    match tokio::time::timeout(PATIENCE, computed).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Err(Problem::internal(error)),
        Err(_) => {
            let text = format!("not computed within {} s: use `mesos-qos replay` for it", PATIENCE.as_secs());
            Err(Problem::overloaded(text, RETRY_AFTER))
        }
    }
}

/// What is asked, as far as it can be understood without the job.
struct Asked {
    policy: Option<PolicyName>,
    set: BTreeMap<String, String>,
    cpus: Option<Cpus>,
}

impl Asked {
    fn of(request: WhatIfRequest) -> Result<Self, Problem> {
        let policy = request.policy.as_deref().map(str::parse).transpose();
        let policy =
            policy.map_err(|error: crate::qos::policy::UnknownPolicy| Problem::invalid_field("policy", error))?;
        let cpus = request.cpus.map(Cpus::try_from_f64).transpose();
        let cpus = cpus.map_err(|error| Problem::invalid_field("cpus", error))?;
        if cpus.is_some_and(|cpus| cpus.milli() == 0) {
            return Err(Problem::invalid_field("cpus", "no CPU is no way to run: at least 0.001 is right"));
        }
        if cpus.is_some() && (policy.is_some() || !request.set.is_empty()) {
            return Err(Problem::invalid_field("cpus", "is without a policy: leave out `policy` and `set`"));
        }
        if request.set.len() > MOST_SETTINGS {
            return Err(Problem::invalid_field("set", format!("more than {MOST_SETTINGS} settings")));
        }
        let name = |key: &str| {
            !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        for (key, value) in &request.set {
            if !name(key) || key.len() > LONGEST_SETTING || value.len() > LONGEST_SETTING || value.contains('\0') {
                return Err(Problem::invalid_field(
                    "set",
                    "keys are settings of the section elasticity, such as cpu_max_slave",
                ));
            }
        }
        Ok(Asked { policy, set: request.set, cpus })
    }

    fn change(&self, recorded: &PolicySettings) -> Result<Change, Problem> {
        if let Some(cpus) = self.cpus {
            return Ok(Change::Cpus(cpus));
        }
        if self.policy.is_none() && self.set.is_empty() {
            return Ok(Change::Nothing);
        }
        let set: Vec<(String, String)> = self.set.clone().into_iter().collect();
        let changed =
            changed_policy(recorded, self.policy, &set, false).map_err(|error| Problem::invalid_field("set", error))?;
        Ok(Change::Policy(changed.settings))
    }
}

async fn read(supervisor: &Supervisor, job: JobId) -> Result<Vec<StoredEvent>, Problem> {
    let mut events: Vec<StoredEvent> = Vec::new();
    loop {
        let after = events.last().map_or(Version::NONE, |event| event.version);
        let page = supervisor.log().read_stream(job.into(), after, PAGE).await?;
        let more = page.len() == PAGE;
        events.extend(page);
        if events.len() > MOST_EVENTS {
            let text = format!("the job has more than {MOST_EVENTS} events: use `mesos-qos replay` for it");
            return Err(Problem::invalid(text));
        }
        if !more {
            break;
        }
    }
    if events.is_empty() { Err(unknown(job)) } else { Ok(events) }
}

fn compute(events: &[StoredEvent], asked: &Asked) -> Result<WhatIf, Problem> {
    let history = histories(events).map_err(refused)?;
    let recorded = history.first().map(|job| job.registered().policy.clone());
    let recorded = recorded.ok_or_else(|| Problem::internal("events without a job"))?;
    let change = asked.change(&recorded)?;
    let options = Options { draws: DRAWS, ..Options::default() };
    view(counterfactual(&history, &change, &options).map_err(refused)?)
}

fn refused(error: ReplayError) -> Problem {
    match error {
        ReplayError::Upcast(_) | ReplayError::Malformed { .. } | ReplayError::NoRegistration { .. } => {
            Problem::internal(error)
        }
        _ => Problem::invalid(error.to_string()),
    }
}

fn view(comparison: Comparison) -> Result<WhatIf, Problem> {
    let Comparison { change, jobs, notes, .. } = comparison;
    let job = jobs.into_iter().next().ok_or_else(|| Problem::internal("a comparison without a job"))?;
    let law = &job.law;
    let of = match law.of {
        crate::replay::law::Unit::Iteration => "An iteration",
        crate::replay::law::Unit::CpuSecond => "A CPU-second of work",
    };
    let model = format!(
        "{of} takes {:.2} s ± {:.2} that more than one CPU does not shorten, and {:.2} s ± {:.2} that all CPUs divide; single \
         measurements scatter by {:.0} % ({} of them)",
        law.serial_s,
        law.serial_deviation_s,
        law.parallel_s,
        law.parallel_deviation_s,
        law.spread * 100.0,
        law.observations
    );
    let finish = job.finish_another_run;
    Ok(WhatIf {
        change,
        deadline_s: job.deadline_s,
        recorded_policy: job.recorded_policy,
        recorded: outcome(&job.recorded),
        replayed: outcome(&job.replayed),
        finish: finish.map(|one| IntervalView { low_s: one.low_s, median_s: one.median_s, high_s: one.high_s }),
        chance_on_time: job.chance_on_time,
        first_divergence: job.first_divergence.map(|parting| DivergenceView {
            after: parting.after,
            at_s: parting.at_s,
            recorded_cpus: parting.recorded_cpus,
            recorded_reason: parting.recorded_reason,
            replayed_cpus: parting.replayed_cpus,
            replayed_reason: parting.replayed_reason,
        }),
        model,
        decisions: job
            .replayed_decisions
            .into_iter()
            .map(|one| ReplayedDecision {
                after: one.after,
                at_s: one.at_s,
                from: one.from,
                to: one.to,
                reason: one.reason,
            })
            .collect(),
        notes,
    })
}

fn outcome(outcome: &Outcome) -> OutcomeView {
    OutcomeView {
        complete: outcome.complete,
        finish_s: outcome.finish_s,
        on_time: outcome.on_time,
        cpu_seconds: outcome.cpu_seconds,
        rescales: outcome.rescales,
        last_cpus: outcome.last_cpus.as_f64(),
    }
}
