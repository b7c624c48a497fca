//! Reads `mesos-qos.toml`, keeping the line of each key.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::error::Problem;
use super::value::{Raw, Source};

/// One key of the file. A key outside any section has an empty section; a section itself has an empty key.
#[derive(Debug, Clone, PartialEq)]
pub struct FileEntry {
    /// `[section]`.
    pub section: String,
    /// The key.
    pub key: String,
    /// Its value.
    pub value: Raw,
    /// Its line.
    pub origin: Source,
}

/// The entries of the file at `path`.
///
/// # Errors
/// When it cannot be read or is not TOML.
pub fn read(path: &Path) -> Result<Vec<FileEntry>, Problem> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Problem::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Vec<FileEntry>, Problem> {
    let origin = |offset: usize| Source::File { path: PathBuf::from(path), line: line_of(text, offset) };
    let document = DeTable::parse(text).map_err(|error| Problem::Syntax {
        origin: origin(error.span().map_or(0, |span| span.start)),
        reason: error.message().to_owned(),
    })?;
    let mut entries = Vec::new();
    for (name, value) in document.get_ref() {
        let place = origin(name.span().start);
        let DeValue::Table(keys) = value.get_ref() else {
            let (section, key) = (String::new(), name.get_ref().to_string());
            entries.push(FileEntry { section, key, value: raw(value.get_ref()), origin: place });
            continue;
        };
        let section = name.get_ref().to_string();
        let itself = Raw::Other("a section");
        entries.push(FileEntry { section: section.clone(), key: String::new(), value: itself, origin: place });
        entries.extend(keys.iter().map(|(key, value)| FileEntry {
            section: section.clone(),
            key: key.get_ref().to_string(),
            value: raw(value.get_ref()),
            origin: origin(key.span().start),
        }));
    }
    Ok(entries)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Raw::Other("an integer beyond 64 bits"), |number| Raw::Number(number as f64)),
        DeValue::Float(number) => {
            number.as_str().parse().map_or(Raw::Other("a float that cannot be read"), Raw::Number)
        }
        DeValue::Boolean(value) => Raw::Bool(*value),
        other => Raw::Other(other.type_str()),
    }
}
