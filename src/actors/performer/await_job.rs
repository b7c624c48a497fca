//! Waits until a framework shows a registered job: it is registered first and submitted afterwards.

use super::{Stopped, Task};
use crate::qos::job::Command;
use crate::qos::job::command::FrameworkFacts;
use crate::qos::units::Span;

/// Looks every `between`, until `look` finds the job or `submit_timeout` after its registration is over.
pub async fn await_job(
    task: &Task,
    submit_timeout: Span,
    between: Span,
    look: impl AsyncFn() -> Result<Option<FrameworkFacts>, Stopped>,
) -> Result<(), Stopped> {
    // What is left of its time; never more than that, though the wall clock be set back.
    let left = (task.state()?.registered_at + submit_timeout).since(task.now()).min(submit_timeout);
    let give_up = task.now() + left;
    loop {
        if let Some(facts) = look().await? {
            task.submit(Command::Seen(facts)).await?;
            return Ok(());
        }
        if task.now() >= give_up {
            task.submit(Command::NeverSeen).await?;
            return Ok(());
        }
        task.sleep(between.to_std()).await?;
    }
}
