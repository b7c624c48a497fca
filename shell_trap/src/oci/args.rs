//! The command line that containerd's shim calls an OCI runtime with, as runc has it.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Options before the command that take a value.
const GLOBAL_VALUES: [&str; 5] = ["--root", "--log", "--log-format", "--criu", "--rootless"];
/// Options of `create` that take a value.
const CREATE_VALUES: [&str; 4] = ["--bundle", "--console-socket", "--pid-file", "--preserve-fds"];

/// What was asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Options before the command, as they were given.
    pub global: Vec<OsString>,
    /// `create`, `start`, ...
    pub command: String,
    /// `--bundle`.
    pub bundle: Option<PathBuf>,
    /// `--console-socket`.
    pub console_socket: Option<OsString>,
    /// `--pid-file`.
    pub pid_file: Option<OsString>,
    /// `--no-pivot`.
    pub no_pivot: bool,
    /// The container's id.
    pub id: OsString,
}

/// Does this command line come from a shim, and not from a user of shell_trap?
pub fn is_runtime_call(arguments: &[OsString]) -> bool {
    arguments.first().and_then(|first| first.to_str()).is_some_and(|first| {
        let name = first.split('=').next().unwrap_or(first);
        first == "oci-runtime" || GLOBAL_VALUES.contains(&name) || matches!(first, "--systemd-cgroup" | "--debug")
    })
}

/// Reads what is needed here; everything else goes to runc as it came.
pub fn parse(arguments: &[OsString]) -> Call {
    let mut call = Call::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let text = argument.to_str().unwrap_or_default();
        let (name, inline) = match text.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(OsString::from(value))),
            _ => (text, None),
        };
        if call.command.is_empty() {
            if !text.starts_with('-') {
                call.command = text.to_owned();
                continue;
            }
            call.global.push(argument.clone());
            if inline.is_none() && GLOBAL_VALUES.contains(&name) {
                call.global.extend(rest.next().cloned());
            }
            continue;
        }
        let name = if name == "-b" { "--bundle" } else { name };
        let value = match inline {
            Some(value) => Some(value),
            None if CREATE_VALUES.contains(&name) => rest.next().cloned(),
            None => None,
        };
        match name {
            "--bundle" => call.bundle = value.map(PathBuf::from),
            "--console-socket" => call.console_socket = value,
            "--pid-file" => call.pid_file = value,
            "--no-pivot" => call.no_pivot = true,
            _ if argument != OsStr::new("") && !text.starts_with('-') => call.id = argument.clone(),
            _ => {}
        }
    }
    call
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_shim_s_call_is_understood() {
        let call =
            parse(&words("--root /r --log /l --log-format json create --bundle /b --pid-file /p --no-pivot abc"));
        assert_eq!(call.global, words("--root /r --log /l --log-format json"));
        assert_eq!((call.command.as_str(), call.bundle), ("create", Some("/b".into())));
        assert_eq!((call.pid_file, call.no_pivot, call.id), (Some("/p".into()), true, "abc".into()));
        let call = parse(&words("--root=/r --systemd-cgroup create --bundle=/b abc"));
        assert_eq!(
            (call.global, call.bundle, call.id),
            (words("--root=/r --systemd-cgroup"), Some("/b".into()), "abc".into())
        );
        assert_eq!(parse(&words("--root /r kill --all abc 9")).command, "kill");
    }

    #[test]
    fn a_user_s_call_is_no_runtime_call() {
        assert!(is_runtime_call(&words("--root /r start x")) && is_runtime_call(&words("--log=/l create x")));
        assert!(!is_runtime_call(&words("--help")) && !is_runtime_call(&words("check")) && !is_runtime_call(&[]));
    }
}
