//! The three places where a setting may be written, and which of them wins: flag, environment, file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::error::Problem;
use super::file::{self, FileEntry};
use super::value::{Raw, Source};

/// What every environment variable of a setting begins with.
pub const ENV_PREFIX: &str = "MESOS_QOS_";

/// Variables with the prefix that are no settings of the supervisor: the first five are read by the commands, the others
/// are given to jobs and tasks.
pub const OTHER_VARIABLES: [&str; 10] = [
    "MESOS_QOS_CONFIG",
    "MESOS_QOS_LOG",
    "MESOS_QOS_SUPERVISOR",
    "MESOS_QOS_TOKEN_FILE",
    "MESOS_QOS_CACERT",
    "MESOS_QOS_UUID",
    "MESOS_QOS_URL",
    "MESOS_QOS_TOKEN",
    "MESOS_QOS_CPU_FACTOR",
    "MESOS_QOS_TASK_KEY",
];

/// A setting given as a command-line flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagValue {
    /// The setting's section.
    pub section: &'static str,
    /// The setting's key.
    pub key: &'static str,
    /// The flag's name, such as `--rest-port`.
    pub flag: &'static str,
    /// The value as it was typed.
    pub value: String,
}

/// Everything that was written, before any of it is checked.
#[derive(Debug, Default)]
pub struct Layers {
    flags: Vec<FlagValue>,
    env: BTreeMap<String, Result<String, ()>>,
    file: Vec<FileEntry>,
}

impl Layers {
    /// Collects flags, those of `variables` that carry the prefix, and the file at `path`, when there is one.
    ///
    /// # Errors
    /// When the file cannot be read or is not TOML.
    pub fn collect(
        flags: Vec<FlagValue>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        path: Option<&Path>,
    ) -> Result<Self, Problem> {
        let env = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().map_err(|_| ()))))
            .filter(|(name, _)| name.starts_with(ENV_PREFIX) && !OTHER_VARIABLES.contains(&name.as_str()))
            .collect();
        let file = path.map(file::read).transpose()?.unwrap_or_default();
        Ok(Layers { flags, env, file })
    }

    /// The value that wins for `section.key`.
    pub fn get(&self, section: &str, key: &str) -> Option<(Raw, Source)> {
        if let Some(flag) = self.flags.iter().find(|flag| flag.section == section && flag.key == key) {
            return Some((Raw::Untyped(flag.value.clone()), Source::Flag(flag.flag)));
        }
        let name = env_name(section, key);
        if let Some(value) = self.env.get(&name) {
            let value = value.clone().map_or(Raw::Other("text that is not UTF-8"), Raw::Untyped);
            return Some((value, Source::Env(name)));
        }
        let entry = self.file.iter().find(|entry| entry.section == section && entry.key == key)?;
        Some((entry.value.clone(), entry.origin.clone()))
    }

    /// Whatever was written that is not among `known` (section, key).
    pub fn unknown(&self, known: &[(&'static str, &'static str)]) -> Vec<Problem> {
        let names: Vec<String> = known.iter().map(|(section, key)| format!("{section}.{key}")).collect();
        let variables: Vec<String> = known.iter().map(|(section, key)| env_name(section, key)).collect();
        let mut sections: Vec<String> = known.iter().map(|(section, _)| (*section).to_owned()).collect();
        sections.dedup();

        let from_file = self.file.iter().filter_map(|entry| {
            let (key, nearest) = if !sections.contains(&entry.section) && !entry.section.is_empty() {
                // The keys of an unknown section say nothing that the section itself does not.
                entry
                    .key
                    .is_empty()
                    .then(|| (format!("[{}]", entry.section), section_like(&entry.section, &sections)))?
            } else if entry.section.is_empty() {
                (entry.key.clone(), key_like(&entry.key, known))
            } else {
                let name = format!("{}.{}", entry.section, entry.key);
                (!entry.key.is_empty() && !names.contains(&name)).then(|| (name.clone(), like(&name, &names)))?
            };
            Some(Problem::Unknown { key, origin: entry.origin.clone(), nearest })
        });
        let from_env = self.env.keys().filter(|name| !variables.contains(name)).map(|name| Problem::Unknown {
            key: name.clone(),
            origin: Source::Env(name.clone()),
            nearest: like(name, &variables),
        });
        from_file.chain(from_env).collect()
    }
}

/// The environment variable of `section.key`.
pub fn env_name(section: &str, key: &str) -> String {
    format!("{ENV_PREFIX}{}_{}", section.to_uppercase(), key.to_uppercase())
}

/// A name of which `written` is the beginning is nearer than any other: it was cut short.
fn like(written: &str, known: &[String]) -> Option<String> {
    let distance = |name: &&String| (!name.starts_with(written), strsim::damerau_levenshtein(written, name));
    known.iter().min_by_key(distance).cloned()
}

fn section_like(written: &str, sections: &[String]) -> Option<String> {
    like(written, sections).map(|section| format!("[{section}]"))
}

/// For a key outside any section: the setting whose own name is most like it.
fn key_like(written: &str, known: &[(&'static str, &'static str)]) -> Option<String> {
    known
        .iter()
        .min_by_key(|(_, key)| strsim::damerau_levenshtein(written, key))
        .map(|(section, key)| format!("{key} in the section [{section}]"))
}
