//! How Chronos says in words what its status does not say.

/// Whether `message` is one of the texts by which Chronos says that it has no such job; the status is 400 or 500.
pub fn says_not_found(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("not found") && (message.contains("job '") || message.contains("jobschedule '"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::error_text::error_message;

    #[test]
    fn a_stack_trace_in_json_gives_its_first_line() {
        let body = br#"{"status":"Bad Request","message":"java.lang.IllegalArgumentException: requirement failed: Job 'x' not found\n\tat scala.Predef$.require(Predef.scala:219)"}"#;
        let message = error_message(body);
        assert_eq!(message, "java.lang.IllegalArgumentException: requirement failed: Job 'x' not found");
        assert!(says_not_found(&message));
    }

    #[test]
    fn both_names_of_a_job_are_recognised() {
        assert!(says_not_found("JobSchedule 'a b' not found"));
        assert!(!says_not_found("the job's name is invalid"));
    }
}
