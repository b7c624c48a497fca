//! `jobs/search`: which jobs a query finds.

use super::job::Job;

/// The parameters; absent and empty mean the same.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub struct Query {
    /// Part of the name, in any case.
    pub name: String,
    /// Part of the command, in any case.
    pub command: String,
    /// Rescues a job that `name` or `command` rejected; alone it filters nothing.
    pub any: String,
    /// At most so many (10 when absent): a wanted job may be cut off.
    pub limit: Option<i32>,
    /// After skipping so many.
    pub offset: Option<i32>,
}

impl Query {
    /// The jobs found, in their order.
    pub fn select<'a>(&self, jobs: impl Iterator<Item = &'a Job>) -> Vec<&'a Job> {
        let from = i64::from(self.offset.unwrap_or(0));
        let until = from + i64::from(self.limit.unwrap_or(10));
        let found = jobs.filter(|job| self.matches(job));
        (0_i64..).zip(found).filter(|(i, _)| (from..until).contains(i)).map(|(_, job)| job).collect()
    }

    fn matches(&self, job: &Job) -> bool {
        let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        let accepted = (self.name.is_empty() || has(&job.name, &self.name))
            && (self.command.is_empty() || has(&job.command, &self.command));
        accepted || (!self.any.is_empty() && (has(&job.name, &self.any) || has(&job.command, &self.any)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::chronos::decode::decode;
    use crate::local::chronos::version::ChronosVersion;
    use crate::qos::units::Timestamp;
    use serde_json::json;

    fn found(query: Query) -> Vec<String> {
        let names = (0..12).map(|i| (format!("job{i}"), "sleep 1")).chain([("other".into(), "echo Job3")]);
        let now = Timestamp::from_micros(0);
        let jobs: Vec<Job> = names
            .map(|(name, command)| {
                decode(&json!({"name": name, "command": command}), ChronosVersion::V2_4, now).unwrap()
            })
            .collect();
        query.select(jobs.iter()).into_iter().map(|job| job.name.clone()).collect()
    }

    #[test]
    fn a_search_finds_parts_of_names_in_any_case_and_at_most_ten() {
        assert_eq!(found(Query { name: "JOB1".into(), ..Query::default() }), ["job1", "job10", "job11"]);
        assert_eq!(found(Query::default()).len(), 10);
        assert_eq!(found(Query { limit: Some(1000), ..Query::default() }).len(), 13);
        assert_eq!(found(Query { limit: Some(2), offset: Some(11), ..Query::default() }), ["job11", "other"]);
        assert!(found(Query { name: "none".into(), ..Query::default() }).is_empty());
    }

    #[test]
    fn both_must_match_and_any_rescues() {
        let both = Query { name: "job".into(), command: "echo".into(), ..Query::default() };
        assert!(found(both).is_empty());
        let rescued = Query { name: "other".into(), any: "job3".into(), ..Query::default() };
        assert_eq!(found(rescued), ["job3", "other"]);
        assert_eq!(found(Query { any: "nothing".into(), ..Query::default() }).len(), 10);
    }
}
