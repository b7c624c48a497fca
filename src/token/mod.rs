//! The secrets that open the supervisor's routes.
//!
//! - [`CallbackKey`]: 32 random bytes in the data directory. From it the token of every job is derived anew each time it is
//!   needed, so that no job token is stored anywhere.
//! - [`WebhookSecret`]: signs what a webhook is told.
//! - [`StoredToken`]: the operator's token, and the scrape token, as they stand in a file. Only a digest is kept in memory.
//! - [`authorization`]: what is sent to others, as it stands in a file.

mod error;
mod header;
mod key;
mod secret_file;
mod stored;
mod webhook;

pub use error::TokenError;
pub use header::authorization;
pub use key::{CallbackKey, JobToken, KEY_FILE};
pub use stored::{OPERATOR_TOKEN_FILE, StoredToken};
pub use webhook::{WEBHOOK_SECRET_FILE, WebhookSecret};
