//! The `qos` object of a job file: what its author declares.

use serde_json::{Map, Value};

use super::fields::Fields;
use super::findings::{Findings, nearest};
use crate::qos::ids::Framework;
use crate::qos::policy::PolicyName;
use crate::qos::units::Span;

const KNOWN: [&str; 9] =
    ["duration", "deadline", "desv_deadline", "overprogress", "policy", "dry_run", "chain", "in_place", "max_failures"];

/// What the author declares about time, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// Chronos: expected time of one iteration at the submitted CPU. Marathon: CPU time of the whole execution.
    pub duration: Span,
    /// Chronos: the interval in which all iterations must finish. Marathon: longest time of the execution.
    pub deadline: Span,
    /// How far ahead of the deadline counts as too fast, as a fraction of it; 0 <= d < 1.
    pub desv_deadline: f64,
    /// The policy that decides for this job in place of the configured one.
    pub policy: Option<String>,
    /// Decide and record for this job, change nothing.
    pub dry_run: Option<bool>,
    /// Several iterations may run in one task.
    pub chain: bool,
    /// Its tasks run under `shell_trap`, where a node has it, which changes their CPU limit while they run.
    pub in_place: bool,
    /// Failed iterations in a row after which the job has failed.
    pub max_failures: Option<u32>,
}

/// Takes `qos` out of a job file and reads it; `None` when there are errors.
pub fn take(job: &mut Map<String, Value>, framework: Framework, findings: &mut Findings) -> Option<Declaration> {
    match job.shift_remove("qos") {
        Some(Value::Object(mut qos)) => read(&mut qos, framework, findings),
        Some(_) => {
            findings.error("qos", "should be an object with duration, deadline and desv_deadline");
            None
        }
        None => {
            findings.error("qos", "missing: add {\"duration\": .., \"deadline\": .., \"desv_deadline\": ..}");
            None
        }
    }
}

fn read(qos: &mut Map<String, Value>, framework: Framework, findings: &mut Findings) -> Option<Declaration> {
    let errors = findings.errors.len();
    let mut fields = Fields { members: qos, findings, prefix: "qos." };
    unknown_keys(&mut fields);
    let duration_fix = match framework {
        Framework::Chronos => "write the seconds of one iteration, for instance 400",
        Framework::Marathon => "write the CPU seconds that the job needs in all, for instance 400",
    };
    let duration = positive_span(&mut fields, "duration", duration_fix);
    let deadline =
        positive_span(&mut fields, "deadline", "write the seconds in which all must be done, for instance 1800");
    let desv_deadline = desv_deadline(&mut fields, framework);
    let policy = policy(&mut fields);
    let dry_run = fields.boolean("dry_run");
    let max_failures = max_failures(&mut fields);
    let chain = fields.boolean("chain").unwrap_or(false);
    if chain && framework == Framework::Marathon {
        fields.error("chain", "is for Chronos jobs, which have iterations: leave it out");
    }
    let in_place = fields.boolean("in_place").unwrap_or(false);
    if in_place && framework == Framework::Marathon {
        fields.error("in_place", "is for Chronos jobs; for Marathon apps the supervisor's elasticity.rescale says it");
    } else if in_place && !chain {
        fields.error("in_place", "is for chained jobs, whose tasks live long enough: add \"chain\": true");
    }
    if findings.errors.len() > errors {
        return None;
    }
    let (duration, deadline, desv_deadline) = (duration?, deadline?, desv_deadline?);
    Some(Declaration { duration, deadline, desv_deadline, policy, dry_run, chain, in_place, max_failures })
}

fn unknown_keys(fields: &mut Fields<'_>) {
    let unknown: Vec<String> = fields.members.keys().filter(|key| !KNOWN.contains(&key.as_str())).cloned().collect();
    for key in unknown {
        match nearest(&key, KNOWN) {
            Some(known) => fields.error(&key, format!("is not known; the nearest known key is {known:?}")),
            None => fields.error(&key, format!("is not known; known are {}", KNOWN.join(", "))),
        }
    }
}

fn positive_span(fields: &mut Fields<'_>, key: &str, fix: &str) -> Option<Span> {
    if !fields.members.contains_key(key) {
        fields.missing(key, fix);
        return None;
    }
    let seconds = fields.number(key, fix)?;
    if seconds > 1e9 {
        fields.error(key, format!("{seconds} looks like an instant: {fix}"));
        return None;
    }
    match Span::try_from_seconds(seconds) {
        Ok(span) if span > Span::ZERO => Some(span),
        _ => {
            fields.error(key, format!("should be above 0, found {seconds}: {fix}"));
            None
        }
    }
}

