//! `mesos-qos log`: verify, export, import or back up an event log, all but the import also while a supervisor writes it.

mod compact;
mod import;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::events::chain::EventHash;
use crate::events::envelope::StreamId;
use crate::events::source::LogSource;
use crate::events::store::{OfflineLog, ReadError, Replay, VerifyReport, archive_faults, integrity, verify};
use crate::qos::ids::JobId;

/// Work on an event log
#[derive(Debug, Args)]
pub struct LogArgs {
    #[command(subcommand)]
    command: LogCommand,
}

#[derive(Debug, Subcommand)]
enum LogCommand {
    /// Check the hash chain from the first event to the last, and the rest of the file by SQLite's own check
    ///
    /// Exit code 1: something is wrong. Exit code 3: the chain is whole, and an archive of compacted jobs is missing or was changed.
    Verify {
        #[command(flatten)]
        log: LogFile,
        /// A head noted earlier, which the log must contain: shows what was cut off at the end
        #[arg(long, value_name = "HASH")]
        expect_head: Option<EventHash>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Print the events as JSON, one a line
    Export {
        #[command(flatten)]
        log: LogFile,
        /// Only this job's events
        #[arg(long, value_name = "UUID")]
        job: Option<JobId>,
    },
    /// Make a new database of exported events: the same bytes with the same hashes; refused when their chain does not verify
    Import {
        /// The new database
        #[arg(long = "log", value_name = "DB")]
        to: PathBuf,
        /// What `mesos-qos log export` has written, of all jobs
        #[arg(long, value_name = "JSONL")]
        from: PathBuf,
    },
    /// Move the data of jobs that are long over into files beside the log; no event is deleted. Not while a supervisor runs
    Compact {
        #[command(flatten)]
        log: LogFile,
        /// Jobs that were over so long ago
        #[arg(long, value_name = "TIME", default_value = "30d", value_parser = humantime::parse_duration)]
        older_than: Duration,
    },
    /// Write a consistent copy to a new file and verify it; archives of compacted jobs are copied to `archive` beside it
    Backup {
        #[command(flatten)]
        log: LogFile,
        /// The new file
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

#[derive(Debug, Args)]
struct LogFile {
    /// The event log: events.db in the supervisor's data directory
    #[arg(long = "log", value_name = "DB")]
    path: PathBuf,
}

/// The exit code of a verification that finds the chain whole, and an archive missing or changed; and of a backup that lacks one.
const NO_ARCHIVE: u8 = 3;

/// Runs `mesos-qos log`; what it prints goes to `out`.
///
/// # Errors
/// When the log cannot be read, is not whole, or the backup cannot be written.
pub fn run(args: LogArgs, out: impl Write) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(out);
    let mut code = ExitCode::SUCCESS;
    let done = match args.command {
        LogCommand::Verify { log, expect_head, json } => {
            run_verify(&log, expect_head, json, &mut out).map(|found| code = found)
        }
        LogCommand::Export { log, job } => run_export(&log, job, &mut out),
        LogCommand::Compact { log, older_than } => compact::run(&log.path, older_than, &mut out),
        LogCommand::Import { to, from } => run_import(&from, &to, &mut out),
        LogCommand::Backup { log, to } => run_backup(&log, &to, &mut out).map(|found| code = found),
    };
    match done.and_then(|()| Ok(out.flush()?)) {
        // `| head` has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(code),
        done => done.map(|()| code),
    }
}

fn run_verify(log: &LogFile, expect: Option<EventHash>, json: bool, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let source = LogSource::open(&log.path)?;
    let report = source.verify(expect)?;
    let file_faults = match &source {
        LogSource::Database(path) => integrity(path)?,
        LogSource::Lines(_) => vec![],
    };
    let archives = match &source {
        LogSource::Database(path) => archive_faults(path)?,
        LogSource::Lines(_) => vec![],
    };
    if json {
        let archive_faults = archives.iter().map(|(path, problem)| format!("{} {problem}", path.display())).collect();
        serde_json::to_writer(&mut *out, &Verified { archive_faults, report: &report, file_faults: &file_faults })?;
        writeln!(out)?;
    }
    for (path, problem) in &archives {
        out.flush()?;
        eprintln!("error: the archive {} {problem}: audit and replay of its job need it", path.display());
    }
    let in_the_file = file_faults.first().map(|fault| format!("SQLite finds: {fault}"));
    if let Some(reason) = what_is_wrong(&report).or(in_the_file) {
        out.flush()?;
        anyhow::bail!("{} is not whole: {reason}", log.path.display());
    }
    if !json {
        writeln!(out, "{} events, the chain is whole", report.head.seq)?;
        writeln!(out, "head {}", report.head.hash)?;
    }
    Ok(if archives.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NO_ARCHIVE) })
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Verified<'a> {
    #[serde(flatten)]
    report: &'a VerifyReport,
    /// What SQLite finds wrong with the file beside the chain.
    file_faults: &'a [String],
    /// What is wrong with the archives that it names.
    archive_faults: Vec<String>,
}

fn what_is_wrong(report: &VerifyReport) -> Option<String> {
    if let Some(fault) = &report.fault {
        return Some(format!("event {}: {}", fault.seq, fault.reason));
    }
    let expected = report.expected_head.filter(|expected| expected.found.is_none())?;
    Some(format!(
        "no event has the expected hash {}: the log ends at event {} and was cut off, or written anew",
        expected.hash, report.head.seq
    ))
}

fn run_export(log: &LogFile, job: Option<JobId>, out: &mut impl Write) -> anyhow::Result<()> {
    let scope = job.map_or(Replay::Everything, |job| Replay::Stream(StreamId::Job(job)));
    OfflineLog::open(&log.path)?.for_each_event(scope, |event| {
        serde_json::to_writer(&mut *out, event).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
        Ok::<(), ExportError>(())
    })?;
    Ok(())
}

#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] io::Error),
}

fn run_import(from: &Path, to: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let head = import::import(&LogSource::open(from)?, to)?;
    writeln!(out, "{}: {} events", to.display(), head.seq)?;
    writeln!(out, "head {}", head.hash)?;
    Ok(())
}

fn run_backup(log: &LogFile, to: &Path, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let source = OfflineLog::open(&log.path)?;
    source.backup_to(to)?;
    let missing = source.archives_to(to)?;
    let report = verify(to, None).context("the backup cannot be read again")?;
    if let Some(reason) = what_is_wrong(&report) {
        anyhow::bail!("{} was written, but as its original it is not whole: {reason}", to.display());
    }
    writeln!(out, "{}: {} events", to.display(), report.head.seq)?;
    writeln!(out, "head {}", report.head.hash)?;
    out.flush()?;
    for (path, problem) in &missing {
        eprintln!("error: the archive {} {problem}: the backup lacks it as the log does", path.display());
    }
    Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NO_ARCHIVE) })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = match error.downcast_ref::<ExportError>() {
        Some(ExportError::Write(error)) => Some(error),
        _ => error.downcast_ref::<io::Error>(),
    };
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
