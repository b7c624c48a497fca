//! The login at Keystone: by password, for a project.

use std::time::{Duration, Instant};

use chrono::DateTime;
use reqwest::header::{HeaderValue, LOCATION};
use reqwest::{Client, Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::address::{base, below};
use super::call::{Answer, Call, send};
use super::message::message_without;
use crate::clients::transport::{TransportError, TransportOptions, build_client};
use crate::credentials::OpenStackCredentials;

/// A proxy may tidy the path once, a load balancer once more.
const REDIRECTS: usize = 3;

/// The domain of users and projects; the published files name no other.
const DOMAIN: &str = "default";

/// A login that did not succeed. No variant holds the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeystoneError {
    /// No answer.
    #[error(transparent)]
    Call(#[from] TransportError),
    /// 401, which has four causes and never says which.
    #[error(
        "{call}: Keystone refuses the login (401). It says so alike when the password is wrong, the user is unknown, the project is unknown, \
         or the user has no role on the project: check username {username:?}, password and project_name {project:?} in the OpenStack credentials"
    )]
    Denied {
        /// Method and URL.
        call: String,
        /// Who.
        username: String,
        /// Where.
        project: String,
    },
    /// It points to another host, where the password does not go.
    #[error(
        "{call}: points to {location}, and the password is sent to no other host: write that address as keystone_url if it is right"
    )]
    Elsewhere {
        /// Method and URL.
        call: String,
        /// Where to.
        location: String,
    },
    /// Any other status that is not a success.
    #[error("{call}: status {status}{}{message}", if message.is_empty() { "" } else { ": " })]
    Status {
        /// Method and URL.
        call: String,
        /// The HTTP status.
        status: u16,
        /// What Keystone said; may be empty.
        message: String,
    },
    /// A success that is no login.
    #[error("{call}: unexpected answer: {reason}")]
    BadAnswer {
        /// Method and URL.
        call: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What a login brings.
#[derive(Debug, Clone)]
pub struct Login {
    /// For `X-Auth-Token`; marked as sensitive.
    pub token: HeaderValue,
    /// When it was asked for: the token lives at least [`Login::lifetime`] from here.
    pub asked: Instant,
    /// Expiry minus issue, both by Keystone's own clock.
    pub lifetime: Duration,
    /// The project that everything sent with the token belongs to.
    pub project: String,
}

/// A client of one Keystone.
#[derive(Debug)]
pub struct Keystone {
    http: Client,
    tokens: Url,
    username: String,
    password: SecretString,
    project: String,
}

#[derive(Deserialize)]
struct Document {
    token: TokenDocument,
}

#[derive(Deserialize)]
struct TokenDocument {
    expires_at: String,
    issued_at: String,
    project: Project,
}

#[derive(Deserialize)]
struct Project {
    id: String,
}

impl Keystone {
    /// A client that has not yet spoken to anybody.
    ///
    /// # Errors
    /// When `options` cannot be met.
    pub fn new(credentials: &OpenStackCredentials, options: &TransportOptions) -> Result<Self, KeystoneError> {
        let mut tokens = below(&base(&credentials.keystone_url, "/v3"), &["v3", "auth", "tokens"]);
        // The catalog can be long, and nothing here reads it.
        tokens.set_query(Some("nocatalog"));
        Ok(Keystone {
            http: build_client(options).map_err(TransportError::from)?,
            tokens,
            username: credentials.username.clone(),
            password: credentials.password.clone(),
            project: credentials.project_name.clone(),
        })
    }

    /// Logs in. Always with the password: a token bought with a token keeps the expiry of the old one.
    ///
    /// # Errors
    /// When Keystone does not answer or refuses.
    pub async fn login(&self) -> Result<Login, KeystoneError> {
        let asked = Instant::now();
        let mut url = self.tokens.clone();
        for _ in 0..=REDIRECTS {
            let call = Call { method: Method::POST, url: url.clone(), token: None, body: Some(self.body()) };
            let answer = send(&self.http, call).await?;
            match answer.status {
                // Any success: 201 is documented.
                200..=299 => return parse(&answer, asked),
                // The only redirects after which a POST stays one.
                307 | 308 => url = self.redirected(&url, &answer)?,
                401 => {
                    let (username, project) = (self.username.clone(), self.project.clone());
                    return Err(KeystoneError::Denied { call: answer.call, username, project });
                }
                status => {
                    // A refusal of the request's form (400) quotes what it does not like.
                    let message = message_without(&answer.body, self.password.expose_secret());
                    return Err(KeystoneError::Status { status, message, call: answer.call });
                }
            }
        }
        let call = format!("{} {}", Method::POST, self.tokens.path());
        Err(KeystoneError::BadAnswer { call, reason: format!("more than {REDIRECTS} redirects in a row") })
    }

    fn redirected(&self, from: &Url, answer: &Answer) -> Result<Url, KeystoneError> {
        let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok());
        let to = location.and_then(|location| from.join(location).ok()).ok_or_else(|| KeystoneError::BadAnswer {
            call: answer.call.clone(),
            reason: format!("status {} without a Location that is an address", answer.status),
        })?;
        if to.origin() != self.tokens.origin() {
            let location = to.origin().ascii_serialization();
            return Err(KeystoneError::Elsewhere { call: answer.call.clone(), location });
        }
        Ok(to)
    }

    fn body(&self) -> Vec<u8> {
        let user = json!({
            "name": self.username, "domain": {"id": DOMAIN}, "password": self.password.expose_secret()
        });
        let body = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": self.project, "domain": {"id": DOMAIN}}}
        }});
        body.to_string().into_bytes()
    }
}

fn parse(answer: &Answer, asked: Instant) -> Result<Login, KeystoneError> {
    let bad = |reason: String| KeystoneError::BadAnswer { call: answer.call.clone(), reason };
    let header = answer.headers.get("X-Subject-Token").filter(|token| !token.is_empty());
    let mut token = header.cloned().ok_or_else(|| bad("the header X-Subject-Token is missing".into()))?;
    token.set_sensitive(true);
    // serde's message can show a value; a token document holds none that is secret.
    let document: Document =
        serde_json::from_slice(&answer.body).map_err(|error| bad(format!("not a token document: {error}")))?;
    let instant = |name: &str, text: &str| {
        DateTime::parse_from_rfc3339(text).map_err(|_| bad(format!("{name} = {text:?} is not an instant")))
    };
    let expires = instant("expires_at", &document.token.expires_at)?;
    let issued = instant("issued_at", &document.token.issued_at)?;
    let lifetime = (expires - issued).to_std().ok().filter(|lifetime| !lifetime.is_zero());
    let lifetime = lifetime.ok_or_else(|| bad("the token expires before it is issued".into()))?;
    Ok(Login { token, asked, lifetime, project: document.token.project.id })
}
