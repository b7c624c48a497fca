//! Small files that are there as a whole or not at all.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Replaces the file as a whole; on disk when this returns.
///
/// # Errors
/// When it cannot be written; what stood there stays.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let draft = path.with_extension("draft");
    let written = (|| -> Result<()> {
        let mut file = File::create(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        Ok(File::open(path.parent().context("no parent")?)?.sync_all()?)
    })();
    written.with_context(|| path.display().to_string())
}

/// Reads the file; `None` when there is none.
///
/// # Errors
/// When it cannot be read: that says nothing about whether it is there.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Is an operation's failure one of the file system, and not of what was found in it?
pub fn is_io(error: &anyhow::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
    let io = |cause: &(dyn std::error::Error + 'static)| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| !matches!(error.kind(), InvalidData | NotFound | UnexpectedEof))
    };
    error.chain().any(io)
}

/// Did an operation fail because there is no space left?
pub fn is_full(error: &anyhow::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    let full = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| matches!(error.kind(), QuotaExceeded | StorageFull))
    };
    error.chain().any(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_none_and_an_unreadable_one_an_error() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("a");
        assert_eq!(read(&path).unwrap(), None);
        replace(&path, b"x").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some(&b"x"[..]));
        // A directory stands for a file server that answers with an error.
        assert!(is_io(&read(base.path()).unwrap_err()));
        assert!(replace(&base.path().join("no/such"), b"").is_err());
    }
}
