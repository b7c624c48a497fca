//! What a reader of a comparison has to know.

use super::counterfactual::{Subject, Work};
use crate::qos::policy::Policy;

pub(super) fn of(subjects: &[Subject<'_>], shared: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |count: usize, text: &str| {
        if count > 0 {
            let jobs = if count == 1 { "1 job".to_owned() } else { format!("{count} jobs") };
            notes.push(format!("{jobs}: {text}"));
        }
    };
    let count = |is: &dyn Fn(&Subject<'_>) -> bool| subjects.iter().filter(|subject| is(subject)).count();
    let repeated = count(&|subject| matches!(subject.work, Work::Repeated(_)));
    if !shared {
        note(repeated, "it waits for a node as long as it did in fact, whatever CPU it asks for");
    }
    note(
        count(&|subject| matches!(&subject.work, Work::Repeated(facts) if facts.failed_runs > 0)),
        "runs that came to nothing take the time that they took, whatever the CPU",
    );
    note(
        count(&|subject| subject.known.law().measured_between.is_some_and(|(low, high)| low == high)),
        "it ran with one size of CPU only, so what another size does is little known",
    );
    note(
        count(&|subject| !subject.recorded().complete),
        "it is not over: what is left is predicted by the law of what is recorded",
    );
    note(
        count(&|subject| subject.adopted()),
        "runs that its own schedule started are taken to be asked for by the supervisor",
    );
    note(
        count(&|subject| matches!(&subject.work, Work::Repeated(facts) if facts.state.execution.is_some())),
        "an agent could change its CPU while its task ran; here another CPU always takes a new task",
    );
    let soft = |subject: &Subject<'_>| matches!(subject.history.registered().policy.policy, Policy::Predictive(policy) if policy.soft);
    note(
        count(&soft),
        "with soft limits nobody knows what CPU an iteration really had; that which was reserved is taken for it",
    );
    note(
        count(&|subject| matches!(subject.work, Work::LongRunning(_))),
        "what the program used is its work; work that was lost and done again counts as often as it was done",
    );
    notes
}
