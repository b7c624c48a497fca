//! Credentials that are sent to others, as they stand in a file.

use std::path::Path;

use reqwest::header::HeaderValue;

use super::TokenError;
use super::secret_file::{self, Privacy};

/// The value of an `Authorization` header, such as `Bearer ...`, from a file that the operator provides. It is never shown.
///
/// # Errors
/// When the file cannot be read, everybody can read it, or a header cannot hold its content.
pub fn authorization(path: &Path) -> Result<HeaderValue, TokenError> {
    let content = secret_file::read(path, Privacy::Group)?;
    let text = content.trim_ascii();
    let refused = |found: &str| TokenError::Content {
        path: path.to_owned(),
        expected: "the value of an Authorization header, such as \"Bearer ...\", in one line",
        found: found.to_owned(),
    };
    if !text.contains(&b' ') {
        return Err(refused("one word: the kind, such as Bearer, is missing"));
    }
    let mut value = HeaderValue::from_bytes(text).map_err(|_| refused("characters that a header cannot hold"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn read(content: &str, mode: u32) -> Result<HeaderValue, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        authorization(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_line_of_a_private_file_is_the_header_and_is_not_shown() {
        let value = read("Bearer abc.def\n", 0o640).unwrap();
        assert_eq!(value, "Bearer abc.def");
        assert!(!format!("{value:?}").contains("abc"));
    }

    #[test]
    fn what_no_header_can_be_is_refused_with_the_reason_and_without_the_content() {
        for (content, mode, reason) in [
            ("Bearer secret", 0o644, "chmod"),
            ("secret", 0o600, "the kind, such as Bearer, is missing"),
            ("", 0o600, "the kind"),
            ("Bearer a\nb-secret", 0o600, "a header cannot hold"),
        ] {
            let error = read(content, mode).unwrap_err();
            assert!(error.contains(reason) && !error.contains("secret"), "{content:?}: {error}");
        }
    }
}
