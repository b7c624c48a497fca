//! The names of apps and groups: paths of words.

/// The rule for a segment, as the original's error message quotes it.
pub const SEGMENT: &str =
    r"^(([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])|(\.|\.\.)$";

/// The absolute form: one leading slash, none doubled, none at the end. `.` and `..` are resolved.
pub fn absolute(id: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in id.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    format!("/{}", segments.join("/"))
}

/// Whether every segment of an absolute id is one that Marathon takes.
pub fn is_valid(id: &str) -> bool {
    id.split('/').skip(1).all(|segment| segment.is_empty() || segment.split('.').all(is_word))
}

fn is_word(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    word.starts_with(plain) && word.ends_with(plain) && word.chars().all(|c| plain(c) || c == '-')
}

/// Whether an id is that of the group or lies below it.
pub fn within(id: &str, group: &str) -> bool {
    group == "/" || id == group || id.strip_prefix(group).is_some_and(|rest| rest.starts_with('/'))
}

/// The group that holds it.
pub fn parent(id: &str) -> &str {
    match id.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &id[..at],
    }
}

/// As in task ids: without the leading slash, with `_` for the others.
pub fn safe(id: &str) -> String {
    id.trim_start_matches('/').replace('/', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_absolute_and_are_checked_by_segments() {
        assert_eq!(absolute("//a//b/"), "/a/b");
        assert_eq!(absolute("a/../b"), "/b");
        for good in ["/a", "/a/b-1", "/a.b", "/0", "/my-app/x1.y-2"] {
            assert!(is_valid(good), "{good}");
        }
        for bad in ["/A", "/a_b", "/-a", "/a-", "/a..b", "/ä", "/a b", "/a/B"] {
            assert!(!is_valid(bad), "{bad}");
        }
        assert!(within("/a/b", "/a") && within("/a", "/a") && !within("/ab", "/a") && within("/x", "/"));
        assert_eq!((parent("/a/b"), parent("/a"), safe("/a/b").as_str()), ("/a", "/", "a_b"));
    }
}
