//! The demo's image, made of this machine's own files: no registry is needed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::{ExecutorError, host_or_usual};

/// Programs that a job's command may use, beside those that a shell has built in; looked for in these directories.
const PROGRAMS: [&str; 21] = [
    "cat", "chmod", "cp", "curl", "cut", "date", "env", "expr", "grep", "head", "hostname", "ls", "mkdir", "mktemp",
    "mv", "od", "rm", "sed", "sleep", "tr", "uname",
];
const DIRECTORIES: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
/// Where the image holds this program.
pub const PROGRAM_IN_IMAGE: &str = "/usr/local/bin/mesos-qos";
/// The label that tells what an image was made of.
const LABEL: &str = "mesos-qos.made-of";

/// Makes the image `name` of a shell, the usual small programs, curl, and `program` as [`PROGRAM_IN_IMAGE`]. An image
/// that was made of the same program is kept. `work_dir` holds a copy of the files meanwhile.
///
/// # Errors
/// When a program is missing here, or Docker refuses the image.
pub async fn build_demo_image(
    host: Option<&str>,
    name: &str,
    program: &Path,
    work_dir: &Path,
) -> Result<(), ExecutorError> {
    let host = host_or_usual(host);
    let made_of = fingerprint(program)?;
    let wanted = format!("{{{{index .Config.Labels {LABEL:?}}}}}");
    let present = docker(&host).args(["image", "inspect", "--format", &wanted, name]).output().await;
    if present.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == made_of) {
        return Ok(());
    }
    let root = work_dir.join(format!("image-{}", uuid::Uuid::new_v4().simple()));
    let stage = Stage { root };
    stage.fill(program).await?;
    stage.import(&host, name, &made_of).await
}

/// Size and time of change: reading a large program takes longer than making the image.
fn fingerprint(program: &Path) -> Result<String, ExecutorError> {
    use std::os::unix::fs::MetadataExt as _;
    let data = fs::metadata(program).map_err(|e| about(program, e))?;
    Ok(format!("{}-{}-{}.{}", env!("CARGO_PKG_VERSION"), data.size(), data.mtime(), data.mtime_nsec()))
}

/// The image's files before it is one; removed when dropped.
struct Stage {
    root: PathBuf,
}

impl Stage {
    async fn fill(&self, program: &Path) -> Result<(), ExecutorError> {
        for directory in ["etc", "proc", "sys", "dev", "tmp", "root", "mnt/mesos/sandbox"] {
            let path = self.root.join(directory);
            fs::create_dir_all(&path).map_err(|e| about(&path, e))?;
        }
        self.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")?;
        self.write("etc/group", "root:x:0:\n")?;
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")?;
        let mut sources = vec![PathBuf::from("/bin/sh")];
        for name in PROGRAMS {
            let found = DIRECTORIES.iter().map(|directory| Path::new(directory).join(name)).find(|path| path.exists());
            sources.push(
                found.ok_or_else(|| ExecutorError(format!("{name} is not installed: the demo's image needs it")))?,
            );
        }
        let mut libraries = BTreeSet::new();
        for source in sources.iter().map(PathBuf::as_path).chain([program]) {
            libraries.extend(libraries_of(source).await?);
        }
        for source in sources.iter().chain(&libraries) {
            self.copy(source, source)?;
        }
        // Scripts name them in either place; the image has no links between the two.
        for source in &sources {
            if let Some(name) = source.file_name() {
                self.copy(source, &Path::new("/bin").join(name))?;
                self.copy(source, &Path::new("/usr/bin").join(name))?;
            }
        }
        self.copy(program, Path::new(PROGRAM_IN_IMAGE))
    }

    async fn import(&self, host: &str, name: &str, made_of: &str) -> Result<(), ExecutorError> {
        let failed = |e: &dyn std::fmt::Display| ExecutorError(format!("making the image {name}: {e}"));
        let mut archive = Command::new("tar");
        archive.args(["--numeric-owner", "--owner=0", "--group=0", "-cf", "-", "-C"]).arg(&self.root).arg(".");
        let mut archive =
            archive.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().map_err(|e| failed(&e))?;
        let stream = archive.stdout.take().ok_or_else(|| failed(&"tar has no output"))?;
        let stream: Stdio = stream.try_into().map_err(|e: std::io::Error| failed(&e))?;
        let mut import = docker(host);
        import.args(["import", "--change", "ENV PATH=/usr/local/bin:/usr/bin:/bin", "--change"]);
        import.args([&format!("LABEL {LABEL}={made_of}"), "-", name]);
        let output = import.stdin(stream).output().await.map_err(|e| failed(&e))?;
        let archived = archive.wait().await.map_err(|e| failed(&e))?;
        if !output.status.success() || !archived.success() {
            return Err(failed(&String::from_utf8_lossy(&output.stderr).trim()));
        }
        Ok(())
    }

    fn write(&self, path: &str, text: &str) -> Result<(), ExecutorError> {
        let path = self.root.join(path);
        fs::write(&path, text).map_err(|e| about(&path, e))
    }

    /// Copies the file behind `source`, with its permissions, to `target` in the image.
    fn copy(&self, source: &Path, target: &Path) -> Result<(), ExecutorError> {
        let target = self.root.join(target.strip_prefix("/").unwrap_or(target));
        if let Some(directory) = target.parent() {
            fs::create_dir_all(directory).map_err(|e| about(directory, e))?;
        }
        fs::copy(source, &target).map(drop).map_err(|e| about(source, e))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// The shared libraries that `program` is loaded with, as the dynamic linker finds them; none for a static one.
async fn libraries_of(program: &Path) -> Result<Vec<PathBuf>, ExecutorError> {
    let output = Command::new("ldd").arg(program).output().await.map_err(|e| about(Path::new("ldd"), e))?;
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    if let Some(line) = listed.lines().find(|line| line.contains("not found")) {
        return Err(about(program, format_args!("a library is missing: {}", line.trim())));
    }
    let paths = listed.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    Ok(paths.map(|path| PathBuf::from(path.trim_end_matches(':'))).collect())
}

fn docker(host: &str) -> Command {
    let mut command = Command::new("docker");
    command.args(["--host", host]).stdin(Stdio::null()).process_group(0).kill_on_drop(true);
    command
}

fn about(path: &Path, error: impl std::fmt::Display) -> ExecutorError {
    ExecutorError(format!("{}: {error}", path.display()))
}
