//! Files that only their owner may read.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secrecy::zeroize::Zeroizing;

use super::TokenError;

/// Secrets are short; whatever is longer is another file.
const LONGEST: u64 = 4096;

/// Which permission bits a file with a secret must not have.
#[derive(Debug, Clone, Copy)]
pub enum Privacy {
    /// Nobody but the owner: files that the supervisor makes itself.
    Owner,
    /// The group may read: files that somebody provides, as container platforms do for their services.
    Group,
}

/// The content of `path`.
///
/// # Errors
/// When it cannot be read, or others can read it too.
pub fn read(path: &Path, privacy: Privacy) -> Result<Zeroizing<Vec<u8>>, TokenError> {
    let failed = |source| TokenError::Io { action: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    // Of the open file, not of the path: the check and the read are about the same file.
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    let (forbidden, consequence, right) = match privacy {
        Privacy::Owner => (0o077, "others than its owner may use it", 0o600),
        Privacy::Group => (0o007, "every user of this machine may use it", 0o640),
    };
    if mode & forbidden != 0 {
        return Err(TokenError::Readable { path: path.to_owned(), mode, consequence, right });
    }
    let mut content = Zeroizing::new(Vec::new());
    file.take(LONGEST).read_to_end(&mut content).map_err(failed)?;
    Ok(content)
}

/// Makes `path` with `content` unless it is there already: complete on disk or not at all, mode 0600.
///
/// # Errors
/// When it cannot be written.
pub fn create_if_absent(path: &Path, content: &[u8]) -> Result<bool, TokenError> {
    let failed = |source| TokenError::Io { action: "create", path: path.to_owned(), source };
    if path.try_exists().map_err(failed)? {
        return Ok(false);
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new()
        .prefix(".secret")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(directory)
        .map_err(failed)?;
    temporary.write_all(content).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    match temporary.persist_noclobber(path) {
        Ok(_) => File::open(directory).and_then(|directory| directory.sync_all()).map(|()| true).map_err(failed),
        // Somebody was faster; theirs is as good.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(error.error)),
    }
}
