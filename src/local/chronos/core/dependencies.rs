//! Jobs that run when their parents have succeeded, and the text that says what a job is doing.

use super::Core;

impl Core {
    /// Queues the children of a job that has succeeded: an only parent starts its child each time, several start it
    /// when each of them has succeeded as often as this one.
    pub(super) fn start_dependents(&mut self, parent: &str) {
        let mut ready = Vec::new();
        for (child, known) in &self.jobs {
            let parents = known.job.parents();
            if !parents.iter().any(|name| name == parent) {
                continue;
            }
            if parents.len() > 1 {
                let edge = |from: &str| (from.to_owned(), child.clone());
                let count = self.invocations.entry(edge(parent)).or_insert(0);
                *count += 1;
                let count = *count;
                let least = parents.iter().map(|from| self.invocations.get(&edge(from)).copied().unwrap_or(0)).min();
                if least != Some(count) {
                    continue;
                }
            }
            if !known.job.disabled {
                ready.push(child.clone());
            }
        }
        for child in ready {
            if let Some(job) = self.job(&child) {
                let (wanted, high_priority) = (self.wanted(job, self.now, 0), job.high_priority);
                self.enqueue(wanted, high_priority);
            }
        }
    }

    /// A dependent job has started: its parents' successes are used up.
    pub(super) fn reset_invocations(&mut self, child: &str) {
        for ((_, of), count) in &mut self.invocations {
            if of == child {
                *count = 0;
            }
        }
    }

    /// Whether these parents would make the job wait for itself.
    pub(super) fn would_wait_for_itself(&self, name: &str, parents: &[String]) -> bool {
        let mut open: Vec<&str> = parents.iter().map(String::as_str).collect();
        let mut seen = Vec::new();
        while let Some(next) = open.pop() {
            if next == name {
                return true;
            }
            if !seen.contains(&next) {
                seen.push(next);
                open.extend(self.job(next).into_iter().flat_map(|job| job.parents()).map(String::as_str));
            }
        }
        false
    }

    /// Sets what a job is doing. A running job does not become queued; 3.x writes how many tasks run.
    pub(super) fn set_activity(&mut self, name: &str, next: &str, running: usize) {
        let before = self.activity.get(name).map_or("idle", String::as_str);
        if before.contains("running") && next == "queued" {
            return;
        }
        let text = if self.v3() && running > 0 { format!("{running} running") } else { next.to_owned() };
        self.activity.insert(name.to_owned(), text);
    }
}
