//! Instants as they are written for people and other programs: RFC 3339 in UTC.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::qos::units::Timestamp;

/// 0000-01-01T00:00:00Z, the first instant that RFC 3339 can say.
const FIRST_MICROS: i64 = -62_167_219_200_000_000;

/// 9999-12-31T23:59:59.999999Z, the last one. A prediction for a hopeless job may lie beyond it, and is shown as this one.
const LAST_MICROS: i64 = 253_402_300_799_999_999;

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
        let micros = self.0.micros().clamp(FIRST_MICROS, LAST_MICROS);
        // Every instant between the two bounds is in the calendar.
        let at = DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default();
        f.write_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true))
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
    fn what_lies_beyond_the_calendar_is_shown_as_its_end_and_can_be_read_back() {
        for (micros, shown) in [(i64::MAX, "9999-12-31T23:59:59.999999Z"), (i64::MIN, "0000-01-01T00:00:00.000000Z")] {
            let text = serde_json::to_string(&Instant(Timestamp::from_micros(micros))).unwrap();
            assert_eq!(text, format!("{shown:?}"));
            serde_json::from_str::<Instant>(&text).unwrap();
        }
    }

    #[test]
    fn other_offsets_are_read_and_nonsense_is_refused() {
        let at: Instant = serde_json::from_str("\"2017-07-14T04:40:00+02:00\"").unwrap();
        assert_eq!(at.0.micros(), 1_500_000_000_000_000);
        assert!(serde_json::from_str::<Instant>("\"tomorrow\"").is_err());
    }
}
