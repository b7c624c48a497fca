//! Texts as the frameworks, which are Java programs, write them.

/// A number as Java prints it: `1.0`, `0.1`, `1.0E7`.
pub fn java_double(number: f64) -> String {
    if number != 0.0 && !(1e-3..1e7).contains(&number.abs()) {
        let text = format!("{number:E}");
        let (digits, exponent) = text.split_once('E').unwrap_or((&text, "0"));
        let point = if digits.contains('.') { "" } else { ".0" };
        return format!("{digits}{point}E{exponent}");
    }
    format!("{number:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_in_java() {
        let printed = [1.0, 0.1, 1.4, 500.0, 1e7, 12_345_678.0, 0.0001, 0.0].map(java_double);
        assert_eq!(printed, ["1.0", "0.1", "1.4", "500.0", "1.0E7", "1.2345678E7", "1.0E-4", "0.0"]);
    }
}
