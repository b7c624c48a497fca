//! ISO 8601 repeating intervals, `R[n]/[start]/period`, read and written as Chronos does.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, ToSpan, Zoned};

use super::version::ChronosVersion;
use crate::qos::units::Timestamp;

/// How often is left to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recurrences {
    /// For ever.
    Endless,
    /// So many times.
    Left(u64),
}

/// A parsed schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// How often is left to run.
    pub recurrences: Recurrences,
    /// The next occurrence, in the zone that it is printed in.
    pub start: Zoned,
    /// The distance between occurrences; may be calendar units.
    pub period: Span,
}

impl Schedule {
    /// Reads `text`; `zone`, when not empty, replaces the zone of the start and keeps its fields. `None`: not a schedule.
    ///
    /// An empty start means now; 3.x takes one second less, so that it is due at once.
    pub fn parse(text: &str, zone: &str, version: ChronosVersion, now: Timestamp) -> Option<Schedule> {
        let rest = text.strip_prefix('R')?;
        let (count, rest) = rest.split_once('/')?;
        // The period begins at the last "/P": the start may hold anything, as in the original's greedy expression.
        let (start, period) = rest.rsplit_once("/P").map(|(start, period)| (start, format!("P{period}")))?;
        let recurrences = match count {
            "" => Recurrences::Endless,
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => Recurrences::Left(digits.parse().ok()?),
            _ => return None,
        };
        let period: Span = period.parse().ok()?;
        let start = if start.is_empty() {
            let utc = zoned(now)?;
            if version.is_v3() { utc.checked_sub(1.second()).ok()? } else { utc }
        } else {
            parse_start(start, zone)?
        };
        Some(Schedule { recurrences, start, period })
    }

    /// The instant of the next occurrence.
    pub fn due(&self) -> Timestamp {
        Timestamp::from_micros(self.start.timestamp().as_microsecond())
    }

    /// The schedule after one occurrence; `None` when none is left or the calendar ends.
    pub fn after_one(&self) -> Option<Schedule> {
        let recurrences = match self.recurrences {
            Recurrences::Endless => Recurrences::Endless,
            Recurrences::Left(0) => return None,
            Recurrences::Left(n) => Recurrences::Left(n - 1),
        };
        Some(Schedule { recurrences, start: self.start.checked_add(self.period).ok()?, period: self.period })
    }

    /// The start moved by `times` periods at once.
    pub fn start_after(&self, times: i64) -> Option<Zoned> {
        self.start.checked_add(self.period.checked_mul(times).ok()?).ok()
    }

    /// The length in seconds of one period that begins at `now`; at least 1.
    pub fn period_seconds(&self, now: Timestamp) -> i64 {
        let Some(from) = zoned(now) else { return 1 };
        let Ok(to) = from.checked_add(self.period) else { return i64::MAX };
        (to.timestamp().as_second() - from.timestamp().as_second()).max(1)
    }

    /// Whether the period is counted in months or years, whose length depends on the date.
    pub fn is_calendar(&self) -> bool {
        self.period.get_months() != 0 || self.period.get_years() != 0
    }
}

/// Instants are written in the zone they were read in: `2015-12-18T10:30:09.755Z`, `...+01:00`.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.recurrences {
            Recurrences::Endless => f.write_str("R/")?,
            Recurrences::Left(n) => write!(f, "R{n}/")?,
        }
        write!(f, "{}/{}", instant_text(&self.start), self.period)
    }
}

/// `yyyy-MM-ddTHH:mm:ss.SSS` and the offset.
fn instant_text(at: &Zoned) -> String {
    let civil = at.datetime();
    let fields = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second(),
        civil.millisecond()
    );
    let seconds = at.offset().seconds();
    if seconds == 0 {
        return fields + "Z";
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    format!("{fields}{sign}{:02}:{:02}", seconds.abs() / 3600, seconds.abs() / 60 % 60)
}

/// An instant in UTC as Chronos writes `lastSuccess` and `lastError`.
pub fn utc_text(at: Timestamp) -> String {
    zoned(at).map(|at| instant_text(&at)).unwrap_or_default()
}

/// Reads what [`utc_text`] wrote, or any other ISO 8601 date-time.
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    parse_start(text, "").map(|at| Timestamp::from_micros(at.timestamp().as_microsecond()))
}

