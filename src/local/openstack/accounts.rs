//! Who may log in, and what they may do.

use std::fmt;
use std::io;
use std::path::Path;

use serde_json::json;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::local::credentials::{read_private, write_private};

/// What an account may do at Monasca; names as its default policy has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    User,
    /// Send metrics.
    Agent,
    /// Read.
    ReadOnly,
    /// Nothing: Monasca knows no such role.
    Member,
}

impl Role {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Role::User => "monasca-user",
            Role::Agent => "monasca-agent",
            Role::ReadOnly => "monasca-read-only-user",
            Role::Member => "member",
        }
    }
}

/// A user with a role on a project, both in the default domain.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Who.
    pub username: String,
    /// Never shown in a log.
    pub password: String,
    /// On which project.
    pub project: String,
    /// May do what; an account without a role cannot log in.
    pub role: Option<Role>,
}

impl Account {
    /// One that may do everything, with a random password.
    pub fn random() -> Self {
        let random = Uuid::new_v4().simple().to_string();
        Account {
            username: format!("local-{}", &random[..8]),
            password: Uuid::new_v4().simple().to_string(),
            project: "local".into(),
            role: Some(Role::User),
        }
    }

    /// The one in a file that [`Account::write`] has written, and which may do everything; none where there is no such file, or others
    /// can read it.
    pub fn kept(path: &Path) -> Option<Self> {
        let kept = read_private(path)?;
        let text = |key: &str| kept[key].as_str().map(str::to_owned);
        let (username, password, project) = (text("username")?, text("password")?, text("project_name")?);
        Some(Account { username, password, project, role: Some(Role::User) })
    }

    /// Writes a credentials file that only its owner can read.
    ///
    /// # Errors
    /// When the file system refuses it.
    pub fn write(&self, path: &Path, keystone_url: &str, monasca_url: &str) -> io::Result<()> {
        let text = json!({
            "keystone_url": keystone_url, "monasca_client_url": monasca_url, "username": self.username,
            "password": self.password, "project_name": self.project
        });
        write_private(path, &text)
    }

    pub(super) fn accepts(&self, username: &str, password: &str) -> bool {
        self.username == username && bool::from(self.password.as_bytes().ct_eq(password.as_bytes()))
    }

    /// The project's id: of the form that Keystone gives, and the same for everybody on it.
    pub(super) fn project_id(&self) -> String {
        Uuid::from_bytes(digest(&self.project)).simple().to_string()
    }

    pub(super) fn user_id(&self) -> String {
        Uuid::from_bytes(digest(&self.username)).simple().to_string()
    }
}

fn digest(text: &str) -> [u8; 16] {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(text.as_bytes());
    std::array::from_fn(|i| digest[i])
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("username", &self.username).field("role", &self.role).finish_non_exhaustive()
    }
}
