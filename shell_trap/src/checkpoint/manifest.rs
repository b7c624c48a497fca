//! What a generation consists of: written last, so that a generation with a manifest that agrees is whole.
//!
//! CRIU itself notices no zeroed page and spins for ever on a truncated one: nothing is restored unverified.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Name of the file.
pub const NAME: &str = "manifest.json";
/// A manifest lists some dozens of files with a hundred bytes each.
const LARGEST: u64 = 4 << 20;

/// One checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this format; 1.
    pub version: u32,
    /// The job's 32 hex digits.
    pub job: String,
    /// Which execution of the job.
    pub execution: String,
    /// Number of this generation.
    pub generation: u64,
    /// The segment that ended with it.
    pub segment: u64,
    /// CPU-seconds of the framework's CPUs that the state contains, over all segments before it.
    pub cpu_seconds: f64,
    /// Of the whole execution, in seconds since 1970.
    pub started_at: f64,
    /// Of the dump, in seconds since 1970.
    pub dumped_at: f64,
    /// The image's id on the node of the dump.
    pub image_id: String,
    /// Versions of node and tools at the dump, for the reader.
    pub tools: BTreeMap<String, String>,
    /// The files, by path relative to the generation's directory.
    pub files: BTreeMap<String, Stamp>,
}

/// What a file must be like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// In bytes.
    pub size: u64,
    /// In hex.
    pub sha256: String,
}

/// Stamps all files below `directory` and brings them to disk.
///
/// # Errors
/// When one cannot be read or synced.
pub fn stamp_all(directory: &Path) -> Result<BTreeMap<String, Stamp>> {
    let mut stamps = BTreeMap::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(current) = directories.pop() {
        for entry in fs::read_dir(&current).with_context(|| current.display().to_string())? {
            let path = entry?.path();
            let kind = fs::symlink_metadata(&path)?;
            if kind.is_dir() {
                directories.push(path);
            } else if kind.is_file() {
                let file = File::open(&path).with_context(|| path.display().to_string())?;
                let stamp = stamp(&file).with_context(|| path.display().to_string())?;
                file.sync_all().with_context(|| format!("syncing {}", path.display()))?;
                stamps.insert(relative(directory, &path)?, stamp);
            }
            // CRIU leaves links that name processes of the node of the dump; they are no part of the state.
        }
        File::open(&current)?.sync_all().with_context(|| format!("syncing {}", current.display()))?;
    }
    Ok(stamps)
}

fn relative(directory: &Path, path: &Path) -> Result<String> {
    let text = path.strip_prefix(directory).ok().and_then(Path::to_str);
    text.map(str::to_owned).with_context(|| format!("{} has no plain name", path.display()))
}

fn stamp(mut file: &File) -> io::Result<Stamp> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut size = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Stamp { size, sha256: hex::encode(digest.finalize()) }),
            n => {
                digest.update(&buffer[..n]);
                size += n as u64;
            }
        }
    }
}

/// The version that this agent writes and reads.
pub const VERSION: u32 = 1;

#[derive(Deserialize)]
struct Head {
    version: u32,
}

/// A checkpoint of an agent that is newer than this one: whole, and not to be read here.
#[derive(Debug)]
pub struct Newer {
    version: u32,
}

impl std::fmt::Display for Newer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a newer agent wrote this checkpoint (version {}, this one reads {VERSION})", self.version)
    }
}

impl std::error::Error for Newer {}

