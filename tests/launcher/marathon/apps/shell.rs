//! What reaches the container through the shell of the agent.

use mesos_qos::clients::marathon::MarathonVersion;
use mesos_qos::launcher::AgentSettings;
use mesos_qos::launcher::marathon::rewrite::{Trap, rewrite};
use mesos_qos::launcher::marathon::spec::{Program, Spec};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn a_path_with_odd_characters_is_one_word_for_the_agents_shell() {
    let file = load(valid()).unwrap();
    let agent = AgentSettings { executor_path: "/opt/it's $(touch x)/shell_trap".into(), ..agent() };
    let supervisor = "http://s".parse().unwrap();
    let (uuid, version) = (UUID.parse().unwrap(), MarathonVersion::new(1, 5, 6));
    let trap = Trap { uuid, supervisor: &supervisor, token: None, cacert: None, agent: &agent, version };
    let app = rewrite(&file, &trap);
    let words = shlex::split(app["cmd"].as_str().unwrap()).unwrap();
    assert_eq!(words, ["exec", "/opt/it's $(touch x)/shell_trap"]);
    for absent in ["SHELL_TRAP_TOKEN", "SHELL_TRAP_CACERT"] {
        assert!(app["env"].get(absent).is_none(), "{absent}");
    }
}

/// What comes out of the environment of a real task: Mesos runs `cmd` by `sh -c`.
fn through_a_shell(variable: &str, app: &Value) -> String {
    let env = app["env"].as_object().unwrap().iter().map(|(name, value)| (name, value.as_str().unwrap()));
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("exec printenv {variable}")])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(env)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().strip_suffix('\n').unwrap().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing that an author writes is expanded, split or changed by the agent's shell.
    #[test]
    fn the_program_reaches_the_container_exactly(
        cmd in "[^\\x00]{0,40}[$`\"'\\\\;&|<>*?~!# \n\t][^\\x00]{0,40}x",
        args in prop::collection::vec("[^\\x00]{0,20}", 1..4),
        value in "[^\\x00]{0,40}",
        host in "/[^\\x00:]{0,20}",
    ) {
        let container = json!({
            "docker": {"image": "i", "parameters": [{"key": "label", "value": value}]},
            "volumes": [{"hostPath": host, "containerPath": "/b", "mode": "RO"}]
        });
        let env = json!({"A": value, "B": "$HOME $(id) `id`"});
        for program in [json!({"cmd": cmd}), json!({"cmd": null, "args": args})] {
            let mut app = with(program);
            app["container"] = container.clone();
            app["env"] = env.clone();
            let file = load(app.clone()).unwrap();
            let rewritten = rewritten(app);
            let arrived: Spec = serde_json::from_str(&through_a_shell("SHELL_TRAP_SPEC", &rewritten)).unwrap();
            prop_assert_eq!(&arrived, &file.spec);
            match arrived.program.as_ref().unwrap() {
                Program::Shell(arrived) => prop_assert_eq!(arrived, &cmd),
                Program::Args(arrived) => prop_assert_eq!(arrived, &args),
            }
            prop_assert_eq!(&arrived.env["A"], &value);
            prop_assert_eq!(&arrived.env["B"], "$HOME $(id) `id`");
            prop_assert_eq!(&arrived.volumes[0].host, &host);
            prop_assert_eq!(through_a_shell("A", &rewritten), value.as_str());
        }
    }
}
