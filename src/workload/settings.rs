//! How much work an iteration is on this machine.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use super::published::Times;

/// What a factorisation costs on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Thread CPU time of one factorisation, s of a real core.
    pub seconds_per_factorisation: f64,
    /// The order of the matrix that is really factorised; small, to stay in the caches.
    pub matrix_order: usize,
    /// How many threads shared the machine while it was measured.
    pub measured_under: usize,
}

/// A calibration and the speed of the experiment: the file behind `--calibration`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// All times are the published ones divided by this.
    pub speed: f64,
    /// What a factorisation costs here.
    #[serde(flatten)]
    pub calibration: Calibration,
}

impl Settings {
    /// Reads the file behind `--calibration`.
    ///
    /// # Errors
    /// When it cannot be read, or a number in it makes no sense.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("calibration file {}", path.display()))?;
        let settings: Settings =
            serde_json::from_slice(&text).with_context(|| format!("calibration file {}", path.display()))?;
        settings.check()?;
        Ok(settings)
    }

    /// Writes the file behind `--calibration`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(self).context("calibration")?;
        std::fs::write(path, text).with_context(|| format!("calibration file {}", path.display()))
    }

    /// Checks that the numbers describe a possible experiment.
    ///
    /// # Errors
    /// Names the number that does not.
    pub fn check(&self) -> anyhow::Result<()> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        ensure!(positive(self.speed), "speed {}: a number above 0 is wanted", self.speed);
        let Calibration { seconds_per_factorisation, matrix_order, .. } = self.calibration;
        ensure!(
            positive(seconds_per_factorisation),
            "seconds_per_factorisation {seconds_per_factorisation}: a number above 0 is wanted"
        );
        ensure!((1..=4096).contains(&matrix_order), "matrix_order {matrix_order}: a number from 1 to 4096 is wanted");
        Ok(())
    }

    /// The work of one iteration where a virtual CPU is `cpu_factor` real cores.
    pub fn work(&self, order: u32, cpu_factor: f64) -> Work {
        let times = Times::of_order(order);
        let core_seconds = times.one_cpu / self.speed * cpu_factor;
        // At least one for each thread, so that there is something to verify.
        let all = (core_seconds / self.calibration.seconds_per_factorisation).round().max(2.0);
        let parallel = (all * times.parallel_share()).round();
        Work { serial: (all - parallel) as u64, parallel: parallel as u64 }
    }
}

/// Numbers of factorisations; fixed before the start, whatever the machine then does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Done by the first thread alone.
    pub serial: u64,
    /// Divided between both threads.
    pub parallel: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_what_was_written() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let calibration = Calibration { seconds_per_factorisation: 4.2e-4, matrix_order: 96, measured_under: 12 };
        let settings = Settings { speed: 60.0, calibration };
        settings.write(file.path()).unwrap();
        assert_eq!(Settings::read(file.path()).unwrap(), settings);
        std::fs::write(file.path(), r#"{"speed":0,"seconds_per_factorisation":1,"matrix_order":9,"measured_under":1}"#)
            .unwrap();
        assert!(Settings::read(file.path()).unwrap_err().to_string().contains("speed"));
    }

    #[test]
    fn the_work_is_the_published_time_at_one_cpu() {
        let calibration = Calibration { seconds_per_factorisation: 1e-3, matrix_order: 96, measured_under: 12 };
        let work = Settings { speed: 60.0, calibration }.work(6000, 0.17);
        let core_seconds = 480.4 / 60.0 * 0.17;
        assert_eq!(work.serial + work.parallel, (core_seconds * 1e3f64).round() as u64);
        assert!((work.parallel as f64 / (work.serial + work.parallel) as f64 - 0.4921).abs() < 1e-3);
    }
}
