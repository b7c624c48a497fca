//! One recorded round of the arbitration, as operators ask for it: who shared the cluster, and what each was told.

use crate::api::round::{RoundView, SharerView, ToldView};
use crate::events::cluster::{ArbitrationRound, ClusterEvent, Inputs, MissingRound, RoundInput};
use crate::events::envelope::{StoredEvent, StreamId, Version};
use crate::events::job::DecodeError;
use crate::events::store::{EventFilter, ReadError};
use crate::qos::arbitration::Standing;
use crate::qos::units::{Cpus, Timestamp};

use super::supervisor::Supervisor;

/// Events of one read. A round is complete by itself, or by the hundred before it at most.
const PAGE: usize = 128;

/// Why a round cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What is there cannot be understood.
    #[error("event {version} of the cluster cannot be understood: {source}")]
    Event {
        /// Its place.
        version: u64,
        /// What is wrong.
        source: DecodeError,
    },
    /// A round before it is missing.
    #[error(transparent)]
    Missing(#[from] MissingRound),
}

impl Supervisor {
    /// The round of this number; none when no such round was recorded.
    ///
    /// # Errors
    /// When the log cannot be read, or does not tell.
    pub async fn round(&self, number: u64) -> Result<Option<RoundView>, RoundError> {
        let Some(found) = self.place_of(number).await? else { return Ok(None) };
        let Some((at, round, inputs)) = self.complete(found).await?.filter(|(_, round, _)| round.number == number)
        else {
            return Ok(None);
        };
        let mut jobs = Vec::with_capacity(inputs.len());
        for input in inputs {
            let name = match self.state(input.job) {
                Some(state) => Some(state.registered.name.clone()),
                None => self.log().job_row(input.job).await?.map(|row| row.name),
            };
            jobs.push(sharer(&input, name, &round));
        }
        let (nodes, node_cpus) = (round.nodes.count, round.nodes.cpus.as_f64());
        Ok(Some(RoundView { number, at: at.into(), nodes, node_cpus, jobs }))
    }

    /// Where the first event stands after which as many rounds were recorded. Numbers rise with the versions, so that few events are read.
    async fn place_of(&self, number: u64) -> Result<Option<Version>, RoundError> {
        let newest = EventFilter { newest_first: true, ..EventFilter::default() };
        let newest = self.log().select_events(StreamId::Cluster, newest, 1).await?;
        let Some(last) = newest.first() else { return Ok(None) };
        if decoded(last)?.head().0 < number {
            return Ok(None);
        }
        let (mut low, mut high) = (1, last.version.0);
        while low < high {
            let middle = low.midpoint(high);
            let found = self.log().read_stream(StreamId::Cluster, Version(middle - 1), 1).await?;
            let Some(event) = found.first() else { return Ok(None) };
            if decoded(event)?.head().0 < number {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(Some(Version(low)))
    }

    /// The round at this place with all its inputs; none when it is another kind of event.
    async fn complete(
        &self,
        place: Version,
    ) -> Result<Option<(Timestamp, ArbitrationRound, Vec<RoundInput>)>, RoundError> {
        // From the newest back to the one that is complete by itself.
        let (mut rounds, mut before) = (Vec::new(), place.0 + 1);
        loop {
            let filter = EventFilter { newest_first: true, after: Some(before), ..EventFilter::default() };
            let page = self.log().select_events(StreamId::Cluster, filter, PAGE).await?;
            let Some(oldest) = page.last().map(|event| event.version.0) else { break };
            for event in &page {
                if let ClusterEvent::Round(round) = decoded(event)? {
                    rounds.push((event.at, round));
                } else if event.version == place {
                    return Ok(None);
                }
                if rounds.last().is_some_and(|(_, round)| round.since.is_none()) {
                    break;
                }
            }
            before = oldest;
            if rounds.last().is_some_and(|(_, round)| round.since.is_none()) || page.len() < PAGE {
                break;
            }
        }
        let mut inputs = Inputs::default();
        for (_, round) in rounds.iter().rev() {
            inputs.take(round)?;
        }
        let Some((at, round)) = rounds.into_iter().next() else { return Ok(None) };
        Ok(Some((at, round, inputs.jobs().cloned().collect())))
    }
}

fn decoded(event: &StoredEvent) -> Result<ClusterEvent, RoundError> {
    let version = event.version.0;
    ClusterEvent::decode(&event.kind, &event.data).map_err(|source| RoundError::Event { version, source })
}

fn sharer(input: &RoundInput, name: Option<String>, round: &ArbitrationRound) -> SharerView {
    let told = round
        .grants
        .iter()
        .find(|grant| grant.job == input.job)
        .map(|grant| ToldView { cap: grant.cap.map(Cpus::as_f64), gives_way: grant.standing == Standing::GivesWay });
    SharerView {
        uuid: input.job,
        name,
        wish: input.wish.map(Cpus::as_f64),
        occupied: input.occupied.map(Cpus::as_f64),
        best_chance: input.best_chance.map(|chance| f64::from(chance) / 1e6),
        told,
    }
}
