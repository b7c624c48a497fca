//! CPU that a task really gets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mesos_qos::local::executor::RunningTask;

/// Real cores behind one virtual CPU: the published cluster on a machine with two cores.
pub const FACTOR: f64 = 0.17;

/// Virtual CPUs in use over the next `seconds`, by the kernel's counters.
async fn rate(tasks: &[Arc<dyn RunningTask>], seconds: f64) -> f64 {
    let total = || tasks.iter().map(|task| task.usage().total()).sum::<Duration>();
    let (before, start) = (total(), Instant::now());
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    let used = total().saturating_sub(before);
    used.as_secs_f64() / start.elapsed().as_secs_f64() / FACTOR
}

/// Other work on the machine can spoil one window; a limit that does not hold is wrong in every one. What is overdrawn at the edge of a
/// window, and repaid after it, shows half as much in one that is twice as long.
pub async fn assert_rate(task: &Arc<dyn RunningTask>, wished: f64, what: &str) {
    assert_rate_of_all(std::slice::from_ref(task), wished, what).await;
}

/// The same for what several use together.
pub async fn assert_rate_of_all(tasks: &[Arc<dyn RunningTask>], wished: f64, what: &str) {
    // The first moments after a change still spend what was granted before it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let shortest = if wished < 0.3 { 10.0 } else { 4.0 };
    let mut windows = Vec::new();
    for seconds in [1.0, 2.0, 4.0].map(|times| times * shortest) {
        // Two scheduler ticks on the edge of the window are no error of the limit; they show where it holds little CPU time.
        let tick = 0.008 / seconds / FACTOR;
        let achieved = rate(tasks, seconds).await;
        println!("{what}: wished {wished}, achieved {achieved:.4} virtual CPUs in {seconds} s");
        if (achieved - wished).abs() < 0.05 * wished + tick {
            return;
        }
        windows.push(achieved);
    }
    panic!("{what}: wished {wished}, achieved {windows:?}");
}
