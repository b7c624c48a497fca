//! A thread beside the one that decides, for what works for somebody outside: however slow that is, it holds up no decision.

use actix::Arbiter;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The thread and what runs on it.
pub struct Aside {
    arbiter: Arbiter,
    stop: CancellationToken,
    working: TaskTracker,
}

impl Aside {
    /// A thread without work.
    pub fn start() -> Self {
        Aside { arbiter: Arbiter::new(), stop: CancellationToken::new(), working: TaskTracker::new() }
    }

    /// Begins `work`, which ends soon after the token that it is given is cancelled.
    pub fn run<Work: Future<Output = ()> + 'static>(
        &self,
        work: impl FnOnce(CancellationToken) -> Work + Send + 'static,
    ) {
        // Counted from here on, and not only when the thread comes to it.
        let (working, stop) = (self.working.token(), self.stop.clone());
        self.arbiter.spawn_fn(move || {
            drop(actix::spawn(async move {
                let _working = working;
                work(stop).await;
            }));
        });
    }

    /// Asks everything to end, and waits for it.
    pub async fn stop(self) {
        self.stop.cancel();
        self.working.close();
        self.working.wait().await;
        self.arbiter.stop();
    }
}
