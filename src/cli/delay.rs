//! Times and ranges of times on the command line.

use std::time::Duration;

use crate::local::DelayRange;

/// `30s`, `500ms`, `2min`; a bare number is seconds.
///
/// # Errors
/// Says what would be right.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| format!("{text:?} is no length of time"));
    }
    humantime::parse_duration(text).map_err(|_| format!("{text:?} is no length of time: such as 30s, 500ms or 1.5 is"))
}

/// `20s..30s`, or one time for both ends.
///
/// # Errors
/// Says what would be right.
pub fn parse_range(text: &str) -> Result<DelayRange, String> {
    let (shortest, longest) = text.split_once("..").unwrap_or((text, text));
    let range = (parse_duration(shortest)?, parse_duration(longest)?);
    if range.1 < range.0 {
        return Err(format!("{text:?}: the shortest time comes first, such as 20s..30s"));
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_or_are_seconds() {
        assert_eq!(parse_duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("2min"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_range("20s..30s"), Ok((Duration::from_secs(20), Duration::from_secs(30))));
        assert_eq!(parse_range("0"), Ok((Duration::ZERO, Duration::ZERO)));
        for bad in ["", "-1", "soon", "NaN"] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
        assert!(parse_range("30s..20s").is_err());
    }
}
