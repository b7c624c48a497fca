//! The key of all job tokens.

use std::fmt;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::Sha256;

use super::TokenError;
use super::secret_file::{self, Privacy};
use crate::qos::ids::JobId;

/// The key's file in the data directory.
pub const KEY_FILE: &str = "callback.key";

const KEY_BYTES: usize = 32;

/// Derives the token of each job. Whoever has it can report for every job.
#[derive(Debug)]
pub struct CallbackKey(SecretBox<[u8; KEY_BYTES]>);

impl CallbackKey {
    /// The key in `data_dir`, made at the first start.
    ///
    /// # Errors
    /// When the file cannot be read or made, has another length, or others can read it.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, TokenError> {
        let path = data_dir.join(KEY_FILE);
        let fresh = Zeroizing::new(rand::random::<[u8; KEY_BYTES]>());
        secret_file::create_if_absent(&path, &*fresh)?;
        let content = secret_file::read(&path, Privacy::Owner)?;
        let key = <[u8; KEY_BYTES]>::try_from(content.as_slice()).map_err(|_| TokenError::Content {
            path,
            expected: "a key of exactly 32 bytes",
            found: format!("{} bytes", content.len()),
        })?;
        Ok(CallbackKey(SecretBox::new(Box::new(key))))
    }

    /// The token that opens `job`'s callbacks.
    pub fn job_token(&self, job: &JobId) -> JobToken {
        JobToken(hex::encode(self.mac(job).finalize().into_bytes()).into())
    }

    /// Whether `presented` is `job`'s token; takes the same time whichever character is wrong.
    pub fn verify(&self, job: &JobId, presented: &str) -> bool {
        let mut given = [0u8; KEY_BYTES];
        hex::decode_to_slice(presented, &mut given).is_ok() && self.mac(job).verify_slice(&given).is_ok()
    }

    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    fn mac(&self, job: &JobId) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("HMAC takes a key of any length");
        mac.update(job.as_bytes());
        mac
    }
}

/// A job's own token: 64 hexadecimal digits. Shown only where it is asked for by [`JobToken::expose`].
pub struct JobToken(SecretString);

impl JobToken {
    /// The token itself, for the answer to the registration.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for JobToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_opens_its_own_job_only_and_survives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let (mine, other) = (JobId::random(), JobId::random());
        let key = CallbackKey::load_or_create(dir.path()).unwrap();
        let token = key.job_token(&mine);
        assert!(key.verify(&mine, token.expose()));
        assert!(!key.verify(&other, token.expose()));

        let again = CallbackKey::load_or_create(dir.path()).unwrap();
        assert!(again.verify(&mine, token.expose()));
        let elsewhere = tempfile::tempdir().unwrap();
        assert!(!CallbackKey::load_or_create(elsewhere.path()).unwrap().verify(&mine, token.expose()));
    }

    #[test]
    fn the_token_is_the_hmac_of_the_uuid() {
        // Computed with another implementation (openssl dgst -sha256 -mac HMAC).
        let dir = tempfile::tempdir().unwrap();
        secret_file::create_if_absent(&dir.path().join(KEY_FILE), &[7; 32]).unwrap();
        let key = CallbackKey::load_or_create(dir.path()).unwrap();
        let job = JobId::from_bytes([1; 16]);
        assert_eq!(key.job_token(&job).expose(), "139ce5e99f636d2ce9bde16251fe84176697fc96368ca111687c19c7920d0313");
    }

    #[test]
    fn anything_else_is_not_a_token() {
        let dir = tempfile::tempdir().unwrap();
        let key = CallbackKey::load_or_create(dir.path()).unwrap();
        let job = JobId::random();
        let token = key.job_token(&job).expose().to_owned();
        for wrong in ["", "zz", &token[1..], &format!("{token}00"), &"0".repeat(64), "ключ"] {
            assert!(!key.verify(&job, wrong), "{wrong}");
        }
    }

    #[test]
    fn a_key_that_others_can_read_or_of_another_length_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        CallbackKey::load_or_create(dir.path()).unwrap();
        let path = dir.path().join(KEY_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = CallbackKey::load_or_create(dir.path()).unwrap_err().to_string();
        assert!(error.contains("callback.key has mode 0640") && error.contains("chmod 0600"), "{error}");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, [0; 31]).unwrap();
        let error = CallbackKey::load_or_create(dir.path()).unwrap_err().to_string();
        assert!(error.contains("exactly 32 bytes, found 31 bytes"), "{error}");
    }

    #[test]
    fn nothing_secret_is_shown_by_debug() {
        let dir = tempfile::tempdir().unwrap();
        let key = CallbackKey::load_or_create(dir.path()).unwrap();
        let token = key.job_token(&JobId::random());
        let shown = format!("{key:?} {token:?}");
        assert_eq!(shown, "CallbackKey(SecretBox<[u8; 32]>([REDACTED])) JobToken(..)");
    }
}
