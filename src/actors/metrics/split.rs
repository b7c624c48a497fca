//! Finds the metric for which a batch was refused: Monasca refuses all for one.

use std::ops::Range;

use crate::openstack::MonascaError;

/// After so many metrics that were refused alone, one after the other, it is seen whether Monasca takes any.
const MOST_IN_A_ROW: usize = 5;

/// What is to become of a part that was refused for its content.
#[derive(Debug, PartialEq)]
pub(super) enum Refused {
    /// It is in one of these.
    In([Range<usize>; 2]),
    /// It is this one.
    Is(usize),
}

/// What is to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wanted {
    /// These of the batch.
    Part(Range<usize>),
    /// Again, a metric that Monasca took before.
    Proven,
}

/// Why a batch has to be sent again.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum Unsent {
    /// Monasca did not take it, whatever is in it.
    #[error(transparent)]
    Monasca(#[from] MonascaError),
    /// It refuses metrics for their content that cannot all be bad.
    #[error("Monasca refuses all metrics for their content, as if none were good: {0}")]
    AllRefused(MonascaError),
}

impl Unsent {
    /// A metric that must be good was not taken.
    pub fn of_a_proof(error: MonascaError) -> Self {
        if error.is_about_the_content() { Unsent::AllRefused(error) } else { Unsent::Monasca(error) }
    }
}

/// The next step in the search for it.
pub(super) fn split(part: Range<usize>) -> Refused {
    if part.len() <= 1 {
        return Refused::Is(part.start);
    }
    let middle = part.start + part.len() / 2;
    Refused::In([part.start..middle, middle..part.end])
}

/// Sends `count` metrics by `send`, a part at a time and in order, until each is taken or has been refused alone; returns those, with
/// what was said of each. `proven`: there is a metric that Monasca took before, by which it is told whether the others are bad.
///
/// # Errors
/// The first error that is not about the content, or that everything is refused: then some may be taken, and nobody knows which.
pub(super) async fn send_all(
    count: usize,
    proven: bool,
    mut send: impl AsyncFnMut(Wanted) -> Result<(), MonascaError>,
) -> Result<Vec<(usize, MonascaError)>, Unsent> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    parts.push(0..count);
    let mut refused = Vec::new();
    let (mut in_a_row, mut takes_any) = (0, false);
    while let Some(part) = parts.pop() {
        match send(Wanted::Part(part.clone())).await {
            Ok(()) => (in_a_row, takes_any) = (0, true),
            Err(error) if error.is_about_the_content() => match split(part) {
                Refused::In([first, second]) => parts.extend([second, first]),
                Refused::Is(one) => {
                    refused.push((one, error.clone()));
                    in_a_row += 1;
                    // Of few metrics all may be bad, and then nothing else has shown that Monasca takes any.
                    if in_a_row == MOST_IN_A_ROW || (parts.is_empty() && !takes_any) {
                        prove(proven, &mut send, error).await?;
                        (in_a_row, takes_any) = (0, true);
                    }
                }
            },
            Err(error) => return Err(error.into()),
        }
    }
    Ok(refused)
}

async fn prove(
    proven: bool,
    send: &mut impl AsyncFnMut(Wanted) -> Result<(), MonascaError>,
    error: MonascaError,
) -> Result<(), Unsent> {
    if !proven {
        return Err(Unsent::AllRefused(error));
    }
    send(Wanted::Proven).await.map_err(Unsent::of_a_proof)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeSet;

    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    fn status(status: u16) -> MonascaError {
        MonascaError::Status { call: String::new(), status, message: String::new() }
    }

    proptest! {
        #[test]
        fn the_bad_ones_are_found_and_all_others_are_taken_in_order(
            count in 1usize..150,
            bad in proptest::collection::btree_set(0usize..150, 0..30),
            refusal in prop_oneof![Just(400), Just(422)],
        ) {
            let bad: BTreeSet<usize> = bad.into_iter().filter(|one| *one < count).collect();
            let taken = RefCell::new(Vec::new());
            let requests = Cell::new(0);
            let send = async |wanted: Wanted| {
                requests.set(requests.get() + 1);
                let Wanted::Part(part) = wanted else { return Ok(()) };
                if part.clone().any(|one| bad.contains(&one)) {
                    return Err(status(refusal));
                }
                taken.borrow_mut().extend(part);
                Ok(())
            };
            let refused = send_all(count, true, send).now_or_never().unwrap().unwrap();
            let expected: Vec<usize> = (0..count).filter(|one| !bad.contains(one)).collect();
            prop_assert_eq!(taken.into_inner(), expected);
            let refused: Vec<usize> = refused.into_iter().map(|(one, _)| one).collect();
            prop_assert_eq!(refused, bad.iter().copied().collect::<Vec<_>>());
            // Each bad one costs its way down, twice; and some a look whether Monasca takes any.
            prop_assert!(requests.get() <= 2 + bad.len() * 2 * 8 + bad.len() / 5, "{} requests", requests.get());
        }

        #[test]
        fn when_everything_is_refused_nothing_is_taken_for_bad_and_the_search_ends_soon(
            count in 1usize..150,
            proven in any::<bool>(),
            refusal in prop_oneof![Just(400), Just(422)],
        ) {
            let requests = Cell::new(0);
            let send = async |_: Wanted| {
                requests.set(requests.get() + 1);
                Err(status(refusal))
            };
            let sent = send_all(count, proven, send).now_or_never().unwrap();
            prop_assert_eq!(sent, Err(Unsent::AllRefused(status(refusal))));
            // Down to the first one, five of them, and one that was good before.
            prop_assert!(requests.get() <= 8 + 2 * 5 + 1, "{} requests", requests.get());
        }
    }

    #[test]
    fn an_outage_in_the_middle_ends_the_search() {
        let send = async |wanted: Wanted| match wanted {
            Wanted::Part(part) if part.len() > 1 => Err(status(422)),
            _ => Err(status(503)),
        };
        let done = send_all(4, true, send).now_or_never().unwrap();
        assert_eq!(done, Err(Unsent::Monasca(status(503))));
    }

    #[test]
    fn a_bad_one_alone_is_told_from_an_outage_by_one_that_was_good_before() {
        let send = async |wanted: Wanted| if wanted == Wanted::Proven { Ok(()) } else { Err(status(422)) };
        assert_eq!(send_all(1, true, send).now_or_never().unwrap(), Ok(vec![(0, status(422))]));
        assert_eq!(send_all(1, false, send).now_or_never().unwrap(), Err(Unsent::AllRefused(status(422))));
    }
}
