//! `mesos-qos monasca` against the real monasca-api, which keeps alarm definitions and notification methods in its database.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::cli::Cli;
use crate::helpers::on_actix;
use crate::rig::{Rig, rig};

/// The command, by this account; the directory is its credentials'.
fn command(rig: &Rig, username: &str, password: &str) -> (Cli, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let file = rig.credentials_file(dir.path(), username, password);
    (Cli { file }, dir)
}

fn user(rig: &Rig) -> (Cli, tempfile::TempDir) {
    command(rig, "user_monasca", "123456")
}

/// What monasca-api has below `path`, asked for without the client under test, of those whose name begins so.
async fn at_the_interface(rig: &Rig, path: &str, prefix: &str) -> BTreeMap<String, Value> {
    let all = rig.get(path).await;
    let of_these = |one: &&Value| one["name"].as_str().unwrap().starts_with(prefix);
    let found: Vec<&Value> = all["elements"].as_array().unwrap().iter().filter(of_these).collect();
    let by_name: BTreeMap<_, _> =
        found.iter().map(|one| (one["name"].as_str().unwrap().to_owned(), (*one).clone())).collect();
    assert_eq!(by_name.len(), found.len(), "a name stands twice: {found:?}");
    by_name
}

#[test]
fn setup_makes_its_alarms_at_the_real_monasca_and_a_second_run_changes_nothing() {
    on_actix(async {
        let rig = rig();
        // Whoever asks gives up after ten seconds, and each command logs in: nobody else is to keep Keystone busy.
        let _mine = rig.alone().await;
        let (cli, _dir) = user(rig);
        let hook = format!("{}/hook", rig.monasca);
        let setup = ["setup", "--prefix", "setup", "--email", "ops@example.com", "--webhook", &hook];
        let first = cli.json(&setup);
        let first = first.as_array().unwrap();
        assert!(first.len() == 5 && first.iter().all(|one| one["created"] == true), "{first:?}");

        let methods = at_the_interface(rig, "notification-methods", "setup").await;
        let seen: Vec<_> = methods.values().map(|one| (&one["type"], &one["address"], &one["period"])).collect();
        assert_eq!(
            seen,
            [(&json!("EMAIL"), &json!("ops@example.com"), &json!(0)), (&json!("WEBHOOK"), &json!(hook), &json!(0))]
        );
        let ids: BTreeSet<&str> = methods.values().map(|one| one["id"].as_str().unwrap()).collect();
        let alarms = at_the_interface(rig, "alarm-definitions", "setup").await;
        assert_eq!(alarms.len(), 3, "{alarms:?}");
        for (name, alarm) in &alarms {
            let told = |action: &str| -> BTreeSet<&str> {
                alarm[action].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect()
            };
            assert_eq!((told("alarm_actions"), told("ok_actions")), (ids.clone(), ids.clone()), "{name}");
            assert!(told("undetermined_actions").is_empty(), "{name}");
            assert_eq!(alarm["actions_enabled"], true, "{name}");
            // Each job has an alarm of its own; the order is Monasca's.
            let by: BTreeSet<&str> =
                alarm["match_by"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
            assert_eq!(by, BTreeSet::from(["jobname", "uuid"]), "{name}");
        }

        let again = cli.json(&setup);
        assert!(again.as_array().unwrap().iter().all(|one| one["created"] == false), "{again}");
        assert_eq!(at_the_interface(rig, "notification-methods", "setup").await, methods);
        assert_eq!(at_the_interface(rig, "alarm-definitions", "setup").await, alarms);
        // With one gone, that one is made and no other.
        let gone = alarms.keys().next().unwrap();
        assert_eq!(cli.text(&["alarm", "delete", gone]), "deleted 1\n");
        let mended = cli.json(&setup);
        let new: Vec<&Value> = mended.as_array().unwrap().iter().filter(|one| one["created"] == true).collect();
        assert!(new.len() == 1 && new[0]["definition"]["name"] == gone.as_str(), "{mended}");
        // What would say something else under the same name is told, and not changed.
        let other = cli.error(&["setup", "--prefix", "setup", "--email", "else@example.com"]);
        assert!(other.contains("another notification method") && other.contains("address"), "{other}");
    });
}

#[test]
fn alarms_from_flags_and_from_a_file_are_made_listed_and_deleted_by_name_at_the_real_monasca() {
    on_actix(async {
        let rig = rig();
        let _mine = rig.alone().await;
        let (cli, dir) = user(rig);
        let method = cli.json(&["notification", "create", "own hook", "webhook", &rig.monasca, "--period", "60"]);
        let id = method["id"].as_str().unwrap();
        let create = [
            "alarm",
            "create",
            "own late",
            "last(prediction_vs_deadline) gt 60",
            "--severity",
            "critical",
            "--match-by",
            "jobname,uuid",
            "--alarm-action",
            "own hook",
            "--ok-action",
            id,
            "--undetermined-action",
            "own hook",
        ];
        assert!(cli.text(&create).starts_with("created "));
        assert!(cli.text(&create).starts_with("exists "), "the same again is no error");

        let file = dir.path().join("alarm.json");
        let from_file = json!({"name": "own file", "expression": "min(current_cpu{framework=chronos}, 120) < 0.2 times 3",
            "description": "hardly any left", "severity": "HIGH", "match_by": ["uuid"], "alarm_actions": [id]});
        std::fs::write(&file, from_file.to_string()).unwrap();
        let create_from_file = ["alarm", "create", "--file", file.to_str().unwrap()];
        assert!(cli.text(&create_from_file).starts_with("created "));
        assert!(cli.text(&create_from_file).starts_with("exists "));

        let there = at_the_interface(rig, "alarm-definitions", "own").await;
        assert_eq!(there.keys().collect::<Vec<_>>(), ["own file", "own late"]);
        for (member, wanted) in from_file.as_object().unwrap() {
            assert_eq!(&there["own file"][member], wanted, "{member}");
        }
        let late = &there["own late"];
        assert_eq!((&late["severity"], &late["expression"]), (&json!("CRITICAL"), &json!(create[3])));
        for action in ["alarm_actions", "ok_actions", "undetermined_actions"] {
            assert_eq!(late[action], json!([id]), "{action}");
        }
        let list = cli.text(&["alarm", "list"]);
        assert!(list.contains("own file") && list.contains("last(prediction_vs_deadline) gt 60"), "{list}");

        let other = cli.error(&["alarm", "create", "own late", "max(current_cpu) > 1"]);
        assert!(other.contains("delete it, or choose another name"), "{other}");
        let wrong = cli.error(&["alarm", "create", "own wrong", "max("]);
        assert!(wrong.contains("422") && wrong.contains("expression"), "{wrong}");
        let (reader, _dir) = command(rig, "reader", "reader of the tests");
        assert!(reader.text(&["alarm", "list"]).contains("own late"));
        let refused = reader.error(&["alarm", "create", "own by the reader", "max(current_cpu) > 1"]);
        assert!(refused.contains("monasca-user"), "{refused}");

        assert_eq!(cli.text(&["alarm", "delete", "own late", "own file", "own none"]), "deleted 2\n");
        assert_eq!(cli.text(&["alarm", "delete", "own late"]), "deleted 0\n", "gone already is no error");
        assert!(at_the_interface(rig, "alarm-definitions", "own").await.is_empty());
        assert!(cli.text(&["notification", "get", "own hook"]).contains(id));
        assert_eq!(cli.text(&["notification", "delete", "own hook"]), "deleted 1\n");
        assert!(at_the_interface(rig, "notification-methods", "own").await.is_empty());
    });
}
