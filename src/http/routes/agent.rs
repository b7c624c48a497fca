//! What the agents of long-running jobs report.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Path, Payload};

use super::reports::{hostname, reply};
use super::respond::{exit_code, instant};
use crate::actors::Supervisor;
use crate::api::agent::{AllocationReply, CpuReport, EndReason, ReportKind};
use crate::api::report::{MarathonEndReport, MarathonStartReport, ReportReply};
use crate::events::job::SegmentEnd;
use crate::http::auth::{AboutJob, Access, Checked, Gate};
use crate::http::extract::read_json;
use crate::http::problem::Problem;
use crate::qos::ids::JobId;
use crate::qos::job::Command;
use crate::qos::job::command::{ExecutionFacts, SampleFacts, SegmentEndFacts, SegmentStartFacts};
use crate::qos::units::{Cpus, Span, Timestamp};

/// The largest number of a segment or a checkpoint: 2^53 - 1.
const MOST_COUNTED: u64 = 9_007_199_254_740_991;

/// The longest text of an agent that is kept: a task's id is its app's path and a uuid.
const TEXT_LIMIT: usize = 512;

/// An execution of a long-running job begins
#[utoipa::path(post, path = "/initMarathonApp", tag = "reports", security(("job" = []), ("operator" = [])),
    request_body = MarathonStartReport, responses(
    (status = 200, description = "It is in the log", body = ReportReply),
    crate::http::openapi::ReportRefused,
))]
pub async fn marathon_start(
    supervisor: Data<Supervisor>,
    report: Checked<MarathonStartReport>,
) -> Result<Json<ReportReply>, Problem> {
    let report = report.body;
    let facts = ExecutionFacts {
        started_at: instant("started_at", report.started_at)?,
        sent_at: sent_at(report.sent_at)?,
        execution: text("execution", report.execution)?,
        hostname: report.hostname.map(hostname),
    };
    reply(supervisor.submit(report.uuid, Command::MarathonStart(facts), None).await?)
}

/// A long-running job has ended
#[utoipa::path(post, path = "/endMarathonApp", tag = "reports", security(("job" = []), ("operator" = [])),
    request_body = MarathonEndReport, responses(
    (status = 200, description = "It is in the log", body = ReportReply),
    crate::http::openapi::ReportRefused,
))]
pub async fn marathon_end(
    supervisor: Data<Supervisor>,
    report: Checked<MarathonEndReport>,
) -> Result<Json<ReportReply>, Problem> {
    let report = report.body;
    let command = Command::MarathonEnd {
        finished_at: instant("finished_at", report.finished_at)?,
        sent_at: sent_at(report.sent_at)?,
        exit_code: exit_code(report.exit_code)?,
    };
    reply(supervisor.submit(report.uuid, command, None).await?)
}

/// CPU time of a long-running job
///
/// A segment's start and end are on disk before they are answered; a sample is only remembered until the next look.
#[utoipa::path(post, path = "/api/v1/jobs/{uuid}/cpu-samples", tag = "reports", security(("job" = []), ("operator" = [])),
    params(("uuid" = JobId, Path, description = "The job")), request_body = CpuReport, responses(
    (status = 200, description = "The CPU that the job is to have", body = AllocationReply),
    crate::http::openapi::ReportRefused,
))]
pub async fn cpu_report(
    request: HttpRequest,
    payload: Payload,
    supervisor: Data<Supervisor>,
    gate: Data<Gate>,
    job: Path<JobId>,
) -> Result<Json<AllocationReply>, Problem> {
    gate.check(&request, Access::Job(*job))?;
    let report: CpuReport = read_json(&request, payload.into_inner()).await?;
    counted(&report)?;
    let answer = match report.kind {
        ReportKind::Sample => {
            let facts = sample(&report, supervisor.clock().now())?;
            return Ok(Json(supervisor.sample(*job, facts, text("execution", report.execution)?).await?));
        }
        ReportKind::Start => {
            supervisor.submit(*job, Command::SegmentStart(Box::new(segment_start(report)?)), None).await?
        }
        ReportKind::End => supervisor.submit(*job, Command::SegmentEnd(segment_end(report)?), None).await?,
    };
    let Json(ReportReply { duplicate, ignored, .. }) = reply(answer)?;
    Ok(Json(AllocationReply { duplicate, ignored, ..supervisor.allocation(*job) }))
}

