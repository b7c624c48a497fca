//! `{"url","user","password"}`: how to reach Chronos or Marathon.

use std::path::Path;

use reqwest::Url;
use secrecy::SecretString;
use serde_json::Value;

use super::file::{CredentialsError, Document, Loaded};
use crate::qos::ids::Framework;

/// The flag of the supervisor that names the credentials file of a framework.
pub const fn flag_of(framework: Framework) -> &'static str {
    match framework {
        Framework::Chronos => "-c",
        Framework::Marathon => "-m",
    }
}

/// Where a framework's masters are and who asks.
#[derive(Debug, Clone)]
pub struct FrameworkCredentials {
    /// The masters, tried in turn.
    pub urls: Vec<Url>,
    /// The user of HTTP basic authentication; empty when the framework asks for none.
    pub user: String,
    /// The password.
    pub password: SecretString,
}

impl FrameworkCredentials {
    /// Reads the file of `-c`.
    ///
    /// # Errors
    /// When the file is unusable; the error names file and field.
    pub fn read_chronos(path: &Path) -> Result<Loaded<Self>, CredentialsError> {
        Self::from_document(Document::read(path)?)
    }

    /// Reads the file of `-m`.
    ///
    /// # Errors
    /// When the file is unusable; the error names file and field.
    pub fn read_marathon(path: &Path) -> Result<Loaded<Self>, CredentialsError> {
        let document = Document::read(path)?;
        if document.has("keystone_url") {
            return Err(document.error(
                "keystone_url",
                "this file is for OpenStack, and goes to -o. In an older README -m named the OpenStack \
                 (Monasca) credentials; here it names those of Marathon: {\"url\", \"user\", \"password\"}",
            ));
        }
        Self::from_document(document)
    }

    fn from_document(document: Document) -> Result<Loaded<Self>, CredentialsError> {
        let urls = urls(&document)?;
        let (user, password) = match (document.has("user"), document.has("password")) {
            (false, false) => (String::new(), SecretString::from("")),
            _ => (document.text("user")?.to_owned(), document.secret("password")?),
        };
        if user.contains(':') {
            return Err(document.error("user", "should not hold a colon: HTTP basic authentication cannot say it"));
        }
        Ok(document.loaded(FrameworkCredentials { urls, user, password }))
    }
}

fn urls(document: &Document) -> Result<Vec<Url>, CredentialsError> {
    const WISHED: &str = "should be a URL in quotes, or a list of them";
    let texts: Vec<&str> = match document.get("url") {
        None if document.has("keystone_url") => {
            return Err(document.error("url", "missing: this file is for OpenStack, and goes to -o of the supervisor"));
        }
        None => return Err(document.missing("url")),
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().ok_or_else(|| document.error("url", WISHED)))
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(document.error("url", WISHED)),
    };
    if texts.is_empty() {
        return Err(document.error("url", "the list is empty: name at least one master"));
    }
    texts.into_iter().map(|text| document.url("url", text).map(without_api_path)).collect()
}

/// The API prefix is found out; one written into the file would be doubled.
fn without_api_path(mut url: Url) -> Url {
    let path = url.path().trim_end_matches('/');
    let prefixes = ["/v1/scheduler", "/scheduler", "/v2/apps", "/v2"];
    let base = prefixes.iter().find_map(|prefix| path.strip_suffix(prefix)).unwrap_or(path).to_owned();
    url.set_path(&base);
    url
}
