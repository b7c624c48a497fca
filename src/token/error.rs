//! What can be wrong with a file that holds a secret.

use std::io;
use std::path::PathBuf;

/// A file with a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Reading or writing failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `read` or `create`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else could have read it.
    #[error("{} has mode {mode:04o}: {consequence}; run `chmod {right:04o}` on it after making sure that nobody has read it", path.display())]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Who can read it.
        consequence: &'static str,
        /// What they should be.
        right: u32,
    },
    /// The content is no such secret.
    #[error("{} does not hold {expected}, found {found}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// What is wrong, without the content itself.
        found: String,
    },
}