impl Manifest {
    /// Writes it to disk. The directory's entry is synced, too.
    ///
    /// # Errors
    /// When that fails.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let path = directory.join(NAME);
        let mut file = File::create_new(&path).with_context(|| path.display().to_string())?;
        let text = serde_json::to_vec_pretty(self).context("the manifest as JSON")?;
        file.write_all(&text).and_then(|()| file.sync_all()).with_context(|| path.display().to_string())?;
        File::open(directory)?.sync_all().with_context(|| directory.display().to_string())
    }

    /// Reads it, and checks that it belongs to `job` and `generation`.
    ///
    /// # Errors
    /// When it is missing, malformed or somebody else's.
    pub fn read(directory: &Path, job: &str, generation: u64) -> Result<Self> {
        let path = directory.join(NAME);
        let mut text = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(LARGEST).read_to_end(&mut text))
            .with_context(|| path.display().to_string())?;
        // Of a newer one nothing else is known.
        let Head { version } = serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
        if version > VERSION {
            bail!(Newer { version });
        }
        let manifest: Manifest = serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
        ensure!(manifest.version == VERSION, "{}: there is no version {}", path.display(), manifest.version);
        ensure!(manifest.job == job, "{}: belongs to job {}", path.display(), manifest.job);
        ensure!(manifest.generation == generation, "{}: belongs to generation {}", path.display(), manifest.generation);
        let number = manifest.cpu_seconds.is_finite() && manifest.cpu_seconds >= 0.0;
        ensure!(number, "{}: cpu_seconds is {}", path.display(), manifest.cpu_seconds);
        Ok(manifest)
    }

    /// Compares every file below `directory` with its stamp: sizes first, that is quick, then contents.
    ///
    /// # Errors
    /// The first file that is missing, cut, changed or too many.
    pub fn verify(&self, directory: &Path) -> Result<()> {
        ensure!(self.files.keys().any(|name| name.starts_with("img/")), "the manifest lists no image file");
        let open = |name: &str| -> Result<(PathBuf, File)> {
            let plain = Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
            ensure!(plain, "{name:?} is no name of a file in the generation");
            let path = directory.join(name);
            ensure!(
                fs::symlink_metadata(&path).with_context(|| path.display().to_string())?.is_file(),
                "{name} is no file"
            );
            let file = File::open(&path).with_context(|| path.display().to_string())?;
            Ok((path, file))
        };
        for (name, stamp) in &self.files {
            let size = open(name)?.1.metadata()?.len();
            ensure!(size == stamp.size, "{name} has {size} bytes, the manifest says {}", stamp.size);
        }
        for (name, expected) in &self.files {
            let (path, file) = open(name)?;
            let found = stamp(&file).with_context(|| path.display().to_string())?;
            if found != *expected {
                bail!(
                    "{name} has other contents than at the dump: sha256 {}, expected {}",
                    found.sha256,
                    expected.sha256
                );
            }
        }
        Ok(())
    }

    /// All files together, in bytes.
    pub fn size(&self) -> u64 {
        self.files.values().map(|stamp| stamp.size).sum()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small whole generation in `directory`.
    pub fn sample(directory: &Path, job: &str, generation: u64) -> Manifest {
        fs::create_dir_all(directory.join("img")).unwrap();
        fs::write(directory.join("img/pages-1.img"), vec![generation as u8 + 1; 10_000]).unwrap();
        fs::write(directory.join("img/inventory.img"), b"inventory").unwrap();
        fs::write(directory.join("rw.tar"), b"layer").unwrap();
        let manifest = Manifest {
            version: 1,
            job: job.into(),
            execution: "e".into(),
            generation,
            segment: generation,
            cpu_seconds: generation as f64,
            started_at: 1.0,
            dumped_at: 2.0,
            image_id: "sha256:0".into(),
            tools: BTreeMap::new(),
            files: stamp_all(directory).unwrap(),
        };
        manifest.write(directory).unwrap();
        manifest
    }

    fn refused(change: impl FnOnce(&Path)) -> String {
        let base = tempfile::tempdir().unwrap();
        sample(base.path(), "job", 1);
        change(base.path());
        let result = Manifest::read(base.path(), "job", 1).and_then(|m| m.verify(base.path()));
        format!("{:#}", result.unwrap_err())
    }

    #[test]
    fn what_was_stamped_verifies() {
        let base = tempfile::tempdir().unwrap();
        let manifest = sample(base.path(), "job", 1);
        assert_eq!(Manifest::read(base.path(), "job", 1).unwrap(), manifest);
        manifest.verify(base.path()).unwrap();
        assert_eq!(manifest.size(), 10_000 + 9 + 5);
    }

    #[test]
    fn every_damage_is_found_and_named() {
        let pages = "img/pages-1.img";
        let truncate = |p: &Path| File::options().write(true).open(p.join(pages)).unwrap().set_len(4096).unwrap();
        assert!(refused(truncate).contains("4096 bytes"));
        assert!(refused(|p| fs::write(p.join(pages), vec![0; 10_000]).unwrap()).contains("other contents"));
        assert!(refused(|p| fs::remove_file(p.join("rw.tar")).unwrap()).contains("rw.tar"));
        assert!(refused(|p| fs::remove_file(p.join(NAME)).unwrap()).contains(NAME));
        assert!(refused(|p| fs::write(p.join(NAME), "{").unwrap()).contains(NAME));
        let link = |p: &Path| {
            fs::rename(p.join(pages), p.join("elsewhere")).unwrap();
            std::os::unix::fs::symlink("../elsewhere", p.join(pages)).unwrap();
        };
        assert!(refused(link).contains("no file"));
        let escape = |p: &Path| {
            let text = fs::read_to_string(p.join(NAME)).unwrap().replace("img/inventory.img", "../../etc/passwd");
            fs::write(p.join(NAME), text).unwrap();
        };
        assert!(refused(escape).contains("no name of a file"));
    }

    #[test]
    fn what_a_newer_agent_wrote_is_not_taken_for_damaged() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join(NAME), r#"{"version": 2, "whatever": []}"#).unwrap();
        let error = Manifest::read(base.path(), "job", 1).unwrap_err();
        assert!(error.downcast_ref::<Newer>().is_some(), "{error:#}");
    }

    #[test]
    fn another_job_s_generation_is_refused() {
        let base = tempfile::tempdir().unwrap();
        sample(base.path(), "job", 1);
        assert!(format!("{:#}", Manifest::read(base.path(), "other", 1).unwrap_err()).contains("belongs to job"));
        assert!(format!("{:#}", Manifest::read(base.path(), "job", 2).unwrap_err()).contains("belongs to generation"));
    }
}
