//! The shells that the wrapper must run in.

use std::io::Write as _;
use std::sync::Once;

/// Each is needed: they read the same script in different ways.
const SHELLS: [&[&str]; 4] = [&["sh"], &["dash"], &["bash", "--posix"], &["busybox", "ash"]];

/// All shells that are installed. One that is not is named on standard error, once.
///
/// # Panics
/// When one is missing and `CI=true` says that nothing may be left out; without a `sh`, always.
pub fn shells() -> Vec<Vec<String>> {
    static SAID: Once = Once::new();
    let strict = std::env::var("CI").is_ok_and(|value| value == "true");
    let (shells, left_out) = installed(in_path, strict).unwrap_or_else(|problem| panic!("{problem}"));
    if let Some(left_out) = left_out {
        // Not with eprintln!: the test runner would keep it to itself.
        SAID.call_once(|| drop(writeln!(std::io::stderr(), "{left_out}")));
    }
    shells
}

/// The installed shells, and a sentence about the others; with `strict` that sentence is the error.
fn installed(is_there: impl Fn(&str) -> bool, strict: bool) -> Result<(Vec<Vec<String>>, Option<String>), String> {
    let (found, missing): (Vec<&[&str]>, Vec<&[&str]>) = SHELLS.iter().copied().partition(|shell| is_there(shell[0]));
    let names = |shells: &[&[&str]]| shells.iter().map(|shell| shell[0]).collect::<Vec<_>>().join(", ");
    if missing.iter().any(|shell| shell[0] == "sh") {
        return Err("there is no sh in PATH".into());
    }
    let sentence = match missing.as_slice() {
        [] => None,
        _ if strict => {
            return Err(format!(
                "not installed: {}. With CI=true the wrapper is tested in every shell",
                names(&missing)
            ));
        }
        _ => Some(format!(
            "LEFT OUT: not installed: {}. The wrapper is tested in {} only",
            names(&missing),
            names(&found)
        )),
    };
    let words = |shell: &[&str]| shell.iter().map(|word| (*word).to_owned()).collect();
    Ok((found.into_iter().map(words).collect(), sentence))
}

fn in_path(program: &str) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|dir| dir.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::installed;

    #[test]
    fn a_missing_shell_is_named_and_is_an_error_where_nothing_may_be_left_out() {
        assert_eq!(installed(|_| true, true).unwrap().0.len(), 4);
        assert_eq!(installed(|_| true, false).unwrap().1, None);
        let (shells, sentence) = installed(|name| name != "busybox", false).unwrap();
        assert_eq!(shells, [vec!["sh"], vec!["dash"], vec!["bash", "--posix"]]);
        let sentence = sentence.unwrap();
        assert!(
            sentence.contains("not installed: busybox. ") && sentence.contains("in sh, dash, bash only"),
            "{sentence}"
        );
        let error = installed(|name| name == "sh", true).unwrap_err();
        assert!(error.contains("dash, bash, busybox") && error.contains("CI=true"), "{error}");
        assert!(installed(|name| name != "sh", false).is_err(), "nothing runs without sh");
    }
}
