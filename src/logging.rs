//! Log lines: to stderr for whoever watches, and to a file a day for whoever asks later.

use std::fs::DirBuilder;
use std::io::{self, IsTerminal};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{Builder, InitError, Rotation};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{EnvFilter, FilterExt, ParseError, filter_fn};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::LogFormat;

/// Says what is logged, in the language of `tracing`'s filters; wins over `RUST_LOG`.
pub const FILTER_VARIABLE: &str = "MESOS_QOS_LOG";

/// The target of lines for the file alone: what the command says on stderr by itself.
pub const FILE_ONLY: &str = "mesos_qos::file_only";

// What these libraries tell at start says nothing about the jobs.
const DEFAULT_FILTER: &str = "info,refinery_core=warn,actix_server=warn";

/// Logging cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The directory cannot be made.
    #[error("cannot make the log directory {}: choose another with supervisor.log_directory", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No file can be made in it.
    #[error("cannot write to the log directory {}: choose another with supervisor.log_directory", path.display())]
    File {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: InitError,
    },
    /// The filter is none.
    #[error("{variable}={value:?} is no log filter: try \"info\" or \"info,mesos_qos=debug\"")]
    Filter {
        /// The environment variable.
        variable: &'static str,
        /// What stands in it.
        value: String,
        /// What is wrong.
        source: ParseError,
    },
    /// Somebody was first.
    #[error("logging is set up already")]
    Twice(#[from] TryInitError),
}

/// Keep it until the end of the process: dropping it writes out what is still in memory.
#[derive(Debug)]
#[must_use = "dropping it stops the log file"]
pub struct LogGuard {
    _file: Option<WorkerGuard>,
}

/// Where the daily files go, and how many stay.
#[derive(Debug, Clone, Copy)]
pub struct LogFiles<'a> {
    /// Made when it is missing.
    pub directory: &'a Path,
    /// The most files of ours in it; the oldest are deleted at the start and at midnight (UTC).
    pub most: u32,
}

/// Logs to stderr and, when there are `files`, to `mesos-qos.<date>.log` in their directory.
///
/// # Errors
/// When the directory cannot be written to, or the filter in the environment is none.
pub fn init(format: LogFormat, files: Option<LogFiles<'_>>) -> Result<LogGuard, LogError> {
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (file, guard) = match files {
        Some(files) => {
            let (writer, guard) = tracing_appender::non_blocking(daily(files)?);
            (Some(layer(format, false, writer)), Some(guard))
        }
        None => (None, None),
    };
    tracing_subscriber::registry()
        .with(file.with_filter(filter()?))
        .with(
            layer(format, colour, io::stderr).with_filter(filter()?.and(filter_fn(|line| line.target() != FILE_ONLY))),
        )
        .try_init()?;
    Ok(LogGuard { _file: guard })
}

fn daily(files: LogFiles<'_>) -> Result<tracing_appender::rolling::RollingFileAppender, LogError> {
    let directory = files.directory;
    let path = || directory.to_owned();
    // Private, as the data directory is, which may come to be here.
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|source| LogError::Directory { path: path(), source })?;
    Builder::new()
        .rotation(Rotation::DAILY)
        .filename_prefix("mesos-qos")
        .filename_suffix("log")
        .max_log_files(files.most as usize)
        .build(directory)
        .map_err(|source| LogError::File { path: path(), source })
}

fn layer<S, W>(format: LogFormat, colour: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer).with_ansi(colour);
    match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    }
}

fn filter() -> Result<EnvFilter, LogError> {
    for variable in [FILTER_VARIABLE, "RUST_LOG"] {
        match std::env::var(variable) {
            Ok(value) if !value.is_empty() => {
                return EnvFilter::try_new(&value).map_err(|source| LogError::Filter { variable, value, source });
            }
            _ => {}
        }
    }
    Ok(EnvFilter::new(DEFAULT_FILTER))
}
