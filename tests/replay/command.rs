//! `mesos-qos replay`, `audit` and `log import` as their users see them.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use mesos_qos::qos::job::FOLD_VERSION;
use serde_json::Value;

pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs the command.
pub fn mesos_qos(arguments: &[&str]) -> Said {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("mesos-qos"));
    let output = command.args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn document(arguments: &[&str]) -> Value {
    let said = mesos_qos(arguments);
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {} {}", said.out, said.err))
}

/// A simulated run's log.
pub fn log(dir: &Path, case: &str, policy: &str) -> PathBuf {
    let path = dir.join(format!("{case}-{policy}.db"));
    let file = path.to_str().unwrap();
    let arguments = ["--cases", case, "--policy", policy, "--seeds", "1", "--no-arbitration", "--database", file];
    let said = mesos_qos(&[["simulate"].as_slice(), &arguments].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    path
}

#[test]
fn every_decision_of_a_simulated_log_follows_from_it_whatever_the_policy() {
    let dir = tempfile::tempdir().unwrap();
    for case in ["i", "ii", "iii"] {
        for policy in ["step", "predictive", "proportional", "pid", "fixed"] {
            let path = log(dir.path(), case, policy);
            let found = document(&["replay", "--log", path.to_str().unwrap(), "--json"]);
            assert_eq!(found["differences"], Value::Array(vec![]), "{case} {policy}");
            assert_eq!((found["differing"].as_u64(), found["not_computed"].as_u64()), (Some(0), Some(0)));
            assert!(found["decisions"].as_u64() > Some(1) && found["events"].as_u64() > Some(10), "{found}");
        }
    }
}

#[test]
fn an_exported_log_replays_and_imports_to_the_same_chain() {
    let dir = tempfile::tempdir().unwrap();
    let path = log(dir.path(), "i", "predictive");
    let db = path.to_str().unwrap();
    let lines = dir.path().join("events.jsonl");
    std::fs::write(&lines, mesos_qos(&["log", "export", "--log", db]).out).unwrap();
    let file = lines.to_str().unwrap();
    let both = [db, file].map(|log| mesos_qos(&["replay", "--log", log]).out);
    assert_eq!(both[0], both[1]);
    assert!(both[0].contains("to the byte"), "{}", both[0]);

    let copy = dir.path().join("copy.db");
    let imported = mesos_qos(&["log", "import", "--from", file, "--log", copy.to_str().unwrap()]);
    assert_eq!(imported.code, Some(0), "{}", imported.err);
    let head = |log: &str| mesos_qos(&["log", "verify", "--log", log]).out;
    assert_eq!(head(copy.to_str().unwrap()), head(db));
    assert_eq!(head(file), head(db));
    assert_eq!(
        mesos_qos(&["log", "export", "--log", copy.to_str().unwrap()]).out,
        std::fs::read_to_string(&lines).unwrap()
    );
    let jobs = |path: &Path| -> i64 {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.query_row("SELECT count(*) FROM jobs WHERE active = 0", [], |row| row.get(0)).unwrap()
    };
    assert_eq!((jobs(&copy), jobs(&path)), (6, 6), "the jobs' rows follow from their events");
    let again = mesos_qos(&["log", "import", "--from", file, "--log", copy.to_str().unwrap()]);
    assert!(again.code == Some(1) && again.err.contains("exists"), "{}", again.err);
}

#[test]
fn every_golden_log_imports_to_the_same_chain() {
    let dir = tempfile::tempdir().unwrap();
    for name in
        ["schema-1.db", "schema-2-chronos.db", "schema-2-marathon.db", "schema-4-chained.db", "schema-4-rounds.db"]
    {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        let (from, lines, to) =
            (dir.path().join(name), dir.path().join("lines"), dir.path().join(format!("to-{name}")));
        std::fs::copy(golden, &from).unwrap();
        std::fs::write(&lines, mesos_qos(&["log", "export", "--log", from.to_str().unwrap()]).out).unwrap();
        let said = mesos_qos(&["log", "import", "--from", lines.to_str().unwrap(), "--log", to.to_str().unwrap()]);
        assert_eq!(said.code, Some(0), "{name}: {}", said.err);
        let head = |path: &Path| mesos_qos(&["log", "verify", "--log", path.to_str().unwrap()]).out;
        assert_eq!(head(&to), head(&from), "{name}");
        let rows = |path: &Path, what: &str| -> Vec<String> {
            let connection = rusqlite::Connection::open(path).unwrap();
            let mut query = connection.prepare(what).unwrap();
            query.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        };
        for what in [
            "SELECT hex(uuid) || name || state || active || version || coalesce(finished_at, '') FROM jobs ORDER BY position",
            "SELECT hex(stream) || effect_key || payload FROM outbox ORDER BY stream, effect_key",
        ] {
            assert_eq!(rows(&to, what), rows(&from, what), "{name}: {what}");
        }
    }
}

#[test]
fn one_changed_byte_is_named_and_nothing_is_computed() {
    let dir = tempfile::tempdir().unwrap();
    let path = log(dir.path(), "i", "step");
    let lines = mesos_qos(&["log", "export", "--log", path.to_str().unwrap()]).out;
    let changed_line = lines.lines().position(|line| line.contains("\"Decided\"")).unwrap() + 1;
    let fold = format!("\"fold\":{FOLD_VERSION}");
    let changed = lines.replacen(&fold, "\"fold\":1", 1);
    assert_ne!(changed, lines);
    let file = dir.path().join("changed.jsonl");
    std::fs::write(&file, changed).unwrap();
    // The same in the database.
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch(&format!(
        "DROP TRIGGER events_are_never_updated; UPDATE events SET data = replace(data, '{fold}', '\"fold\":1') WHERE seq = {changed_line}"
    ))
    .unwrap();
    for log in [file.to_str().unwrap(), path.to_str().unwrap()] {
        for what in [vec![], vec!["--policy", "predictive"], vec!["--search"], vec!["--json"]] {
            let said = mesos_qos(&[["replay", "--log", log].as_slice(), &what].concat());
            assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{}", said.err);
            assert!(said.err.contains(&format!("event {changed_line}: the stored hash is")), "{}", said.err);
        }
    }
    for log in [file.to_str().unwrap(), path.to_str().unwrap()] {
        let said = mesos_qos(&["audit", "openmpLinpack1", "--database", log]);
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{}", said.err);
        assert!(said.err.contains(&format!("event {changed_line}: the stored hash is")), "{}", said.err);
    }
    let to = dir.path().join("to.db");
    let said = mesos_qos(&["log", "import", "--from", file.to_str().unwrap(), "--log", to.to_str().unwrap()]);
    assert!(said.code == Some(1) && said.err.contains(&format!("event {changed_line}")), "{}", said.err);
    assert!(!to.exists());
}

#[test]
fn a_log_with_rounds_is_computed_again_and_one_changed_byte_of_a_round_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.db");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/schema-4-rounds.db"), &path).unwrap();
    let log = path.to_str().unwrap();
    let found = document(&["replay", "--log", log, "--json"]);
    assert!(found["rounds"].as_u64() > Some(6) && found["answers"].as_u64() > Some(0), "{found}");
    assert_eq!((found["differing"].as_u64(), found["not_computed"].as_u64()), (Some(0), Some(0)), "{found}");
    let said = mesos_qos(&["replay", "--log", log]);
    assert!(said.code == Some(0) && said.out.contains(&format!("{} rounds", found["rounds"])), "{}", said.out);

    let lines = mesos_qos(&["log", "export", "--log", log]).out;
    let nth = lines.lines().position(|line| line.contains("\"since\":")).unwrap() + 1;
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch(&format!(
        "DROP TRIGGER events_are_never_updated; UPDATE events SET data = replace(data, '\"since\":', '\"since\" :') WHERE seq = {nth}"
    ))
    .unwrap();
    drop(raw);
    let said = mesos_qos(&["replay", "--log", log]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{}", said.err);
    assert!(said.err.contains(&format!("event {nth}: the stored hash is")), "{}", said.err);
}

