//! A framework's task id as a name that cgroups, files and containers all accept.

/// What file systems allow for one name, less what a caller may put around it.
const LONGEST: usize = 200;

/// Letters, digits, `-` and `.` stay; every other byte becomes `_` and two hexadecimal digits, so that different ids
/// have different names. A name that gets too long ends in a digest of the id instead of its tail.
pub fn safe_name(id: &str) -> String {
    use std::fmt::Write as _;
    let mut name = String::with_capacity(id.len() + 2);
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || (byte == b'.' && !name.is_empty()) {
            name.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(name, "_{byte:02x}");
        }
    }
    if name.len() > LONGEST {
        use sha2::Digest as _;
        let digest = hex::encode(&sha2::Sha256::digest(id.as_bytes())[..16]);
        name.truncate(LONGEST - digest.len() - 1);
        name.push('.');
        name.push_str(&digest);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_ids_have_different_names_that_stay_in_one_directory() {
        assert_eq!(safe_name("ct:1:0:a b:"), "ct_3a1_3a0_3aa_20b_3a");
        assert_eq!(safe_name("../x"), "_2e._2fx");
        assert_ne!(safe_name("a_20"), safe_name("a "));
        let long = "é".repeat(300);
        assert!(safe_name(&long).len() <= LONGEST);
        assert_ne!(safe_name(&long), safe_name(&format!("{long}x")));
    }
}
