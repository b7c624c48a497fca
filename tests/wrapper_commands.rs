//! Any name, any command, any URL: the job runs as it would alone, and what is reported is what was meant.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod wrapper_support;

use std::time::Duration;

use mesos_qos::launcher::wrapper::{WrapError, Wrapper};
use proptest::prelude::*;
use proptest::test_runner::Config;
use wrapper_support::{Outcome, Supervisor, Task, shells};

fn wrap(name: &str, command: &str) -> String {
    Wrapper { name, command, callback_window: Duration::ZERO, cacert: None, chain: false }.build().unwrap()
}

/// The command as the framework would run it without us.
fn alone(command: &str) -> Outcome {
    Task::new(&["/bin/sh".into()], "").run(command)
}

/// Runs `command` wrapped in every shell; checks output, exit code and report against a run of its own.
fn runs_as_alone(name: &str, command: &str) {
    let expected = alone(command);
    for shell in shells() {
        let supervisor = Supervisor::start();
        let task = Task::new(&shell, &supervisor.url());
        let outcome = task.run(&wrap(name, command));
        assert_eq!(outcome.code, expected.code, "{shell:?} {command:?}: {outcome:?}");
        assert_eq!(outcome.stdout, expected.stdout, "{shell:?} {command:?}");
        let ends = supervisor.bodies("/updateTask");
        assert_eq!(ends.len(), 1, "{shell:?} {command:?}: {outcome:?}");
        assert_eq!(ends[0]["name"], name);
        assert_eq!(ends[0]["exit_code"].as_i64(), expected.code.map(i64::from));
        assert!(!task.files().contains(&"PWNED".to_owned()), "{shell:?} {name:?} {command:?}");
    }
}

/// Each of these kept the published tool's callback from being sent, or changed what ran.
mod what_broke_the_published_tool {
    use super::*;

    #[test]
    fn a_name_with_a_space() {
        runs_as_alone("a b", "exit 3");
    }

    #[test]
    fn a_name_with_a_hash() {
        runs_as_alone("#1", "exit 3");
    }

    #[test]
    fn a_name_with_a_single_quote() {
        runs_as_alone("it's", "exit 3");
    }

    #[test]
    fn a_name_with_double_quotes() {
        runs_as_alone("say \"hi\"", "exit 3");
    }

    #[test]
    fn a_name_with_a_backslash() {
        runs_as_alone("a\\b", "exit 3");
    }

    #[test]
    fn a_name_with_a_slash_and_an_empty_name() {
        runs_as_alone("a/b", "exit 3");
        runs_as_alone("", "exit 3");
    }

    #[test]
    fn a_name_with_a_command_substitution() {
        runs_as_alone("x$(touch PWNED)", "exit 3");
    }

    #[test]
    fn a_name_that_closes_the_quotes_of_a_command_substitution() {
        runs_as_alone("x'$(touch PWNED)'", "exit 3");
        runs_as_alone("x\"$(touch PWNED)`touch PWNED`\"", "exit 3");
    }

    #[test]
    fn a_command_that_fails_is_seen_to_fail() {
        runs_as_alone("a", "false");
    }

    #[test]
    fn a_command_that_exits() {
        runs_as_alone("a", "echo before; exit 3");
    }

    #[test]
    fn a_command_that_ends_at_its_first_failure() {
        runs_as_alone("a", "set -e; false; echo never");
    }

    #[test]
    fn a_command_that_replaces_the_shell() {
        runs_as_alone("a", "exec sh -c 'exit 4'");
    }

    #[test]
    fn a_command_that_ends_with_a_comment() {
        runs_as_alone("a", "echo done # note");
    }

    #[test]
    fn a_command_that_ends_with_a_here_document() {
        runs_as_alone("a", "cat <<END\nit's $((1 + 1)) \"x\"\nEND");
        runs_as_alone("a", "cat <<'END'\n$HOME\nEND\n");
        runs_as_alone("a", "cat <<END\nwithout an end");
    }

    #[test]
    fn a_command_that_ends_with_an_ampersand() {
        runs_as_alone("a", "true &");
    }

    #[test]
    fn a_command_that_ends_with_a_semicolon() {
        runs_as_alone("a", "echo done;");
    }
}

#[test]
fn other_shapes_of_commands_run_as_alone() {
    for command in [
        "",
        " \n\n ",
        "\n\necho a\n\necho b\n",
        "echo \"$0\" \"$#\" \"$-\"",
        "printf '%s|' \"a  b\" 'c\\nd' e\\ f ñ€😀",
        "x=$(printf 'a\\nb'); echo \"$x\"",
        "echo a \\\n  b",
        "( exit 5 )",
        "! true",
        "no_such_program_here 2>/dev/null",
        "if",
        "trap 'echo bye; exit 6' EXIT; true",
        "f() { return 9; }; f",
        "wait; umask; pwd >/dev/null",
        "echo mesos_qos_$mesos_qos_code; mesos_qos_code=9; exit 2",
        "read -r line; echo \"<$line>\"",
        "exec >&-; exit 3",
    ] {
        runs_as_alone("a", command);
    }
}

#[test]
fn the_job_reads_the_standard_input_of_the_task() {
    for shell in shells() {
        let supervisor = Supervisor::start();
        let task = Task::new(&shell, &supervisor.url());
        let input = task.directory.path().join("input");
        std::fs::write(&input, "one\ntwo\n").unwrap();
        let mut command = task.command(&wrap("a", "cat"));
        let output = command.stdin(std::fs::File::open(&input).unwrap()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "one\ntwo\n", "{shell:?}");
    }
}

