//! The user and password of the cluster's frameworks.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// A credentials file is a few hundred bytes.
const LARGEST: u64 = 64 * 1024;

/// A user and a password for HTTP basic authentication.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who.
    pub user: String,
    /// Never shown in a log.
    pub password: String,
}

impl Credentials {
    /// New random ones.
    pub fn random() -> Self {
        let user = Uuid::new_v4().simple().to_string();
        Credentials { user: format!("local-{}", &user[..8]), password: Uuid::new_v4().simple().to_string() }
    }

    /// Those in a file that [`Credentials::write`] has written; none where there is no such file, or others can read it.
    pub fn kept(path: &Path) -> Option<Self> {
        let kept = read_private(path)?;
        let text = |key: &str| kept[key].as_str().map(str::to_owned);
        Some(Credentials { user: text("user")?, password: text("password")? })
    }

    /// Whether the value of an `Authorization` header carries these.
    pub fn accept(&self, header: &str) -> bool {
        let expected = BASE64_STANDARD.encode(format!("{}:{}", self.user, self.password));
        let Some((scheme, given)) = header.split_once(' ') else { return false };
        scheme.eq_ignore_ascii_case("basic") && bool::from(given.trim().as_bytes().ct_eq(expected.as_bytes()))
    }

    /// Writes a credentials file, `{"url","user","password"}`, that only its owner can read.
    ///
    /// # Errors
    /// When the file system refuses it.
    pub fn write(&self, path: &Path, url: &str) -> io::Result<()> {
        write_private(path, &json!({"url": url, "user": self.user, "password": self.password}))
    }
}

/// Writes a document that only its owner can read.
pub(super) fn write_private(path: &Path, document: &Value) -> io::Result<()> {
    // A new file, renamed into place: an old one might be readable by others, or be read half-written.
    let new = path.with_extension("json.new");
    let _ = std::fs::remove_file(&new);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    writeln!(file, "{document:#}")?;
    std::fs::rename(&new, path)
}

/// A document that only its owner can read.
pub(super) fn read_private(path: &Path) -> Option<Value> {
    let file = std::fs::File::open(path).ok()?;
    let is_private = file.metadata().ok()?.permissions().mode() & 0o077 == 0;
    is_private.then(|| serde_json::from_reader(file.take(LARGEST)).ok())?
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_header_is_accepted() {
        let credentials = Credentials { user: "Aladdin".into(), password: "open sesame".into() };
        assert!(credentials.accept("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        assert!(credentials.accept("basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        for wrong in ["", "Basic", "Basic ", "Basic QWxhZGRpbjpvcGVu", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ=="] {
            assert!(!credentials.accept(wrong), "{wrong:?}");
        }
        assert!(!format!("{credentials:?}").contains("sesame"));
        assert_ne!(Credentials::random(), Credentials::random());
    }

    #[test]
    fn the_file_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chronos.json");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        Credentials::random().write(&path, "http://127.0.0.1:1").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(read["url"], "http://127.0.0.1:1");
    }

    #[test]
    fn what_only_its_owner_can_read_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chronos.json");
        assert_eq!(Credentials::kept(&path), None);
        let written = Credentials::random();
        written.write(&path, "http://127.0.0.1:1").unwrap();
        assert_eq!(Credentials::kept(&path), Some(written));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        assert_eq!(Credentials::kept(&path), None, "somebody else may know them");
        std::fs::remove_file(&path).unwrap();
        write_private(&path, &json!({"url": "x", "user": 7})).unwrap();
        assert_eq!(Credentials::kept(&path), None);
    }
}
