//! `R4//PT5M` and its kind: how often, from when, how far apart.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use serde_json::{Map, Value};

use super::findings::Findings;
use crate::qos::units::Timestamp;

/// The schedule that every supervised job is submitted with.
///
/// It repeats for ever, so that Chronos never runs out of repetitions and drops a forced start; it begins so far
/// ahead that neither the submission nor a tick of Chronos ever starts the job: each run, the first too, comes from
/// a recorded start by the supervisor. The long period keeps ticks apart should the year ever be reached.
pub const PARKED: &str = "R/2099-01-01T00:00:00Z/P1Y";

/// More repetitions than this in one job are taken for a mistake.
const MOST_ITERATIONS: u32 = 1_000_000;

/// What the author's schedule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// How many iterations.
    pub iterations: u32,
    /// When the first may begin; absent means at once.
    pub start_at: Option<Timestamp>,
}

/// Reads `schedule` (and `scheduleTimeZone`) of a job; `None` when there are errors.
pub fn read(job: &Map<String, Value>, now: Timestamp, findings: &mut Findings) -> Option<Schedule> {
    let Some(text) = job.get("schedule").and_then(Value::as_str) else {
        findings.error("schedule", "missing: write how many iterations there are, for instance \"R4//PT5M\"");
        return None;
    };
    let parts: Vec<&str> = text.trim().split('/').collect();
    let [repetitions, start, period] = parts[..] else {
        findings.error("schedule", format!("{text:?} should have three parts, such as \"R4//PT5M\""));
        return None;
    };
    let iterations = iterations(repetitions).map_err(|problem| findings.error("schedule", problem)).ok();
    let period = check_period(period).map_err(|problem| findings.error("schedule", problem)).ok();
    let start_at = match start.trim() {
        "" => Ok(None),
        start => start_at(start, job.get("scheduleTimeZone").and_then(Value::as_str), now, findings),
    };
    let start_at = start_at.map_err(|problem| findings.error("schedule", problem)).ok();
    period?;
    Some(Schedule { iterations: iterations?, start_at: start_at? })
}

fn iterations(text: &str) -> Result<u32, String> {
    let Some(count) = text.strip_prefix('R') else {
        return Err(format!("the first part should be R and a number, such as R4, found {text:?}"));
    };
    if count.is_empty() {
        return Err("R without a number never ends, and what never ends has no deadline: write the number of \
                    iterations, such as R4"
            .into());
    }
    match count.parse() {
        Ok(0) => Err("R0 never runs: write the number of iterations, such as R4".into()),
        Ok(count) if count <= MOST_ITERATIONS => Ok(count),
        _ => Err(format!("{text:?} should be R and a number from 1 to {MOST_ITERATIONS}")),
    }
}

fn check_period(text: &str) -> Result<(), String> {
    // The library reads "5 min" too; Chronos does not.
    let valid = text.starts_with('P') && text.parse::<jiff::Span>().is_ok_and(|span| !span.is_negative());
    if valid { Ok(()) } else { Err(format!("the last part should be an ISO 8601 period such as PT5M, found {text:?}")) }
}

fn start_at(
    text: &str,
    zone: Option<&str>,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<Option<Timestamp>, String> {
    if zone.is_some_and(|zone| !matches!(zone, "" | "UTC" | "GMT" | "Z" | "Etc/UTC")) {
        return Err(format!(
            "scheduleTimeZone {:?} moves the start {text:?}: write the start in UTC, ending in Z, and leave \
             scheduleTimeZone out",
            zone.unwrap_or_default()
        ));
    }
    let (at, zoned) = parse_instant(text)
        .ok_or_else(|| format!("the start should be an instant such as 2027-01-01T00:00:00Z, found {text:?}"))?;
    if !zoned {
        findings.warn("schedule", format!("the start {text:?} names no time zone and is taken as UTC"));
    }
    if at <= now {
        findings.warn("schedule", format!("the start {text:?} is past: the job may start at once"));
        return Ok(None);
    }
    Ok(Some(at))
}

/// The instant, and whether its zone was written.
fn parse_instant(text: &str) -> Option<(Timestamp, bool)> {
    let text = text.trim();
    // Chronos takes instants without seconds too.
    let zoned = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(&text.replace('Z', "+00:00"), "%Y-%m-%dT%H:%M%:z"));
    if let Ok(at) = zoned {
        return Some((Timestamp::from_micros(at.timestamp_micros()), true));
    }
    let plain = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"))
        .or_else(|_| NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN)));
    plain.ok().map(|at| (Timestamp::from_micros(at.and_utc().timestamp_micros()), false))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_text(schedule: &str) -> (Option<Schedule>, Findings) {
        let job = json!({ "schedule": schedule });
        let mut findings = Findings::default();
        let now = Timestamp::from_micros(1_790_000_000_000_000); // 2026-09-21
        let schedule = read(job.as_object().unwrap(), now, &mut findings);
        (schedule, findings)
    }

    #[test]
    fn the_repetitions_are_the_iterations() {
        let (schedule, findings) = read_text("R4//PT5M");
        assert_eq!(schedule, Some(Schedule { iterations: 4, start_at: None }));
        assert_eq!(findings, Findings::default());
    }

    #[test]
    fn a_future_start_is_kept_and_a_past_one_is_said() {
        let (schedule, findings) = read_text("R4/2027-01-01T00:00:00Z/PT5M");
        assert_eq!(schedule.unwrap().start_at.map(Timestamp::micros), Some(1_798_761_600_000_000));
        assert_eq!(findings, Findings::default());
        for past in ["2014-01-01T00:00:00.000Z", "2014-01-01T00:00Z", "2014-01-01T02:00:00+02:00"] {
            let (schedule, findings) = read_text(&format!("R4/{past}/PT5M"));
            assert_eq!(schedule.unwrap().start_at, None);
            assert!(findings.warnings[0].message.contains("past"), "{past}");
        }
        let (_, findings) = read_text("R4/2027-01-01/PT5M");
        assert!(findings.warnings[0].message.contains("UTC"));
    }

    #[test]
    fn what_never_ends_or_never_runs_is_refused_by_name() {
        for (text, word) in [
            ("R//PT5M", "never ends"),
            ("R0//PT5M", "never runs"),
            ("4//PT5M", "R and a number"),
            ("R-1//PT5M", "R and a number"),
            ("R99999999999//PT5M", "R and a number"),
            ("R4/PT5M", "three parts"),
            ("R4//5 min", "ISO 8601"),
            ("R4//", "ISO 8601"),
            ("R4/yesterday/PT5M", "instant"),
        ] {
            let (schedule, findings) = read_text(text);
            assert_eq!(schedule, None, "{text}");
            assert_eq!(findings.errors[0].field, "schedule");
            assert!(findings.errors[0].message.contains(word), "{text}: {:?}", findings.errors);
        }
    }

    #[test]
    fn a_time_zone_of_its_own_is_refused_with_the_fix() {
        let job = json!({"schedule": "R4/2027-01-01T00:00:00Z/PT5M", "scheduleTimeZone": "Europe/Madrid"});
        let mut findings = Findings::default();
        assert_eq!(read(job.as_object().unwrap(), Timestamp::from_micros(0), &mut findings), None);
        assert!(findings.errors[0].message.contains("in UTC"));
    }
}
