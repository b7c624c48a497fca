//! Gives a job's next run another CPU, while the job is idle: read, edit the `cpus` alone, write, read back.

use crate::actors::chronos::session::Session;
use crate::actors::performer::{LONGEST_PAUSE, Stopped, Submitted, backoff};
use crate::qos::job::Command;
use crate::qos::units::Cpus;

pub async fn perform(session: &Session, target: Cpus) -> Result<(), Stopped> {
    let Some((_, mut job)) = super::wait_idle(session).await? else { return Ok(()) };
    let give_up = session.now() + session.patience.resize_patience;
    let mut backoff = backoff();
    let mut problem = String::from("it did not keep the new value");
    loop {
        if job.cpus() == target {
            session.status.resized();
            session.submit(Command::CpusApplied(target)).await?;
            return Ok(());
        }
        if session.now() >= give_up {
            session.submit(Command::CpusRefused { cpus: target, reason: problem, no_room: false }).await?;
            return Ok(());
        }
        if let Submitted::Overtaken = session.submit(Command::ObserveCpus(job.cpus())).await? {
            return Ok(());
        }
        if session.state()?.resizing_to != Some(target) {
            // The job has ended, or wants another CPU: no request may come after the deletion.
            return Ok(());
        }
        if let Err(error) = session.client.post_job(&job.with_cpus(target)).await {
            session.failed("set cpus", &error);
            problem = error.to_string();
            if error.is_outcome_unknown() {
                let unanswered = Command::CpusUnanswered { cpus: target, reason: problem.clone() };
                if let Submitted::Overtaken = session.submit(unanswered).await? {
                    return Ok(());
                }
            }
            // The read below tells whether it was done all the same.
            session.sleep(backoff.next().unwrap_or(LONGEST_PAUSE)).await?;
        }
        match session.find().await? {
            Some(read_back) if read_back.carries(session.job) => *job = read_back,
            // Gone, or replaced by somebody: the start that follows finds out which.
            _ => match super::wait_idle(session).await? {
                Some((_, there)) => job = there,
                None => return Ok(()),
            },
        }
    }
}
