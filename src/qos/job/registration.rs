//! From a launcher's request to a registration, with every field checked.

use crate::api::register::RegisterRequest;
use crate::events::job::{Origin, Registered, RescaleMode, Supervision};
use crate::qos::admission;
use crate::qos::declared::{DeclarationError, Declared};
use crate::qos::ids::Framework;
use crate::qos::policy::{Policies, PolicyChoice, PolicySettings, UnknownPolicy};
use crate::qos::units::{Cpus, Span, Timestamp};

/// A Chronos deadline above this many seconds is an instant, not an interval.
const INSTANT_FROM: f64 = 1e9;

/// How long the 2017 launcher's jobs try to report: they do not try again; this is one slow request.
const ADOPTED_WINDOW: Span = Span::from_secs(30);

/// How long our launcher's jobs try to report when they do not say.
const DEFAULT_WINDOW: Span = Span::from_secs(600);

/// One CPU.
const ONE: Cpus = Cpus::from_milli(1000);

/// What a registration takes from the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// The policies, and which one is for jobs that do not choose.
    pub policies: Policies,
    /// Failed iterations in a row after which a job has failed.
    pub max_failures: u32,
    /// A report is overdue after this many times the expected time, in thousandths.
    pub overdue_factor_milli: u32,
    /// Between two looks at a long-running job.
    pub monitoring_period: Span,
    /// How a long-running job gets another CPU.
    pub rescale: RescaleMode,
    /// How long a task that was told to run the next iteration itself may take to report its start.
    pub chain_start: Span,
}

/// A field that cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidField {
    /// The field's name on the wire.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

fn invalid(field: &'static str, problem: impl Into<String>) -> InvalidField {
    InvalidField { field, problem: problem.into() }
}

impl From<DeclarationError> for InvalidField {
    fn from(error: DeclarationError) -> Self {
        let field = match &error {
            DeclarationError::NotPositive { field, .. } | DeclarationError::Unit { field, .. } => field,
            DeclarationError::Deviation(_) => "desv_deadline",
        };
        invalid(field, error.to_string())
    }
}

/// Checks a request that came at `now`.
///
/// # Errors
/// Names the first field that cannot be accepted.
pub fn validate(request: &RegisterRequest, now: Timestamp, defaults: &Defaults) -> Result<Registered, InvalidField> {
    if request.name.trim().is_empty() {
        return Err(invalid("name", "the job's name in its framework is missing"));
    }
    if request.framework == Framework::Chronos && matches!(request.name.as_str(), "." | "..") {
        return Err(invalid(
            "name",
            "\".\" and \"..\" cannot stand in a URL, so nothing could ever be asked of such a job",
        ));
    }
    let t0 = start_instant(request.start_at, now)?;
    let interval = deadline_seconds(request, t0)?;
    let declared = Declared::new(request.job_duration, interval, request.desv_deadline)?;
    let iterations = iterations(request)?;
    let cpus = request.cpus.map(submitted_cpus).transpose()?;
    let choice = choice(request)?;
    let policy = defaults.policies.settings(choice);
    let origin =
        if request.arguments_version.is_some() || request.cpus.is_some() { Origin::Native } else { Origin::Adopted };
    if let Some(version) = request.arguments_version.filter(|version| *version != 1) {
        return Err(invalid(
            "arguments_version",
            format!("{version} is not known here; this supervisor knows version 1"),
        ));
    }
    let chain = chain(request, origin)?;
    let admission = match request.framework {
        // An adopted job does not tell its CPU; one CPU is what the published jobs have.
        Framework::Chronos => {
            let policy = with_gaps_of(chain, iterations, &policy);
            admission::chronos(&declared, iterations, cpus.unwrap_or(ONE), &policy)
        }
        Framework::Marathon => admission::marathon(&declared, cpus.unwrap_or(ONE), &policy),
    };
    Ok(Registered {
        job: request.uuid,
        name: framework_name(request)?,
        framework: request.framework,
        origin,
        declared,
        iterations,
        cpus,
        t0,
        deadline_at: t0 + declared.deadline,
        policy,
        choice: Some(choice),
        chain,
        supervision: supervision(request, origin, defaults)?,
        admission,
    })
}

/// The least deadline that the same job would surely keep, as its policy sees it; none when no deadline is long enough.
pub fn least_deadline(registered: &Registered) -> Option<Span> {
    let (declared, cpus, policy) = (&registered.declared, registered.cpus.unwrap_or(ONE), &registered.policy);
    match registered.framework {
        Framework::Chronos => {
            let policy = with_gaps_of(registered.chain, registered.iterations, policy);
            admission::least_chronos_deadline(declared, registered.iterations, cpus, &policy)
        }
        Framework::Marathon => {
            let restarts = registered.supervision.rescale == RescaleMode::Restart;
            admission::least_marathon_deadline(declared, cpus, policy, restarts)
        }
    }
}

