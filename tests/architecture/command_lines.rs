//! Every command line that the documents show is one that the program understands.

use clap::{CommandFactory, Parser};
use mesos_qos::cli::Cli;

use crate::documents::documents;
use crate::tree::none;

/// Commands that the documents announce and the program does not have yet.
const STILL_TO_COME: [&str; 0] = [];

/// A command in a document.
#[derive(Debug, PartialEq)]
enum Shown {
    /// In a fenced block: to be typed as it stands.
    Whole(String),
    /// Between backquotes in a sentence: may leave out what is required.
    Mention(String),
}

/// The commands in `text`, with their lines.
fn commands(text: &str) -> Vec<(usize, Shown)> {
    let mut found = Vec::new();
    let mut fenced = false;
    let mut pending: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if !fenced {
            let spans = line.split('`').skip(1).step_by(2).filter(|span| ours(span).is_some());
            found.extend(spans.map(|span| (number + 1, Shown::Mention(span.to_owned()))));
            continue;
        }
        let line = line.trim();
        let (start, whole) = match pending.take() {
            Some((start, before)) => (start, format!("{before} {line}")),
            None => (number + 1, line.trim_start_matches("$ ").to_owned()),
        };
        match whole.strip_suffix('\\') {
            Some(more) => pending = Some((start, more.trim_end().to_owned())),
            None if ours(&whole).is_some() => found.push((start, Shown::Whole(whole))),
            None => {}
        }
    }
    found
}

/// The arguments of the program, if `line` calls it.
fn ours(line: &str) -> Option<Vec<String>> {
    let words = shlex::split(line)?;
    let ends = |word: &String| matches!(word.as_str(), "&" | "|" | "&&" | ";") || word.contains('>');
    let end = words.iter().position(ends);
    let words = &words[..end.unwrap_or(words.len())];
    match words.first()?.rsplit('/').next()? {
        "mesos-qos" => Some(words[1..].to_vec()).filter(|arguments| !arguments.is_empty()),
        "cargo" if words.get(1)? == "run" => {
            let separator = words.iter().position(|word| word == "--")?;
            Some(words[separator + 1..].to_vec())
        }
        _ => None,
    }
}

/// Why the program would not understand `shown`.
fn misunderstood(shown: &Shown) -> Option<String> {
    let (Shown::Whole(line) | Shown::Mention(line)) = shown;
    let arguments = ours(line)?;
    if arguments.first().is_some_and(|command| STILL_TO_COME.contains(&command.as_str())) {
        return None;
    }
    match shown {
        Shown::Whole(_) => not_parsed(arguments),
        Shown::Mention(_) => not_known(arguments),
    }
}

fn not_parsed(arguments: Vec<String>) -> Option<String> {
    use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
    let error = Cli::try_parse_from(std::iter::once("mesos-qos".to_owned()).chain(arguments)).err()?;
    (!matches!(error.kind(), DisplayHelp | DisplayVersion)).then(|| error.to_string())
}

/// The first subcommand or flag that does not exist.
fn not_known(arguments: Vec<String>) -> Option<String> {
    let mut command = Cli::command();
    for argument in arguments {
        if let Some(flag) = argument.strip_prefix("--") {
            let flag = flag.split('=').next().unwrap_or_default();
            if flag != "help" && !command.get_arguments().any(|known| known.get_long() == Some(flag)) {
                return Some(format!("{} has no --{flag}", command.get_name()));
            }
        } else if let Some(flag) = argument.strip_prefix('-') {
            if !command.get_arguments().any(|known| known.get_short() == flag.chars().next()) {
                return Some(format!("{} has no -{flag}", command.get_name()));
            }
        } else if command.has_subcommands() {
            match command.find_subcommand(&argument) {
                Some(below) => command = below.clone(),
                None => return Some(format!("{} has no command {argument}", command.get_name())),
            }
        }
    }
    None
}

#[test]
fn every_shown_command_line_is_understood() {
    let mut findings = Vec::new();
    let mut checked = 0;
    for document in documents() {
        for (line, command) in commands(&document.text) {
            checked += 1;
            findings.extend(misunderstood(&command).map(|why| format!("{}:{line}: {command:?}: {why}", document.path)));
        }
    }
    none(findings);
    assert!(checked > 20, "only {checked} command lines found: the search for them is broken");
}

#[test]
fn what_is_still_to_come_is_not_there_yet() {
    for command in STILL_TO_COME {
        let there = Cli::command().find_subcommand(command).is_some();
        assert!(!there, "`{command}` is there: remove it from STILL_TO_COME, and show it as it is");
    }
}

#[test]
fn a_wrong_command_line_is_found() {
    let whole = |line: &str| misunderstood(&Shown::Whole(line.to_owned()));
    let mention = |line: &str| misunderstood(&Shown::Mention(line.to_owned()));
    for bad in [
        "mesos-qos invented",
        "mesos-qos launch --no-such-flag -j a -c b -i http://h",
        "mesos-qos log verify --lgo events.db",
        "mesos-qos launch -c b -i http://h",
        "cargo run --release -- invented --json",
        "mesos-qos local --nodes many",
    ] {
        assert!(whole(bad).is_some(), "{bad}");
    }
    for good in [
        "mesos-qos log verify --log events.db",
        "mesos-qos launch -j a.json -c b.json -i http://h:30000 --json | jq .uuid",
        "cargo run --release -- local --nodes 2 2>/dev/null &",
        "ls -l",
    ] {
        assert_eq!(whole(good), None, "{good}");
    }
    for bad in ["mesos-qos invented", "mesos-qos log invent", "mesos-qos launch --invented", "mesos-qos local -z"] {
        assert!(mention(bad).is_some(), "{bad}");
    }
    for good in ["mesos-qos log verify", "mesos-qos launch --dry-run", "mesos-qos supervisor -c", "target/mesos-qos"] {
        assert_eq!(mention(good), None, "{good}");
    }
}

#[test]
fn commands_are_found_in_blocks_and_sentences() {
    let text = "run `mesos-qos log` or\n```sh\n$ mesos-qos log verify \\\n    --log x\nls\n```\n";
    let expected =
        [(1, Shown::Mention("mesos-qos log".to_owned())), (3, Shown::Whole("mesos-qos log verify --log x".to_owned()))];
    assert_eq!(commands(text), expected);
}
