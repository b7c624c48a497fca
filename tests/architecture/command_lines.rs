//! Every command line that the documents show is one that the program understands.

use clap::Parser;
use mesos_qos::cli::Cli;

use crate::documents::documents;
use crate::tree::none;

/// The commands of fenced blocks, and those between backquotes that have flags, with their lines.
fn commands(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    let mut pending: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if !fenced {
            let spans = line.split('`').skip(1).step_by(2);
            found.extend(spans.filter(|span| ours(span).is_some()).map(|span| (number + 1, span.to_owned())));
            continue;
        }
        let line = line.trim();
        let (start, whole) = match pending.take() {
            Some((start, before)) => (start, format!("{before} {line}")),
            None => (number + 1, line.trim_start_matches("$ ").trim_start_matches("# ").to_owned()),
        };
        match whole.strip_suffix('\\') {
            Some(more) => pending = Some((start, more.trim_end().to_owned())),
            None if ours(&whole).is_some() => found.push((start, whole)),
            None => {}
        }
    }
    found
}

/// The arguments of the program, if `line` calls it.
fn ours(line: &str) -> Option<Vec<String>> {
    let line = line.strip_prefix("sudo -u mesos-qos ").unwrap_or(line);
    let words = shlex::split(line)?;
    let end = words.iter().position(|word| matches!(word.as_str(), "&" | "|" | ">" | ">>" | "2>" | "&&" | ";"));
    let words = &words[..end.unwrap_or(words.len())];
    match words.first()?.rsplit('/').next()? {
        "mesos-qos" => Some(words[1..].to_vec()),
        "cargo" if words.get(1)? == "run" => {
            let separator = words.iter().position(|word| word == "--")?;
            Some(words[separator + 1..].to_vec())
        }
        _ => None,
    }
}

/// Why the program would not understand `line`.
fn misunderstood(line: &str) -> Option<String> {
    let arguments = ours(line)?;
    // A command named alone, as in a sentence, only has to exist.
    if let [command] = arguments.as_slice()
        && !command.starts_with('-')
    {
        use clap::CommandFactory;
        let exists = Cli::command().find_subcommand(command).is_some();
        return (!exists).then(|| format!("there is no command {command}"));
    }
    let parsed = Cli::try_parse_from(std::iter::once("mesos-qos".to_owned()).chain(arguments));
    let error = parsed.err()?;
    use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
    (!matches!(error.kind(), DisplayHelp | DisplayVersion)).then(|| error.to_string())
}

#[test]
fn every_shown_command_line_is_understood() {
    let mut findings = Vec::new();
    let mut checked = 0;
    for document in documents() {
        for (line, command) in commands(&document.text) {
            checked += 1;
            findings.extend(misunderstood(&command).map(|why| format!("{}:{line}: {command}: {why}", document.path)));
        }
    }
    none(findings);
    assert!(checked > 20, "only {checked} command lines found: the search for them is broken");
}

#[test]
fn a_wrong_command_line_is_found() {
    for bad in [
        "mesos-qos invented",
        "mesos-qos launch --no-such-flag -j a -c b -i http://h",
        "mesos-qos log verify --lgo events.db",
        "mesos-qos launch -c b -i http://h",
        "cargo run --release -- invented --json",
        "mesos-qos local --nodes many",
    ] {
        assert!(misunderstood(bad).is_some(), "{bad}");
    }
    for good in [
        "mesos-qos log verify --log events.db",
        "mesos-qos launch -j a.json -c b.json -i http://h:30000 --json | jq .uuid",
        "cargo run --release -- local --nodes 2 &",
        "mesos-qos local",
        "ls -l",
    ] {
        assert_eq!(misunderstood(good), None, "{good}");
    }
    let text = "run `mesos-qos log` or\n```sh\n$ mesos-qos log verify \\\n    --log x\nls\n```\n";
    let expected = [(1, "mesos-qos log".to_owned()), (3, "mesos-qos log verify --log x".to_owned())];
    assert_eq!(commands(text), expected);
}