#[test]
fn the_environment_of_the_job_is_the_users_own() {
    let list = "env | grep -v -e '^MESOS_QOS_' -e '^_=' -e '^PATH=' -e '^PWD=' -e '^OLDPWD=' -e '^SHLVL=' | sort";
    let variables = [("LANG", "C.UTF-8"), ("name", "mine"), ("code", "mine"), ("IFS", ":"), ("HOST", "h")];
    let task = |shell: &[String], url: &str| {
        variables.iter().fold(Task::new(shell, url), |task, (key, value)| task.env(key, value))
    };
    let expected = task(&["sh".into()], "").run(list).stdout;
    for shell in shells() {
        let supervisor = Supervisor::start();
        assert_eq!(task(&shell, &supervisor.url()).run(&wrap("a", list)).stdout, expected, "{shell:?}");
    }
}

#[test]
fn what_chronos_appends_to_a_command_does_no_harm() {
    for shell in shells() {
        let supervisor = Supervisor::start();
        let appended = format!("{} --size 3 $(touch PWNED)", wrap("a", "exit 3"));
        let task = Task::new(&shell, &supervisor.url());
        assert_eq!(task.run(&appended).code, Some(3));
        assert_eq!(task.files(), Vec::<String>::new());
    }
}

#[test]
fn chronos_does_not_take_the_command_for_an_address() {
    let wrapped = wrap("a", "true");
    assert!(!wrapped.starts_with("http") && !wrapped.starts_with("ftp"));
}

#[test]
fn what_cannot_be_run_is_refused() {
    let build = |name: &str, command: &str| {
        Wrapper { name, command, callback_window: Duration::ZERO, cacert: None, chain: false }.build().map(|_| ())
    };
    assert_eq!(build("a", "echo \0"), Err(WrapError::Nul));
    // In JSON the character is escaped, so a name may hold it.
    assert_eq!(build("a\0", "true"), Ok(()));
    assert!(matches!(build("a", &"x".repeat(200_000)), Err(WrapError::TooLong(_))));
    let longest = wrap("a", &format!("true {}", "x".repeat(110_000)));
    assert_eq!(Task::new(&["sh".into()], "http://127.0.0.1:9").run(&longest).code, Some(0));
}

/// Harmless pieces of shell that, put together at random, make valid and invalid commands of every shape.
fn command() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "echo a",
        "exit 3",
        "false",
        "true",
        "set -e",
        "set -u",
        "echo $HOME",
        "echo \"$UNSET\"",
        "# note",
        "'",
        "\"",
        "\\",
        "\n",
        ";",
        "&&",
        "||",
        "|",
        "(",
        ")",
        "{",
        "}",
        "$(echo b)",
        "`echo c`",
        "$((2 * 3))",
        "é€😀",
        "echo it\\'s",
        "<<END",
        "END",
        "exec true",
        "printf %s",
        " ",
        "\t",
        "'single'",
        "\"double $x\"",
        "x=1",
        "$x",
        "if true; then",
        "fi",
        "!",
        "$?",
        "sh -c 'exit 5'",
        "[a-z]*",
        "~",
        "%s",
        "@",
        "-n",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.join(" "))
}

/// Names with everything that quoting can get wrong, far more often than a random text has it.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "'",
            "\"",
            "\\",
            "$(touch PWNED)",
            "`touch PWNED`",
            "\n",
            "\r",
            "\t",
            " ",
            "${HOME}",
            "!",
            "@",
            "%s",
            "%n",
            "\\u0041",
            "é",
            "😀",
            "\u{7f}",
            "\u{2028}",
            "';touch PWNED;'",
            "\";touch PWNED;\"",
            "&",
            "|",
            "#",
            "*",
            "-K",
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z0-9._-]{1,6}",
        "\\PC{1,3}",
        any::<char>().prop_filter("NUL", |c| *c != '\0').prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

fn few_cases() -> Config {
    Config { cases: 24, max_shrink_iters: 40, ..Config::default() }
}

proptest! {
    #![proptest_config(few_cases())]

    #[test]
    fn any_name_and_command(name in text(), command in command()) {
        runs_as_alone(&name, &command);
    }

    #[test]
    fn any_text_reaches_the_command_as_it_is(text in text()) {
        let command = format!("printf %s {}", shlex::try_quote(&text).unwrap());
        for shell in shells() {
            let supervisor = Supervisor::start();
            let outcome = Task::new(&shell, &supervisor.url()).run(&wrap("a", &command));
            prop_assert_eq!(&outcome.stdout, &text);
        }
    }

    #[test]
    fn any_url(path in text()) {
        for shell in shells() {
            let supervisor = Supervisor::start();
            let Ok(mut url) = reqwest::Url::parse(&format!("{}/{path}", supervisor.url())) else { continue };
            url.set_query(None);
            url.set_fragment(None);
            if url.socket_addrs(|| None).ok().as_deref() != Some(&[supervisor.address]) {
                continue;
            }
            let base = url.as_str().trim_end_matches('/');
            let task = Task::new(&shell, base);
            let outcome = task.run(&wrap("a", "exit 3"));
            prop_assert_eq!(outcome.code, Some(3));
            prop_assert_eq!(task.files(), Vec::<String>::new());
            let path = format!("{}/updateTask", url.path().trim_end_matches('/'));
            prop_assert_eq!(supervisor.received().last().map(|one| one.path.clone()), Some(path), "{}", outcome.stderr);
        }
    }
}
