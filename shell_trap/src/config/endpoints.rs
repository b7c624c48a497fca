//! Where the supervisor listens.

use anyhow::{Context as _, Result, ensure};
use hyper::Uri;

use crate::id::JobId;

/// The three addresses that reports go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// `POST /initMarathonApp`
    pub init: Uri,
    /// `POST /endMarathonApp`
    pub end: Uri,
    base: String,
}

impl Endpoints {
    /// From the base address `http(s)://host:port`.
    ///
    /// # Errors
    /// When it is no such address.
    pub fn of(base: &str) -> Result<Self> {
        let base = base.trim_end_matches('/').to_owned();
        Ok(Endpoints {
            init: http(&format!("{base}/initMarathonApp"))?,
            end: http(&format!("{base}/endMarathonApp"))?,
            base,
        })
    }

    /// From the two full addresses of the published call.
    ///
    /// # Errors
    /// When one of them is no HTTP address.
    pub fn published(start: &str, end: &str) -> Result<Self> {
        let init = http(start)?;
        let base = match start.strip_suffix("/initMarathonApp") {
            Some(base) => base.to_owned(),
            None => {
                let authority = init.authority().context("no host")?;
                format!("{}://{authority}", init.scheme_str().unwrap_or("http"))
            }
        };
        Ok(Endpoints { init, end: http(end)?, base })
    }

    /// `POST /api/v1/jobs/{uuid}/cpu-samples`
    ///
    /// # Errors
    /// Never for a base that was accepted.
    pub fn samples(&self, job: JobId) -> Result<Uri> {
        http(&format!("{}/api/v1/jobs/{job}/cpu-samples", self.base))
    }
}

fn http(text: &str) -> Result<Uri> {
    let uri: Uri = text.parse().with_context(|| format!("{text:?} is no address"))?;
    let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    ensure!(scheme && uri.host().is_some(), "{text:?} is no address like http://host:port");
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_found_in_the_published_address() {
        let job: JobId = "1b4e28ba2fa111d2883f0016d3cca427".parse().unwrap();
        let samples = |e: Endpoints| e.samples(job).unwrap().to_string();
        let expected = "http://h:1/p/api/v1/jobs/1b4e28ba-2fa1-11d2-883f-0016d3cca427/cpu-samples";
        assert_eq!(samples(Endpoints::published("http://h:1/p/initMarathonApp", "http://h:1/e").unwrap()), expected);
        assert_eq!(samples(Endpoints::of("http://h:1/p/").unwrap()), expected);
    }

    #[test]
    fn other_schemes_are_refused() {
        for text in ["", "host:1", "ftp://h/", "/path", "http://"] {
            assert!(Endpoints::of(text).is_err(), "{text}");
        }
    }
}
