//! Base addresses as people write them, and the paths below them.

use reqwest::Url;

/// `url` without slashes at its end and without `version` there, whichever of them somebody wrote; a path before it stays.
pub(super) fn base(url: &Url, version: &str) -> Url {
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix(version).map_or(path, |before| before.trim_end_matches('/')).to_owned();
    let mut url = url.clone();
    url.set_path(&path);
    url
}

/// The address of `path` below `base`, each part percent-encoded.
pub(super) fn below(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    // Fails only for an address without a host, which no credentials file can hold.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_may_be_written_or_not_and_a_prefix_stays() {
        for (written, expected) in [
            ("http://k:35357", "http://k:35357/v3/auth/tokens"),
            ("http://k:35357/", "http://k:35357/v3/auth/tokens"),
            ("http://k:35357/v3", "http://k:35357/v3/auth/tokens"),
            ("http://k:35357/v3/", "http://k:35357/v3/auth/tokens"),
            ("http://k:35357//v3//", "http://k:35357/v3/auth/tokens"),
            ("https://k/identity", "https://k/identity/v3/auth/tokens"),
            ("https://k/identity/v3/", "https://k/identity/v3/auth/tokens"),
        ] {
            let url = below(&base(&written.parse().unwrap(), "/v3"), &["v3", "auth", "tokens"]);
            assert_eq!(url.as_str(), expected, "{written}");
        }
        let url = below(&base(&"http://m:8070/v2.0".parse().unwrap(), "/v2.0"), &["v2.0", "a b/c"]);
        assert_eq!(url.as_str(), "http://m:8070/v2.0/a%20b%2Fc");
    }
}
