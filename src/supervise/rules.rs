//! What the settings say about jobs and frameworks, as the parts of the supervisor take it.

use crate::actors::{ChronosPatience, Cluster, MarathonPatience, MetricsPlan};
use crate::config::{self, Arbitration, Settings};
use crate::events::job::RescaleMode;
use crate::qos::arbitration::{Aim, Nodes};
use crate::qos::job::registration::Defaults;
use crate::qos::policy::{Policies, Step};

pub(super) fn metrics_plan(settings: &Settings) -> MetricsPlan {
    let m = &settings.metrics;
    MetricsPlan {
        batch_size: m.batch_size as usize,
        batch_interval: m.batch_interval.to_std(),
        requests_per_second: m.requests_per_second,
        overlap: m.overlap.to_std(),
        max_age: m.max_age,
    }
}

pub(super) fn marathon_patience(settings: &Settings) -> MarathonPatience {
    let m = &settings.marathon;
    MarathonPatience {
        poll_interval: m.poll_interval,
        watch_interval: m.watch_interval,
        submit_timeout: settings.supervisor.submit_timeout,
        resize_patience: m.resize_patience,
        placement_patience: m.placement_patience,
        removal_patience: m.removal_patience,
        removed_after: m.removed_after,
    }
}

pub(super) fn chronos_patience(settings: &Settings) -> ChronosPatience {
    let c = &settings.chronos;
    ChronosPatience {
        poll_interval: c.poll_interval,
        judge_interval: c.judge_interval,
        settle_time: c.settle_time,
        submit_timeout: settings.supervisor.submit_timeout,
        resize_patience: c.resize_patience,
        delete_grace: c.delete_grace,
        late_requests: c.request_timeout + c.late_request_margin,
        removed_after: c.removed_after,
    }
}

/// What registrations take from the settings.
pub fn defaults(settings: &Settings) -> Defaults {
    let e = &settings.elasticity;
    let (cpu_min, cpu_max) = (e.cpu_min_slave, e.cpu_max_slave);
    Defaults {
        policies: Policies {
            configured: e.policy,
            predictive: e.predictive.policy(cpu_min, cpu_max),
            step: Step { increment: e.cpu_increment, decrement: e.cpu_decrement, cpu_min, cpu_max },
            proportional: e.controllers.proportional(cpu_min, cpu_max),
            pid: e.controllers.pid(cpu_min, cpu_max),
            sleeping_time: e.sleeping_time,
            deployment_time: e.deployment_time,
            max_rescales: e.max_rescales,
            dry_run: e.dry_run,
        },
        max_failures: settings.supervisor.max_failures,
        overdue_factor_milli: (settings.supervisor.overdue_factor * 1000.0).round() as u32,
        monitoring_period: e.monitoring_period,
        rescale: match e.rescale {
            config::RescaleMode::Restart => RescaleMode::Restart,
            config::RescaleMode::InPlace => RescaleMode::InPlace,
        },
        chain_start: settings.supervisor.chain_start_timeout,
    }
}

/// What is sacrificed when the cluster cannot serve all jobs.
pub fn aim(settings: &Settings) -> Aim {
    match settings.elasticity.arbitration {
        Arbitration::MostOnTime => Aim::MostOnTime,
        Arbitration::LeastLateness => Aim::LeastLateness,
        Arbitration::ByNode => Aim::ByNode,
    }
}

/// What is shared among the jobs, and how; without its size where nobody has configured that.
pub(super) fn cluster(settings: &Settings) -> Cluster {
    let elasticity = &settings.elasticity;
    let node = elasticity.node_cpus.unwrap_or(elasticity.cpu_max_slave);
    let count = elasticity.cluster_cpus.and_then(|cluster| cluster.milli().checked_div(node.milli()));
    Cluster { aim: aim(settings), nodes: count.map(|count| Nodes { count, cpus: node }) }
}
