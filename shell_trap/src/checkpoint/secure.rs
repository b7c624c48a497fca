//! Images hold the memory of processes, and who can write them can run code as root: only root may get at them.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// Checks that nobody but root can look into `directory`, or put another in its place.
///
/// # Errors
/// What is wrong with which directory, and the command that mends it.
pub fn check(directory: &Path) -> Result<()> {
    let real = fs::canonicalize(directory).with_context(|| format!("checkpoint directory {}", directory.display()))?;
    let metadata = fs::metadata(&real).with_context(|| real.display().to_string())?;
    ensure!(metadata.is_dir(), "{} is no directory", real.display());
    ensure!(metadata.uid() == 0, "{} belongs to user {}, not to root: chown root it", real.display(), metadata.uid());
    let mode = metadata.mode() & 0o7777;
    ensure!(mode & 0o077 == 0, "{} has mode {mode:o}, others than root can get at it: chmod 700 it", real.display());
    for above in real.ancestors().skip(1) {
        let metadata = fs::metadata(above).with_context(|| above.display().to_string())?;
        let (owner, mode) = (metadata.uid(), metadata.mode());
        ensure!(
            owner == 0,
            "{}, above the checkpoint directory, belongs to user {owner}, not to root",
            above.display()
        );
        // Where all may write, the sticky bit keeps them from exchanging what is root's.
        let replaceable = mode & 0o022 != 0 && mode & 0o1000 == 0;
        ensure!(!replaceable, "{}, above the checkpoint directory, is writable for others than root", above.display());
    }
    Ok(())
}

/// Makes a directory with mode 0700, or checks the one that is there.
///
/// # Errors
/// As [`check`], and when it cannot be made.
pub fn make(directory: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e).with_context(|| directory.display().to_string()),
        _ => {
            let link = fs::symlink_metadata(directory).is_ok_and(|m| m.is_symlink());
            ensure!(!link, "{} is a symbolic link", directory.display());
            check(directory)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn only_root_s_own_directory_is_accepted() {
        let base = tempfile::tempdir().unwrap();
        let directory = base.path().join("shared");
        make(&directory).unwrap();
        check(&directory).unwrap();
        for mode in [0o755, 0o770, 0o701] {
            fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
            let error = format!("{:#}", make(&directory).unwrap_err());
            assert!(error.contains("chmod 700") && error.contains(&format!("{mode:o}")), "{error}");
        }
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::chown(&directory, Some(1234), None).unwrap();
        assert!(format!("{:#}", check(&directory).unwrap_err()).contains("1234"));
    }

    #[test]
    fn a_replaceable_parent_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let parent = base.path().join("open");
        fs::create_dir(&parent).unwrap();
        make(&parent.join("shared")).unwrap();
        fs::set_permissions(&parent, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(format!("{:#}", check(&parent.join("shared")).unwrap_err()).contains("above"));
        fs::set_permissions(&parent, fs::Permissions::from_mode(0o1777)).unwrap();
        check(&parent.join("shared")).unwrap();
    }

    #[test]
    fn a_link_in_the_job_s_place_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let link = base.path().join("job");
        std::os::unix::fs::symlink("/root", &link).unwrap();
        assert!(make(&link).is_err());
    }
}
