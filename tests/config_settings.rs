//! `mesos-qos.toml`, environment and flags become settings, or errors that say what would be right.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::ffi::OsString;
use std::io::Write;

use mesos_qos::config::{AuthMode, FlagValue, LogFormat, PolicyName, Settings};
use mesos_qos::qos::units::{Cpus, Span};

fn load(file: &str, env: &[(&str, &str)], flags: Vec<FlagValue>) -> Result<Settings, String> {
    let mut on_disk = tempfile::Builder::new().prefix("mesos-qos").suffix(".toml").tempfile().unwrap();
    on_disk.write_all(file.as_bytes()).unwrap();
    let env = env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let name = on_disk.path().display().to_string();
    Settings::load(flags, env, Some(on_disk.path().into())).map_err(|error| error.to_string().replace(&name, "FILE"))
}

fn port(value: &str) -> Vec<FlagValue> {
    vec![FlagValue { section: "supervisor", key: "port", flag: "--rest-port", value: value.into() }]
}

#[test]
fn defaults_are_the_published_ones() {
    let settings = Settings::default();
    assert_eq!((settings.supervisor.listen.to_string().as_str(), settings.supervisor.port), ("0.0.0.0", 30_000));
    assert_eq!(settings.supervisor.log_directory, settings.supervisor.data_dir.join("log"));
    assert_eq!(settings.supervisor.log_format, LogFormat::Text);
    assert_eq!(settings.elasticity.policy, PolicyName::Predictive);
    assert_eq!(settings.elasticity.cpu_max_slave, Cpus::from_milli(2000));
    assert_eq!(settings.elasticity.cpu_min_slave, Cpus::from_milli(100));
    assert_eq!(settings.elasticity.cpu_increment, Cpus::from_milli(400));
    assert_eq!(settings.elasticity.cpu_decrement, Cpus::from_milli(400));
    assert_eq!(settings.elasticity.deployment_time, Span::from_secs(45));
    assert_eq!(settings.elasticity.monitoring_period, Span::from_secs(120));
    assert_eq!(settings.chronos.judge_interval, Span::from_secs(10));
    assert_eq!(settings.auth.mode, AuthMode::Required);
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file = "[supervisor]\nport = 1\n[elasticity]\ncpu_increment = 0.25\n";
    let env = [("MESOS_QOS_SUPERVISOR_PORT", "2")];
    assert_eq!(load(file, &[], vec![]).unwrap().supervisor.port, 1);
    assert_eq!(load(file, &env, vec![]).unwrap().supervisor.port, 2);
    let all = load(file, &env, port("3")).unwrap();
    assert_eq!(all.supervisor.port, 3);
    assert_eq!(all.elasticity.cpu_increment, Cpus::from_milli(250));
}

#[test]
fn an_unknown_key_is_an_error_that_names_the_nearest_known_one() {
    let error = load("[elasticity]\n\ncpu_incremnt = 0.4\n", &[], vec![]).unwrap_err();
    assert_eq!(error, "unknown setting elasticity.cpu_incremnt (FILE:3): did you mean elasticity.cpu_increment?");
    let error = load("[elastic]\npolicy = \"step\"\n", &[], vec![]).unwrap_err();
    assert_eq!(error, "unknown setting [elastic] (FILE:1): did you mean [elasticity]?");
    let error = load("prot = 5\n", &[], vec![]).unwrap_err();
    assert_eq!(error, "unknown setting prot (FILE:1): did you mean port in the section [supervisor]?");
    let error = load("[chronos.inner]\nx = 1\n", &[], vec![]).unwrap_err();
    assert!(error.contains("unknown setting chronos.inner"), "{error}");
}

#[test]
fn an_unknown_environment_variable_is_an_error_too() {
    let error = load("", &[("MESOS_QOS_SUPERVISOR_PROT", "5")], vec![]).unwrap_err();
    assert!(error.contains("did you mean MESOS_QOS_SUPERVISOR_PORT?"), "{error}");
    // What the commands read is no setting, and other programs' variables do not concern us.
    let others = [("MESOS_QOS_SUPERVISOR", "http://x"), ("MESOS_QOS_LOG", "debug"), ("PATH", "/bin")];
    assert!(load("", &others, vec![]).is_ok());
}

