//! The figures of all jobs together: few lines, however many jobs there are.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::jobs::margin;
use crate::api::view::{JobState, JobView, Performance};
use crate::qos::ids::Framework;
use crate::qos::job::Flag;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Doing {
    performance: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    framework: &'static str,
}

/// Of a job about which nothing was decided yet.
const UNDECIDED: &str = "undecided";

const LATE: &str = Flag::Late.as_str();

/// Puts the figures of `jobs` together into `registry`.
pub(super) fn register(registry: &mut Registry, jobs: &[JobView]) {
    let states = Family::<State, Gauge>::default();
    for state in JobState::ALL {
        states.get_or_create(&State { state: state.as_str() }).set(count(jobs, |job| job.state == state));
    }
    registry.register(
        "jobs",
        "Living jobs by state; one that has ended is here until its framework has removed it",
        states,
    );

    let performances = Family::<Doing, Gauge>::default();
    let all = [Performance::OnPlan, Performance::UnderPerformant, Performance::OverPerformant].map(Some);
    for performance in all.into_iter().chain([None]) {
        let name = performance.map_or(UNDECIDED, Performance::as_str);
        let jobs = count(jobs, |job| job.performance == performance);
        performances.get_or_create(&Doing { performance: name }).set(jobs);
    }
    registry.register("jobs_by_performance", "Living jobs by how they do against their deadline", performances);

    let late = Family::<Of, Gauge>::default();
    for framework in [Framework::Chronos, Framework::Marathon] {
        let is_late = |job: &JobView| job.framework == framework && job.flags.iter().any(|flag| flag == LATE);
        late.get_or_create(&Of { framework: framework.as_str() }).set(count(jobs, is_late));
    }
    registry.register("jobs_late", "Living jobs that were not done at their deadline", late);

    let allocated = Family::<Of, Gauge<f64, AtomicU64>>::default();
    let latest = Family::<Of, Gauge<f64, AtomicU64>>::default();
    for framework in [Framework::Chronos, Framework::Marathon] {
        let of = || jobs.iter().filter(move |job| job.framework == framework);
        let label = Of { framework: framework.as_str() };
        allocated.get_or_create(&label).set(of().filter_map(|job| job.cpus).fold(0.0, |sum, cpus| sum + cpus));
        // Without a prediction there is no margin; zero would be one.
        if let Some(worst) = of().filter_map(margin).reduce(f64::max) {
            latest.get_or_create(&label).set(worst);
        }
    }
    registry.register_with_unit(
        "allocated_cpu",
        "CPUs reserved by living jobs",
        Unit::Other("cores".into()),
        allocated,
    );
    let help = "Predicted finish minus deadline of the job that is worst off; negative is early";
    registry.register_with_unit("worst_prediction_vs_deadline", help, Unit::Seconds, latest);
}

fn count(jobs: &[JobView], matches: impl Fn(&JobView) -> bool) -> i64 {
    i64::try_from(jobs.iter().filter(|job| matches(job)).count()).unwrap_or(i64::MAX)
}
