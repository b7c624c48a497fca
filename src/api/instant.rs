//! Instants as they are written for people and other programs: RFC 3339 in UTC.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::qos::units::Timestamp;

/// An instant that reads and writes itself as RFC 3339 in UTC, to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub Timestamp);

impl From<Timestamp> for Instant {
    fn from(at: Timestamp) -> Self {
        Instant(at)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::<Utc>::from_timestamp_micros(self.0.micros()) {
            Some(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true)),
            // Out of chrono's calendar (beyond the year 262000): the number itself is still true.
            None => write!(f, "{}us", self.0.micros()),
        }
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let at = DateTime::parse_from_rfc3339(&text)
            .map_err(|_| D::Error::custom(format_args!("expected an RFC 3339 instant, found {text:?}")))?;
        Ok(Instant(Timestamp::from_micros(at.timestamp_micros())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_survives_the_wire_to_the_microsecond() {
        let at = Instant(Timestamp::from_micros(1_500_000_000_000_001));
        let text = serde_json::to_string(&at).unwrap();
        assert_eq!(text, "\"2017-07-14T02:40:00.000001Z\"");
        assert_eq!(serde_json::from_str::<Instant>(&text).unwrap(), at);
    }

    #[test]
    fn other_offsets_are_read_and_nonsense_is_refused() {
        let at: Instant = serde_json::from_str("\"2017-07-14T04:40:00+02:00\"").unwrap();
        assert_eq!(at.0.micros(), 1_500_000_000_000_000);
        assert!(serde_json::from_str::<Instant>("\"tomorrow\"").is_err());
    }
}
