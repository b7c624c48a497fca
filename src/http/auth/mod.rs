//! Which route asks for which token.
//!
//! | access | `required` | `legacy-callbacks` | `off` |
//! |---|---|---|---|
//! | [`Access::Public`] | anyone | anyone | anyone |
//! | [`Access::Register`] | operator | anyone | anyone |
//! | [`Access::Report`] | that job, operator | anyone | anyone |
//! | [`Access::Job`] | that job, operator | that job, operator | anyone |
//! | [`Access::Operator`] | operator | operator | anyone |
//! | [`Access::Scrape`] | scraper, operator | scraper, operator | anyone |
//!
//! Where anyone may come, a token that came along is still looked at: a right one is honoured, a wrong one on a route that
//! takes tokens is an error and not a visit by anyone.
//!
//! A browser's session ([`Sessions`]) opens what the operator token opens. It comes in a cookie, which the browser sends by itself: what
//! changes something must then come from a page of this very address (`Origin`). With mode `off` only our own names are answered ([`Hosts`]).

mod extract;
mod gate;
mod hosts;
mod session;

use crate::qos::ids::JobId;

pub use crate::config::AuthMode;
pub use extract::{AboutJob, Checked, OperatorAccess, PublicAccess, ScrapeAccess, is_foreign};
pub use gate::{AuthError, Gate};
pub use hosts::{Hosts, only_our_names};
pub use session::{HeldSession, SESSION_LASTS, SESSIONS_FILE, Sessions, cookie};

/// What a route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing; an operator may see more.
    Public,
    /// `/initTask`.
    Register,
    /// One of the published routes by which a job reports: this job's token.
    Report(JobId),
    /// A route of a job that the 2017 launcher does not know: this job's token.
    Job(JobId),
    /// The operator token.
    Operator,
    /// The scrape token.
    Scrape,
}

impl Access {
    /// Whether the 2017 launcher and its jobs use the route.
    const fn is_published(self) -> bool {
        matches!(self, Access::Register | Access::Report(_))
    }
}

/// Who a request was found to come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Nobody asked.
    Anyone,
    /// This job's container.
    Job(JobId),
    /// An operator; with authentication off, everybody.
    Operator,
    /// A metrics scraper.
    Scraper,
}