fn zoned(at: Timestamp) -> Option<Zoned> {
    jiff::Timestamp::from_microsecond(at.micros()).ok().map(|at| at.to_zoned(TimeZone::UTC))
}

fn parse_start(text: &str, zone: &str) -> Option<Zoned> {
    let (fields, offset) = split_offset(text)?;
    let civil: DateTime = fields.parse().ok()?;
    let zone = if zone.is_empty() {
        offset.map_or(TimeZone::UTC, TimeZone::fixed)
    } else {
        // As in Java, a zone that nobody knows is GMT (clients are known to send "null").
        TimeZone::get(zone).unwrap_or(TimeZone::UTC)
    };
    civil.to_zoned(zone).ok()
}

/// Splits `2015-12-18T10:30:09+01:00` into its fields and its offset.
fn split_offset(text: &str) -> Option<(&str, Option<Offset>)> {
    let Some(time_at) = text.find('T') else { return Some((text, None)) };
    if let Some(fields) = text.strip_suffix('Z') {
        return Some((fields, Some(Offset::UTC)));
    }
    let Some(sign_at) = text[time_at..].find(['+', '-']).map(|i| i + time_at) else { return Some((text, None)) };
    let digits: String = text[sign_at + 1..].chars().filter(|c| *c != ':').collect();
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits[..2].parse().ok()?;
    let minutes: i32 = if digits.len() == 4 { digits[2..].parse().ok()? } else { 0 };
    let seconds = hours * 3600 + minutes * 60;
    let offset = Offset::from_seconds(if text[sign_at..].starts_with('-') { -seconds } else { seconds }).ok()?;
    Some((&text[..sign_at], Some(offset)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::chronos::version::ChronosVersion::{V2_4, V3_0};

    /// 2015-12-18T10:30:09.755Z
    const NOW: Timestamp = Timestamp::from_micros(1_450_434_609_755_000);

    fn text(schedule: &str, zone: &str) -> Option<String> {
        Schedule::parse(schedule, zone, V2_4, NOW).map(|s| s.to_string())
    }

    #[test]
    fn prints_what_joda_prints() {
        assert_eq!(text("R4//PT5M", "").as_deref(), Some("R4/2015-12-18T10:30:09.755Z/PT5M"));
        assert_eq!(text("R/2099-01-01T00:00:00Z/P1Y", "").as_deref(), Some("R/2099-01-01T00:00:00.000Z/P1Y"));
        assert_eq!(
            text("R/2014-01-01T00:00:00+0530/PT24H", "").as_deref(),
            Some("R/2014-01-01T00:00:00.000+05:30/PT24H")
        );
        assert_eq!(text("R0/2014-01-01/P1DT2H", "").as_deref(), Some("R0/2014-01-01T00:00:00.000Z/P1DT2H"));
    }

    #[test]
    fn a_zone_keeps_the_fields_and_an_unknown_one_is_gmt() {
        assert_eq!(
            text("R/2014-07-01T12:00:00Z/PT24H", "Europe/Madrid").as_deref(),
            Some("R/2014-07-01T12:00:00.000+02:00/PT24H")
        );
        assert_eq!(
            text("R/2014-07-01T12:00:00+02:00/PT24H", "null").as_deref(),
            Some("R/2014-07-01T12:00:00.000Z/PT24H")
        );
    }

    #[test]
    fn an_empty_start_is_now_and_one_second_earlier_in_3() {
        let due = |version| Schedule::parse("R//PT5M", "", version, NOW).map(|s| s.due().micros() - NOW.micros());
        assert_eq!(due(V2_4), Some(0));
        assert_eq!(due(V3_0), Some(-1_000_000));
    }

    #[test]
    fn refuses_what_is_no_schedule() {
        for bad in
            ["", "R", "R4", "PT5M", "R4/PT5M", "R-1//PT5M", "R4//5M", "R4/never/PT5M", "r4//PT5M", "R4//P", "Rx//PT1S"]
        {
            assert_eq!(text(bad, ""), None, "{bad:?}");
        }
    }

    #[test]
    fn counts_down_to_zero_and_no_further() {
        let one = Schedule::parse("R1/2014-01-31T00:00:00Z/P1M", "", V2_4, NOW).and_then(|s| s.after_one());
        assert_eq!(one.as_ref().map(ToString::to_string).as_deref(), Some("R0/2014-02-28T00:00:00.000Z/P1M"));
        assert!(one.and_then(|s| s.after_one()).is_none());
    }
}