fn desv_deadline(fields: &mut Fields<'_>, framework: Framework) -> Option<f64> {
    const FIX: &str = "write how far ahead of the deadline counts as too fast, for instance 0.2";
    let both = fields.members.contains_key("desv_deadline") && fields.members.contains_key("overprogress");
    if both {
        fields.error("overprogress", "is 1 - desv_deadline under another name: give one of the two");
        return None;
    }
    if fields.members.contains_key("overprogress") {
        let overprogress = fields.number("overprogress", "write the fraction, for instance 0.8")?;
        if overprogress > 0.0 && overprogress <= 1.0 {
            return Some(1.0 - overprogress);
        }
        fields.error("overprogress", format!("should be above 0 and at most 1, found {overprogress}"));
        return None;
    }
    if !fields.members.contains_key("desv_deadline") {
        fields.missing("desv_deadline", FIX);
        return None;
    }
    let desv = fields.number("desv_deadline", FIX)?;
    if !(0.0..1.0).contains(&desv) {
        fields.error("desv_deadline", format!("should be at least 0 and below 1, found {desv}: {FIX}"));
        return None;
    }
    if desv > 0.5 {
        let percent = desv * 100.0;
        let meaning = match framework {
            Framework::Chronos => {
                format!("lets the job count as too fast only when it is more than {percent:.0} % ahead of its deadline")
            }
            Framework::Marathon => format!(
                "lets the job be {percent:.0} % behind or ahead of the CPU time that is due before anything is changed"
            ),
        };
        let hint = "if the fraction of the deadline itself is meant, write \"overprogress\"";
        fields.warn("desv_deadline", format!("{desv} {meaning}; {hint}: {desv}"));
    }
    Some(desv)
}

fn policy(fields: &mut Fields<'_>) -> Option<String> {
    let policy = fields.text("policy", "write the policy's name, for instance \"step\"")?;
    if let Err(error) = policy.parse::<PolicyName>() {
        fields.error("policy", error.to_string());
    }
    Some(policy)
}

fn max_failures(fields: &mut Fields<'_>) -> Option<u32> {
    const FIX: &str = "write a whole number from 1, for instance 3";
    let number = fields.number("max_failures", FIX)?;
    if number.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&number) {
        return Some(number as u32);
    }
    fields.error("max_failures", format!("found {number}: {FIX}"));
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_json(qos: Value) -> (Option<Declaration>, Findings) {
        let mut findings = Findings::default();
        let declaration = read(qos.clone().as_object_mut().unwrap(), Framework::Chronos, &mut findings);
        (declaration, findings)
    }

    #[test]
    fn numbers_may_be_text() {
        let (declaration, findings) =
            read_json(json!({"duration": "400", "deadline": 1800, "desv_deadline": "0.2", "max_failures": "2"}));
        let declaration = declaration.unwrap();
        assert_eq!(declaration.duration, Span::from_secs(400));
        assert_eq!((declaration.desv_deadline, declaration.max_failures), (0.2, Some(2)));
        assert_eq!(findings, Findings::default());
    }

    #[test]
    fn overprogress_is_the_complement() {
        let (declaration, _) = read_json(json!({"duration": 1, "deadline": 2, "overprogress": 0.75}));
        assert_eq!(declaration.unwrap().desv_deadline, 0.25);
        let (declaration, findings) =
            read_json(json!({"duration": 1, "deadline": 2, "overprogress": 0.8, "desv_deadline": 0.2}));
        assert_eq!(declaration, None);
        assert!(findings.errors[0].message.contains("one of the two"));
    }

    #[test]
    fn a_large_deviation_suggests_the_other_key() {
        let (declaration, findings) = read_json(json!({"duration": 1, "deadline": 2, "desv_deadline": 0.8}));
        assert!(declaration.is_some());
        assert!(findings.warnings[0].message.contains("\"overprogress\": 0.8"));
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one_and_every_error_is_told() {
        let (_, findings) = read_json(json!({"duraton": 1, "deadline": -5, "desv_deadline": 1, "max_failures": 1.5}));
        let texts: Vec<String> = findings.errors.iter().map(ToString::to_string).collect();
        assert!(texts[0].contains("qos.duraton") && texts[0].contains("\"duration\""), "{texts:?}");
        for field in ["qos.duration: missing", "qos.deadline: ", "qos.desv_deadline: ", "qos.max_failures: "] {
            assert!(texts.iter().any(|text| text.starts_with(field)), "{field} in {texts:?}");
        }
    }

    #[test]
    fn an_instant_is_not_an_interval() {
        let (_, findings) = read_json(json!({"duration": 1, "deadline": 1790000000, "desv_deadline": 0.2}));
        assert!(findings.errors[0].message.contains("instant"));
    }
}
