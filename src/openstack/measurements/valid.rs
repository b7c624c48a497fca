//! Texts as every Monasca takes them: the intersection of what its two APIs and its storage can bear.

/// What the APIs refuse in values of dimensions. A control character passes them and then stops the storage for everybody.
const FORBIDDEN: &str = "<>={},\"\\;&|";

/// In characters.
const LONGEST: usize = 255;

/// `text` with what is not taken replaced by `_`, without blanks around it, cut to 255 characters, never empty.
pub(super) fn dimension_value(text: &str) -> String {
    let clean = |c: char| if c.is_control() || FORBIDDEN.contains(c) || is_line_end(c) { '_' } else { c };
    let value: String = text.trim().chars().map(clean).take(LONGEST).collect();
    let value = value.trim();
    if value.is_empty() { "_".to_owned() } else { value.to_owned() }
}

const fn is_line_end(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}
