//! Who may compute, and for how long an answer is waited for.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::problem::Problem;

/// Computed at the same time; a supervisor has other things to do.
const MOST_AT_ONCE: usize = 1;

/// After this time the answer is no longer waited for. What is computed ends by itself: the amount of work is bounded.
const PATIENCE: Duration = Duration::from_secs(30);

/// What somebody should wait whose question came while another was being answered.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Who may compute.
#[derive(Debug, Clone)]
pub struct Replays {
    turns: Arc<Semaphore>,
    patience: Duration,
}

impl Default for Replays {
    fn default() -> Self {
        Replays::new(PATIENCE)
    }
}

impl Replays {
    /// Answers are waited for so long.
    fn new(patience: Duration) -> Self {
        Replays { turns: Arc::new(Semaphore::new(MOST_AT_ONCE)), patience }
    }

    /// A turn to compute.
    ///
    /// # Errors
    /// 503 while others have theirs.
    pub fn turn(&self) -> Result<Turn, Problem> {
        let busy =
            |_| Problem::overloaded("another what-if is being computed: try again in a few seconds", RETRY_AFTER);
        let permit = Arc::clone(&self.turns).try_acquire_owned().map_err(busy)?;
        Ok(Turn { permit, patience: self.patience })
    }
}

/// The right to compute one answer.
#[derive(Debug)]
pub struct Turn {
    permit: OwnedSemaphorePermit,
    patience: Duration,
}

impl Turn {
    /// Computes it on a thread where that holds up nobody.
    ///
    /// # Errors
    /// 503 when it takes too long, and whatever `work` answers.
    pub async fn compute<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let Turn { permit, patience } = self;
        let computed = web::block(move || {
            // Held until it is done, also when nobody waits for it any more.
            let _permit = permit;
            work()
        });
        match tokio::time::timeout(patience, computed).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Err(Problem::internal(error)),
            Err(_) => {
                let text = format!("not computed within {} s: use `mesos-qos replay` for it", patience.as_secs_f64());
                Err(Problem::overloaded(text, RETRY_AFTER))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError;
    use actix_web::http::header::RETRY_AFTER;

    use super::*;

    fn refused(problem: &Problem, words: &str) {
        let answer = problem.error_response();
        assert_eq!(
            (answer.status().as_u16(), answer.headers().get(RETRY_AFTER).unwrap().to_str().unwrap()),
            (503, "5")
        );
        assert!(problem.to_string().contains(words), "{problem}");
    }

    #[actix_web::test]
    async fn one_is_computed_at_a_time_and_the_next_one_is_told_to_come_back() {
        let replays = Replays::default();
        let turn = replays.turn().unwrap();
        refused(&replays.turn().unwrap_err(), "another what-if");
        assert_eq!(turn.compute(|| Ok(7)).await.unwrap(), 7);
        assert!(replays.turn().is_ok(), "it is free again");
    }

    #[actix_web::test]
    async fn what_takes_too_long_is_given_up_and_keeps_its_turn_until_it_is_done() {
        let replays = Replays::new(Duration::from_millis(20));
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let (done, was_done) = tokio::sync::oneshot::channel();
        let work = move || {
            wait.recv().ok();
            done.send(()).ok();
            Ok(())
        };
        let error = replays.turn().unwrap().compute(work).await.unwrap_err();
        refused(&error, "not computed within 0.02 s");
        refused(&replays.turn().unwrap_err(), "another what-if");
        go_on.send(()).unwrap();
        was_done.await.unwrap();
        // The turn goes back right after that.
        while replays.turn().is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
