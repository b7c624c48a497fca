//! What the supervisor is still to be told: in order, bounded, samples replaced by newer ones.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// More than these are not kept: an execution needs a handful, and a predecessor's are few as well.
const LARGEST: usize = 256;

/// Which address a message goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// `/initMarathonApp`
    Init,
    /// `/api/v1/jobs/{uuid}/cpu-samples`, a start or end: must arrive.
    Boundary,
    /// The same address, a value that the next one replaces.
    Sample,
    /// `/endMarathonApp`
    End,
}

/// One message without the instant at which it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Where it goes.
    pub target: Target,
    /// Its JSON object.
    pub body: Map<String, Value>,
}

/// Messages in the order of their making.
#[derive(Debug, Default)]
pub struct Queue {
    messages: VecDeque<(u64, Message)>,
    made: u64,
    /// Of an execution that is about to begin: on disk, and not sent yet.
    announced: Vec<Message>,
}

impl Queue {
    /// Adds one. A sample takes the place of one that waits at the end.
    pub fn push(&mut self, message: Message) {
        let replaces = message.target == Target::Sample
            && self.messages.back().is_some_and(|(_, last)| last.target == Target::Sample);
        if replaces {
            self.messages.pop_back();
        }
        // The oldest sample is the least loss; without any, the oldest message.
        if self.messages.len() >= LARGEST {
            let sample = self.messages.iter().position(|(_, m)| m.target == Target::Sample).unwrap_or(0);
            self.messages.remove(sample);
        }
        self.made += 1;
        self.messages.push_back((self.made, message));
    }

    /// The one to send next, with the number to settle it by.
    pub fn front(&self) -> Option<(u64, Message)> {
        self.messages.front().cloned()
    }

    /// It was answered, or refused for good. One that was replaced meanwhile stays away.
    pub fn settle(&mut self, number: u64) {
        self.messages.retain(|(n, _)| *n != number);
    }

    /// What is to be said once an execution has begun, after everything that is here by now.
    pub fn announce(&mut self, messages: Vec<Message>) {
        self.announced = messages;
    }

    /// It has `begun`: what was announced is to be sent. Otherwise it is forgotten.
    pub fn settle_announced(&mut self, begun: bool) {
        let announced = std::mem::take(&mut self.announced);
        if begun {
            announced.into_iter().for_each(|message| self.push(message));
        }
    }

    /// What is left and must arrive, or will be.
    pub fn undelivered(&self) -> Vec<Message> {
        let left = self.messages.iter().filter(|(_, m)| m.target != Target::Sample).map(|(_, m)| m);
        left.chain(&self.announced).cloned().collect()
    }

    /// Nothing is left.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(target: Target, number: usize) -> Message {
        Message { target, body: Map::from_iter([("n".to_owned(), number.into())]) }
    }

    proptest! {
        #[test]
        fn boundaries_keep_their_order_and_only_samples_are_lost(
            kinds in prop::collection::vec(prop::bool::weighted(0.2), 1..200),
            sent in prop::collection::vec(any::<bool>(), 200),
        ) {
            let mut queue = Queue::default();
            let (mut expected, mut arrived) = (Vec::new(), Vec::new());
            for (number, boundary) in kinds.iter().enumerate() {
                let target = if *boundary { Target::Boundary } else { Target::Sample };
                if *boundary { expected.push(number) }
                queue.push(message(target, number));
                if sent[number] && let Some((id, first)) = queue.front() {
                    arrived.push(first);
                    queue.settle(id);
                }
            }
            while let Some((id, first)) = queue.front() {
                arrived.push(first);
                queue.settle(id);
            }
            let numbers = |wanted: Option<Target>| arrived.iter().filter(|m| wanted.is_none_or(|t| m.target == t))
                .map(|m| m.body["n"].as_u64().unwrap() as usize).collect::<Vec<_>>();
            prop_assert_eq!(numbers(Some(Target::Boundary)), expected);
            prop_assert!(numbers(None).is_sorted());
            prop_assert_eq!(numbers(None).last().copied(), Some(kinds.len() - 1));
        }

        #[test]
        fn it_never_grows_beyond_its_bound(count in 0usize..2000) {
            let mut queue = Queue::default();
            for number in 0..count {
                queue.push(message(if number % 3 == 0 { Target::Boundary } else { Target::Sample }, number));
            }
            prop_assert!(queue.messages.len() <= LARGEST);
        }
    }

    #[test]
    fn what_was_announced_is_kept_from_then_on_and_sent_once_it_is_true() {
        let mut queue = Queue::default();
        queue.push(message(Target::Boundary, 1));
        queue.announce(vec![message(Target::Init, 2), message(Target::Boundary, 3)]);
        assert_eq!(queue.undelivered().len(), 3);
        let (number, _) = queue.front().unwrap();
        queue.settle(number);
        assert!(queue.is_empty() && queue.front().is_none(), "nobody is told yet");
        assert_eq!(queue.undelivered(), [message(Target::Init, 2), message(Target::Boundary, 3)]);
        queue.settle_announced(true);
        assert_eq!(queue.front().unwrap().1, message(Target::Init, 2));
        assert_eq!(queue.undelivered().len(), 2);
        queue.announce(vec![message(Target::Init, 4)]);
        queue.settle_announced(false);
        assert_eq!(queue.undelivered().len(), 2, "what never was is forgotten");
    }

    #[test]
    fn a_sample_that_was_replaced_while_under_way_is_not_settled_twice() {
        let mut queue = Queue::default();
        queue.push(message(Target::Sample, 1));
        let (number, _) = queue.front().unwrap();
        queue.push(message(Target::Sample, 2));
        queue.settle(number);
        assert_eq!(queue.front().unwrap().1, message(Target::Sample, 2));
    }
}
