//! The secret that signs notices.

use std::fmt;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;

use super::TokenError;
use super::secret_file::{self, Privacy};

/// The secret's file in the data directory.
pub const WEBHOOK_SECRET_FILE: &str = "webhook.secret";

/// A secret can be guessed when it is shorter.
const SHORTEST: usize = 16;

/// Signs notices, so that their receiver knows whom they come from.
pub struct WebhookSecret(SecretBox<Vec<u8>>);

impl WebhookSecret {
    /// The secret in `file`, or else the one in `data_dir`, which is made when it is missing: 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the file cannot be read or made, others can read it, or it holds less than 16 characters.
    pub fn load(file: Option<&Path>, data_dir: &Path) -> Result<Self, TokenError> {
        let own = data_dir.join(WEBHOOK_SECRET_FILE);
        let (path, privacy) = match file {
            Some(file) => (file, Privacy::Group),
            None => {
                let made = DirBuilder::new().recursive(true).mode(0o700).create(data_dir);
                made.map_err(|source| TokenError::Io { action: "create", path: data_dir.to_owned(), source })?;
                let fresh = Zeroizing::new(rand::random::<[u8; 32]>());
                let line = Zeroizing::new(hex::encode(*fresh) + "\n");
                secret_file::create_if_absent(&own, line.as_bytes())?;
                (own.as_path(), Privacy::Owner)
            }
        };
        let content = secret_file::read(path, privacy)?;
        let secret = content.trim_ascii();
        if secret.len() < SHORTEST {
            let (path, found) = (path.to_owned(), format!("{} characters", secret.len()));
            return Err(TokenError::Content { path, expected: "a secret of at least 16 characters", found });
        }
        Ok(WebhookSecret(SecretBox::new(Box::new(secret.to_vec()))))
    }

    /// `t=<seconds>,v1=<hex>`: HMAC-SHA256 under the secret of the seconds since 1970, a dot and the body. The instant lets the receiver
    /// refuse what somebody recorded and sends again.
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    pub fn sign(&self, seconds: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("HMAC takes a key of any length");
        mac.update(format!("{seconds}.").as_bytes());
        mac.update(body);
        format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_hmac_of_instant_and_body() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        std::fs::write(&file, "a secret of some length\n").unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, private).unwrap();
        let secret = WebhookSecret::load(Some(&file), dir.path()).unwrap();
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 'a secret of some length'
        let expected = "e09db3ce6e6e8f9b633a62851e5074a9e9148ac19b1c0e1a8f7c352380be630b";
        assert_eq!(secret.sign(1_700_000_000, br#"{"a":1}"#), format!("t=1700000000,v1={expected}"));
        assert!(!format!("{secret:?}").contains("length"));
    }

    #[test]
    fn a_secret_is_made_once_and_a_short_one_refused() {
        let dir = tempfile::tempdir().unwrap();
        let sign = || WebhookSecret::load(None, dir.path()).unwrap().sign(1, b"x");
        assert_eq!(sign(), sign());
        let file = dir.path().join(WEBHOOK_SECRET_FILE);
        std::fs::write(&file, "short").unwrap();
        let error = WebhookSecret::load(None, dir.path()).unwrap_err().to_string();
        assert!(error.contains("at least 16 characters"), "{error}");
    }
}