/// The job's name as its framework writes it: Marathon takes `x`, `/x` and `//x/` for one app, and two jobs must not share one.
fn framework_name(request: &RegisterRequest) -> Result<String, InvalidField> {
    if request.framework != Framework::Marathon {
        return Ok(request.name.clone());
    }
    let parts: Vec<&str> = request.name.split('/').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return Err(invalid("name", format!("{:?} names no app; a path such as /group/name does", request.name)));
    }
    Ok(format!("/{}", parts.join("/")))
}

fn start_instant(start_at: Option<f64>, now: Timestamp) -> Result<Timestamp, InvalidField> {
    let Some(start_at) = start_at else { return Ok(now) };
    let start = Timestamp::try_from_epoch_seconds(start_at).map_err(|error| invalid("start_at", error.to_string()))?;
    Ok(start.max(now))
}

fn deadline_seconds(request: &RegisterRequest, t0: Timestamp) -> Result<f64, InvalidField> {
    if request.framework == Framework::Marathon || request.deadline <= INSTANT_FROM {
        return Ok(request.deadline);
    }
    let instant =
        Timestamp::try_from_epoch_seconds(request.deadline).map_err(|error| invalid("deadline", error.to_string()))?;
    if instant <= t0 {
        return Err(invalid("deadline", format!("the instant {} has passed; give a later one", request.deadline)));
    }
    Ok(instant.since(t0).seconds())
}

fn iterations(request: &RegisterRequest) -> Result<u32, InvalidField> {
    match (request.framework, request.iterations) {
        (Framework::Marathon, _) => Ok(0),
        (Framework::Chronos, Some(count)) if count > 0 => Ok(count),
        (Framework::Chronos, Some(_)) => Err(invalid("iterations", "0 is not a number of iterations; at least 1 is")),
        (Framework::Chronos, None) => Err(invalid("iterations", "a Chronos job has a number of iterations")),
    }
}

fn submitted_cpus(cpus: f64) -> Result<Cpus, InvalidField> {
    let cpus = Cpus::try_from_f64(cpus).map_err(|error| invalid("cpus", error.to_string()))?;
    if cpus.milli() == 0 { Err(invalid("cpus", "0 is not enough for any job; at least 0.001 is")) } else { Ok(cpus) }
}

fn choice(request: &RegisterRequest) -> Result<PolicyChoice, InvalidField> {
    let named = request.policy.as_deref().map(str::parse).transpose();
    let policy = named.map_err(|error: UnknownPolicy| invalid("policy", error.to_string()))?;
    Ok(PolicyChoice { policy, dry_run: request.dry_run.unwrap_or(false) })
}

/// Chained iterations need a launcher whose wrapper knows of them.
fn chain(request: &RegisterRequest, origin: Origin) -> Result<bool, InvalidField> {
    match (request.chain.unwrap_or(false), request.framework, origin) {
        (true, Framework::Marathon, _) => {
            Err(invalid("chain", "a long-running job has no iterations to chain; leave it out or false"))
        }
        (true, Framework::Chronos, Origin::Adopted) => Err(invalid(
            "chain",
            "jobs of the 2017 launcher end after each iteration; send \"cpus\" and \"arguments_version\" with a wrapper that knows of \
             chains, or leave it out",
        )),
        (chain, ..) => Ok(chain),
    }
}

/// A chained job is deployed once in the best case: its share of that is what comes between two iterations.
fn with_gaps_of(chain: bool, iterations: u32, policy: &PolicySettings) -> PolicySettings {
    let mut policy = policy.clone();
    if chain {
        let once = policy.sleeping_time + policy.deployment_time;
        policy.sleeping_time = Span::ZERO;
        policy.deployment_time = Span::from_micros(once.micros() / i64::from(iterations.max(1)));
    }
    policy
}

fn supervision(request: &RegisterRequest, origin: Origin, defaults: &Defaults) -> Result<Supervision, InvalidField> {
    let max_failures = request.max_failures.unwrap_or(defaults.max_failures);
    if max_failures == 0 {
        return Err(invalid("max_failures", "0 would fail every job; at least 1 is right"));
    }
    let callback_window = match (request.callback_window, origin) {
        (None, Origin::Adopted) => ADOPTED_WINDOW,
        (None, Origin::Native) => DEFAULT_WINDOW,
        (Some(seconds), _) if seconds >= 0.0 => {
            Span::try_from_seconds(seconds).map_err(|error| invalid("callback_window", error.to_string()))?
        }
        (Some(_), _) => return Err(invalid("callback_window", "a time is not negative")),
    };
    Ok(Supervision {
        max_failures,
        overdue_factor_milli: defaults.overdue_factor_milli,
        callback_window,
        monitoring_period: defaults.monitoring_period,
        rescale: defaults.rescale,
        chain_start: defaults.chain_start,
    })
}
