//! For sites with the Monasca agent of the published experiments: its Docker plugin reads CPU time from
//! `/opt/mycgroup/cpuacct/<container id>/cpuacct.stat`, in ticks of a hundredth of a second.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cgroup::CpuTime;

/// One container's file. Removed when this is dropped.
#[derive(Debug)]
pub struct MyCgroup {
    directory: PathBuf,
}

impl MyCgroup {
    /// Makes the directory.
    ///
    /// # Errors
    /// When that fails.
    pub fn new(base: &Path, container: &str) -> Result<Self> {
        let directory = base.join("cpuacct").join(container);
        fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
        Ok(MyCgroup { directory })
    }

    /// Writes the CPU time that the container has used: of this segment only, as the kernel's own counter does after a
    /// restore, so that whoever sums segments counts nothing twice.
    ///
    /// # Errors
    /// When that fails.
    pub fn update(&self, time: CpuTime) -> Result<()> {
        let ticks = |time: std::time::Duration| time.as_millis() / 10;
        let text = format!("user {}\nsystem {}\n", ticks(time.user), ticks(time.total - time.user));
        // The plugin may read at any moment.
        let (draft, file) = (self.directory.join(".cpuacct.stat"), self.directory.join("cpuacct.stat"));
        fs::write(&draft, text).and_then(|()| fs::rename(&draft, &file)).with_context(|| file.display().to_string())
    }
}

/// Removes what an agent that was killed left of a container that is gone.
pub fn forget(base: &Path, container: &str) {
    let _ = fs::remove_dir_all(base.join("cpuacct").join(container));
}

impl Drop for MyCgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_file_has_the_kernel_s_form_and_goes_with_the_container() {
        let base = tempfile::tempdir().unwrap();
        let compat = MyCgroup::new(base.path(), "ab").unwrap();
        let time = CpuTime { total: Duration::from_millis(1239), user: Duration::from_millis(1005) };
        compat.update(time).unwrap();
        let file = base.path().join("cpuacct/ab/cpuacct.stat");
        assert_eq!(fs::read_to_string(&file).unwrap(), "user 100\nsystem 23\n");
        drop(compat);
        assert!(!file.exists());
    }
}
