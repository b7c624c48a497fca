//! What lists are narrowed by, how much of them is asked for, and from where.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::api::view::{Instant, JobState};
use crate::events::store::{EventFilter, JobFilter, MarginPlace, NoPlace};
use crate::http::problem::Problem;
use crate::qos::ids::Framework;

/// Items on a page when nobody says.
const LIMIT: usize = 100;

/// Items on a page at most.
const LIMIT_MAX: usize = 1000;

/// Kinds of events in one question.
const KINDS_MAX: usize = 50;

/// The longest text that is looked for.
const SEARCH_MAX: usize = 200;

/// Which end of a list comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(rename_all = "lowercase")]
pub enum Order {
    /// The oldest first.
    #[default]
    Asc,
    /// The newest first.
    Desc,
}

/// By what jobs are ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(rename_all = "lowercase")]
pub enum Sort {
    /// Their registration.
    #[default]
    Registered,
    /// How long before their deadline they have ended, or are expected to.
    Margin,
    /// Their name, without regard to capitals; of the same name the first registration first.
    Name,
}

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Only jobs in this state.
    #[param(inline)]
    state: Option<JobState>,
    /// Only jobs of this framework.
    #[param(inline)]
    framework: Option<Framework>,
    /// Only jobs that are supervised (true), or only those that are over and gone from their framework (false).
    active: Option<bool>,
    /// Only jobs whose name contains this text, or whose uuid begins with it.
    #[param(max_length = 200)]
    search: Option<String>,
    /// By what they are ordered: their registration, their margin, or their name.
    #[serde(default)]
    #[param(inline, required = false)]
    sort: Sort,
    /// `desc`: the newest registration first, the largest margin, or the last name; `asc`: the oldest, the job that is latest, or the first name.
    #[serde(default)]
    #[param(inline, required = false)]
    order: Order,
    /// So many at most; 100 when it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before, in the same order.
    #[param(pattern = "^([0-9]{1,18}|(none|-?[0-9]{1,18})\\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
    after: Option<String>,
}

/// Which events of a job.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Only events of these kinds, with commas between them, such as `Decided,RescaleApplied`.
    #[param(pattern = "^[A-Za-z]{1,40}(,[A-Za-z]{1,40}){0,49}$")]
    kind: Option<String>,
    /// Only events recorded at this instant or later.
    since: Option<Instant>,
    /// Only events recorded before this instant.
    until: Option<Instant>,
    /// `desc`: the newest first.
    #[serde(default)]
    #[param(inline, required = false)]
    order: Order,
    /// So many at most; 100 when it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    #[param(pattern = "^[0-9]{1,18}$")]
    after: Option<String>,
}

impl ListQuery {
    /// The jobs that are asked for.
    pub fn filter(&self) -> Result<JobFilter, Problem> {
        let search = self.search.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        if search.as_ref().is_some_and(|text| text.chars().count() > SEARCH_MAX) {
            return Err(Problem::invalid_field("search", format!("is longer than {SEARCH_MAX} characters")));
        }
        Ok(JobFilter {
            state: self.state.map(|state| state.as_str().to_owned()),
            framework: self.framework,
            active: self.active,
            search,
            by_name: self.sort == Sort::Name,
            newest_first: self.order == Order::Desc,
        })
    }

    /// How many.
    pub fn limit(&self) -> Result<usize, Problem> {
        limit(self.limit)
    }

    /// By what they are ordered.
    pub fn sort(&self) -> Sort {
        self.sort
    }

    /// Beyond which place, in the order of registration or of names.
    pub fn after(&self) -> Result<Option<i64>, Problem> {
        self.after.as_deref().map(cursor).transpose()
    }

    /// Beyond which place, in the order of margins.
    pub fn after_margin(&self) -> Result<Option<MarginPlace>, Problem> {
        let wrong = |_: NoPlace| Problem::invalid_field("after", "is not the `next` of a page with sort=margin");
        self.after.as_deref().map(str::parse).transpose().map_err(wrong)
    }
}

impl EventQuery {
    /// The events that are asked for.
    pub fn filter(&self) -> Result<EventFilter, Problem> {
        let kinds: Vec<String> = self.kind.iter().flat_map(|kinds| kinds.split(',')).map(str::to_owned).collect();
        let is_a_name = |kind: &String| (1..=40).contains(&kind.len()) && kind.bytes().all(|b| b.is_ascii_alphabetic());
        if kinds.len() > KINDS_MAX || !kinds.iter().all(is_a_name) {
            let right =
                format!("names of events, at most {KINDS_MAX}, with commas between them, such as Decided,Rescaled");
            return Err(Problem::invalid_field("kind", format!("is not what is right: {right}")));
        }
        Ok(EventFilter {
            kinds,
            since: self.since.map(|since| since.0),
            until: self.until.map(|until| until.0),
            newest_first: self.order == Order::Desc,
            after: self.after.as_deref().map(cursor).transpose()?.map(i64::unsigned_abs),
        })
    }

    /// How many.
    pub fn limit(&self) -> Result<usize, Problem> {
        limit(self.limit)
    }
}

fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    match asked {
        None => Ok(LIMIT),
        Some(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
        Some(limit) => Err(Problem::invalid_field("limit", format!("{limit} is not from 1 to {LIMIT_MAX}"))),
    }
}

fn cursor(text: &str) -> Result<i64, Problem> {
    let digits = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| Problem::invalid_field("after", "is not the `next` of a page"))
}
