//! Tokens that stand in a file: the operator's, and that of a metrics scraper.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::TokenError;
use super::secret_file::{self, Privacy};

/// The operator token's file in the data directory.
pub const OPERATOR_TOKEN_FILE: &str = "operator.token";

/// A token can be guessed when it is shorter.
const SHORTEST: usize = 20;

/// A token as it stands in a file. Holds its digest only: nothing in memory can be shown by mistake.
pub struct StoredToken {
    digest: [u8; 32],
    path: PathBuf,
}

impl StoredToken {
    /// The operator token in `data_dir`, made at the first start: 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the file cannot be read or made, or others can read it.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, TokenError> {
        let path = data_dir.join(OPERATOR_TOKEN_FILE);
        let fresh = Zeroizing::new(rand::random::<[u8; 32]>());
        let line = Zeroizing::new(hex::encode(*fresh) + "\n");
        secret_file::create_if_absent(&path, line.as_bytes())?;
        Self::read(path, Privacy::Owner)
    }

    /// The token in a file that the operator provides.
    ///
    /// # Errors
    /// When the file cannot be read, everybody can read it, or it holds no usable token.
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        Self::read(path.to_owned(), Privacy::Group)
    }

    /// Where the token stands; the path may be shown.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether `presented` is this token; takes the same time whichever character is wrong.
    pub fn verify(&self, presented: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        self.digest.ct_eq(&presented).into()
    }

    /// A digest of `secret` that holds for this token only: with another token in the file it is another one.
    pub fn bind(&self, secret: &[u8]) -> [u8; 32] {
        Sha256::new().chain_update(self.digest).chain_update(secret).finalize().into()
    }

    fn read(path: PathBuf, privacy: Privacy) -> Result<Self, TokenError> {
        let content = secret_file::read(&path, privacy)?;
        let token = content.trim_ascii();
        let refused = |path, found: String| TokenError::Content {
            path,
            expected: "a token of at least 20 letters, digits or the signs -._~+/=",
            found,
        };
        if token.len() < SHORTEST {
            return Err(refused(path, format!("{} characters", token.len())));
        }
        // What a bearer token may consist of (RFC 6750): anything else would not survive the header.
        if !token.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte)) {
            return Err(refused(path, "other characters".into()));
        }
        Ok(StoredToken { digest: Sha256::digest(token).into(), path })
    }
}

impl fmt::Debug for StoredToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredToken({})", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(content: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    #[test]
    fn the_operator_token_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let first = StoredToken::load_or_create(dir.path()).unwrap();
        let text = fs::read_to_string(first.path()).unwrap();
        assert_eq!(fs::metadata(first.path()).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(text.trim().len(), 64);
        let again = StoredToken::load_or_create(dir.path()).unwrap();
        assert!(first.verify(text.trim()) && again.verify(text.trim()));
        assert!(!again.verify("") && !again.verify(&text.trim()[1..]));
        assert!(!format!("{again:?}").contains(text.trim()));
    }

    #[test]
    fn a_provided_token_is_checked() {
        let (_dir, path) = file("correct-horse-battery-staple\n", 0o640);
        assert!(StoredToken::load(&path).unwrap().verify("correct-horse-battery-staple"));

        let (_dir, path) = file("correct-horse-battery-staple\n", 0o644);
        let error = StoredToken::load(&path).unwrap_err().to_string();
        assert!(error.contains("has mode 0644: every user of this machine"), "{error}");

        for (content, found) in
            [("short", "found 5 characters"), ("with spaces is no bearer token", "other characters")]
        {
            let (_dir, path) = file(content, 0o600);
            let error = StoredToken::load(&path).unwrap_err().to_string();
            assert!(error.contains(found) && !error.contains(content), "{error}");
        }
    }
}
