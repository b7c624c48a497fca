//! Reading a credentials file and the checks that all of them share.

use std::fmt;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use reqwest::Url;
use secrecy::SecretString;
use serde_json::{Map, Value};

/// A credentials file is a few hundred bytes; more is a mistake (a device, a log).
const LARGEST: u64 = 64 * 1024;

/// A credentials file that cannot be used: the file, the field when there is one, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialsError {
    /// The file.
    pub path: PathBuf,
    /// The member that is wrong, when it is one.
    pub field: Option<&'static str>,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "credentials file {}: ", self.path.display())?;
        if let Some(field) = self.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for CredentialsError {}

/// What a file held, and what its owner should know.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// The credentials.
    pub value: T,
    /// Sentences for people.
    pub warnings: Vec<String>,
}

/// An opened file: its members, and the errors that name it.
pub struct Document {
    path: PathBuf,
    members: Map<String, Value>,
    warnings: Vec<String>,
}

impl Document {
    /// Reads `path`.
    pub fn read(path: &Path) -> Result<Self, CredentialsError> {
        let fail = |problem: String| CredentialsError { path: path.to_owned(), field: None, problem };
        let file = std::fs::File::open(path).map_err(|error| fail(error.to_string()))?;
        let metadata = file.metadata().map_err(|error| fail(error.to_string()))?;
        let mut text = String::new();
        file.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| fail(error.to_string()))?;
        if text.len() as u64 > LARGEST {
            return Err(fail(format!("larger than {LARGEST} bytes: this is no credentials file")));
        }
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Err(fail("the file is empty: it should hold a JSON object such as {\"url\": ...}".into()));
        }
        let value: Value = serde_json::from_str(text).map_err(|error| {
            // The error tells line and column only: the text around it may be a password.
            fail(format!("not JSON (line {}, column {})", error.line(), error.column()))
        })?;
        let Value::Object(members) = value else {
            return Err(fail("the file should hold one JSON object in braces".into()));
        };
        let mut warnings = Vec::new();
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.display();
            warnings.push(format!("{path} can be read by others (mode {mode:o}): chmod 600 {path}"));
        }
        Ok(Document { path: path.to_owned(), members, warnings })
    }

    /// An error about `field`.
    pub fn error(&self, field: &'static str, problem: impl Into<String>) -> CredentialsError {
        CredentialsError { path: self.path.clone(), field: Some(field), problem: problem.into() }
    }

    /// Whether the file has `field`.
    pub fn has(&self, field: &str) -> bool {
        self.members.contains_key(field)
    }

    /// The member itself; null counts as absent.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.members.get(field).filter(|value| !value.is_null())
    }

    /// A text that must be there.
    pub fn text(&self, field: &'static str) -> Result<&str, CredentialsError> {
        self.optional_text(field)?.ok_or_else(|| self.missing(field))
    }

    /// A text that may be absent.
    pub fn optional_text(&self, field: &'static str) -> Result<Option<&str>, CredentialsError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.error(field, format!("should be a text in quotes, not {}", kind(other)))),
        }
    }

    /// A password that must be there.
    pub fn secret(&self, field: &'static str) -> Result<SecretString, CredentialsError> {
        self.text(field).map(SecretString::from)
    }

    /// The error of an absent member; names a member that looks like a misspelling of it.
    pub fn missing(&self, field: &'static str) -> CredentialsError {
        let near = self.members.keys().find(|key| strsim::damerau_levenshtein(&key.to_lowercase(), field) <= 2);
        match near {
            Some(near) => self.error(field, format!("missing; is {near:?} meant to be it?")),
            None => self.error(field, "missing"),
        }
    }

    /// A service's base address from `text`.
    pub fn url(&self, field: &'static str, text: &str) -> Result<Url, CredentialsError> {
        let url = Url::parse(text.trim())
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| self.error(field, "should be a URL that begins with http:// or https://"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self.error(field, "should not hold a user or password: they have fields of their own"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(self.error(field, "should end after the path, without ? or #"));
        }
        Ok(url)
    }

    /// Hands out the result with the warnings of the file.
    pub fn loaded<T>(self, value: T) -> Loaded<T> {
        Loaded { value, warnings: self.warnings }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
