//! What is shipped beside the binary agrees with it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::ffi::OsString;
use std::fs;

use mesos_qos::config::{Layers, Settings};

const EXAMPLE: &str = include_str!("../packaging/mesos-qos.toml");
const UNIT: &str = include_str!("../packaging/mesos-qos.service");

fn load(text: &str, variables: Vec<(OsString, OsString)>) -> Settings {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mesos-qos.toml");
    fs::write(&file, text).unwrap();
    let layers = Layers::collect(vec![], variables, Some(&file)).unwrap();
    Settings::from_layers(&layers).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn the_example_shows_every_default_as_it_is() {
    assert_eq!(load(EXAMPLE, vec![]), Settings::default());
    let example: toml::Table = EXAMPLE.parse().unwrap();
    let defaults: toml::Table = Settings::default().to_toml().unwrap().parse().unwrap();
    for (section, keys) in &defaults {
        for key in keys.as_table().unwrap().keys() {
            // Follows data_dir, so that the example cannot name a value for it.
            let shown = example[section].get(key).is_some() || key == "log_directory";
            assert!(shown, "{section}.{key} is not in the example");
        }
    }
}

#[test]
fn what_the_example_comments_out_would_be_valid_too() {
    let is_setting = |line: &&str| {
        let key = line.split(" = ").next().unwrap_or_default();
        line.contains(" = ") && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    };
    let uncommented = |line: &str| line.strip_prefix("# ").filter(is_setting).unwrap_or(line).to_owned();
    let full: Vec<String> = EXAMPLE.lines().map(uncommented).collect();
    let settings = load(&full.join("\n"), vec![]);
    assert!(settings.tls.key.is_some() && settings.cpu_source.url.is_some() && settings.supervisor.workers.is_some());
}

#[test]
fn the_unit_names_settings_that_exist() {
    let values: Vec<_> = UNIT.lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('=')).collect();
    assert_eq!(values.len(), 3);
    let settings = load(EXAMPLE, values.iter().map(|(name, value)| (name.into(), value.into())).collect());
    assert_eq!(settings.supervisor.data_dir.to_str(), Some("%S/mesos-qos"));
    assert!(UNIT.contains("\nRestart=always\n") && UNIT.contains("\nRestartPreventExitStatus=2\n"));
}