#[test]
fn a_wrong_value_is_named_with_its_place_and_what_would_be_right() {
    let error = load("[supervisor]\nport = \"30000\"\n", &[], vec![]).unwrap_err();
    assert_eq!(error, "supervisor.port = \"30000\" (FILE:2): expected a whole number from 0 to 65535");
    let error = load("", &[("MESOS_QOS_ELASTICITY_DEPLOYMENT_TIME", "45s")], vec![]).unwrap_err();
    assert_eq!(
        error,
        "elasticity.deployment_time = \"45s\" (environment variable MESOS_QOS_ELASTICITY_DEPLOYMENT_TIME): \
         expected a number of seconds from 0 to 86400"
    );
    let error = load("", &[], port("65536")).unwrap_err();
    assert_eq!(error, "supervisor.port = \"65536\" (flag --rest-port): expected a whole number from 0 to 65535");
    for (file, expected) in [
        ("[supervisor]\nlisten = \"localhost\"", "expected an IP address"),
        ("[supervisor]\nport = 1.5", "expected a whole number"),
        ("[supervisor]\nmax_failures = 0", "expected a whole number from 1"),
        ("[supervisor]\ndata_dir = \"\"", "expected a path"),
        ("[supervisor]\nlog_format = \"xml\"", "expected one of \"text\", \"json\""),
        (
            "[elasticity]\npolicy = \"predicitve\"",
            "expected one of \"predictive\", \"step\", \"proportional\", \"pid\", \"fixed\"; did you mean \"predictive\"?",
        ),
        ("[elasticity]\npredictive_target = 1.2", "expected a number from 0.01 to 1"),
        ("[elasticity]\npid_integral = -1", "expected a number from 0 to 100"),
        ("[elasticity]\ncpu_increment = 0.0001", "from 0.001 to 100000"),
        ("[elasticity]\nsleeping_time = nan", "a number of seconds from 0"),
        ("[elasticity]\nsleeping_time = -1", "a number of seconds from 0"),
        ("[elasticity]\ndry_run = \"yes\"", "expected true or false"),
        ("[metrics]\nmonasca = [1]", "expected true or false"),
        ("[cpu_source]\nurl = \"ftp://x\"", "expected a URL"),
    ] {
        let error = load(file, &[], vec![]).unwrap_err();
        assert!(error.contains(expected), "{file}: {error}");
    }
}

#[test]
fn values_that_do_not_go_together_are_refused() {
    for (file, expected) in [
        (
            "[elasticity]\ncpu_min_slave = 3",
            "elasticity.cpu_min_slave = 3 (FILE:2): must not be above elasticity.cpu_max_slave = 2",
        ),
        (
            "[elasticity]\nnode_cpus = 1",
            "elasticity.cpu_max_slave = 2 (default): must not be above elasticity.node_cpus = 1",
        ),
        ("[elasticity]\nnode_cpus = 4\ncluster_cpus = 3", "must not be below elasticity.node_cpus = 4"),
        ("[tls]\ncertificate = \"c.pem\"", "needs tls.key too"),
        ("[tls]\nkey = \"k.pem\"", "needs tls.certificate too"),
        ("[cpu_source]\nkind = \"mesos\"", "needs cpu_source.url too"),
        ("[cpu_source]\nkind = \"monasca\"", "needs supervisor.credentials_openstack (-o) too"),
        ("[openstack]\nrequest_timeout = 1", "must not be above openstack.request_timeout = 1"),
        ("[webhooks]\nurl = \"http://u:p@h/\"", "should not hold a user or password"),
        ("[cpu_source]\nkind = \"prometheus\"", "needs prometheus.url too"),
        ("[prometheus]\nconnect_timeout = 20", "must not be above prometheus.request_timeout = 10"),
        ("[prometheus]\nmetric = \"up or vector(1)\"", "expected the name of a metric"),
        ("[prometheus]\nlabel = \"a:b\"", "expected the name of a label"),
        ("[prometheus]\nlabel = \"1\"", "expected the name of a label"),
        ("[marathon]\nconnect_timeout = 20", "must not be above marathon.request_timeout = 10"),
        ("[chronos]\nrequest_timeout = 1", "must not be above chronos.request_timeout = 1"),
        ("[auth]\nmode = \"off\"", "only for a loopback address"),
        ("[auth]\nhosts = \"qos.example:443\"", "expected names of hosts without ports"),
    ] {
        let error = load(file, &[], vec![]).unwrap_err();
        assert!(error.contains(expected), "{file}: {error}");
    }
    assert!(load("[auth]\nmode = \"off\"\n[supervisor]\nlisten = \"::1\"", &[], vec![]).is_ok());
    assert!(load("[auth]\nmode = \"off\"\nforce_off = true", &[], vec![]).is_ok());
    for place in ["cpu_source", "prometheus"] {
        let file = format!("cpu_source.kind = \"prometheus\"\n{place}.url = \"http://host:9090/prometheus\"");
        assert!(load(&file, &[], vec![]).is_ok(), "{file}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let error = load("[supervisor]\nport = -1\nlisten = 5\nnope = 1\n", &[], vec![]).unwrap_err();
    assert!(error.starts_with("3 settings are wrong:"), "{error}");
    for part in ["supervisor.port = -1 (FILE:2)", "supervisor.listen = 5 (FILE:3)", "supervisor.nope (FILE:4)"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_file_that_is_not_toml_is_named_with_its_line() {
    let error = load("[supervisor]\nport 5\n", &[], vec![]).unwrap_err();
    assert!(error.starts_with("FILE:2: not TOML:"), "{error}");
    let missing = Settings::load(vec![], [], Some("/nowhere/mesos-qos.toml".into())).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/mesos-qos.toml"), "{missing}");
}

#[test]
fn printed_settings_read_back_the_same_and_hold_no_password() {
    let file =
        "[cpu_source]\nkind = \"mesos\"\nurl = \"http://reader:hunter2@metrics:9090/\"\n[supervisor]\nport = 7\n";
    let settings = load(file, &[], vec![]).unwrap();
    let printed = settings.to_toml().unwrap();
    assert!(!printed.contains("hunter2") && !printed.contains("reader"), "{printed}");
    let mut again = load(&printed, &[], vec![]).unwrap();
    again.cpu_source.url.clone_from(&settings.cpu_source.url);
    assert_eq!(again, settings);
}