#[test]
fn a_decision_that_does_not_follow_is_exit_code_1_with_the_field_and_both_values() {
    let dir = tempfile::tempdir().unwrap();
    let path = log(dir.path(), "i", "step");
    let lines = mesos_qos(&["log", "export", "--log", path.to_str().unwrap()]).out;
    // Somebody who writes the whole chain anew deceives the chain, but not the rules.
    let forged = rechained(&lines, |line| {
        line.replacen("\"performance\":\"UNDER_PERFORMANT\"", "\"performance\":\"ON_PLAN\"", 1)
    });
    let file = dir.path().join("forged.jsonl");
    std::fs::write(&file, forged).unwrap();
    let said = mesos_qos(&["replay", "--log", file.to_str().unwrap()]);
    assert_eq!(said.code, Some(1));
    for part in ["performance is recorded as \"ON_PLAN\"", "recomputed as \"UNDER_PERFORMANT\""] {
        assert!(said.err.contains(part), "{}", said.err);
    }
    let document = document(&["replay", "--log", file.to_str().unwrap(), "--json"]);
    assert_eq!(document["differences"][0]["field"], "performance");
    // A version that nobody knows is an error of its own.
    let newer = rechained(&lines, |line| line.replacen(&format!("\"fold\":{FOLD_VERSION}"), "\"fold\":77", 1));
    std::fs::write(&file, newer).unwrap();
    let said = mesos_qos(&["replay", "--log", file.to_str().unwrap()]);
    assert!(said.code == Some(1) && said.err.contains("version 77 of the fold"), "{}", said.err);
}

