//! The two text formats: OpenMetrics, and the older one of Prometheus, which everything reads.

use actix_web::HttpRequest;
use actix_web::http::header::{Accept, Header, Quality};

/// How a scrape is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus text 0.0.4.
    Plain,
}

impl Format {
    /// The one to answer with: OpenMetrics for those who name it, the older one for everybody else.
    pub fn of(request: &HttpRequest) -> Self {
        let named = Accept::parse(request).is_ok_and(|accept| {
            accept
                .iter()
                .any(|item| item.item.essence_str() == "application/openmetrics-text" && item.quality > Quality::ZERO)
        });
        if named { Format::OpenMetrics } else { Format::Plain }
    }

    /// What the answer's Content-Type says.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// `text`, which is OpenMetrics, in this format.
    pub fn write(self, text: String) -> String {
        match self {
            Format::OpenMetrics => text,
            Format::Plain => plain(&text),
        }
    }
}

/// The older format calls a counter by the name of its samples, and knows neither units nor an end.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    // The help comes before the type, which tells how the family is called.
    let mut help = None;
    for line in text.lines() {
        if line.starts_with("# HELP ") {
            help = Some(line);
        } else if let Some(family) = line.strip_prefix("# TYPE ") {
            let counter = family.strip_suffix(" counter");
            for header in help.take().into_iter().chain([line]) {
                match counter {
                    Some(name) => plain.push_str(&header.replacen(name, &format!("{name}_total"), 1)),
                    None => plain.push_str(header),
                }
                plain.push('\n');
            }
        } else if !line.starts_with("# ") {
            plain.push_str(line);
            plain.push('\n');
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn answered(accept: &str) -> Format {
        Format::of(&TestRequest::get().insert_header(("Accept", accept)).to_http_request())
    }

    #[test]
    fn openmetrics_is_for_those_who_name_it() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,*/*;q=0.1";
        assert_eq!(answered(prometheus), Format::OpenMetrics);
        for other in ["*/*", "text/plain", "application/openmetrics-text;q=0", "application/*", "no such thing", ""] {
            assert_eq!(answered(other), Format::Plain, "{other:?}");
        }
        assert_eq!(Format::of(&TestRequest::get().to_http_request()), Format::Plain);
    }

    #[test]
    fn the_older_format_names_counters_by_their_samples() {
        let openmetrics = "# HELP a_commits Commits.\n# TYPE a_commits counter\na_commits_total 3\n\
            # HELP a_size_bytes Size, # TYPE x counter.\n# TYPE a_size_bytes gauge\n# UNIT a_size_bytes bytes\na_size_bytes 7\n# EOF\n";
        let expected = "# HELP a_commits_total Commits.\n# TYPE a_commits_total counter\na_commits_total 3\n\
            # HELP a_size_bytes Size, # TYPE x counter.\n# TYPE a_size_bytes gauge\na_size_bytes 7\n";
        assert_eq!(Format::Plain.write(openmetrics.to_owned()), expected);
        assert_eq!(Format::OpenMetrics.write(openmetrics.to_owned()), openmetrics);
    }
}
