//! Numbers that older clients send as text.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a number or a numeric string")]
enum NumberOrText {
    Number(f64),
    Text(String),
}

fn finite<E: Error>(value: NumberOrText) -> Result<f64, E> {
    let number = match value {
        NumberOrText::Number(number) => number,
        NumberOrText::Text(text) => text
            .trim()
            .parse()
            .map_err(|_| E::custom(format_args!("expected a number or a numeric string, found {text:?}")))?,
    };
    if number.is_finite() { Ok(number) } else { Err(E::custom("expected a finite number")) }
}

/// A finite number, or a string that holds one.
pub fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    finite(NumberOrText::deserialize(deserializer)?)
}

/// As [`number`], where the field may be absent or null.
pub fn optional_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Option::<NumberOrText>::deserialize(deserializer)?.map(finite).transpose()
}

/// A whole number that fits 32 bits, as a number or text; the field may be absent or null.
pub fn optional_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    optional_number(deserializer)?.map(whole).transpose()
}

fn whole<E: Error>(number: f64) -> Result<u32, E> {
    if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
        Ok(number as u32)
    } else {
        Err(E::custom(format_args!("expected a whole number from 0 to {}, found {number}", u32::MAX)))
    }
}
