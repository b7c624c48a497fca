//! A job's chances under an arbitration, by the forecast of its next choice.

use std::cell::OnceCell;

use crate::qos::arbitration::{self, Luck};
use crate::qos::policy::{Forecast, IterationForecast};
use crate::qos::units::{Cpus, Timestamp};

/// What a job waits for a node in the mean, as a share of its iteration on one CPU, where not every task always finds room: as if it began
/// when two fifths of another's iteration are left.
const WAIT: f64 = 0.2;

/// The same where one task in six has to wait until another has ended.
const QUEUE: f64 = 0.3;

/// When a job waits for a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// Before each iteration.
    BeforeEach,
    /// Once: one task for all iterations.
    Once,
    /// No more: its task runs.
    NoMore,
}

/// Forecasts of a job in the circumstances that an arbitration asks about, each made when it is needed.
#[derive(Debug)]
pub struct Gains {
    forecast: IterationForecast,
    /// In a new task, of a job that would keep its node.
    moved: Option<IterationForecast>,
    /// By when the job is to be done.
    by: Timestamp,
    /// The most CPU that it can get.
    most: Cpus,
    waits: Waits,
    waiting: OnceCell<IterationForecast>,
    queueing: OnceCell<IterationForecast>,
    /// After one iteration more, but for the time that this takes.
    bridged: OnceCell<IterationForecast>,
}

impl Gains {
    /// What `forecast` says about being done by `by`, and about a new task `moved`.
    pub fn new(
        forecast: IterationForecast,
        moved: Option<IterationForecast>,
        by: Timestamp,
        most: Cpus,
        waits: Waits,
    ) -> Self {
        let (waiting, queueing, bridged) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Gains { forecast, moved, by, most, waits, waiting, queueing, bridged }
    }

    fn with_waits(&self, share: f64) -> IterationForecast {
        let forecast = self.forecast.clone();
        match self.waits {
            Waits::BeforeEach => forecast.without_waits().waiting_for_nodes(share),
            Waits::Once => forecast.after_a_wait_for_a_node(share),
            Waits::NoMore => forecast,
        }
    }

    /// Asks the forecast of such luck about the CPU that its iterations then have; none where there is no such luck.
    fn ask<T>(&self, luck: Luck, cpus: Cpus, of: impl Fn(&IterationForecast, Cpus) -> T) -> Option<T> {
        match luck {
            Luck::AtOnce => Some(of(&self.forecast, cpus)),
            Luck::Waiting => Some(of(self.waiting.get_or_init(|| self.with_waits(WAIT)), cpus)),
            Luck::Queueing => Some(of(self.queueing.get_or_init(|| self.with_waits(QUEUE)), cpus)),
            Luck::Bridge => {
                let bridged = self.bridged.get_or_init(|| self.forecast.clone().without_waits().one_fewer());
                Some(of(&bridged.clone().later_by_one(cpus), self.most))
            }
            Luck::Moved => self.moved.as_ref().map(|moved| of(moved, cpus)),
        }
    }
}

impl arbitration::Gains for Gains {
    fn chance(&self, luck: Luck, cpus: Cpus) -> f64 {
        self.ask(luck, cpus, |forecast, cpus| forecast.chance(cpus, self.by)).unwrap_or(0.0)
    }

    fn less_likely(&self, luck: Luck, cpus: Cpus, than: f64) -> bool {
        self.ask(luck, cpus, |forecast, cpus| forecast.less_likely(cpus, self.by, than)).unwrap_or(than > 0.0)
    }

    fn late(&self, cpus: Cpus) -> f64 {
        self.forecast.finish(cpus).since(self.by).seconds()
    }
}
