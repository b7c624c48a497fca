//! How to reach Keystone and Monasca.

use std::path::Path;

use reqwest::Url;
use secrecy::SecretString;

use super::file::{CredentialsError, Document, Loaded};

/// Where Keystone and Monasca are and who asks.
#[derive(Debug, Clone)]
pub struct OpenStackCredentials {
    /// Keystone's base address, without `/v3`.
    pub keystone_url: Url,
    /// Monasca's address, as written.
    pub monasca_url: Url,
    /// The user.
    pub username: String,
    /// The password.
    pub password: SecretString,
    /// The project whose metrics these are.
    pub project_name: String,
}

impl OpenStackCredentials {
    /// Reads the file of `-o`.
    ///
    /// # Errors
    /// When the file is unusable; the error names file and field.
    pub fn read(path: &Path) -> Result<Loaded<Self>, CredentialsError> {
        let document = Document::read(path)?;
        let mut keystone_url = document.url("keystone_url", document.text("keystone_url")?)?;
        let base = keystone_url.path().trim_end_matches('/');
        let base = base.strip_suffix("/v3").unwrap_or(base).to_owned();
        keystone_url.set_path(&base);
        // The published files spell it so; the right spelling is taken too.
        let monasca_url = match document.optional_text("monasca_client_url")? {
            Some(text) => document.url("monasca_client_url", text)?,
            None => document.url("monocasca_client_url", document.text("monocasca_client_url")?)?,
        };
        let credentials = OpenStackCredentials {
            keystone_url,
            monasca_url,
            username: document.text("username")?.to_owned(),
            password: document.secret("password")?,
            project_name: document.text("project_name")?.to_owned(),
        };
        Ok(document.loaded(credentials))
    }
}
