//! For sites with the Monasca agent of the published experiments: its Docker plugin reads CPU time from
//! `/opt/mycgroup/cpuacct/<container id>/cpuacct.stat`, in ticks of a hundredth of a second.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cgroup::CpuTime;

/// One container's file. Removed when this is dropped. No job waits for it or ends for it: where it cannot be written, that is
/// said once, and tried again with each sample.
#[derive(Debug)]
pub struct MyCgroup {
    directory: PathBuf,
    failing: Cell<bool>,
}

impl MyCgroup {
    /// Touches nothing yet.
    pub fn new(base: &Path, container: &str) -> Self {
        MyCgroup { directory: base.join("cpuacct").join(container), failing: Cell::new(false) }
    }

    /// Writes the CPU time that the container has used: of this segment only, as the kernel's own counter does after a
    /// restore, so that whoever sums segments counts nothing twice.
    pub fn update(&self, time: CpuTime) {
        match (self.write(time), self.failing.get()) {
            (Err(error), false) => {
                self.failing.set(true);
                tracing::error!(
                    "SHELL_TRAP_MYCGROUP: {error:#}: the Docker plugin of the Monasca agent does not see this job's CPU \
                    time; the job runs on, and it is tried again with each sample"
                );
            }
            (Ok(()), true) => {
                self.failing.set(false);
                tracing::info!("SHELL_TRAP_MYCGROUP: {} is kept up to date again", self.directory.display());
            }
            (Err(_), true) | (Ok(()), false) => {}
        }
    }

    fn write(&self, time: CpuTime) -> Result<()> {
        let ticks = |time: std::time::Duration| time.as_millis() / 10;
        let text = format!("user {}\nsystem {}\n", ticks(time.user), ticks(time.total - time.user));
        // Each time: somebody may have emptied the place.
        fs::create_dir_all(&self.directory).with_context(|| self.directory.display().to_string())?;
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
        let compat = MyCgroup::new(base.path(), "ab");
        let time = CpuTime { total: Duration::from_millis(1239), user: Duration::from_millis(1005) };
        compat.update(time);
        let file = base.path().join("cpuacct/ab/cpuacct.stat");
        assert_eq!(fs::read_to_string(&file).unwrap(), "user 100\nsystem 23\n");
        drop(compat);
        assert!(!file.exists());
    }

    #[test]
    fn a_place_that_cannot_be_written_is_tried_again_each_time() {
        let base = tempfile::tempdir().unwrap();
        let place = base.path().join("mycgroup");
        fs::write(&place, "no directory").unwrap();
        let compat = MyCgroup::new(&place, "ab");
        let time = CpuTime { total: Duration::from_millis(20), user: Duration::from_millis(10) };
        compat.update(time);
        assert!(compat.failing.get());
        fs::remove_file(&place).unwrap();
        compat.update(time);
        assert!(!compat.failing.get() && place.join("cpuacct/ab/cpuacct.stat").exists());
        // Somebody has emptied it.
        fs::remove_dir_all(&place).unwrap();
        compat.update(time);
        assert!(!compat.failing.get() && place.join("cpuacct/ab/cpuacct.stat").exists());
    }
}
