//! Every job keeps the CPU that it was submitted with. For comparison, and for whoever wants predictions and records without resizes.

use serde::{Deserialize, Serialize};

use super::Decide;
use super::view::{LongRunning, Repeated, RepeatedWish, Wish};
use crate::qos::units::Cpus;

const STAYS: Option<&str> = Some("as its policy has it");

/// Has no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fixed {}

impl Decide for Fixed {
    fn repeated(&self, job: &Repeated<'_>) -> RepeatedWish {
        let mut answer = RepeatedWish::published(job, |_| job.from);
        answer.wish.stays = STAYS;
        answer
    }

    fn long_running(&self, job: &LongRunning<'_>) -> Wish {
        let (performance, grounds) = (job.published_performance(), job.published_grounds());
        Wish { performance, cpus: job.from, grounds, stays: STAYS, model: None }
    }

    fn cpu_max(&self, submitted: Cpus) -> Cpus {
        submitted
    }
}
