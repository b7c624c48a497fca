//! `/api/v1/session`: how a browser logs in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::Instant;

/// The body of `POST /api/v1/session`.
#[derive(Clone, Deserialize, ToSchema)]
pub struct LoginRequest {
    /// The operator token.
    pub token: String,
}

impl std::fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoginRequest(..)")
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// May read and change everything.
    pub operator: bool,
    /// False where the supervisor asks nobody for a token.
    pub login_required: bool,
    /// When the session of this browser ends; null without one.
    pub ends_at: Option<Instant>,
    /// For operators, the last event in the log. Who reads anything now, and then has events streamed `after` this one, misses none.
    pub seq: Option<i64>,
    /// The supervisor's time.
    pub now: Instant,
    /// The supervisor's version.
    pub version: String,
}
