//! Parameters of requests.

use actix_web::{HttpRequest, web};

use crate::local::marathon::core::Embed;

/// The parameters behind the question mark; a name may come more than once.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub fn of(request: &HttpRequest) -> Query {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        Query(pairs.map(web::Query::into_inner).unwrap_or_default())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// As Java reads it: `true` in any case is true, all else is false.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.get(name).map_or(default, |value| value.eq_ignore_ascii_case("true"))
    }

    /// What is to be embedded beside `always`. Unknown words are ignored.
    pub fn embed(&self, always: Embed) -> Embed {
        let mut embed = always;
        for word in self.all("embed") {
            let word = word.strip_prefix("apps.").or_else(|| word.strip_prefix("app.")).unwrap_or(word);
            match word {
                "tasks" => embed.tasks = true,
                "counts" => embed.counts = true,
                "deployments" => embed.deployments = true,
                "readiness" => embed.readiness = true,
                "lastTaskFailure" => embed.last_task_failure = true,
                // An old word for everything.
                "failures" => {
                    embed.tasks = true;
                    embed.last_task_failure = true;
                }
                "taskStats" => embed.task_stats = true,
                _ => {}
            }
        }
        embed
    }
}