/// The log with the first decision changed, and all hashes after it.
fn rechained(lines: &str, change: impl Fn(&str) -> String) -> String {
    use mesos_qos::events::chain::EventHash;
    use mesos_qos::events::envelope::StoredEvent;
    let (mut hash, mut done, mut text) = (EventHash::GENESIS, false, String::new());
    for line in lines.lines() {
        let changed = if done || !line.contains("\"Decided\"") { line.to_owned() } else { change(line) };
        done |= changed != line;
        let mut event: StoredEvent = serde_json::from_str(&changed).unwrap();
        event.hash = hash.link(&event);
        hash = event.hash;
        text.push_str(&serde_json::to_string(&event).unwrap());
        text.push('\n');
    }
    assert!(done);
    text
}

#[test]
fn a_counterfactual_is_told_side_by_side_with_its_law_and_its_first_difference() {
    let dir = tempfile::tempdir().unwrap();
    let path = log(dir.path(), "i", "step");
    let log = path.to_str().unwrap();
    let all = document(&["replay", "--log", log, "--policy", "predictive", "--draws", "40", "--json"]);
    let told = &all["counterfactual"];
    assert_eq!(told["jobs"].as_array().unwrap().len(), 6);
    assert_eq!((told["cluster"]["nodes"].as_u64(), told["cluster"]["node_cpus"].as_f64()), (Some(5), Some(2.0)));
    let job = &told["jobs"][0];
    for path in [
        "/recorded/finish_s",
        "/replayed/finish_s",
        "/replayed/cpu_seconds",
        "/finish/low_s",
        "/law/serial_s",
        "/law/parallel_deviation_s",
        "/first_divergence/replayed_cpus",
        "/chance_on_time",
    ] {
        assert!(job.pointer(path).is_some_and(Value::is_number), "{path}: {job}");
    }
    let name = job["name"].as_str().unwrap();
    let one = document(&["replay", "--log", log, "--job", name, "--set", "cpu_increment=1", "--draws", "5", "--json"]);
    assert_eq!(one["counterfactual"]["jobs"][0]["name"], name);
    assert_eq!(one["counterfactual"]["change"], "policy step with cpu_increment=1");
    let text = mesos_qos(&["replay", "--log", log, "--policy", "fixed", "--draws", "2"]).out;
    for part in ["95 %", "first otherwise after", "an iteration with a CPUs takes", "5 nodes with 2 CPU"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let shared =
        ["replay", "--log", log, "--policy", "predictive", "--set", "cluster_cpus=10", "--draws", "2", "--json"];
    assert_eq!(document(&shared)["counterfactual"]["cluster"]["arbitrated"], true);
    for (wrong, reason) in [
        (vec!["--policy", "guess"], "predictive"),
        (vec!["--set", "cpu_incremnt=1"], "cpu_increment"),
        (vec!["--set", "monitoring_period=5"], "elasticity.monitoring_period = 5"),
        (vec!["--set", "cluster_cpus=10", "--alone"], "elasticity.cluster_cpus = 10"),
        (vec!["--job", name, "--set", "cluster_cpus=10"], "for itself"),
        (vec!["--job", "nobody", "--policy", "step"], "no job is called"),
        (vec!["--search", "--policy", "step"], "cannot be used with"),
    ] {
        let said = mesos_qos(&[["replay", "--log", log].as_slice(), &wrong].concat());
        assert!(said.code != Some(0) && said.err.to_lowercase().contains(reason), "{wrong:?}: {}", said.err);
    }
}

#[test]
fn an_audit_tells_each_decision_from_its_report_to_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let path = log(dir.path(), "i", "step");
    let db = path.to_str().unwrap();
    let text = mesos_qos(&["audit", "openmpLinpack1", "--database", db]);
    assert_eq!(text.code, Some(0), "{}", text.err);
    for part in [
        "1. 20",
        "UNDER_PERFORMANT",
        "1 -> 1.4 CPU",
        "iteration 1 took",
        "on plan from",
        "are in force",
        "policy step version 1",
    ] {
        assert!(text.out.contains(part), "{part}: {}", text.out);
    }
    let story = document(&["audit", "openmpLinpack1", "--database", db, "--json"]);
    let uuid = story["uuid"].as_str().unwrap();
    assert_eq!(document(&["audit", uuid, "--database", db, "--json"]), story);
    let first = &story["decisions"][0];
    assert_eq!((first["from"].as_f64(), first["to"].as_f64()), (Some(1.0), Some(1.4)));
    assert_eq!(first["input"]["kind"], "IterationFinished");
    let answers: Vec<_> =
        first["answers"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(answers, ["Rescaled", "RescaleApplied"]);
    let several = mesos_qos(&["audit", &uuid[..8], "--database", db]);
    assert!(several.code == Some(1) && several.err.contains("6 jobs"), "{}", several.err);

    let marathon = log(dir.path(), "iii", "step");
    let text = mesos_qos(&["audit", "/openmplinpack1", "--database", marathon.to_str().unwrap()]).out;
    assert!(text.contains("ratio") && text.contains("CPU-seconds used of"), "{text}");
}

#[test]
fn a_search_says_what_would_have_met_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let path = log(dir.path(), "i", "step");
    let found = document(&["replay", "--log", path.to_str().unwrap(), "--search", "--json"]);
    let results = found["search"].as_array().unwrap();
    assert_eq!(results.len(), 6);
    assert!(results.iter().any(|one| one["missed"] == true) && results.iter().any(|one| one["missed"] == false));
    let text = mesos_qos(&["replay", "--log", path.to_str().unwrap(), "--search"]).out;
    assert!(text.contains("CPU throughout would have met it"), "{text}");
}

