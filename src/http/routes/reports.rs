//! What the containers of repeated jobs report.

use actix_web::web::{Data, Json};

use super::respond::{exit_code, instant, receipt};
use crate::actors::{Answer, Supervisor};
use crate::api::report::{FinishReport, Next, ReportReply, StartReport};
use crate::events::job::RunKey;
use crate::http::auth::Checked;
use crate::http::problem::Problem;
use crate::qos::job::command::{FinishFacts, StartFacts};
use crate::qos::job::{Command, Reply};
use crate::qos::units::Timestamp;

/// The longest run id that is kept; Chronos' own have about a hundred characters.
const RUN_LIMIT: usize = 512;

/// The longest host name that DNS knows.
const HOSTNAME_LIMIT: usize = 255;

/// An iteration begins
#[utoipa::path(post, path = "/startTask", tag = "reports", security(("job" = []), ("operator" = [])), request_body = StartReport, responses(
    (status = 200, description = "It is in the log", body = ReportReply),
    crate::http::openapi::ReportRefused,
))]
pub async fn start(supervisor: Data<Supervisor>, report: Checked<StartReport>) -> Result<Json<ReportReply>, Problem> {
    let report = report.body;
    let started_at = instant("started_at", report.started_at)?;
    let facts = StartFacts {
        key: run_key(Some(&report.run), report.index, started_at)?,
        hostname: hostname(report.hostname),
        started_at,
    };
    reply(supervisor.submit(report.uuid, Command::ReportStart(facts), None).await?)
}

/// An iteration has ended
#[utoipa::path(post, path = "/updateTask", tag = "reports", security(("job" = []), ("operator" = [])), request_body = FinishReport, responses(
    (status = 200, description = "It is in the log", body = ReportReply),
    crate::http::openapi::ReportRefused,
))]
pub async fn finish(supervisor: Data<Supervisor>, report: Checked<FinishReport>) -> Result<Json<ReportReply>, Problem> {
    let report = report.body;
    let started_at = instant("started_at", report.started_at)?;
    let facts = FinishFacts {
        key: run_key(report.run.as_deref(), report.index, started_at)?,
        hostname: hostname(report.hostname.clone()),
        started_at,
        finished_at: instant("finished_at", report.finished_at)?,
        sent_at: report.sent_at.map(|sent_at| instant("sent_at", sent_at)).transpose()?,
        exit_code: exit_code(report.exit_code)?,
        ending: report.ending.unwrap_or(false),
        free: None,
    };
    let key = match &facts.key {
        RunKey::Run { run, index } => format!("finish:{index}:{run}"),
        RunKey::StartedAt(at) => format!("finish@{}", at.micros()),
    };
    let job = report.uuid;
    // Each attempt to send has its own instant; the report is the same.
    let receipt = receipt(key, &FinishReport { sent_at: None, ending: None, ..report }, false)?;
    reply(supervisor.submit(job, Command::ReportFinish(facts), Some(receipt)).await?)
}

fn run_key(run: Option<&str>, index: Option<u32>, started_at: Timestamp) -> Result<RunKey, Problem> {
    match run {
        None => Ok(RunKey::StartedAt(started_at)),
        Some("") => {
            Err(Problem::invalid_field("run", "an empty text identifies no run; leave it out or send the task id"))
        }
        Some(run) if run.len() > RUN_LIMIT => {
            Err(Problem::invalid_field("run", format!("longer than {RUN_LIMIT} bytes; send the task id")))
        }
        Some(run) => Ok(RunKey::Run { run: run.to_owned(), index: index.unwrap_or(0) }),
    }
}

/// For people: cut, not refused.
pub(super) fn hostname(name: String) -> String {
    name.chars().take(HOSTNAME_LIMIT).collect()
}

pub(super) fn reply(answer: Answer) -> Result<Json<ReportReply>, Problem> {
    let mut reply = match answer.reply {
        Reply::Report(reply) => reply,
        Reply::Done => ReportReply { duplicate: None, ignored: None, next: Next::Exit },
        Reply::Registered { .. } => return Err(Problem::internal("a report was answered with a registration")),
    };
    if answer.repeated {
        reply.duplicate = Some(true);
    }
    Ok(Json(reply))
}
