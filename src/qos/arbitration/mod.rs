//! Decisions over several jobs: who gets how much when the cluster cannot give everyone what it wishes for.
//!
//! Pure, as all of `qos`. A round is computed from the states of all jobs at one instant; it says which jobs are capped, and each job decides
//! under its cap as it decides otherwise. When every wish finds room there is no cap.
//!
//! Two aims to choose from, because what is sacrificed is the operator's choice: [`Aim::MostOnTime`] saves as many jobs as possible and
//! lets the others give way; [`Aim::LeastLateness`] keeps the latest job as little late as possible. [`Aim::ByNode`] is the first one with a plan
//! of who shares a node, for jobs that keep theirs.

mod contender;
mod in_place;
mod least_lateness;
mod most_on_time;
mod node_choice;
mod packing;
mod prospects;

use serde::{Deserialize, Serialize};

pub use contender::{Contender, Seat};
pub use node_choice::NodeChoice;
pub use packing::{Nodes, Sizes};
pub use prospects::{Gains, Luck, Prospects};

use super::units::Cpus;

/// What is sacrificed when not everything can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// Hopeless jobs give way to those that can still be on time.
    #[default]
    MostOnTime,
    /// The latest job is to be as little late as possible.
    LeastLateness,
    /// As [`Aim::MostOnTime`]; where all jobs keep their nodes and get their CPU in place, it is planned which of them share one. For clusters
    /// on which nothing else runs: CPU of a node that no job has is theirs.
    ByNode,
}

/// How a job stands in an arbitration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It gets all that it wishes for.
    Unlimited,
    /// It gets less than it wishes for, and can still be on time.
    Saved,
    /// It cannot be on time, or only at the cost of more than one other, and leaves the room to others.
    GivesWay,
}

/// A job's share of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The most CPU that it gets until the next round.
    pub cpus: Cpus,
    /// How it stands.
    pub standing: Standing,
    /// What is planned for it on its node; none when nobody plans by nodes.
    pub place: Option<Place>,
    /// Where its next task is to start; none when it has one, or may start anywhere.
    pub node: Option<NodeChoice>,
}

/// What is planned for a job that keeps its node. As much CPU as it is given is free there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// It stays where it is.
    Stays,
    /// After its present iteration it gets a new task: there is more room elsewhere.
    Moves,
}

impl Share {
    /// A share that nobody has planned a node for.
    pub const fn new(cpus: Cpus, standing: Standing) -> Self {
        Share { cpus, standing, place: None, node: None }
    }
}

/// The shares of `contenders`, in their order, beside `others`, whose size nobody decides about.
pub fn share(aim: Aim, nodes: Nodes, others: &Sizes, contenders: &[&Contender]) -> Vec<Share> {
    let others = &others.that_leave_room(nodes, contenders.iter().map(|one| one.floor));
    if aim == Aim::ByNode && !contenders.is_empty() && contenders.iter().all(|one| one.seat != Seat::Anywhere) {
        return in_place::share(nodes, others, contenders);
    }
    let unlimited = |one: &Contender| Share::new(one.wish, Standing::Unlimited);
    let wishes: Vec<Share> = match aim {
        Aim::MostOnTime | Aim::ByNode => contenders.iter().map(|one| most_on_time::reasonable(one)).collect(),
        Aim::LeastLateness => contenders.iter().map(|one| unlimited(one)).collect(),
    };
    let mut wished = others.clone();
    wishes.iter().for_each(|share| wished.add(share.cpus));
    let shares = match aim {
        _ if wished.always_placeable(nodes) => wishes,
        Aim::MostOnTime | Aim::ByNode => most_on_time::share(nodes, others, contenders),
        Aim::LeastLateness => least_lateness::share(nodes, others, contenders),
    };
    let capped = |(share, one): (Share, &&Contender)| if share.cpus < one.wish { share } else { unlimited(one) };
    shares.into_iter().zip(contenders).map(capped).collect()
}