/// A supervisor's answers, of which the second page of events comes on its own.
#[tokio::test]
async fn an_audit_of_a_running_supervisor_tells_the_same_as_its_log() {
    use wiremock::matchers::{header, method, path, query_param, query_param_is_missing};
    use wiremock::{Mock, MockServer, ResponseTemplate};
    let dir = tempfile::tempdir().unwrap();
    let db = log(dir.path(), "i", "step");
    let of_log = document(&["audit", "openmpLinpack1", "--database", db.to_str().unwrap(), "--json"]);
    let uuid = of_log["uuid"].as_str().unwrap();
    let lines = mesos_qos(&["log", "export", "--log", db.to_str().unwrap(), "--job", uuid]).out;
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (first, second) = events.split_at(10);
    let server = MockServer::start().await;
    let page = |items: &[Value], next: Option<&str>| {
        let body = serde_json::json!({"items": items, "next": next});
        ResponseTemplate::new(200).set_body_json(body)
    };
    let events_at = format!("/api/v1/jobs/{uuid}/events");
    let of_operator = || header("authorization", "Bearer secret");
    let first_page = Mock::given(method("GET")).and(path(&events_at)).and(query_param_is_missing("after"));
    first_page.and(of_operator()).respond_with(page(first, Some("10"))).mount(&server).await;
    let second_page = Mock::given(method("GET")).and(path(&events_at)).and(query_param("after", "10"));
    second_page.and(of_operator()).respond_with(page(second, None)).mount(&server).await;
    let token = dir.path().join("token");
    std::fs::write(&token, "secret\n").unwrap();
    let (url, token) = (server.uri(), token.to_str().unwrap().to_owned());
    let uuid = uuid.to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        document(&["audit", &uuid, "--supervisor", &url, "--token-file", &token, "--json"])
    });
    assert_eq!(asked.await.unwrap(), of_log);
}

#[test]
fn a_job_of_which_nothing_was_counted_is_left_out_of_the_answer_about_all_and_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.db");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/schema-1.db"), &path).unwrap();
    let log = path.to_str().unwrap();
    let idle = "61aaf767";
    for (question, jobs, notes) in [
        (vec!["--policy", "predictive", "--draws", "2"], "/counterfactual/jobs", "/counterfactual/notes"),
        (vec!["--search"], "/search", "/search_notes"),
    ] {
        let ask = [["replay", "--log", log].as_slice(), &question].concat();
        let told = document(&[ask.as_slice(), &["--json"]].concat());
        let jobs: Vec<_> =
            told.pointer(jobs).unwrap().as_array().unwrap().iter().map(|job| job["job"].as_str().unwrap()).collect();
        assert!(!jobs.is_empty() && !jobs.iter().any(|job| job.starts_with(idle)), "{jobs:?}");
        let notes = told.pointer(notes).unwrap().to_string();
        assert!(notes.contains(idle) && notes.contains("left out"), "{notes}");
        assert!(mesos_qos(&ask).out.contains("it is left out."));
        let alone = mesos_qos(&[ask.as_slice(), &["--job", idle]].concat());
        assert!(alone.code == Some(1) && alone.err.contains(": there is no work to run again"), "{}", alone.err);
    }
}
