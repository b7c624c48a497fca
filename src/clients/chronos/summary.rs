//! Which jobs are idle, queued or running, read for all jobs at once.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a job is doing, as Chronos sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobActivity {
    /// Neither queued nor running.
    Idle,
    /// A start waits for an offer.
    Queued,
    /// This many tasks run; more than one only with `concurrent`.
    Running(u32),
}

impl JobActivity {
    /// `idle`, `queued`, `running` (2.x) or `2 running` (3.x).
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text {
            "idle" => return Some(JobActivity::Idle),
            "queued" => return Some(JobActivity::Queued),
            "running" => return Some(JobActivity::Running(1)),
            _ => {}
        }
        let count = text.strip_suffix("running")?.trim().parse().ok()?;
        Some(if count == 0 { JobActivity::Idle } else { JobActivity::Running(count) })
    }
}

/// Reads `jobs/summary` (3.x).
pub fn from_json(body: &[u8]) -> Result<BTreeMap<String, JobActivity>, String> {
    let document: Value = serde_json::from_slice(body).map_err(|error| format!("not JSON: {error}"))?;
    let jobs = document.get("jobs").and_then(Value::as_array).ok_or("no array `jobs`")?;
    jobs.iter().map(entry).collect()
}

fn entry(job: &Value) -> Result<(String, JobActivity), String> {
    let name = job.get("name").and_then(Value::as_str).ok_or("a job without a name")?;
    // 3.0 fills `status` with the last outcome and `state` with the activity; the names suggest the opposite,
    // so both are looked at.
    ["state", "status"]
        .iter()
        .filter_map(|key| job.get(key).and_then(Value::as_str))
        .find_map(JobActivity::parse)
        .map(|activity| (name.to_owned(), activity))
        .ok_or_else(|| format!("job {name:?} is in no known state"))
}

/// Reads `graph/csv` (2.x): lines `node,NAME,LAST,STATE` and `link,PARENT,CHILD`.
pub fn from_csv(body: &[u8]) -> Result<BTreeMap<String, JobActivity>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "not UTF-8".to_owned())?;
    text.lines().filter_map(|line| line.strip_prefix("node,")).map(node).collect()
}

fn node(line: &str) -> Result<(String, JobActivity), String> {
    let mut fields = line.rsplitn(3, ',');
    let (Some(state), Some(_last), Some(name)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(format!("a line with too few fields: {line:?}"));
    };
    let activity = JobActivity::parse(state).ok_or_else(|| format!("job {name:?} is in no known state"))?;
    Ok((name.to_owned(), activity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_found_under_its_swapped_name() {
        let body = br#"{"jobs":[{"name":"a","status":"success","state":"idle"},{"name":"b","status":"fresh","state":"1 running"},
            {"name":"c","status":"queued","state":"failure"}]}"#;
        let jobs = from_json(body).unwrap();
        assert_eq!(jobs["a"], JobActivity::Idle);
        assert_eq!(jobs["b"], JobActivity::Running(1));
        assert_eq!(jobs["c"], JobActivity::Queued);
    }

    #[test]
    fn the_graph_of_2_x_is_read() {
        let jobs = from_csv(b"node,a b,success,idle\nnode,b,fresh,running\nlink,a b,b\n").unwrap();
        assert_eq!(jobs["a b"], JobActivity::Idle);
        assert_eq!(jobs["b"], JobActivity::Running(1));
        assert!(from_csv(b"").unwrap().is_empty());
    }

    #[test]
    fn an_unknown_state_is_an_error_and_not_idle() {
        assert!(from_csv(b"node,a,success,dancing\n").is_err());
        assert!(from_json(br#"{"jobs":[{"name":"a","state":"dancing"}]}"#).is_err());
        assert!(from_json(b"<html>").is_err());
    }
}
