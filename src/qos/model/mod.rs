//! What was measured of a job, and what follows from it: how long an iteration takes with how much CPU.
//!
//! [`History`] is folded from the job's events and has a fixed size. [`Speed`] is the law that is fitted to it.
//! All arithmetic is `+ - * / sqrt` on 64-bit floats, which IEEE 754 defines to the last bit, and `libm` for the rest, in a fixed order: the same history
//! gives the same model on every machine.

mod chance;
mod fit;
mod history;
mod recent;
mod robust;
mod speed;

pub use chance::{Left, chance, less_likely, none_straggles, normal};
pub use fit::{Covariance, Fitted, Hypotheses, Prior, fit, hypotheses};
pub use history::{Change, Controller, History, Observation, Spell};
pub use recent::Recent;
pub use robust::{deviation, median, middle, undisturbed};
pub use speed::Speed;