/// Numbers beyond are not counted up to, and not every JSON reader can tell them apart.
fn counted(report: &CpuReport) -> Result<(), Problem> {
    let numbers = [
        ("segment", Some(report.segment)),
        ("generation", report.generation),
        ("restored_generation", report.restored_generation),
    ];
    match numbers.iter().find(|(_, number)| number.is_some_and(|number| number > MOST_COUNTED)) {
        Some((field, _)) => {
            Err(Problem::invalid_field(*field, format!("is above {MOST_COUNTED}; they are counted from 1")))
        }
        None => Ok(()),
    }
}

fn sample(report: &CpuReport, now: Timestamp) -> Result<SampleFacts, Problem> {
    let (at, sent_at) = (instant("at", report.at)?, sent_at(report.sent_at)?);
    Ok(SampleFacts {
        segment: Some(report.segment),
        at: crate::qos::job::clocks::here(at, sent_at, now),
        cpu: cpu_time(report)?,
        limit: limit(report.limit)?,
    })
}

fn segment_start(report: CpuReport) -> Result<SegmentStartFacts, Problem> {
    if report.segment == 0 {
        return Err(Problem::invalid_field("segment", "segments are counted from 1"));
    }
    Ok(SegmentStartFacts {
        segment: report.segment,
        at: instant("at", report.at)?,
        sent_at: sent_at(report.sent_at)?,
        base: seconds("base_cpu_seconds", report.base_cpu_seconds.unwrap_or(0.0))?,
        generation: report.restored_generation,
        limit: limit(report.limit)?,
        checkpoints: report.checkpoints,
        hostname: report.hostname.map(hostname),
        execution: text("execution", report.execution)?,
        runtime: text("runtime", report.runtime)?,
        // Docker shows names with a slash before them, and takes them without.
        container: text("container", report.container)?.map(|name| name.trim_start_matches('/').to_owned()),
        task: text("task", report.task)?.filter(|task| !task.is_empty()),
        last_told: None,
    })
}

fn segment_end(report: CpuReport) -> Result<SegmentEndFacts, Problem> {
    let reason = report.reason.ok_or_else(|| Problem::invalid_field("reason", "an end has a reason: it is missing"))?;
    let millis = report.duration_ms.map(|millis| seconds("duration_ms", millis / 1000.0)).transpose()?;
    Ok(SegmentEndFacts {
        segment: report.segment,
        at: instant("at", report.at)?,
        sent_at: sent_at(report.sent_at)?,
        cpu: cpu_time(&report)?,
        execution: text("execution", report.execution)?,
        reason: match reason {
            EndReason::Checkpointed => SegmentEnd::Checkpointed,
            EndReason::Exited => SegmentEnd::Exited,
            EndReason::Killed => SegmentEnd::Killed,
            EndReason::Lost => SegmentEnd::Lost,
        },
        generation: report.generation,
        dump: millis,
    })
}

fn cpu_time(report: &CpuReport) -> Result<Span, Problem> {
    let user = seconds("user_seconds", report.user_seconds)?;
    Ok(user + seconds("system_seconds", report.system_seconds)?)
}

fn seconds(field: &'static str, value: f64) -> Result<Span, Problem> {
    match Span::try_from_seconds(value) {
        Ok(span) if span >= Span::ZERO => Ok(span),
        Ok(_) => Err(Problem::invalid_field(field, format!("{value} is negative; a time is not"))),
        Err(error) => Err(Problem::invalid_field(field, error)),
    }
}

fn limit(limit: Option<f64>) -> Result<Option<Cpus>, Problem> {
    limit.map(Cpus::try_from_f64).transpose().map_err(|error| Problem::invalid_field("limit", error))
}

fn sent_at(sent_at: Option<f64>) -> Result<Option<Timestamp>, Problem> {
    sent_at.map(|sent_at| instant("sent_at", sent_at)).transpose()
}

fn text(field: &'static str, text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.len() > TEXT_LIMIT => {
            Err(Problem::invalid_field(field, format!("longer than {TEXT_LIMIT} bytes")))
        }
        text => Ok(text),
    }
}

impl AboutJob for MarathonStartReport {
    fn access(job: JobId) -> Access {
        Access::Report(job)
    }
    fn job(&self) -> JobId {
        self.uuid
    }
}

impl AboutJob for MarathonEndReport {
    fn access(job: JobId) -> Access {
        Access::Report(job)
    }
    fn job(&self) -> JobId {
        self.uuid
    }
}
