//! The language of alarm expressions, checked and not evaluated: `max(cpu{name=a}, 60) > 10 times 3 and count(x) >= 1`.

/// What is wrong with `text`, if anything.
pub(super) fn check(text: &str) -> Result<(), String> {
    let mut parser = Parser { rest: text };
    parser.alternatives()?;
    if parser.skip().is_empty() { Ok(()) } else { Err(format!("Expected end of text, found {:?}", parser.rest)) }
}

struct Parser<'a> {
    rest: &'a str,
}

const FUNCTIONS: [&str; 6] = ["max", "min", "avg", "sum", "count", "last"];
const RELATIONS: [&str; 8] = ["<=", ">=", "<", ">", "lte", "gte", "lt", "gt"];

impl<'a> Parser<'a> {
    fn skip(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    fn take(&mut self, token: &str) -> bool {
        let rest = self.skip();
        let found = rest.get(..token.len()).is_some_and(|start| start.eq_ignore_ascii_case(token));
        // A word must end where the token ends.
        let ends = !token.ends_with(char::is_alphabetic)
            || rest
                .get(token.len()..)
                .is_none_or(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
        if found && ends {
            self.rest = &rest[token.len()..];
        }
        found && ends
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(format!("Expected {token:?}, found {:?}", self.rest)) }
    }

    fn alternatives(&mut self) -> Result<(), String> {
        loop {
            self.term()?;
            if !["or", "||", "and", "&&"].iter().any(|word| self.take(word)) {
                return Ok(());
            }
        }
    }

    fn term(&mut self) -> Result<(), String> {
        // Brackets are either around a part or around a metric; a bare metric has none before its name.
        if self.take("(") {
            self.alternatives()?;
            return self.expect(")");
        }
        if FUNCTIONS.iter().any(|function| self.take(function)) {
            self.expect("(")?;
            self.metric()?;
            while self.take(",") {
                if !self.take("deterministic") {
                    self.number()?;
                }
            }
            self.expect(")")?;
        } else {
            self.metric()?;
        }
        if !RELATIONS.iter().any(|relation| self.take(relation)) {
            return Err(format!("Expected a relation, found {:?}", self.rest));
        }
        self.number()?;
        if self.take("times") {
            self.number()?;
        }
        Ok(())
    }

    fn metric(&mut self) -> Result<(), String> {
        let rest = self.skip();
        let end = rest.find(|c: char| c.is_whitespace() || "<>={},\"\\;&()|".contains(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err(format!("Expected a metric, found {rest:?}"));
        }
        self.rest = &rest[end..];
        if self.take("{") {
            let inside = self.rest.split_once('}').ok_or("Expected \"}\"")?;
            let good = |part: &str| {
                part.split_once('=').is_some_and(|(key, value)| !key.trim().is_empty() && !value.trim().is_empty())
            };
            if !inside.0.split(',').all(good) {
                return Err(format!("Expected dimensions such as name=value, found {:?}", inside.0));
            }
            self.rest = inside.1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), String> {
        let rest = self.skip();
        let end = rest.find(|c: char| !(c.is_ascii_digit() || ".-+eE".contains(c))).unwrap_or(rest.len());
        let number = rest[..end].parse::<f64>().map_err(|_| format!("Expected a number, found {rest:?}"))?;
        if !number.is_finite() {
            return Err(format!("Expected a number, found {rest:?}"));
        }
        self.rest = &rest[end..];
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn expressions_are_told_from_other_text() {
        for good in [
            "max(container.cpu.user_time{name=U1}) > 10",
            "max(prediction_vs_deadline) > 0 times 3",
            "last(prediction_vs_deadline) > 0",
            "avg(a{b=c,d=e}, deterministic, 60) <= -1.5 and (count(x) gte 1 or min(y) < 2)",
            "a > 1",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", "max(", "max() > 1", "max(a)", "max(a) > b", "max(a) > 1 and", "max(a{b}) > 1", "max(a) > 1 x"]
        {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
