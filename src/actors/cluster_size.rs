//! Asks the Mesos master how large the cluster is.

use std::collections::BTreeMap;
use std::time::Duration;

use actix::Addr;

use super::cluster::{ClusterActor, Measured};
use crate::clients::mesos::{MesosAgent, MesosClient};
use crate::qos::arbitration::Nodes;
use crate::qos::units::Cpus;

/// Between two questions.
const EVERY: Duration = Duration::from_secs(60);

/// As long as the master has never answered it is asked more often.
const AT_FIRST: Duration = Duration::from_secs(5);

/// Who is asked, and what a node is.
pub struct ClusterSize {
    /// The master.
    pub mesos: MesosClient,
    /// CPUs of a node; none for those that most agents have.
    pub node: Option<Cpus>,
}

impl ClusterSize {
    /// Asks at once and every minute, and tells `cluster`. During an outage the last answer stands.
    pub async fn run(self, cluster: Addr<ClusterActor>) {
        let (mut known, mut answers) = (false, true);
        let mut believed = Believed::default();
        loop {
            let nodes = match self.mesos.agents().await {
                Ok(agents) => nodes_of(&agents, self.node).ok_or_else(|| "it has no agent with any CPU".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            match nodes {
                Ok(nodes) => {
                    (known, answers) = (true, true);
                    if let Some(nodes) = believed.after(nodes) {
                        cluster.do_send(Measured(nodes));
                    }
                }
                Err(error) if answers => {
                    answers = false;
                    tracing::warn!(
                        error,
                        "the Mesos master does not say how large the cluster is; the last size stands"
                    );
                }
                Err(_) => {}
            }
            tokio::time::sleep(if known { EVERY } else { AT_FIRST }).await;
        }
    }
}

/// So many answers in a row have to say that the cluster is smaller.
const SMALLER: u32 = 3;

/// What is believed of the master's answers. After an election a master knows only the agents that have registered with it again: a cluster
/// that has become smaller is one that stays so.
#[derive(Debug, Default)]
struct Believed {
    nodes: Option<Nodes>,
    smaller: u32,
}

impl Believed {
    /// The size to go by after the answer `nodes`; none when it is to be seen whether that stays.
    fn after(&mut self, nodes: Nodes) -> Option<Nodes> {
        let total = |nodes: Nodes| u64::from(nodes.count) * u64::from(nodes.cpus.milli());
        let is_smaller = self.nodes.is_some_and(|before| total(nodes) < total(before));
        self.smaller = if is_smaller { self.smaller + 1 } else { 0 };
        if is_smaller && self.smaller < SMALLER {
            return None;
        }
        (self.nodes, self.smaller) = (Some(nodes), 0);
        Some(nodes)
    }
}

/// The agents as nodes of one size: that of `node`, or the one that most agents have (the larger of two). A larger agent counts as several,
/// a smaller one not at all, since no task of that size finds room there. None when there is nothing.
pub fn nodes_of(agents: &[MesosAgent], node: Option<Cpus>) -> Option<Nodes> {
    let sizes: Vec<Cpus> = agents.iter().filter_map(MesosAgent::cpus).filter(|cpus| cpus.milli() > 0).collect();
    let mut how_many: BTreeMap<Cpus, u32> = BTreeMap::new();
    sizes.iter().for_each(|cpus| *how_many.entry(*cpus).or_default() += 1);
    let commonest = || how_many.iter().max_by_key(|(cpus, count)| (**count, **cpus)).map(|(cpus, _)| *cpus);
    let cpus = node.or_else(commonest)?;
    let count = sizes.iter().map(|size| size.milli() / cpus.milli().max(1)).fold(0, u32::saturating_add);
    (count > 0).then_some(Nodes { count, cpus })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agents(cpus: &[&str]) -> Vec<MesosAgent> {
        let agent = |cpus: &&str| {
            let (cpus, active) = cpus.strip_prefix('-').map_or((*cpus, true), |cpus| (cpus, false));
            let json = format!(
                r#"{{"id": "S", "pid": "slave(1)@10.0.0.1:5051", "active": {active},
                    "resources": {{"cpus": {cpus}}}, "used_resources": {{"cpus": 0}}}}"#
            );
            serde_json::from_str(&json).unwrap()
        };
        cpus.iter().map(agent).collect()
    }

    #[test]
    fn a_smaller_cluster_is_believed_when_it_stays_so() {
        let mut believed = Believed::default();
        let mut after = |count| {
            let nodes = Nodes { count, cpus: Cpus::from_milli(2000) };
            believed.after(nodes).map(|nodes| nodes.count)
        };
        assert_eq!((after(5), after(6), after(5), after(5)), (Some(5), Some(6), None, None));
        assert_eq!(after(6), Some(6), "it was an election");
        assert_eq!((after(1), after(2), after(4), after(4)), (None, None, Some(4), Some(4)));
    }

    #[test]
    fn agents_are_counted_as_nodes_of_the_size_that_most_have() {
        let nodes = |cpus: &[&str], node: Option<u32>| {
            let nodes = nodes_of(&agents(cpus), node.map(Cpus::from_milli));
            nodes.map(|nodes| (nodes.count, nodes.cpus.milli()))
        };
        assert_eq!(nodes(&["2", "2.0", "2", "2", "2"], None), Some((5, 2000)));
        // One with eight counts as four, one with one not at all, one that is not active neither.
        assert_eq!(nodes(&["2", "2", "8", "1", "-2"], None), Some((6, 2000)));
        assert_eq!(nodes(&["2", "4"], None), Some((1, 4000)));
        assert_eq!(nodes(&["2", "4"], Some(1000)), Some((6, 1000)));
        assert_eq!((nodes(&[], None), nodes(&["0"], None), nodes(&["2"], Some(4000))), (None, None, None));
    }
}
